//! GET and HEAD of a folder as a zip.

use std::sync::atomic::AtomicU64;

use log::Level;

use crate::copy::Error;
use crate::copy::pace::Throttle;
use crate::protocol::http::response::attachment;
use crate::protocol::legible::Legible;
use crate::reception::activity::{Activity, Moves};
use crate::reception::outcome::Outcome;
use crate::reception::transfer_log::Direction;
use crate::share::archive::{MAX_ENTRIES, NoArchive};
use crate::web::answering::OWN_PATH;
use crate::web::exchange::{Exchange, frame};
use crate::web::guest::WebGuest;
use crate::web::refusal::WebRefusal;

/// What the zip of `/` is called.
const NAME_OF_ROOT: &[u8] = b"share";

impl Exchange<'_> {
    /// Sends all of a folder that may be read.
    pub fn give_zip(&mut self) -> Result<(), WebRefusal> {
        let (path, is_chunked) = (self.request.path(), self.request.takes_chunks());
        let mut head = Vec::new();
        let name = [path.file_name().unwrap_or(NAME_OF_ROOT), b".zip"].concat();
        self.begin_stream("application/zip", &mut head).field("Content-Disposition", attachment(&name)).end();
        let (is_head, visitor) = (self.request.is_head(), &mut *self.visitor);
        let Some(WebGuest { share, throttles, .. }) = &mut visitor.guest else { return Err(WebRefusal::no_account()) };
        let busy = Activity::begin(&visitor.activity, "GET", path, Moves::Out, None);
        let zone = visitor.web.reception.zone.clone();
        let counted = visitor.link.transfer(&mut Throttle::default(), &AtomicU64::new(0), |transfer, _| {
            Ok(share.archive((path, OWN_PATH), zone, || transfer.watch().attend()))
        });
        let mut archive = counted.0.map_err(NoArchive::Ended).and_then(|archive| archive).map_err(no_zip)?;
        if is_head {
            drop((archive, busy));
            return self.send(&head);
        }
        let mut block = Vec::new();
        let fill = |out: &mut Vec<u8>| {
            let more = archive.fill(&mut block).map_err(Error::File)?;
            frame(&mut block, more, is_chunked, out);
            Ok(more)
        };
        let (result, progress) = visitor
            .link
            .transfer(&mut throttles.download, busy.counter(), |transfer, _| transfer.produce_after(head, fill));
        if archive.left_out() > 0 {
            let (shown, left_out) = (Legible(path.as_bytes()), archive.left_out());
            let line = format_args!("GET {shown}?zip: {left_out} of its entries left out, they could not be opened");
            visitor.link.who.log(Level::Warn, line);
        }
        drop(archive);
        let (outcome, subject) = (Outcome::new(result, progress), self.request.transfer(Direction::Outgoing));
        visitor.web.reception.record(share, &visitor.link.who, &visitor.activity, &subject, &outcome);
        self.sent(&outcome.result);
        Ok(())
    }
}

fn no_zip(why: NoArchive) -> WebRefusal {
    match why {
        NoArchive::Denied(denied) => denied.into(),
        NoArchive::TooLarge => WebRefusal::new(413, format!("The folder has more than {MAX_ENTRIES} entries.")),
        NoArchive::Ended(_) => WebRefusal::new(503, "The connection is ending.").last(),
    }
}
