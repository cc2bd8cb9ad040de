//! What nobody asked for in a file: sections and keys that don't exist, and lines that are neither.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::advice::{self, ACCOUNT};
use super::scan::{BadLine, NO_VALUE};
use super::secrecy::{self, Secret};
use super::written::{Keys, Origin, Written, WrittenValue};
use super::{DEFAULT, File, Finding, FolderTitle, Key, Severity, Source};

/// A finding for each section and key that nobody has read, and for each line that can't be used.
pub(super) fn findings(file: &File) -> Vec<Finding> {
    let mut rows = BTreeMap::new();
    for (section, row) in file.rows() {
        rows.entry(row.name).or_insert((section, row));
    }
    let has_folders = || file.read.iter().any(|section| FolderTitle::of(&section.name).is_some());
    let holds_passwords = rows.is_empty() || rows.values().any(|(_, row)| row.is_secret()) || has_folders();
    let unread = Unread { file, rows, holds_passwords };
    [
        unread.faults(),
        unread.homeless(),
        unread.sections(),
        unread.strange(),
        unread.keys(),
        unread.missing(),
        unread.defaults(),
    ]
    .concat()
}

struct Unread<'a> {
    file: &'a File,
    /// Each known key, with a section that may have it.
    rows: BTreeMap<&'static str, (&'a str, &'static Key)>,
    /// Whether the file is one that has passwords, so that any line may be one.
    holds_passwords: bool,
}

impl Unread<'_> {
    fn faults(&self) -> Vec<Finding> {
        let finding = |BadLine { line, key, value, mistake, is_cause, .. }: &BadLine| {
            let secret = match line.text.trim_start() {
                text if text.starts_with('[') => Secret::AllButSection,
                text if text.contains(['=', ':']) => self.secret(key, value),
                _ if self.is_first_word_known(key) => Secret::AllButFirstWord,
                _ => Secret::All,
            };
            let key = if secret == Secret::All { String::new() } else { advice::shown_key(key) };
            let source = line.source(&self.file.name, key.trim_end_matches('…'), secret);
            let finding = match mistake.reason.as_str() {
                NO_VALUE if key.is_empty() => Finding::error(&source, "this line has no '='").fix("write key = value"),
                _ => Finding::of_value(Severity::Error, &source, mistake.clone()),
            };
            let finding = if *is_cause { finding.into_cause() } else { finding };
            if mistake.part.is_some() { finding } else { finding.at_key() }
        };
        self.file.faults.iter().map(finding).collect()
    }

    /// Whether a line without a '=' begins with a key, so that it is not all of a password.
    fn is_first_word_known(&self, line: &str) -> bool {
        let word = line.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        self.rows.contains_key(word.as_str()) || advice::alias(&word).is_some()
    }

    /// Keys before the first section. If sections may have any name, all of these keys lack the same line.
    fn homeless(&self) -> Vec<Finding> {
        let homeless = &self.file.homeless;
        let of_one = |(key, setting): &(String, WrittenValue)| {
            let finding = Finding::error(&self.source(key, setting), "this key is before any [section]").at_key();
            match self.home_of(key) {
                Some((section, row)) if row.name == key && advice::better(row, &setting.value).is_none() => {
                    finding.fix(format!("it belongs below [{section}]"))
                }
                Some((section, row)) if secrecy::plain(row, &setting.value, false) < setting.value.len() => {
                    finding.fix(format!("{} belongs below [{section}]", row.name))
                }
                Some((section, row)) => {
                    let value = advice::better(row, &setting.value).unwrap_or_else(|| setting.value.clone());
                    finding.fix(format!("write {} = {value} below [{section}]", row.name))
                }
                None => finding,
            }
        };
        match homeless.first() {
            Some((key, setting)) if self.holds_passwords => {
                let others = match homeless.len() {
                    1 => "this key is".to_owned(),
                    2 => "this key and the next one are".to_owned(),
                    number => format!("this key and the next {} are", number - 1),
                };
                let source = self.source(key, setting);
                let fix = "the keys of an account belong below a line with its name, such as [alex]";
                vec![Finding::error(&source, format!("{others} before any [name]")).at_key().fix(fix)]
            }
            _ => homeless.iter().map(of_one).collect(),
        }
    }

    fn sections(&self) -> Vec<Finding> {
        let names: BTreeSet<&str> = self.file.known().map(|(section, _)| section).chain([DEFAULT]).collect();
        let finding = |Written { name, origin, keys, .. }: &Written| {
            let source = origin.source(&self.file.name, "", Secret::AllButSection);
            let alias = advice::section_alias(name).filter(|alias| names.contains(alias));
            let hint = match alias.map_or_else(|| advice::hint(name, names.iter().copied()), did_you_mean) {
                hint if hint.is_empty() => self.home_of_all(keys).map_or(hint, did_you_mean),
                hint => hint,
            };
            let finding = Finding::error(&source, format!("unknown section '{}'{hint}", secrecy::section(name)));
            finding.at_key()
        };
        self.file.sections.iter().map(finding).collect()
    }

    /// The section that all known keys of an unknown one belong to.
    fn home_of_all(&self, keys: &Keys) -> Option<&str> {
        let mut homes = keys.keys().filter_map(|key| self.home_of(key)).map(|(home, _)| home);
        let first = homes.next()?;
        homes.all(|home| home == first).then_some(first)
    }

    /// Whether nothing in a section makes sense: it holds all accounts, perhaps.
    fn is_strange(&self, section: &Written) -> bool {
        let meant = |key: &str| advice::meant(key, section.table).is_some();
        let lacks = if section.keys.is_empty() { 2 } else { 1 };
        section.missing.len() >= lacks
            && section.keys.keys().all(|key| !section.known.contains(key.as_str()) && !meant(key))
    }

    fn strange(&self) -> Vec<Finding> {
        let finding = |section: &Written| {
            let source = section.origin.source(&self.file.name, "", Secret::AllButSection);
            let name = secrecy::section(&section.name);
            let reason = match section.keys.is_empty() {
                true => format!("there is nothing in [{name}]"),
                false => format!("no key of an account is in [{name}]; each account is a section of its own"),
            };
            Finding::error(&source, reason).fix(format!("write\n{ACCOUNT}"))
        };
        self.file.read.iter().filter(|section| self.is_strange(section)).map(finding).collect()
    }

    fn familiar(&self) -> impl Iterator<Item = &Written> {
        self.file.read.iter().filter(|section| !self.is_strange(section))
    }

    fn keys(&self) -> Vec<Finding> {
        let all =
            self.familiar().flat_map(|section| section.unread().map(move |(key, setting)| (section, key, setting)));
        all.map(|(section, key, setting)| self.unknown(&section.name, section.table, key, setting)).collect()
    }

    /// Needed keys that aren't there, not even under a wrong name.
    fn missing(&self) -> Vec<Finding> {
        let of_section = |section: &Written| {
            let faults = self.file.faults.iter().filter(|fault| fault.section == section.name);
            let broken = faults.filter_map(|fault| fault.key.split_whitespace().next());
            let written = section.unread().map(|(key, _)| key).chain(broken);
            let meant: Vec<&str> = written.filter_map(|key| advice::meant(key, section.table)).collect();
            let source = section.origin.source(&self.file.name, "", Secret::AllButSection);
            let name = secrecy::section(&section.name);
            // Each line that is not understood may be one of those that are missing.
            let is_strange = |key: &&str| advice::meant(key, section.table).is_none() && self.home_of(key).is_none();
            let faults = self.file.faults.iter().filter(|fault| fault.section == section.name);
            let strange = section.unread().map(|(key, _)| key).filter(is_strange).count()
                + faults.filter(|fault| !section.keys.contains_key(&fault.key.to_ascii_lowercase())).count();
            let missing = section.missing.iter().filter(|key| !meant.contains(key)).skip(strange);
            let finding = |key: &&'static str| {
                let finding = Finding::error(&source, format!("missing in [{name}]")).about(*key);
                let row = section.table.iter().find(|row| row.name == *key);
                row.and_then(advice::line_for).into_iter().fold(finding, Finding::fix)
            };
            missing.map(finding).collect::<Vec<_>>()
        };
        self.familiar().flat_map(of_section).collect()
    }

    fn defaults(&self) -> Vec<Finding> {
        // If no section was read, it is not known which keys there are.
        let unknown =
            self.file.defaults.iter().filter(|(key, _)| !self.rows.is_empty() && !self.rows.contains_key(key.as_str()));
        let rows = || self.rows.values().map(|(_, row)| *row);
        unknown.map(|(key, setting)| self.unknown(DEFAULT, rows(), key, setting)).collect()
    }

    /// A key that is not one of those that its section may have.
    fn unknown(
        &self,
        section: &str,
        rows: impl IntoIterator<Item = &'static Key>,
        key: &str,
        setting: &WrittenValue,
    ) -> Finding {
        let names: Vec<&str> = rows.into_iter().map(|row| row.name).collect();
        let reason = format!("unknown key in [{}]", secrecy::section(section));
        let finding = |hint: &str| Finding::error(&self.source(key, setting), format!("{reason}{hint}")).at_key();
        if let Some(fix) = advice::place(key, self.holds_passwords) {
            return finding("").fix(fix);
        }
        let other = advice::alias(key).unwrap_or_else(|| advice::bare(key));
        if let Some(alias) = Some(other).filter(|alias| *alias != key && names.contains(alias)) {
            return finding(&did_you_mean(alias));
        }
        if let Some(whole) = advice::without_section(section, key, &names) {
            return finding(&did_you_mean(whole));
        }
        match self.home_of(key) {
            Some((_, row)) if let Some(title) = FolderTitle::of(section) => {
                let name = if row.name == key { "it".to_owned() } else { format!("it is called '{}' and", row.name) };
                finding("").fix(format!(
                    "{name} belongs to accounts, not to their folders: {}",
                    self.place_for_accounts(&title)
                ))
            }
            Some((home, row)) => {
                let name =
                    if row.name == key { "it".to_owned() } else { format!("it is called '{}' here and", row.name) };
                moved(finding(&format!(", {name} belongs in [{home}]")), home, row, &setting.value)
            }
            None => finding(&advice::hint(key, names)),
        }
    }

    /// Where a key of accounts belongs that is written in the section of a folder.
    fn place_for_accounts(&self, title: &FolderTitle) -> String {
        let account = if self.file.read.iter().any(|section| section.name == title.account) {
            secrecy::section(&title.account)
        } else {
            DEFAULT.to_owned()
        };
        format!("write it below [{account}]")
    }

    /// The section and the row of a key that is known by this name or another one.
    fn home_of(&self, key: &str) -> Option<(&str, &'static Key)> {
        let found = self.rows.get(advice::bare(key)).or_else(|| self.rows.get(advice::alias(key)?));
        found.copied()
    }

    fn source(&self, key: &str, setting: &WrittenValue) -> Source {
        let written = match &setting.origin {
            Origin::Line(line) => line.text.trim_start().get(..key.len()).unwrap_or(key),
            _ => key,
        };
        let secret = self.secret(written, &setting.value);
        let key = if secret == Secret::All { String::new() } else { advice::shown_key(key) };
        setting.origin.source(&Arc::clone(&self.file.name), &key, secret)
    }

    /// What is secret in a line with a '=' behind `key`.
    fn secret(&self, written: &str, value: &str) -> Secret {
        let key = &written.to_ascii_lowercase();
        match self.rows.get(key.as_str()).map(|(_, row)| *row).or_else(|| self.meant(key)) {
            Some(row) => Secret::of(row, value, self.holds_passwords),
            None if !secrecy::is_name(written) => Secret::All,
            None if advice::shown_key(key) == *key => Secret::VALUE,
            None => Secret::AllButFirstWord,
        }
    }

    /// The row of the key that an unknown one was meant to be.
    fn meant(&self, key: &str) -> Option<&'static Key> {
        let rows = || self.rows.values().map(|(_, row)| *row);
        let name = advice::meant(key, rows()).filter(|_| !advice::may_be_password(key))?;
        rows().find(|row| row.name == name)
    }
}

fn did_you_mean(name: &str) -> String {
    format!(", did you mean '{name}'?")
}

/// What to write in another section, if that is not the same.
fn moved(finding: Finding, section: &str, row: &Key, value: &str) -> Finding {
    match advice::better(row, value).filter(|_| !row.is_secret()) {
        Some(value) => finding.fix(format!("write {} = {value} below [{section}]", row.name)),
        None => finding,
    }
}
