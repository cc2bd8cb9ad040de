//! Changing files at rest: DELE, RMD, MKD, RNFR, RNTO, MFMT, MFF, SITE CHMOD, SITE UTIME.

use crate::net::control::Control;
use crate::protocol::command::FactChange;
use crate::protocol::path::{Name, quoted};
use crate::protocol::reply::Reply;
use crate::session::login::Login;
use crate::session::step::{Answer, reply};
use crate::share::Renamable;

impl Login {
    pub(super) fn dele(&self, name: &Name) -> Answer {
        self.share.remove_file(&self.path(name))?;
        reply(250, "Deleted.")
    }

    pub(super) fn rmd(&self, name: &Name) -> Answer {
        self.share.remove_folder(&self.path(name))?;
        reply(250, "Folder removed.")
    }

    pub(super) fn mkd(&self, name: &Name) -> Answer {
        let path = self.path(name);
        self.share.create_folder(&path)?;
        Ok(Reply::raw(257, [&quoted(&self.told(path.as_bytes()))[..], b" created."].concat()).into())
    }

    pub(super) fn rename_from(&mut self, name: &Name) -> Answer {
        self.prepared.rename_from = Some(self.share.renamable(self.path(name))?);
        reply(350, "RNTO, please.")
    }

    pub(super) fn rename_to(&self, control: &Control, from: Option<Renamable>, name: &Name) -> Answer {
        let from = from.ok_or_else(|| Reply::new(503, "RNFR comes before RNTO."))?;
        let act = || {
            self.share.rename(&from, &self.path(name), true)?;
            reply(250, "Renamed.")
        };
        let way = format!("{} ->", self.shown(from.path()));
        let answer = self.changed(control, &format!("RNTO {way}"), name, act());
        answer.map_err(|refusal| refusal.about(format!("{way} {}", self.shown(&self.path(name)))))
    }

    /// If a file has the whole argument as its name, its time is asked for.
    pub(super) fn mdtm_or_set(&self, whole: &Name, change: &FactChange, name: &Name, control: &Control) -> Answer {
        let is_there = self.share.link_meta(&self.path(whole)).is_ok();
        if is_there { self.mdtm(whole) } else { self.set_facts(control, change, name) }
    }

    pub(super) fn set_facts(&self, control: &Control, change: &FactChange, name: &Name) -> Answer {
        let act = || {
            self.share.change(&self.path(name), change.mode, change.modify)?;
            Ok(Reply::raw(change.code, [change.echo.as_bytes(), &self.told(name.as_bytes())].concat()).into())
        };
        self.changed(control, change.verb, name, act())
    }
}
