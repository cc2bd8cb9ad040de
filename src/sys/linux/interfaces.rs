//! This machine as others see it: its name, its network interfaces and their addresses.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use nix::ifaddrs::InterfaceAddress;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;

/// An address of a network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    /// The name of the interface, such as `eth0`.
    pub name: String,
    /// The address.
    pub address: IpAddr,
    /// The network that is directly connected there.
    pub network: Option<IpNet>,
    /// Whether it carries packets.
    pub is_up: bool,
    /// Whether the address is good for others to use from now on: not one that changes every day.
    pub is_lasting: bool,
}

/// The host name, if it is text.
pub fn host_name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

/// The addresses of all network interfaces, each once; none if the system does not tell.
pub fn addresses() -> BTreeSet<IpAddr> {
    all().into_iter().map(|interface| interface.address).collect()
}

/// The addresses of all network interfaces; none if the system does not tell.
pub fn all() -> Vec<Interface> {
    let passing = passing_addresses();
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    interfaces.filter_map(|interface| read(interface, &passing)).collect()
}

fn read(interface: InterfaceAddress, passing: &BTreeSet<Ipv6Addr>) -> Option<Interface> {
    let address = ip(&interface.address?)?;
    let mask = interface.netmask.as_ref().and_then(ip);
    let flags = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING;
    Some(Interface {
        name: interface.interface_name,
        address,
        network: mask.and_then(|mask| IpNet::with_netmask(address, mask).ok()).map(|network| network.trunc()),
        is_up: interface.flags.contains(flags),
        is_lasting: !matches!(address, IpAddr::V6(address) if passing.contains(&address)),
    })
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

/// The name of the interface that leads to the Internet, over IPv4 if there is one.
pub fn to_the_internet() -> Option<String> {
    let v4 = fs::read_to_string("/proc/net/route").unwrap_or_default();
    let v6 = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
    default_of_v4(&v4).or_else(|| default_of_v6(&v6)).map(str::to_owned)
}

/// The interface of the default route with the lowest metric: the columns are interface, destination, gateway, flags, two
/// counters, metric, mask.
fn default_of_v4(table: &str) -> Option<&str> {
    let rows = table.lines().skip(1).filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let (destination, mask) = (*columns.get(1)?, *columns.get(7)?);
        let is_default = destination == "00000000" && mask == "00000000";
        is_default.then_some((columns[6].parse::<u32>().ok()?, columns[0]))
    });
    rows.min().map(|(_, name)| name)
}

/// The same of IPv6: destination, its prefix, source, its prefix, next hop, metric, two counters, flags, interface. One on `lo`
/// leads nowhere.
fn default_of_v6(table: &str) -> Option<&str> {
    let rows = table.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let is_default = *columns.get(1)? == "00" && columns[0].bytes().all(|digit| digit == b'0');
        let metric = u32::from_str_radix(columns.get(5)?, 16).ok()?;
        Some((metric, *columns.get(9)?)).filter(|(_, name)| is_default && *name != "lo")
    });
    rows.min().map(|(_, name)| name)
}

/// Whether an address is good for others to use from now on: not one that changes every day.
pub fn is_lasting(address: IpAddr) -> bool {
    !matches!(address, IpAddr::V6(address) if passing_addresses().contains(&address))
}

/// Temporary (RFC 8981), deprecated and tentative addresses, and those that another machine has, too.
fn passing_addresses() -> BTreeSet<Ipv6Addr> {
    passing(&fs::read_to_string("/proc/net/if_inet6").unwrap_or_default())
}

/// Reads the columns address, index, prefix, scope, flags, name.
fn passing(table: &str) -> BTreeSet<Ipv6Addr> {
    const TEMPORARY: u32 = 0x01;
    const DUPLICATE: u32 = 0x08;
    const DEPRECATED: u32 = 0x20;
    const TENTATIVE: u32 = 0x40;
    let rows = table.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let address = Ipv6Addr::from(u128::from_str_radix(columns.first()?, 16).ok()?);
        let flags = u32::from_str_radix(columns.get(4)?, 16).ok()?;
        (flags & (TEMPORARY | DUPLICATE | DEPRECATED | TENTATIVE) != 0).then_some(address)
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn loopback_is_among_the_addresses() {
        assert!(addresses().contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)), "{:?}", addresses());
        let all = all();
        let lo = all.iter().find(|found| found.address == IpAddr::V4(Ipv4Addr::LOCALHOST)).expect("loopback");
        assert_eq!((lo.name.as_str(), lo.network), ("lo", Some("127.0.0.0/8".parse().expect("a network"))));
        assert!(host_name().is_some_and(|name| !name.is_empty()));
    }

    #[test]
    fn the_default_route_with_the_lowest_metric_leads_to_the_internet() {
        let v4 = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                  wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
                  eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                  docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        assert_eq!(default_of_v4(v4), Some("eth0"));
        assert_eq!(default_of_v4("Iface\tDestination\n"), None);
        let zeros = "0".repeat(32);
        let row = |prefix: &str, metric: &str, name: &str| {
            format!("{zeros} {prefix} {zeros} 00 fe80{:028} {metric} 00000001 00000000 00000003 {name}\n", 1)
        };
        let v6 = row("00", "00000400", "eth1") + &row("00", "00000064", "eth0") + &row("00", "00000000", "lo");
        assert_eq!(default_of_v6(&v6), Some("eth0"));
        assert_eq!(default_of_v6(&row("40", "00000064", "eth0")), None);
    }

    #[test]
    fn an_address_that_changes_every_day_is_passing() {
        let table = "20010db8000000000000000000000005 02 40 00 80     eth0\n\
                     20010db8000000000000000000000006 02 40 00 01     eth0\n\
                     20010db8000000000000000000000007 02 40 00 20     eth0\n";
        let expected: BTreeSet<Ipv6Addr> = ["2001:db8::6", "2001:db8::7"].map(|text| text.parse().expect("one")).into();
        assert_eq!(passing(table), expected);
    }
}
