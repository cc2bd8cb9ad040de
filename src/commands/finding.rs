//! One line of a check's answer.

use std::fmt;

/// What a check has found; it prints as its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Keeps the server, an account or a client from working.
    Wrong(String),
    /// Deserves a second look.
    Note(String),
    /// Was tried, and works.
    Sound(String),
}

impl Finding {
    /// Whether the check as a whole has failed.
    pub fn is_wrong(&self) -> bool {
        matches!(self, Finding::Wrong(_))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::Wrong(text) | Finding::Sound(text) => f.write_str(text),
            Finding::Note(text) => write!(f, "note: {text}"),
        }
    }
}
