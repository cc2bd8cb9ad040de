//! The passive ports: listeners that are kept, and leases of them, one for each PASV or EPSV.
//!
//! Clients with different addresses may share a port.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::Arc;

use parking_lot::Mutex;
use rustix::fd::{AsFd, BorrowedFd};

pub use crate::net::listener::Expected;
use crate::net::listener::{Arrival, Listener};
use crate::net::local_ports::LocalPorts;
pub use crate::net::local_ports::NoPort;
use crate::net::random::Random;
use crate::net::stream::Stream;
use crate::net::who::Who;
use crate::sys::waker::Waker;

/// All passive listeners of the server.
#[derive(Debug)]
pub struct PassivePorts {
    range: Option<RangeInclusive<u16>>,
    sessions: usize,
    state: Mutex<PortTable>,
}

#[derive(Debug, Default)]
struct PortTable {
    /// By local address, with its scope and without a port.
    by_address: HashMap<SocketAddr, LocalPorts>,
    random: Random,
}

/// A place at a passive listener, where one session waits for its client; given back by Drop.
#[derive(Debug)]
pub struct Lease {
    ports: Arc<PassivePorts>,
    /// The local address, with its scope and without a port.
    address: SocketAddr,
    client: IpAddr,
    expected: Expected,
    listener: Arc<Listener>,
    /// What to watch while another session accepts for this one.
    wake: Option<Waker>,
}

/// Maximum number of local addresses remembered; then those where no session waits are forgotten.
const MAX_ADDRESSES: usize = 64;

impl PassivePorts {
    /// Ports of this range, or any free ones, for this number of sessions at most.
    pub fn new(range: Option<RangeInclusive<u16>>, sessions: usize) -> Self {
        Self { range, sessions, state: Mutex::default() }
    }

    /// The range, if there is one.
    pub fn range(&self) -> Option<&RangeInclusive<u16>> {
        self.range.as_ref()
    }

    /// A place at a listener at a local address, its port chosen at random among those that this client used longest ago.
    /// What its queue held before is closed or handed to the session it is for.
    pub fn lease(self: &Arc<Self>, address: SocketAddr, expected: Expected, who: &Who) -> Result<Lease, NoPort> {
        let (address, client) = (without_port(address), who.peer.ip());
        let listener = self.take(address, client, expected)?;
        // From here on Drop gives the place back.
        let lease = Lease { ports: Arc::clone(self), address, client, expected, listener, wake: None };
        lease.listener.drain(expected, who).map_err(NoPort::System)?;
        Ok(lease)
    }

    fn take(&self, address: SocketAddr, client: IpAddr, expected: Expected) -> Result<Arc<Listener>, NoPort> {
        let mut state = self.state.lock();
        state.forget_idle(address);
        let PortTable { by_address, random } = &mut *state;
        let ports = by_address.entry(address).or_insert_with(|| match &self.range {
            Some(range) => LocalPorts::of_range(address, range.clone()),
            None => LocalPorts::of_system(address, self.sessions),
        });
        ports.take(client, expected, random)
    }
}

impl PortTable {
    fn forget_idle(&mut self, newcomer: SocketAddr) {
        if self.by_address.len() >= MAX_ADDRESSES && !self.by_address.contains_key(&newcomer) {
            self.by_address.retain(|_, ports| !ports.is_idle());
        }
    }
}

impl Lease {
    /// The port that the client is told.
    pub fn port(&self) -> u16 {
        self.listener.port()
    }

    /// The address that the client is to reach.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::new(self.address.ip(), self.port())
    }

    /// The connection, if it is here by now; others that came before it are handed over or refused.
    pub fn poll(&mut self, who: &Who) -> std::io::Result<Option<Stream>> {
        match self.listener.accept(self.expected, self.wake.take(), who)? {
            Arrival::Here(socket) => Ok(Some(Stream::Plain(socket.into()))),
            Arrival::NotYet(wake) => {
                self.wake = wake;
                Ok(None)
            }
        }
    }

    /// What becomes readable when it is time for the next [`Self::poll`].
    pub fn readiness(&self) -> BorrowedFd<'_> {
        self.wake.as_ref().map_or(self.listener.as_fd(), |wake| wake.as_fd())
    }

    /// Must be called before the session does anything but wait: another one leads at the port then. The next
    /// [`Self::poll`] comes before the next wait.
    pub fn step_back(&mut self) {
        self.listener.step_back(self.expected);
        self.wake = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.listener.leave(self.expected, self.client);
        if let Some(ports) = self.ports.state.lock().by_address.get_mut(&self.address) {
            ports.give_back(self.client, self.listener.port());
        }
    }
}

/// Two addresses of one interface are told apart by it alone: its scope counts.
fn without_port(mut address: SocketAddr) -> SocketAddr {
    address.set_port(0);
    if let SocketAddr::V6(address) = &mut address {
        address.set_flowinfo(0);
    }
    address
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Read;
    use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;

    const HERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    /// A range of ports that are free at the moment.
    fn free_range(count: u16) -> RangeInclusive<u16> {
        loop {
            let first = TcpListener::bind(HERE).and_then(|socket| socket.local_addr()).expect("bound").port();
            let Some(last) = first.checked_add(count - 1) else { continue };
            if (first..=last).all(|port| TcpListener::bind((HERE.ip(), port)).is_ok()) {
                return first..=last;
            }
        }
    }

    fn ports(range: Option<RangeInclusive<u16>>) -> Arc<PassivePorts> {
        Arc::new(PassivePorts::new(range, 600))
    }

    /// The client at 127.0.0.`number`.
    fn client(number: u8) -> Who {
        Who::new(SocketAddr::from(([127, 0, 0, number], 4000)))
    }

    fn lease(ports: &Arc<PassivePorts>, number: u8) -> Result<Lease, NoPort> {
        let who = client(number);
        ports.lease(HERE, Expected::From(who.peer.ip()), &who)
    }

    fn connect(number: u8, lease: &Lease) -> TcpStream {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from(([127, 0, 0, number], 0)).into()).expect("bound");
        socket.connect(&SocketAddr::new(HERE.ip(), lease.port()).into()).expect("queued");
        socket.into()
    }

    fn is_ready(lease: &Lease) -> bool {
        let mut fds = [PollFd::from_borrowed_fd(lease.readiness(), PollFlags::IN)];
        poll(&mut fds, Some(&rustix::event::Timespec::default())).expect("polled") == 1
    }

    fn is_closed(mut connection: &TcpStream) -> bool {
        matches!(connection.read(&mut [0]), Ok(0) | Err(_))
    }

    /// Whether this connection is the one that the session got.
    fn is_its_own(got: Option<Stream>, mut connection: &TcpStream) -> bool {
        let Some(mut stream) = got else { return false };
        stream.send(b"x").expect("sent");
        connection.read(&mut [0]).expect("read") == 1
    }

    #[test]
    fn a_range_is_used_up_wholly_and_never_left() {
        let range = free_range(3);
        let ports = ports(Some(range.clone()));
        let leases: Vec<Lease> = (0..3).map(|_| lease(&ports, 1).expect("free")).collect();
        let leased: HashSet<u16> = leases.iter().map(Lease::port).collect();
        assert_eq!(leased, range.collect());
        assert!(matches!(lease(&ports, 1), Err(NoPort::AllWaiting(3))));
        drop(leases);
        assert!(lease(&ports, 1).is_ok());
    }

    #[test]
    fn a_port_is_drained_before_it_is_leased_again() {
        let ports = ports(Some(free_range(1)));
        let old = lease(&ports, 1).expect("free");
        let late = connect(1, &old);
        drop(old);
        let mut new = lease(&ports, 1).expect("free again");
        assert!(new.poll(&client(1)).expect("polled").is_none());
        assert!(is_closed(&late));
    }

    #[test]
    fn ports_of_the_system_grow_with_those_that_wait_at_once_and_are_bound_once() {
        let ports = ports(None);
        let bound = || ports.state.lock().by_address[&HERE].bound().collect::<HashSet<u16>>();
        for _ in 0..100 {
            drop(lease(&ports, 1).expect("free"));
        }
        assert_eq!(bound().len(), 18, "two for one session, and some to spare");
        let waiting = || (0..100).map(|_| lease(&ports, 1).expect("free")).collect::<Vec<Lease>>();
        for _ in 0..10 {
            let leases = waiting();
            assert_eq!(leases.iter().map(Lease::port).collect::<HashSet<u16>>().len(), 100);
        }
        let grown = bound();
        assert_eq!(grown.len(), 216);
        for _ in 0..3 {
            assert!(waiting().iter().all(|lease| grown.contains(&lease.port())));
        }
        assert_eq!(bound(), grown);
    }

    #[test]
    fn ports_of_the_system_differ_from_lease_to_lease() {
        let ports = ports(None);
        let used: Vec<u16> = (0..200).map(|_| lease(&ports, 1).expect("free").port()).collect();
        let kept = used.iter().collect::<HashSet<_>>().len();
        assert!(used.windows(kept / 2 + 1).all(|some| some.iter().collect::<HashSet<_>>().len() == some.len()));
        assert_eq!(kept, 18, "all of them are used");
    }

    #[test]
    fn ports_of_the_system_are_bounded_by_the_number_of_sessions_and_shared_then() {
        let ports = Arc::new(PassivePorts::new(None, 4));
        let leases: Vec<Lease> = (1..=50).map(|number| lease(&ports, number).expect("free or shared")).collect();
        assert_eq!(ports.state.lock().by_address[&HERE].bound().count(), 20);
        assert_eq!(leases.iter().map(Lease::port).collect::<HashSet<u16>>().len(), 20);
    }

    #[test]
    fn clients_at_different_addresses_share_a_port_and_each_gets_its_own_connection() {
        let ports = ports(Some(free_range(1)));
        let mut leases: Vec<(u8, Lease)> =
            (1..=9).map(|number| (number, lease(&ports, number).expect("shared"))).collect();
        // The first to look leads and accepts for all.
        let (_, first) = &mut leases[0];
        assert!(first.poll(&client(1)).expect("polled").is_none());
        let connections: Vec<TcpStream> = (2..=9).map(|number| connect(number, first)).collect();
        assert!(first.poll(&client(1)).expect("polled").is_none());
        for (connection, (number, lease)) in connections.iter().zip(&mut leases[1..]) {
            let got = lease.poll(&client(*number)).expect("polled");
            assert!(is_its_own(got, connection), "client {number}");
        }
    }

    #[test]
    fn a_session_that_does_not_lead_is_woken_by_its_connection_and_by_the_lead() {
        let ports = ports(Some(free_range(1)));
        let [mut first, mut second, mut third] = [1, 2, 3].map(|number| lease(&ports, number).expect("shared"));
        for (number, lease) in [(1, &mut first), (2, &mut second), (3, &mut third)] {
            assert!(lease.poll(&client(number)).expect("polled").is_none());
            assert!(!is_ready(lease));
        }
        let connection = connect(2, &first);
        assert!(is_ready(&first) && !is_ready(&second), "the leader alone is woken");
        assert!(first.poll(&client(1)).expect("polled").is_none());
        assert!(is_ready(&second) && !is_ready(&first) && !is_ready(&third));
        assert!(is_its_own(second.poll(&client(2)).expect("polled"), &connection));
        drop(second);
        drop(first);
        assert!(is_ready(&third), "it leads now");
        assert!(third.poll(&client(3)).expect("polled").is_none());
        assert!(!is_ready(&third));
        let connection = connect(3, &third);
        assert!(is_ready(&third));
        assert!(is_its_own(third.poll(&client(3)).expect("polled"), &connection));
    }

    #[test]
    fn a_leader_that_turns_to_something_else_lets_another_one_lead() {
        let ports = ports(Some(free_range(1)));
        let [mut first, mut second] = [1, 2].map(|number| lease(&ports, number).expect("shared"));
        assert!(first.poll(&client(1)).expect("polled").is_none());
        assert!(second.poll(&client(2)).expect("polled").is_none());
        first.step_back();
        assert!(is_ready(&second));
        let connections = [1, 2].map(|number| connect(number, &first));
        assert!(is_its_own(second.poll(&client(2)).expect("polled"), &connections[1]));
        // Handed over, though nobody watched for it.
        assert!(is_its_own(first.poll(&client(1)).expect("polled"), &connections[0]));
    }

    #[test]
    fn a_connection_that_was_handed_over_and_never_fetched_is_closed() {
        let ports = ports(Some(free_range(1)));
        let [mut first, second] = [1, 2].map(|number| lease(&ports, number).expect("shared"));
        let connection = connect(2, &first);
        assert!(first.poll(&client(1)).expect("polled").is_none());
        connection.set_nonblocking(true).expect("set");
        assert!((&connection).read(&mut [0]).is_err(), "open until its session leaves");
        connection.set_nonblocking(false).expect("set");
        drop(second);
        assert!(is_closed(&connection));
    }

    #[test]
    fn a_newcomer_hands_over_what_waits_for_others_and_takes_nothing_that_is_older() {
        let ports = ports(Some(free_range(1)));
        let mut first = lease(&ports, 1).expect("free");
        let [early, own] = [2, 1].map(|number| connect(number, &first));
        let mut second = lease(&ports, 2).expect("shared");
        assert!(is_closed(&early));
        let fresh = connect(2, &second);
        assert!(is_its_own(second.poll(&client(2)).expect("polled"), &fresh));
        assert!(is_its_own(first.poll(&client(1)).expect("polled"), &own));
    }

    #[test]
    fn a_second_connection_and_a_strangers_are_refused() {
        let ports = ports(Some(free_range(1)));
        let [mut first, mut second] = [1, 2].map(|number| lease(&ports, number).expect("shared"));
        let connections = [2, 2, 3].map(|number| connect(number, &first));
        assert!(first.poll(&client(1)).expect("polled").is_none());
        assert!(is_closed(&connections[1]) && is_closed(&connections[2]));
        assert!(is_its_own(second.poll(&client(2)).expect("polled"), &connections[0]));
    }

    #[test]
    fn a_session_that_takes_connections_from_anybody_has_the_port_alone() {
        let ports = ports(Some(free_range(2)));
        let mut open = ports.lease(HERE, Expected::Anybody, &client(1)).expect("free");
        let shared = [lease(&ports, 2).expect("free"), lease(&ports, 3).expect("shared")];
        assert!(shared.iter().all(|lease| lease.port() != open.port()));
        assert!(matches!(ports.lease(HERE, Expected::Anybody, &client(4)), Err(NoPort::AllTaken)));
        let connection = connect(5, &open);
        assert!(is_its_own(open.poll(&client(1)).expect("polled"), &connection));
        drop(shared);
        assert!(ports.lease(HERE, Expected::Anybody, &client(4)).is_ok());
    }

    #[test]
    fn a_port_is_not_used_again_by_a_client_before_half_of_the_others() {
        let ports = ports(Some(free_range(8)));
        let used: Vec<u16> = (0..200).map(|_| lease(&ports, 1).expect("free").port()).collect();
        assert!(used.windows(5).all(|five| five.iter().collect::<HashSet<_>>().len() == 5), "{used:?}");
        assert_eq!(used.iter().collect::<HashSet<_>>().len(), 8);
    }

    #[test]
    fn a_port_of_another_program_is_passed_over_until_it_is_free() {
        let range = free_range(2);
        let other = TcpListener::bind((HERE.ip(), *range.start())).expect("bound");
        let ports = ports(Some(range.clone()));
        let second = lease(&ports, 1).expect("free");
        assert_eq!(second.port(), *range.end());
        assert!(matches!(lease(&ports, 1), Err(NoPort::AllWaiting(1))));
        drop(other);
        assert_eq!(lease(&ports, 1).expect("free by now").port(), *range.start());
    }

    #[test]
    fn tables_of_addresses_are_bounded() {
        let ports = ports(Some(free_range(1)));
        let kept = lease(&ports, 1).expect("free");
        for number in 0..2000_u16 {
            let [high, low] = number.to_be_bytes();
            let who = Who::new(SocketAddr::from(([127, 1, high, low], 4000)));
            drop(ports.lease(HERE, Expected::From(who.peer.ip()), &who).expect("shared"));
        }
        assert!(ports.state.lock().by_address[&HERE].clients() <= 1024);
        assert!(matches!(lease(&ports, 1), Err(NoPort::AllWaiting(1))), "who waits is not forgotten");
        drop(kept);
        for number in 0..100 {
            let address = SocketAddr::from(([127, 2, 0, number], 0));
            drop(ports.lease(address, Expected::From(HERE.ip()), &client(1)).expect("free"));
        }
        assert!(ports.state.lock().by_address.len() <= MAX_ADDRESSES);
    }

    #[test]
    fn sessions_that_come_and_go_at_once_lose_no_connection() {
        let ports = ports(Some(free_range(1)));
        std::thread::scope(|scope| {
            for number in 1..=20 {
                let ports = &ports;
                scope.spawn(move || {
                    for round in 0..50 {
                        let mut lease = lease(ports, number).expect("shared");
                        let late = (round % 2 == 0).then(|| connect(number, &lease));
                        let mut connection = None;
                        let stream = loop {
                            if let Some(stream) = lease.poll(&client(number)).expect("polled") {
                                break stream;
                            }
                            // Only a client that has waited without success connects now: the wait must notice.
                            if late.is_none() && connection.is_none() {
                                connection = Some(connect(number, &lease));
                            }
                            let mut fds = [PollFd::from_borrowed_fd(lease.readiness(), PollFlags::IN)];
                            let patience = rustix::event::Timespec { tv_sec: 20, tv_nsec: 0 };
                            assert_eq!(poll(&mut fds, Some(&patience)).expect("polled"), 1, "woken in time");
                        };
                        let connection = late.or(connection).expect("connected");
                        assert!(is_its_own(Some(stream), &connection));
                        let _ = connection.shutdown(Shutdown::Both);
                    }
                });
            }
        });
    }
}
