//! This machine as others see it: its name and its addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;

use nix::ifaddrs::InterfaceAddress;

/// The host name, if it is text.
pub fn host_name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

/// The addresses of all network interfaces, each once; none if the system does not tell.
pub fn addresses() -> BTreeSet<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return BTreeSet::new() };
    let address = |interface: InterfaceAddress| {
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
    fn loopback_is_among_the_addresses() {
        assert!(addresses().contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)), "{:?}", addresses());
        assert!(host_name().is_some_and(|name| !name.is_empty()));
    }
}
