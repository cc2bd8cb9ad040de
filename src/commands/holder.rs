//! Which program has a port, as far as /proc tells: all of them to root, one's own to others.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

/// A program that listens.
#[derive(Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its name, as `ps` shows it.
    pub name: String,
    /// Its process id.
    pub pid: u32,
}

/// Who listens where, at one moment.
pub struct Holders {
    listeners: Vec<(SocketAddr, u64)>,
    by_socket: HashMap<u64, Holder>,
}

impl Holders {
    /// Looks through /proc; what can't be read is not there.
    pub fn read() -> Self {
        let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| fs::read_to_string(path).unwrap_or_default());
        let listeners: Vec<_> = tables.iter().flat_map(|table| table.lines()).filter_map(listener).collect();
        let mut by_socket = HashMap::new();
        for pid in processes() {
            let held = sockets(pid).into_iter().filter(|socket| listeners.iter().any(|(_, known)| known == socket));
            by_socket.extend(held.filter_map(|socket| Some((socket, Holder { name: name_of(pid)?, pid }))));
        }
        Self { listeners, by_socket }
    }

    /// The program that listens at an address, or at its port for every address; `None` where nobody does or nobody
    /// may know.
    pub fn at(&self, address: SocketAddr) -> Option<&Holder> {
        self.by_socket.get(&socket_at(&self.listeners, address)?)
    }
}

impl Holder {
    /// Whether it is a server of this very program.
    pub fn is_ftpd(&self) -> bool {
        name_of(std::process::id()).is_some_and(|name| name == self.name)
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.name, self.pid)
    }
}

fn name_of(pid: u32) -> Option<String> {
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
    Some(name.trim_end().escape_debug().to_string())
}

fn processes() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// The sockets that a process has open, by number.
fn sockets(pid: u32) -> Vec<u64> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let links = descriptors.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    let number = |link: PathBuf| link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok();
    links.filter_map(number).collect()
}

/// The listener at that very address comes before one for all addresses.
fn socket_at(listeners: &[(SocketAddr, u64)], address: SocketAddr) -> Option<u64> {
    let everywhere = |ip: IpAddr| ip == Ipv6Addr::UNSPECIFIED || (address.is_ipv4() && ip == Ipv4Addr::UNSPECIFIED);
    let at_port = || listeners.iter().filter(|(listener, _)| listener.port() == address.port());
    let exact = at_port().find(|(listener, _)| listener.ip() == address.ip());
    exact.or_else(|| at_port().find(|(listener, _)| everywhere(listener.ip()))).map(|(_, socket)| *socket)
}

/// `0: 0100007F:0849 00000000:0000 0A … inode …`, where 0A is LISTEN.
fn listener(line: &str) -> Option<(SocketAddr, u64)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (ip, port) = words.get(1)?.split_once(':')?;
    if *words.get(3)? != "0A" {
        return None;
    }
    let address = SocketAddr::new(ip_of(ip)?, u16::from_str_radix(port, 16).ok()?);
    Some((address, words.get(9)?.parse().ok()?))
}

/// Words of 32 bits as this machine reads them from memory, where the address lies in network order.
fn ip_of(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    match hex.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let bytes: Vec<u8> = [word(0)?, word(8)?, word(16)?, word(24)?].concat();
            Some(IpAddr::from(<[u8; 16]>::try_from(bytes).ok()?).to_canonical())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn the_exact_listener_comes_before_one_for_all_addresses() {
        let tables = "\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:0849 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1 0 100 0 0 10 0
   1: 0500000A:0849 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12 1 0 100 0 0 10 0
   2: 0500000A:084A 0600000A:1234 01 00000000:00000000 00:00000000 00000000     0        0 13 1 0 100 0 0 10 0
  sl  local_address                         remote_address                        st tx_queue …
   0: 00000000000000000000000001000000:0849 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 14 1 0
   1: 00000000000000000000000000000000:084B 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 15 1 0
   2: 0000000000000000FFFF00000100007F:084C 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 16 1 0
";
        let cases = [
            ("10.0.0.5:2121", Some(12)),
            ("10.0.0.6:2121", Some(11)),
            ("10.0.0.5:2122", None),
            ("[::1]:2121", Some(14)),
            ("[fd00::2]:2121", None),
            ("10.0.0.5:2123", Some(15)),
            ("127.0.0.1:2124", Some(16)),
        ];
        let listeners: Vec<_> = tables.lines().filter_map(listener).collect();
        for (address, socket) in cases {
            assert_eq!(socket_at(&listeners, address.parse().unwrap()), socket, "{address}");
        }
    }

    #[test]
    fn a_listener_of_this_process_is_its_own() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let holders = Holders::read();
        let holder = holders.at(listener.local_addr().unwrap()).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(holder.is_ftpd());
    }
}
