//! The ports of `passive_ports` at one local address: each is bound once, when it is first needed, and kept.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::net::listener::{Expected, Listener, SHARED_BACKLOG};
use crate::net::random::Random;
use crate::net::turns::Turns;

/// A range of ports at one local address.
#[derive(Debug)]
pub struct PortRange {
    /// Its port is ignored.
    address: SocketAddr,
    first: u16,
    slots: Vec<Slot>,
    clients: HashMap<IpAddr, Turns>,
}

#[derive(Debug)]
enum Slot {
    Unbound,
    /// Another program had it when it was tried.
    Taken,
    Bound(Arc<Listener>),
}

/// Why there is no port for a client.
#[derive(Debug)]
pub enum NoPort {
    /// All of them, so many, wait for this client already.
    AllWaiting(usize),
    /// Other programs, or sessions that take connections from any address, have those that don't.
    AllTaken,
    /// The system does not let one be bound.
    System(io::Error),
}

/// A port that nobody else waits at is looked for so many times.
const TRIES: usize = 16;
/// So many clients are remembered; then those that wait for nothing are forgotten.
const MAX_CLIENTS: usize = 1024;

impl PortRange {
    /// A range of which no port is bound yet.
    pub fn new(address: SocketAddr, range: RangeInclusive<u16>) -> Self {
        let slots = range.clone().map(|_| Slot::Unbound).collect();
        Self { address, first: *range.start(), slots, clients: HashMap::new() }
    }

    /// A listener with a place for a session of this client.
    ///
    /// # Errors
    /// [`NoPort`]
    pub fn take(&mut self, client: IpAddr, expected: Expected, random: &mut Random) -> Result<Arc<Listener>, NoPort> {
        self.forget_idle(client);
        let listener = self.find(client, expected, random).map_err(NoPort::System)?;
        let turns = self.clients.entry(client).or_default();
        let Some(listener) = listener else {
            let taken = self.slots.iter().filter(|slot| matches!(slot, Slot::Taken)).count();
            let all_waiting = turns.waiting() > 0 && turns.waiting() + taken == self.slots.len();
            return Err(if all_waiting { NoPort::AllWaiting(turns.waiting()) } else { NoPort::AllTaken });
        };
        turns.begin(listener.port() - self.first);
        Ok(listener)
    }

    /// A session of this client waits no longer.
    pub fn give_back(&mut self, client: IpAddr, port: u16) {
        if let Some(turns) = self.clients.get_mut(&client) {
            turns.end(port - self.first, self.slots.len());
        }
    }

    /// True while no session waits.
    pub fn is_idle(&self) -> bool {
        self.clients.values().all(Turns::is_idle)
    }

    /// How many clients are remembered.
    #[cfg(test)]
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// At random where nobody waits; then wherever the client may wait; then, where it has been lately; last the ports
    /// that other programs had.
    fn find(&mut self, client: IpAddr, expected: Expected, random: &mut Random) -> io::Result<Option<Arc<Listener>>> {
        let count = self.count();
        let mut any = || u16::try_from(random.below(usize::from(count))).unwrap_or(0);
        for _ in 0..TRIES {
            let port = any();
            if self.is_fresh(client, port)
                && self.is_free(port)
                && let Some(listener) = self.reserve(port, expected)?
            {
                return Ok(Some(listener));
            }
        }
        let start = any();
        let fresh = (start..count).chain(0..start).filter(|&port| self.is_fresh(client, port));
        let recent = self.clients.get(&client).into_iter().flat_map(Turns::recent);
        for port in fresh.chain(recent).collect::<Vec<u16>>() {
            if let Some(listener) = self.reserve(port, expected)? {
                return Ok(Some(listener));
            }
        }
        self.retry_taken(expected)
    }

    fn is_fresh(&self, client: IpAddr, port: u16) -> bool {
        self.clients.get(&client).is_none_or(|turns| turns.is_fresh(port))
    }

    fn is_free(&self, port: u16) -> bool {
        match &self.slots[usize::from(port)] {
            Slot::Unbound => true,
            Slot::Taken => false,
            Slot::Bound(listener) => listener.is_free(),
        }
    }

    fn count(&self) -> u16 {
        u16::try_from(self.slots.len()).unwrap_or(u16::MAX)
    }

    /// The listener of a port with a place for one more; `None` where it can't be had.
    fn reserve(&mut self, port: u16, expected: Expected) -> io::Result<Option<Arc<Listener>>> {
        let slot = &mut self.slots[usize::from(port)];
        if matches!(slot, Slot::Unbound) {
            let mut address = self.address;
            address.set_port(self.first + port);
            *slot = match Listener::bind(address, SHARED_BACKLOG) {
                Ok(listener) => Slot::Bound(Arc::new(listener)),
                Err(error) if error.kind() == ErrorKind::AddrInUse => Slot::Taken,
                Err(error) => return Err(error),
            };
        }
        match slot {
            Slot::Bound(listener) if listener.reserve(expected) => Ok(Some(Arc::clone(listener))),
            _ => Ok(None),
        }
    }

    /// They may be free by now.
    fn retry_taken(&mut self, expected: Expected) -> io::Result<Option<Arc<Listener>>> {
        for port in 0..self.count() {
            let slot = &mut self.slots[usize::from(port)];
            if matches!(slot, Slot::Taken) {
                *slot = Slot::Unbound;
                if let Some(listener) = self.reserve(port, expected)? {
                    return Ok(Some(listener));
                }
            }
        }
        Ok(None)
    }

    fn forget_idle(&mut self, newcomer: IpAddr) {
        if self.clients.len() >= MAX_CLIENTS && !self.clients.contains_key(&newcomer) {
            self.clients.retain(|_, turns| !turns.is_idle());
        }
    }
}
