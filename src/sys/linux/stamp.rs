//! What tells one state of a file from the next, in one call.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::fs::FileType;

/// A state of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamp {
    /// The time of the last change of the content.
    pub modified: Option<SystemTime>,
    size: i64,
    /// Device and inode.
    identity: [u64; 2],
    /// Times of the last change of content and inode, in seconds.
    changed: [i64; 2],
    /// The same times' nanoseconds.
    fractions: [u64; 2],
}

impl Stamp {
    /// `None` if the path names no regular file: a pipe can be read only once.
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
