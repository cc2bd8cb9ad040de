//! What a file says: sections, their keys and values, and where each was written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::line::WrittenLine;
use super::secrecy::Secret;
use super::{Key, Source};

/// One section.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) origin: Origin,
    pub(super) keys: Keys,
    /// The keys that it may have, once somebody has read it.
    pub(super) table: &'static [Key],
    /// Keys that were asked for, written or not.
    pub(super) known: BTreeSet<&'static str>,
    /// Keys whose values can't be used.
    pub(super) broken: BTreeSet<&'static str>,
    /// Keys that it needs and hasn't.
    pub(super) missing: Vec<&'static str>,
}

/// Keys in lower case, with their settings.
pub(super) type Keys = BTreeMap<String, WrittenValue>;

#[derive(Debug)]
pub(super) struct WrittenValue {
    /// Empty if nothing is written after the key.
    pub(super) value: String,
    pub(super) origin: Origin,
}

impl Written {
    pub(super) fn new(name: String, origin: Origin) -> Written {
        Written {
            name,
            origin,
            keys: Keys::new(),
            table: &[],
            known: BTreeSet::new(),
            broken: BTreeSet::new(),
            missing: Vec::new(),
        }
    }

    /// The keys that nobody asked for.
    pub(super) fn unread(&self) -> impl Iterator<Item = (&str, &WrittenValue)> {
        let all = self.keys.iter().map(|(key, setting)| (key.as_str(), setting));
        all.filter(|(key, _)| !self.known.contains(key))
    }
}

/// Where a section or a value was written.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// Nowhere in the file.
    Nowhere,
    /// In a line of the file.
    Line(NumberedLine),
    /// On the command line, as `--set section.key=value`.
    Override { section: String, key: String, value: String },
}

/// One line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NumberedLine {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) text: Box<str>,
}

impl NumberedLine {
    pub(super) fn source(&self, file: &Arc<str>, key: &str, secret: Secret) -> Source {
        let line = WrittenLine::new(&self.text, secret);
        Source::Line { file: Arc::clone(file), number: self.number, key: key.to_owned(), line, section: None }
    }
}

impl Origin {
    /// What others see of it, with a password in it taken out.
    pub(super) fn source(&self, file: &Arc<str>, key: &str, secret: Secret) -> Source {
        match self {
            Origin::Nowhere => Source::File(Arc::clone(file)),
            Origin::Line(line) => line.source(file, key, secret),
            Origin::Override { section, key, value } => {
                Source::Override { section: section.clone(), key: key.clone(), value: value.clone() }
            }
        }
    }

    /// The line, counted from 1; 0 if it is in no file.
    pub(super) fn number(&self) -> usize {
        if let Origin::Line(line) = self { line.number } else { 0 }
    }
}
