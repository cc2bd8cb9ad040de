//! A name in an opened folder: what is made, renamed or removed is named once, against the folder's handle.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Access, AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::fs::entry::{Kind, Meta};

/// A folder's handle: the home's own, or one opened for the purpose.
#[derive(Debug)]
pub enum Handle<'a> {
    /// The home's.
    Home(BorrowedFd<'a>),
    /// Another folder's.
    Opened(OwnedFd),
}

/// A folder's handle and one name in it, which is never followed if it is a link.
#[derive(Debug)]
pub struct Place<'a> {
    /// The folder.
    pub folder: Handle<'a>,
    /// The name: one component.
    pub name: Cow<'a, [u8]>,
}

/// A FIFO or a device must not block or become the controlling terminal.
pub const CAREFUL: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

impl Place<'_> {
    /// What stands here.
    ///
    /// # Errors
    /// As the system says.
    pub fn meta(&self) -> io::Result<Meta> {
        Ok(rustix::fs::statat(&self.folder, self.name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)?.into())
    }

    /// The folder's device and inode and the name: the same for every path to here.
    ///
    /// # Errors
    /// As the system says.
    pub fn identity(&self) -> io::Result<(u64, u64, Vec<u8>)> {
        let (device, inode) = self.folder.identity()?;
        Ok((device, inode, self.name.to_vec()))
    }

    /// Opens the regular file here for writing, from its beginning or, with O_APPEND, always at its end.
    ///
    /// # Errors
    /// `Unsupported` for a FIFO, socket or device, `IsADirectory` for a folder; it never blocks.
    pub fn open_for_write(&self, position: OFlags) -> io::Result<(File, Meta)> {
        match self.open(OFlags::WRONLY | (position & OFlags::APPEND), Mode::empty()) {
            // A FIFO without a reader, a socket.
            Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => Err(not_regular()),
            opened => regular(opened?),
        }
    }

    /// Makes a new regular file here, opened for writing.
    ///
    /// # Errors
    /// `AlreadyExists` where anything stands here, a broken link too.
    pub fn create_file(&self) -> io::Result<File> {
        Ok(self.open(OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, Mode::from_raw_mode(0o666))?.into())
    }

    /// Removes what stands here: a file or link, or with REMOVEDIR an empty folder.
    ///
    /// # Errors
    /// As the system says.
    pub fn unlink(&self, flags: AtFlags) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&self.folder, self.name.as_ref(), flags)?)
    }

    /// Moves what stands here there, in place of what stood there.
    ///
    /// # Errors
    /// As the system says.
    pub fn rename(&self, to: &Self) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.folder, self.name.as_ref(), &to.folder, to.name.as_ref())?)
    }

    /// Moves what stands here there, if nothing stands there, or the same file (on a disk that folds case).
    ///
    /// # Errors
    /// `AlreadyExists` where something does.
    pub fn rename_to_free(&self, to: &Self) -> io::Result<()> {
        let (from_name, to_name) = (self.name.as_ref(), to.name.as_ref());
        match rustix::fs::renameat_with(&self.folder, from_name, &to.folder, to_name, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => self.rename_gently(to),
            Err(Errno::EXIST) if self.is_one_file(to)? => self.rename(to),
            other => Ok(other?),
        }
    }

    /// The same, where the file system has no RENAME_NOREPLACE (FUSE, NFS, exFAT).
    fn rename_gently(&self, to: &Self) -> io::Result<()> {
        if self.meta()?.kind == Kind::File {
            match rustix::fs::linkat(&self.folder, self.name.as_ref(), &to.folder, to.name.as_ref(), AtFlags::empty()) {
                Ok(()) => return self.unlink(AtFlags::empty()),
                Err(Errno::EXIST) if !self.is_one_file(to)? => return Err(Errno::EXIST.into()),
                // No hard links here, or one file under two spellings.
                Err(_) => {}
            }
        }
        match to.meta() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.rename(to),
            Ok(_) if self.is_one_file(to)? => self.rename(to),
            Ok(_) => Err(Errno::EXIST.into()),
            Err(error) => Err(error),
        }
    }

    /// Another name in the same folder.
    pub fn beside<'n>(&'n self, name: &'n [u8]) -> Place<'n> {
        Place { folder: Handle::Home(self.folder.as_fd()), name: Cow::Borrowed(name) }
    }

    /// Fails where this process may not write the file here.
    ///
    /// # Errors
    /// `PermissionDenied`, `ReadOnlyFilesystem`
    pub fn may_write(&self) -> io::Result<()> {
        Ok(rustix::fs::accessat(&self.folder, self.name.as_ref(), Access::WRITE_OK, AtFlags::EACCESS)?)
    }

    /// Writes the folder's entries to the disk.
    ///
    /// # Errors
    /// As the system says.
    pub fn sync_folder(&self) -> io::Result<()> {
        Ok(rustix::fs::fsync(self.folder.open_to_read()?)?)
    }

    fn is_one_file(&self, other: &Self) -> io::Result<bool> {
        Ok(self.meta()?.identity() == other.meta()?.identity())
    }

    fn open(&self, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        Ok(rustix::fs::openat(&self.folder, self.name.as_ref(), flags | OFlags::NOFOLLOW | CAREFUL, mode)?)
    }
}

impl Handle<'_> {
    /// Device and inode.
    ///
    /// # Errors
    /// As the system says.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        Ok(Meta::from(rustix::fs::fstat(self)?).identity())
    }

    /// A handle of the same folder whose entries can be read.
    ///
    /// # Errors
    /// As the system says.
    pub fn open_to_read(&self) -> io::Result<OwnedFd> {
        Ok(rustix::fs::openat(self, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
    }
}

impl AsFd for Handle<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Home(handle) => *handle,
            Self::Opened(handle) => handle.as_fd(),
        }
    }
}

/// An opened regular file; anything else is closed again.
///
/// # Errors
/// `IsADirectory`, or `Unsupported` for a FIFO, socket or device.
pub fn regular(opened: OwnedFd) -> io::Result<(File, Meta)> {
    let meta = Meta::from(rustix::fs::fstat(&opened)?);
    match meta.kind {
        Kind::File => Ok((File::from(opened), meta)),
        Kind::Folder => Err(io::ErrorKind::IsADirectory.into()),
        Kind::Link | Kind::Other => Err(not_regular()),
    }
}

/// The error for what is neither file nor folder.
pub fn not_regular() -> io::Error {
    io::ErrorKind::Unsupported.into()
}
