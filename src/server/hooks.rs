//! Programs that are told of finished uploads (`on_upload`): one thread outside of every jail runs them, one at a time, in the
//! order in which the files came. A server whose accounts name none has no such thread.

use std::fs;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::auth::accounts::Accounts;
use crate::fs::quota::again::Reason;
use crate::ini;
use crate::protocol::legible::Legible;
use crate::share::Premises;
use crate::share::arrivals::NewFile;
use crate::sys::access;
use crate::sys::program::{ProgramCall, ending};

/// The programs of all accounts.
pub struct Hooks {
    premises: Arc<Premises>,
    /// Whether there is a thread.
    is_started: Mutex<bool>,
}

/// How long a program may run.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
/// Characters of a program's last line that the log shows.
const SHOWN: usize = 500;

impl Hooks {
    /// Those of the accounts that share these premises; nothing is started yet.
    pub fn new(premises: &Arc<Premises>) -> Hooks {
        Hooks { premises: Arc::clone(premises), is_started: Mutex::new(false) }
    }

    /// Starts the thread, if there is none and one is needed. Not to be called from a jail, which it would inherit.
    pub fn look(&self, accounts: &Accounts) {
        if accounts.has_programs() || !self.premises.arrivals.is_empty() {
            self.start();
        }
    }

    fn start(&self) {
        let mut is_started = self.is_started.lock();
        if *is_started {
            return;
        }
        let premises = Arc::clone(&self.premises);
        let started = thread::Builder::new().name("on_upload".to_owned()).spawn(move || work(&premises));
        *is_started = started.inspect_err(|error| log::error!("on_upload: no thread can be started: {error}")).is_ok();
    }

    /// Waits for what is told of uploads, until `end` at most; the log has the uploads that nobody was told of.
    pub fn finish(&self, end: Instant) {
        if !self.premises.arrivals.is_empty() {
            self.start();
        }
        for arrival in self.premises.arrivals.finish(end) {
            warn(&arrival, "nobody was told of it: the server stops");
        }
    }
}

fn work(premises: &Premises) {
    while let Some(arrival) = premises.arrivals.next() {
        if let Err(why) = tell(&arrival, || premises.arrivals.is_over()) {
            warn(&arrival, &why);
        }
        recount(&arrival);
    }
}

/// If the file is not there any more as it came, its program may have made room.
fn recount(arrival: &NewFile) {
    let Some(quota) = &arrival.quota else { return };
    let is_same = fs::symlink_metadata(&arrival.path).is_ok_and(|file| file.is_file() && file.len() == arrival.bytes);
    if !is_same {
        quota.again(Reason::Moved);
    }
}

/// Runs the program that is told of an upload, until the time of all programs is over at most; the error says what has failed.
fn tell(arrival: &NewFile, is_over: impl Fn() -> bool) -> Result<(), String> {
    if arrival.person.is_none() && access::user_id() == 0 {
        let fix = "give the account a system_user, or the server a user in ftpd.conf";
        return Err(format!("nobody was told of it: {} would run as root; {fix}", arrival.program.path.display()));
    }
    let (bytes, peer) = (arrival.bytes.to_string(), arrival.peer.ip().to_string());
    let environment = [
        ("FTPD_USER", arrival.user.as_bytes()),
        ("FTPD_PATH", arrival.path.as_os_str().as_encoded_bytes()),
        ("FTPD_VIRTUAL_PATH", arrival.seen.as_bytes()),
        ("FTPD_BYTES", bytes.as_bytes()),
        ("FTPD_PEER", peer.as_bytes()),
    ];
    let (program, arguments) = (&*arrival.program.path, &*arrival.program.arguments);
    let call = ProgramCall { program, arguments, environment: &environment, person: arrival.person.as_ref() };
    let named = program.display();
    let cant_run = |error: io::Error| format!("{named} can't be run: {}", ini::without_number(&error));
    let begin = Instant::now();
    let mut running = call.start().map_err(cant_run)?;
    let ended = running.wait(|| begin.elapsed() >= PATIENCE || is_over()).map_err(cant_run)?;
    let what = match ended {
        Some(status) if status.success() => return Ok(()),
        Some(status) => format!("{named} ended with {}", ending(status)),
        None if begin.elapsed() >= PATIENCE => format!("{named} took too long and was killed"),
        None => format!("{named} was killed, as the server stops"),
    };
    let said = running.last_line().map(|line| format!(": {}", line.chars().take(SHOWN).collect::<String>()));
    Err(what + &said.unwrap_or_default())
}

fn warn(arrival: &NewFile, why: &str) {
    let path = Legible(arrival.path.as_os_str().as_encoded_bytes());
    let (user, line) = (arrival.user.as_str(), &arrival.line);
    log::warn!(peer:% = arrival.peer, user; "on_upload {path}: {why} ({line})");
}
