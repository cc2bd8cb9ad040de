//! The accounts of user.ini, as they were read at one time.

use std::collections::HashMap;
use std::io;
use std::iter;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::first_account;
use crate::auth::folder_sections::FolderSections;
use crate::auth::folder_titles::Titles;
use crate::auth::folders::FolderKeys;
use crate::auth::hash::StoredPassword;
use crate::auth::shared_folder::SharedFolder;
use crate::auth::user::{KEYS, Terms, User, is_anonymous};
use crate::ini::{self, File, Finding, Findings, Holds, Mistake, Source, shell_word};
use crate::seen::Seen;
use crate::sys::own_file;
use crate::sys::stamp::{Stamp, has_mode};

/// All accounts of one reading, in the order of the file.
#[derive(Default)]
pub struct Accounts {
    named: Vec<Arc<User>>,
    by_name: HashMap<Vec<u8>, Arc<User>>,
    anonymous: Option<Arc<User>>,
    /// What is allowed in the file and probably not what was meant.
    doubts: Findings,
}

/// The keys that every account needs.
const NEEDED: [&str; 3] = ["password", "perm", "home"];

/// A plain password with fewer characters gets a warning.
const SHORT: usize = 8;

impl Accounts {
    /// Reads the file at `path`; it is a problem if there is neither a file nor an anonymous account.
    pub(super) fn read(path: Option<&Path>, terms: &Terms) -> Result<(Accounts, Seen), Findings> {
        let Some(path) = path else {
            let anonymous = terms.anonymous.as_ref().map(User::anonymous).ok_or_else(no_file)?;
            return Ok((Accounts::new(iter::once(Arc::new(anonymous))), Seen::new(None, None)));
        };
        // The stamp is older than the content, so a change in between is seen at the next login.
        let stamp = Stamp::of(path);
        let content = own_file::read(path);
        let seen = Seen::new(stamp, Some(&content));
        Ok((Accounts::parse(path, content, terms)?, seen))
    }

    /// The accounts in `content`, which was read from `path`.
    pub(super) fn parse(path: &Path, content: io::Result<Vec<u8>>, terms: &Terms) -> Result<Accounts, Findings> {
        let is_gone = content.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        let mut file = File::decode(path, content).map_err(|found| match found.fix {
            None if is_gone => found.fix(first_account::advice(path)),
            _ => found,
        })?;
        if file.holds() == Some(Holds::Settings) {
            file.refuse("these are settings, not accounts", "give the file with -c");
            return Err(file.only_refused());
        }
        file.adopt_defaults(&NEEDED);
        let titles = Titles::of(&file);
        let no_default = Mistake::new("each account says itself how long its files stay, as a mistake would cost them");
        file.refuse_default("keep", no_default.fix("write it below the [name] of each account that it is for"));
        let read = |name: &String| file.read(name, KEYS, |section| User::read(section, name, terms));
        let users: Vec<Option<User>> = titles.accounts.iter().map(read).collect();
        let folders = FolderSections::read(&mut file, &titles, terms.anonymous.is_some());
        if titles.accounts.is_empty() && terms.anonymous.is_none() {
            let reason = "there is no account in it, and anonymous is off: nobody could log in";
            file.refuse(reason, first_account::advice(path));
        }
        let found = file.finish();
        if found.has_errors() {
            return Err(found);
        }
        let anonymous = terms.anonymous.as_ref().map(User::anonymous);
        let served = users.into_iter().flatten().chain(anonymous);
        let all = served.map(|user| User { folders: folders.of(&user.name), ..user });
        Ok(Accounts { doubts: found.and(folders.covering()), ..Accounts::new(all.map(Arc::new)) })
    }

    /// The account of a folder that the command line shares, and no other.
    pub(super) fn shared(folder: &SharedFolder) -> Accounts {
        Accounts::new(iter::once(Arc::new(folder.user())))
    }

    fn new(users: impl Iterator<Item = Arc<User>>) -> Accounts {
        let (anonymous, named): (Vec<_>, Vec<_>) = users.partition(|user| user.is_anonymous());
        let anonymous = anonymous.into_iter().next();
        let by_name = named.iter().map(|user| (user.name.clone().into_bytes(), Arc::clone(user)));
        Accounts { by_name: by_name.collect(), anonymous, named, doubts: Findings::default() }
    }

    /// The account that this name means.
    pub fn find(&self, name: &[u8]) -> Option<&Arc<User>> {
        match &self.anonymous {
            Some(user) if is_anonymous(name) => Some(user),
            _ => self.by_name.get(name),
        }
    }

    /// The account of this reading that has the name of one from an earlier reading.
    pub fn now(&self, old: &User) -> Option<&Arc<User>> {
        if old.is_anonymous() { self.anonymous.as_ref() } else { self.by_name.get(old.name.as_bytes()) }
    }

    /// Whether a program is told of uploads anywhere.
    pub fn has_programs(&self) -> bool {
        let has_program = |keys: &FolderKeys| keys.on_upload.get().is_some();
        self.all().any(|user| has_program(&user.keys) || user.folders.iter().any(|folder| has_program(&folder.keys)))
    }

    /// The shortest time that files stay anywhere, unless they stay for ever.
    pub fn shortest_keep(&self) -> Option<Duration> {
        let folders = self.all().flat_map(|user| user.folders.iter().map(|folder| &folder.keys));
        let keys = self.all().map(|user| &user.keys).chain(folders);
        keys.filter_map(|keys| keys.keep.get()).min().copied()
    }

    /// Number of accounts, the anonymous one included.
    pub fn count(&self) -> usize {
        self.all().count()
    }

    /// Number of accounts in the file.
    pub(super) fn named(&self) -> usize {
        self.named.len()
    }

    /// Whether a name and a password can lead anywhere: some account besides the anonymous one is not disabled.
    pub fn has_login(&self) -> bool {
        self.named.iter().any(|user| user.enabled)
    }

    /// Each account, the anonymous one last.
    pub fn all(&self) -> impl Iterator<Item = &Arc<User>> {
        self.named.iter().chain(&self.anonymous)
    }

    /// The password whose check takes longest; it is checked if a name does not exist.
    pub(super) fn costliest(&self) -> Option<&StoredPassword> {
        let stored = self.named.iter().filter_map(|user| user.password.as_ref());
        stored.max_by_key(|stored| stored.cost())
    }

    /// What is allowed in the file and probably not what was meant.
    pub fn doubts(&self) -> impl Iterator<Item = Finding> {
        self.doubts.iter().cloned()
    }

    /// Whether a password is written as it is.
    pub fn has_plain_passwords(&self) -> bool {
        self.all().any(|user| user.plain_password().is_some())
    }

    /// Only those accounts that are to be kept.
    pub(super) fn only(&self, keep: impl Fn(&User) -> bool) -> Accounts {
        let kept = self.all().filter(|user| keep(user)).cloned();
        Accounts { doubts: self.doubts.clone(), ..Accounts::new(kept) }
    }

    /// A warning about plain passwords in a `file` that others can read, with the command that fixes it.
    pub(super) fn readable_passwords(&self, file: &Path) -> Option<Finding> {
        let exposed = self.has_plain_passwords() && has_mode(file, 0o077);
        let source = Source::file(file.display());
        let warning = || Finding::warning(&source, "it holds plain passwords and others can read it");
        exposed.then(|| warning().fix(format!("chmod 600 {}", shell_word(file))))
    }

    /// A warning about short plain passwords.
    pub(super) fn short_passwords(&self) -> Option<Finding> {
        let is_short = |password: &str| password.chars().count() < SHORT;
        let short = self.all().filter(|user| user.plain_password().is_some_and(is_short));
        let short: Vec<&Arc<User>> = short.collect();
        short.first().map(|first| {
            let names = short.iter().map(|user| user.name.as_str()).collect::<Vec<_>>().join(", ");
            let reason = format!(
                "other machines can reach accounts with a plain password of less than {SHORT} characters: {names}"
            );
            Finding::warning(&first.source("password"), reason).fix("write longer ones, or hashes")
        })
    }

    /// A name and a password that may log in from an address, if one is known: anonymous, or an account with a plain
    /// password.
    pub fn plain_login(&self, from: IpAddr) -> Option<(String, String)> {
        let mut usable = self.anonymous.iter().chain(&self.named).filter(|user| user.enabled && user.home.is_dir());
        usable.find_map(|user| {
            let password = if user.is_anonymous() { "anonymous@" } else { user.plain_password()? };
            user.admission.admits(from).then(|| (user.name.clone(), password.to_owned()))
        })
    }
}

/// There is no user.ini in the current folder.
#[cold]
fn no_file() -> Finding {
    let path = Path::new("user.ini");
    let folder = first_account::folder_of(path);
    let reason = format!("there is no user.ini in {}, and anonymous is off: nobody could log in", folder.display());
    let finding = Finding::error(&Source::file("user.ini"), reason);
    match ini::misnamed(path) {
        Some(other) => finding.fix(ini::renamed(&other, path)),
        None => finding.fix(first_account::advice(path)),
    }
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;

    use super::*;
    use crate::auth::admission::Admission;
    use crate::auth::samples::{ARGON2, BCRYPT, account, public, terms};
    use crate::auth::user::Guest;
    use crate::protocol::content::Conversion;

    fn problems(text: &str, anonymous: Option<Guest>) -> Vec<String> {
        let read = Accounts::parse(Path::new("user.ini"), Ok(text.into()), &terms(anonymous));
        read.err().map_or(Vec::new(), |found| found.iter().map(Finding::to_string).collect())
    }

    #[test]
    fn the_sample_has_the_two_accounts_of_the_tutorial() {
        let sample = include_bytes!("../../user.ini").to_vec();
        let accounts = Accounts::parse(Path::new("/srv/user.ini"), Ok(sample), &terms(None)).unwrap();
        let rows: Vec<_> =
            accounts.all().map(|user| (user.name.as_str(), user.perms.to_string(), user.home.as_path())).collect();
        let expected = [("alex", "elradfmwMT", "/srv/share/alex"), ("egon", "elr", "/srv/share/egon")];
        assert_eq!(rows, expected.map(|(name, perms, home)| (name, perms.to_owned(), Path::new(home))));
        assert!(accounts.all().all(|user| user.password.as_ref().unwrap().verify(b"123")));
    }

    #[test]
    fn what_is_commented_out_in_the_sample_can_be_used() {
        let sample = include_str!("../../user.ini");
        let is_sample =
            |line: &&str| line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| !" #".contains(c)));
        let text: Vec<&str> = sample.lines().filter(is_sample).map(|line| &line[1..]).collect();
        let accounts = Accounts::parse(Path::new("/srv/user.ini"), Ok(text.join("\n").into()), &terms(None)).unwrap();
        assert_eq!(accounts.doubts().count(), 0);
        let folders = |user: &Arc<User>| user.folders.iter().map(|folder| folder.title()).collect::<Vec<_>>().concat();
        let rows: Vec<_> = accounts.all().map(|user| (user.name.as_str(), folders(user))).collect();
        assert_eq!(
            rows,
            [("scanner", ""), ("family", "[family /new]"), ("drives", "[drives /backup]")]
                .map(|(a, b)| (a, b.to_owned()))
        );
    }

    #[test]
    fn the_folders_of_the_manual_can_be_used() {
        let manual = include_str!("../../docs/user.ini.md").split("\n## More folders\n").nth(1).unwrap();
        let text: Vec<&str> =
            manual.split("\n## ").next().unwrap().lines().filter_map(|line| line.strip_prefix("    ")).collect();
        let accounts =
            Accounts::parse(Path::new("/srv/user.ini"), Ok(text.join("\n").into()), &terms(public())).unwrap();
        assert_eq!(accounts.doubts().count(), 0);
        let numbers: Vec<_> = accounts.all().map(|user| (user.name.as_str(), user.folders.len())).collect();
        assert_eq!(numbers, [("alex", 3), ("anonymous", 1)]);
    }

    #[test]
    fn every_key_of_an_account_is_read() {
        let more = "max_cons = 2\nmax_upload = 1M\nmax_download = off\nallow_from = 10.0.0.0/8, ::1\nmsg_login = hi\nmsg_quit = 0\n\
                    ascii_conversion = off\nhasty = on";
        let accounts =
            Accounts::parse(Path::new("user.ini"), Ok(account("bob", "x", more).into()), &terms(None)).unwrap();
        let user = accounts.find(b"bob").unwrap();
        assert_eq!((user.max_cons, user.max_upload, user.max_download), (Some(2), Some(1 << 20), None));
        let networks = ["10.0.0.0/8", "::1/128"].map(|net| net.parse::<IpNet>().unwrap());
        assert_eq!(user.admission, Admission::Networks(networks.to_vec()));
        assert_eq!((user.msg_login.as_deref(), user.msg_quit.as_deref()), (Some("hi"), Some("0")));
        assert_eq!((user.ascii_conversion, user.hasty), (Some(Conversion::Off), true));
        assert!(!user.is_anonymous());
    }

    #[test]
    fn what_is_wrong_with_an_account_is_told_with_its_line() {
        let cases = [
            (
                "[a]\npassword = x\nhome = /",
                vec![
                    "user.ini:1: perm: missing in [a]; write perm = elr, which reads, or perm = elradfmwMT, which may do everything",
                ],
            ),
            (
                "[a]\nperm = elr",
                vec![
                    "user.ini:1: home: missing in [a]; write home = /srv/share, or another folder",
                    "user.ini:1: password: missing in [a]; write password = with one behind it, or with what ftpd hash-password prints",
                ],
            ),
            (
                "[a]\npasswort = x\nperm = elx\nhome = /",
                vec![
                    "user.ini:2: passwort: unknown key in [a], did you mean 'password'?",
                    "user.ini:3: perm: unknown letter 'x' (known: e l r a d f m w M T)",
                ],
            ),
            (
                "[a]\npassword =\nperm = el\nhome = /",
                vec!["user.ini:2: password: has no value; write it behind the '=', in the same line"],
            ),
            (
                "[a]\npassword = x\nperm = el\nhome = /\nallow_from = 10.0.0.0/33",
                vec!["user.ini:5: allow_from: '10.0.0.0/33' is neither an address nor a network such as 10.0.0.0/8"],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(problems(text, None), expected, "{text}");
        }
        for text in ["# none\n", "[DEFAULT]\nperm = e\n"] {
            let [told] = &problems(text, None)[..] else { panic!("one problem of {text}") };
            let words = "user.ini: there is no account in it, and anonymous is off: nobody could log in; type one of ";
            assert!(told.starts_with(words) && told.contains("\n[alex]\npassword = "), "{told}");
        }
    }

    #[test]
    fn a_system_user_is_looked_up_and_goes_with_root_alone() {
        let read = |name: &str, terms: &Terms| {
            let text = account("bob", "x", &format!("system_user = {name}"));
            Accounts::parse(Path::new("user.ini"), Ok(text.into()), terms)
                .map_err(|found| found.iter().next().unwrap().to_string())
        };
        let unknown = read("no-such-user", &terms(None)).err();
        assert_eq!(unknown.as_deref(), Some("user.ini:5: system_user: this system has no user 'no-such-user'"));
        let gives_up = Terms { gives_up_root: true, ..Terms::default() };
        assert!(read("daemon", &gives_up).is_err_and(|reason| reason.contains("only without `user` in ftpd.conf")));
        match read("daemon", &terms(None)) {
            Ok(accounts) => {
                let person = accounts.find(b"bob").and_then(|user| user.system_user.clone());
                assert_eq!(person.map(|person| person.name).as_deref(), Some("daemon"));
            }
            Err(reason) => assert!(reason.ends_with("needs a server that runs as root"), "{reason}"),
        }
    }

    #[test]
    fn anonymous_hides_no_account() {
        for name in ["ftp", "FTP", "anonymous", "Anonymous"] {
            let expected = format!(
                "user.ini:1: the account '{name}' is hidden by enable_anonymous = on; give it another name, or write \
                 enable_anonymous = off in ftpd.conf"
            );
            assert_eq!(problems(&account(name, "x", ""), public()), [expected]);
            assert!(problems(&account(name, "x", ""), None).is_empty());
        }
        assert!(problems("", public()).is_empty());
    }

    #[test]
    fn the_decoy_is_the_costliest_of_the_file() {
        let accounts = Accounts::parse(
            Path::new("user.ini"),
            Ok((account("a", ARGON2, "") + &account("b", BCRYPT, "")).into()),
            &terms(None),
        )
        .unwrap();
        let costliest = [ARGON2, BCRYPT].map(|text| StoredPassword::parse(text).unwrap().cost()).into_iter().max();
        assert_eq!(accounts.costliest().map(StoredPassword::cost), costliest);
    }

    #[test]
    fn a_user_never_shows_its_password() {
        let accounts =
            Accounts::parse(Path::new("user.ini"), Ok(account("bob", "sesame", "").into()), &terms(None)).unwrap();
        let shown = format!("{:?}", accounts.find(b"bob").unwrap());
        assert!(shown.contains("***") && !shown.contains("sesame"), "{shown}");
    }
}
