//! Whether a file is still the one that was read: one stat tells. For user.ini and certificates, which are read again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::FileType;

/// Which state of a file something was read from.
#[derive(Debug)]
pub struct Seen {
    stamp: Option<Stamp>,
    content: Option<u64>,
    settled: bool,
}

impl Seen {
    /// Notes `stamp`, taken before `content` was read, both `None` where there is no file.
    pub fn new(stamp: Option<Stamp>, content: Option<&io::Result<Vec<u8>>>) -> Seen {
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
    pub fn is_current(&self, stamp: &Option<Stamp>) -> bool {
        self.settled && self.stamp == *stamp
    }

    /// Whether both found the same bytes, or the same error.
    pub fn same_content(&self, other: &Seen) -> bool {
        self.content == other.content
    }
}

/// What tells one state of a file from the next.
#[derive(Debug, PartialEq)]
pub struct Stamp {
    modified: Option<SystemTime>,
    size: i64,
    /// Device, inode, and time of the last change of either, with both fractions of a second.
    identity: [u64; 2],
    changed: [i64; 2],
    fractions: [u64; 2],
}

impl Stamp {
    /// `None` where no regular file is; a pipe can be read but once.
    pub fn of(path: &Path) -> Option<Stamp> {
        // Not `std::fs::metadata`, which needs a quarter of an idle session's stack.
        let found = rustix::fs::stat(path).ok()?;
        let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
        is_file.then(|| Stamp {
            modified: u64::try_from(found.st_mtime).ok().map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds)),
            size: found.st_size,
            identity: [found.st_dev, found.st_ino],
            changed: [found.st_mtime, found.st_ctime],
            fractions: [found.st_mtime_nsec, found.st_ctime_nsec],
        })
    }
}

/// Whether the file has any of these permission bits.
pub fn has_mode(path: &Path, bits: u32) -> bool {
    rustix::fs::stat(path).is_ok_and(|found| found.st_mode & bits != 0)
}
