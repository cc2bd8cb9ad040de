//! How a session is asked to end, alone or with all others as the server stops. Seen by the session without a lock.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::net::stop::Stop;

/// The wish that one session ends, beside the wish that all do.
#[derive(Debug)]
pub struct Ending {
    connection: Arc<TcpStream>,
    stop: Arc<Stop>,
    after_transfer: OnceLock<Farewell>,
    at_once: OnceLock<Farewell>,
    shut: AtomicBool,
}

/// Why a session is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Farewell {
    /// The text of the 421, without the dot at its end.
    pub text: &'static str,
    /// For the log.
    pub reason: &'static str,
}

/// How long the transfer may go on in a session that is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grace {
    /// No longer.
    Over,
    /// Until then.
    Until(Instant),
    /// To its end.
    Unlimited,
}

/// Why and how soon a session must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// Why.
    pub farewell: Farewell,
    /// How long its transfer may go on.
    pub grace: Grace,
}

impl Ending {
    /// Of a session with this control connection, in a server that may be asked to stop.
    pub fn new(connection: Arc<TcpStream>, stop: Arc<Stop>) -> Ending {
        Ending {
            connection,
            stop,
            after_transfer: OnceLock::new(),
            at_once: OnceLock::new(),
            shut: AtomicBool::new(false),
        }
    }

    /// Asks the session to end, and its transfer, too. The first call counts.
    pub fn ask(&self, farewell: Farewell) {
        let _ = self.at_once.set(farewell);
        self.wake();
    }

    /// Asks the session to end after the transfer that runs. The first call counts; [`Self::ask`] counts more. One that waits
    /// for a command must be woken then.
    pub fn ask_after_transfer(&self, farewell: Farewell) {
        let _ = self.after_transfer.set(farewell);
    }

    /// Whether this session alone is asked to end, and its transfer, too.
    pub fn is_cut(&self) -> bool {
        self.at_once.get().is_some()
    }

    /// Whether this session alone is asked to end. Commands that its client has sent already are not run then.
    pub fn is_barred(&self) -> bool {
        self.is_cut() || self.after_transfer.get().is_some()
    }

    /// Why and how soon the session must end; `None` as long as it may stay.
    pub fn notice(&self) -> Option<Notice> {
        let own = |asked: &OnceLock<Farewell>, grace| asked.get().map(|&farewell| Notice { farewell, grace });
        let of_all = self.stop.asked().map(|grace| Notice { farewell: Stop::FAREWELL, grace });
        let own_now = own(&self.at_once, Grace::Over);
        own_now.or(of_all).or_else(|| own(&self.after_transfer, Grace::Unlimited))
    }

    /// Whether it is asked to end.
    pub fn is_asked(&self) -> bool {
        self.notice().is_some()
    }

    /// Wakes the session if it waits for its client: nothing more is read from it.
    pub fn wake(&self) {
        self.shut.store(true, Ordering::Release);
        let _ = self.connection.shutdown(Shutdown::Read);
    }

    /// Whether the end of what the client says may be [`Self::wake`]'s doing, so that it tells nothing about the client.
    pub fn is_shut(&self) -> bool {
        self.shut.load(Ordering::Acquire)
    }

    /// Cuts the connection.
    pub fn disconnect(&self) {
        let _ = self.connection.shutdown(Shutdown::Both);
    }
}

impl Grace {
    /// Whether a transfer has to end now.
    pub fn is_over(self, now: Instant) -> bool {
        match self {
            Grace::Over => true,
            Grace::Until(end) => end <= now,
            Grace::Unlimited => false,
        }
    }

    /// The end of a wait that would last until `deadline`.
    pub fn cut(self, deadline: Instant, now: Instant) -> Instant {
        match self {
            Grace::Over => now,
            Grace::Until(end) => end.min(deadline),
            Grace::Unlimited => deadline,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;

    const KICKED: Farewell = Farewell { text: "Kicked", reason: "kicked" };
    const CHANGED: Farewell = Farewell { text: "Changed", reason: "changed" };

    fn ending(stop: &Arc<Stop>) -> (Ending, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        (Ending::new(Arc::new(listener.accept().expect("accepted").0), Arc::clone(stop)), client)
    }

    #[test]
    fn the_end_at_once_counts_more_than_the_stop_and_that_more_than_the_end_after_the_transfer() {
        let stop = Arc::new(Stop::default());
        let (ending, _client) = ending(&stop);
        let told = |ending: &Ending| ending.notice().map(|notice| (notice.farewell.reason, notice.grace));
        assert_eq!(told(&ending), None);
        ending.ask_after_transfer(CHANGED);
        assert_eq!(told(&ending), Some(("changed", Grace::Unlimited)));
        let end = Instant::now() + Duration::from_secs(30);
        stop.ask(end);
        assert_eq!(told(&ending), Some((Stop::FAREWELL.reason, Grace::Until(end))));
        ending.ask(KICKED);
        ending.ask(CHANGED);
        assert_eq!(told(&ending), Some(("kicked", Grace::Over)));
    }

    #[test]
    fn a_drained_server_can_still_be_stopped() {
        let stop = Stop::default();
        stop.drain();
        assert_eq!(stop.asked(), Some(Grace::Unlimited));
        let end = Instant::now();
        stop.ask(end);
        stop.drain();
        assert_eq!(stop.asked(), Some(Grace::Until(end)));
    }
}
