//! Looking: PWD, CWD, CDUP, MLST, STAT of a path, SIZE, MDTM.

use crate::auth::perm::Perm;
use crate::fs::entry::Kind;
use crate::protocol::command::{ListFormat, Representation, Switches};
use crate::protocol::path::{Name, VirtualPath, quoted};
use crate::protocol::reply::Reply;
use crate::protocol::timestamp;
use crate::session::Answer;
use crate::session::list::Listing;
use crate::session::login::Login;

/// A folder with more entries is for LIST: a reply is held in memory until it is sent.
const MAX_STAT_LINES: usize = 1000;

impl Login {
    pub(super) fn pwd(&self) -> Reply {
        Reply::raw(257, [&quoted(&self.cwd)[..], b" is the current folder."].concat())
    }

    pub(super) fn cwd(&mut self, name: Option<&Name>) -> Answer {
        self.permit(Perm::Enter)?;
        let path = name.map_or_else(|| Ok(VirtualPath::root()), |name| self.resolve(name, Perm::Enter))?;
        self.root.enter(&path)?;
        self.cwd = path;
        Ok(Reply::raw(250, [&quoted(&self.cwd)[..], b" is the current folder."].concat()))
    }

    pub(super) fn cdup(&mut self) -> Answer {
        self.cwd(Name::new(b"..").as_ref())
    }

    #[inline(never)]
    pub(super) fn size(&self, name: &Name) -> Answer {
        let path = self.resolve(name, Perm::List)?;
        if self.representation == Representation::Ascii {
            return Err(Reply::new(550, "SIZE counts bytes on disk: TYPE I first."));
        }
        let meta = self.root.meta(&path)?;
        match meta.kind {
            Kind::File => Ok(Reply::new(213, meta.size.to_string())),
            Kind::Folder | Kind::Link | Kind::Other => Err(Reply::new(550, "Not a regular file.")),
        }
    }

    #[inline(never)]
    pub(super) fn mdtm(&self, name: &Name) -> Answer {
        let path = self.resolve(name, Perm::List)?;
        let mut time = Vec::with_capacity(14);
        timestamp::write(self.root.meta(&path)?.modified, &mut time);
        Ok(Reply::raw(213, time))
    }

    #[inline(never)]
    pub(super) fn mlst(&self, name: Option<&Name>) -> Answer {
        let path = self.resolve_or_cwd(name, Perm::List)?;
        let line = self.facts_of(&path)?;
        Ok(Reply::lines(250, "Facts:", vec![line], "End."))
    }

    #[inline(never)]
    pub(super) fn stat_path(&self, switches: Switches, name: Option<&Name>) -> Answer {
        let switches = Switches { dots: false, ..switches };
        let mut listing = Listing::open(self, ListFormat::Long, switches, name)?;
        let code = if listing.is_folder() { 212 } else { 213 };
        let (mut lines, mut text) = (Vec::new(), Vec::new());
        while listing.next_entry(&mut text).map_err(Reply::from)? {
            if lines.len() == MAX_STAT_LINES {
                lines.push(b"... and more: LIST shows all.".to_vec());
                break;
            }
            if !text.is_empty() {
                lines.push(text.trim_ascii_end().to_vec());
                text.clear();
            }
        }
        Ok(Reply::lines(code, "Status:", lines, "End of status."))
    }
}
