//! Who a session is, as its log lines begin.

use std::fmt::Arguments;
use std::net::{IpAddr, SocketAddr};

use log::Level;

/// The client's address and, from login on, its account.
#[derive(Debug, Clone)]
pub struct Who {
    /// The client's end of the control connection; IPv4-mapped addresses are IPv4.
    pub peer: SocketAddr,
    /// The account's name; empty before login.
    pub user: String,
}

impl Who {
    /// A client that is not logged in.
    pub fn new(peer: SocketAddr) -> Self {
        Self { peer: canonical(peer), user: String::new() }
    }

    /// Writes one log line about this session.
    pub fn log(&self, level: Level, message: Arguments) {
        let (peer, user) = (self.peer, self.user.as_str());
        log::log!(level, peer:%, user; "{message}");
    }
}

/// The address with IPv4-mapped IPv6 folded to IPv4.
pub fn canonical(address: SocketAddr) -> SocketAddr {
    match (address.ip().to_canonical(), address) {
        (ip @ IpAddr::V4(_), _) => SocketAddr::new(ip, address.port()),
        (IpAddr::V6(_), address) => address,
    }
}
