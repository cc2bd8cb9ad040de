//! The accounts of user.ini, and the check of a name and a password against them.
//!
//! The file is looked at before each login and read again when it has changed, so an account can
//! be added while the server runs; a file with an error in it leaves the accounts as they were.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::mem;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::auth::hash::{Checks, StoredPassword};
use crate::auth::user::{Guest, KEYS, Terms, User, is_anonymous};
use crate::ini::{File, Problem, Problems};
use crate::seen::Seen;
use crate::sys::stamp::{Stamp, has_mode};

/// Why a login was refused: for the log only, the client hears the same of all but `NoAnonymous` and `Busy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRefusal {
    /// No account has that name.
    Unknown,
    /// Nor is there an anonymous one, for which the name asks.
    NoAnonymous,
    /// The password is another one.
    WrongPassword,
    /// The account may not log in from that address.
    Address,
    /// Too many passwords were being checked until the deadline.
    Busy,
}

impl fmt::Display for LoginRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LoginRefusal::Unknown => "unknown name",
            LoginRefusal::NoAnonymous => "anonymous is off",
            LoginRefusal::WrongPassword => "wrong password",
            LoginRefusal::Address => "address not in allow_from",
            LoginRefusal::Busy => "too many passwords being checked",
        })
    }
}

/// All accounts; shared by all sessions.
pub struct Users {
    current: Mutex<Current>,
    checks: Checks,
}

struct Current {
    file: Option<PathBuf>,
    accounts: Arc<Accounts>,
    terms: Terms,
    seen: Seen,
}

impl Users {
    /// Reads user.ini at `file`; with neither a file nor an anonymous account there is nobody to log in,
    /// which is an error.
    pub fn load(file: Option<&Path>, terms: Terms) -> Result<Users, Problems> {
        let (accounts, seen) = Accounts::read(file, &terms)?;
        Ok(Users {
            current: Mutex::new(Current { file: file.map(Path::to_owned), accounts: Arc::new(accounts), terms, seen }),
            checks: Checks::new(available_parallelism().map_or(1, usize::from)),
        })
    }

    /// Reads the file again, which may be another one by now, whether or not it has changed; on an
    /// error all stays as it was.
    pub fn reload(&self, file: Option<&Path>, terms: Terms) -> Result<(), Problems> {
        let (accounts, seen) = Accounts::read(file, &terms)?;
        *self.current.lock() = Current { file: file.map(Path::to_owned), accounts: Arc::new(accounts), terms, seen };
        Ok(())
    }

    /// The account called `name` if `password` is its own and it may log in `from` there. Takes
    /// the same work whether or not the name exists, except that there is nothing to guess where anonymous
    /// is off; waits for its turn to `deadline` at most.
    pub fn check_in(
        &self,
        name: &[u8],
        password: &[u8],
        from: IpAddr,
        deadline: Instant,
    ) -> Result<Arc<User>, LoginRefusal> {
        let accounts = self.fresh_accounts();
        let Some(user) = accounts.find(name) else {
            if is_anonymous(name) {
                return Err(LoginRefusal::NoAnonymous);
            }
            self.decoy(&accounts, Duration::ZERO, password, deadline)?;
            return Err(LoginRefusal::Unknown);
        };
        let Some(stored) = &user.password else { return Ok(Arc::clone(user)) };
        let right = self.checks.run(stored, password, deadline).ok_or(LoginRefusal::Busy)?;
        if right && user.admits(from) {
            return Ok(Arc::clone(user));
        }
        self.decoy(&accounts, stored.cost(), password, deadline)?;
        Err(if right { LoginRefusal::Address } else { LoginRefusal::WrongPassword })
    }

    /// How many accounts there are, the anonymous one included.
    pub fn count(&self) -> usize {
        self.current.lock().accounts.all().count()
    }

    /// Homes that can't be used at the moment, a line each with the place where they are written.
    pub fn missing_homes(&self) -> Vec<String> {
        let accounts = Arc::clone(&self.current.lock().accounts);
        let missing = accounts.all().filter_map(|user| {
            let reason = match fs::metadata(&user.home) {
                Ok(found) if found.is_dir() => return None,
                Ok(_) => "is not a folder".to_owned(),
                Err(error) if error.kind() == io::ErrorKind::NotFound => "does not exist".to_owned(),
                Err(error) => format!("can't be used: {error}"),
            };
            Some(format!("{}: the home {} of {} {reason}", user.home_place, user.home.display(), user.name))
        });
        missing.collect()
    }

    /// Homes that are there and fail this, each as the beginning of a line with the place where it is written.
    pub fn homes_without(&self, usable: impl Fn(&Path) -> bool) -> Vec<String> {
        let accounts = Arc::clone(&self.current.lock().accounts);
        let is_missing = |home| fs::metadata(home).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        let closed = accounts.all().filter(|user| !is_missing(&user.home) && !usable(&user.home));
        closed.map(|user| format!("{}: the home {} of {}", user.home_place, user.home.display(), user.name)).collect()
    }

    /// What is allowed but deserves a second look, a line each: homes, readable or short plain
    /// passwords (the latter when other machines can reach the server).
    pub fn warnings(&self, reachable_from_other_machines: bool) -> Vec<String> {
        let mut warnings = self.missing_homes();
        let (file, accounts) = {
            let state = self.current.lock();
            (state.file.clone(), Arc::clone(&state.accounts))
        };
        for user in accounts.all().filter(|user| user.home.parent().is_none()) {
            warnings.push(format!("{}: the home of {} is the whole disk", user.home_place, user.name));
        }
        let plain = |user: &&Arc<User>| user.password.as_ref().is_some_and(StoredPassword::is_plain);
        if let Some(file) = file.filter(|file| accounts.all().any(|user| plain(&user)) && has_mode(file, 0o077)) {
            let file = file.display();
            warnings.push(format!("{file} holds plain passwords and others can read it: chmod 600 {file}"));
        }
        let short = |user: &&Arc<User>| {
            let length = user.password.as_ref().and_then(StoredPassword::plain_len);
            length.is_some_and(|length| length < 8)
        };
        let names: Vec<&str> = accounts.all().filter(short).map(|user| user.name.as_str()).collect();
        if reachable_from_other_machines && !names.is_empty() {
            let names = names.join(", ");
            warnings.push(format!(
                "other machines can reach accounts with a plain password of less than 8 characters: {names}"
            ));
        }
        warnings
    }

    /// A name and a password that may log in from an address, where one is known: anonymous, or an account whose
    /// password stands in the file as it is.
    pub fn plain_login(&self, from: IpAddr) -> Option<(String, String)> {
        let accounts = Arc::clone(&self.current.lock().accounts);
        let mut usable = accounts.anonymous.iter().chain(&accounts.named).filter(|user| user.home.is_dir());
        usable.find_map(|user| {
            let password = user.password.as_ref().map_or(Some("anonymous@"), StoredPassword::plain)?;
            user.admits(from).then(|| (user.name.clone(), password.to_owned()))
        })
    }

    /// The accounts, read again before if the file has changed.
    fn fresh_accounts(&self) -> Arc<Accounts> {
        // Looked at under the lock, or a slow thread could bring back an older state.
        let mut state = self.current.lock();
        let Current { file, seen, .. } = &*state;
        if let Some(file) = file {
            let stamp = Stamp::of(file);
            if !seen.is_current(&stamp) {
                state.refresh(stamp);
            }
        }
        Arc::clone(&state.accounts)
    }

    /// Costs the time of the dearest password of the file, unless `spent` was as much.
    fn decoy(
        &self,
        accounts: &Accounts,
        spent: Duration,
        password: &[u8],
        deadline: Instant,
    ) -> Result<(), LoginRefusal> {
        let Some(stored) = accounts.dearest().filter(|stored| stored.cost() > spent) else { return Ok(()) };
        self.checks.run(stored, password, deadline).map(|_| ()).ok_or(LoginRefusal::Busy)
    }
}

impl Current {
    #[cold]
    fn refresh(&mut self, stamp: Option<Stamp>) {
        let Some(path) = &self.file else { return };
        let content = stamp.is_some().then(|| fs::read(path));
        let seen = Seen::new(stamp, content.as_ref());
        let known = mem::replace(&mut self.seen, seen).same_content(&self.seen);
        match content {
            // The same again, right or wrong, was told about before.
            _ if known => {}
            None => log::warn!("{} is not there, the accounts stay as they were", path.display()),
            Some(content) => match accounts(path, content, &self.terms) {
                Ok(accounts) => {
                    log::info!("{} has changed, accounts in it: {}", path.display(), accounts.named.len());
                    self.accounts = Arc::new(accounts);
                }
                Err(problems) => {
                    log::error!("{} has changed and is not used, the accounts stay as they were:", path.display());
                    problems.0.iter().for_each(|problem| log::error!("{problem}"));
                }
            },
        }
    }
}

/// What one reading of the file gave.
#[derive(Default)]
struct Accounts {
    named: Vec<Arc<User>>,
    by_name: HashMap<Vec<u8>, Arc<User>>,
    anonymous: Option<Arc<User>>,
}

impl Accounts {
    fn read(path: Option<&Path>, terms: &Terms) -> Result<(Accounts, Seen), Problems> {
        let Some(path) = path else {
            let reason = "there is none in this folder, and anonymous is off: nobody could log in";
            let problem = Problem { file: "user.ini".into(), line: None, key: String::new(), reason: reason.into() };
            let anonymous = terms.anonymous.as_ref().ok_or(problem)?;
            return Ok((Accounts::new(Vec::new(), Some(anonymous)), Seen::new(None, None)));
        };
        // The stamp is older than the content, so a change in between is seen at the next login.
        let stamp = Stamp::of(path);
        let content = fs::read(path);
        let seen = Seen::new(stamp, Some(&content));
        Ok((accounts(path, content, terms)?, seen))
    }

    fn new(users: Vec<User>, anonymous: Option<&Guest>) -> Accounts {
        let named: Vec<Arc<User>> = users.into_iter().map(Arc::new).collect();
        let by_name = named.iter().map(|user| (user.name.clone().into_bytes(), Arc::clone(user)));
        Accounts {
            by_name: by_name.collect(),
            anonymous: anonymous.map(|anonymous| Arc::new(User::anonymous(anonymous))),
            named,
        }
    }

    fn find(&self, name: &[u8]) -> Option<&Arc<User>> {
        match &self.anonymous {
            Some(user) if is_anonymous(name) => Some(user),
            _ => self.by_name.get(name),
        }
    }

    fn all(&self) -> impl Iterator<Item = &Arc<User>> {
        self.named.iter().chain(&self.anonymous)
    }

    fn dearest(&self) -> Option<&StoredPassword> {
        let stored = self.named.iter().filter_map(|user| user.password.as_ref());
        stored.max_by_key(|stored| stored.cost())
    }
}

fn accounts(path: &Path, content: io::Result<Vec<u8>>, terms: &Terms) -> Result<Accounts, Problems> {
    let mut file = File::decode(path, content)?;
    let names = file.names();
    if names.is_empty() && terms.anonymous.is_none() {
        file.refuse("there is no account in it, and anonymous is off: nobody could log in");
    }
    let read = |name: &String| file.read(name, &KEYS, |section| User::read(section, name, terms));
    let users: Vec<Option<User>> = names.iter().map(read).collect();
    let problems = file.finish();
    if problems.is_empty() {
        Ok(Accounts::new(users.into_iter().flatten().collect(), terms.anonymous.as_ref()))
    } else {
        Err(Problems(problems))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use ipnet::IpNet;

    use super::*;
    use crate::protocol::content::Conversion;

    const ARGON2: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    const BCRYPT: &str = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

    fn account(name: &str, password: &str, more: &str) -> String {
        format!("[{name}]\npassword = {password}\nperm = elr\nhome = .\n{more}\n")
    }

    fn terms(anonymous: Option<Guest>) -> Terms {
        Terms { anonymous, ..Terms::default() }
    }

    /// A folder with a user.ini, and the accounts read from it.
    struct Fixture {
        folder: tempfile::TempDir,
        users: Users,
    }

    impl Fixture {
        fn new(text: &str, anonymous: Option<Guest>) -> Fixture {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("user.ini");
            fs::write(&path, text).unwrap();
            let users = Users::load(Some(&path), terms(anonymous)).unwrap();
            Fixture { folder, users }
        }

        fn path(&self) -> PathBuf {
            self.folder.path().join("user.ini")
        }

        fn write(&self, text: &str) {
            fs::write(self.path(), text).unwrap();
        }

        fn log_in(&self, name: &str, password: &str) -> Result<String, LoginRefusal> {
            self.log_in_from(name, password, "10.0.0.1")
        }

        fn log_in_from(&self, name: &str, password: &str, from: &str) -> Result<String, LoginRefusal> {
            let deadline = Instant::now() + Duration::from_secs(60);
            let user = self.users.check_in(name.as_bytes(), password.as_bytes(), from.parse().unwrap(), deadline);
            user.map(|user| user.name.clone())
        }
    }

    fn public() -> Option<Guest> {
        Some(Guest { home: "/pub".into(), perms: "elr".parse().unwrap() })
    }

    fn problems(text: &str, anonymous: Option<Guest>) -> Vec<String> {
        let read = accounts(Path::new("user.ini"), Ok(text.into()), &terms(anonymous));
        read.err().map_or(Vec::new(), |problems| problems.0.iter().map(Problem::to_string).collect())
    }

    #[test]
    fn a_login_is_known_where_the_password_stands_in_the_file() {
        let missing = account("carl", "secret", "").replace("home = .", "home = none");
        let text = [
            account("ann", BCRYPT, ""),
            account("bob", "far", "allow_from = 10.0.0.0/8"),
            missing,
            account("dan", "near", "allow_from = 192.0.2.1"),
        ]
        .concat();
        let anonymous = Guest { home: "/".into(), perms: "elr".parse().unwrap() };
        let login = |anonymous: Option<Guest>, from: &str| {
            Fixture::new(&text, anonymous).users.plain_login(from.parse().unwrap())
        };
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(login(None, "10.1.2.3"), pair("bob", "far"));
        assert_eq!(login(None, "192.0.2.1"), pair("dan", "near"));
        assert_eq!(login(None, "192.0.2.2"), None);
        assert_eq!(login(Some(anonymous), "192.0.2.2"), pair("anonymous", "anonymous@"));
    }

    #[test]
    fn the_sample_has_the_two_accounts_of_the_tutorial() {
        let sample = include_bytes!("../../user.ini").to_vec();
        let accounts = accounts(Path::new("/srv/user.ini"), Ok(sample), &terms(None)).unwrap();
        let rows: Vec<_> =
            accounts.all().map(|user| (user.name.as_str(), user.perms.to_string(), user.home.as_path())).collect();
        let expected = [("alex", "elradfmwMT", "/srv/share/alex"), ("egon", "elr", "/srv/share/egon")];
        assert_eq!(rows, expected.map(|(name, perms, home)| (name, perms.to_owned(), Path::new(home))));
        assert!(accounts.all().all(|user| user.password.as_ref().unwrap().verify(b"123")));
    }

    #[test]
    fn every_key_of_an_account_is_read() {
        let more = "max_cons = 2\nmax_upload = 1M\nmax_download = off\nallow_from = 10.0.0.0/8, ::1\nmsg_login = hi\nmsg_quit = 0\n\
                    ascii_conversion = off\nhasty = on";
        let accounts = accounts(Path::new("user.ini"), Ok(account("bob", "x", more).into()), &terms(None)).unwrap();
        let user = accounts.find(b"bob").unwrap();
        assert_eq!((user.max_cons, user.max_upload, user.max_download), (Some(2), Some(1 << 20), None));
        assert_eq!(user.allow_from, ["10.0.0.0/8", "::1/128"].map(|net| net.parse::<IpNet>().unwrap()));
        assert_eq!((user.msg_login.as_deref(), user.msg_quit.as_deref()), (Some("hi"), Some("0")));
        assert_eq!((user.ascii_conversion, user.hasty), (Some(Conversion::Off), true));
        assert!(!user.anonymous);
    }

    #[test]
    fn what_is_wrong_with_an_account_is_told_with_its_line() {
        let cases = [
            ("[a]\npassword = x\nhome = /", vec!["user.ini:1: perm: missing in [a]"]),
            (
                "[a]\npasswort = x\nperm = elx\nhome = /",
                vec![
                    "user.ini:1: password: missing in [a]",
                    "user.ini:2: passwort: unknown key in [a], did you mean 'password'?",
                    "user.ini:3: perm: unknown letter 'x' (known: e l r a d f m w M T)",
                ],
            ),
            (
                "[a]\npassword =\nperm = e\nhome = /",
                vec!["user.ini:1: password: missing in [a]", "user.ini:2: password: has no value"],
            ),
            (
                "[a]\npassword = x\nperm = e\nhome = /\nallow_from = 10.0.0.0/33",
                vec!["user.ini:5: allow_from: '10.0.0.0/33' is neither an address nor a network such as 10.0.0.0/8"],
            ),
            ("# none\n", vec!["user.ini: there is no account in it, and anonymous is off: nobody could log in"]),
            (
                "[DEFAULT]\nperm = e\n",
                vec!["user.ini: there is no account in it, and anonymous is off: nobody could log in"],
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(problems(text, None), expected, "{text}");
        }
    }

    #[test]
    fn a_system_user_is_looked_up_and_goes_with_root_alone() {
        let read = |name: &str, terms: &Terms| {
            let text = account("bob", "x", &format!("system_user = {name}"));
            accounts(Path::new("user.ini"), Ok(text.into()), terms)
                .map_err(|Problems(problems)| problems[0].to_string())
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
            let expected = format!("user.ini:1: the account '{name}' is hidden by enable_anonymous = on");
            assert_eq!(problems(&account(name, "x", ""), public()), [expected]);
            assert!(problems(&account(name, "x", ""), None).is_empty());
        }
        assert!(problems("", public()).is_empty());
    }

    #[test]
    fn without_a_file_only_anonymous_can_log_in() {
        assert!(Users::load(None, terms(None)).is_err());
        let users = Users::load(None, terms(public())).unwrap();
        let from = "10.0.0.1".parse().unwrap();
        assert!(users.check_in(b"FTP", b"me@home", from, Instant::now()).unwrap().anonymous);
        assert_eq!(users.check_in(b"bob", b"x", from, Instant::now()).unwrap_err(), LoginRefusal::Unknown);
    }

    #[test]
    fn name_password_and_address_must_all_be_right() {
        let text = account("bob", "secret", "allow_from = 10.0.0.0/8, ::ffff:192.168.0.0/112, 2001:db8::1")
            + &account("Bob", ARGON2, "");
        let fixture = Fixture::new(&text, None);
        let bob = || Ok("bob".to_owned());
        let cases = [
            ("bob", "secret", "10.1.2.3", bob()),
            ("bob", "secret", "::ffff:10.1.2.3", bob()),
            ("bob", "secret", "192.168.7.7", bob()),
            ("bob", "secret", "2001:db8::1", bob()),
            ("bob", "secret", "11.0.0.1", Err(LoginRefusal::Address)),
            ("bob", "secret", "2001:db8::2", Err(LoginRefusal::Address)),
            ("bob", "secreT", "10.1.2.3", Err(LoginRefusal::WrongPassword)),
            ("bob", "wrong", "11.0.0.1", Err(LoginRefusal::WrongPassword)),
            ("Bob", "password", "11.0.0.1", Ok("Bob".to_owned())),
            ("Bob", "secret", "10.1.2.3", Err(LoginRefusal::WrongPassword)),
            ("BOB", "secret", "10.1.2.3", Err(LoginRefusal::Unknown)),
            ("bob\0x", "secret", "10.1.2.3", Err(LoginRefusal::Unknown)),
            ("bob", "secret\0x", "10.1.2.3", Err(LoginRefusal::WrongPassword)),
            ("DEFAULT", "secret", "10.1.2.3", Err(LoginRefusal::Unknown)),
            ("anonymous", "x", "10.1.2.3", Err(LoginRefusal::NoAnonymous)),
            ("FTP", "", "10.1.2.3", Err(LoginRefusal::NoAnonymous)),
            ("ftp ", "", "10.1.2.3", Err(LoginRefusal::Unknown)),
            ("", "", "10.1.2.3", Err(LoginRefusal::Unknown)),
        ];
        for (name, password, from, expected) in cases {
            assert_eq!(fixture.log_in_from(name, password, from), expected, "{name} {password} {from}");
        }
    }

    #[test]
    fn refusing_takes_as_many_checks_whether_or_not_the_name_exists() {
        let text = account("dear", ARGON2, "")
            + &account("also", ARGON2, "")
            + &account("cheap", "x", "")
            + &account("afar", "x", "allow_from = ::1");
        let fixture = Fixture::new(&text, None);
        for (name, password) in [("dear", "no"), ("also", "no"), ("cheap", "no"), ("afar", "x"), ("nobody", "no")] {
            let before = fixture.users.checks.started();
            assert!(fixture.log_in(name, password).is_err());
            assert_eq!(fixture.users.checks.started() - before, 1, "{name}");
        }
    }

    #[test]
    fn anonymous_costs_no_check_unless_it_is_an_account() {
        let checks = |users: &str, name: &str| {
            let fixture = Fixture::new(users, None);
            let refusal = fixture.log_in(name, "no").unwrap_err();
            (refusal, fixture.users.checks.started())
        };
        let (bob, ftp) = (account("bob", ARGON2, ""), account("ftp", ARGON2, ""));
        for name in ["anonymous", "Anonymous", "FTP", "ftp"] {
            assert_eq!(checks(&bob, name), (LoginRefusal::NoAnonymous, 0), "{name}");
        }
        assert_eq!(checks(&ftp, "ftp"), (LoginRefusal::WrongPassword, 1));
        assert_eq!(checks(&ftp, "anonymous"), (LoginRefusal::NoAnonymous, 0));
    }

    #[test]
    fn the_decoy_is_the_dearest_of_the_file() {
        let accounts = accounts(
            Path::new("user.ini"),
            Ok((account("a", ARGON2, "") + &account("b", BCRYPT, "")).into()),
            &terms(None),
        )
        .unwrap();
        let dearest = [ARGON2, BCRYPT].map(|text| StoredPassword::parse(text).unwrap().cost()).into_iter().max();
        assert_eq!(accounts.dearest().map(StoredPassword::cost), dearest);
    }

    #[test]
    fn a_login_whose_turn_does_not_come_is_busy() {
        let mut fixture = Fixture::new(&account("bob", ARGON2, ""), None);
        fixture.users.checks = Checks::new(0);
        let from = "10.0.0.1".parse().unwrap();
        for name in [&b"bob"[..], b"nobody"] {
            assert_eq!(fixture.users.check_in(name, b"x", from, Instant::now()).unwrap_err(), LoginRefusal::Busy);
        }
    }

    #[test]
    fn a_changed_file_holds_at_the_next_login() {
        let fixture = Fixture::new(&account("bob", "one", ""), None);
        assert!(fixture.log_in("eve", "x").is_err());
        fixture.write(&(account("bob", "two", "") + &account("eve", "x", "")));
        assert!(fixture.log_in("eve", "x").is_ok() && fixture.log_in("bob", "two").is_ok());
        // The same length in the same moment: the clock of the disk need not tell them apart.
        fixture.write(&(account("bob", "six", "") + &account("eve", "x", "")));
        assert!(fixture.log_in("bob", "six").is_ok());
        fixture.write(&account("bob", "six", ""));
        assert_eq!(fixture.log_in("eve", "x"), Err(LoginRefusal::Unknown));
    }

    #[test]
    fn a_broken_or_missing_file_keeps_the_accounts_and_is_told_once() {
        let fixture = Fixture::new(&account("bob", "one", ""), None);
        captured();
        let told = || captured().into_iter().filter(|line| line.contains("user.ini")).collect::<Vec<_>>();
        fixture.write("[bob]\nperm = x\nhome = .\n");
        for times in [3, 0, 0] {
            assert!(fixture.log_in("bob", "one").is_ok());
            assert_eq!(told().iter().filter(|line| line.starts_with("ERROR")).count(), times);
        }
        fs::remove_file(fixture.path()).unwrap();
        for times in [1, 0] {
            assert!(fixture.log_in("bob", "one").is_ok());
            assert_eq!(told().iter().filter(|line| line.starts_with("WARN")).count(), times);
        }
        fixture.write(&account("bob", "two", ""));
        assert!(fixture.log_in("bob", "two").is_ok());
        assert_eq!((told().len(), told().len()), (1, 0));
    }

    #[test]
    fn reload_takes_over_anonymous_or_nothing() {
        let fixture = Fixture::new(&account("bob", "one", ""), None);
        fixture.users.reload(Some(&fixture.path()), terms(public())).unwrap();
        assert_eq!(fixture.log_in("Anonymous", "x"), Ok("anonymous".to_owned()));
        assert_eq!(fixture.users.count(), 2);
        fixture.write("[bob]\n");
        assert!(fixture.users.reload(Some(&fixture.path()), terms(None)).is_err());
        assert!(fixture.log_in("ftp", "x").is_ok() && fixture.log_in("bob", "one").is_ok());
    }

    #[test]
    fn warnings_name_homes_readable_files_and_short_passwords() {
        let text = account("bob", "short", "").replace("home = .", "home = gone")
            + &account("eve", "long enough", "").replace("home = .", "home = /");
        let fixture = Fixture::new(&text, None);
        let path = fixture.path();
        let path = path.display();
        let homes = [
            format!("{path}:4: the home {} of bob does not exist", fixture.folder.path().join("gone").display()),
            format!("{path}:9: the home of eve is the whole disk"),
        ];
        assert_eq!(fixture.users.missing_homes(), homes[..1]);
        let warnings = fixture.users.warnings(true);
        assert_eq!(warnings[..2], homes);
        assert!(warnings.last().unwrap().ends_with("less than 8 characters: bob"), "{warnings:?}");
        assert!(!fixture.users.warnings(false).last().unwrap().contains("8 characters"));
    }

    #[cfg(unix)]
    #[test]
    fn plain_passwords_that_others_can_read_are_warned_about_with_the_remedy() {
        use std::os::unix::fs::PermissionsExt;
        for (password, mode, warned) in [
            ("long enough", 0o644, true),
            ("long enough", 0o640, true),
            ("long enough", 0o600, false),
            (BCRYPT, 0o644, false),
        ] {
            let fixture = Fixture::new(&account("bob", password, ""), None);
            fs::set_permissions(fixture.path(), fs::Permissions::from_mode(mode)).unwrap();
            let remedy = format!("chmod 600 {}", fixture.path().display());
            assert_eq!(
                fixture.users.warnings(true).iter().any(|line| line.ends_with(&remedy)),
                warned,
                "{password} {mode:o}"
            );
        }
    }

    #[test]
    fn a_user_never_shows_its_password() {
        let accounts = accounts(Path::new("user.ini"), Ok(account("bob", "sesame", "").into()), &terms(None)).unwrap();
        let shown = format!("{:?}", accounts.find(b"bob").unwrap());
        assert!(shown.contains("***") && !shown.contains("sesame"), "{shown}");
    }

    thread_local! {
        static LINES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
    }

    /// The log lines of this thread since the last call.
    fn captured() -> Vec<String> {
        struct Capture;
        impl log::Log for Capture {
            fn enabled(&self, _: &log::Metadata) -> bool {
                true
            }
            fn log(&self, record: &log::Record) {
                LINES.with_borrow_mut(|lines| lines.push(format!("{} {}", record.level(), record.args())));
            }
            fn flush(&self) {}
        }
        static CAPTURE: Capture = Capture;
        // Another test may have set it before.
        let _ = log::set_logger(&CAPTURE);
        log::set_max_level(log::LevelFilter::Info);
        LINES.take()
    }
}
