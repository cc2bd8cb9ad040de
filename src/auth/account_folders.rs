//! The folders of an account as one list: where each really is, and what holds there.
//!
//! For those who judge an account without a session: `ftpd check`, and the guard of the server's own files. A session goes
//! by what it opens instead (`share`).

use std::iter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::auth::folders::{FolderSection, Setting};
use crate::auth::perm::{Perm, Perms};
use crate::auth::user::User;
use crate::ini::Source;
use crate::protocol::hidden::HiddenNames;
use crate::protocol::path::VirtualPath;

/// A folder for which user.ini has a section: the account's own for its home, or another.
#[derive(Clone, Debug)]
pub struct AccountFolder<'a> {
    /// The account.
    pub user: &'a User,
    /// Its section; `None` is that of the account itself.
    pub section: Option<&'a FolderSection>,
    /// The folder, as clients see it.
    pub path: VirtualPath,
    /// Where it is, by its name; a client's links may lead elsewhere.
    pub real: PathBuf,
    /// The letters that hold there.
    pub perms: Perms,
    /// The letters that hold anywhere on the way to it from the folder of its mount, its own left out.
    pub letters_above: Perms,
    /// Where the letters come from.
    pub letters_from: Source,
    /// Where the values come from that hold there, besides the letters.
    pub rules: Vec<(&'static str, Source)>,
    /// How long files stay there.
    pub keep: Option<Duration>,
    /// Names that do not exist there.
    pub hide: Option<&'a HiddenNames>,
    /// The number of the folder above it whose letters it has or changes.
    pub above: Option<usize>,
}

impl User {
    /// Its folders, the home first, and each after those that it is below of.
    pub fn all_folders(&self) -> Vec<AccountFolder<'_>> {
        let mut folders = vec![AccountFolder {
            user: self,
            section: None,
            path: VirtualPath::root(),
            real: self.home.clone(),
            perms: self.perms,
            letters_above: Perms::default(),
            letters_from: self.source("perm"),
            rules: rules(&[], self.keys.states(), |key| self.source(key)),
            keep: self.keys.keep.get().copied(),
            hide: self.keys.hide.get().map(Arc::as_ref),
            above: None,
        }];
        for section in &self.folders {
            let is_above = |folder: &AccountFolder| section.path.below(&folder.path).is_some();
            let above = folders.iter().rposition(is_above).unwrap_or_default();
            let folder = folders[above].below(section);
            folders.push(AccountFolder { above: Some(above), ..folder });
        }
        folders
    }
}

impl<'a> AccountFolder<'a> {
    /// The folder of a section below this one.
    fn below(&self, section: &'a FolderSection) -> AccountFolder<'a> {
        // A section's path was text once.
        let rest = section.path.below(&self.path).and_then(|rest| std::str::from_utf8(rest).ok());
        let (real, above) = match &section.home {
            Some(home) => (home.clone(), None),
            None => (self.real.join(Path::new(rest.unwrap_or_default())), Some(self)),
        };
        let hide = match &section.keys.hide {
            Setting::Inherited => above.and_then(|above| above.hide),
            own => own.get().map(Arc::as_ref),
        };
        AccountFolder {
            user: self.user,
            section: Some(section),
            path: section.path.clone(),
            real,
            perms: section.perms.unwrap_or(self.perms),
            letters_above: above.map_or_else(Perms::default, |above| above.letters_above.with(above.perms)),
            letters_from: section.perms.map_or_else(|| self.letters_from.clone(), |_| section.source("perm")),
            rules: rules(above.map_or(&[], |above| &above.rules), section.keys.states(), |key| section.source(key)),
            keep: section.keys.keep.over(above.and_then(|above| above.keep.as_ref())).copied(),
            hide,
            above: None,
        }
    }

    /// Whether the letters of the folder that is there, or will be, let clients make the one in it that is on the way to this
    /// one, which is not there.
    pub fn may_be_made(&self, folders: &[AccountFolder]) -> bool {
        let way = iter::successors(Some(self.path.clone()), VirtualPath::parent).zip(self.real.ancestors());
        let missing = way.take_while(|(_, real)| !real.exists()).last();
        let around = missing.and_then(|(path, _)| path.parent()).unwrap_or_else(VirtualPath::root);
        let is_nearest = |other: &&AccountFolder| around.is_within(&other.path);
        let perms = folders.iter().rfind(is_nearest).map_or(Perms::default(), |nearest| nearest.perms);
        perms.has(Perm::MakeDir) || perms.has(Perm::Rename)
    }

    /// Whether its folder is named by `home`, in the section of the account or in its own.
    pub fn is_mount(&self) -> bool {
        self.section.is_none_or(|section| section.home.is_some())
    }

    /// Where its folder is named: the `home` of the section, or the section itself.
    pub fn source(&self) -> Source {
        match self.section {
            None => self.user.source("home"),
            Some(section) if section.home.is_some() => section.source("home"),
            Some(section) => section.begin(),
        }
    }

    /// What names it in user.ini: `[alex /photos]`, or `[alex]`.
    pub fn title(&self) -> String {
        self.section.map_or_else(|| format!("[{}]", self.user.name), FolderSection::title)
    }
}

/// The keys that hold, with their lines: those of a section, and those that it leaves to the one above. A quota counts for its
/// own section alone.
fn rules(
    above: &[(&'static str, Source)],
    states: [(&'static str, Setting<()>); 5],
    source: impl Fn(&'static str) -> Source,
) -> Vec<(&'static str, Source)> {
    let rule = |(key, state): (&'static str, Setting<()>)| match state {
        Setting::Is(()) => Some((key, source(key))),
        Setting::Off => None,
        Setting::Inherited => above.iter().find(|(known, _)| *known == key).cloned(),
    };
    states.into_iter().filter_map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::accounts::Accounts;
    use crate::auth::samples::terms;

    #[test]
    fn each_place_has_what_the_nearest_section_says() {
        let text = "[alex]\npassword = x\nperm = elr\nhome = /srv/alex\nhide = .*\nkeep = 9d\nquota = 5G\n\
                    [alex /a]\nperm = elw\nhide = off\n[alex /a/b c]\nrefuse = *.exe\n\
                    [alex /m]\nhome = /mnt/m\nquota = 1G\n[alex /m/in]\nperm = el\n[alex /a/b c/m]\nhome = rel\n[* /ab]\nperm = e\n";
        let accounts = Accounts::parse(Path::new("/etc/user.ini"), Ok(text.into()), &terms(None)).unwrap();
        let user = accounts.find(b"alex").unwrap();
        let folders = user.all_folders();
        let row = |folder: &AccountFolder| {
            let rules: Vec<String> = folder.rules.iter().map(|(_, source)| source.text()).collect();
            let above = folder.above.map(|above| folders[above].title()).unwrap_or_default();
            let path = String::from_utf8_lossy(folder.path.as_bytes()).into_owned();
            [path, folder.real.display().to_string(), folder.perms.to_string(), rules.join(", "), above].join(" | ")
        };
        let expected = [
            "/ | /srv/alex | elr | quota = 5G, keep = 9d, hide = .* | ",
            "/a | /srv/alex/a | elw | keep = 9d | [alex]",
            "/a/b c | /srv/alex/a/b c | elw | keep = 9d, refuse = *.exe | [alex /a]",
            "/a/b c/m | /etc/rel | elw |  | [alex /a/b c]",
            "/ab | /srv/alex/ab | e | keep = 9d, hide = .* | [alex]",
            "/m | /mnt/m | elr | quota = 1G | [alex]",
            "/m/in | /mnt/m/in | el |  | [alex /m]",
        ];
        assert_eq!(folders.iter().map(row).collect::<Vec<_>>(), expected);
        let lines: Vec<String> = folders.iter().map(|folder| folder.letters_from.place()).collect();
        let numbers = ["3", "9", "9", "9", "21", "3", "17"].map(|line| format!("/etc/user.ini:{line}"));
        assert_eq!(lines, numbers);
        assert_eq!(folders[5].source().text(), "home = /mnt/m");
        assert_eq!(folders[6].source().text(), "[alex /m/in]");
    }
}
