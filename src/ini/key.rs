//! Keys as people know them: a name, the type of the value, what holds without it, and what it means.

/// One row of a table of keys.
///
/// The readers of [`Section`](super::Section) look the default up here. The tables in docs/ and the sample files are compared
/// with these rows, so the texts are for people; values in them are in backticks.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name, in lower case.
    pub name: &'static str,
    /// The type of its value: a noun, or all words that it may be.
    pub value: &'static str,
    /// What holds if it isn't written.
    pub missing: Missing,
    /// What it is for.
    pub meaning: &'static str,
}

/// What holds if a key isn't written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// This value, as it could be written.
    Default(&'static str),
    /// No value.
    Nothing,
    /// The file can't be used.
    Problem,
}

impl Key {
    /// A key with a default.
    pub const fn new(name: &'static str, value: &'static str, default: &'static str, meaning: &'static str) -> Key {
        Key { name, value, missing: Missing::Default(default), meaning }
    }

    /// A key that may be missing.
    pub const fn optional(name: &'static str, value: &'static str, meaning: &'static str) -> Key {
        Key { name, value, missing: Missing::Nothing, meaning }
    }

    /// A key that must be written.
    pub const fn needed(name: &'static str, value: &'static str, meaning: &'static str) -> Key {
        Key { name, value, missing: Missing::Problem, meaning }
    }

    /// Whether its value is shown to nobody.
    pub fn is_secret(&self) -> bool {
        self.value == "password"
    }

    /// The value that holds if the key isn't written.
    pub fn default(&self) -> Option<&'static str> {
        match self.missing {
            Missing::Default(text) => Some(text),
            Missing::Nothing | Missing::Problem => None,
        }
    }
}
