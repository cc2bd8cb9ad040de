//! What a file says: sections, their keys and values, and where each was written.

use std::collections::{BTreeMap, BTreeSet};

use super::Problem;

/// One section.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) keys: Keys,
    /// Keys that were asked for, written or not.
    pub(super) known: BTreeSet<&'static str>,
}

/// Keys in lower case, with their settings.
pub(super) type Keys = BTreeMap<String, Setting>;

#[derive(Debug)]
pub(super) struct Setting {
    pub(super) value: String,
    pub(super) origin: Origin,
}

impl Written {
    pub(super) fn new(name: String, origin: Origin) -> Written {
        Written { name, origin, keys: Keys::new(), known: BTreeSet::new() }
    }
}

/// Where a section or a value was written.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// Nowhere in the file.
    Nowhere,
    /// At this line, counted from 1.
    Line(usize),
    /// On the command line, as `--set section.key`.
    Override(String),
}

impl Origin {
    /// What is wrong here, with `key` in `file`.
    pub(super) fn problem(&self, file: &str, key: &str, reason: impl Into<String>) -> Problem {
        let (file, line, key) = match self {
            Origin::Nowhere => (file, None, key),
            Origin::Line(line) => (file, Some(*line), key),
            Origin::Override(name) => (name.as_str(), None, ""),
        };
        Problem { file: file.to_owned(), line, key: key.to_owned(), reason: reason.into() }
    }
}
