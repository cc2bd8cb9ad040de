//! One INI file: its values, and everything that is wrong with it.
//!
//! `config` and `auth::users` read their sections key by key; a table of [`Key`]s says what each is called, and what holds
//! if it isn't written. A key that nobody asked for is an error, and all errors of a file are reported together, each with
//! its line.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

mod key;
mod overrides;
mod problem;
mod scan;
mod section;
mod value;
mod written;

pub use key::{Key, Missing};
pub use overrides::Override;
pub use problem::{Problem, Problems};
pub use section::Section;
pub use value::{Value, word};

use scan::Scan;
use written::{Keys, Origin, Setting, Written};

/// The section whose keys are defaults for every other section of the file.
const DEFAULT: &str = "DEFAULT";

/// One INI file while it is read; [`File::finish`] returns what is wrong with it.
pub struct File {
    name: String,
    folder: PathBuf,
    defaults: Keys,
    /// Sections that nobody has read yet, without `DEFAULT`.
    sections: Vec<Written>,
    /// Sections that were read.
    read: Vec<Written>,
    problems: Vec<Problem>,
}

impl File {
    /// Reads the file at `path`; a file that can't be read, or that is not UTF-8, is an error.
    pub fn open(path: &Path) -> Result<File, Problem> {
        File::decode(path, fs::read(path))
    }

    /// The same as [`File::open`], for what was `read` from `path` before.
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

    /// Reads `text` as the content of a file `name` in `folder`.
    pub fn parse(name: &str, folder: &Path, text: &str) -> File {
        let Scan { mut sections, faults, .. } = Scan::of(text);
        let defaults = sections.iter().position(|section| section.name == DEFAULT).map(|index| sections.remove(index));
        let problems = faults.into_iter().map(|fault| Origin::Line(fault.line).problem(name, &fault.key, fault.reason));
        File {
            name: name.to_owned(),
            folder: absolute(folder),
            defaults: defaults.map(|section| section.keys).unwrap_or_default(),
            sections,
            read: Vec::new(),
            problems: problems.collect(),
        }
    }

    /// A file without a line: every key has its default.
    pub fn empty() -> File {
        File::parse("", Path::new(""), "")
    }

    /// Replaces or adds values; a relative path among them is relative to the current folder.
    pub fn set(&mut self, overrides: &[Override]) {
        for Override { section, key, value } in overrides {
            let origin = Origin::Override(format!("--set {section}.{key}"));
            let setting = Setting { value: value.clone(), origin: origin.clone() };
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

    /// Hands section `name` (empty if the file has none) to `read`, which takes every key of the table `keys`; all others
    /// are unknown.
    pub fn read<T>(&mut self, name: &str, keys: &'static [Key], read: impl FnOnce(&mut Section) -> T) -> T {
        let index = self.sections.iter().position(|section| section.name == name);
        let written = index.map(|index| self.sections.remove(index));
        let missing = || Written::new(name.to_owned(), Origin::Nowhere);
        let mut section = Section { file: self, written: written.unwrap_or_else(missing), keys };
        let value = read(&mut section);
        let Section { written, .. } = section;
        self.read.push(written);
        value
    }

    /// The keys that [`File::read`] has asked for so far, as (section, key).
    pub fn known(&self) -> impl Iterator<Item = (&str, &str)> {
        self.read.iter().flat_map(|section| section.known.iter().map(|key| (section.name.as_str(), *key)))
    }

    /// Adds a problem of the file as a whole.
    pub fn refuse(&mut self, reason: impl Into<String>) {
        self.problems.push(Origin::Nowhere.problem(&self.name, "", reason));
    }

    /// Everything that is wrong with the file, with the sections and keys that nobody read.
    pub fn finish(mut self) -> Vec<Problem> {
        let unread = [self.unknown_sections(), self.unknown_keys(), self.unknown_defaults()];
        self.problems.extend(unread.into_iter().flatten());
        Problems::new(self.problems).0
    }

    fn unknown_sections(&self) -> Vec<Problem> {
        let names: BTreeSet<&str> = self.known().map(|(section, _)| section).collect();
        let problem = |Written { name, origin, .. }: &Written| {
            origin.problem(&self.name, "", format!("unknown section '{name}'{}", hint(name, &names)))
        };
        self.sections.iter().map(problem).collect()
    }

    fn unknown_keys(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for Written { name, keys, known, .. } in &self.read {
            for (key, setting) in keys.iter().filter(|(key, _)| !known.contains(key.as_str())) {
                let hint = match self.known().find(|(_, known)| known == key) {
                    Some((home, _)) => format!(", it belongs in [{home}]"),
                    None => hint(key, known),
                };
                problems.push(setting.origin.problem(&self.name, key, format!("unknown key in [{name}]{hint}")));
            }
        }
        problems
    }

    fn unknown_defaults(&self) -> Vec<Problem> {
        let keys: BTreeSet<&str> = self.known().map(|(_, key)| key).collect();
        // If no section was read, it is not known which keys there are.
        let unknown = self.defaults.iter().filter(|(key, _)| !keys.is_empty() && !keys.contains(key.as_str()));
        let problem = |(key, setting): (&String, &Setting)| {
            setting.origin.problem(&self.name, key, format!("unknown key in [{DEFAULT}]{}", hint(key, &keys)))
        };
        unknown.map(problem).collect()
    }
}

/// `, did you mean 'perm'?` if a known word is close to `word`.
fn hint(word: &str, known: &BTreeSet<&str>) -> String {
    let close = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score >= 0.85)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    close.map_or(String::new(), |(_, candidate)| format!(", did you mean '{candidate}'?"))
}

/// `folder` as an absolute path, without asking the disk.
fn absolute(folder: &Path) -> PathBuf {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [Key; 6] = [
        Key::new("size", "size", "3", ""),
        Key::new("port", "port", "1", ""),
        Key::needed("home", "folder", ""),
        Key::needed("a", "folder", ""),
        Key::needed("b", "folder", ""),
        Key::needed("c", "folder", ""),
    ];

    fn told(mut file: File, read: impl Fn(&mut Section)) -> Vec<String> {
        file.read("one", &KEYS, &read);
        file.finish().iter().map(Problem::to_string).collect()
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
        file.read("one", &KEYS, |section| section.take::<u64>("size"));
        file.read("two", &KEYS, |section| section.take::<u16>("port"));
        assert_eq!(file.finish()[0].to_string(), "x.ini:2: port: unknown key in [one], it belongs in [two]");
    }

    #[test]
    fn default_gives_every_section_what_it_lacks() {
        let mut file = one("[one]\nport = 1\n[DEFAULT]\nPort = 9\n[two]\n");
        let ports = ["one", "two", "three"].map(|name| file.read(name, &KEYS, |section| section.take::<u16>("port")));
        assert_eq!((ports, file.finish().len()), ([1, 9, 9], 0));
    }

    #[test]
    fn a_bad_default_is_reported_once() {
        let mut file = one("[one]\n[two]\n[DEFAULT]\nport = x\n");
        let _ = ["one", "two"].map(|name| file.read(name, &KEYS, |section| section.take::<u16>("port")));
        assert_eq!(file.finish().len(), 1);
    }

    #[test]
    fn an_override_replaces_or_adds_and_is_named_in_its_problem() {
        let mut file = one("[one]\nport = 1\n");
        file.set(&["one.PORT=7", "one.size=x", "new.key=1", "one.prot=1"].map(|text| text.parse().unwrap()));
        let values = file.read("one", &KEYS, |section| (section.take::<u16>("port"), section.take::<u64>("size")));
        assert_eq!(values, (7, 3));
        let told: Vec<String> = file.finish().iter().map(Problem::to_string).collect();
        assert_eq!(told[0], "--set new.key: unknown section 'new'");
        assert_eq!(told[1], "--set one.prot: unknown key in [one], did you mean 'port'?");
        assert!(told[2].starts_with("--set one.size: 'x' is not a number"), "{}", told[2]);
    }

    #[test]
    fn a_line_that_is_not_utf8_is_named() {
        let error = File::decode(Path::new("x.ini"), Ok(b"[a]\nb = c\nd = \xff\n".to_vec())).err().unwrap();
        assert_eq!(error.to_string(), "x.ini:3: this line is not UTF-8 text");
    }

    #[test]
    fn relative_paths_begin_in_the_folder_of_the_file() {
        let mut file = File::parse("x.ini", Path::new("/etc/ftpd"), "[one]\na = share\nb = /srv\nc = ~/x\\y\n");
        let paths = file.read("one", &KEYS, |section| ["a", "b", "c"].map(|key| section.need::<PathBuf>(key).unwrap()));
        assert_eq!(paths, ["/etc/ftpd/share", "/srv", "/etc/ftpd/~/x\\y"].map(PathBuf::from));
    }

    #[test]
    fn a_value_outside_its_range_is_a_problem() {
        let told = told(one("[one]\nport = 7\n"), |section| {
            section.take_in::<u16>("port", 1..=5);
        });
        assert_eq!(told, ["x.ini:2: port: must be between 1 and 5"]);
    }
}
