//! The passive ports at one local address: each is bound once, when it is first needed, and kept.
//!
//! They are those of `passive_ports`, or any free ones: then their number grows with that of the sessions that wait.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::net::listener::{Expected, Listener};
use crate::net::random::Random;
use crate::net::turns::Turns;

/// The passive ports at one local address.
#[derive(Debug)]
pub struct LocalPorts {
    /// Its port is ignored.
    address: SocketAddr,
    slots: Vec<Slot>,
    /// Maximum number of slots; a range has all of them from the start.
    most: usize,
    /// How many sessions wait.
    waiting: usize,
    clients: HashMap<IpAddr, Turns>,
}

#[derive(Debug)]
enum Slot {
    Unbound(u16),
    /// Another program had it when it was tried.
    Taken(u16),
    Bound(Arc<Listener>),
}

/// Why there is no port for a client.
#[derive(Debug)]
pub enum NoPort {
    /// This many, which are all, wait for this client already.
    AllWaiting(usize),
    /// Other programs have the rest, or sessions that take connections from any address.
    AllTaken,
    /// The system does not let one be bound.
    System(io::Error),
}

/// Number of random picks before the ports are tried in order.
const TRIES: usize = 16;
/// Maximum number of clients remembered; then those that wait for nothing are forgotten.
const MAX_CLIENTS: usize = 1024;
/// The least number of ports beyond two for each waiting session, so that the next one can't be guessed.
const SPARE: usize = 16;

impl LocalPorts {
    /// The ports of a range, none of which is bound yet.
    pub fn of_range(address: SocketAddr, range: RangeInclusive<u16>) -> Self {
        let slots: Vec<Slot> = range.map(Slot::Unbound).collect();
        Self { address, most: slots.len(), slots, waiting: 0, clients: HashMap::new() }
    }

    /// Any ports, as many as are needed by this number of sessions at most.
    pub fn of_system(address: SocketAddr, sessions: usize) -> Self {
        let most = sessions.saturating_add(SPARE);
        Self { address, slots: Vec::new(), most, waiting: 0, clients: HashMap::new() }
    }

    /// A listener with a place for a session of this client.
    pub fn take(&mut self, client: IpAddr, expected: Expected, random: &mut Random) -> Result<Arc<Listener>, NoPort> {
        self.forget_idle(client);
        let listener = match self.grow(expected) {
            Ok(Some(listener)) => listener,
            // If no other port can be bound, those that are bound already are used.
            grown => match self.find(client, expected, random).map_err(NoPort::System)? {
                Some(listener) => listener,
                None => return Err(grown.map_or_else(NoPort::System, |_| self.why_none(client))),
            },
        };
        self.clients.entry(client).or_default().begin(listener.port());
        self.waiting += 1;
        Ok(listener)
    }

    /// A session of this client no longer waits.
    pub fn give_back(&mut self, client: IpAddr, port: u16) {
        self.waiting = self.waiting.saturating_sub(1);
        if let Some(turns) = self.clients.get_mut(&client) {
            turns.end(port, self.slots.len());
        }
    }

    /// Whether no session waits.
    pub fn is_idle(&self) -> bool {
        self.waiting == 0
    }

    /// How many clients are remembered.
    #[cfg(test)]
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// The numbers of the ports that are bound.
    #[cfg(test)]
    pub fn bound(&self) -> impl Iterator<Item = u16> {
        self.slots.iter().filter(|slot| matches!(slot, Slot::Bound(_))).map(Slot::port)
    }

    /// A listener at a port of the system's choice, with a place for one, while there are too few: a client must find one
    /// that it has not used lately, and bind takes longer the more connections are in TIME_WAIT.
    fn grow(&mut self, expected: Expected) -> io::Result<Option<Arc<Listener>>> {
        let wanted = (2 * (self.waiting + 1)).saturating_add(SPARE).min(self.most);
        if self.slots.len() >= wanted {
            return Ok(None);
        }
        let listener = Arc::new(Listener::bind(self.address)?);
        listener.reserve(expected);
        self.slots.push(Slot::Bound(Arc::clone(&listener)));
        Ok(Some(listener))
    }

    /// At random among those where no session waits; then any where the client may wait; then one that it has used lately;
    /// last the ports that other programs had.
    fn find(&mut self, client: IpAddr, expected: Expected, random: &mut Random) -> io::Result<Option<Arc<Listener>>> {
        let count = self.slots.len();
        for _ in 0..TRIES {
            let at = random.below(count);
            if self.is_fresh(client, at)
                && self.is_free(at)
                && let Some(listener) = self.reserve(at, expected)?
            {
                return Ok(Some(listener));
            }
        }
        let start = random.below(count);
        let fresh = (start..count).chain(0..start).filter(|&at| self.is_fresh(client, at));
        for at in fresh.chain(self.recent(client)).collect::<Vec<usize>>() {
            if let Some(listener) = self.reserve(at, expected)? {
                return Ok(Some(listener));
            }
        }
        self.retry_taken(expected)
    }

    fn is_fresh(&self, client: IpAddr, at: usize) -> bool {
        let port = self.slots.get(at).map(Slot::port);
        let turns = self.clients.get(&client);
        port.is_some_and(|port| turns.is_none_or(|turns| turns.is_fresh(port)))
    }

    fn is_free(&self, at: usize) -> bool {
        match self.slots.get(at) {
            Some(Slot::Unbound(_)) => true,
            Some(Slot::Taken(_)) | None => false,
            Some(Slot::Bound(listener)) => listener.is_free(),
        }
    }

    /// Where the client waited lately, longest ago first.
    fn recent(&self, client: IpAddr) -> impl Iterator<Item = usize> {
        let ports = self.clients.get(&client).into_iter().flat_map(Turns::recent);
        ports.filter_map(|port| self.slots.iter().position(|slot| slot.port() == port))
    }

    /// The listener of a port with a place for one more; `None` if there is none.
    fn reserve(&mut self, at: usize, expected: Expected) -> io::Result<Option<Arc<Listener>>> {
        let Some(slot) = self.slots.get_mut(at) else { return Ok(None) };
        if let Slot::Unbound(port) = *slot {
            let mut address = self.address;
            address.set_port(port);
            *slot = match Listener::bind(address) {
                Ok(listener) => Slot::Bound(Arc::new(listener)),
                Err(error) if error.kind() == ErrorKind::AddrInUse => Slot::Taken(port),
                Err(error) => return Err(error),
            };
        }
        match slot {
            Slot::Bound(listener) if listener.reserve(expected) => Ok(Some(Arc::clone(listener))),
            _ => Ok(None),
        }
    }

    /// Tries the ports that other programs had; they may be free by now.
    fn retry_taken(&mut self, expected: Expected) -> io::Result<Option<Arc<Listener>>> {
        for at in 0..self.slots.len() {
            if let Slot::Taken(port) = self.slots[at] {
                self.slots[at] = Slot::Unbound(port);
                if let Some(listener) = self.reserve(at, expected)? {
                    return Ok(Some(listener));
                }
            }
        }
        Ok(None)
    }

    fn why_none(&self, client: IpAddr) -> NoPort {
        let waiting = self.clients.get(&client).map_or(0, Turns::waiting);
        let taken = self.slots.iter().filter(|slot| matches!(slot, Slot::Taken(_))).count();
        if waiting > 0 && waiting + taken == self.slots.len() { NoPort::AllWaiting(waiting) } else { NoPort::AllTaken }
    }

    fn forget_idle(&mut self, newcomer: IpAddr) {
        if self.clients.len() >= MAX_CLIENTS && !self.clients.contains_key(&newcomer) {
            self.clients.retain(|_, turns| !turns.is_idle());
        }
    }
}

impl Slot {
    fn port(&self) -> u16 {
        match self {
            Self::Unbound(port) | Self::Taken(port) => *port,
            Self::Bound(listener) => listener.port(),
        }
    }
}
