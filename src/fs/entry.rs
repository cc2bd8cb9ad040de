//! What is known of a file or folder, and what this process may do with it.

use rustix::fs::{FileType, Stat};

/// What an entry of a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
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
    pub kind: Kind,
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
    device: u64,
    inode: u64,
}

impl Meta {
    /// Device and inode: the same for two names of one file.
    pub fn identity(&self) -> (u64, u64) {
        (self.device, self.inode)
    }

    /// An entry of device 1 and inode 255 that belongs to user 4000000000 and group 5.
    #[cfg(test)]
    pub(crate) fn for_tests(kind: Kind, mode: u32, size: u64, modified: i64) -> Self {
        Self { kind, mode, links: 1, owner: 4_000_000_000, group: 5, size, modified, device: 1, inode: 255 }
    }
}

impl From<Stat> for Meta {
    fn from(stat: Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Folder,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        Self {
            kind,
            mode: stat.st_mode & 0o7777,
            links: stat.st_nlink,
            owner: stat.st_uid,
            group: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            modified: stat.st_mtime,
            device: stat.st_dev,
            inode: stat.st_ino,
        }
    }
}

/// Who this process is to the file system; known at start, so that listings need no call for each entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    user: u32,
    groups: Vec<u32>,
}

/// What the file system lets a process do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Read it, or list it.
    pub read: bool,
    /// Write it, or change its entries.
    pub write: bool,
    /// Execute it, or enter it.
    pub enter: bool,
}

impl Identity {
    /// The identity of this process.
    pub fn of_process() -> Self {
        let mut groups: Vec<u32> =
            rustix::process::getgroups().unwrap_or_default().iter().map(|group| group.as_raw()).collect();
        groups.push(rustix::process::getegid().as_raw());
        Self { user: rustix::process::geteuid().as_raw(), groups }
    }

    /// Another one than that of the process.
    pub fn of(user: u32, groups: Vec<u32>) -> Self {
        Self { user, groups }
    }

    /// What the mode bits grant; root may do all but write to a file system that is read-only.
    pub fn rights(&self, meta: &Meta) -> Rights {
        let shift = match () {
            () if self.user == 0 => return Rights { read: true, write: true, enter: true },
            () if self.user == meta.owner => 6,
            () if self.groups.contains(&meta.group) => 3,
            () => 0,
        };
        let bits = meta.mode >> shift;
        Rights { read: bits & 4 != 0, write: bits & 2 != 0, enter: bits & 1 != 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_those_of_owner_group_or_others() {
        let meta = |owner, group, mode| Meta { owner, group, ..Meta::for_tests(Kind::File, mode, 0, 0) };
        let me = Identity { user: 5, groups: vec![7, 8] };
        let cases = [
            (meta(5, 7, 0o644), (true, true, false)),
            (meta(5, 7, 0o077), (false, false, false)),
            (meta(6, 8, 0o750), (true, false, true)),
            (meta(6, 9, 0o751), (false, false, true)),
        ];
        for (meta, (read, write, enter)) in cases {
            assert_eq!(me.rights(&meta), Rights { read, write, enter }, "{meta:?}");
        }
        let root = Identity { user: 0, groups: vec![] };
        assert!(root.rights(&meta(5, 5, 0)).write);
    }
}
