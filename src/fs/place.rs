//! A name in an opened folder: what is made, renamed or removed is named once, against the folder's handle.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{Access, AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::sys::meta::{FileId, FileKind, Meta};

/// A folder's handle.
#[derive(Debug)]
pub enum Handle<'a> {
    /// That of the home, or of somebody else who keeps it open.
    Borrowed(BorrowedFd<'a>),
    /// One of its own.
    Opened(OwnedFd),
}

/// A folder's handle and one name in it, which is never followed if it is a link.
#[derive(Debug)]
pub struct Place<'a> {
    /// The folder.
    pub folder: Handle<'a>,
    /// The name: one component.
    pub name: Cow<'a, [u8]>,
    /// The folder's device and inode, where they are known.
    pub known: Option<FileId>,
}

/// A FIFO or a device must not block or become the controlling terminal.
pub const CAREFUL: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

impl Place<'_> {
    /// The folder's device and inode.
    ///
    /// # Errors
    /// As the system says.
    pub fn folder_id(&self) -> io::Result<FileId> {
        self.known.map_or_else(|| Ok(self.folder.meta()?.id), Ok)
    }

    /// What stands here.
    ///
    /// # Errors
    /// As the system says.
    pub fn meta(&self) -> io::Result<Meta> {
        Ok(rustix::fs::statat(&self.folder, self.name.as_ref(), AtFlags::SYMLINK_NOFOLLOW)?.into())
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

    /// Makes a new regular file here with these permission bits less the umask, opened for writing.
    ///
    /// # Errors
    /// `AlreadyExists` where anything stands here, a broken link too.
    pub fn create_file(&self, bits: u32) -> io::Result<File> {
        Ok(self.open(OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, Mode::from_raw_mode(bits))?.into())
    }

    /// Keeps other processes from writing the file that was opened here, as long as it is open: servers on other machines
    /// may store into the same file system.
    ///
    /// # Errors
    /// `ResourceBusy` while another has it, or when it has given the file another name meanwhile.
    pub fn lock(&self, file: &File) -> io::Result<()> {
        self.lock_if(file, |opened| self.meta().is_ok_and(|named| named.id == opened.id))
    }

    /// The same for a file that was just made here: another process that got hold of it before would have put something in.
    ///
    /// # Errors
    /// As [`Self::lock`].
    pub fn lock_new(&self, file: &File) -> io::Result<()> {
        self.lock_if(file, |opened| opened.size == 0)
    }

    fn lock_if(&self, file: &File, is_ours: impl Fn(&Meta) -> bool) -> io::Result<()> {
        let busy = Err(io::ErrorKind::ResourceBusy.into());
        match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return busy,
            // A file system without locks.
            Err(_) => return Ok(()),
        }
        if is_ours(&rustix::fs::fstat(file)?.into()) { Ok(()) } else { busy }
    }

    /// Removes the file here, unless another process writes it.
    ///
    /// # Errors
    /// `ResourceBusy`; as the system says.
    pub fn unlink_idle(&self) -> io::Result<()> {
        let opened = match self.open_for_write(OFlags::empty()) {
            Ok((file, _)) => Some(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(error),
            // Nobody writes it through here either.
            Err(_) => None,
        };
        opened.as_ref().map_or(Ok(()), |file| self.lock(file))?;
        self.unlink(AtFlags::empty())
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

    /// The same, but two links of one file stay as they are: the system would say that it is done, and do nothing.
    ///
    /// # Errors
    /// `AlreadyExists` for two links of one file; as the system says.
    pub fn rename_over(&self, to: &Self) -> io::Result<()> {
        match self.rename_to_free(to) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            Err(_) if self.meta()?.id != to.meta()?.id => self.rename(to),
            other => other,
        }
    }

    /// Moves what stands here there, if nothing stands there, or the same file under another spelling (on a disk that
    /// folds case).
    ///
    /// # Errors
    /// `AlreadyExists` where something does.
    pub fn rename_to_free(&self, to: &Self) -> io::Result<()> {
        let (from_name, to_name) = (self.name.as_ref(), to.name.as_ref());
        match rustix::fs::renameat_with(&self.folder, from_name, &to.folder, to_name, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => self.rename_gently(to),
            Err(Errno::EXIST) if self.is_respelled(to)? => self.rename(to),
            other => Ok(other?),
        }
    }

    /// The same, where the file system has no RENAME_NOREPLACE (FUSE, NFS, exFAT).
    fn rename_gently(&self, to: &Self) -> io::Result<()> {
        if self.meta()?.kind == FileKind::File {
            match rustix::fs::linkat(&self.folder, self.name.as_ref(), &to.folder, to.name.as_ref(), AtFlags::empty()) {
                Ok(()) => return self.unlink(AtFlags::empty()),
                Err(Errno::EXIST) if !self.is_respelled(to)? => return Err(Errno::EXIST.into()),
                // No hard links here, or one file under two spellings.
                Err(_) => {}
            }
        }
        match to.meta() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.rename(to),
            Ok(_) if self.is_respelled(to)? => self.rename(to),
            Ok(_) => Err(Errno::EXIST.into()),
            Err(error) => Err(error),
        }
    }

    /// Another name in the same folder.
    pub fn beside<'n>(&'n self, name: &'n [u8]) -> Place<'n> {
        Place { folder: Handle::Borrowed(self.folder.as_fd()), name: Cow::Borrowed(name), known: self.known }
    }

    /// Fails where this process may not replace the file here, of which `meta` is known: by its own rights, and in a
    /// sticky folder by those of its owner.
    ///
    /// # Errors
    /// `PermissionDenied`, `ReadOnlyFilesystem`
    pub fn may_replace(&self, meta: &Meta) -> io::Result<()> {
        const STICKY: u32 = 0o1000;
        rustix::fs::accessat(&self.folder, self.name.as_ref(), Access::WRITE_OK, AtFlags::EACCESS)?;
        let folder = self.folder.meta()?;
        // As the file system sees it; no user has that number, so this only asks.
        let me = nix::unistd::setfsuid(nix::unistd::Uid::from_raw(u32::MAX)).as_raw();
        let sticky = folder.mode & STICKY != 0 && ![0, folder.owner, meta.owner].contains(&me);
        if sticky { Err(Errno::PERM.into()) } else { Ok(()) }
    }

    /// True where both names are one file that has but one name: two hard links are two files to a rename.
    fn is_respelled(&self, other: &Self) -> io::Result<bool> {
        let (this, other) = (self.meta()?, other.meta()?);
        Ok(this.id == other.id && (this.links == 1 || this.kind == FileKind::Folder))
    }

    fn open(&self, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        Ok(rustix::fs::openat(&self.folder, self.name.as_ref(), flags | OFlags::NOFOLLOW | CAREFUL, mode)?)
    }
}

impl Handle<'_> {
    /// What the folder is.
    ///
    /// # Errors
    /// As the system says.
    pub fn meta(&self) -> io::Result<Meta> {
        Ok(rustix::fs::fstat(self)?.into())
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
            Self::Borrowed(handle) => *handle,
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
        FileKind::File => Ok((File::from(opened), meta)),
        FileKind::Folder => Err(io::ErrorKind::IsADirectory.into()),
        FileKind::Link | FileKind::Other => Err(not_regular()),
    }
}

/// The error for what is neither file nor folder.
pub fn not_regular() -> io::Error {
    io::ErrorKind::Unsupported.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_locked_once_and_only_under_the_name_that_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let handle = || Handle::Opened(File::open(folder.path()).expect("opened").into());
        let [place, other] =
            [&b"one"[..], b"other"].map(|name| Place { folder: handle(), name: name.into(), known: None });
        let busy = |file: &File| place.lock(file).is_err_and(|error| error.kind() == io::ErrorKind::ResourceBusy);
        let first = place.create_file(0o600).expect("made");
        let (second, _) = place.open_for_write(OFlags::empty()).expect("opened");
        place.lock(&first).expect("free");
        assert!(busy(&second), "the first one has it");
        place.rename(&other).expect("renamed");
        drop(first);
        assert!(busy(&second), "it is another file by now");
        let third = place.create_file(0o600).expect("made");
        assert!(busy(&second));
        place.lock(&third).expect("free");
    }

    #[test]
    fn a_new_file_into_which_somebody_has_put_something_is_not_new() {
        let folder = tempfile::tempdir().expect("a folder");
        let handle = Handle::Opened(File::open(folder.path()).expect("opened").into());
        let place = Place { folder: handle, name: b"new"[..].into(), known: None };
        let file = place.create_file(0o600).expect("made");
        place.lock_new(&file).expect("free");
        file.set_len(1).expect("written");
        assert!(place.lock_new(&file).is_err());
    }
}
