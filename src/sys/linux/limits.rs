//! How much of files, address space and memory this process may use; `None` if there is no limit.

use std::fs;
use std::path::Path;

use rustix::param::page_size;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::sys::linux::control_group;

/// The number of files that may be open at once, after [`raise_open_files`].
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Raises the number of files that may be open to what this process may raise it to.
pub fn raise_open_files() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// The size of the address space, in bytes.
pub fn address_space() -> Option<u64> {
    getrlimit(Resource::As).current
}

/// How much of the address space is in use, in bytes.
pub fn address_space_in_use() -> Option<u64> {
    // proc_pid_statm(5): the first number is VmSize in pages.
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').next()?.parse().ok()?;
    pages.checked_mul(u64::try_from(page_size()).ok()?)
}

/// The memory that the administrator gives to this service or container, in bytes.
pub fn memory() -> Option<u64> {
    control_group::memory_limit(Path::new("/"))
}
