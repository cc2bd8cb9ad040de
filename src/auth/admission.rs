//! The addresses that an account may log in from.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::protocol::address::is_local;
use crate::sys::interfaces;

/// The addresses that an account may log in from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admission {
    /// All.
    Everywhere,
    /// Those of these networks.
    Networks(Vec<IpNet>),
    /// This machine, private and link-local networks, and those that are directly connected at the time of the login.
    LocalNetworks,
}

impl Admission {
    /// Whether a client of this address is let in.
    pub fn admits(&self, from: IpAddr) -> bool {
        let from = from.to_canonical();
        match self {
            Self::Everywhere => true,
            Self::Networks(networks) => networks.iter().any(|network| network.contains(&from)),
            Self::LocalNetworks => is_local(from) || is_connected(from),
        }
    }
}

/// Whether an interface of this machine leads to the address without a router.
fn is_connected(address: IpAddr) -> bool {
    let networks = interfaces::all().into_iter().filter(|interface| interface.is_up).filter_map(|found| found.network);
    let mut networks = networks.filter(|network| network.prefix_len() > 0);
    networks.any(|network| network.contains(&address))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_internet_is_no_local_network() {
        let cases = [
            ("127.0.0.1", true),
            ("192.168.1.20", true),
            ("::ffff:10.0.0.1", true),
            ("169.254.7.7", true),
            ("fe80::1", true),
            ("fd00::1", true),
            ("::1", true),
            ("198.51.100.7", false),
            ("::ffff:198.51.100.7", false),
            ("2001:db8::7", false),
        ];
        for (from, admitted) in cases {
            let from: IpAddr = from.parse().unwrap();
            assert_eq!(Admission::LocalNetworks.admits(from), admitted, "{from}");
            assert!(Admission::Everywhere.admits(from));
        }
    }
}
