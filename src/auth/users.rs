//! The check of a name and a password against the accounts of user.ini.
//!
//! Before each login the file is read again if it has changed, so an account can be added while the server runs; a file
//! with an error in it leaves the accounts as they were.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::mem;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use crate::auth::accounts::Accounts;
use crate::auth::exposed::Exposed;
use crate::auth::hash::Checks;
use crate::auth::own_files::{OwnFile, OwnGround, Reach};
use crate::auth::shared_folder::SharedFolder;
use crate::auth::user::{Terms, User, is_anonymous};
use crate::ini::{Finding, Findings};
use crate::seen::Seen;
use crate::sys::access;
use crate::sys::own_file;
use crate::sys::stamp::Stamp;

/// Why a login was refused. This is for the log; the client gets the same reply for all but those of anonymous and `Busy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginRefusal {
    /// No account has that name.
    Unknown,
    /// The name asks for the anonymous account, and there is none.
    NoAnonymous,
    /// The anonymous account is not for the client's address.
    AnonymousElsewhere,
    /// The account has another password.
    WrongPassword,
    /// The account may not log in from that address.
    Address,
    /// The account may not log in.
    Disabled,
    /// Too many passwords were being checked until the deadline.
    Busy,
}

impl fmt::Display for LoginRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            LoginRefusal::Unknown => "unknown name",
            LoginRefusal::NoAnonymous => "anonymous is off",
            LoginRefusal::AnonymousElsewhere => "anonymous is for the local network",
            LoginRefusal::WrongPassword => "wrong password",
            LoginRefusal::Address => "address not in allow_from",
            LoginRefusal::Disabled => "the account is disabled",
            LoginRefusal::Busy => "too many passwords being checked",
        })
    }
}

/// All accounts; shared by all sessions.
pub struct Users {
    current: Mutex<Current>,
    checks: Checks,
}

/// The last reading that gave accounts, and how to repeat it.
struct Current {
    file: Option<PathBuf>,
    accounts: Arc<Accounts>,
    terms: Terms,
    seen: Seen,
    /// Files that no account may reach.
    own_files: Vec<OwnFile>,
}

/// The state of user.ini at one check; two are equal if it was the same file with the same content.
#[derive(Debug, PartialEq)]
pub struct Look(Seen);

impl Users {
    /// Reads user.ini at `file`. It is an error if there is neither a file nor an anonymous account.
    pub fn load(file: Option<&Path>, terms: Terms) -> Result<Users, Findings> {
        let (accounts, seen) = Accounts::read(file, &terms)?;
        Ok(Users::new(file.map(Path::to_owned), accounts, terms, seen))
    }

    /// The accounts that `text` would give as the content of user.ini at `file`, which need not exist.
    pub fn parse(file: &Path, text: &str, terms: Terms) -> Result<Users, Findings> {
        let accounts = Accounts::parse(file, Ok(text.into()), &terms)?;
        Ok(Users::new(None, accounts, terms, Seen::new(None, None)))
    }

    /// The account of a folder that the command line shares, and no other.
    pub fn shared(folder: &SharedFolder) -> Users {
        Users::new(None, Accounts::shared(folder), Terms::default(), Seen::new(None, None))
    }

    fn new(file: Option<PathBuf>, accounts: Accounts, terms: Terms, seen: Seen) -> Users {
        let current = Current { file, accounts: Arc::new(accounts), terms, seen, own_files: Vec::new() };
        Users { current: Mutex::new(current), checks: Checks::new(available_parallelism().map_or(1, usize::from)) }
    }

    /// From now on, accounts that reach one of these files are left out. Returns a line for each, which the log has, too.
    pub fn guard(&self, own_files: Vec<OwnFile>) -> Vec<String> {
        let mut current = self.current.lock();
        current.own_files = own_files;
        current.leave_out()
    }

    /// Replaces the accounts by those that were `read` later.
    pub fn take_over(&self, read: Users) {
        *self.current.lock() = read.current.into_inner();
    }

    /// The account called `name` if `password` is its own and it may log in `from` there.
    ///
    /// The work is the same whether or not the name exists; only the names of the anonymous account cost nothing. Waits for
    /// its turn until `deadline` at most.
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
        if !user.enabled {
            self.decoy(&accounts, Duration::ZERO, password, deadline)?;
            return Err(LoginRefusal::Disabled);
        }
        let admitted = user.admission.admits(from);
        let Some(stored) = &user.password else {
            return if admitted { Ok(Arc::clone(user)) } else { Err(LoginRefusal::AnonymousElsewhere) };
        };
        let right = self.checks.run(stored, password, deadline).ok_or(LoginRefusal::Busy)?;
        if right && admitted {
            return Ok(Arc::clone(user));
        }
        self.decoy(&accounts, stored.cost(), password, deadline)?;
        Err(if right { LoginRefusal::Address } else { LoginRefusal::WrongPassword })
    }

    /// The accounts as they were last read.
    pub fn accounts(&self) -> Arc<Accounts> {
        Arc::clone(&self.current.lock().accounts)
    }

    /// What is allowed but may be a mistake: among others plain passwords that others can read, and short ones if other
    /// machines can reach the server.
    pub fn warnings(&self, reachable_from_other_machines: bool) -> Vec<Finding> {
        let current = self.current.lock();
        let Current { file, accounts, .. } = &*current;
        let readable = file.as_ref().and_then(|file| accounts.readable_passwords(file));
        let short = accounts.short_passwords().filter(|_| reachable_from_other_machines);
        accounts.doubts().chain(readable).chain(short).collect()
    }

    /// The accounts, after the file was read again if it has changed.
    fn fresh_accounts(&self) -> Arc<Accounts> {
        Arc::clone(&self.refreshed().accounts)
    }

    /// The same, with the state of the file.
    pub fn look(&self) -> (Arc<Accounts>, Look) {
        let current = self.refreshed();
        (Arc::clone(&current.accounts), Look(current.seen.clone()))
    }

    fn refreshed(&self) -> MutexGuard<'_, Current> {
        // Looked at under the lock, or a slow thread could bring back an older state.
        let mut current = self.current.lock();
        let Current { file, seen, .. } = &*current;
        if let Some(file) = file {
            let stamp = Stamp::of(file);
            if !seen.is_current(&stamp) {
                current.refresh(stamp);
            }
        }
        current
    }

    /// Takes as long as the most expensive password of the file, unless that much was `spent` already.
    fn decoy(
        &self,
        accounts: &Accounts,
        spent: Duration,
        password: &[u8],
        deadline: Instant,
    ) -> Result<(), LoginRefusal> {
        let Some(stored) = accounts.costliest().filter(|stored| stored.cost() > spent) else { return Ok(()) };
        self.checks.run(stored, password, deadline).map(|_| ()).ok_or(LoginRefusal::Busy)
    }
}

/// Whether an accounts file has neither a section nor anything else that counts: an editor may be about to write it.
fn is_only_comments(content: &[u8]) -> bool {
    let mut lines = content.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.all(|line| line.is_empty() || line.starts_with(b"#") || line.starts_with(b";"))
}

impl Current {
    #[cold]
    fn refresh(&mut self, stamp: Option<Stamp>) {
        let Some(path) = &self.file else { return };
        let content = match own_file::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read),
        };
        let seen = Seen::new(stamp, content.as_ref());
        let known = mem::replace(&mut self.seen, seen).same_content(&self.seen);
        match content {
            // The same content, right or wrong, was reported before.
            _ if known => {}
            Some(Err(_)) | None if path.is_dir() => {
                log::warn!("{} is a folder, the accounts stay as they were", path.display());
            }
            None => log::warn!("{} is not there, the accounts stay as they were", path.display()),
            // It was cut off, or is about to be written.
            Some(Ok(content)) if content.trim_ascii().is_empty() => {
                log::warn!("{} is empty, the accounts stay as they were", path.display());
            }
            Some(Ok(content)) if self.accounts.count() > 0 && is_only_comments(&content) => {
                log::warn!("{} has no account in it, the accounts stay as they were", path.display());
            }
            Some(content) => match self.parse(path, content) {
                Ok(accounts) => {
                    log::info!("{} has changed, accounts in it: {}", path.display(), accounts.named());
                    accounts.doubts().for_each(|doubt| log::warn!("{}", doubt.message()));
                    self.accounts = Arc::new(accounts);
                    self.leave_out();
                }
                Err(found) => {
                    log::error!("{} has changed and is not used, the accounts stay as they were:", path.display());
                    found.to_string().lines().for_each(|line| log::error!("{line}"));
                }
            },
        }
    }

    /// Reads the changed file, unless others could have changed it.
    fn parse(&self, path: &Path, content: io::Result<Vec<u8>>) -> Result<Accounts, Findings> {
        let exposed = Exposed::on_the_way_to(path, access::user_id());
        let own = self.own_files.iter().filter(|file| file.path == path);
        let other_names = own.filter_map(|file| file.other_names(&self.accounts));
        let found = exposed.iter().map(|exposed| exposed.finding(path)).chain(other_names);
        let found = Findings::new(found.collect());
        if found.has_errors() {
            return Err(found);
        }
        let accounts = Accounts::parse(path, content, &self.terms)?;
        let found = Findings::new(accounts.unsafe_programs(access::user_id()));
        if found.has_errors() { Err(found) } else { Ok(accounts) }
    }

    /// Takes away the accounts that reach files of the server.
    fn leave_out(&mut self) -> Vec<String> {
        let accounts = &self.accounts;
        let ground = OwnGround::guarded_from(accounts, self.own_files.clone());
        let reaches: Vec<_> = accounts.all().flat_map(|user| ground.reached_by(user)).collect();
        if reaches.is_empty() {
            return Vec::new();
        }
        let line = |reach: &Reach| format!("{}; the account is left out", reach.finding());
        let lines: Vec<String> = reaches.iter().map(line).collect();
        lines.iter().for_each(|line| log::error!("{line}"));
        let reached: BTreeSet<&str> = reaches.iter().map(|reach| reach.folder.user.name.as_str()).collect();
        self.accounts = Arc::new(accounts.only(|user| !reached.contains(user.name.as_str())));
        lines
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs;

    use super::*;
    use crate::auth::own_files::Secrecy;
    use crate::auth::samples::{ARGON2, BCRYPT, account, public, terms};
    use crate::auth::user::Guest;

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

    #[test]
    fn a_login_is_known_if_its_password_is_plain() {
        let missing = account("carl", "secret", "").replace("home = .", "home = none");
        let text = [
            account("ann", BCRYPT, ""),
            account("bob", "far", "allow_from = 10.0.0.0/8"),
            missing,
            account("dan", "near", "allow_from = 192.0.2.1"),
        ]
        .concat();
        let anonymous = Guest { home: "/".into(), ..public().unwrap() };
        let login = |anonymous: Option<Guest>, from: &str| {
            Fixture::new(&text, anonymous).users.accounts().plain_login(from.parse().unwrap())
        };
        let pair = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(login(None, "10.1.2.3"), pair("bob", "far"));
        assert_eq!(login(None, "192.0.2.1"), pair("dan", "near"));
        assert_eq!(login(None, "192.0.2.2"), None);
        assert_eq!(login(Some(anonymous), "192.0.2.2"), pair("anonymous", "anonymous@"));
    }

    #[test]
    fn without_a_file_only_anonymous_can_log_in() {
        assert!(Users::load(None, terms(None)).is_err());
        let users = Users::load(None, terms(public())).unwrap();
        let from = "10.0.0.1".parse().unwrap();
        assert!(users.check_in(b"FTP", b"me@home", from, Instant::now()).unwrap().is_anonymous());
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
    fn a_file_of_comments_and_a_folder_keep_the_accounts_and_a_reload_takes_the_comments() {
        let fixture = Fixture::new(&account("bob", "one", ""), public());
        captured();
        let told = || captured().into_iter().filter(|line| line.contains("user.ini")).collect::<Vec<_>>();
        fixture.write("# cut\n\n; short\n");
        for times in [1, 0] {
            assert!(fixture.log_in("bob", "one").is_ok());
            assert_eq!(told().iter().filter(|line| line.contains("has no account in it")).count(), times);
        }
        fixture.users.take_over(Users::load(Some(&fixture.path()), terms(public())).unwrap());
        assert_eq!(fixture.log_in("bob", "one"), Err(LoginRefusal::Unknown));
        fixture.write(&account("bob", "one", ""));
        assert!(fixture.log_in("bob", "one").is_ok());
        fs::remove_file(fixture.path()).unwrap();
        fs::create_dir(fixture.path()).unwrap();
        captured();
        assert!(fixture.log_in("bob", "one").is_ok());
        assert!(told()[0].contains("is a folder"));
    }

    #[test]
    fn reload_takes_over_anonymous_or_nothing() {
        let fixture = Fixture::new(&account("bob", "one", ""), None);
        let read = |anonymous| Users::load(Some(&fixture.path()), terms(anonymous));
        fixture.users.take_over(read(public()).unwrap());
        assert_eq!(fixture.log_in("Anonymous", "x"), Ok("anonymous".to_owned()));
        assert_eq!(fixture.users.accounts().count(), 2);
        fixture.write("[bob]\n");
        assert!(read(None).is_err());
        assert!(fixture.log_in("ftp", "x").is_ok() && fixture.log_in("bob", "one").is_ok());
    }

    #[test]
    fn short_passwords_are_warned_about_if_other_machines_can_reach_them() {
        let fixture = Fixture::new(&(account("bob", "short", "") + &account("eve", "long enough", "")), None);
        let told = |found: Vec<Finding>| found.iter().map(Finding::to_string).collect::<Vec<_>>();
        let warnings = told(fixture.users.warnings(true));
        assert!(
            warnings.last().unwrap().contains(":2: password: ")
                && warnings.last().unwrap().contains("less than 8 characters: bob;"),
            "{warnings:?}"
        );
        assert!(!told(fixture.users.warnings(false)).concat().contains("8 characters"));
    }

    #[test]
    fn an_account_that_reaches_files_of_the_server_is_left_out_and_the_others_go_on() {
        let fixture = Fixture::new(&account("bob", "one", "").replace("home = .", "home = gone"), None);
        let own = OwnFile { name: "user.ini", path: fixture.path(), secret: Secrecy::Passwords };
        fixture.users.guard(vec![own]);
        captured();
        let bob = account("bob", "two", "").replace("home = .", "home = gone");
        fixture.write(&(account("eve", "two", "").replace("elr", "w") + &bob + &account("ann", BCRYPT, "")));
        assert!(fixture.log_in("bob", "two").is_ok());
        for name in ["eve", "ann"] {
            assert_eq!(fixture.log_in(name, "two"), Err(LoginRefusal::Unknown), "{name}");
        }
        let told = captured().concat();
        assert!(told.contains("eve may change files in") && told.contains("ann may read files in"), "{told}");
    }

    #[cfg(unix)]
    #[test]
    fn a_changed_file_that_everybody_could_write_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let fixture = Fixture::new(&account("bob", "one", ""), None);
        captured();
        fixture.write(&account("eve", "one", ""));
        fs::set_permissions(fixture.path(), fs::Permissions::from_mode(0o646)).unwrap();
        assert!(fixture.log_in("bob", "one").is_ok() && fixture.log_in("eve", "one").is_err());
        assert!(captured().concat().contains("chmod o-w"));
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
                fixture.users.warnings(true).iter().any(|finding| finding.fix.as_ref() == Some(&remedy)),
                warned,
                "{password} {mode:o}"
            );
        }
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
