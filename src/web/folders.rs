//! GET of folders: as a page, or as a list for programs. Both are streamed.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::io;

use serde::{Serialize, Serializer};

use crate::auth::perm::Perms;
use crate::copy::Error;
use crate::fs::folder::{Folder, MAX_SORTED, Order};
use crate::protocol::http::accept::Accept;
use crate::protocol::http::href::{entry_href, folder_href};
use crate::protocol::path::VirtualPath;
use crate::protocol::timestamp::Rfc3339;
use crate::reception::activity::{Activity, Moves};
use crate::share::Share;
use crate::share::tree::overlay::Letters;
use crate::sys::meta::FileKind;
use crate::web::answering::OWN;
use crate::web::exchange::{Exchange, HTML, JSON, frame};
use crate::web::page::language::Language;
use crate::web::page::{self, Crumb, FolderPage, Row, SortedBy};
use crate::web::refusal::WebRefusal;

/// Rows are collected to this many bytes before they are sent.
const BLOCK: usize = 64 << 10;

/// An entry of a folder, as this account sees it.
struct ListedEntry {
    name: Vec<u8>,
    kind: FileKind,
    size: u64,
    modified: i64,
    letters: Perms,
}

/// The entries that are to be shown: sorted, unless there are too many of them.
enum ListedEntries {
    Sorted(std::vec::IntoIter<ListedEntry>),
    Streamed(std::vec::IntoIter<ListedEntry>, Box<Reading>),
}

/// A folder that is being read.
struct Reading {
    folder: Folder,
    path: VirtualPath,
    letters: Letters,
}

/// An entry in the list for programs.
#[derive(Serialize)]
struct JsonEntry<'a> {
    /// Lossy where it is not UTF-8; the link is not.
    name: Cow<'a, str>,
    href: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    size: u64,
    modified: &'a str,
    #[serde(serialize_with = "as_text")]
    letters: Perms,
}

/// How they are shown.
enum Form<'a> {
    Page(FolderPage<'a>),
    Json,
}

impl Exchange<'_> {
    /// Whether the client wants a list for programs.
    pub fn wants_json(&self) -> bool {
        self.request.head.target.query.has("json") || Accept::of(&self.request.head).prefers_json()
    }

    /// GET and HEAD of a folder.
    pub fn give_folder(&mut self) -> Result<(), WebRefusal> {
        let path = self.request.path().clone();
        let (sorted, descending) = self.sorting();
        let share = &self.guest()?.share;
        let letters = share.letters_of(&path).perms;
        let reading = Reading {
            folder: share.list(&path, Order::AsStored, None)?,
            letters: share.letters_in(&path),
            path: path.clone(),
        };
        if self.request.is_head() {
            let mut head = Vec::new();
            self.begin_stream(if self.wants_json() { JSON } else { HTML }, &mut head).end();
            return self.send(&head);
        }
        let entries = ListedEntries::of(reading, share, (sorted, descending))?;
        let (crumbs, language, account) = (crumbs(&path), self.request.language(), self.visitor.account_shown());
        let form = if self.wants_json() {
            Form::Json
        } else {
            let reader = self.visitor.reader(account.as_deref());
            Form::Page(FolderPage { language, crumbs: &crumbs, sorted, descending, reader, letters })
        };
        self.stream(&path, entries, &form)
    }

    /// What the links of the page ask for.
    fn sorting(&self) -> (SortedBy, bool) {
        let query = &self.request.head.target.query;
        let by = match query.value("sort") {
            Some(b"size") => SortedBy::Size,
            Some(b"time") => SortedBy::Time,
            _ => SortedBy::Name,
        };
        (by, query.value("order") == Some(b"desc"))
    }

    fn stream(&mut self, path: &VirtualPath, mut entries: ListedEntries, form: &Form) -> Result<(), WebRefusal> {
        let (mut head, is_chunked) = (Vec::new(), self.request.takes_chunks());
        self.begin_stream(form.content_type(), &mut head).end();
        let (mut block, folder) = (Vec::new(), folder_href(path));
        form.begin(&mut block);
        let visitor = &mut *self.visitor;
        let guest = visitor.guest.as_mut().ok_or_else(WebRefusal::no_account)?;
        let (share, throttle) = (&guest.share, &mut guest.throttles.download);
        let busy = Activity::begin(&visitor.activity, "GET", path, Moves::Out, None);
        let mut is_first = true;
        let fill = |out: &mut Vec<u8>| {
            let more = fill(&mut block, &mut entries, share, |entry, block| {
                form.entry(&folder, entry, std::mem::take(&mut is_first), block);
            })?;
            if !more {
                form.end(&mut block);
            }
            frame(&mut block, more, is_chunked, out);
            Ok(more)
        };
        let (sent, _) =
            visitor.link.transfer(throttle, busy.counter(), |transfer, _| transfer.produce_after(head, fill));
        self.sent(&sent);
        Ok(())
    }
}

/// Appends entries until the block is full; false at the end.
fn fill(
    block: &mut Vec<u8>,
    entries: &mut ListedEntries,
    share: &Share,
    mut write: impl FnMut(&ListedEntry, &mut Vec<u8>),
) -> Result<bool, Error> {
    while block.len() < BLOCK {
        match entries.next(share).map_err(Error::File)? {
            Some(entry) => write(&entry, block),
            None => return Ok(false),
        }
    }
    Ok(true)
}

impl ListedEntries {
    fn of(mut reading: Reading, share: &Share, (by, descending): (SortedBy, bool)) -> io::Result<Self> {
        let mut all = Vec::new();
        while let Some(entry) = reading.next(share)? {
            all.push(entry);
            if all.len() > MAX_SORTED {
                return Ok(Self::Streamed(all.into_iter(), Box::new(reading)));
            }
        }
        all.sort_by(|one, other| {
            let folders_first = other.is_folder().cmp(&one.is_folder());
            let order = one.compare(other, by);
            folders_first.then(if descending { order.reverse() } else { order })
        });
        Ok(Self::Sorted(all.into_iter()))
    }

    fn next(&mut self, share: &Share) -> io::Result<Option<ListedEntry>> {
        match self {
            Self::Sorted(all) => Ok(all.next()),
            Self::Streamed(first, reading) => match first.next() {
                Some(entry) => Ok(Some(entry)),
                None => reading.next(share),
            },
        }
    }
}

impl Reading {
    /// The next entry; one that vanished meanwhile is left out, and so is what the web keeps for itself.
    fn next(&mut self, share: &Share) -> io::Result<Option<ListedEntry>> {
        while self.folder.advance()? {
            let name = self.folder.name();
            if self.path.is_root() && name.eq_ignore_ascii_case(OWN) {
                continue;
            }
            let Ok(meta) = self.folder.meta() else { continue };
            let (meta, letters) = match meta.kind {
                FileKind::Link => {
                    let path = self.path.join(name);
                    (share.followed(&path, meta), share.letters_of(&path))
                }
                FileKind::File | FileKind::Folder | FileKind::Other => (meta, self.letters.of(name, &meta)),
            };
            return Ok(Some(ListedEntry {
                name: name.to_vec(),
                kind: meta.kind,
                size: meta.size,
                modified: meta.modified,
                letters: letters.for_entry(),
            }));
        }
        Ok(None)
    }
}

impl ListedEntry {
    fn is_folder(&self) -> bool {
        self.kind == FileKind::Folder
    }

    fn compare<'a>(&'a self, other: &'a Self, by: SortedBy) -> Ordering {
        let lower = |entry: &'a Self| entry.name.iter().map(u8::to_ascii_lowercase);
        let by_name = || lower(self).cmp(lower(other)).then_with(|| self.name.cmp(&other.name));
        match by {
            SortedBy::Name => by_name(),
            SortedBy::Size => self.size.cmp(&other.size).then_with(by_name),
            SortedBy::Time => self.modified.cmp(&other.modified).then_with(by_name),
        }
    }
}

impl Form<'_> {
    fn content_type(&self) -> &'static str {
        match self {
            Self::Page(_) => HTML,
            Self::Json => JSON,
        }
    }

    fn begin(&self, out: &mut Vec<u8>) {
        match self {
            Self::Page(page) => page::begin(page, out),
            Self::Json => out.push(b'['),
        }
    }

    fn entry(&self, folder: &str, entry: &ListedEntry, is_first: bool, out: &mut Vec<u8>) {
        let href = entry_href(folder, &entry.name, entry.is_folder());
        match self {
            Self::Page(FolderPage { language, .. }) => write_row(*language, entry, &href, out),
            Self::Json => {
                out.extend_from_slice(if is_first { b"\n" } else { b",\n" });
                write_json(entry, &href, out);
            }
        }
    }

    fn end(&self, out: &mut Vec<u8>) {
        match self {
            Self::Page(page) => page::end(page, out),
            Self::Json => out.extend_from_slice(b"\n]\n"),
        }
    }
}

fn write_row(language: Language, entry: &ListedEntry, href: &str, out: &mut Vec<u8>) {
    let ListedEntry { name, size, modified, letters, .. } = entry;
    let row = Row { name, href, is_folder: entry.is_folder(), size: *size, modified: *modified, letters: *letters };
    page::row(language, &row, out);
}

fn write_json(entry: &ListedEntry, href: &str, out: &mut Vec<u8>) {
    let kind = match entry.kind {
        FileKind::Folder => "folder",
        FileKind::File => "file",
        FileKind::Link => "link",
        FileKind::Other => "special",
    };
    let modified = Rfc3339::of(entry.modified);
    let object = JsonEntry {
        name: String::from_utf8_lossy(&entry.name),
        href,
        kind,
        size: entry.size,
        modified: modified.as_str(),
        letters: entry.letters,
    };
    // Neither memory nor these fields can fail.
    let _ = serde_json::to_writer(out, &object);
}

fn as_text<S: Serializer>(letters: &Perms, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(letters)
}

fn crumbs(path: &VirtualPath) -> Vec<Crumb> {
    let mut here = VirtualPath::root();
    let crumb = |name: &[u8]| {
        here = here.join(name);
        Crumb { name: name.to_vec(), href: folder_href(&here) }
    };
    path.components().map(crumb).collect()
}
