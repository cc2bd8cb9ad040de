//! Looking: PWD, CWD, CDUP, MLST, STAT of a path, SIZE, MDTM.

use crate::net::control::Control;
use crate::net::long_reply::LongReply;
use crate::protocol::command::{ListFormat, Switches};
use crate::protocol::path::{Name, VirtualPath, quoted};
use crate::protocol::reply::Reply;
use crate::protocol::timestamp;
use crate::reception::activity::{Activity, Moves};
use crate::session::end::End;
use crate::session::list::Listing;
use crate::session::login::Login;
use crate::session::step::{Answer, Step, refuse, reply};
use crate::sys::meta::FileKind;

impl Login {
    /// PWD, and the answer to CWD.
    pub(super) fn current_folder(&self, code: u16) -> Reply {
        Reply::raw(code, [&quoted(&self.told(self.cwd.as_bytes()))[..], b" is the current folder."].concat())
    }

    pub(super) fn cwd(&mut self, name: Option<&Name>) -> Answer {
        let path = name.map_or_else(VirtualPath::root, |name| self.folder(name));
        self.share.enter(&path)?;
        self.cwd = path;
        Ok(self.current_folder(250).into())
    }

    /// The folder of that name. A first `~` is the home to shells, and so to some clients, unless an entry has that name.
    fn folder(&self, name: &Name) -> VirtualPath {
        match name.as_bytes() {
            [b'~', rest @ ..] if matches!(rest, [] | [b'/', ..]) && self.lacks_tilde() => {
                VirtualPath::root().join(rest)
            }
            _ => self.path(name),
        }
    }

    #[cold]
    fn lacks_tilde(&self) -> bool {
        self.share.has(&self.cwd.join(b"~")).is_ok_and(|has| !has)
    }

    pub(super) fn cdup(&mut self) -> Answer {
        self.cwd(Name::new(b"..").as_ref())
    }

    /// Bytes on disk, whatever the type: counting the line ends of TYPE A would mean reading the file.
    pub(super) fn size(&self, name: &Name) -> Answer {
        let meta = self.share.meta(&self.path(name))?;
        match meta.kind {
            FileKind::File => reply(213, meta.size.to_string()),
            FileKind::Folder | FileKind::Link | FileKind::Other => refuse(550, "Not a regular file."),
        }
    }

    pub(super) fn mdtm(&self, name: &Name) -> Answer {
        let mut time = Vec::with_capacity(14);
        timestamp::write(self.share.meta(&self.path(name))?.modified, &mut time);
        Ok(Reply::raw(213, time).into())
    }

    pub(super) fn mlst(&self, name: Option<&Name>) -> Answer {
        let line = self.facts_of(&self.path_or_cwd(name))?;
        Ok(Reply::lines(250, "Facts:", [self.over_telnet(line.into())], "End.").into())
    }

    /// RFC 959 §4.1.3: as LIST, but on the control connection. The reply is sent while it is made, and what the client sends
    /// meanwhile waits for its end.
    pub(super) fn stat_path(&mut self, switches: Switches, name: Option<&Name>, control: &mut Control) -> Answer {
        let switches = Switches { dots: false, ..switches };
        let mut listing = Listing::open(self, ListFormat::Long, switches, name)?;
        let _busy = Activity::begin(&self.activity, "STAT", &self.path_or_cwd(name), Moves::Nowhere, None);
        let code = if listing.is_folder() { 212 } else { 213 };
        let mut long = LongReply::new(code, "Status:");
        let ended = listing.write_to(&mut long, control).and_then(|()| long.end("End of status.", control));
        if ended.is_err() && long.has_begun() { Ok(Step::Cut(End::HalfReply)) } else { Ok(ended?.into()) }
    }
}
