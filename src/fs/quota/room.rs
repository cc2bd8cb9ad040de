//! The room that one file takes of the quotas that hold for it.

use std::io;
use std::sync::Arc;

use super::again::Reason;
use super::{Counter, QuotaChain};

/// The room of one file that is being written.
#[derive(Debug)]
pub struct Reservation {
    chain: QuotaChain,
    /// As many bytes of the file are counted.
    pub(super) counted: u64,
    /// Where the next byte goes.
    at: u64,
    /// The folder that had no room for it.
    lacking: Option<Arc<Counter>>,
}

impl QuotaChain {
    /// The room of a file of which so many bytes are counted already.
    pub fn reserve(&self, counted: u64) -> Reservation {
        self.0.iter().for_each(|limit| limit.counter.state.lock().writers += 1);
        Reservation { chain: self.clone(), counted, at: 0, lacking: None }
    }

    /// For as long as it lives, no walk corrects the counts: files go, and are credited a moment later.
    pub fn hold(&self) -> Reservation {
        self.reserve(0)
    }
}

impl Reservation {
    /// The quotas that hold for the file.
    pub fn chain(&self) -> &QuotaChain {
        &self.chain
    }

    /// The next byte goes there; `None` is the end of the file.
    pub fn start(&mut self, at: Option<u64>) {
        self.at = at.unwrap_or(self.counted);
    }

    /// Counts the bytes that are about to be written, as far as the file grows by them.
    ///
    /// # Errors
    /// [`is_over`](super::is_over) if they don't fit.
    pub fn take(&mut self, bytes: u64) -> io::Result<()> {
        let end = self.at.saturating_add(bytes);
        if let Err(limit) = self.chain.try_to_take(end.saturating_sub(self.counted)) {
            self.lacking = Some(Arc::clone(&limit.counter));
            return Err(limit.error());
        }
        self.counted = self.counted.max(end);
        self.at = end;
        Ok(())
    }

    /// The file is closed with this size.
    pub fn settle(&mut self, size: u64) {
        self.chain.credit(self.counted.saturating_sub(size));
        self.counted = self.counted.min(size);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        for limit in &self.chain.0 {
            let mut state = limit.counter.state.lock();
            state.writers = state.writers.saturating_sub(1);
            state.changes += 1;
        }
        // Not before: a walk is in vain while somebody writes.
        self.lacking.take().inspect(|counter| counter.again(Reason::Refused));
    }
}
