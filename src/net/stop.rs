//! The wish to stop the server, seen by every session without a lock.

use std::sync::OnceLock;
use std::time::Instant;

use crate::net::ending::{Farewell, Grace};

/// Running until [`Stop::ask`] or [`Stop::drain`] is called; then all sessions end.
#[derive(Debug, Default)]
pub struct Stop {
    draining: OnceLock<()>,
    deadline: OnceLock<Instant>,
}

impl Stop {
    /// Why sessions end then.
    pub const FAREWELL: Farewell = Farewell { text: "The server is stopping", reason: "the server is stopping" };

    /// Asks all sessions to end, their transfers by this time. The first call counts.
    pub fn ask(&self, deadline: Instant) {
        let _ = self.deadline.set(deadline);
    }

    /// Asks all sessions to end after their transfers, however long these take.
    pub fn drain(&self) {
        let _ = self.draining.set(());
    }

    /// How long running transfers may go on; `None` if the server is not asked to stop.
    pub fn asked(&self) -> Option<Grace> {
        let drained = || self.draining.get().map(|()| Grace::Unlimited);
        self.deadline.get().map(|deadline| Grace::Until(*deadline)).or_else(drained)
    }
}
