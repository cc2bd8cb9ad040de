//! What the process sets for itself at start.

use std::fs;
use std::io;
use std::path::Path;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

use crate::config::{Config, Sandbox};
use crate::sys::jail::{Jail, Kernel};

/// Sets the umask of the files and folders that clients make.
pub fn set_umask(mask: u32) {
    umask(Mode::from_raw_mode(mask));
}

/// Raises the soft limit of open files to the hard one.
pub fn raise_file_limit() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}

/// The jail of session threads, and a line about it in the log.
///
/// # Errors
/// When one is required and this kernel has none.
pub fn jail(config: &Config) -> io::Result<Option<Jail>> {
    if config.server.sandbox == Sandbox::Off {
        log::info!("sandbox: off");
        return Ok(None);
    }
    let kernel = Kernel::probe();
    if config.server.sandbox == Sandbox::Require && !kernel.is_complete() {
        let reason = format!("sandbox = require, but there is {kernel}; sandbox = auto takes what there is");
        return Err(io::Error::other(reason));
    }
    log::info!("sandbox: {kernel}");
    Ok(kernel.jail(config.passive.passive_ports.clone()))
}

/// True where the machine whose files are below `root` looks like a container.
pub fn is_container(root: &Path) -> bool {
    let marked = [".dockerenv", "run/.containerenv"].iter().any(|mark| root.join(mark).exists());
    let groups = fs::read(root.join("proc/1/cgroup")).unwrap_or_default();
    let groups = String::from_utf8_lossy(&groups);
    marked || ["docker", "kubepods", "containerd", "libpod", "lxc"].iter().any(|runtime| groups.contains(runtime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_known_by_its_marks_or_its_control_group() {
        let cases = [
            (".dockerenv", "", true),
            ("run/.containerenv", "", true),
            ("proc/1/cgroup", "0::/docker/abc\n", true),
            ("proc/1/cgroup", "0::/kubepods.slice/x\n", true),
            ("proc/1/cgroup", "0::/init.scope\n", false),
        ];
        for (file, content, expected) in cases {
            let root = tempfile::tempdir().expect("a folder");
            assert!(!is_container(root.path()));
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, content).expect("written");
            assert_eq!(is_container(root.path()), expected, "{file}: {content}");
        }
    }
}
