//! Finished uploads, while they wait for the program that is told of them (`on_upload`).

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::auth::program::Program;
use crate::fs::quota::QuotaChain;
use crate::protocol::path::VirtualPath;
use crate::sys::person::Person;

/// An upload that a program is told of.
#[derive(Debug)]
pub struct NewFile {
    /// The program.
    pub program: Arc<Program>,
    /// Where user.ini names it.
    pub line: String,
    /// The account's system user.
    pub person: Option<Person>,
    /// The file, on this machine.
    pub path: PathBuf,
    /// The file, as the client named it.
    pub seen: VirtualPath,
    /// The size of the file.
    pub bytes: u64,
    /// The name of the account.
    pub user: String,
    /// The client.
    pub peer: SocketAddr,
    /// The quotas that hold there.
    pub quota: Option<QuotaChain>,
}

/// The uploads that wait, in the order in which they came.
#[derive(Debug, Default)]
pub struct Arrivals {
    line: Mutex<WaitingLine>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct WaitingLine {
    waiting: VecDeque<NewFile>,
    /// One has been taken, and its program runs.
    is_busy: bool,
    /// When the server stops.
    end: Option<Instant>,
}

/// Maximum number of uploads that wait.
pub const MOST_WAITING: usize = 1000;
/// How long a program that is killed may take to be gone.
const LAST_MOMENT: Duration = Duration::from_secs(1);

impl Arrivals {
    /// Puts an upload at the end of the line. Returns the one that is dropped for it, or itself if the server has stopped.
    #[must_use]
    pub fn add(&self, arrival: NewFile) -> Option<NewFile> {
        let mut line = self.line.lock();
        if line.is_over() {
            return Some(arrival);
        }
        let dropped = if line.waiting.len() < MOST_WAITING { None } else { line.waiting.pop_front() };
        line.waiting.push_back(arrival);
        self.changed.notify_all();
        dropped
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.line.lock().waiting.is_empty()
    }

    /// Waits for the next one, whose program the caller runs before it asks again; `None` when the server stops.
    pub fn next(&self) -> Option<NewFile> {
        let mut line = self.line.lock();
        line.is_busy = false;
        loop {
            self.changed.notify_all();
            if line.is_over() {
                return None;
            }
            if let Some(arrival) = line.waiting.pop_front() {
                line.is_busy = true;
                return Some(arrival);
            }
            if line.end.is_some() {
                return None;
            }
            self.changed.wait(&mut line);
        }
    }

    /// Whether the time that programs have is over.
    pub fn is_over(&self) -> bool {
        self.line.lock().is_over()
    }

    /// Waits until the last one has been told of, until `end` at most. Returns those that still wait then.
    pub fn finish(&self, end: Instant) -> VecDeque<NewFile> {
        let mut line = self.line.lock();
        line.end = Some(end);
        self.changed.notify_all();
        while (line.is_busy || !line.waiting.is_empty()) && !self.changed.wait_until(&mut line, end).timed_out() {}
        let left = std::mem::take(&mut line.waiting);
        while line.is_busy && !self.changed.wait_until(&mut line, end + LAST_MOMENT).timed_out() {}
        left
    }
}

impl WaitingLine {
    fn is_over(&self) -> bool {
        self.end.is_some_and(|end| end <= Instant::now())
    }
}
