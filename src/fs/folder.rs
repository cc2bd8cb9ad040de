//! The entries of a folder, sorted as long as there are not too many of them to collect.

use std::io;
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

/// A folder that is being read.
#[derive(Debug)]
pub struct Folder {
    handle: FolderHandle,
    /// Entries that are left out.
    hide: Option<Arc<HiddenNames>>,
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
    /// Starts to read an opened folder without the names that are hidden. The caller shows only what matches the pattern.
    pub fn read(
        handle: FolderHandle,
        hide: Option<Arc<HiddenNames>>,
        order: Order,
        pattern: Option<&Pattern>,
    ) -> io::Result<Self> {
        let mut folder = Self { hide, ..Self::new(handle) };
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
        Self { with_partials: true, ..Self::new(handle) }
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
        self.handle.meta_of(self.name())
    }

    /// What the folder itself is.
    pub fn own_meta(&self) -> io::Result<Meta> {
        self.handle.meta()
    }

    /// A name in the folder.
    pub fn place<'n>(&'n self, name: &'n [u8]) -> Place<'n> {
        Place { folder: Handle::Borrowed(&self.handle), name: name.into(), known: None }
    }

    fn new(handle: FolderHandle) -> Self {
        let (names, ranges, block) = (Vec::new(), Vec::new(), Vec::with_capacity(BLOCK));
        Self { handle, hide: None, names, ranges, next: 0, at_end: false, with_partials: false, block }
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
        let Self { handle, names, ranges, .. } = self;
        let name = |range: &Range<usize>| &names[range.clone()];
        // What will not be shown costs no call.
        ranges.retain(|range| pattern.is_none_or(|pattern| pattern.matches(name(range))));
        let weigh = |range: Range<usize>| (handle.meta_of(name(&range)).ok().map(|meta| weight(&meta)), range);
        let mut weighed: Vec<(Option<W>, Range<usize>)> = ranges.drain(..).map(weigh).collect();
        weighed.sort_unstable_by(|(a, one), (b, other)| b.cmp(a).then_with(|| name(one).cmp(name(other))));
        ranges.extend(weighed.into_iter().map(|(_, range)| range));
    }

    fn read_block(&mut self) -> io::Result<()> {
        let Self { handle, hide, names, ranges, with_partials, block, .. } = self;
        let more = handle.read_names(block, |name| {
            let is_hidden = hide.as_ref().is_some_and(|hide| hide.hides(name));
            if *with_partials || !(is_partial(name) || is_hidden) {
                let start = names.len();
                names.extend_from_slice(name);
                ranges.push(start..names.len());
            }
        })?;
        self.at_end = !more;
        Ok(())
    }
}
