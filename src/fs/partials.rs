//! What is kept of broken uploads: how much waits to be resumed, and when it is removed.

use std::collections::HashMap;
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use crate::fs::claims::Claims;
use crate::fs::folder::Folder;
use crate::fs::partial::is_partial;
use crate::fs::root::Root;
use crate::protocol::path::VirtualPath;
use crate::sys::meta::{FileId, FileKind};
use crate::sys::place::{Handle, Place};

/// When folders were last searched for old partials; shared by all sessions.
#[derive(Debug, Default)]
pub struct Partials {
    swept: Mutex<HashMap<FileId, SystemTime>>,
}

/// A folder that is about to be searched.
#[derive(Debug, Clone, Copy)]
pub struct Swept<'a> {
    /// Its handle.
    pub folder: &'a Handle<'a>,
    /// Which one it is.
    pub id: FileId,
    /// What is being written, and so stays.
    pub claims: &'a Claims,
}

/// How often a folder is searched at most.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);
/// Maximum number of folders remembered.
const MAX_SWEPT: usize = 4096;

impl Partials {
    /// Removes the partials from a folder that were not touched for `max_age` and that nobody writes, unless that was done
    /// lately. Returns the bytes that they held.
    pub fn sweep(&self, swept: Swept, max_age: Duration, now: SystemTime) -> u64 {
        if !self.is_due(swept.id, now) {
            return 0;
        }
        let oldest = now.checked_sub(max_age).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let oldest = oldest.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        // A folder that can't be read is not swept; nothing depends on it.
        swept.remove_older(oldest).unwrap_or(0)
    }

    /// True for the first session that asks within the interval.
    fn is_due(&self, folder: FileId, now: SystemTime) -> bool {
        let mut swept = self.swept.lock();
        let age = swept.get(&folder).and_then(|last| now.duration_since(*last).ok());
        if age.is_some_and(|age| age < SWEEP_INTERVAL) {
            return false;
        }
        if swept.len() >= MAX_SWEPT {
            swept.clear();
        }
        swept.insert(folder, now);
        true
    }
}

impl Swept<'_> {
    /// Removes the partials that were last changed before this time, in Unix seconds. Returns the bytes that they held.
    fn remove_older(&self, oldest: i64) -> io::Result<u64> {
        let mut freed = 0_u64;
        let mut folder = Folder::with_partials(self.folder.open_to_read()?);
        while folder.advance()? {
            let meta = if is_partial(folder.name()) { folder.meta().ok() } else { None };
            let Some(old) = meta.filter(|meta| meta.modified < oldest) else { continue };
            if !self.claims.has(self.id, folder.name()) && folder.remove_partial(folder.name()).is_ok() {
                freed = freed.saturating_add(old.size);
            }
        }
        Ok(freed)
    }
}

/// The bytes that wait to be resumed in this partial.
pub fn pending(partial: &Place) -> Option<u64> {
    partial.meta().ok().filter(|meta| meta.kind == FileKind::File).map(|meta| meta.size)
}

/// The bytes of the partials in a folder.
pub fn bytes_in(root: &Root, path: &VirtualPath) -> u64 {
    let sum = || {
        let mut folder = Folder::with_partials(root.open_folder(path)?);
        let mut bytes = 0_u64;
        while folder.advance()? {
            let size = if is_partial(folder.name()) { folder.meta()?.size } else { 0 };
            bytes = bytes.saturating_add(size);
        }
        Ok::<_, io::Error>(bytes)
    };
    sum().unwrap_or(0)
}

/// Removes the partials of a folder that holds nothing else, so that it can be removed; false if it can't.
pub fn clear(root: &Root, path: &VirtualPath, claims: &Claims) -> io::Result<bool> {
    let mut folder = Folder::with_partials(root.open_folder(path)?);
    let mut names = Vec::new();
    while folder.advance()? {
        if !is_partial(folder.name()) {
            return Ok(false);
        }
        names.push(folder.name().to_vec());
    }
    if folder.own_meta().transpose()?.is_some_and(|meta| claims.has_any_in(meta.id)) {
        return Ok(false);
    }
    for name in names {
        match folder.remove_partial(&name) {
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => return Ok(false),
            other => other?,
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_swept_once_an_interval_and_after_the_clock_was_set_back() {
        let (partials, folder) = (Partials::default(), FileId { device: 1, inode: 2 });
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        assert!(partials.is_due(folder, at(10_000)));
        assert!(partials.is_due(FileId { inode: 3, ..folder }, at(10_000)));
        assert!(!partials.is_due(folder, at(13_599)));
        assert!(partials.is_due(folder, at(13_600)));
        assert!(partials.is_due(folder, at(5)));
    }
}
