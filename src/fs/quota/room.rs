//! The room that one file takes of the quotas that hold for it.

use std::io;

use super::QuotaChain;

/// The room of one file that is being written.
#[derive(Debug)]
pub struct Reservation {
    chain: QuotaChain,
    /// As many bytes of the file are counted.
    pub(super) counted: u64,
    /// Where the next byte goes.
    at: u64,
}

impl Reservation {
    /// Of a file of which so many bytes are counted already.
    pub(super) fn new(chain: QuotaChain, counted: u64) -> Self {
        chain.0.iter().for_each(|limit| limit.counter.state.lock().writers += 1);
        Self { chain, counted, at: 0 }
    }

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
    /// [`super::is_over`] if they don't fit.
    pub fn take(&mut self, bytes: u64) -> io::Result<()> {
        let end = self.at.saturating_add(bytes);
        self.chain.take(end.saturating_sub(self.counted))?;
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
    }
}
