//! Whether user.ini is still the file that was read: one stat tells.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Which state of the file the accounts come from.
pub(super) struct Seen {
    stamp: Option<Stamp>,
    content: Option<u64>,
    settled: bool,
}

impl Seen {
    /// Notes `stamp`, taken before `content` was read, both `None` where there is no file.
    pub(super) fn new(stamp: Option<Stamp>, content: Option<&io::Result<Vec<u8>>>) -> Seen {
        // Some disks tell time in steps of two seconds: a second change might look like the first.
        let age = stamp.as_ref().and_then(|stamp| SystemTime::now().duration_since(stamp.modified?).ok());
        let digest = |content: &io::Result<Vec<u8>>| {
            let mut hasher = DefaultHasher::new();
            content.as_ref().map_err(io::Error::kind).hash(&mut hasher);
            hasher.finish()
        };
        Seen { stamp, content: content.map(digest), settled: age.is_none_or(|age| age > Duration::from_secs(2)) }
    }

    /// Whether the file need not be read again.
    pub(super) fn is_current(&self, stamp: &Option<Stamp>) -> bool {
        self.settled && self.stamp == *stamp
    }

    /// Whether both found the same bytes, or the same error.
    pub(super) fn same_content(&self, other: &Seen) -> bool {
        self.content == other.content
    }
}

/// What tells one state of a file from the next.
#[derive(PartialEq)]
pub(super) struct Stamp {
    modified: Option<SystemTime>,
    size: u64,
    /// Device, inode, and time of the last change of either.
    identity: [i128; 4],
}

impl Stamp {
    /// `None` where no regular file is; a pipe can be read but once.
    pub(super) fn of(path: &Path) -> Option<Stamp> {
        let found = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
        Some(Stamp { modified: found.modified().ok(), size: found.len(), identity: identity(&found) })
    }
}

#[cfg(unix)]
fn identity(found: &fs::Metadata) -> [i128; 4] {
    use std::os::unix::fs::MetadataExt;
    [found.dev().into(), found.ino().into(), found.ctime().into(), found.ctime_nsec().into()]
}

#[cfg(not(unix))]
fn identity(_: &fs::Metadata) -> [i128; 4] {
    [0; 4]
}

/// Whether the file is open to more than its owner.
#[cfg(unix)]
pub(super) fn readable_by_others(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0)
}

#[cfg(not(unix))]
pub(super) fn readable_by_others(_: &Path) -> bool {
    false
}
