//! The sessions that are here, so that they can be told when the server stops.

use std::collections::HashMap;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

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

/// A session's entry in the roster; Drop takes it out.
#[derive(Debug)]
pub struct RosterEntry {
    roster: Arc<Roster>,
    number: u64,
}

impl Roster {
    /// Adds a session's connection.
    pub fn enter(roster: &Arc<Self>, connection: &Arc<TcpStream>) -> RosterEntry {
        let mut present = roster.present.lock();
        let number = present.next;
        present.next += 1;
        present.connections.insert(number, Arc::clone(connection));
        drop(present);
        RosterEntry { roster: Arc::clone(roster), number }
    }

    /// How many sessions are here.
    pub fn len(&self) -> usize {
        self.present.lock().connections.len()
    }

    /// Wakes every session: nothing more is read from its client.
    pub fn stop_reading(&self) {
        self.shutdown(Shutdown::Read);
    }

    /// Cuts every connection.
    pub fn disconnect(&self) {
        self.shutdown(Shutdown::Both);
    }

    /// Waits until the last session has left; false if one is still here at the deadline.
    pub fn wait_until_empty(&self, deadline: Instant) -> bool {
        let mut present = self.present.lock();
        self.left.wait_while_until(&mut present, |present| !present.connections.is_empty(), deadline);
        present.connections.is_empty()
    }

    fn shutdown(&self, how: Shutdown) {
        for connection in self.present.lock().connections.values() {
            let _ = connection.shutdown(how);
        }
    }
}

impl Drop for RosterEntry {
    fn drop(&mut self) {
        self.roster.present.lock().connections.remove(&self.number);
        self.roster.left.notify_all();
    }
}
