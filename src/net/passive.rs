//! The passive ports: listeners that are bound once, leased to one session at a time, and drained before the next lease.

use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// All passive listeners of the server.
#[derive(Debug)]
pub struct PassivePorts {
    range: Option<RangeInclusive<u16>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    by_address: HashMap<IpAddr, Ports>,
    random: Random,
}

/// The listeners of one local address.
#[derive(Debug)]
struct Ports {
    /// Ports of the range that were not bound yet.
    unused: Vec<u16>,
    /// Ports of the range that other programs had when they were tried.
    taken: Vec<u16>,
    /// Idle listeners, the one used longest ago first.
    idle: VecDeque<Bound>,
}

/// A listener, and its port so that nobody has to ask the system for it.
#[derive(Debug)]
struct Bound {
    listener: TcpListener,
    port: u16,
}

/// Random bytes of the system, fetched in advance.
#[derive(Debug, Default)]
struct Random(Vec<u8>);

/// A passive listener that is this session's alone; given back by Drop.
#[derive(Debug)]
pub struct Lease {
    ports: Arc<PassivePorts>,
    address: IpAddr,
    /// Taken by Drop.
    bound: Option<Bound>,
}

/// So many idle ephemeral listeners are kept before one is used again, so that the next port can't be guessed.
const KEPT: usize = 16;
/// Clients connect once for each lease; more in the queue are strangers.
const BACKLOG: i32 = 8;

impl PassivePorts {
    /// Ports of this range, or any free ones.
    pub fn new(range: Option<RangeInclusive<u16>>) -> Self {
        Self { range, state: Mutex::default() }
    }

    /// A listener at a local address, its port chosen at random among those used longest ago.
    ///
    /// # Errors
    /// `AddrInUse` when every port of the range is taken.
    pub fn lease(self: &Arc<Self>, address: IpAddr) -> io::Result<Lease> {
        let bound = self.take(address)?;
        drain(&bound.listener)?;
        Ok(Lease { ports: Arc::clone(self), address, bound: Some(bound) })
    }

    fn take(&self, address: IpAddr) -> io::Result<Bound> {
        let mut state = self.state();
        let State { by_address, random } = &mut *state;
        let ports = by_address.entry(address).or_insert_with(|| Ports::new(self.range.clone()));
        while !ports.unused.is_empty() {
            let port = ports.unused.swap_remove(random.below(ports.unused.len()));
            match listen(SocketAddr::new(address, port)) {
                Err(error) if error.kind() == ErrorKind::AddrInUse => ports.taken.push(port),
                other => return other,
            }
        }
        if self.range.is_none() && ports.idle.len() < KEPT {
            drop(state);
            return listen(SocketAddr::new(address, 0));
        }
        let older = ports.idle.len().div_ceil(2);
        match ports.idle.remove(random.below(older)) {
            Some(bound) => Ok(bound),
            None => {
                // They may be free by the next time.
                ports.unused = std::mem::take(&mut ports.taken);
                Err(ErrorKind::AddrInUse.into())
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ports {
    fn new(range: Option<RangeInclusive<u16>>) -> Self {
        Self { unused: range.into_iter().flatten().collect(), taken: Vec::new(), idle: VecDeque::new() }
    }
}

impl Lease {
    /// The port that the client is told.
    pub fn port(&self) -> u16 {
        self.bound().port
    }

    /// The listener; it does not block.
    pub fn listener(&self) -> &TcpListener {
        &self.bound().listener
    }

    fn bound(&self) -> &Bound {
        self.bound.as_ref().expect("a lease holds its listener until it is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(bound) = self.bound.take() else { return };
        let mut state = self.ports.state();
        if let Some(ports) = state.by_address.get_mut(&self.address) {
            ports.idle.push_back(bound);
            if self.ports.range.is_none() && ports.idle.len() > KEPT {
                ports.idle.pop_front();
            }
        }
    }
}

fn listen(address: SocketAddr) -> io::Result<Bound> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    let listener = TcpListener::from(socket);
    let port = listener.local_addr()?.port();
    Ok(Bound { listener, port })
}

/// Closes connections that came while nobody waited for them.
fn drain(listener: &TcpListener) -> io::Result<()> {
    loop {
        match rustix::net::accept(listener) {
            Ok(_) | Err(Errno::CONNABORTED | Errno::INTR) => {}
            Err(Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

impl Random {
    /// A number that can't be guessed, below `bound` (0 where that is 0).
    fn below(&mut self, bound: usize) -> usize {
        if self.0.len() < size_of::<u32>() {
            self.0.resize(256, 0);
            // Without the system's randomness ports can be guessed; a client's address is still checked.
            let _ = getrandom::fill(&mut self.0);
        }
        let bytes = self.0.split_off(self.0.len() - size_of::<u32>());
        let random = bytes.iter().fold(0, |number, byte| number << 8 | usize::from(*byte));
        random.checked_rem(bound).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{Ipv4Addr, TcpStream};

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// A range of ports that are free at the moment.
    fn free_range(count: u16) -> RangeInclusive<u16> {
        loop {
            let first = TcpListener::bind((HERE, 0)).and_then(|socket| socket.local_addr()).expect("bound").port();
            let Some(last) = first.checked_add(count - 1) else { continue };
            if (first..=last).all(|port| TcpListener::bind((HERE, port)).is_ok()) {
                return first..=last;
            }
        }
    }

    #[test]
    fn a_range_is_used_up_wholly_and_never_left() {
        let range = free_range(3);
        let ports = Arc::new(PassivePorts::new(Some(range.clone())));
        let leases: Vec<Lease> = (0..3).map(|_| ports.lease(HERE).expect("free")).collect();
        let leased: HashSet<u16> = leases.iter().map(Lease::port).collect();
        assert_eq!(leased, range.collect());
        assert_eq!(ports.lease(HERE).map(drop).map_err(|error| error.kind()), Err(ErrorKind::AddrInUse));
        drop(leases);
        assert!(ports.lease(HERE).is_ok());
    }

    #[test]
    fn a_port_is_drained_before_it_is_leased_again() {
        let ports = Arc::new(PassivePorts::new(Some(free_range(1))));
        let lease = ports.lease(HERE).expect("free");
        let stranger = TcpStream::connect((HERE, lease.port())).expect("queued");
        drop(lease);
        let lease = ports.lease(HERE).expect("free again");
        assert_eq!(lease.listener().accept().map(drop).map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
        drop(stranger);
    }

    #[test]
    fn few_listeners_are_kept_and_ports_differ_from_lease_to_lease() {
        let ports = Arc::new(PassivePorts::new(None));
        let many: Vec<Lease> = (0..2 * KEPT).map(|_| ports.lease(HERE).expect("free")).collect();
        drop(many);
        assert_eq!(ports.state().by_address[&HERE].idle.len(), KEPT);
        let used: HashSet<u16> = (0..20).map(|_| ports.lease(HERE).expect("free").port()).collect();
        assert!(used.len() > KEPT / 2, "{used:?}");
    }
}
