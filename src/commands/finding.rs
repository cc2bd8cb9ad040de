//! One line of the output of `ftpd check`.

use std::fmt;

/// Something that a check has found; prints as its line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// Keeps the server, an account or a client from working.
    Wrong(String),
    /// Deserves a second look.
    Note(String),
    /// Works, as the check has tried.
    Sound(String),
}

impl Finding {
    /// Whether it makes the check fail.
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
