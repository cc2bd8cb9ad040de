//! Which addresses are this machine's own.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::sys::interfaces;

/// This machine's addresses, which the system is asked for once a minute at most.
#[derive(Debug, Default)]
pub struct OwnAddresses(Mutex<Option<(Instant, BTreeSet<IpAddr>)>>);

/// How long an answer of the system is good.
const AGE: Duration = Duration::from_secs(60);

impl OwnAddresses {
    /// Whether an address is this machine's own. (That it can be bound proves nothing: `ip_nonlocal_bind`.)
    pub fn has(&self, address: IpAddr, now: Instant) -> bool {
        let mut known = self.0.lock();
        if known.as_ref().is_none_or(|(asked, _)| now.saturating_duration_since(*asked) > AGE) {
            *known = Some((now, interfaces::addresses()));
        }
        address.is_loopback() || known.as_ref().is_some_and(|(_, own)| own.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn an_address_of_documentation_is_not_here() {
        let (own, now) = (OwnAddresses::default(), Instant::now());
        assert!(own.has(Ipv4Addr::new(127, 0, 0, 9).into(), now));
        assert!(!own.has(Ipv4Addr::new(192, 0, 2, 9).into(), now));
    }
}
