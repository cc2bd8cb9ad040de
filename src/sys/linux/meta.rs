//! What the file system knows of a file or folder.

use std::io;
use std::path::Path;

use rustix::fs::{FileType, Stat};

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A FIFO, socket or device: listed, never opened.
    Other,
}

/// What the file system says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u32,
    /// Hard links.
    pub links: u64,
    /// The owner's number.
    pub owner: u32,
    /// The group's number.
    pub group: u32,
    /// Bytes.
    pub size: u64,
    /// Modification time in Unix seconds.
    pub modified: i64,
    /// The nanoseconds in addition.
    pub fraction: u64,
    /// The file itself.
    pub id: FileId,
}

/// Which file it is, whatever its name: two hard links have the same one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileId {
    /// The file system's number.
    pub device: u64,
    /// The file's number in it.
    pub inode: u64,
}

impl FileId {
    /// That of a folder that is on no disk.
    pub const NOWHERE: FileId = FileId { device: 0, inode: 0 };
}

impl Meta {
    /// What a path leads to, links followed.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(rustix::fs::stat(path)?.into())
    }

    /// The bytes that are free when this name is gone: those of a file that has no other.
    pub fn sole_bytes(&self) -> u64 {
        if self.kind == FileKind::File && self.links == 1 { self.size } else { 0 }
    }

    /// An entry of device 1 and inode 255 that belongs to user 4000000000 and group 5.
    #[cfg(test)]
    pub(crate) fn for_tests(kind: FileKind, mode: u32, size: u64, modified: i64) -> Self {
        Self {
            kind,
            mode,
            links: 1,
            owner: 4_000_000_000,
            group: 5,
            size,
            modified,
            fraction: 0,
            id: FileId { device: 1, inode: 255 },
        }
    }
}

impl From<Stat> for Meta {
    fn from(stat: Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Folder,
            FileType::Symlink => FileKind::Link,
            _ => FileKind::Other,
        };
        Self {
            kind,
            mode: stat.st_mode & 0o7777,
            links: stat.st_nlink,
            owner: stat.st_uid,
            group: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: stat.st_mtime,
            fraction: stat.st_mtime_nsec,
            id: FileId { device: stat.st_dev, inode: stat.st_ino },
        }
    }
}
