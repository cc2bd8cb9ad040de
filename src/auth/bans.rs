//! Addresses that are kept out: those with too many wrong passwords, and those that the administrator names. Time is an
//! argument.

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

/// The addresses that are kept out, and those with wrong passwords, a limited number of them.
#[derive(Debug, Default)]
pub struct Bans {
    strikes: Mutex<HashMap<IpAddr, Strikes>>,
    /// Until when; `None` is for good.
    by_hand: Mutex<HashMap<IpAddr, Option<Instant>>>,
}

/// Why an address is kept out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BanReason {
    /// Wrong passwords came from it.
    WrongPasswords,
    /// The administrator has named it.
    Administrator,
}

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
        let mut addresses = self.strikes.lock();
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

    /// Keeps the address out from now on, for this time or, with `None`, until it is lifted.
    pub fn ban(&self, address: IpAddr, time: Option<Duration>, now: Instant) {
        let mut by_hand = self.by_hand.lock();
        by_hand.retain(|_, until| holds(*until, now));
        by_hand.insert(address, time.and_then(|time| now.checked_add(time)));
    }

    /// Why the address is banned at the moment, if it is.
    pub fn reason(&self, address: IpAddr, rule: BanRule, now: Instant) -> Option<BanReason> {
        if self.by_hand.lock().get(&address).is_some_and(|until| holds(*until, now)) {
            return Some(BanReason::Administrator);
        }
        let guesses =
            rule.after.is_some() && self.strikes.lock().get(&address).is_some_and(|strikes| bans(strikes, rule, now));
        guesses.then_some(BanReason::WrongPasswords)
    }

    /// The addresses that are banned, each with the time that is left; `None` is for good.
    pub fn list(&self, rule: BanRule, now: Instant) -> Vec<(IpAddr, Option<Duration>)> {
        let left = |strikes: &Strikes| rule.time.saturating_sub(now.saturating_duration_since(strikes.since));
        let strikes = self.strikes.lock();
        let guessers = strikes.iter().filter(|(_, strikes)| bans(strikes, rule, now));
        let mut all: HashMap<_, _> = guessers.map(|(address, strikes)| (*address, Some(left(strikes)))).collect();
        let by_hand = self.by_hand.lock();
        let named = by_hand.iter().filter(|(_, until)| holds(**until, now));
        all.extend(named.map(|(address, until)| (*address, until.map(|until| until.saturating_duration_since(now)))));
        let mut all: Vec<_> = all.into_iter().collect();
        all.sort_by_key(|(address, _)| *address);
        all
    }

    /// Lets an address in again, and forgets its wrong passwords; false if it was not banned.
    pub fn lift(&self, address: IpAddr, rule: BanRule, now: Instant) -> bool {
        let was_banned = self.reason(address, rule, now).is_some();
        self.strikes.lock().remove(&address);
        self.by_hand.lock().remove(&address);
        was_banned
    }
}

fn bans(strikes: &Strikes, rule: BanRule, now: Instant) -> bool {
    rule.after.is_some_and(|after| strikes.count >= after) && !expired(strikes, rule, now)
}

fn holds(until: Option<Instant>, now: Instant) -> bool {
    until.is_none_or(|until| until > now)
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

    fn is_banned(bans: &Bans, address: IpAddr, rule: BanRule, now: Instant) -> bool {
        bans.reason(address, rule, now).is_some()
    }

    #[test]
    fn the_administrators_ban_is_not_blamed_on_wrong_passwords() {
        let (bans, now) = (Bans::default(), Instant::now());
        for _ in 0..3 {
            bans.strike(address(1), RULE, now);
        }
        assert_eq!(bans.reason(address(1), RULE, now), Some(BanReason::WrongPasswords));
        for banned in [address(1), address(2)] {
            bans.ban(banned, None, now);
            assert_eq!(bans.reason(banned, RULE, now), Some(BanReason::Administrator));
        }
        assert_eq!(bans.reason(address(3), RULE, now), None);
    }

    #[test]
    fn an_address_is_banned_at_the_limit_and_admitted_again() {
        let (bans, start) = (Bans::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(!bans.strike(address(1), RULE, at(0)));
        assert!(!bans.strike(address(1), RULE, at(1)));
        assert!(!is_banned(&bans, address(1), RULE, at(1)));
        assert!(bans.strike(address(1), RULE, at(2)));
        assert!(is_banned(&bans, address(1), RULE, at(601)));
        assert!(!is_banned(&bans, address(2), RULE, at(3)));
        assert!(!is_banned(&bans, address(1), RULE, at(602)));
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
        let addresses = bans.strikes.lock();
        assert_eq!(addresses.len(), MAX_ADDRESSES);
        assert!(!addresses.contains_key(&address(0)) && addresses.contains_key(&address(10_049)));
    }

    #[test]
    fn an_address_that_is_named_is_banned_until_its_time_is_over_or_it_is_lifted() {
        let (bans, start) = (Bans::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let never = BanRule { after: None, time: Duration::ZERO };
        bans.ban(address(1), Some(Duration::from_secs(60)), at(0));
        bans.ban(address(2), None, at(0));
        for rule in [RULE, never] {
            let listed = [(address(1), Some(Duration::from_secs(59))), (address(2), None)];
            assert_eq!(bans.list(rule, at(1)), listed);
            assert!(is_banned(&bans, address(1), rule, at(59)) && !is_banned(&bans, address(1), rule, at(60)));
            assert!(is_banned(&bans, address(2), rule, at(1_000_000)));
        }
        assert!(bans.lift(address(2), never, at(1)));
        assert!(!bans.lift(address(2), never, at(1)) && !is_banned(&bans, address(2), never, at(1)));
    }

    #[test]
    fn a_guesser_that_is_let_in_again_has_no_strikes() {
        let (bans, now) = (Bans::default(), Instant::now());
        for _ in 0..3 {
            bans.strike(address(1), RULE, now);
        }
        assert_eq!(bans.list(RULE, now), [(address(1), Some(RULE.time))]);
        assert!(bans.lift(address(1), RULE, now));
        assert!(!bans.strike(address(1), RULE, now) && bans.list(RULE, now).is_empty());
    }
}
