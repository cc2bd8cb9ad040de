//! RETR: from a file to the client.

use crate::copy::connection;
use crate::copy::transfer::Transfer;
use crate::copy::watch::Watch;
use crate::net::control::Control;
use crate::protocol::path::Name;
use crate::protocol::plural::Plural;
use crate::protocol::reply::Reply;
use crate::reception::activity::{Activity, Moves};
use crate::session::attention::{Attention, Says};
use crate::session::login::Login;
use crate::session::prepared::Prepared;
use crate::session::step::Answer;
use crate::share::denied::Denied;

impl Login {
    pub(super) fn retr(
        &mut self,
        verb: &'static str,
        name: &Name,
        prepared: &Prepared,
        control: &mut Control,
    ) -> Answer {
        let path = self.path(name);
        let (file, meta) = self.share.open_file(&path)?;
        let range = prepared.window.map_or(prepared.restart..meta.size, |window| window.within(meta.size));
        if range.start > range.end {
            return Err(Denied::AfterTheEnd.into());
        }
        self.refuse_restart_in_ascii(range.start)?;
        let asked = self.line_ends();
        let line_ends = asked.decide(&file)?;
        let port = self.take_data_port()?;
        let busy = Activity::begin(&self.activity, verb, &path, Moves::Out, Some(range.end - range.start));
        let _download = self.share.download(&meta);
        let preliminary = Reply::new(150, format!("Sending {}.", Plural(range.end - range.start, "byte")));
        let mut attention = Attention { control, says: Says::Preliminary(&preliminary) };
        let mut watch = Watch::new(&mut attention, self.patience(), busy.counter());
        let result = connection::open(port, self.agreed.security.protection(), &mut watch).and_then(|mut stream| {
            let mut transfer = Transfer::new(&mut stream, &mut watch, &mut self.throttles.download);
            transfer.send(&file, range, line_ends).and_then(|()| transfer.finish())
        });
        let progress = watch.progress();
        let outcome = self.ended(result, progress, &control.who);
        let subject = self.download_of(verb, &path);
        self.log_line_ends(control, &subject, asked, line_ends);
        Ok(self.report(control, &subject, &outcome).into())
    }
}
