//! An opened folder, and what is done with the names in it: each is one component, and no link is followed.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use nix::sys::statfs::{self, FsType};
use nix::unistd::{Uid, setfsuid};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Access, AtFlags, Mode, OFlags, RawDir, RenameFlags};
use rustix::io::Errno;

use crate::sys::meta::{FileKind, Meta};

/// The handle of a folder; it stays with the folder even when that is moved.
#[derive(Debug)]
pub struct FolderHandle(OwnedFd);

/// For naming what is in a folder.
pub(super) const FIND_FOLDER: OFlags = OFlags::PATH.union(OFlags::CLOEXEC).union(OFlags::DIRECTORY);
/// A FIFO or a device must not block or become the controlling terminal.
pub(super) const CAREFUL: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
/// Elsewhere (NFS, SMB, FUSE) closing a file may be what fails.
const LOCAL: [FsType; 7] = [
    statfs::EXT4_SUPER_MAGIC,
    statfs::XFS_SUPER_MAGIC,
    statfs::BTRFS_SUPER_MAGIC,
    statfs::F2FS_SUPER_MAGIC,
    statfs::TMPFS_MAGIC,
    statfs::OVERLAYFS_SUPER_MAGIC,
    statfs::MSDOS_SUPER_MAGIC,
];

impl FolderHandle {
    /// Opens a folder by its path.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(rustix::fs::open(path, FIND_FOLDER, Mode::empty())?))
    }

    /// Opens it again to read its entries.
    pub fn open_to_read(&self) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::openat(self, ".", flags, Mode::empty())?))
    }

    /// What the folder is.
    pub fn meta(&self) -> io::Result<Meta> {
        Ok(rustix::fs::fstat(self)?.into())
    }

    /// Whether it is on a disk of this machine that tells of all its errors before a file is closed.
    pub fn is_local(&self) -> bool {
        statfs::fstatfs(self).is_ok_and(|disk| LOCAL.contains(&disk.filesystem_type()))
    }

    /// Bytes that may still be written to its file system.
    pub fn free_space(&self) -> io::Result<u64> {
        let space = rustix::fs::fstatvfs(self)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    /// Fails if this thread may not use what is in it, which opening it does not tell.
    pub fn may_enter(&self) -> io::Result<()> {
        Ok(rustix::fs::accessat(self, ".", Access::EXEC_OK, AtFlags::EACCESS)?)
    }

    /// Puts its names on the disk; it has to be open to read.
    pub fn sync(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self)?)
    }

    /// Reads a block of entries and hands each name on, except `.` and `..`; false at the end. It has to be open to read.
    pub fn read_names(&self, block: &mut Vec<u8>, mut take: impl FnMut(&[u8])) -> io::Result<bool> {
        let mut entries = RawDir::new(self, block.spare_capacity_mut());
        loop {
            let Some(entry) = entries.next() else { return Ok(false) };
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if !matches!(name, b"." | b"..") {
                take(name);
            }
            if entries.is_buffer_empty() {
                return Ok(true);
            }
        }
    }

    /// What has this name.
    pub fn meta_of(&self, name: &[u8]) -> io::Result<Meta> {
        Ok(rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW)?.into())
    }

    /// Where the link of this name leads, as it is written in it.
    pub fn link_target(&self, name: &[u8]) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(self, name, Vec::new())?.into_bytes())
    }

    /// Opens a regular file to write from its beginning, as `regular` does.
    pub fn open_to_write(&self, name: &[u8]) -> io::Result<(File, Meta)> {
        self.open_existing(name, OFlags::WRONLY)
    }

    /// Opens a regular file to write to its end, wherever that is by then, as `regular` does.
    pub fn open_to_append(&self, name: &[u8]) -> io::Result<(File, Meta)> {
        self.open_existing(name, OFlags::WRONLY | OFlags::APPEND)
    }

    /// Makes a regular file with these permission bits less the umask, opened to write.
    pub fn create_file(&self, name: &[u8], bits: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        Ok(self.open_named(name, flags, Mode::from_raw_mode(bits))?.into())
    }

    /// Makes a folder.
    pub fn create_folder(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(self, name, Mode::from_raw_mode(0o777))?)
    }

    /// Removes a file or link.
    pub fn remove_file(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(self, name, AtFlags::empty())?)
    }

    /// Removes an empty folder.
    pub fn remove_folder(&self, name: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(self, name, AtFlags::REMOVEDIR)?)
    }

    /// Gives a file or folder another name, in place of what has that name.
    pub fn rename(&self, name: &[u8], to: &Self, new: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::renameat(self, name, to, new)?)
    }

    /// The same if nothing has that name. Fails with `InvalidInput` or `Unsupported` if the file system has no such call
    /// (FUSE, NFS, exFAT).
    pub fn rename_to_free(&self, name: &[u8], to: &Self, new: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::renameat_with(self, name, to, new, RenameFlags::NOREPLACE)?)
    }

    /// Gives a file one name more, which must be free.
    pub fn add_name(&self, name: &[u8], to: &Self, new: &[u8]) -> io::Result<()> {
        Ok(rustix::fs::linkat(self, name, to, new, AtFlags::empty())?)
    }

    /// Fails if this thread may not replace the file of this name, of which `meta` is known: by its own rights, and in a
    /// sticky folder by those of its owner.
    pub fn may_replace(&self, name: &[u8], meta: &Meta) -> io::Result<()> {
        const STICKY: u32 = 0o1000;
        rustix::fs::accessat(self, name, Access::WRITE_OK, AtFlags::EACCESS)?;
        let folder = self.meta()?;
        // Who this thread is to the file system. No user has that number, so this only asks.
        let me = setfsuid(Uid::from_raw(u32::MAX)).as_raw();
        let sticky = folder.mode & STICKY != 0 && ![0, folder.owner, meta.owner].contains(&me);
        if sticky { Err(ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }

    fn open_existing(&self, name: &[u8], flags: OFlags) -> io::Result<(File, Meta)> {
        match self.open_named(name, flags, Mode::empty()) {
            // A FIFO without a reader, a socket.
            Err(Errno::NXIO) => Err(ErrorKind::Unsupported.into()),
            opened => regular(opened?),
        }
    }

    fn open_named(&self, name: &[u8], flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        rustix::fs::openat(self, name, flags | OFlags::NOFOLLOW | CAREFUL, mode)
    }
}

impl AsFd for FolderHandle {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<OwnedFd> for FolderHandle {
    fn from(opened: OwnedFd) -> Self {
        Self(opened)
    }
}

/// An opened regular file. Anything else is closed again: `IsADirectory`, or `Unsupported` for a FIFO, socket or device.
pub(super) fn regular(opened: OwnedFd) -> io::Result<(File, Meta)> {
    let meta = Meta::from(rustix::fs::fstat(&opened)?);
    match meta.kind {
        FileKind::File => Ok((File::from(opened), meta)),
        FileKind::Folder => Err(ErrorKind::IsADirectory.into()),
        FileKind::Link | FileKind::Other => Err(ErrorKind::Unsupported.into()),
    }
}
