//! What the user of the calling thread may do.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD};

use crate::sys::disk;
use crate::sys::route::Route;

/// The number of that user; 0 is root.
pub fn user_id() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether it may read a file.
pub fn may_read(path: &Path) -> bool {
    may(path, Access::READ_OK)
}

/// Whether it may write a file.
pub fn may_write(path: &Path) -> bool {
    may(path, Access::WRITE_OK)
}

/// Whether it may use the entries of a folder, though perhaps not list them.
pub fn may_pass(folder: &Path) -> bool {
    may(folder, Access::EXEC_OK)
}

/// Whether it may run a program.
pub fn may_run(program: &Path) -> bool {
    may(program, Access::EXEC_OK)
}

/// Whether it may list a folder and use what is in it.
pub fn may_enter(folder: &Path) -> bool {
    may(folder, Access::READ_OK | Access::EXEC_OK)
}

/// Fails if it may not make, rename or remove entries of a folder; with `ReadOnlyFilesystem` if nobody may.
pub fn change(folder: &Path) -> io::Result<()> {
    ask(folder, Access::WRITE_OK | Access::EXEC_OK)
}

/// Fails if it may neither write to the end of a file nor make it if it is missing. Nothing is opened or made.
pub fn append(file: &Path) -> io::Result<()> {
    let unfit = |what: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    match ask(file, Access::WRITE_OK) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if file.as_os_str().as_bytes().ends_with(b"/") {
                return Err(io::ErrorKind::IsADirectory.into());
            }
            // A link that leads nowhere names the file that would be made.
            let end = Route::to(file)?;
            let folder = end.end().parent().unwrap_or(Path::new("/"));
            change(folder)?;
            if disk::shows_kernel(folder) {
                return unfit("it would lie where the kernel shows what it knows, and no file can be made");
            }
            Ok(())
        }
        Ok(()) if file.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(()) if fs::metadata(file).is_ok_and(|found| found.file_type().is_socket()) => unfit("it is a socket"),
        asked => asked,
    }
}

fn may(path: &Path, access: Access) -> bool {
    ask(path, access).is_ok()
}

fn ask(path: &Path, access: Access) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    Ok(rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_appended_to_is_told_without_making_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("a.log");
        assert!(append(&file).is_ok() && !file.exists());
        std::fs::write(&file, "x").expect("made");
        assert!(append(&file).is_ok());
        let kind = |path: &Path| append(path).map_err(|error| error.kind());
        assert_eq!(kind(folder.path()), Err(io::ErrorKind::IsADirectory));
        assert_eq!(kind(&folder.path().join("none/a.log")), Err(io::ErrorKind::NotFound));
        assert_eq!(kind(&folder.path().join("b.log/")), Err(io::ErrorKind::IsADirectory));
        std::os::unix::fs::symlink("none/b.log", folder.path().join("link")).expect("made");
        assert_eq!(kind(&folder.path().join("link")), Err(io::ErrorKind::NotFound));
        let _listener = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).expect("bound");
        assert_eq!(kind(&folder.path().join("socket")), Err(io::ErrorKind::InvalidInput));
        for path in ["/proc/x.log", "/sys/x.log"] {
            assert!(append(Path::new(path)).is_err(), "{path}");
        }
    }
}
