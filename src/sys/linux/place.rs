//! A name in an opened folder: what is made, renamed or removed is named once, against the folder's handle.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Deref;

use nix::unistd::{Uid, setfsuid};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Access, AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::sys::folder::{CAREFUL, FolderHandle, regular};
use crate::sys::meta::{FileId, Meta};

/// A folder's handle.
#[derive(Debug)]
pub enum Handle<'a> {
    /// One that is kept open elsewhere, such as the home's.
    Borrowed(&'a FolderHandle),
    /// One that was opened for this.
    Opened(FolderHandle),
}

/// A folder's handle and one name in it, which is never followed if it is a link.
#[derive(Debug)]
pub struct Place<'a> {
    /// The folder.
    pub folder: Handle<'a>,
    /// The name: one component.
    pub name: Cow<'a, [u8]>,
    /// Which folder it is, if that is known.
    pub known: Option<FileId>,
}

impl Place<'_> {
    /// Which folder it is.
    pub fn folder_id(&self) -> io::Result<FileId> {
        self.known.map_or_else(|| Ok(self.folder.meta()?.id), Ok)
    }

    /// Another name in the same folder.
    pub fn beside<'n>(&'n self, name: &'n [u8]) -> Place<'n> {
        Place { folder: Handle::Borrowed(&self.folder), name: Cow::Borrowed(name), known: self.known }
    }

    /// What is here.
    pub fn meta(&self) -> io::Result<Meta> {
        self.folder.meta_of(&self.name)
    }

    /// Where the link here leads, as it is written in it.
    pub fn link_target(&self) -> io::Result<Vec<u8>> {
        Ok(rustix::fs::readlinkat(&*self.folder, &*self.name, Vec::new())?.into_bytes())
    }

    /// Opens the regular file here to write from its beginning. Fails with `Unsupported` for a FIFO, socket or device, with
    /// `IsADirectory` for a folder; it never blocks.
    pub fn open_to_write(&self) -> io::Result<(File, Meta)> {
        self.open_existing(OFlags::WRONLY)
    }

    /// The same, to write to its end, wherever that is by then.
    pub fn open_to_append(&self) -> io::Result<(File, Meta)> {
        self.open_existing(OFlags::WRONLY | OFlags::APPEND)
    }

    /// Makes a new regular file here with these permission bits less the umask, opened to write. Fails with
    /// `AlreadyExists` if anything is here, even a broken link.
    pub fn create_file(&self, bits: u32) -> io::Result<File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        Ok(self.open(flags, Mode::from_raw_mode(bits))?.into())
    }

    /// Makes a folder here.
    pub fn create_folder(&self) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&*self.folder, &*self.name, Mode::from_raw_mode(0o777))?)
    }

    /// Removes the file or link here.
    pub fn remove_file(&self) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&*self.folder, &*self.name, AtFlags::empty())?)
    }

    /// Removes the empty folder here.
    pub fn remove_folder(&self) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(&*self.folder, &*self.name, AtFlags::REMOVEDIR)?)
    }

    /// Moves what is here to `to`, in place of what was there.
    pub fn rename(&self, to: &Self) -> io::Result<()> {
        Ok(rustix::fs::renameat(&*self.folder, &*self.name, &*to.folder, &*to.name)?)
    }

    /// Moves what is here to `to` if nothing is there. Fails with `InvalidInput` or `Unsupported` if the file system has no
    /// such call (FUSE, NFS, exFAT).
    pub fn rename_without_replacing(&self, to: &Self) -> io::Result<()> {
        let flags = RenameFlags::NOREPLACE;
        Ok(rustix::fs::renameat_with(&*self.folder, &*self.name, &*to.folder, &*to.name, flags)?)
    }

    /// Gives the file here a second name, which must be free.
    pub fn link(&self, to: &Self) -> io::Result<()> {
        Ok(rustix::fs::linkat(&*self.folder, &*self.name, &*to.folder, &*to.name, AtFlags::empty())?)
    }

    /// Fails if this thread may not replace the file here, which `meta` describes: because it can't write it, or because the
    /// folder is sticky and neither folder nor file is its own.
    pub fn may_replace(&self, meta: &Meta) -> io::Result<()> {
        const STICKY: u32 = 0o1000;
        rustix::fs::accessat(&*self.folder, &*self.name, Access::WRITE_OK, AtFlags::EACCESS)?;
        let folder = self.folder.meta()?;
        // Who this thread is to the file system. No user has that number, so this only asks.
        let me = setfsuid(Uid::from_raw(u32::MAX)).as_raw();
        let sticky = folder.mode & STICKY != 0 && ![0, folder.owner, meta.owner].contains(&me);
        if sticky { Err(ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }

    fn open_existing(&self, flags: OFlags) -> io::Result<(File, Meta)> {
        match self.open(flags, Mode::empty()) {
            // A FIFO without a reader, a socket.
            Err(Errno::NXIO) => Err(ErrorKind::Unsupported.into()),
            opened => regular(opened?),
        }
    }

    fn open(&self, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        rustix::fs::openat(&*self.folder, &*self.name, flags | OFlags::NOFOLLOW | CAREFUL, mode)
    }
}

impl AsFd for Handle<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (**self).as_fd()
    }
}

impl Deref for Handle<'_> {
    type Target = FolderHandle;

    fn deref(&self) -> &FolderHandle {
        match self {
            Self::Borrowed(handle) => handle,
            Self::Opened(handle) => handle,
        }
    }
}
