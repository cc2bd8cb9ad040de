//! The folders for sockets of running programs, in the order in which they are looked at.

use std::env;
use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, OFlags, Uid, fchmod, fchown, fstat, open};

use crate::sys::access::user_id;
use crate::sys::person::Person;

/// A folder for sockets, which is perhaps not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeFolder {
    /// Where it is.
    pub path: PathBuf,
    /// It lies where everybody may make folders, so it is only used if it is its user's alone.
    shared_parent: bool,
}

/// `$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR/ftpd`, `/run/ftpd`, and `ftpd-UID` in the folder for temporary files.
pub fn all() -> Vec<RuntimeFolder> {
    let named = |variable: &str| env::var_os(variable).filter(|value| !value.is_empty());
    // systemd separates several by colons.
    let given = named("RUNTIME_DIRECTORY")
        .and_then(|list| list.to_str().and_then(|list| list.split(':').next()).map(PathBuf::from));
    // Root by `su` or `sudo` may still have the variable of somebody else.
    let of_user = named("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|folder| is_trusted(folder));
    let of_user = of_user.map(|folder| folder.join("ftpd"));
    let of_system = Some(PathBuf::from("/run/ftpd"));
    let known = [given, of_user, of_system].into_iter().flatten().filter(|path| path.is_absolute());
    let temporary = env::temp_dir().join(format!("ftpd-{}", user_id()));
    let known = known.map(|path| RuntimeFolder { path, shared_parent: false });
    known.chain([RuntimeFolder { path: temporary, shared_parent: true }]).collect()
}

impl RuntimeFolder {
    /// Makes the folder if it is missing, for its user alone.
    pub fn make(&self) -> io::Result<()> {
        match DirBuilder::new().mode(0o700).create(&self.path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => return made,
        }
        if !self.is_safe() {
            return Err(io::Error::new(ErrorKind::PermissionDenied, "it is not this user's alone"));
        }
        Ok(())
    }

    /// As root: makes it the folder of the user that the server becomes, which can make its socket there, and remove it. One
    /// that belongs to others stays as it is.
    pub fn make_for(&self, person: &Person) -> io::Result<()> {
        if self.shared_parent {
            return Ok(());
        }
        self.make()?;
        // By a handle, since somebody else may exchange the folder for a link meanwhile.
        let folder = open(&self.path, OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
        if fstat(&folder)?.st_uid == 0 {
            fchmod(&folder, Mode::RWXU)?;
            fchown(&folder, Some(Uid::from_raw(person.user)), Some(Gid::from_raw(person.group)))?;
        }
        Ok(())
    }

    /// Whether nobody else can have put something into it, as far as that depends on the folder itself.
    pub fn is_safe(&self) -> bool {
        !self.shared_parent || is_own(&self.path)
    }
}

/// Whether a folder can be exchanged by nobody but this user and root.
fn is_trusted(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|found| [0, user_id()].contains(&found.uid()))
}

fn is_own(folder: &Path) -> bool {
    let found = fs::symlink_metadata(folder);
    found.is_ok_and(|found| found.is_dir() && found.uid() == user_id() && found.mode() & 0o077 == 0)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_among_everybodys_is_used_only_if_it_is_its_users_alone() {
        let parent = tempfile::tempdir().expect("a temporary folder");
        let folder = RuntimeFolder { path: parent.path().join("ftpd-7"), shared_parent: true };
        folder.make().expect("made");
        folder.make().expect("found");
        for mode in [0o750, 0o707] {
            fs::set_permissions(&folder.path, PermissionsExt::from_mode(mode)).expect("changed");
            assert!(folder.make().is_err() && !folder.is_safe(), "{mode:o}");
        }
        fs::remove_dir(&folder.path).expect("removed");
        std::os::unix::fs::symlink("/", &folder.path).expect("linked");
        assert!(folder.make().is_err() && !folder.is_safe(), "a link");
    }
}
