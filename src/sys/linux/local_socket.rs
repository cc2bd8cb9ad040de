//! Sockets of this machine alone, which have a path for a name: a listener that only its user can reach, and connections
//! that tell which user is at the other end.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use interprocess::ConnectWaitMode;
use interprocess::local_socket::traits::{Listener as _, Stream as _, StreamCommon as _};
use interprocess::local_socket::{
    ConnectOptions, GenericFilePath, Listener, ListenerNonblockingMode, ListenerOptions, Name, Stream, ToFsName,
};
use interprocess::os::unix::local_socket::ListenerOptionsExt;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::FlockOperation;

use crate::sys::meta::FileId;

/// A listener; neither it nor its connections ever wait. Drop removes its name.
#[derive(Debug)]
pub struct LocalListener {
    listener: Listener,
    name: SocketName,
}

/// A listener's name, to be removed at the end of the process.
#[derive(Debug, Clone)]
pub struct SocketName {
    path: PathBuf,
    id: Option<FileId>,
}

/// A connection.
#[derive(Debug)]
pub struct LocalStream(Stream);

/// The longest name that Linux takes, in bytes.
const MAX_NAME: usize = 107;
/// How often the lock of the folder is tried, and the time between two tries.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

impl LocalListener {
    /// Listens at this path, as a socket with mode 0600. One that a dead server has left there is replaced.
    ///
    /// # Errors
    /// `AddrInUse` if somebody listens there, `AlreadyExists` if the path is another kind of file.
    pub fn bind(path: &Path) -> io::Result<LocalListener> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let _lock = lock(folder);
        clear(path)?;
        let options = ListenerOptions::new().name(name(path)?).mode(0o600).reclaim_name(false);
        let listener = options.nonblocking(ListenerNonblockingMode::Both).create_sync()?;
        let name = SocketName { path: path.to_owned(), id: id(path) };
        Ok(LocalListener { listener, name })
    }

    /// The next connection; `WouldBlock` if there is none.
    pub fn accept(&self) -> io::Result<LocalStream> {
        self.listener.accept().map(LocalStream)
    }

    /// Its name, for a process that ends without dropping this.
    pub fn name(&self) -> SocketName {
        self.name.clone()
    }
}

/// Two servers that find the same dead one take turns. Anyone who can read the folder can lock it, so it is waited for only a
/// moment; and not every folder can be opened.
fn lock(folder: &Path) -> Option<File> {
    let folder = File::open(folder).ok()?;
    for _ in 0..LOCK_TRIES {
        if rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive).is_ok() {
            return Some(folder);
        }
        thread::sleep(LOCK_PAUSE);
    }
    None
}

/// Makes room at a path, unless somebody listens there.
fn clear(path: &Path) -> io::Result<()> {
    if is_left_over(path)? { fs::remove_file(path) } else { Ok(()) }
}

/// Fails if [`LocalListener::bind`] would because of what the path is; nothing is made or removed.
pub fn try_at(path: &Path) -> io::Result<()> {
    name(path)?;
    is_left_over(path).map(drop)
}

/// The number of the process that listens at a path.
pub fn process_at(path: &Path) -> Option<i32> {
    LocalStream::connect(path, Duration::from_secs(1)).ok()?.0.peer_creds().ok()?.pid()
}

/// Whether a socket lies there that nobody listens at any more; false if there is nothing.
fn is_left_over(path: &Path) -> io::Result<bool> {
    if fs::symlink_metadata(path).is_err() {
        return Ok(false);
    }
    match LocalStream::connect(path, Duration::from_secs(1)) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => match fs::symlink_metadata(path) {
            Ok(found) if is_socket(&found) => Ok(true),
            Ok(found) if found.is_dir() => Err(ErrorKind::IsADirectory.into()),
            _ => Err(ErrorKind::AlreadyExists.into()),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error),
        _ => Err(ErrorKind::AddrInUse.into()),
    }
}

fn is_socket(found: &fs::Metadata) -> bool {
    std::os::unix::fs::FileTypeExt::is_socket(&found.file_type())
}

fn id(path: &Path) -> Option<FileId> {
    let found = fs::symlink_metadata(path).ok().filter(is_socket)?;
    Some(FileId { device: found.dev(), inode: found.ino() })
}

fn name(path: &Path) -> io::Result<Name<'_>> {
    if path.as_os_str().len() > MAX_NAME {
        return Err(io::Error::new(ErrorKind::InvalidFilename, format!("longer than {MAX_NAME} bytes")));
    }
    path.to_fs_name::<GenericFilePath>()
}

impl SocketName {
    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the name, unless it is another listener's by now.
    pub fn remove(&self) {
        if self.id.is_some() && self.id == id(&self.path) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Drop for LocalListener {
    fn drop(&mut self) {
        self.name.remove();
    }
}

impl AsFd for LocalListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.listener {
            Listener::UdSocket(socket) => socket.as_fd(),
        }
    }
}

impl LocalStream {
    /// Connects to the listener at this path; each wait on the connection ends after `patience`.
    ///
    /// # Errors
    /// `NotFound` if there is no such path, `ConnectionRefused` if nobody listens there, `PermissionDenied` if it is
    /// another user's.
    pub fn connect(path: &Path, patience: Duration) -> io::Result<LocalStream> {
        let options = ConnectOptions::new().name(name(path)?).wait_mode(ConnectWaitMode::Timeout(patience));
        let stream = options.connect_sync()?;
        stream.set_recv_timeout(Some(patience))?;
        stream.set_send_timeout(Some(patience))?;
        Ok(LocalStream(stream))
    }

    /// Sets how long the next reads wait.
    pub fn set_patience(&self, patience: Option<Duration>) -> io::Result<()> {
        self.0.set_recv_timeout(patience)
    }

    /// The number of the user whose program is at the other end.
    pub fn peer_user(&self) -> io::Result<u32> {
        self.0.peer_creds()?.euid().ok_or_else(|| ErrorKind::Unsupported.into())
    }
}

impl Read for LocalStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for LocalStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsFd for LocalStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.0 {
            Stream::UdSocket(socket) => socket.as_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_dead_listeners_name_is_replaced_and_a_living_ones_is_not() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("21.sock");
        drop(UnixListener::bind(&path).expect("bound"));
        let listener = LocalListener::bind(&path).expect("the dead one is replaced");
        let mode = fs::symlink_metadata(&path).expect("a socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = LocalListener::bind(&path).map(drop).map_err(|error| error.kind());
        assert_eq!(second, Err(ErrorKind::AddrInUse));
        drop(listener);
        assert!(fs::symlink_metadata(&path).is_err(), "it is gone at the end");
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("user.ini");
        fs::write(&path, "x").expect("written");
        let bound = LocalListener::bind(&path).map(drop).map_err(|error| error.kind());
        assert_eq!(bound, Err(ErrorKind::AlreadyExists));
        assert_eq!(fs::read(&path).expect("still there"), b"x");
    }

    #[test]
    fn a_name_that_is_anothers_by_now_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("21.sock");
        let listener = LocalListener::bind(&path).expect("bound");
        fs::remove_file(&path).expect("removed");
        let _other = LocalListener::bind(&path).expect("bound");
        drop(listener);
        assert!(fs::symlink_metadata(&path).is_ok());
    }

    #[test]
    fn a_connection_tells_its_user() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("21.sock");
        let listener = LocalListener::bind(&path).expect("bound");
        let client = LocalStream::connect(&path, Duration::from_secs(5)).expect("connected");
        let accepted = listener.accept().expect("accepted");
        for end in [&client, &accepted] {
            assert_eq!(end.peer_user().expect("told"), crate::sys::access::user_id());
        }
    }

    #[test]
    fn a_path_that_is_too_long_is_told() {
        let path = PathBuf::from("/tmp").join("x".repeat(200));
        let error = LocalListener::bind(&path).map(drop).expect_err("too long");
        assert!(error.to_string().contains("longer than 107 bytes"), "{error}");
    }
}
