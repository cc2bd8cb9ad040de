//! This machine as others see it: its name and its addresses.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The host name, where it is text.
pub fn host_name() -> Option<String> {
    nix::unistd::gethostname().ok()?.into_string().ok()
}

/// This machine's addresses, which the system is asked for once a minute at most.
#[derive(Debug, Default)]
pub struct Own(Mutex<Option<(Instant, BTreeSet<IpAddr>)>>);

/// What was asked is good for so long.
const AGE: Duration = Duration::from_secs(60);

impl Own {
    /// True for an address of this machine's own. (That one can be bound proves nothing: `ip_nonlocal_bind`.)
    pub fn has(&self, address: IpAddr) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.as_ref().is_none_or(|(asked, _)| asked.elapsed() > AGE) {
            *known = Some((Instant::now(), addresses()));
        }
        address.is_loopback() || known.as_ref().is_some_and(|(_, own)| own.contains(&address))
    }
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
        let own = Own::default();
        assert!(own.has(Ipv4Addr::new(127, 0, 0, 9).into()));
        assert!(!own.has(Ipv4Addr::new(192, 0, 2, 9).into()));
    }

    #[test]
    fn loopback_is_among_the_addresses() {
        assert!(addresses().contains(&IpAddr::V4(Ipv4Addr::LOCALHOST)), "{:?}", addresses());
        assert!(host_name().is_some_and(|name| !name.is_empty()));
    }
}
