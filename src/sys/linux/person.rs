//! Users of the system: as whom the server runs, and as whom an account's session meets the file system.

use std::ffi::CString;
use std::io;

use nix::unistd::{self, Group, User};
use rustix::thread::{CapabilitySet, CapabilitySets};

/// A user of the system with the groups it is in; never root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The name, as it was asked for.
    pub name: String,
    /// The user's number.
    pub user: u32,
    /// The number of the group of what it makes.
    pub group: u32,
    /// All its groups.
    pub groups: Vec<u32>,
}

impl Person {
    /// Asks the system, which may read files or ask a directory service. Its primary group is `group`, if there is one.
    /// The error says in words what is wrong with the names.
    pub fn find(name: &str, group: Option<&str>) -> Result<Self, String> {
        let unknown = |what: &str, name: &str| format!("this system has no {what} '{name}'");
        let found = User::from_name(name).map_err(|error| format!("the user '{name}' can't be looked up: {error}"))?;
        let found = found.ok_or_else(|| unknown("user", name))?;
        if found.uid.is_root() {
            return Err(format!("'{name}' is root: name a user with fewer rights"));
        }
        let group = group.map_or(Ok(found.gid), |name| match Group::from_name(name) {
            Ok(group) => group.map(|group| group.gid).ok_or_else(|| unknown("group", name)),
            Err(error) => Err(format!("the group '{name}' can't be looked up: {error}")),
        })?;
        let login = CString::new(name).map_err(|_| unknown("user", name))?;
        let groups = unistd::getgrouplist(&login, group).map_err(|error| format!("the groups of '{name}': {error}"))?;
        let groups = groups.into_iter().map(unistd::Gid::as_raw).collect();
        Ok(Self { name: name.to_owned(), user: found.uid.as_raw(), group: group.as_raw(), groups })
    }

    /// Makes the whole process this user, with no way back: each call reaches every thread.
    pub fn become_for_good(&self) -> io::Result<()> {
        let groups: Vec<_> = self.groups.iter().copied().map(unistd::Gid::from_raw).collect();
        let (user, group) = (unistd::Uid::from_raw(self.user), unistd::Gid::from_raw(self.group));
        unistd::setgroups(&groups)?;
        unistd::setresgid(group, group, group)?;
        Ok(unistd::setresuid(user, user, user)?)
    }

    /// Makes the calling thread this user to the file system for the rest of its life, and takes all its capabilities.
    /// To the rest of the system it stays who it was: else this user could kill it, and the server with it. After an
    /// error only one half may be done.
    #[inline(never)]
    pub fn become_on_this_thread(&self) -> io::Result<()> {
        let groups: Vec<_> = self.groups.iter().copied().map(rustix::thread::Gid::from_raw).collect();
        rustix::thread::set_thread_groups(&groups)?;
        let (user, group) = (unistd::Uid::from_raw(self.user), unistd::Gid::from_raw(self.group));
        // Both return only who the thread was before.
        unistd::setfsgid(group);
        unistd::setfsuid(user);
        if unistd::setfsgid(group) != group || unistd::setfsuid(user) != user {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let none = CapabilitySet::empty();
        Ok(rustix::thread::set_capabilities(
            None,
            CapabilitySets { effective: none, permitted: none, inheritable: none },
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_with_its_groups_and_nobody_else() {
        let daemon = Person::find("daemon", None).expect("every system has one");
        assert!(daemon.user > 0 && daemon.groups.contains(&daemon.group));
        let other = Person::find("daemon", Some("root")).expect("every system has this group");
        assert_eq!((other.user, other.group), (daemon.user, 0));
        let cases = [
            (Person::find("root", None), "'root' is root"),
            (Person::find("no such user", None), "this system has no user 'no such user'"),
            (Person::find("daemon", Some("no such group")), "this system has no group 'no such group'"),
        ];
        for (found, reason) in cases {
            assert!(found.as_ref().is_err_and(|error| error.contains(reason)), "{found:?}");
        }
    }

    #[test]
    fn a_thread_becomes_somebody_for_files_alone_and_the_others_stay() {
        if !rustix::process::geteuid().is_root() {
            eprintln!("SKIPPED: needs root");
            return;
        }
        let daemon = Person::find("daemon", None).expect("every system has one");
        let folder = tempfile::tempdir().expect("a temporary folder");
        let secret = folder.path().join("secret");
        std::fs::write(&secret, "").expect("made");
        let roots_alone = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&secret, roots_alone).expect("changed");
        let seen = std::thread::scope(|scope| {
            let run = || {
                daemon.become_on_this_thread().expect("root may");
                let capabilities = rustix::thread::capabilities(None).expect("readable");
                (std::fs::read(&secret).is_ok(), capabilities.effective, capabilities.permitted)
            };
            scope.spawn(run).join().expect("no panic")
        });
        assert_eq!(seen, (false, CapabilitySet::empty(), CapabilitySet::empty()));
        assert!(std::fs::read(&secret).is_ok());
    }
}
