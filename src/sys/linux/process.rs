//! What holds for this process as a whole.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::Mode;
use rustix::time::ClockId;

/// Sets the permission bits that new files and folders do not get.
pub fn set_umask(mask: u32) {
    rustix::process::umask(Mode::from_raw_mode(mask));
}

/// Keeps this process, and every program that it starts or that replaces it, from getting more rights than it has now.
/// To be called while there is one thread, as the others inherit it.
pub fn forbid_more_rights() {
    // Kernels older than 3.5 lack it, and nothing else depends on it.
    let _ = rustix::thread::set_no_new_privs(true);
}

/// The time since the machine was started, in which it may have slept.
pub fn uptime() -> Duration {
    rustix::time::clock_gettime(ClockId::Boottime).try_into().unwrap_or_default()
}

/// How a process was started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningCommand {
    /// The program as it was named, and its arguments.
    pub words: Vec<OsString>,
    /// Its current folder.
    pub folder: PathBuf,
}

impl RunningCommand {
    /// How the process of this number was started; `None` if there is none, or if this process may not know.
    pub fn of(process: i32) -> Option<Self> {
        let known = PathBuf::from(format!("/proc/{process}"));
        let line = fs::read(known.join("cmdline")).ok()?;
        let line = line.strip_suffix(&[0]).unwrap_or(&line);
        let words = line.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
        Some(Self { words: words.collect(), folder: fs::read_link(known.join("cwd")).ok()? })
    }
}

/// Whether this process seems to run in a container.
pub fn is_in_container() -> bool {
    is_container(Path::new("/"))
}

/// Whether the machine whose files are below `root` looks like a container.
fn is_container(root: &Path) -> bool {
    let marked = [".dockerenv", "run/.containerenv"].iter().any(|mark| root.join(mark).exists());
    let groups = fs::read(root.join("proc/1/cgroup")).unwrap_or_default();
    let groups = String::from_utf8_lossy(&groups);
    marked || ["docker", "kubepods", "containerd", "libpod", "lxc"].iter().any(|runtime| groups.contains(runtime))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_this_process_was_started_is_known() {
        let number = i32::try_from(std::process::id()).expect("a small number");
        let command = RunningCommand::of(number).expect("its own");
        assert_eq!(command.words, std::env::args_os().collect::<Vec<_>>());
        assert_eq!(command.folder, std::env::current_dir().expect("there"));
        assert_eq!(RunningCommand::of(-1), None);
    }

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
