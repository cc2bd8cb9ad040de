//! One section while it is read, key by key.

use std::ops::RangeInclusive;
use std::path::Path;

use super::advice;
use super::secrecy::{self, Secret};
use super::written::{Origin, Written, WrittenValue};
use super::{Bounded, File, Finding, FolderTitle, Key, Mistake, Severity, Source, Sources, Value, absolute, word};

/// One section of a [`File`], with the defaults of the file.
pub struct Section<'a> {
    pub(super) file: &'a mut File,
    pub(super) written: Written,
}

impl Section<'_> {
    /// The value of `key`, or its default if the key is missing. A value that can't be parsed is an error of the file,
    /// and the default takes its place.
    pub fn take<T: Value>(&mut self, key: &'static str) -> T {
        self.take_with(key, T::parse)
    }

    /// The same as [`Section::take`]; the value is one of these words, in any case.
    pub fn take_word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> T {
        self.take_with(key, |text, _| word(text, words))
    }

    /// The same as [`Section::take`], with another reader than that of the type.
    pub fn take_with<T>(&mut self, key: &'static str, parse: impl Fn(&str, &Path) -> Result<T, Mistake>) -> T {
        self.find_with(key, &parse).unwrap_or_else(|| {
            let default = self.row(key).default().unwrap_or_else(|| panic!("the table has no default for {key}"));
            parse(default, self.folder()).unwrap_or_else(|wrong| panic!("the default of {key}: {}", wrong.reason))
        })
    }

    /// The same as [`Section::take`]; a value outside `range` is an error of the file.
    pub fn take_in<T: Bounded>(&mut self, key: &'static str, range: RangeInclusive<T>) -> T {
        self.take_with(key, |text, folder| T::parse_in(text, folder, &range))
    }

    /// The value of `key`; if the key is missing, that is an error of the file.
    pub fn need<T: Value>(&mut self, key: &'static str) -> Option<T> {
        if self.setting(key).is_none() {
            self.written.missing.push(key);
        }
        self.find(key)
    }

    /// The value of `key`, if it is written and can be parsed; one that can't be is an error of the file.
    pub fn find<T: Value>(&mut self, key: &'static str) -> Option<T> {
        self.find_with(key, T::parse)
    }

    fn find_with<T>(&mut self, key: &'static str, parse: impl Fn(&str, &Path) -> Result<T, Mistake>) -> Option<T> {
        let row = self.row(key);
        self.written.known.insert(row.name);
        let WrittenValue { value, origin } = self.setting(key)?;
        let current = absolute(Path::new(""));
        let folder = if matches!(origin, Origin::Override { .. }) { &current } else { &self.file.folder };
        let parsed = match value.as_str() {
            "" => Err(advice::empty(row)),
            value if let Some(mistake) = advice::refused(row, value) => Err(mistake),
            value => parse(value, folder)
                .map_err(|mistake| advice::of(row, value, mistake, |text| parse(text, folder).is_ok())),
        };
        let doubt = advice::doubt(row, value).filter(|_| parsed.is_ok());
        let told = match (&parsed, doubt) {
            (Err(mistake), _) => Some((Severity::Error, mistake.clone())),
            (Ok(_), doubt) => doubt.map(|mistake| (Severity::Warning, mistake)),
        };
        if let Some((severity, mistake)) = told {
            let mistake = secrecy::hidden(mistake, value, secrecy::plain(row, value, self.has_passwords()));
            let found = Finding::of_value(severity, &self.source(key), mistake);
            let is_path = ["folder", "file"].contains(&row.value);
            self.file.found.push(if is_path { found.into_cause() } else { found });
        }
        if parsed.is_err() {
            self.written.broken.insert(key);
        }
        parsed.ok()
    }

    /// Whether nothing is written in it.
    pub fn is_empty(&self) -> bool {
        self.written.keys.is_empty()
    }

    /// Adds the error that the value of `key` can't be used; an empty `key` stands for the whole section.
    pub fn refuse(&mut self, key: &'static str, mistake: impl Into<Mistake>) {
        let found = Finding::of_value(Severity::Error, &self.source(key), mistake.into());
        self.file.found.push(found);
    }

    /// Adds the error that `key` can't be used without `other`, unless something is wrong with the value of `other` anyway.
    pub fn refuse_without(&mut self, key: &'static str, other: &str, reason: impl Into<Mistake>) {
        if !self.written.broken.contains(other) {
            self.refuse(key, reason);
        }
    }

    /// Adds that the value of `key` is probably not what was meant.
    pub fn doubt(&mut self, key: &'static str, mistake: Mistake) {
        let found = Finding::of_value(Severity::Warning, &self.source(key), mistake);
        self.file.found.push(found);
    }

    /// Where the values come from that were asked for so far.
    pub fn sources(&self) -> Sources {
        let written = self.written.known.iter().filter(|key| self.setting(key).is_some());
        let written = written.map(|key| (*key, self.source(key))).collect();
        Sources::new(self.written.table, written).beginning(self.source(""))
    }

    /// Where `key` is written; without it, where the section begins. In a section about a folder, its name is told, too.
    fn source(&self, key: &str) -> Source {
        let source = self.place(key);
        if FolderTitle::of(&self.written.name).is_some() { source.in_section(&self.written.name) } else { source }
    }

    fn place(&self, key: &str) -> Source {
        let row = self.written.table.iter().find(|row| row.name == key);
        match (self.setting(key), row) {
            (Some(WrittenValue { value, origin }), Some(row)) => {
                origin.source(&self.file.name, key, Secret::of(row, value, self.has_passwords()))
            }
            _ => self.written.origin.source(&self.file.name, key, Secret::AllButSection),
        }
    }

    /// Whether the file is one that has passwords.
    fn has_passwords(&self) -> bool {
        // Folders are of accounts.
        self.written.table.iter().any(Key::is_secret) || FolderTitle::of(&self.written.name).is_some()
    }

    /// The folder of the file as an absolute path; without a file, the current one.
    pub fn folder(&self) -> &Path {
        &self.file.folder
    }

    fn row(&self, key: &str) -> &'static Key {
        let row = self.written.table.iter().find(|row| row.name == key);
        row.unwrap_or_else(|| panic!("the key {key} is read, but it is not in the table of its section"))
    }

    fn setting(&self, key: &str) -> Option<&WrittenValue> {
        let defaults = || self.file.defaults.get(key).filter(|_| FolderTitle::of(&self.written.name).is_none());
        self.written.keys.get(key).or_else(defaults)
    }
}
