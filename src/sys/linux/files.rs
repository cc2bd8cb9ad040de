//! The server's own files: who may read them, and how they are opened.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::Path;

use rustix::fs::OFlags;

/// Opens an empty file, which only its owner can read if it is new.
pub fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Opens a file, which is made if it is missing, to write lines to its end. Does not wait for a reader if it is a FIFO:
/// one that nobody reads is an error.
pub fn open_for_lines(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o640).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    rustix::fs::fcntl_setfl(&file, OFlags::APPEND)?;
    Ok(file)
}

/// Gives a file to a user and a group.
pub fn give_to(path: &Path, user: u32, group: u32) -> io::Result<()> {
    chown(path, Some(user), Some(group))
}
