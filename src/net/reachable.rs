//! The addresses under which other machines reach this one, best first: what a person types into a client.

use std::cmp::Reverse;
use std::net::IpAddr;

use crate::protocol::address::is_public;
use crate::sys::interfaces::{self, Interface};

/// Beginnings of the names of interfaces that containers and virtual machines are behind.
const INNER: [&str; 12] =
    ["docker", "br-", "veth", "virbr", "vmnet", "vboxnet", "lxc", "lxdbr", "cni", "podman", "flannel", "cali"];

/// Addresses of this machine at which clients of other machines reach a server that listens at `listening` (a listener that
/// takes both families is there for each); loopback only if there is nothing else.
pub fn addresses(listening: &[IpAddr]) -> Vec<IpAddr> {
    among(listening, &interfaces::all(), interfaces::to_the_internet().as_deref())
}

/// Whether an interface leads to containers or virtual machines of this machine alone.
pub fn is_inner(interface: &Interface) -> bool {
    is_inner_name(&interface.name)
}

/// Whether other machines may be told an address of the interface with this name.
pub fn is_for_others(interface: &str, address: IpAddr) -> bool {
    let is_of_a_network = !address.is_loopback() && !is_link_local_v6(address) && !is_inner_name(interface);
    is_of_a_network && interfaces::is_lasting(address)
}

fn is_inner_name(interface: &str) -> bool {
    INNER.iter().any(|beginning| interface.starts_with(beginning))
}

fn among(listening: &[IpAddr], interfaces: &[Interface], to_the_internet: Option<&str>) -> Vec<IpAddr> {
    let is_served = |address: &IpAddr| listening.iter().any(|ip| serves(*ip, *address));
    let mut found: Vec<&Interface> = interfaces.iter().filter(|one| one.is_up && is_served(&one.address)).collect();
    // Those of one rank stay in the order of the system.
    found.sort_by_key(|one| rank(one, to_the_internet));
    let is_for_others = |one: &&&Interface| !one.address.is_loopback() && one.is_lasting;
    // A link-local address means nothing without the name of an interface, which differs from machine to machine.
    let usable = |one: &&&Interface| !is_link_local_v6(one.address);
    let mut addresses: Vec<IpAddr> = found.iter().filter(is_for_others).filter(usable).map(|one| one.address).collect();
    if addresses.is_empty() {
        addresses.extend(found.iter().map(|one| one.address).find(IpAddr::is_loopback));
    }
    let mut told = Vec::new();
    addresses.retain(|address| {
        !told.contains(address) && {
            told.push(*address);
            true
        }
    });
    addresses
}

/// Whether a listener at `ip` takes connections to `address`.
fn serves(ip: IpAddr, address: IpAddr) -> bool {
    if ip.is_unspecified() { ip.is_ipv4() == address.is_ipv4() } else { ip == address }
}

/// The lower the better: interfaces of containers come last, that of the Internet first; then private addresses before public
/// ones, IPv4 before IPv6.
fn rank(interface: &Interface, to_the_internet: Option<&str>) -> (bool, bool, bool, bool, Reverse<bool>) {
    let address = interface.address;
    let is_made_up = matches!(address, IpAddr::V4(address) if address.is_link_local());
    let leads_out = to_the_internet == Some(interface.name.as_str());
    (is_inner(interface), is_made_up, address.is_ipv6(), is_public(address), Reverse(leads_out))
}

fn is_link_local_v6(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, address: &str) -> Interface {
        Interface {
            name: name.to_owned(),
            address: address.parse().expect("an address"),
            network: None,
            is_up: true,
            is_lasting: true,
        }
    }

    fn shown(listening: &str, interfaces: &[Interface], to_the_internet: Option<&str>) -> String {
        let listening: Vec<IpAddr> = listening.split(' ').map(|ip| ip.parse().expect("an address")).collect();
        let found = among(&listening, interfaces, to_the_internet);
        found.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_local_network_comes_first_and_containers_last() {
        let machine = [
            interface("lo", "127.0.0.1"),
            interface("docker0", "172.17.0.1"),
            interface("eth1", "203.0.113.7"),
            interface("wlan0", "192.168.2.9"),
            interface("eth0", "192.168.1.20"),
            interface("lo", "::1"),
            interface("eth0", "2001:db8::5"),
            interface("eth0", "fd00::5"),
            interface("eth0", "fe80::5"),
            Interface { is_lasting: false, ..interface("eth0", "2001:db8::6") },
            Interface { is_up: false, ..interface("eth2", "192.168.3.1") },
            interface("br-1f2e", "172.18.0.1"),
        ];
        for (listening, expected) in [
            ("0.0.0.0", "192.168.1.20 192.168.2.9 203.0.113.7 172.17.0.1 172.18.0.1"),
            ("0.0.0.0 ::", "192.168.1.20 192.168.2.9 203.0.113.7 fd00::5 2001:db8::5 172.17.0.1 172.18.0.1"),
            ("::", "fd00::5 2001:db8::5"),
            ("192.168.2.9", "192.168.2.9"),
            ("127.0.0.1", "127.0.0.1"),
            ("::1", "::1"),
            ("127.0.0.1 192.168.1.20", "192.168.1.20"),
            ("10.0.0.1", ""),
        ] {
            assert_eq!(shown(listening, &machine, Some("eth0")), expected, "{listening}");
        }
    }

    #[test]
    fn loopback_containers_and_link_local_addresses_of_ipv6_are_not_for_others() {
        for (interface, address, expected) in [
            ("eth0", "192.168.1.20", true),
            ("eth0", "169.254.7.7", true),
            ("eth0", "fd00::5", true),
            ("eth0", "fe80::5", false),
            ("lo", "127.0.0.1", false),
            ("lo", "::1", false),
            ("docker0", "172.17.0.1", false),
        ] {
            assert_eq!(
                is_for_others(interface, address.parse().expect("an address")),
                expected,
                "{interface} {address}"
            );
        }
    }

    #[test]
    fn loopback_is_named_if_it_is_all_there_is() {
        let machine = [interface("lo", "127.0.0.1"), interface("lo", "::1"), interface("eth0", "fe80::5")];
        for (listening, expected) in [("0.0.0.0 ::", "127.0.0.1"), ("::", "::1"), ("::1", "::1")] {
            assert_eq!(shown(listening, &machine, None), expected, "{listening}");
        }
    }

    #[test]
    fn an_address_that_the_machine_gave_itself_is_worse_than_one_of_a_network() {
        let machine =
            [interface("eth0", "169.254.7.7"), interface("eth1", "10.0.0.2"), interface("docker0", "172.17.0.1")];
        assert_eq!(shown("0.0.0.0", &machine, Some("eth0")), "10.0.0.2 169.254.7.7 172.17.0.1");
    }
}
