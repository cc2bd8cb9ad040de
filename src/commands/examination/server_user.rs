//! The user that the server runs as.

use std::io;
use std::thread;

use super::Setup;
use crate::auth::user::User;
use crate::config::Config;
use crate::ini::{Finding, Source};
use crate::server::privileges;
use crate::sys::access;
use crate::sys::identity::Identity;
use crate::sys::owners::Owners;
use crate::sys::person::Person;

/// The user that the server runs as, once its ports are bound.
#[derive(Debug)]
pub struct ServerUser {
    /// Its name, or its number if it has none.
    pub name: String,
    /// Its number; none that there is, if ftpd.conf names a user who does not exist.
    pub number: u32,
    /// Who a thread of this process has to become to be that user.
    person: Option<Person>,
}

/// No user has this number (POSIX, `(uid_t) -1`).
const NO_USER: u32 = u32::MAX;

impl ServerUser {
    /// The user that ftpd.conf names, or that of this process; with what is wrong with the choice.
    pub fn of(subject: &Setup) -> (Self, Vec<Finding>) {
        let config = subject.config;
        let source = config.source("server", "user");
        match privileges::wanted(&config.server) {
            Err(error) => (Self { number: NO_USER, ..Self::of_process() }, vec![unknown(config, &error)]),
            Ok(None) => (Self::of_process(), Vec::new()),
            Ok(Some(person)) if access::user_id() == person.user => (Self::of_process(), Vec::new()),
            Ok(Some(person)) if access::user_id() != 0 => {
                let reason = format!("only root can become the user {}", person.name);
                let finding = Finding::error(&source, reason).fix("start as root, or leave user out of ftpd.conf");
                (Self::of_process(), vec![finding])
            }
            Ok(Some(person)) => {
                let of_root = (person.group == 0).then(|| {
                    let reason = format!("the group of {} is that of root, whose files it may use", person.name);
                    let fix = "name a group with fewer rights, or leave group out";
                    Finding::warning(&config.source("server", "group"), reason).about("group").fix(fix)
                });
                (
                    Self { name: person.name.clone(), number: person.user, person: Some(person) },
                    of_root.into_iter().collect(),
                )
            }
        }
    }

    /// The user of this process.
    pub fn of_process() -> Self {
        let number = access::user_id();
        let name = Owners::of_system().user(number).map_or_else(|| format!("user {number}"), str::to_owned);
        Self { name, number, person: None }
    }

    /// Who it is to the file system.
    pub fn identity(&self) -> Identity {
        match &self.person {
            None => Identity::of_process(),
            Some(person) => Identity::of(person.user, person.groups.iter().copied().chain([person.group]).collect()),
        }
    }

    /// Whether it is another user than the one who starts the server.
    pub fn is_another(&self) -> bool {
        self.person.is_some()
    }

    /// Runs `work` as a session of an account is to the file system: as this user, or as the account's own.
    pub fn run_for<T: Send>(&self, user: &User, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        match &user.system_user {
            Some(person) => run_as(person, work),
            None => self.run(work),
        }
    }

    /// Runs `work` as this user is to the file system; the error says why that is not possible.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> io::Result<T> {
        match &self.person {
            None => Ok(work()),
            Some(person) => run_as(person, work),
        }
    }
}

/// Runs `work` on a thread that is this person to the file system; the error says why that is not possible.
fn run_as<T: Send>(person: &Person, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let tried = || person.become_on_this_thread().map(|()| work());
    let tried = thread::scope(|scope| thread::Builder::new().spawn_scoped(scope, tried).map(|thread| thread.join()))?;
    tried.unwrap_or_else(|_| Err(io::Error::other("the thread failed")))
}

/// The command that makes a user for servers.
fn useradd(name: &str) -> String {
    format!("useradd --system --no-create-home --shell /usr/sbin/nologin {name}")
}

/// Keys of users and groups that say 0, which is root's number elsewhere and means "off" here.
pub fn zeros(subject: &Setup) -> Vec<Finding> {
    let Setup { config, users, .. } = *subject;
    let server = &config.server;
    let of_server = [("user", server.user.is_none()), ("group", server.group.is_none())];
    let of_server =
        of_server.into_iter().filter(|(_, is_off)| *is_off).map(|(key, _)| (key, config.source("server", key)));
    let accounts = users.accounts();
    let off = accounts.all().filter(|user| user.system_user.is_none());
    let of_accounts = off.map(|user| ("system_user", user.source("system_user")));
    let is_zero = |source: &Source| source.is_written() && value(source).is_some_and(|value| value == "0");
    let finding = |(key, source): (&str, Source)| {
        Finding::warning(&source, format!("0 means off here, not the number of root; {key} = off says the same")).fix(
            "write off, or the name of a user without rights"
                .replace("a user", if key == "group" { "a group" } else { "a user" }),
        )
    };
    of_server.chain(of_accounts).filter(|(_, source)| is_zero(source)).map(finding).collect()
}

/// What is written after the last sign of a line.
fn value(source: &Source) -> Option<String> {
    Some(source.to_string().rsplit(['=', ':']).next()?.trim().to_owned())
}

/// A user or group that this system lacks.
fn unknown(config: &Config, error: &io::Error) -> Finding {
    let (user, group) = (config.server.user.as_deref().unwrap_or_default(), config.server.group.as_deref());
    let text = error.to_string();
    match group.filter(|_| text.contains("group")) {
        Some(group) => {
            Finding::error(&config.source("server", "group"), text).fix(format!("groupadd --system {group}"))
        }
        None if text.contains("no user") => Finding::error(&config.source("server", "user"), text).fix(useradd(user)),
        None => Finding::error(&config.source("server", "user"), text),
    }
}

/// A server that could give up root and does not. With a `system_user` it can't.
pub fn stays_root(subject: &Setup) -> Option<Finding> {
    // A folder is shared for an hour, by a person who has no file to set a user in.
    let gives_up = subject.config.server.user.is_some() || subject.files.shared.is_some();
    let needs_root = subject.users.accounts().all().any(|user| user.system_user.is_some());
    (access::user_id() == 0 && !gives_up && !needs_root).then(|| {
        let file = subject.files.config_file().unwrap_or_else(|| "ftpd.conf".into());
        let reason = "not set, so the server is root for as long as it runs";
        let known = ["ftpd", "ftp"].into_iter().find(|name| Person::find(name, None).is_ok());
        let name = known.unwrap_or("ftpd");
        let made = if known.is_some() { String::new() } else { format!("; {}", useradd(name)) };
        let fix = format!("user = {name} in [server] makes it a user without rights once its ports are bound{made}");
        Finding::note(&Source::file(file.display()), reason).about("user").fix(fix)
    })
}
