//! What the user of the calling thread may do.

use std::io;
use std::path::Path;

use rustix::fs::{Access, AtFlags, CWD};

/// The number of that user; 0 is root.
pub fn user_id() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether it may read a file.
pub fn may_read(path: &Path) -> bool {
    may(path, Access::READ_OK)
}

/// Whether it may use the entries of a folder, though perhaps not list them.
pub fn may_pass(folder: &Path) -> bool {
    may(folder, Access::EXEC_OK)
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
    match ask(file, Access::WRITE_OK) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => change(file.parent().unwrap_or(Path::new(""))),
        Ok(()) if file.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
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
    }
}
