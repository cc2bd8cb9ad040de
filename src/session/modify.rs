//! Changing files at rest: DELE, RMD, MKD, RNFR, RNTO, MFMT, MFF, SITE CHMOD, SITE UTIME.

use std::io::ErrorKind;

use crate::auth::perm::Perm;
use crate::net::control::Control;
use crate::protocol::command::FactChange;
use crate::protocol::path::{Name, VirtualPath, quoted};
use crate::protocol::reply::Reply;
use crate::session::login::Login;
use crate::session::step::{Answer, Step, refuse, reply};

impl Login {
    #[inline(never)]
    pub(super) fn dele(&self, control: &Control, name: &Name) -> Answer {
        let act = || {
            let path = self.resolve(name, Perm::Delete)?;
            refuse_root(&path)?;
            self.root.remove_file(&path, &self.user.name, &self.shared.claims)?;
            reply(250, "Deleted.")
        };
        self.logged(control, "DELE", name, act)
    }

    #[inline(never)]
    pub(super) fn rmd(&self, control: &Control, name: &Name) -> Answer {
        let act = || {
            let path = self.resolve(name, Perm::Delete)?;
            refuse_root(&path)?;
            self.root.remove_folder(&path, &self.shared.claims)?;
            reply(250, "Folder removed.")
        };
        self.logged(control, "RMD", name, act)
    }

    #[inline(never)]
    pub(super) fn mkd(&self, control: &Control, name: &Name) -> Answer {
        let act = || {
            let path = self.resolve_new(name, Perm::MakeDir)?;
            self.root.create_folder(&path)?;
            Ok(Reply::raw(257, [&quoted(&path)[..], b" created."].concat()).into())
        };
        self.logged(control, "MKD", name, act)
    }

    #[inline(never)]
    pub(super) fn rename_from(&mut self, name: &Name) -> Answer {
        let path = self.resolve(name, Perm::Rename)?;
        refuse_root(&path)?;
        self.root.link_meta(&path)?;
        self.prepared.rename_from = Some(path);
        reply(350, "RNTO, please.")
    }

    /// Renaming is a way to overwrite only for those who may overwrite and delete.
    #[inline(never)]
    pub(super) fn rename_to(&self, control: &Control, from: Option<VirtualPath>, name: &Name) -> Answer {
        let from = from.ok_or_else(|| Reply::new(503, "RNFR comes before RNTO."))?;
        let act = || {
            let to = self.resolve_new(name, Perm::Rename)?;
            refuse_root(&to)?;
            let replace = self.user.perms.has(Perm::Write) && self.user.perms.has(Perm::Delete);
            match self.root.rename(&from, &to, replace) {
                Ok(()) => reply(250, "Renamed."),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    refuse(553, "A file or folder of that name exists already.")
                }
                Err(error) => Err(error.into()),
            }
        };
        let shown = self.root.real_path(&from);
        let verb = format!("RNTO {} ->", shown.as_os_str().as_encoded_bytes().escape_ascii());
        self.logged(control, &verb, name, act)
    }

    /// A name that begins like a time is known by its file.
    #[inline(never)]
    pub(super) fn mdtm_or_set(&self, whole: &Name, change: &FactChange, name: &Name, control: &Control) -> Answer {
        let is_there = self.resolve(whole, Perm::List).is_ok_and(|path| self.root.link_meta(&path).is_ok());
        if is_there { self.mdtm(whole) } else { self.set_facts(control, change, name) }
    }

    #[inline(never)]
    pub(super) fn set_facts(&self, control: &Control, change: &FactChange, name: &Name) -> Answer {
        self.logged(control, change.verb, name, || self.change_facts(change, name))
    }

    fn change_facts(&self, change: &FactChange, name: &Name) -> Answer {
        if change.modify.is_some() {
            self.permit(Perm::Time)?;
        }
        let path = self.resolve(name, if change.mode.is_some() { Perm::Mode } else { Perm::Time })?;
        if let Some(mode) = change.mode {
            self.root.set_mode(&path, mode)?;
        }
        if let Some(unix) = change.modify {
            self.root.set_modified(&path, unix)?;
        }
        Ok(Reply::raw(change.code, [change.echo.as_bytes(), name.as_bytes()].concat()).into())
    }
}

/// An account's home itself is never removed or renamed.
fn refuse_root(path: &VirtualPath) -> Result<(), Step> {
    if path.is_root() { refuse(550, "Not the root folder.") } else { Ok(()) }
}
