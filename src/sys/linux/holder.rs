//! Which program listens at a port, and whether any does, according to /proc: root sees all programs, others only their own.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::RangeInclusive;

use procfs::net::{TcpNetEntry, TcpState};
use procfs::process::{FDTarget, Process};

/// What Linux sets if nobody sets anything else.
const EPHEMERAL_PORTS: RangeInclusive<u16> = 32768..=60999;

/// A program that listens.
#[derive(Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its name, as `ps` shows it.
    pub name: String,
    /// Its process id.
    pub pid: i32,
}

/// Who listens where, at one moment.
pub struct Holders {
    listeners: Vec<ListeningSocket>,
    by_inode: HashMap<u64, Holder>,
}

struct ListeningSocket {
    address: SocketAddr,
    inode: u64,
}

impl Holders {
    /// Reads /proc; what can't be read is left out.
    pub fn read() -> Self {
        let sockets = [procfs::net::tcp(), procfs::net::tcp6()].into_iter().flatten().flatten();
        let listeners: Vec<_> = sockets.filter(|socket| socket.state == TcpState::Listen).map(listening).collect();
        let mut by_inode = HashMap::new();
        for process in procfs::process::all_processes().into_iter().flatten().flatten() {
            let held = sockets_of(&process).filter(|inode| listeners.iter().any(|socket| socket.inode == *inode));
            for inode in held {
                // The first of several has passed it on to its children, but systemd to its services.
                let known = by_inode.get(&inode).is_some_and(|known: &Holder| known.pid != 1);
                if let (false, Some(holder)) = (known, Holder::of(&process)) {
                    by_inode.insert(inode, holder);
                }
            }
        }
        Self { listeners, by_inode }
    }

    /// The program that listens at an address, or at its port for every address; `None` if nobody does, or if this
    /// process may not know.
    pub fn at(&self, address: SocketAddr) -> Option<&Holder> {
        self.by_inode.get(&inode_at(&self.listeners, address)?)
    }

    /// Whether anybody listens at an address, or at its port for every address. Otherwise a port that is in use is that of
    /// a connection.
    pub fn is_listening(&self, address: SocketAddr) -> bool {
        inode_at(&self.listeners, address).is_some()
    }
}

/// Whether any program has a UDP socket at this port.
pub fn has_udp(port: u16) -> bool {
    let mut sockets = [procfs::net::udp(), procfs::net::udp6()].into_iter().flatten().flatten();
    sockets.any(|socket| socket.local_address.port() == port)
}

impl Holder {
    fn of(process: &Process) -> Option<Self> {
        Some(Self { name: process.stat().ok()?.comm.escape_debug().to_string(), pid: process.pid })
    }

    /// Whether it is the same program as this process.
    pub fn is_this_program(&self) -> bool {
        let this = Process::myself().ok().and_then(|process| Self::of(&process));
        this.is_some_and(|this| this.name == self.name)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

/// The ports that the system gives to sockets that ask for any.
pub fn ephemeral_ports() -> RangeInclusive<u16> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let numbers: Vec<u16> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    if let [first, last] = numbers[..] { first..=last } else { EPHEMERAL_PORTS }
}

fn listening(socket: TcpNetEntry) -> ListeningSocket {
    let address = SocketAddr::new(socket.local_address.ip().to_canonical(), socket.local_address.port());
    ListeningSocket { address, inode: socket.inode }
}

/// The inodes of the sockets that a process has open.
fn sockets_of(process: &Process) -> impl Iterator<Item = u64> {
    process.fd().into_iter().flatten().flatten().filter_map(|descriptor| match descriptor.target {
        FDTarget::Socket(inode) => Some(inode),
        _ => None,
    })
}

/// A listener at that very address comes before one for all addresses.
fn inode_at(listeners: &[ListeningSocket], address: SocketAddr) -> Option<u64> {
    let everywhere = |ip: IpAddr| ip == Ipv6Addr::UNSPECIFIED || (address.is_ipv4() && ip == Ipv4Addr::UNSPECIFIED);
    let at_port = || listeners.iter().filter(|listener| listener.address.port() == address.port());
    let exact = at_port().find(|listener| listener.address.ip() == address.ip());
    exact.or_else(|| at_port().find(|listener| everywhere(listener.address.ip()))).map(|listener| listener.inode)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_exact_listener_comes_before_one_for_all_addresses() {
        let listeners = [
            ("0.0.0.0:2121", 11),
            ("10.0.0.5:2121", 12),
            ("[::1]:2121", 14),
            ("[::]:2123", 15),
            ("127.0.0.1:2124", 16),
        ];
        let listeners = listeners.map(|(address, inode)| ListeningSocket { address: address.parse().unwrap(), inode });
        let cases = [
            ("10.0.0.5:2121", Some(12)),
            ("10.0.0.6:2121", Some(11)),
            ("10.0.0.5:2122", None),
            ("[::1]:2121", Some(14)),
            ("[fd00::2]:2121", None),
            ("10.0.0.5:2123", Some(15)),
            ("127.0.0.1:2124", Some(16)),
        ];
        for (address, inode) in cases {
            assert_eq!(inode_at(&listeners, address.parse().unwrap()), inode, "{address}");
        }
    }

    #[test]
    fn a_listener_of_this_process_is_its_own() {
        for address in ["127.0.0.1:0", "[::ffff:127.0.0.1]:0"] {
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let holders = Holders::read();
            let port = listener.local_addr().unwrap().port();
            let holder = holders.at(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)).unwrap();
            assert_eq!(holder.pid.to_string(), std::process::id().to_string());
            assert!(holder.is_this_program());
        }
    }

    #[test]
    fn a_connection_is_no_listener() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (holders, at) = (Holders::read(), client.local_addr().unwrap());
        assert!(holders.at(at).is_none() && !holders.is_listening(at));
        assert!(holders.is_listening(listener.local_addr().unwrap()));
    }
}
