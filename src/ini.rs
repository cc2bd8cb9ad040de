//! One INI file: its values, and everything that is wrong with it.
//!
//! A file is scanned once for sections, keys and line numbers, which finds every error of form;
//! the `configparser` crate then gives the values of the lines that are sound. `config` and
//! `auth::users` read their sections key by key; a key that nobody asked for is an error, and all
//! errors of a file are reported together.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

mod problem;
mod scan;
mod value;

pub use problem::{Problem, Problems};
pub use value::{Value, word};

/// The section whose keys every other section of the file takes as defaults.
const DEFAULT: &str = "DEFAULT";

/// One INI file while it is being read; [`File::finish`] tells what was wrong with it.
pub struct File {
    name: String,
    folder: PathBuf,
    sections: Vec<(String, Place, Entries)>,
    defaults: Entries,
    known: BTreeSet<(String, &'static str)>,
    unread: Vec<(String, String, Place)>,
    problems: Vec<Problem>,
}

/// Keys in lower case, with their values.
type Entries = BTreeMap<String, Entry>;

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    value: String,
    place: Place,
    folder: PathBuf,
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq)]
enum Place {
    Line(usize),
    Override(String),
}

impl File {
    /// Reads the file at `path`; a file that cannot be read, or that is not UTF-8, is an error.
    pub fn open(path: &Path) -> Result<File, Problem> {
        File::decode(path, fs::read(path))
    }

    /// As [`File::open`], of what was `read` from `path` before.
    pub fn decode(path: &Path, read: io::Result<Vec<u8>>) -> Result<File, Problem> {
        let file = path.display().to_string();
        let problem = |line, reason| Problem { file: file.clone(), line, key: String::new(), reason };
        let bytes = read.map_err(|error| problem(None, error.to_string()))?;
        let text = String::from_utf8(bytes).map_err(|error| {
            let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
            problem(Some(line), "this line is not UTF-8 text".to_owned())
        })?;
        Ok(File::parse(&file, path.parent().unwrap_or(Path::new("")), &text))
    }

    /// Reads `text` as if it were the file `name` in `folder`.
    pub fn parse(name: &str, folder: &Path, text: &str) -> File {
        let mut file = File { name: name.to_owned(), folder: absolute(folder), ..File::empty() };
        let (sections, faults) = scan::scan(text);
        for (line, key, reason) in faults {
            file.problems.push(problem(name, &Place::Line(line), key, reason.to_owned()));
        }
        for section in sections {
            let entries = section.keys.into_iter().map(|key| {
                let place = Place::Line(key.line);
                (key.name.to_ascii_lowercase(), Entry { value: key.value, place, folder: file.folder.clone() })
            });
            match section.name.as_str() {
                DEFAULT => file.defaults = entries.collect(),
                _ => file.sections.push((section.name, Place::Line(section.line), entries.collect())),
            }
        }
        file
    }

    /// A file in which nothing stands: every key has its default.
    pub fn empty() -> File {
        File {
            name: String::new(),
            folder: absolute(Path::new("")),
            sections: Vec::new(),
            defaults: Entries::new(),
            known: BTreeSet::new(),
            unread: Vec::new(),
            problems: Vec::new(),
        }
    }

    /// Replaces or adds values; a relative path among them is relative to the current folder.
    pub fn set(&mut self, overrides: &[Override]) {
        for Override { section, key, value } in overrides {
            let place = Place::Override(format!("--set {section}.{key}"));
            let folder = absolute(Path::new(""));
            let entry = Entry { value: value.clone(), place: place.clone(), folder };
            let known = self.sections.iter().position(|(name, ..)| name == section);
            let entries = match known {
                _ if section == DEFAULT => &mut self.defaults,
                Some(index) => &mut self.sections[index].2,
                None => {
                    self.sections.push((section.clone(), place, Entries::new()));
                    &mut self.sections.last_mut().expect("one was just pushed").2
                }
            };
            entries.insert(key.to_ascii_lowercase(), entry);
        }
    }

    /// The names of the sections in the order of the file, without `DEFAULT`.
    pub fn names(&self) -> Vec<String> {
        self.sections.iter().map(|(name, ..)| name.clone()).collect()
    }

    /// Gives section `name` (empty if the file has none) to `read`, which takes every key it
    /// knows; what it leaves is an unknown key.
    pub fn read<T>(&mut self, name: &str, read: impl FnOnce(&mut Section) -> T) -> T {
        let index = self.sections.iter().position(|(section, ..)| section == name);
        let (place, own) = match index.map(|index| self.sections.remove(index)) {
            Some((_, place, own)) => (Some(place), own),
            None => (None, Entries::new()),
        };
        let mut section = Section {
            file: self.name.clone(),
            name: name.to_owned(),
            folder: self.folder.clone(),
            place,
            own,
            defaults: self.defaults.clone(),
            known: BTreeSet::new(),
            problems: Vec::new(),
        };
        let value = read(&mut section);
        section.finish(self);
        value
    }

    /// The keys that [`File::read`] has asked for up to now, as (section, key).
    pub fn known(&self) -> impl Iterator<Item = (&str, &str)> {
        self.known.iter().map(|(section, key)| (section.as_str(), *key))
    }

    /// Adds a problem that concerns the whole file.
    pub fn refuse(&mut self, reason: impl Into<String>) {
        let key = String::new();
        self.problems.push(Problem { file: self.name.clone(), line: None, key, reason: reason.into() });
    }

    /// All that was wrong with the file, with sections and keys that nobody read.
    pub fn finish(mut self) -> Vec<Problem> {
        let names: BTreeSet<&str> = self.known.iter().map(|(section, _)| section.as_str()).collect();
        for (name, place, _) in &self.sections {
            let reason = format!("unknown section '{name}'{}", hint(name, names.iter().copied()));
            self.problems.push(problem(&self.name, place, "", reason));
        }
        for (section, key, place) in &self.unread {
            let siblings = self.known.iter().filter(|(name, _)| name == section).map(|(_, key)| *key);
            let elsewhere = self.known.iter().find(|(_, known)| known == key);
            let hint = match elsewhere {
                Some((home, _)) => format!(", it belongs in [{home}]"),
                None => hint(key, siblings),
            };
            let reason = format!("unknown key in [{section}]{hint}");
            self.problems.push(problem(&self.name, place, key, reason));
        }
        let keys: BTreeSet<&str> = self.known.iter().map(|(_, key)| *key).collect();
        for (key, entry) in &self.defaults {
            // Without any section there is nothing to judge the keys by.
            if !keys.is_empty() && !keys.contains(key.as_str()) {
                let reason = format!("unknown key in [{DEFAULT}]{}", hint(key, keys.iter().copied()));
                self.problems.push(problem(&self.name, &entry.place, key, reason));
            }
        }
        Problems::new(self.problems).0
    }
}

/// One section while it is being read, key by key.
pub struct Section {
    file: String,
    name: String,
    folder: PathBuf,
    place: Option<Place>,
    own: Entries,
    defaults: Entries,
    known: BTreeSet<&'static str>,
    problems: Vec<Problem>,
}

impl Section {
    /// The value of `key`, or `default` where the key is missing; a value that does not parse is
    /// noted as a problem and `default` stands in for it.
    pub fn take<T: Value>(&mut self, key: &'static str, default: T) -> T {
        self.find(key).unwrap_or(default)
    }

    /// As [`Section::take`], with a problem where the value lies outside `range`.
    pub fn take_in<T>(&mut self, key: &'static str, default: T, range: RangeInclusive<T>) -> T
    where
        T: Value + PartialOrd + Debug,
    {
        let value = self.take(key, default);
        if !range.contains(&value) {
            self.refuse(key, format!("must be between {:?} and {:?}", range.start(), range.end()));
        }
        value
    }

    /// The value of `key`; a missing key is a problem that names the section.
    pub fn need<T: Value>(&mut self, key: &'static str) -> Option<T> {
        if self.entry(key).is_none() {
            self.known.insert(key);
            self.refuse(key, format!("missing in [{}]", self.name));
        }
        self.find(key)
    }

    /// Notes that the value of `key` can't be used; an empty `key` stands for the whole section.
    pub fn refuse(&mut self, key: &'static str, reason: impl Into<String>) {
        let place = self.entry(key).map(|entry| &entry.place).or(self.place.as_ref());
        let mut new = problem(&self.file, place.unwrap_or(&Place::Line(0)), key, reason.into());
        new.line = new.line.filter(|&line| line > 0);
        self.problems.push(new);
    }

    /// Where `key` is written, as `user.ini:14`.
    pub fn place(&self, key: &str) -> String {
        match self.entry(key).map(|entry| &entry.place) {
            Some(Place::Line(line)) => format!("{}:{line}", self.file),
            Some(Place::Override(name)) => name.clone(),
            None => self.file.clone(),
        }
    }

    /// The folder of the file, from the root on; without a file the current one.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    fn find<T: Value>(&mut self, key: &'static str) -> Option<T> {
        self.known.insert(key);
        let entry = self.entry(key)?;
        match T::parse(&entry.value, &entry.folder) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(key, reason);
                None
            }
        }
    }

    fn entry(&self, key: &str) -> Option<&Entry> {
        self.own.get(key).or_else(|| self.defaults.get(key))
    }

    fn finish(self, file: &mut File) {
        file.problems.extend(self.problems);
        for (key, entry) in self.own {
            if !self.known.contains(key.as_str()) {
                file.unread.push((self.name.clone(), key, entry.place));
            }
        }
        file.known.extend(self.known.into_iter().map(|key| (self.name.clone(), key)));
    }
}

/// One value given on the command line: `section.key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The section, as it is written in the file.
    pub section: String,
    /// The key, in any case.
    pub key: String,
    /// The value, never empty.
    pub value: String,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Override, String> {
        let parts = text.split_once('=').and_then(|(name, value)| {
            let (section, key) = name.split_once('.')?;
            Some([section, key, value].map(|part| part.trim().to_owned()))
        });
        match parts {
            Some([section, key, value]) if ![&section, &key, &value].iter().any(|part| part.is_empty()) => {
                Ok(Override { section, key, value })
            }
            _ => Err("expected section.key=value, such as server.port=2121".to_owned()),
        }
    }
}

fn problem(file: &str, place: &Place, key: &str, reason: String) -> Problem {
    match place {
        Place::Line(line) => Problem { file: file.to_owned(), line: Some(*line), key: key.to_owned(), reason },
        Place::Override(name) => Problem { file: name.clone(), line: None, key: String::new(), reason },
    }
}

/// `, did you mean 'perm'?` where a known word is close to `word`.
fn hint<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let close = known
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score >= 0.85)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    close.map_or(String::new(), |(_, candidate)| format!(", did you mean '{candidate}'?"))
}

/// `folder` from the root on, so that a path keeps its meaning; nothing is looked up on the disk.
fn absolute(folder: &Path) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(mut file: File, read: impl Fn(&mut Section)) -> Vec<String> {
        file.read("one", &read);
        file.finish().iter().map(Problem::to_string).collect()
    }

    fn one(text: &str) -> File {
        File::parse("x.ini", Path::new(""), text)
    }

    #[test]
    fn all_problems_are_told_at_once_sorted_by_line() {
        let text = "[one]\nsize = big\nprot = 1\nport = x\nstray\n[tow]\n[DEFAULT]\nzone = 1\n";
        let read = |section: &mut Section| {
            section.take::<u64>("size", 0);
            section.take::<u16>("port", 0);
            section.need::<String>("home");
        };
        let expected = [
            "x.ini:1: home: missing in [one]",
            "x.ini:2: size: 'big' is not a number, expected a size such as 500, 100K, 2M or 1G",
            "x.ini:3: prot: unknown key in [one], did you mean 'port'?",
            "x.ini:4: port: 'x' is not a port number from 0 to 65535",
            "x.ini:5: stray: has no value",
            "x.ini:6: unknown section 'tow'",
            "x.ini:8: zone: unknown key in [DEFAULT]",
        ];
        assert_eq!(told(one(text), read), expected);
    }

    #[test]
    fn a_key_of_another_section_is_told_where_it_belongs() {
        let mut file = one("[one]\nport = 1\n");
        file.read("one", |section| section.take::<u16>("max", 0));
        file.read("two", |section| section.take::<u16>("port", 0));
        assert_eq!(file.finish()[0].to_string(), "x.ini:2: port: unknown key in [one], it belongs in [two]");
    }

    #[test]
    fn default_gives_every_section_what_it_lacks() {
        let mut file = one("[one]\nport = 1\n[DEFAULT]\nPort = 9\n[two]\n");
        let ports = ["one", "two", "three"].map(|name| file.read(name, |section| section.take::<u16>("port", 0)));
        assert_eq!((ports, file.finish().len()), ([1, 9, 9], 0));
    }

    #[test]
    fn a_bad_default_is_told_once() {
        let mut file = one("[one]\n[two]\n[DEFAULT]\nport = x\n");
        let _ = ["one", "two"].map(|name| file.read(name, |section| section.take::<u16>("port", 0)));
        assert_eq!(file.finish().len(), 1);
    }

    #[test]
    fn an_override_replaces_or_adds_and_is_named_in_its_problem() {
        let mut file = one("[one]\nport = 1\n");
        file.set(&["one.PORT=7", "one.size=x", "new.key=1", "one.prot=1"].map(|text| text.parse().unwrap()));
        let values = file.read("one", |section| (section.take::<u16>("port", 0), section.take::<u64>("size", 3)));
        assert_eq!(values, (7, 3));
        let told: Vec<String> = file.finish().iter().map(Problem::to_string).collect();
        assert_eq!(told[0], "--set new.key: unknown section 'new'");
        assert_eq!(told[1], "--set one.prot: unknown key in [one], did you mean 'port'?");
        assert!(told[2].starts_with("--set one.size: 'x' is not a number"), "{}", told[2]);
    }

    #[test]
    fn an_override_has_a_section_a_key_and_a_value() {
        for (text, sound) in
            [("a.b=c", true), ("a.b = c=d", true), ("a=b", false), ("a.b", false), ("a.b=", false), (".b=c", false)]
        {
            assert_eq!(text.parse::<Override>().is_ok(), sound, "{text}");
        }
    }

    #[test]
    fn a_line_that_is_not_utf8_is_named() {
        let error = File::decode(Path::new("x.ini"), Ok(b"[a]\nb = c\nd = \xff\n".to_vec())).err().unwrap();
        assert_eq!(error.to_string(), "x.ini:3: this line is not UTF-8 text");
    }

    #[test]
    fn relative_paths_begin_in_the_folder_of_the_file() {
        let mut file = File::parse("x.ini", Path::new("/etc/ftpd"), "[one]\na = share\nb = /srv\nc = ~/x\\y\n");
        let paths = file.read("one", |section| ["a", "b", "c"].map(|key| section.need::<PathBuf>(key).unwrap()));
        assert_eq!(paths, ["/etc/ftpd/share", "/srv", "/etc/ftpd/~/x\\y"].map(PathBuf::from));
    }

    #[test]
    fn a_value_outside_its_range_is_told() {
        let told = told(one("[one]\nport = 7\n"), |section| {
            section.take_in::<u16>("port", 1, 1..=5);
        });
        assert_eq!(told, ["x.ini:2: port: must be between 1 and 5"]);
    }
}
