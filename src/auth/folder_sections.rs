//! The sections of user.ini that are about folders: `[alex /photos]` and `[* /public]`, and the accounts that they are for.

use std::sync::Arc;

use crate::auth::folders::{FOR_ALL, FolderSection, KEYS};
use crate::ini::{File, FolderTitle, Mistake};
use crate::protocol::path::{VirtualPath, has_control_bytes};

/// All sections of a file that are about folders.
#[derive(Default)]
pub(super) struct FolderSections(Vec<Arc<FolderSection>>);

impl FolderSections {
    /// Reads the sections with these names; one for an account that is none of `accounts` is an error.
    pub(super) fn read(file: &mut File, names: &[String], accounts: &[String]) -> FolderSections {
        let read = |name: &String| {
            let title = FolderTitle::of(name)?;
            file.read(name, KEYS, |section| {
                let path = path(&title).map_err(|mistake| section.refuse("", mistake)).ok();
                if title.account != FOR_ALL && !accounts.contains(&title.account) {
                    section.refuse("", format!("there is no account '{}'", title.account));
                }
                let read = FolderSection::read(section, &title, path.clone().unwrap_or_else(VirtualPath::root));
                path.map(|_| Arc::new(read))
            })
        };
        FolderSections(names.iter().filter_map(read).collect())
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
}

/// The path of a section, which is written as clients see it.
fn path(title: &FolderTitle) -> Result<VirtualPath, Mistake> {
    let FolderTitle { account, path: text } = title;
    let path = VirtualPath::root().join(text.as_bytes());
    let shown = String::from_utf8_lossy(path.as_bytes());
    let instead = format!("write [{account} {shown}]");
    match () {
        () if text == "/" => Err(Mistake::new("'/' is the home of the account, for which its own section is")
            .fix(format!("put its keys below [{account}]"))),
        () if has_control_bytes(text.as_bytes()) => Err(Mistake::new("there is a control byte in the path")),
        () if text.split('/').any(|part| part == "..") => {
            Err(Mistake::new("a path is written without '..'").fix(instead))
        }
        () if path.as_bytes() != text.as_bytes() => {
            Err(Mistake::new("the path is not written as clients see it").fix(instead))
        }
        () => Ok(path),
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
        let names: Vec<String> = file.names();
        let sections = FolderSections::read(&mut file, &names, &["alex".to_owned(), "egon".to_owned()]);
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
        let (sections, told) = read("[* /b]\n[egon /b]\nperm = elr\n[* /a]\n[egon /B]\n[egon /a/b]\nhide = x\n");
        assert!(told.is_empty(), "{told:?}");
        let titles = |name| sections.of(name).iter().map(|section| section.title()).collect::<Vec<_>>();
        assert_eq!(titles("alex"), ["[* /a]", "[* /b]"]);
        assert_eq!(titles("egon"), ["[egon /B]", "[* /a]", "[egon /a/b]", "[egon /b]"]);
    }
}
