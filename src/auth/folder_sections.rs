//! The sections of user.ini that are about folders: `[alex /photos]` and `[* /public]`, and the accounts that they are for.

use std::sync::Arc;

use crate::auth::folder_titles::{Titles, path};
use crate::auth::folders::{FOR_ALL, FolderKeys, FolderSection, KEYS};
use crate::auth::user::is_anonymous;
use crate::ini::{File, Finding, FolderTitle, Mistake, Section, hint, shown};
use crate::protocol::path::VirtualPath;

/// All sections of a file that are about folders.
#[derive(Default)]
pub(super) struct FolderSections(Vec<Arc<FolderSection>>);

/// Who may have folders.
struct FolderOwners<'a> {
    accounts: &'a [String],
    has_anonymous: bool,
    /// Whether there may be others, whose names can't be read.
    are_more: bool,
}

/// The account without a password.
const ANONYMOUS: &str = "anonymous";

impl FolderSections {
    /// Reads the sections that are about folders; what is wrong with their titles is an error of the file.
    pub(super) fn read(file: &mut File, titles: &Titles, has_anonymous: bool) -> FolderSections {
        let owners = FolderOwners { accounts: &titles.accounts, has_anonymous, are_more: file.has_lost_section() };
        for (name, mistake) in &titles.others {
            let title = FolderTitle { account: String::new(), path: String::new() };
            file.read(name, KEYS, |section| {
                section.refuse("", mistake.clone());
                FolderSection::read(section, &title, VirtualPath::root())
            });
        }
        let read = |(name, title): &(String, FolderTitle)| {
            file.read(name, KEYS, |section| {
                let path = path(title).map_err(|mistake| section.refuse("", mistake)).ok();
                owners.examine(section, title);
                titles.doubt(section, title, &owners);
                let read = FolderSection::read(section, title, path.clone().unwrap_or_else(VirtualPath::root));
                path.map(|_| Arc::new(read))
            })
        };
        FolderSections(titles.folders.iter().filter_map(read).collect())
    }

    /// Those of one account, and those for all where it has none of its own, sorted by path.
    pub(super) fn of(&self, account: &str) -> Vec<Arc<FolderSection>> {
        let own = || self.0.iter().filter(|section| section.is_of(account));
        let has_own = |section: &FolderSection| own().any(|own| own.path == section.path);
        let shared = self.0.iter().filter(|section| section.is_for_all() && !has_own(section));
        let mut all: Vec<_> = own().chain(shared).cloned().collect();
        all.sort_by(|one, other| one.path.as_bytes().cmp(other.path.as_bytes()));
        all
    }

    /// Rules of one account that stand in place of a mount for all; without a key, that is probably what they are for.
    pub(super) fn covering(&self) -> Vec<Finding> {
        let mounts = || self.0.iter().filter(|section| section.is_for_all() && section.home.is_some());
        let rules = self.0.iter().filter(|section| !section.is_for_all() && section.home.is_none());
        let covering = rules.filter(|rule| rule.perms.is_some() || rule.keys != FolderKeys::default());
        covering
            .filter_map(|rule| {
                let mount = mounts().find(|mount| mount.path == rule.path)?;
                let home = mount.home.as_ref()?.display();
                let reason = format!("it takes the folder of {} away from the account", mount.source("home"));
                Some(Finding::warning(&rule.begin(), reason).fix(format!("add home = {home} to have it there, too")))
            })
            .collect()
    }
}

impl FolderOwners<'_> {
    /// Whether this is true of every account that there is.
    fn all_have(&self, has: impl Fn(&str) -> bool) -> bool {
        let mut all =
            self.accounts.iter().map(String::as_str).chain(self.has_anonymous.then_some(ANONYMOUS)).peekable();
        all.peek().is_some() && all.all(has)
    }

    /// Whether the account of a section exists.
    fn examine(&self, section: &mut Section, title: &FolderTitle) {
        let FolderTitle { account, path } = title;
        if account == FOR_ALL || self.accounts.contains(account) || (self.has_anonymous && account == ANONYMOUS) {
            return;
        }
        match account.as_str() {
            ANONYMOUS => {
                let mistake = Mistake::new("nobody sees it, as anonymous logins are off");
                section.doubt("", mistake.fix("write enable_anonymous = on in ftpd.conf to allow them"));
            }
            "DEFAULT" => {
                let mistake = Mistake::new("[DEFAULT] is no account, and gives its keys to accounts only");
                section.refuse("", mistake.fix(format!("write [* {path}] for all accounts")));
            }
            name if is_anonymous(name.as_bytes()) => {
                let mistake = Mistake::new(format!("'{name}' is called anonymous here"));
                section.refuse("", mistake.fix(format!("write [{ANONYMOUS} {path}]")));
            }
            _ if self.are_more => {}
            name => {
                let known = self.accounts.iter().map(String::as_str).chain([ANONYMOUS]);
                section.refuse("", format!("there is no account '{}'{}", shown(name), hint(name, known)));
            }
        }
    }
}

impl Titles {
    fn has(&self, account: &str, path: &str) -> bool {
        self.folders.iter().any(|(_, title)| title.account == account && title.path == path)
    }

    /// Adds what is probably not what was meant with a section.
    fn doubt(&self, section: &mut Section, title: &FolderTitle, owners: &FolderOwners) {
        let comment = ["] #", "] ;"].iter().find_map(|begin| title.path.find(begin));
        // One for all accounts does not hold where an account has its own.
        let replaces = || title.account != FOR_ALL && self.has(FOR_ALL, &title.path);
        if let Some(at) = comment {
            let mistake = Mistake::new("a comment needs a line of its own: it is part of the path");
            section.doubt("", mistake.fix(format!("write [{} {}]", title.account, &title.path[..at])));
        } else if title.account == FOR_ALL && owners.all_have(|owner| self.has(owner, &title.path)) {
            let mistake = Mistake::new("it holds for nobody, as each account has a section of its own for that folder");
            section.doubt("", mistake.fix("delete one of them"));
        } else if let Some(at) = title.path.find(['*', '?']) {
            let sign = &title.path[at..=at];
            let folder = title.path[..at].trim_end_matches(|c| c != '/').trim_end_matches('/');
            let mistake = Mistake::new(format!(
                "'{sign}' is taken as it is written: a section is for one folder and all below it"
            ));
            let fix = match folder {
                "" if title.account == FOR_ALL => "write [DEFAULT] for all folders of all accounts".to_owned(),
                "" => format!("put its keys below [{}]", title.account),
                folder => format!("write [{} {folder}]", title.account),
            };
            section.doubt("", mistake.fix(fix));
        } else if section.is_empty() && !replaces() {
            section.doubt("", Mistake::new("there is nothing in it").fix("give it a key such as perm, or delete it"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::auth::folders::Setting;
    use crate::ini::Finding;

    fn read(text: &str) -> (FolderSections, Vec<String>) {
        let mut file = File::parse("user.ini", Path::new("/etc"), text);
        let titles = Titles { accounts: vec!["alex".to_owned(), "egon".to_owned()], ..Titles::of(&file) };
        let sections = FolderSections::read(&mut file, &titles, false);
        (sections, file.finish().iter().map(Finding::to_string).collect())
    }

    #[test]
    fn every_key_of_a_folder_is_read() {
        let text = "[alex  /inbox]\nhome = in\nperm = elw\nquota = 20G\nkeep = 30d\nhide = .*\nrefuse = *.exe\non_upload = /bin/scan -q\n\
                    [alex /rule]\nkeep = off\nhide = off\nrefuse = 0\non_upload = off\n[DEFAULT]\nhome = no\nhide = x\n";
        let (sections, told) = read(text);
        assert!(told.is_empty(), "{told:?}");
        let [inbox, rule] = &sections.of("alex")[..] else { panic!("two sections") };
        assert_eq!((inbox.path.as_bytes(), inbox.title().as_str()), (&b"/inbox"[..], "[alex /inbox]"));
        assert_eq!(inbox.home.as_deref(), Some(Path::new("/etc/in")));
        assert_eq!(inbox.perms.map(|perms| perms.to_string()).as_deref(), Some("elw"));
        assert_eq!(
            (inbox.keys.quota, inbox.keys.keep.get()),
            (Some(20 << 30), Some(&Duration::from_secs(30 * 86_400)))
        );
        assert!(inbox.keys.hide.get().is_some_and(|hide| hide.hides(b".x")));
        assert!(inbox.keys.refuse.get().is_some_and(|refuse| refuse.refuses(b"a.exe.")));
        assert_eq!(inbox.keys.on_upload.get().map(|program| program.arguments.concat()).as_deref(), Some("-q"));
        assert_eq!(inbox.source("perm").to_string(), "user.ini:3: [alex /inbox] perm = elw");
        assert_eq!(inbox.lacks(crate::auth::perm::Perm::Read), "user.ini:3: [alex /inbox] perm = elw has no 'r'");
        let (home, perms) = (&rule.home, &rule.perms);
        assert!(home.is_none() && perms.is_none() && rule.keys.quota.is_none(), "{rule:?}");
        assert_eq!((&rule.keys.keep, &rule.keys.hide), (&Setting::Off, &Setting::Off));
        assert_eq!((&rule.keys.refuse, &rule.keys.on_upload), (&Setting::Off, &Setting::Off));
    }

    #[test]
    fn a_section_for_all_is_for_each_account_without_one_of_its_own() {
        let (sections, told) =
            read("[* /b]\nperm = e\n[egon /b]\n[* /a]\nperm = e\n[egon /B]\nperm = e\n[egon /a/b]\nhide = x\n");
        assert!(told.is_empty(), "{told:?}");
        let titles = |name| sections.of(name).iter().map(|section| section.title()).collect::<Vec<_>>();
        assert_eq!(titles("alex"), ["[* /a]", "[* /b]"]);
        assert_eq!(titles("egon"), ["[egon /B]", "[* /a]", "[egon /a/b]", "[egon /b]"]);
    }

    #[test]
    fn the_account_of_a_section_exists() {
        let told = |text: &str| read(&format!("{text}\nperm = elr\n")).1.join("\n");
        let cases = [
            ("[egn /a]", "user.ini:1: there is no account 'egn', did you mean 'egon'?"),
            ("[Alex /a]", "user.ini:1: there is no account 'Alex', did you mean 'alex'?"),
            ("[nobody /a]", "user.ini:1: there is no account 'nobody'"),
            ("[alex:sesame /a]", "user.ini:1: there is no account 'alex:***', did you mean 'alex'?"),
            (
                "[DEFAULT /a]",
                "user.ini:1: [DEFAULT] is no account, and gives its keys to accounts only; write [* /a] for all accounts",
            ),
            ("[FTP /a]", "user.ini:1: 'FTP' is called anonymous here; write [anonymous /a]"),
            (
                "[anonymous /a]",
                "warning: user.ini:1: nobody sees it, as anonymous logins are off; write enable_anonymous = on in ftpd.conf to \
                 allow them",
            ),
            ("[alex /a]", ""),
            ("[* /a]", ""),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text), expected);
        }
        assert!(
            !told("[egon\n[egn /a]").contains("no account"),
            "a section line that is broken may be that of the account"
        );
    }

    #[test]
    fn a_section_is_in_the_file_once_whatever_blanks_it_has() {
        let (_, told) = read("[alex /a]\nperm = elr\n[alex \t  /a]\nperm = elr\n[alex /A]\nperm = elr\n");
        let expected = "user.ini:3: the section [alex /a] is in the file twice, first in line 1; give it another name, or put its \
                        keys below the first one";
        assert_eq!(told, [expected]);
    }

    #[test]
    fn a_comment_and_an_empty_section_are_doubted() {
        let (_, told) = read("[alex /a] # see [1]\nperm = elr\n[alex /b]\n[* /c]\nperm = elr\n[alex /c]\n");
        let expected = [
            "warning: user.ini:1: a comment needs a line of its own: it is part of the path; write [alex /a]",
            "warning: user.ini:3: there is nothing in it; give it a key such as perm, or delete it",
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn keys_of_accounts_and_mistyped_ones_are_refused() {
        let told = |key: &str, title: &str| {
            let text = format!("[alex]\npassword = x\nperm = elr\nhome = /\n[{title}]\n{key}\n");
            let mut file = File::parse("user.ini", Path::new("/etc"), &text);
            let titles = Titles::of(&file);
            let terms = crate::auth::user::Terms::default();
            file.read("alex", crate::auth::user::KEYS, |section| {
                crate::auth::user::User::read(section, "alex", &terms)
            });
            FolderSections::read(&mut file, &titles, false);
            file.finish().iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
        };
        let belongs = "it belongs to accounts, not to their folders: write it below";
        let cases = [
            ("max_cons = 1", format!("user.ini:6: max_cons: unknown key in [alex /a]; {belongs} [alex]")),
            ("password = sesame", format!("user.ini:6: password: unknown key in [alex /a]; {belongs} [alex]")),
            ("allow_from = ::1", format!("user.ini:6: allow_from: unknown key in [alex /a]; {belongs} [alex]")),
            ("prem = elr", "user.ini:6: prem: unknown key in [alex /a], did you mean 'perm'?".to_owned()),
            ("path = /x", "user.ini:6: path: unknown key in [alex /a], did you mean 'home'?".to_owned()),
            ("zone = 1", "user.ini:6: zone: unknown key in [alex /a]".to_owned()),
        ];
        for (key, expected) in cases {
            assert_eq!(told(key, "alex /a"), expected);
        }
        assert!(told("max_cons = 1", "* /a").ends_with("write it below [DEFAULT]"));
    }

    #[test]
    fn what_can_not_be_a_value_is_refused_with_its_line() {
        let cases = [
            ("keep = 30", "user.ini:2: keep: 30 has no unit; write 30d for days, or 30h, 30m, 30s"),
            ("keep = 1M", "user.ini:2: keep: 1M could be 1 month or 1 minute; write 30d for 1 month, 1m for 1 minute"),
            (
                "keep = 5s",
                "warning: user.ini:2: keep: files are removed 5 seconds after they arrive; write a longer time, such as 30d, unless you mean that",
            ),
            ("keep = 1h", ""),
            ("keep = 0d", "user.ini:2: keep: after 0d every file would be gone; write off to keep all"),
            ("keep = soon", "user.ini:2: keep: 'soon' is not a number, expected a time such as 30d, 12h or 90m"),
            (
                "quota = 20 GB",
                "user.ini:2: quota: '20 GB' is not a number, expected a size such as 500, 100K, 2M or 1G; write quota = 20G",
            ),
            ("perm = elx", "user.ini:2: perm: unknown letter 'x' (known: e l r a d f m w M T)"),
            ("refuse = *", "user.ini:2: refuse: '*' would refuse every name"),
            ("hide = a/b", "user.ini:2: hide: 'a/b' is a path, and patterns are of names, which hold no '/'"),
            (
                "on_upload = scan",
                "user.ini:2: on_upload: the program 'scan' is not named by an absolute path; write where it is, such as /usr/local/bin/scan",
            ),
            ("on_upload = /bin/scan 'x", "user.ini:2: on_upload: the quote ' has no end"),
            ("quota = 20", "warning: user.ini:2: quota: 20 bytes in all; did you mean quota = 20G?"),
            ("perm = w", ""),
        ];
        for (key, expected) in cases {
            assert_eq!(read(&format!("[alex /a]\n{key}\n")).1.join("\n"), expected);
        }
    }
}
