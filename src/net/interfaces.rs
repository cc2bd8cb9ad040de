//! This machine as others see it: its name and its addresses.

use std::collections::BTreeSet;
use std::net::{IpAddr, UdpSocket};

/// The host name, where it is text.
pub fn host_name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

/// True for an address of this machine, as it is now. It asks by three calls, which no jail forbids.
pub fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

/// The addresses of all network interfaces, each once; none where the system does not tell.
pub fn addresses() -> BTreeSet<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return BTreeSet::new() };
    let address = |interface: nix::ifaddrs::InterfaceAddress| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
    };
    interfaces.filter_map(address).collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_address_of_documentation_is_not_here() {
        assert!(is_here(Ipv4Addr::new(127, 0, 0, 9).into()));
        assert!(!is_here(Ipv4Addr::new(192, 0, 2, 9).into()));
    }

    #[test]
    fn loopback_is_among_the_addresses() {
        assert!(addresses().contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)), "{:?}", addresses());
        assert!(host_name().is_some_and(|name| !name.is_empty()));
    }
}
