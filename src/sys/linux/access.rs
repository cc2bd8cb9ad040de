//! What the user of the calling thread may do.

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

/// Whether it may list a folder and use what is in it.
pub fn may_enter(folder: &Path) -> bool {
    may(folder, Access::READ_OK | Access::EXEC_OK)
}

fn may(path: &Path, access: Access) -> bool {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
}
