//! One INI file: its values, and everything that is wrong with it.
//!
//! `config` and `auth::users` read their sections key by key; a table of [`Key`]s says what each is called, and what holds
//! if it isn't written. A key that nobody asked for is an error, and all errors of a file are reported together, each with
//! its line.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod advice;
mod decode;
mod excerpt;
mod finding;
mod findings;
mod foreign;
mod holds;
mod key;
mod line;
mod mistake;
mod overrides;
mod scan;
mod secrecy;
mod section;
mod shell;
mod source;
mod title;
mod unread;
mod value;
mod written;

pub use advice::{ACCOUNT, hint, windows_path};
pub use decode::{misnamed, renamed, without_number};
pub use excerpt::LineExcerpt;
pub use finding::{Finding, Severity};
pub use findings::{Findings, SHOWN};
pub use holds::Holds;
pub use key::{Key, Missing};
pub use mistake::Mistake;
pub use overrides::Override;
pub use secrecy::section as shown;
pub use section::Section;
pub use shell::{program, shell_word};
pub use source::{Source, Sources};
pub use title::FolderTitle;
pub use value::{Bounded, Value, duration, word};

use scan::{BadLine, Scan};
use written::{Keys, Origin, Written, WrittenValue};

use crate::sys::own_file;

/// The section whose keys are defaults for every other section of the file that is not about a folder.
const DEFAULT: &str = "DEFAULT";

/// One INI file while it is read; [`File::finish`] returns what was found.
pub struct File {
    name: Arc<str>,
    folder: PathBuf,
    defaults: Keys,
    /// Keys before the first section.
    homeless: Vec<(String, WrittenValue)>,
    /// Sections that nobody has read yet, without `DEFAULT`.
    sections: Vec<Written>,
    /// Sections that were read.
    read: Vec<Written>,
    faults: Vec<BadLine>,
    found: Vec<Finding>,
}

impl File {
    /// Reads the file at `path`; a file that can't be read, or that is not UTF-8, is an error.
    pub fn open(path: &Path) -> Result<File, Finding> {
        File::decode(path, own_file::read(path))
    }

    /// The same as [`File::open`], for what was `read` from `path` before.
    pub fn decode(path: &Path, read: io::Result<Vec<u8>>) -> Result<File, Finding> {
        let text = decode::text(path, read)?;
        Ok(File::parse(&path.display().to_string(), path.parent().unwrap_or(Path::new("")), &text))
    }

    /// Reads `text` as the content of a file `name` in `folder`.
    pub fn parse(name: &str, folder: &Path, text: &str) -> File {
        let Scan { mut sections, homeless, faults, .. } = Scan::of(text);
        let defaults = sections.iter().position(|section| section.name == DEFAULT).map(|index| sections.remove(index));
        File {
            name: name.into(),
            folder: absolute(folder),
            defaults: defaults.map(|section| section.keys).unwrap_or_default(),
            homeless,
            sections,
            read: Vec::new(),
            faults,
            found: Vec::new(),
        }
    }

    /// A file without a line: every key has its default.
    pub fn empty() -> File {
        File::parse("", Path::new(""), "")
    }

    /// Replaces or adds values; a relative path among them is relative to the current folder.
    pub fn set(&mut self, overrides: &[Override]) {
        for Override { section, key, value } in overrides {
            let origin = Origin::Override { section: section.clone(), key: key.clone(), value: value.clone() };
            let setting = WrittenValue { value: value.clone(), origin: origin.clone() };
            self.keys_of(section, origin).insert(key.to_ascii_lowercase(), setting);
        }
    }

    /// The keys of `section`, which begins at `origin` if the file has none.
    fn keys_of(&mut self, section: &str, origin: Origin) -> &mut Keys {
        if section == DEFAULT {
            return &mut self.defaults;
        }
        let index = self.sections.iter().position(|known| known.name == section).unwrap_or_else(|| {
            self.sections.push(Written::new(section.to_owned(), origin));
            self.sections.len() - 1
        });
        &mut self.sections[index].keys
    }

    /// The names of the sections in the order of the file, without `DEFAULT`.
    pub fn names(&self) -> Vec<String> {
        self.sections.iter().map(|section| section.name.clone()).collect()
    }

    /// The keys that are written in a section itself, with no regard to `DEFAULT`.
    pub fn keys(&self, section: &str) -> Vec<&str> {
        let found = self.sections.iter().filter(|known| known.name == section);
        found.flat_map(|section| section.keys.keys().map(String::as_str)).collect()
    }

    /// Whether `DEFAULT` holds a key.
    pub fn has_default(&self, key: &str) -> bool {
        self.defaults.contains_key(key)
    }

    /// Whether a line that begins a section can't be used, so that the section is missing.
    pub fn has_lost_section(&self) -> bool {
        self.faults.iter().any(|fault| fault.line.text.trim_start().starts_with('['))
    }

    /// Adds that `DEFAULT` can't hold a `key`, if it does.
    pub fn refuse_default(&mut self, key: &str, mistake: Mistake) {
        if let Some(WrittenValue { origin, .. }) = self.defaults.get(key) {
            let source = origin.source(&self.name, key, secrecy::Secret::VALUE);
            let found = Finding::of_value(Severity::Error, &source, mistake);
            // What is wrong with its value no longer matters.
            self.found.push(found.at_key().into_cause());
        }
    }

    /// Hands section `name` (empty if the file has none) to `read`, which takes every key of the table `keys`; all others
    /// are unknown.
    pub fn read<T>(&mut self, name: &str, keys: &'static [Key], read: impl FnOnce(&mut Section) -> T) -> T {
        let index = self.sections.iter().position(|section| section.name == name);
        let written = index.map(|index| self.sections.remove(index));
        let written = written.unwrap_or_else(|| Written::new(name.to_owned(), Origin::Nowhere));
        let mut section = Section { file: self, written: Written { table: keys, ..written } };
        let value = read(&mut section);
        let Section { written, .. } = section;
        self.read.push(written);
        value
    }

    /// The keys that [`File::read`] has asked for so far, as (section, key).
    pub fn known(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows().map(|(section, row)| (section, row.name))
    }

    fn rows(&self) -> impl Iterator<Item = (&str, &'static Key)> {
        self.read.iter().flat_map(|section| {
            let known = section.table.iter().filter(|row| section.known.contains(row.name));
            known.map(|row| (section.name.as_str(), row))
        })
    }

    /// Adds an error of the file as a whole, unless another one that was found so far explains it.
    pub fn refuse(&mut self, reason: impl Into<String>, fix: impl Into<String>) {
        if self.faults.is_empty() && self.homeless.is_empty() && !self.found.iter().any(Finding::is_error) {
            let source = Source::File(Arc::clone(&self.name));
            self.found.push(Finding::error(&source, reason).fix(fix));
        }
    }

    /// What was found so far, without what nobody read.
    pub fn only_refused(self) -> Findings {
        Findings::new(self.found)
    }

    /// Everything that was found, with the sections and keys that nobody read.
    pub fn finish(mut self) -> Findings {
        let found = std::mem::take(&mut self.found);
        Findings::new(found.into_iter().chain(unread::findings(&self)).collect())
    }
}

/// `folder` as an absolute path, without asking the disk.
fn absolute(folder: &Path) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [Key; 7] = [
        Key::new("number", "number", "1", ""),
        Key::new("size", "size", "3", ""),
        Key::new("port", "port", "1", ""),
        Key::needed("home", "folder", ""),
        Key::needed("a", "folder", ""),
        Key::needed("b", "folder", ""),
        Key::needed("c", "folder", ""),
    ];

    fn told(mut file: File, read: impl Fn(&mut Section)) -> Vec<String> {
        file.read("one", &KEYS, &read);
        file.finish().iter().map(Finding::to_string).collect()
    }

    fn first(file: File) -> String {
        file.finish().iter().next().map(Finding::to_string).unwrap()
    }

    fn one(text: &str) -> File {
        File::parse("x.ini", Path::new(""), text)
    }

    #[test]
    fn all_problems_are_reported_at_once_sorted_by_line() {
        let text = "[one]\nsize = big\nprot = 1\nport = x\nstray\n[tow]\n[DEFAULT]\nzone = 1\n";
        let read = |section: &mut Section| {
            section.take::<u64>("size");
            section.take::<u16>("port");
            section.need::<String>("home");
        };
        let expected = [
            "x.ini:2: size: 'big' is not a number, expected a size such as 500, 100K, 2M or 1G",
            "x.ini:3: prot: unknown key in [one], did you mean 'port'?",
            "x.ini:4: port: 'x' is not a port number from 0 to 65535",
            "x.ini:5: this line has no '='; write key = value",
            "x.ini:6: unknown section 'tow'",
            "x.ini:8: zone: unknown key in [DEFAULT]",
        ];
        assert_eq!(told(one(text), read), expected);
    }

    #[test]
    fn a_key_of_another_section_is_told_where_it_belongs() {
        let mut file = one("[one]\nport = 1\n");
        file.read("one", &KEYS, |section| section.take::<u64>("size"));
        file.read("two", &KEYS, |section| section.take::<u16>("port"));
        assert_eq!(first(file), "x.ini:2: port: unknown key in [one], it belongs in [two]");
    }

    #[test]
    fn default_gives_every_section_what_it_lacks() {
        let mut file = one("[one]\nport = 1\n[DEFAULT]\nPort = 9\n[two]\n");
        let ports = ["one", "two", "three"].map(|name| file.read(name, &KEYS, |section| section.take::<u16>("port")));
        assert_eq!((ports, file.finish().is_empty()), ([1, 9, 9], true));
    }

    #[test]
    fn a_bad_default_is_reported_once() {
        let mut file = one("[one]\n[two]\n[DEFAULT]\nport = x\n");
        let _ = ["one", "two"].map(|name| file.read(name, &KEYS, |section| section.take::<u16>("port")));
        assert_eq!(file.finish().iter().count(), 1);
    }

    #[test]
    fn an_override_replaces_or_adds_and_is_named_in_its_problem() {
        let mut file = one("[one]\nport = 1\n");
        file.set(&["one.PORT=7", "one.size=x", "new.key=1", "one.prot=1"].map(|text| text.parse().unwrap()));
        let values = file.read("one", &KEYS, |section| (section.take::<u16>("port"), section.take::<u64>("size")));
        assert_eq!(values, (7, 3));
        let told: Vec<String> = file.finish().iter().map(Finding::to_string).collect();
        assert_eq!(told[0], "--set new.key: unknown section 'new'");
        assert_eq!(told[1], "--set one.prot: unknown key in [one], did you mean 'port'?");
        assert!(told[2].starts_with("--set one.size: 'x' is not a number"), "{}", told[2]);
    }

    #[test]
    fn a_line_that_is_not_utf8_is_named() {
        let error = File::decode(Path::new("x.ini"), Ok(b"[a]\nb = c\nd = \xff\n".to_vec())).err().unwrap();
        assert_eq!(
            error.to_string(),
            "x.ini:3: this line is not UTF-8 text, but in another code page (GBK, Latin-1, …); save the file as UTF-8"
        );
    }

    #[test]
    fn relative_paths_begin_in_the_folder_of_the_file() {
        let mut file = File::parse("x.ini", Path::new("/etc/ftpd"), "[one]\na = share\nb = /srv\nc = ~/x\\y\n");
        let paths = file.read("one", &KEYS, |section| ["a", "b", "c"].map(|key| section.need::<PathBuf>(key).unwrap()));
        assert_eq!(paths, ["/etc/ftpd/share", "/srv", "/etc/ftpd/~/x\\y"].map(PathBuf::from));
    }

    #[test]
    fn a_value_outside_its_range_is_a_problem() {
        let told = told(one("[one]\nnumber = 7\n"), |section| {
            section.take_in::<u32>("number", 1..=5);
        });
        assert_eq!(told, ["x.ini:2: number: '7' is not a whole number from 1 to 5"]);
    }
}
