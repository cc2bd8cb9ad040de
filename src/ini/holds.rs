//! Whether a file holds settings or accounts, by its sections and keys.

use std::path::Path;

use super::advice;
use super::secrecy::{self, Secret};
use super::written::Written;
use super::{DEFAULT, File, Finding, FolderTitle, Key};

/// Sections of the settings.
const SETTINGS: &[&str] = &["server", "transfer", "passive", "active", "anonymous", "tls", "log", "web"];

/// Keys of every account.
const ACCOUNTS: &[&str] = &["password", "perm", "home"];

/// Whether a section of this name is one of the settings.
pub(super) fn is_of_settings(section: &str) -> bool {
    SETTINGS.contains(&section)
}

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Settings, as in ftpd.conf.
    Settings,
    /// Accounts, as in user.ini.
    Accounts,
}

impl Holds {
    /// What the file at `path` holds, if it can be read and holds nothing else.
    pub fn of(path: &Path) -> Option<Holds> {
        File::open(path).ok()?.holds()
    }
}

impl File {
    /// What it holds, if that is clear and nobody has read it yet.
    pub fn holds(&self) -> Option<Holds> {
        let is_account = |section: &Written| {
            ACCOUNTS.iter().any(|key| section.keys.contains_key(*key)) || FolderTitle::of(&section.name).is_some()
        };
        let is_setting = |section: &Written| SETTINGS.contains(&section.name.as_str()) && !is_account(section);
        let mut sections =
            self.sections.iter().filter(|section| section.name != DEFAULT && !section.keys.is_empty()).peekable();
        sections.peek()?;
        match () {
            () if sections.clone().all(is_setting) => Some(Holds::Settings),
            () if sections.all(is_account) => Some(Holds::Accounts),
            () => None,
        }
    }

    /// If there is no section `name`, but one of another name with keys of its `table`, that one is read as it, so that all
    /// that is wrong in it is told, and the name is an error of the file.
    pub fn adopt_section(&mut self, name: &str, table: &[Key]) {
        if self.sections.iter().any(|section| section.name == name) {
            return;
        }
        let mut unknown = self.sections.iter_mut().filter(|section| !is_of_settings(&section.name));
        let (Some(section), None) = (unknown.next(), unknown.next()) else { return };
        let is_known = |key: &String| table.iter().any(|row| row.name == key || advice::alias(key) == Some(row.name));
        let is_another = advice::section_alias(&section.name).is_some_and(|alias| alias != name);
        if is_another || !section.keys.keys().any(is_known) {
            return;
        }
        let source = section.origin.source(&self.name, "", Secret::AllButSection);
        let reason = format!("unknown section '{}', did you mean '{name}'?", secrecy::section(&section.name));
        self.found.push(Finding::error(&source, reason).at_key());
        name.clone_into(&mut section.name);
    }

    /// If there is no `[DEFAULT]`, but a section of that name in another case, or of nearly that name
    /// without the keys that each section `needs`, its keys
    /// are taken as defaults, and that is an error of the file.
    pub fn adopt_defaults(&mut self, needs: &[&str]) {
        let is_close = |name: &str| ["default", "defaults"].iter().any(|close| name.eq_ignore_ascii_case(close));
        let lacks = |section: &Written| needs.iter().any(|key| !section.keys.contains_key(*key));
        let is_it = |section: &Written| section.name.eq_ignore_ascii_case(DEFAULT) || lacks(section);
        let found = self.sections.iter().position(|section| is_close(&section.name) && is_it(section));
        let Some(index) = found.filter(|_| self.defaults.is_empty()) else { return };
        let section = self.sections.remove(index);
        let source = section.origin.source(&self.name, "", super::secrecy::Secret::AllButSection);
        let reason = format!("[{}] is not an account; did you mean [{DEFAULT}]?", section.name);
        self.found.push(super::Finding::error(&source, reason));
        self.defaults = section.keys;
    }
}
