//! The passive ports: listeners that are bound once, leased to one session at a time, and drained before the next lease.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, PoisonError};

use socket2::{Domain, Protocol, Socket, Type};

/// All passive listeners of the server.
#[derive(Debug)]
pub struct PassivePorts {
    range: Option<RangeInclusive<u16>>,
    by_address: Mutex<HashMap<IpAddr, Ports>>,
}

/// The listeners of one local address.
#[derive(Debug)]
struct Ports {
    /// Ports of the range that were not bound yet, in random order.
    unused: Vec<u16>,
    /// Idle listeners, the one used longest ago first.
    idle: VecDeque<TcpListener>,
}

/// A passive listener that is this session's alone; given back by Drop.
#[derive(Debug)]
pub struct Lease {
    ports: Arc<PassivePorts>,
    address: IpAddr,
    port: u16,
    /// Taken by Drop.
    listener: Option<TcpListener>,
}

/// So many idle ephemeral listeners are kept before one is used again, so that the next port can't be guessed.
const KEPT: usize = 16;
/// Clients connect once for each lease; more in the queue are strangers.
const BACKLOG: i32 = 8;

impl PassivePorts {
    /// Ports of this range, or any free ones.
    pub fn new(range: Option<RangeInclusive<u16>>) -> Self {
        Self { range, by_address: Mutex::default() }
    }

    /// A listener at a local address, its port chosen at random among those used longest ago.
    ///
    /// # Errors
    /// `AddrInUse` when every port of the range is taken.
    pub fn lease(self: &Arc<Self>, address: IpAddr) -> io::Result<Lease> {
        let listener = self.take(address)?;
        drain(&listener);
        let port = listener.local_addr()?.port();
        Ok(Lease { ports: Arc::clone(self), address, port, listener: Some(listener) })
    }

    fn take(&self, address: IpAddr) -> io::Result<TcpListener> {
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        let ports = by_address.entry(address).or_insert_with(|| Ports::new(self.range.clone()));
        while let Some(port) = ports.unused.pop() {
            match listen(SocketAddr::new(address, port)) {
                // Another program's port: it may be free by the next round.
                Err(error) if error.kind() == ErrorKind::AddrInUse => {}
                other => return other,
            }
        }
        if self.range.is_none() && ports.idle.len() < KEPT {
            drop(by_address);
            return listen(SocketAddr::new(address, 0));
        }
        let older = ports.idle.len().div_ceil(2);
        match ports.idle.remove(random_below(older)) {
            Some(listener) => Ok(listener),
            None => {
                ports.unused = shuffled(self.range.clone());
                Err(ErrorKind::AddrInUse.into())
            }
        }
    }
}

impl Ports {
    fn new(range: Option<RangeInclusive<u16>>) -> Self {
        Self { unused: shuffled(range), idle: VecDeque::new() }
    }
}

impl Lease {
    /// The port that the client is told.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The listener; it does not block.
    pub fn listener(&self) -> &TcpListener {
        // Invariant: only Drop takes it.
        self.listener.as_ref().expect("a lease holds its listener until it is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(listener) = self.listener.take() else { return };
        let mut by_address = self.ports.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ports) = by_address.get_mut(&self.address) {
            ports.idle.push_back(listener);
            if self.ports.range.is_none() && ports.idle.len() > KEPT {
                ports.idle.pop_front();
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Closes connections that came while nobody waited for them.
fn drain(listener: &TcpListener) {
    while rustix::net::accept(listener).is_ok() {}
}

fn shuffled(range: Option<RangeInclusive<u16>>) -> Vec<u16> {
    let mut ports: Vec<u16> = range.into_iter().flatten().collect();
    for last in (1..ports.len()).rev() {
        ports.swap(last, random_below(last + 1));
    }
    ports
}

/// A number that can't be guessed, below `bound` (0 where that is 0).
fn random_below(bound: usize) -> usize {
    let random = getrandom::u64().unwrap_or(0);
    let bound = u64::try_from(bound).unwrap_or(u64::MAX);
    usize::try_from(random.checked_rem(bound).unwrap_or(0)).unwrap_or(0)
}
