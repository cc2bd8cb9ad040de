//! Who a session is to the file system, and what that lets it do.

use rustix::process::{getegid, geteuid, getgroups};

use crate::sys::meta::Meta;

/// A user and its groups, known in advance: a listing asks the system nothing for an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    user: u32,
    groups: Vec<u32>,
}

/// What the file system lets a process do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Read it, or list it.
    pub read: bool,
    /// Write it, or change its entries.
    pub write: bool,
    /// Execute it, or enter it.
    pub enter: bool,
}

impl Identity {
    /// The identity of this process.
    pub fn of_process() -> Self {
        let groups = getgroups().unwrap_or_default().into_iter().chain([getegid()]);
        Self { user: geteuid().as_raw(), groups: groups.map(|group| group.as_raw()).collect() }
    }

    /// Another one than that of the process.
    pub fn of(user: u32, groups: Vec<u32>) -> Self {
        Self { user, groups }
    }

    /// The user's number.
    pub fn user(&self) -> u32 {
        self.user
    }

    /// Whether it may change the mode and times of a file.
    pub fn owns(&self, meta: &Meta) -> bool {
        self.user == 0 || self.user == meta.owner
    }

    /// What the mode bits grant; root may do all but write to a file system that is read-only.
    pub fn rights(&self, meta: &Meta) -> Rights {
        let shift = match () {
            () if self.user == 0 => return Rights { read: true, write: true, enter: true },
            () if self.user == meta.owner => 6,
            () if self.groups.contains(&meta.group) => 3,
            () => 0,
        };
        let bits = meta.mode >> shift;
        Rights { read: bits & 4 != 0, write: bits & 2 != 0, enter: bits & 1 != 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::meta::FileKind;

    #[test]
    fn rights_are_those_of_owner_group_or_others() {
        let meta = |owner, group, mode| Meta { owner, group, ..Meta::for_tests(FileKind::File, mode, 0, 0) };
        let me = Identity { user: 5, groups: vec![7, 8] };
        let cases = [
            (meta(5, 7, 0o644), (true, true, false)),
            (meta(5, 7, 0o077), (false, false, false)),
            (meta(6, 8, 0o750), (true, false, true)),
            (meta(6, 9, 0o751), (false, false, true)),
        ];
        for (meta, (read, write, enter)) in cases {
            assert_eq!(me.rights(&meta), Rights { read, write, enter }, "{meta:?}");
        }
        let root = Identity { user: 0, groups: vec![] };
        assert!(root.rights(&meta(5, 5, 0)).write);
    }
}
