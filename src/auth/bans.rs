//! Addresses with too many wrong passwords, which are banned for a while. Time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// When wrong passwords ban an address, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BanRule {
    /// Wrong passwords; `None` is never.
    pub after: Option<u32>,
    /// The time within which they count, and the time of the ban.
    pub time: Duration,
}

/// The addresses with wrong passwords, a limited number of them.
#[derive(Debug, Default)]
pub struct Bans(Mutex<HashMap<IpAddr, Strikes>>);

#[derive(Debug, Clone, Copy)]
struct Strikes {
    count: u32,
    /// The first strike, or the one that banned the address.
    since: Instant,
}

const MAX_ADDRESSES: usize = 10_000;

impl Bans {
    /// Counts a wrong password; returns whether the address is banned now.
    pub fn strike(&self, address: IpAddr, rule: BanRule, now: Instant) -> bool {
        let Some(after) = rule.after else { return false };
        let mut addresses = self.0.lock();
        if addresses.len() >= MAX_ADDRESSES && !addresses.contains_key(&address) {
            make_room(&mut addresses, rule, now);
        }
        let strikes = addresses.entry(address).or_insert(Strikes { count: 0, since: now });
        if expired(strikes, rule, now) {
            *strikes = Strikes { count: 0, since: now };
        }
        strikes.count = strikes.count.saturating_add(1);
        if strikes.count == after {
            strikes.since = now;
        }
        strikes.count >= after
    }

    /// Whether the address is banned at the moment.
    pub fn is_banned(&self, address: IpAddr, rule: BanRule, now: Instant) -> bool {
        let Some(after) = rule.after else { return false };
        let addresses = self.0.lock();
        addresses.get(&address).is_some_and(|strikes| strikes.count >= after && !expired(strikes, rule, now))
    }
}

fn expired(strikes: &Strikes, rule: BanRule, now: Instant) -> bool {
    now.saturating_duration_since(strikes.since) >= rule.time
}

/// Forgets expired addresses, or else the oldest.
fn make_room(addresses: &mut HashMap<IpAddr, Strikes>, rule: BanRule, now: Instant) {
    addresses.retain(|_, strikes| !expired(strikes, rule, now));
    if addresses.len() >= MAX_ADDRESSES
        && let Some(oldest) = addresses.iter().min_by_key(|(_, strikes)| strikes.since).map(|(address, _)| *address)
    {
        addresses.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: BanRule = BanRule { after: Some(3), time: Duration::from_secs(600) };

    fn address(last: u32) -> IpAddr {
        IpAddr::from((0x0a00_0000 + last).to_be_bytes())
    }

    #[test]
    fn an_address_is_banned_at_the_limit_and_admitted_again() {
        let (bans, start) = (Bans::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!bans.strike(address(1), RULE, at(0)));
        assert!(!bans.strike(address(1), RULE, at(1)));
        assert!(!bans.is_banned(address(1), RULE, at(1)));
        assert!(bans.strike(address(1), RULE, at(2)));
        assert!(bans.is_banned(address(1), RULE, at(601)));
        assert!(!bans.is_banned(address(2), RULE, at(3)));
        assert!(!bans.is_banned(address(1), RULE, at(602)));
        assert!(!bans.strike(address(1), RULE, at(602)));
    }

    #[test]
    fn old_strikes_do_not_count_and_no_rule_never_bans() {
        let (bans, start) = (Bans::default(), Instant::now());
        for minutes in [0, 11, 22, 33] {
            assert!(!bans.strike(address(1), RULE, start + Duration::from_secs(60 * minutes)));
        }
        let never = BanRule { after: None, ..RULE };
        assert!((0..100).all(|_| !bans.strike(address(2), never, start)));
    }

    #[test]
    fn the_table_is_bounded_and_the_oldest_go_first() {
        let (bans, start) = (Bans::default(), Instant::now());
        for last in 0..10_050u32 {
            bans.strike(address(last), RULE, start + Duration::from_millis(u64::from(last)));
        }
        let addresses = bans.0.lock();
        assert_eq!(addresses.len(), MAX_ADDRESSES);
        assert!(!addresses.contains_key(&address(0)) && addresses.contains_key(&address(10_049)));
    }
}
