//! Who else may write a file of the server.

use std::fs;

use nix::unistd::{Gid, Group};

use crate::sys::meta::{FileKind, Meta};

/// Those who may write something that should belong to the administrator and the server alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writers {
    /// Every user of this machine.
    All,
    /// Members of a group, by name.
    Group {
        /// Its name, or its number.
        group: String,
        /// Those who are in it and are neither root, nor the owner, nor the server.
        members: Vec<String>,
    },
}

const STICKY: u32 = 0o1000;

/// The users besides root, the owner and the user `server` who may write this file, or change the names in this folder. In a
/// sticky folder nobody can change the names of others.
pub fn writers(meta: &Meta, server: u32) -> Option<Writers> {
    let is_sticky = meta.kind == FileKind::Folder && meta.mode & STICKY != 0;
    match () {
        () if is_sticky => None,
        () if meta.mode & 0o002 != 0 => Some(Writers::All),
        () if meta.mode & 0o020 != 0 => {
            let (group, listed) = group_of(meta.group);
            let users = users(&String::from_utf8_lossy(&fs::read("/etc/passwd").unwrap_or_default()));
            let members = others(listed, &users, meta, server);
            (!members.is_empty()).then_some(Writers::Group { group, members })
        }
        () => None,
    }
}

/// The members of a file's group besides root, the owner and `server`; `listed` are those that the group's line names.
fn others(listed: Vec<String>, users: &[SystemUser], meta: &Meta, server: u32) -> Vec<String> {
    let trusted = [0, meta.owner, server];
    let primary = users.iter().filter(|user| user.group == meta.group).map(|user| user.name.clone());
    let number = |name: &String| users.iter().find(|user| user.name == *name).map(|user| user.number);
    listed.into_iter().chain(primary).filter(|name| number(name).is_none_or(|own| !trusted.contains(&own))).collect()
}

/// A line of /etc/passwd.
struct SystemUser {
    name: String,
    number: u32,
    group: u32,
}

fn users(table: &str) -> Vec<SystemUser> {
    let user = |line: &str| {
        let mut fields = line.split(':');
        let (name, _, number, group) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        Some(SystemUser { name: name.to_owned(), number: number.parse().ok()?, group: group.parse().ok()? })
    };
    table.lines().filter_map(user).collect()
}

/// The name of a group, and who is listed in it.
fn group_of(number: u32) -> (String, Vec<String>) {
    match Group::from_gid(Gid::from_raw(number)) {
        Ok(Some(group)) => (group.name, group.mem),
        Ok(None) | Err(_) => (number.to_string(), Vec::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_users_come_first_and_sticky_folders_are_aside() {
        let cases = [
            (FileKind::Folder, 0o755, None),
            (FileKind::Folder, 0o777, Some(Writers::All)),
            (FileKind::Folder, 0o1777, None),
            (FileKind::File, 0o644, None),
            (FileKind::File, 0o1646, Some(Writers::All)),
            (FileKind::File, 0o664, None),
        ];
        for (kind, mode, expected) in cases {
            let meta = Meta { group: 4_000_000_000, ..Meta::for_tests(kind, mode, 0, 0) };
            assert_eq!(writers(&meta, 0), expected, "{kind:?} {mode:o}");
        }
    }

    #[test]
    fn members_are_those_listed_and_those_whose_primary_group_it_is() {
        let users = users("root:x:0:0\nftpd:x:99:99\nann:x:1000:1000\nbob:x:1001:1000\nbad\n");
        let asked = |owner, group, listed: &[&str]| {
            let meta = Meta { owner, group, ..Meta::for_tests(FileKind::Folder, 0o775, 0, 0) };
            others(listed.iter().map(|name| (*name).to_owned()).collect(), &users, &meta, 99).join(" ")
        };
        assert_eq!(asked(0, 1000, &[]), "ann bob");
        assert_eq!(asked(1000, 1000, &[]), "bob");
        assert_eq!(asked(0, 99, &[]), "");
        assert_eq!(asked(0, 99, &["ftpd", "root"]), "");
        assert_eq!(asked(0, 99, &["ftpd", "ann", "stranger"]), "ann stranger");
    }
}
