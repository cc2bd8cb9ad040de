//! What a session does, as others see it: written by the session alone, read by `ftpd who` and the lookout.
//!
//! Figures are atomics. Two pointers have a lock of their own, which a session finds free: with hundreds of threads that
//! costs less than swapping them without a lock.

use std::net::{IpAddr, SocketAddr};
use std::ops::Add;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

use crate::auth::live_user::LiveUser;
use crate::auth::user::User;
use crate::net::ending::{Ending, Farewell};
use crate::protocol::path::VirtualPath;
use crate::reception::Entrance;

/// A session's place in the roster: how others see it, and how they end it.
#[derive(Debug, Clone)]
pub struct Seat {
    /// What it does.
    pub activity: Arc<Activity>,
    /// The wish that it ends.
    pub ending: Arc<Ending>,
}

impl Seat {
    /// Asks the session to end after the transfer that runs.
    pub fn ask_after_transfer(&self, farewell: Farewell) {
        self.ending.ask_after_transfer(farewell);
        self.tell();
    }

    /// Has the session see that it is asked to end. A transfer that may go on is not woken, so that its client is still heard;
    /// it looks for itself now and then.
    pub fn tell(&self) {
        let has_time = self.ending.notice().is_some_and(|notice| !notice.grace.is_over(Instant::now()));
        if !(has_time && self.activity.is_busy()) {
            self.ending.wake();
        }
    }
}

/// What a session does.
#[derive(Debug)]
pub struct Activity {
    /// Its number, which no other session of this run has.
    pub id: u64,
    began: Instant,
    peer: SocketAddr,
    /// The client for which the load balancer at `peer` connects.
    client: OnceLock<Box<SocketAddr>>,
    tls: AtomicBool,
    /// Whether it speaks HTTP, and not FTP.
    pub is_on_web: bool,
    live: Mutex<Option<Arc<LiveUser>>>,
    /// When its last command ended, in milliseconds since it began.
    idle_since: AtomicU64,
    doing: Mutex<Option<Arc<Doing>>>,
    /// Bytes from the client.
    received: AtomicU64,
    /// Bytes to the client.
    sent: AtomicU64,
    /// Bytes that were read for a checksum.
    summed: AtomicU64,
    /// Broken uploads that left a hidden part.
    kept: AtomicU64,
}

/// What a session has moved so far, or several have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes from clients.
    pub received: u64,
    /// Bytes to clients.
    pub sent: u64,
    /// Broken uploads that left a hidden part.
    pub kept: u64,
}

/// A command that moves bytes.
#[derive(Debug)]
pub struct Doing {
    /// The command.
    pub verb: &'static str,
    /// What it is about, as the client sees it.
    pub path: VirtualPath,
    /// Bytes that it has to move, if that is known.
    pub total: Option<u64>,
    /// When it began.
    pub began: Instant,
    /// What becomes of the bytes.
    pub moves: Moves,
    /// Where the counter stood when it began.
    base: u64,
}

/// What becomes of the bytes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// They come from the client.
    In,
    /// They go to the client.
    Out,
    /// They are read for a checksum.
    Nowhere,
}

/// The time of a command that moves bytes; Drop ends it.
#[derive(Debug)]
pub struct Busy {
    activity: Arc<Activity>,
    moves: Moves,
}

impl Activity {
    /// Of a session that begins now.
    pub fn new(id: u64, peer: SocketAddr, entrance: Entrance) -> Activity {
        Activity {
            id,
            began: Instant::now(),
            peer,
            client: OnceLock::new(),
            tls: AtomicBool::new(false),
            is_on_web: entrance == Entrance::Web,
            live: Mutex::default(),
            idle_since: AtomicU64::new(0),
            doing: Mutex::default(),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            summed: AtomicU64::new(0),
            kept: AtomicU64::new(0),
        }
    }

    /// The client's end of the control connection.
    pub fn address(&self) -> SocketAddr {
        self.client.get().map_or(self.peer, |client| **client)
    }

    /// When it began.
    pub fn since(&self) -> SystemTime {
        SystemTime::now() - self.began.elapsed()
    }

    /// Whether the session is of a client at this address.
    pub fn is_from(&self, address: IpAddr) -> bool {
        self.address().ip() == address
    }

    /// Notes the client for which a load balancer connects.
    pub fn is_for(&self, client: SocketAddr) {
        let _ = self.client.set(Box::new(client));
    }

    /// Whether the control connection is under TLS.
    pub fn is_secured(&self) -> bool {
        self.tls.load(Ordering::Relaxed)
    }

    /// Notes whether the control connection is under TLS.
    pub fn secure(&self, tls: bool) {
        self.tls.store(tls, Ordering::Relaxed);
    }

    /// The account, from login on.
    pub fn account(&self) -> Option<Arc<User>> {
        self.live_user().map(|live| live.now())
    }

    /// Where the session reads its account, from login on.
    pub fn live_user(&self) -> Option<Arc<LiveUser>> {
        self.live.lock().clone()
    }

    /// Notes the account that logs in, or with `None` that it is logged out.
    pub fn belongs_to(&self, live: Option<Arc<LiveUser>>) {
        *self.live.lock() = live;
    }

    /// Notes that the session waits for its client from now on.
    pub fn rest(&self, now: Instant) {
        let since = now.saturating_duration_since(self.began).as_millis();
        self.idle_since.store(u64::try_from(since).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether it moves bytes.
    pub fn is_busy(&self) -> bool {
        self.doing.lock().is_some()
    }

    /// For how long it has done nothing.
    pub fn idle(&self, now: Instant) -> Duration {
        if self.is_busy() {
            return Duration::ZERO;
        }
        let since = Duration::from_millis(self.idle_since.load(Ordering::Relaxed));
        now.saturating_duration_since(self.began).saturating_sub(since)
    }

    /// Notes a command that moves bytes, until the value it gives back is dropped.
    pub fn begin(
        activity: &Arc<Activity>,
        verb: &'static str,
        path: &VirtualPath,
        moves: Moves,
        total: Option<u64>,
    ) -> Busy {
        let (base, began) = (activity.counter(moves).load(Ordering::Relaxed), Instant::now());
        let doing = Doing { verb, path: path.clone(), total, began, moves, base };
        *activity.doing.lock() = Some(Arc::new(doing));
        Busy { activity: Arc::clone(activity), moves }
    }

    /// The command that moves bytes, and how many it has moved.
    pub fn doing(&self) -> Option<(Arc<Doing>, u64)> {
        let doing = self.doing.lock().clone()?;
        let moved = self.counter(doing.moves).load(Ordering::Relaxed).saturating_sub(doing.base);
        Some((doing, moved))
    }

    /// Notes that a broken upload left a hidden part.
    pub fn keep(&self) {
        self.kept.fetch_add(1, Ordering::Relaxed);
    }

    /// What it has moved so far.
    pub fn moved(&self) -> Traffic {
        let [received, sent, kept] =
            [&self.received, &self.sent, &self.kept].map(|count| count.load(Ordering::Relaxed));
        Traffic { received, sent, kept }
    }

    /// The counter of bytes that a command moves; only this session changes it.
    pub fn counter(&self, moves: Moves) -> &AtomicU64 {
        match moves {
            Moves::In => &self.received,
            Moves::Out => &self.sent,
            Moves::Nowhere => &self.summed,
        }
    }
}

impl Add for Traffic {
    type Output = Traffic;

    fn add(self, other: Traffic) -> Traffic {
        Traffic { received: self.received + other.received, sent: self.sent + other.sent, kept: self.kept + other.kept }
    }
}

impl Busy {
    /// The counter of bytes that the command moves, which nobody else changes meanwhile.
    pub fn counter(&self) -> &AtomicU64 {
        self.activity.counter(self.moves)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        *self.activity.doing.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn activity() -> Arc<Activity> {
        Arc::new(Activity::new(7, "192.0.2.1:1".parse().expect("an address"), Entrance::Greeting))
    }

    #[test]
    fn a_command_counts_its_own_bytes_and_is_over_when_dropped() {
        let activity = activity();
        for bytes in [10, 20] {
            let path = VirtualPath::root().join(b"a");
            let busy = Activity::begin(&activity, "RETR", &path, Moves::Out, Some(100));
            busy.counter().fetch_add(bytes, Ordering::Relaxed);
            let (doing, moved) = activity.doing().expect("busy");
            assert_eq!((doing.verb, &doing.path, doing.total, moved), ("RETR", &path, Some(100), bytes));
            assert_eq!(activity.idle(Instant::now() + Duration::from_secs(9)), Duration::ZERO);
            drop(busy);
            assert!(activity.doing().is_none());
        }
        assert_eq!(activity.moved(), Traffic { sent: 30, ..Traffic::default() });
    }

    #[test]
    fn idle_is_the_time_since_the_last_rest() {
        let activity = activity();
        let start = activity.began;
        activity.rest(start + Duration::from_secs(5));
        assert_eq!(activity.idle(start + Duration::from_secs(8)), Duration::from_secs(3));
    }

    #[test]
    fn the_client_of_a_balancer_takes_its_place() {
        let activity = activity();
        let client = "198.51.100.7:5".parse().expect("an address");
        activity.is_for(client);
        assert_eq!(activity.address(), client);
        assert!(activity.is_from(client.ip()) && !activity.is_from("192.0.2.1".parse().expect("an address")));
    }
}
