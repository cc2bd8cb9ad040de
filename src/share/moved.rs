//! What a rename does to quotas: bytes that go into a folder take room there, and give it back where they were.

use std::io::{self, ErrorKind};

use super::{At, Share};
use crate::fs::quota::{Hold, QuotaChain, walk};
use crate::fs::root::Root;
use crate::share::denied::Denied;
use crate::sys::meta::{FileKind, Meta};

/// A folder with more files is not counted during a rename.
const MAX_FILES: usize = 500_000;

/// Bytes on their way; without [`Self::end`], Drop undoes what was reckoned for them.
pub(super) struct QuotaMove {
    bytes: u64,
    /// What the file that is replaced gives back.
    replaced: u64,
    /// More than the replaced file gives back was taken there.
    taken: u64,
    /// The quotas of the old place that are none of the new one's.
    left: Option<QuotaChain>,
    /// The quotas of the new place that are none of the old one's.
    entered: Option<QuotaChain>,
    /// All quotas of the new place.
    around: Option<QuotaChain>,
    /// What moves has other names, so that nobody knows whether it leaves.
    is_doubtful: bool,
    is_done: bool,
    _held: Vec<Hold>,
}

impl QuotaMove {
    /// Takes the room at the new place; `None` if no quota holds at either.
    pub(super) fn begin(share: &Share, from: (&Root, &At), to: (&Root, &At)) -> Result<Option<Self>, Denied> {
        let (old, around) = (share.quota_around(from.1), share.quota_around(to.1));
        if old.is_none() && around.is_none() {
            return Ok(None);
        }
        let held = [&old, &around].into_iter().flatten().map(QuotaChain::hold).collect();
        let left = old.as_ref().and_then(|old| old.without(around.as_ref()));
        let entered = around.as_ref().and_then(|around| around.without(old.as_ref()));
        let meta = from.0.link_meta(&from.1.path)?;
        let there = to.0.link_meta(&to.1.path).ok().filter(|there| there.id != meta.id);
        let replaced = there.map_or(0, |there| there.sole_bytes());
        let needs_size = left.is_some() || entered.is_some();
        let (bytes, is_whole) = if needs_size { bytes_of(from, &meta)? } else { (0, true) };
        if !is_whole && entered.is_some() {
            return Err(Denied::File(ErrorKind::PermissionDenied.into()));
        }
        let taken = bytes.saturating_sub(replaced);
        entered.as_ref().map_or(Ok(()), |entered| entered.take(taken))?;
        let is_file = needs_size && meta.kind == FileKind::File;
        let is_doubtful = !is_whole || is_file && (meta.links > 1 || share.writes(from));
        Ok(Some(Self { bytes, replaced, taken, left, entered, around, is_doubtful, is_done: false, _held: held }))
    }

    /// It is done.
    pub(super) fn end(mut self) {
        self.is_done = true;
        let Self { bytes, replaced, taken, left, entered, around, is_doubtful, .. } = &self;
        if !*is_doubtful {
            left.as_ref().inspect(|left| left.credit(*bytes));
        }
        // What was not taken of the new place's own quotas is the replaced file's room.
        let stays = around.as_ref().and_then(|around| around.without(entered.as_ref()));
        stays.inspect(|stays| stays.credit(*replaced));
        entered.as_ref().inspect(|entered| entered.credit(taken.saturating_add(*replaced).saturating_sub(*bytes)));
        if *is_doubtful {
            left.iter().chain(entered).for_each(QuotaChain::doubt);
        }
    }
}

impl Drop for QuotaMove {
    fn drop(&mut self) {
        if !self.is_done {
            self.entered.as_ref().inspect(|entered| entered.credit(self.taken));
        }
    }
}

impl Share {
    /// Whether somebody is writing the file.
    fn writes(&self, file: (&Root, &At)) -> bool {
        let place = file.0.place(&file.1.path).ok().flatten();
        place.is_some_and(|place| place.folder_id().is_ok_and(|folder| self.premises.claims.has(folder, &place.name)))
    }
}

/// The bytes that move with a file or folder, and whether those are all of them.
fn bytes_of((root, at): (&Root, &At), meta: &Meta) -> io::Result<(u64, bool)> {
    match meta.kind {
        FileKind::File => return Ok((meta.size, true)),
        FileKind::Folder => {}
        FileKind::Link | FileKind::Other => return Ok((0, true)),
    }
    let (mut sum, mut files) = (0_u64, 0);
    let is_whole = walk::files(root.handle_of(&at.path)?.again()?, &[], |size| {
        (sum, files) = (sum.saturating_add(size), files + 1);
        if files > MAX_FILES { Err(io::Error::new(ErrorKind::ResourceBusy, "too many files to count")) } else { Ok(()) }
    })?;
    Ok((sum, is_whole))
}
