//! One section while it is read, key by key.

use std::fmt::Debug;
use std::ops::RangeInclusive;
use std::path::Path;

use super::written::{Origin, Setting, Written};
use super::{File, Key, Value, absolute, word};

/// One section of a [`File`], with the defaults of the file.
pub struct Section<'a> {
    pub(super) file: &'a mut File,
    pub(super) written: Written,
    pub(super) keys: &'static [Key],
}

impl Section<'_> {
    /// The value of `key`, or its default if the key is missing. A value that can't be parsed is a problem of the file,
    /// and the default takes its place.
    pub fn take<T: Value>(&mut self, key: &'static str) -> T {
        self.take_with(key, T::parse)
    }

    /// The same as [`Section::take`]; the value is one of these words, in any case.
    pub fn take_word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> T {
        self.take_with(key, |text, _| word(text, words))
    }

    /// The same as [`Section::take`], with another reader than that of the type.
    pub fn take_with<T>(&mut self, key: &'static str, parse: impl Fn(&str, &Path) -> Result<T, String>) -> T {
        self.find_with(key, &parse).unwrap_or_else(|| {
            let default = self.row(key).default().unwrap_or_else(|| panic!("the table has no default for {key}"));
            parse(default, self.folder()).unwrap_or_else(|reason| panic!("the default of {key}: {reason}"))
        })
    }

    /// The same as [`Section::take`]; a value outside `range` is a problem of the file.
    pub fn take_in<T>(&mut self, key: &'static str, range: RangeInclusive<T>) -> T
    where
        T: Value + PartialOrd + Debug,
    {
        let value = self.take(key);
        if !range.contains(&value) {
            self.refuse(key, format!("must be between {:?} and {:?}", range.start(), range.end()));
        }
        value
    }

    /// The value of `key`; if the key is missing, that is a problem of the file.
    pub fn need<T: Value>(&mut self, key: &'static str) -> Option<T> {
        if self.setting(key).is_none() {
            self.refuse(key, format!("missing in [{}]", self.written.name));
        }
        self.find(key)
    }

    /// The value of `key`, if it is written and can be parsed; one that can't be is a problem of the file.
    pub fn find<T: Value>(&mut self, key: &'static str) -> Option<T> {
        self.find_with(key, T::parse)
    }

    fn find_with<T>(&mut self, key: &'static str, parse: impl Fn(&str, &Path) -> Result<T, String>) -> Option<T> {
        self.written.known.insert(self.row(key).name);
        let Setting { value, origin } = self.setting(key)?;
        let parsed = match origin {
            Origin::Override(_) => parse(value, &absolute(Path::new(""))),
            Origin::Line(_) | Origin::Nowhere => parse(value, self.folder()),
        };
        parsed.map_err(|reason| self.refuse(key, reason)).ok()
    }

    /// Adds the problem that the value of `key` can't be used; an empty `key` stands for the whole section.
    pub fn refuse(&mut self, key: &'static str, reason: impl Into<String>) {
        let origin = self.setting(key).map_or(&self.written.origin, |setting| &setting.origin);
        let problem = origin.problem(&self.file.name, key, reason);
        self.file.problems.push(problem);
    }

    /// Where `key` is written, as `user.ini:14`.
    pub fn place(&self, key: &str) -> String {
        let file = &self.file.name;
        match self.setting(key).map(|setting| &setting.origin) {
            Some(Origin::Line(line)) => format!("{file}:{line}"),
            Some(Origin::Override(name)) => name.clone(),
            Some(Origin::Nowhere) | None => file.clone(),
        }
    }

    /// The folder of the file as an absolute path; without a file, the current one.
    pub fn folder(&self) -> &Path {
        &self.file.folder
    }

    fn row(&self, key: &str) -> &'static Key {
        let row = self.keys.iter().find(|row| row.name == key);
        row.unwrap_or_else(|| panic!("the key {key} is read, but it is not in the table of its section"))
    }

    fn setting(&self, key: &str) -> Option<&Setting> {
        self.written.keys.get(key).or_else(|| self.file.defaults.get(key))
    }
}
