//! The room that one file takes of the quotas that hold for it.
//!
//! A walk may miss what sessions do meanwhile. Of files that are written during it, all that is counted is added to what it
//! finds, which is never too little. While files are moved or removed, a walk tells nothing.

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

/// What may be in a folder and not be found by a walk.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Coming {
    /// The bytes of all files that are being written.
    writing: u64,
    /// All that was ever added to these.
    ever: u64,
    /// Acts that move or remove files.
    held: usize,
    /// How many of these have ended.
    moves: u64,
}

/// While it lives, files are moved or removed, and are credited a moment later.
#[derive(Debug)]
pub struct Hold(QuotaChain);

impl Coming {
    fn add(&mut self, bytes: u64) {
        self.writing = self.writing.saturating_add(bytes);
        self.ever = self.ever.saturating_add(bytes);
    }

    /// The bytes that a walk may have missed which began at that time; `None` if that is not known.
    pub(super) fn since(&self, begin: Self) -> Option<u64> {
        let is_known = self.held == 0 && begin.held == 0 && self.moves == begin.moves;
        is_known.then(|| begin.writing.saturating_add(self.ever - begin.ever))
    }
}

impl QuotaChain {
    /// The room of a file of which this number of bytes is counted already.
    pub fn reserve(&self, counted: u64) -> Reservation {
        for limit in &self.0 {
            let mut state = limit.counter.state.lock();
            state.writers += 1;
            state.coming.add(counted);
        }
        Reservation { chain: self.clone(), counted, at: 0, lacking: None }
    }

    /// For as long as it lives, no walk corrects the counts: files go, and are credited a moment later.
    pub fn hold(&self) -> Hold {
        for limit in &self.0 {
            let mut state = limit.counter.state.lock();
            state.writers += 1;
            state.coming.held += 1;
        }
        Hold(self.clone())
    }

    /// Fewer bytes than thought are in files that are being written.
    fn comes_less(&self, bytes: u64) {
        for limit in &self.0 {
            let writing = &mut limit.counter.state.lock().coming.writing;
            *writing = writing.saturating_sub(bytes);
        }
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
        let more = end.saturating_sub(self.counted);
        self.chain.0.iter().for_each(|limit| limit.counter.state.lock().coming.add(more));
        if let Err(limit) = self.chain.try_to_take(more) {
            self.chain.comes_less(more);
            self.lacking = Some(Arc::clone(&limit.counter));
            return Err(limit.error());
        }
        self.counted = self.counted.max(end);
        self.at = end;
        Ok(())
    }

    /// The file is closed with this size.
    pub fn settle(&mut self, size: u64) {
        let less = self.counted.saturating_sub(size);
        self.chain.credit(less);
        self.chain.comes_less(less);
        self.counted = self.counted.min(size);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.chain.comes_less(self.counted);
        for limit in &self.chain.0 {
            let mut state = limit.counter.state.lock();
            state.writers = state.writers.saturating_sub(1);
            state.changes += 1;
        }
        // Not before: a walk is in vain while somebody writes.
        self.lacking.take().inspect(|counter| counter.again(Reason::Refused));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        for limit in &self.0.0 {
            let mut state = limit.counter.state.lock();
            state.writers = state.writers.saturating_sub(1);
            state.changes += 1;
            state.coming.held = state.coming.held.saturating_sub(1);
            state.coming.moves += 1;
        }
    }
}
