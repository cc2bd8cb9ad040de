//! An opened folder.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::statfs::{self, FsType};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Access, AtFlags, IFlags, Mode, OFlags, RawDir, ResolveFlags};
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

/// File systems that find a name in another case, at least as they are usually mounted.
const FOLDING: [FsType; 11] = [
    statfs::MSDOS_SUPER_MAGIC,
    FsType(0x2011_bab0), // exFAT
    FsType(0x7366_746e), // NTFS
    FsType(0x5346_544e), // NTFS, the older driver
    FsType(0x6573_5546), // FUSE: ntfs-3g, exfat-fuse
    FsType(0xff53_4d42), // CIFS
    FsType(0xfe53_4d42), // SMB 2 and 3
    FsType(0x0102_1997), // 9p: the disks of a host
    FsType(0x786f_4256), // VirtualBox: the disks of a host
    FsType(0x482b),      // HFS+
    FsType(0x4244),      // HFS
];
/// FS_CASEFOLD_FL: ext4, F2FS and tmpfs fold the names in a folder with it.
const CASEFOLD: u32 = 0x4000_0000;

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

    /// Opens it once more, to name what is in it.
    pub fn again(&self) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(self, ".", FIND_FOLDER, Mode::empty())?))
    }

    /// The folder of this name in it, no link followed, to name what is in it.
    pub fn child(&self, name: &[u8]) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(self, name, FIND_FOLDER | OFlags::NOFOLLOW, Mode::empty())?))
    }

    /// The folder that holds it; of `/`, that itself.
    pub fn above(&self) -> io::Result<Self> {
        Ok(Self(rustix::fs::openat(self, "..", FIND_FOLDER, Mode::empty())?))
    }

    /// Whether it finds entries under other spellings, too: in another case, or by short names.
    pub fn folds_case(&self) -> bool {
        let kind = statfs::fstatfs(self).map(|disk| disk.filesystem_type());
        let is_casefold = || {
            // One that can't be read, as a client may have made it, may fold case.
            let Ok(folder) = self.open_to_read() else { return true };
            rustix::fs::ioctl_getflags(&folder).is_ok_and(|flags| flags.contains(IFlags::from_bits_retain(CASEFOLD)))
        };
        kind.is_ok_and(|kind| FOLDING.contains(&kind)) || is_casefold()
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

    /// Fails if this thread may not use its entries: opening it does not show that.
    pub fn may_enter(&self) -> io::Result<()> {
        Ok(rustix::fs::accessat(self, ".", Access::EXEC_OK, AtFlags::EACCESS)?)
    }

    /// Fails if this thread may not make, rename or remove its entries.
    pub fn may_change(&self) -> io::Result<()> {
        Ok(rustix::fs::accessat(self, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?)
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

    /// The same of a name that is no link, with the time at which it came there: a change of its owner, mode or times counts as
    /// its arrival, too.
    pub fn arrival_of(&self, name: &[u8]) -> io::Result<(Meta, SystemTime)> {
        let stat = rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let fraction = Duration::from_nanos(stat.st_ctime_nsec);
        let whole = Duration::from_secs(stat.st_ctime.unsigned_abs());
        let arrived =
            if stat.st_ctime < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole + fraction) };
        // A time that can't be is that of now: the file stays.
        Ok((stat.into(), arrived.unwrap_or_else(SystemTime::now)))
    }

    /// A folder in it: neither a link nor what is mounted there.
    pub fn below(&self, name: &[u8]) -> io::Result<Self> {
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        let flags = FIND_FOLDER | OFlags::NOFOLLOW;
        match rustix::fs::openat2(self, name, flags, Mode::empty(), how) {
            Err(Errno::NOSYS | Errno::PERM) => {
                let below = Self(rustix::fs::openat(self, name, flags, Mode::empty())?);
                let is_same = below.meta()?.id.device == self.meta()?.id.device;
                if is_same { Ok(below) } else { Err(ErrorKind::CrossesDevices.into()) }
            }
            found => Ok(Self(found?)),
        }
    }

    /// The entry of this name, no link followed.
    pub fn meta_of(&self, name: &[u8]) -> io::Result<Meta> {
        Ok(rustix::fs::statat(self, name, AtFlags::SYMLINK_NOFOLLOW)?.into())
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
