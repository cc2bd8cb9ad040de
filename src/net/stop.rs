//! The wish to stop the server, seen by every session without a lock.

use std::sync::OnceLock;
use std::time::Instant;

/// Running until [`Stop::ask`] is called once; then sessions end, transfers by the given time.
#[derive(Debug, Default)]
pub struct Stop(OnceLock<Instant>);

impl Stop {
    /// Asks all sessions to end, their transfers by this time. The first call counts.
    pub fn ask(&self, deadline: Instant) {
        let _ = self.0.set(deadline);
    }

    /// When running transfers must have ended; `None` if it is not asked to stop.
    pub fn deadline(&self) -> Option<Instant> {
        self.0.get().copied()
    }
}
