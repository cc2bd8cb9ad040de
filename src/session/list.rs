//! Listings: which entries a LIST, NLST, MLSD, MLST or STAT shows, and what of them this account may know.

use std::io::{self, ErrorKind};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::auth::perm::Perms;
use crate::copy::pace::Throttle;
use crate::copy::transfer::Transfer;
use crate::copy::watch::Watch;
use crate::copy::{Error, connection};
use crate::fs::folder::{Folder, Order};
use crate::fs::listing::{self, Entry, Fact, LongFormat};
use crate::net::control::Control;
use crate::net::long_reply::LongReply;
use crate::protocol::command::{ListFormat, Switches};
use crate::protocol::glob::Pattern;
use crate::protocol::path::{Name, VirtualPath};
use crate::protocol::reply::Reply;
use crate::reception::activity::{Activity, Moves};
use crate::session::attention::{Attention, Says};
use crate::session::facts::type_fact;
use crate::session::login::Login;
use crate::session::refusal::Refusal;
use crate::session::step::{Answer, refuse};
use crate::session::transfer::no_data_port;
use crate::share::denied::Denied;
use crate::share::tree::overlay::{EntryLetters, Letters};
use crate::sys::meta::{FileKind, Meta};

/// Lines are collected to this many bytes before they are sent.
const LISTING_BLOCK: usize = 64 << 10;
/// The most entries between two looks at the control connection.
const LISTING_ROUND: usize = 4096;

/// A listing that is being made, entry by entry.
pub struct Listing<'a> {
    login: &'a Login,
    format: ListFormat,
    now: i64,
    shown: Shown,
}

enum Shown {
    /// The lines of MLSD and of `LIST -a` for the folder itself and the one above it.
    SelfAndParent(Entries),
    /// The entries of a folder.
    Entries(Entries),
    /// A file, or with `-d` a folder: its path, what it is, and the name that was asked for.
    One(VirtualPath, Meta, Vec<u8>),
    /// Nothing more.
    Nothing,
}

struct Entries {
    folder: Folder,
    path: VirtualPath,
    pattern: Option<Pattern>,
    /// What comes before each name of NLST, as it is shown.
    prefix: Vec<u8>,
    /// Whether the file system lets this process change the folder.
    writable: bool,
    /// What the account may do with the entries.
    letters: Letters,
}

impl<'a> Listing<'a> {
    /// Finds what is asked for.
    ///
    /// # Errors
    /// 550 if it is not there, 501 for MLSD of a file.
    pub fn open(
        login: &'a Login,
        format: ListFormat,
        switches: Switches,
        name: Option<&Name>,
    ) -> Result<Self, Box<Refusal>> {
        let path = login.path_or_cwd(name);
        let (share, asked) = (&login.share, name.map_or(&b"."[..], Name::as_bytes));
        let (order, with_dots) = match format {
            // Without the type fact nothing would tell them from entries.
            ListFormat::Facts => (Order::AsStored, login.agreed.preferences.facts.has(Fact::Type)),
            ListFormat::Long => (Order::Sorted(switches.sorting), switches.dots),
            ListFormat::Names => (Order::Sorted(switches.sorting), false),
        };
        let shown = match share.meta(&path) {
            Ok(meta) if meta.kind == FileKind::Folder && !switches.itself => {
                let entries = Entries::of(login, path, None, Vec::new(), order)?;
                if with_dots { Shown::SelfAndParent(entries) } else { Shown::Entries(entries) }
            }
            Ok(_) if format == ListFormat::Facts => {
                return refuse(501, "MLSD lists a folder; MLST shows a file.");
            }
            // A name alone needs no more, and `.` is the folder itself, even if a link leads there.
            Ok(meta) if format == ListFormat::Names || matches!(last_component(asked), b"." | b"..") => {
                Shown::One(path, meta, asked.to_vec())
            }
            Ok(_) => {
                let meta = share.link_meta(&path)?;
                Shown::One(path, meta, asked.to_vec())
            }
            Err(Denied::File(error)) if error.kind() == ErrorKind::NotFound && format != ListFormat::Facts => {
                glob(login, &path, asked, order)?.ok_or(error)?
            }
            Err(denied) => return Err(denied.into()),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        Ok(Self { login, format, now: i64::try_from(now).unwrap_or(0), shown })
    }

    /// Whether the entries of a folder are shown; to be asked before the first of them.
    pub fn is_folder(&self) -> bool {
        !matches!(self.shown, Shown::One(..))
    }

    /// Appends the next entry's line, or nothing if it may not be shown; false at the end.
    ///
    /// # Errors
    /// When the folder can't be read further; a bad entry is no reason to end.
    pub fn next_entry(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        match std::mem::replace(&mut self.shown, Shown::Nothing) {
            Shown::Nothing => Ok(false),
            Shown::One(path, meta, asked) => {
                match self.format {
                    ListFormat::Names => listing::name_line(&self.login.listed(&asked), out),
                    ListFormat::Long | ListFormat::Facts => self.long(&path, &meta, last_component(&asked), out),
                }
                Ok(true)
            }
            Shown::SelfAndParent(entries) => {
                self.special(&entries.path, ("cdir", b"."), out);
                match (entries.path.parent(), self.format) {
                    (Some(parent), _) => self.special(&parent, ("pdir", b".."), out),
                    // As CDUP sees it, the folder above the root is the root.
                    (None, ListFormat::Long) => self.special(&entries.path, ("pdir", b".."), out),
                    (None, ListFormat::Facts | ListFormat::Names) => {}
                }
                self.shown = Shown::Entries(entries);
                Ok(true)
            }
            Shown::Entries(mut entries) => {
                let more = entries.folder.advance()?;
                if more {
                    self.entry(&entries, out);
                    self.shown = Shown::Entries(entries);
                }
                Ok(more)
            }
        }
    }

    /// Appends lines until the block is full enough to be sent; false at the end.
    fn fill(&mut self, block: &mut Vec<u8>) -> io::Result<bool> {
        // Not without end: entries that a pattern leaves out add nothing.
        for _ in 0..LISTING_ROUND {
            if block.len() >= LISTING_BLOCK {
                break;
            }
            if !self.next_entry(block)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes all lines of it to a reply.
    ///
    /// # Errors
    /// As [`Self::next_entry`], and when the client is gone or takes nothing.
    pub fn write_to(&mut self, reply: &mut LongReply, control: &mut Control) -> io::Result<()> {
        let mut line = Vec::new();
        while self.next_entry(&mut line)? {
            if let Some(text) = line.strip_suffix(b"\r\n") {
                reply.add(&self.login.over_telnet(text.into()), control)?;
            }
            line.clear();
        }
        Ok(())
    }

    fn entry(&self, entries: &Entries, out: &mut Vec<u8>) {
        let name = entries.folder.name();
        if entries.pattern.as_ref().is_some_and(|pattern| !pattern.matches(name)) {
            return;
        }
        if self.format == ListFormat::Names {
            out.extend_from_slice(&entries.prefix);
            listing::name_line(&self.login.listed(name), out);
            return;
        }
        // It may have vanished meanwhile.
        let Ok(meta) = entries.folder.meta() else { return };
        match self.format {
            ListFormat::Facts => {
                let (meta, letters) = match meta.kind {
                    FileKind::Link => self.behind(&entries.path.join(name), meta, entries.letters.own),
                    FileKind::File | FileKind::Folder | FileKind::Other => (meta, entries.letters.of(name, &meta)),
                };
                let entry = Entry { name, meta: &meta, target: None };
                self.facts_line(entry, type_fact(meta.kind), (letters, entries.writable), out);
            }
            ListFormat::Long if meta.kind == FileKind::Link => self.long(&entries.path.join(name), &meta, name, out),
            ListFormat::Long => self.long_line(Entry { name, meta: &meta, target: None }, out),
            ListFormat::Names => {}
        }
    }

    /// A LIST line; a link's target is named only if it is inside.
    fn long(&self, path: &VirtualPath, meta: &Meta, name: &[u8], out: &mut Vec<u8>) {
        let target = if meta.kind == FileKind::Link { self.login.share.link_target(path).ok() } else { None };
        self.long_line(Entry { name, meta, target: target.as_deref() }, out);
    }

    fn long_line(&self, entry: Entry, out: &mut Vec<u8>) {
        let shared = &self.login.shared;
        let zone = (!self.login.config.transfer.use_gmt_times).then_some(&shared.reception.zone);
        let (name, target) = (self.login.listed(entry.name), entry.target.map(|target| self.login.listed(target)));
        let entry = Entry { name: &name, target: target.as_deref(), ..entry };
        listing::long_line(entry, LongFormat { now: self.now, zone, owners: &shared.owners }, out);
    }

    /// What a link leads to, and the letters there; those around the link say whether it can be removed.
    fn behind(&self, path: &VirtualPath, link: Meta, around: Perms) -> (Meta, EntryLetters) {
        let letters = self.login.share.letters_of(path);
        (self.login.share.followed(path, link), EntryLetters { around, is_fixed: false, ..letters })
    }

    fn facts_line(&self, entry: Entry, kind: &str, may: (EntryLetters, bool), out: &mut Vec<u8>) {
        self.login.write_facts(entry, kind, may, out);
        out.extend_from_slice(b"\r\n");
    }

    fn special(&self, path: &VirtualPath, (kind, name): (&str, &[u8]), out: &mut Vec<u8>) {
        let Ok(meta) = self.login.share.meta(path) else { return };
        let entry = Entry { name, meta: &meta, target: None };
        match self.format {
            ListFormat::Facts => self.facts_line(entry, kind, (self.login.share.letters_of(path), false), out),
            ListFormat::Long | ListFormat::Names => self.long_line(entry, out),
        }
    }
}

impl Entries {
    fn of(
        login: &Login,
        path: VirtualPath,
        pattern: Option<Pattern>,
        prefix: Vec<u8>,
        order: Order,
    ) -> Result<Self, Box<Refusal>> {
        let folder = login.share.list(&path, order, pattern.as_ref())?;
        let own = folder.own_meta().transpose()?;
        let writable = own.is_some_and(|own| login.share.identity().rights(&own).write);
        let letters = login.share.letters_in(&path);
        Ok(Self { folder, path, pattern, prefix, writable, letters })
    }
}

/// The entries that match the last component, which is no entry's own name; `None` if it is no pattern.
fn glob(login: &Login, path: &VirtualPath, asked: &[u8], order: Order) -> Result<Option<Shown>, Box<Refusal>> {
    let (Some(parent), Some(pattern)) = (path.parent(), path.file_name().and_then(Pattern::new)) else {
        return Ok(None);
    };
    let after_slash = asked.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let prefix = login.listed(&asked[..after_slash]).into_owned();
    let entries = Entries::of(login, parent, Some(pattern), prefix, order)?;
    Ok(Some(Shown::Entries(entries)))
}

/// The last component of a name as it was sent: `/` if it has none.
fn last_component(asked: &[u8]) -> &[u8] {
    asked.rsplit(|&byte| byte == b'/').find(|part| !part.is_empty()).unwrap_or(b"/")
}

impl Login {
    pub(super) fn list(
        &mut self,
        verb: &'static str,
        format: ListFormat,
        switches: Switches,
        name: Option<&Name>,
        control: &mut Control,
    ) -> Answer {
        self.refuse_clear()?;
        let port = self.data_port.take();
        let mut listing = match Listing::open(self, format, switches, name) {
            Ok(listing) => listing,
            Err(refusal) => {
                self.data_port = port;
                return Err(refusal);
            }
        };
        let port = port.ok_or_else(no_data_port)?;
        let busy = Activity::begin(&self.activity, verb, &self.path_or_cwd(name), Moves::Out, None);
        let preliminary = Reply::new(150, "Here comes the list.");
        let mut attention = Attention { control, says: Says::Preliminary(&preliminary) };
        let mut watch = Watch::new(&mut attention, self.patience(), busy.counter());
        let mut unthrottled = Throttle::default();
        let result = connection::open(port, self.agreed.security.protection(), &mut watch).and_then(|mut stream| {
            let mut transfer = Transfer::new(&mut stream, &mut watch, &mut unthrottled);
            transfer.produce(|block| listing.fill(block).map_err(Error::File)).and_then(|()| transfer.finish())
        });
        let progress = watch.progress();
        let outcome = self.ended(result, progress, &control.who);
        self.report_list(outcome)
    }
}
