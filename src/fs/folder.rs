//! The entries of a folder, sorted as long as there are not too many of them to collect.

use std::io::{self, ErrorKind};
use std::ops::Range;
use std::sync::Arc;

use crate::fs::partial::is_partial;
use crate::protocol::command::{SortKey, Sorting};
use crate::protocol::glob::Pattern;
use crate::protocol::hidden::HiddenNames;
use crate::sys::folder::FolderHandle;
use crate::sys::meta::Meta;
use crate::sys::place::{Handle, Place};

/// In which order the entries come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Sorted, up to [`MAX_SORTED`] entries; a larger folder comes as the disk has it.
    Sorted(Sorting),
    /// As the disk has it.
    AsStored,
}

/// Folders with more entries are streamed as the disk has them, so that memory stays bounded.
pub const MAX_SORTED: usize = 20_000;

/// What a folder shows that its disk does not: in place of an entry of that name.
#[derive(Debug, Clone)]
pub struct Extra {
    /// The name.
    pub name: Vec<u8>,
    /// What is shown; `None` if nothing is.
    pub meta: Option<Meta>,
}

/// How a folder differs from what is on its disk.
#[derive(Debug, Default)]
pub struct Guise {
    /// Entries that are left out.
    pub hide: Option<Arc<HiddenNames>>,
    /// Entries that are put in.
    pub extras: Vec<Extra>,
    /// Whether the disk finds a name in another case, too.
    pub folds_case: bool,
}

/// A folder that is being read.
#[derive(Debug)]
pub struct Folder {
    /// `None` for a folder that is on no disk.
    handle: Option<FolderHandle>,
    guise: Guise,
    /// Names that were read and not yet given out, one after the other.
    names: Vec<u8>,
    ranges: Vec<Range<usize>>,
    next: usize,
    at_end: bool,
    /// Partials of uploads are entries, too.
    with_partials: bool,
    /// Room for what one call of the kernel gives.
    block: Vec<u8>,
}

const BLOCK: usize = 32 * 1024;

impl Folder {
    /// Starts to read an opened folder, or one that is on no disk. The caller shows only what matches the pattern.
    pub fn read(
        handle: Option<FolderHandle>,
        guise: Guise,
        order: Order,
        pattern: Option<&Pattern>,
    ) -> io::Result<Self> {
        let mut folder = Self::new(handle, guise);
        if let Order::Sorted(sorting) = order {
            while !folder.at_end && folder.ranges.len() <= MAX_SORTED {
                folder.read_block()?;
            }
            if folder.at_end {
                folder.sort(sorting, pattern);
            }
        }
        Ok(folder)
    }

    /// Starts to read an opened folder with all that clients do not see, partials, too.
    pub fn with_partials(handle: FolderHandle) -> Self {
        Self { with_partials: true, ..Self::new(Some(handle), Guise::default()) }
    }

    /// Goes to the next entry, `.` and `..` left out; false at the end.
    pub fn advance(&mut self) -> io::Result<bool> {
        self.next += 1;
        while self.next > self.ranges.len() && !self.at_end {
            self.names.clear();
            self.ranges.clear();
            self.next = 1;
            self.read_block()?;
        }
        Ok(self.next <= self.ranges.len())
    }

    /// The name of the entry that [`Self::advance`] went to.
    pub fn name(&self) -> &[u8] {
        let range = self.next.checked_sub(1).and_then(|entry| self.ranges.get(entry));
        range.map_or(b"", |range| &self.names[range.clone()])
    }

    /// What the entry is, no link followed; `NotFound` if it vanished meanwhile.
    pub fn meta(&self) -> io::Result<Meta> {
        meta_of(self.handle.as_ref(), &self.guise, self.name())
    }

    /// What the folder itself is; `None` if it is on no disk.
    pub fn own_meta(&self) -> Option<io::Result<Meta>> {
        self.handle.as_ref().map(FolderHandle::meta)
    }

    /// Removes the partial of this name, unless somebody is writing it.
    pub fn remove_partial(&self, name: &[u8]) -> io::Result<()> {
        let handle = self.handle.as_ref().ok_or(ErrorKind::NotFound)?;
        Place { folder: Handle::Borrowed(handle), name: name.into(), known: None }.remove_idle_file()
    }

    fn new(handle: Option<FolderHandle>, guise: Guise) -> Self {
        let block = Vec::with_capacity(if handle.is_some() { BLOCK } else { 0 });
        let (mut names, mut ranges, at_end) = (Vec::new(), Vec::new(), handle.is_none());
        let hides = |name: &[u8]| guise.hide.as_ref().is_some_and(|hide| hide.hides(name));
        for extra in guise.extras.iter().filter(|extra| extra.meta.is_some() && !hides(&extra.name)) {
            push(&mut names, &mut ranges, &extra.name);
        }
        Self { handle, guise, names, ranges, next: 0, at_end, with_partials: false, block }
    }

    fn sort(&mut self, sorting: Sorting, pattern: Option<&Pattern>) {
        match sorting.key {
            SortKey::Name => {
                let Self { names, ranges, .. } = self;
                ranges.sort_unstable_by(|a, b| names[a.clone()].cmp(&names[b.clone()]));
            }
            SortKey::Time => self.sort_by(pattern, |meta| (meta.modified, meta.fraction)),
            SortKey::Size => self.sort_by(pattern, |meta| meta.size),
        }
        if sorting.reversed {
            self.ranges.reverse();
        }
    }

    /// The greatest first, then by name; what has vanished is last.
    fn sort_by<W: Ord>(&mut self, pattern: Option<&Pattern>, weight: impl Fn(&Meta) -> W) {
        let Self { handle, guise, names, ranges, .. } = self;
        let name = |range: &Range<usize>| &names[range.clone()];
        // What will not be shown costs no call.
        ranges.retain(|range| pattern.is_none_or(|pattern| pattern.matches(name(range))));
        let weigh =
            |range: Range<usize>| (meta_of(handle.as_ref(), guise, name(&range)).ok().map(|meta| weight(&meta)), range);
        let mut weighed: Vec<(Option<W>, Range<usize>)> = ranges.drain(..).map(weigh).collect();
        weighed.sort_unstable_by(|(a, one), (b, other)| b.cmp(a).then_with(|| name(one).cmp(name(other))));
        ranges.extend(weighed.into_iter().map(|(_, range)| range));
    }

    fn read_block(&mut self) -> io::Result<()> {
        let Self { handle, guise, names, ranges, with_partials, block, .. } = self;
        let Some(handle) = handle else { return Ok(()) };
        let more = handle.read_names(block, |name| {
            let is_left_out =
                || is_partial(name) || guise.hide.as_ref().is_some_and(|hide| hide.hides(name)) || guise.covers(name);
            if *with_partials || !is_left_out() {
                push(names, ranges, name);
            }
        })?;
        self.at_end = !more;
        Ok(())
    }
}

impl Guise {
    /// Whether something else is shown in place of the disk's entry of this name.
    fn covers(&self, name: &[u8]) -> bool {
        let is_same = |extra: &Extra| extra.name == name || self.folds_case && extra.name.eq_ignore_ascii_case(name);
        self.extras.iter().any(is_same)
    }
}

fn meta_of(handle: Option<&FolderHandle>, guise: &Guise, name: &[u8]) -> io::Result<Meta> {
    match guise.extras.iter().find(|extra| extra.name == name) {
        Some(Extra { meta: Some(meta), .. }) => Ok(*meta),
        _ => handle.ok_or(ErrorKind::NotFound)?.meta_of(name),
    }
}

fn push(names: &mut Vec<u8>, ranges: &mut Vec<Range<usize>>, name: &[u8]) {
    let start = names.len();
    names.extend_from_slice(name);
    ranges.push(start..names.len());
}
