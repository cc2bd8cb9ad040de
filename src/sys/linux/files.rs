//! Files that are open, and how the server's own are opened.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, chown};
use std::path::Path;

use rustix::fs::{FlockOperation, Gid, Mode, OFlags, Uid};
use rustix::io::Errno;

use crate::sys::meta::Meta;

/// Opens an empty file, which only its owner can read if it is new.
pub fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Makes a file with these permission bits, less those of the umask; fails if there is anything of this name, a link included.
pub fn create_new(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

/// Makes a folder and those above it that are missing, with these permission bits, less those of the umask.
pub fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)
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

/// Whether a path leads to a FIFO.
pub fn is_fifo(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo())
}

/// Gives a file to a user and a group.
pub fn give_to(path: &Path, user: u32, group: u32) -> io::Result<()> {
    chown(path, Some(user), Some(group))
}

/// Keeps other processes from writing a file, as long as it is open: servers on other machines may store into the same file
/// system. Fails with `WouldBlock` while another process does so; any other error means that the file system has no locks.
pub fn lock(file: &File) -> io::Result<()> {
    Ok(rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)?)
}

/// What a file is.
pub fn meta(file: &File) -> io::Result<Meta> {
    Ok(rustix::fs::fstat(file)?.into())
}

/// Gives a file the owner and the permission bits of another one, as far as this thread may.
pub fn take_over(file: &File, old: &Meta) -> io::Result<()> {
    let new = meta(file)?;
    if (new.owner, new.group) != (old.owner, old.group) {
        let (owner, group) = (Uid::from_raw(old.owner), Gid::from_raw(old.group));
        let both = rustix::fs::fchown(file, Some(owner), Some(group));
        let _ = both.or_else(|_| rustix::fs::fchown(file, None, Some(group)));
    }
    if new.mode != old.mode & 0o777 {
        rustix::fs::fchmod(file, Mode::from_raw_mode(old.mode & 0o777))?;
    }
    Ok(())
}

/// Learns of an error that the file system would only tell when the file is closed; it stays open.
pub fn check(file: &File) -> io::Result<()> {
    match file.try_clone() {
        Ok(twin) => Ok(nix::unistd::close(twin)?),
        Err(_) => file.sync_data(),
    }
}

/// Puts all of a file's file system on the disk.
pub fn sync_file_system(file: &File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(file)?)
}

/// More links than are followed.
pub fn too_many_links() -> io::Error {
    Errno::LOOP.into()
}

/// Whether an error came of a symbolic link that is not followed, or of too many of them.
pub fn is_loop(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::LOOP.raw_os_error())
}

/// Whether an error says that the disk takes no more.
pub fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge)
}
