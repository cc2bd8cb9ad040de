//! The sessions that are here, so that they can be told when the server stops.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Every session's control connection.
#[derive(Debug, Default)]
pub struct Roster {
    present: Mutex<Present>,
    left: Condvar,
}

#[derive(Debug, Default)]
struct Present {
    next: u64,
    connections: HashMap<u64, Arc<TcpStream>>,
}

/// A session's line in the roster; taken out by Drop.
#[derive(Debug)]
pub struct Entry {
    roster: Arc<Roster>,
    number: u64,
}

impl Roster {
    /// Writes a session's connection in.
    pub fn enter(roster: &Arc<Self>, connection: &Arc<TcpStream>) -> Entry {
        let mut present = roster.present();
        let number = present.next;
        present.next += 1;
        present.connections.insert(number, Arc::clone(connection));
        drop(present);
        Entry { roster: Arc::clone(roster), number }
    }

    /// How many sessions are here.
    pub fn len(&self) -> usize {
        self.present().connections.len()
    }

    /// Wakes every session: nothing more is read from its client.
    pub fn stop_reading(&self) {
        self.shutdown(Shutdown::Read);
    }

    /// Cuts every connection.
    pub fn disconnect(&self) {
        self.shutdown(Shutdown::Both);
    }

    /// True when the last session has left before the deadline.
    pub fn wait_until_empty(&self, deadline: Instant) -> bool {
        let mut present = self.present();
        while !present.connections.is_empty() {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            present = self.left.wait_timeout(present, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn shutdown(&self, how: Shutdown) {
        for connection in self.present().connections.values() {
            let _ = connection.shutdown(how);
        }
    }

    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.roster.present().connections.remove(&self.number);
        self.roster.left.notify_all();
    }
}
