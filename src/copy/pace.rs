//! Keeping a transfer to its rate. Time comes in as an argument, so none of this waits.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// A rate, and how far ahead of it the transfer is.
#[derive(Debug)]
pub struct Pace {
    /// Bytes per second, not 0.
    rate: u64,
    /// When the bytes sent so far are due.
    due: Option<Instant>,
}

/// A rate that several transfers share.
pub type SharedPace = Arc<Mutex<Pace>>;

/// What holds one direction of one connection back: the rate of its session, and that of its account's sessions together.
#[derive(Debug, Default)]
pub struct Throttle {
    /// Of a session with one connection.
    own: Option<Pace>,
    /// Of a session with several connections.
    of_session: Option<SharedPace>,
    of_account: Option<SharedPace>,
}

/// The rates that sessions of one account share, by account; a rate that no session uses is forgotten.
#[derive(Debug, Default)]
pub struct SharedPaces(Mutex<HashMap<String, Weak<Mutex<Pace>>>>);

/// How much time a transfer may catch up after its peer held it up.
const CREDIT: Duration = Duration::from_millis(200);

impl Pace {
    /// A rate in bytes per second; 0 counts as 1.
    pub fn new(rate: u64) -> Self {
        Self { rate: rate.max(1), due: None }
    }

    /// Counts bytes as moved now; returns how long to wait before the next ones.
    pub fn spend(&mut self, bytes: usize, now: Instant) -> Duration {
        let nanos = u128::try_from(bytes).unwrap_or(0) * 1_000_000_000 / u128::from(self.rate);
        let cost = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let earliest = now.checked_sub(CREDIT).unwrap_or(now);
        let due = self.due.map_or(now, |due| due.max(earliest)) + cost;
        self.due = Some(due);
        due.saturating_duration_since(now)
    }

    /// Bytes to move at once, so that each wait is about a tenth of a second.
    fn step(&self) -> usize {
        usize::try_from(self.rate / 10).unwrap_or(usize::MAX).max(1)
    }
}

impl SharedPaces {
    /// The account's pace, from now on at this rate in bytes per second.
    pub fn join(&self, account: &str, rate: u64) -> SharedPace {
        let mut paces = self.0.lock();
        paces.retain(|_, pace| pace.strong_count() > 0);
        if let Some(pace) = paces.get(account).and_then(Weak::upgrade) {
            pace.lock().rate = rate.max(1);
            return pace;
        }
        let pace = Arc::new(Mutex::new(Pace::new(rate)));
        paces.insert(account.to_owned(), Arc::downgrade(&pace));
        pace
    }
}

impl Throttle {
    /// The rate of a session with one connection in bytes per second, and that of its account.
    pub fn new(own: Option<u64>, of_account: Option<SharedPace>) -> Self {
        Self { own: own.map(Pace::new), of_session: None, of_account }
    }

    /// The rate of a session with several connections, and that of its account.
    pub fn of_session(of_session: Option<SharedPace>, of_account: Option<SharedPace>) -> Self {
        Self { own: None, of_session, of_account }
    }

    /// Goes on with another rate of the account.
    pub fn change_account(&mut self, of_account: Option<SharedPace>) {
        self.of_account = of_account;
    }

    /// Whether nothing is held back.
    pub fn is_free(&self) -> bool {
        self.own.is_none() && self.shared().next().is_none()
    }

    fn shared(&self) -> impl Iterator<Item = &SharedPace> {
        [&self.of_session, &self.of_account].into_iter().flatten()
    }

    /// How many bytes to move at once, at the most `limit`.
    pub fn step(&self, limit: usize) -> usize {
        let own = self.own.as_ref().map_or(limit, Pace::step);
        self.shared().fold(limit.min(own), |step, pace| step.min(pace.lock().step()))
    }

    /// Counts bytes as moved now; returns how long to wait before the next ones, `None` for not at all.
    pub fn spend(&mut self, bytes: usize, now: Instant) -> Option<Duration> {
        let own = self.own.as_mut().map(|pace| pace.spend(bytes, now));
        let shared = self.shared().map(|pace| pace.lock().spend(bytes, now)).max();
        own.max(shared).filter(|delay| !delay.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves `bytes` in `step`s under a clock that only these waits (and `late` more each) advance.
    fn simulate(pace: &mut Pace, bytes: usize, step: usize, late: Duration) -> Duration {
        let start = Instant::now();
        let mut now = start;
        for _ in 0..bytes / step {
            now += pace.spend(step, now) + late;
        }
        now - start
    }

    #[test]
    fn the_mean_is_within_five_percent_of_the_limit() {
        for (rate, step, late_ms) in [(100_000, 10_000, 0), (100_000, 1_000, 1), (1_000_000, 100_000, 20), (7, 1, 0)] {
            let bytes = usize::try_from(rate * 20).unwrap_or(0);
            let took = simulate(&mut Pace::new(rate), bytes, step, Duration::from_millis(late_ms));
            assert!((19.0..=21.0).contains(&took.as_secs_f64()), "{rate} B/s took {took:?} for 20 s of bytes");
        }
    }

    #[test]
    fn a_long_stall_earns_no_long_burst() {
        let mut pace = Pace::new(1000);
        let start = Instant::now();
        pace.spend(1000, start);
        let later = start + Duration::from_secs(100);
        assert!(pace.spend(1000, later) >= Duration::from_millis(800));
    }

    #[test]
    fn sessions_that_share_a_rate_get_it_together() {
        let shared = Arc::new(Mutex::new(Pace::new(1000)));
        let (mut one, mut two) =
            (Throttle::new(None, Some(Arc::clone(&shared))), Throttle::new(Some(500), Some(shared)));
        assert_eq!(one.step(1 << 20), 100);
        assert_eq!(two.step(1 << 20), 50);
        let now = Instant::now();
        assert_eq!(one.spend(1000, now), Some(Duration::from_secs(1)));
        assert_eq!(two.spend(1000, now), Some(Duration::from_secs(2)));
        assert_eq!(one.spend(0, now + Duration::from_secs(2)), None);
        assert_eq!(Throttle::default().spend(1 << 30, now), None);
    }

    #[test]
    fn connections_of_one_session_get_its_rate_together_and_no_more_than_their_account() {
        let pace = |rate| Some(Arc::new(Mutex::new(Pace::new(rate))));
        let (session, account) = (pace(500), pace(1000));
        let mut connections = [(); 2].map(|()| Throttle::of_session(session.clone(), account.clone()));
        let mut other = Throttle::of_session(pace(500), account);
        let now = Instant::now();
        assert_eq!(connections[0].step(1 << 20), 50);
        assert_eq!(connections[0].spend(500, now), Some(Duration::from_secs(1)));
        assert_eq!(connections[1].spend(500, now), Some(Duration::from_secs(2)));
        assert_eq!(other.spend(500, now), Some(Duration::from_millis(1500)));
        other.change_account(None);
        assert_eq!(other.spend(500, now), Some(Duration::from_secs(2)));
        assert!(!connections[0].is_free() && Throttle::of_session(None, None).is_free());
    }
}
