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
        let read = |file| names(&std::fs::read_to_string(file).unwrap_or_default());
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

/// Lines `name:x:number:…`; the first name of a number counts.
fn names(table: &str) -> HashMap<u32, String> {
    let mut names = HashMap::new();
    for line in table.lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(_), Some(Ok(number))) = (fields.next(), fields.next(), fields.next().map(str::parse)) {
            names.entry(number).or_insert_with(|| name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_of_a_number_counts_and_bad_lines_are_skipped() {
        let names = names("root:x:0:0:root:/root:/bin/sh\n# comment\nbad\ntoor:x:0:0\nbob:x:1000:");
        assert_eq!(names.get(&0).map(String::as_str), Some("root"));
        assert_eq!(names.get(&1000).map(String::as_str), Some("bob"));
        assert_eq!(names.len(), 2);
    }
}
