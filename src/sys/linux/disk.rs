//! What a file system is, and what a folder of the system is for.

use std::path::Path;

use nix::sys::statfs::{self, FsType};

/// File systems that keep no owners and modes of their own: the mount says what holds for all of their files.
const WITHOUT_MODES: [FsType; 8] = [
    statfs::MSDOS_SUPER_MAGIC,
    FsType(0x2011_bab0), // exFAT
    FsType(0x7366_746e), // NTFS
    FsType(0x5346_544e), // NTFS, the older driver
    FsType(0x6573_5546), // FUSE: ntfs-3g, exfat-fuse, sshfs
    FsType(0xff53_4d42), // CIFS
    FsType(0xfe53_4d42), // SMB 2 and 3
    FsType(0x0102_1997), // 9p: the disks of a host
];

/// Folders that show what the kernel knows.
const SHOWS_KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];
/// Folders that hold the system itself, with all that is below them.
const HOLDS_SYSTEM: [&str; 10] =
    ["/etc", "/boot", "/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib", "/var/log"];
/// Folders in which some folder may well be shared, but not all of them.
const MIXED: [&str; 5] = ["/usr", "/var", "/var/lib", "/run", "/root"];

/// Whether `chmod` means anything to the file system of a path.
pub fn has_modes(path: &Path) -> bool {
    statfs::statfs(path).map_or(true, |disk| !WITHOUT_MODES.contains(&disk.filesystem_type()))
}

/// Whether a folder lies in a file system that only shows what the kernel knows.
pub fn shows_kernel(folder: &Path) -> bool {
    let kinds = [statfs::PROC_SUPER_MAGIC, statfs::SYSFS_MAGIC, statfs::CGROUP2_SUPER_MAGIC];
    statfs::statfs(folder).is_ok_and(|disk| kinds.contains(&disk.filesystem_type()))
}

/// Why a folder with this real path should not be shared, as the end of a sentence; `None` if it may be.
pub fn unfit_to_share(real: &Path) -> Option<&'static str> {
    let is_below = |folders: &[&str]| folders.iter().any(|folder| real.starts_with(folder));
    match () {
        () if is_below(&SHOWS_KERNEL) => Some("shows what the kernel knows, and is no folder to share"),
        () if is_below(&HOLDS_SYSTEM) || MIXED.iter().any(|folder| real == Path::new(folder)) => {
            Some("is a folder of the system, and none to share")
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_the_system_are_known_by_their_real_path() {
        for path in ["/proc/self", "/sys", "/dev/shm", "/etc", "/usr", "/usr/lib/x", "/var", "/root"] {
            assert!(unfit_to_share(Path::new(path)).is_some(), "{path}");
        }
        for path in ["/", "/srv", "/var/ftp", "/root/share", "/home/ann", "/etcetera", "/mnt/usr"] {
            assert!(unfit_to_share(Path::new(path)).is_none(), "{path}");
        }
    }

    #[test]
    fn the_disk_of_temporary_files_has_modes() {
        assert!(has_modes(&std::env::temp_dir()));
        assert!(has_modes(Path::new("/nonexistent")));
    }
}
