//! Names of owners and groups, loaded at start: no session's thread reads /etc.

use std::collections::HashMap;

/// Names by number; a number without a name is shown as itself.
#[derive(Debug, Default)]
pub struct Owners {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
}

impl Owners {
    /// Reads /etc/passwd and /etc/group; what can't be read has no names.
    pub fn of_system() -> Self {
        let read = |file| names(&String::from_utf8_lossy(&std::fs::read(file).unwrap_or_default()));
        Self { users: read("/etc/passwd"), groups: read("/etc/group") }
    }

    /// The name of a user.
    pub fn user(&self, number: u32) -> Option<&str> {
        self.users.get(&number).map(String::as_str)
    }

    /// The name of a group.
    pub fn group(&self, number: u32) -> Option<&str> {
        self.groups.get(&number).map(String::as_str)
    }
}

/// Lines `name:x:number:…`; the first name of a number counts. Each is one word, so that it shifts no column of a list.
fn names(table: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in table.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(_), Some(Ok(number))) = (fields.next(), fields.next(), fields.next().map(str::parse)) {
            let word = name.replace(|letter: char| letter.is_whitespace() || letter.is_control(), "_");
            if !word.is_empty() {
                names.entry(number).or_insert(word);
            }
        }
    }
    names
}

/// Whether a number may stand for any owner at all: in a container that knows only some users, all others look like this one.
pub fn is_unmapped(user: u32) -> bool {
    let read = |file| std::fs::read_to_string(file).unwrap_or_default();
    let knows_all = read("/proc/self/uid_map").split_whitespace().eq(["0", "0", "4294967295"]);
    !knows_all && read("/proc/sys/kernel/overflowuid").trim() == user.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_word_or_none() {
        let names = names("domain users:x:1\nDOM\\a\tb\x1b:x:2\n:x:3\n\u{a0}g\u{fc}\u{fffd}:x:4\n");
        let name = |number: u32| names.get(&number).map(String::as_str);
        assert_eq!(name(1), Some("domain_users"));
        assert_eq!(name(2), Some("DOM\\a_b_"));
        assert_eq!(name(3), None);
        assert_eq!(name(4), Some("_g\u{fc}\u{fffd}"));
    }

    #[test]
    fn the_first_name_of_a_number_counts_and_bad_lines_are_skipped() {
        let names = names("root:x:0:0:root:/root:/bin/sh\n# comment\nbad\ntoor:x:0:0\nbob:x:1000:");
        assert_eq!(names.get(&0).map(String::as_str), Some("root"));
        assert_eq!(names.get(&1000).map(String::as_str), Some("bob"));
        assert_eq!(names.len(), 2);
    }
}
