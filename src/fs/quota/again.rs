//! When a folder is walked through: at first, each night, and in between when what others did there may matter. A walk is
//! followed by a rest that is longer than itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Counter, Hold, QuotaChain, Quotas};

/// The time between two walks because of refusals.
const REFUSALS: Duration = Duration::from_secs(60);
/// A rest takes as many times what the walk took.
const REST: u32 = 10;
/// The time until the next try if files were written during a walk.
const RETRY: Duration = Duration::from_secs(5);

/// Why a folder is walked through again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The administrator asks for it: without a rest.
    Asked,
    /// Others have moved files.
    Moved,
    /// It had no room for a file.
    Refused,
}

/// The next walk through a folder.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    due: Option<Instant>,
    /// No walk begins before.
    rested: Option<Instant>,
    /// When the last one was due that a refusal asked for.
    refused: Option<Instant>,
    /// Somebody waits for what it finds.
    is_urgent: bool,
}

impl Schedule {
    /// With a first walk that is due at once.
    pub(super) fn first() -> Self {
        Self { due: Some(Instant::now()), ..Self::default() }
    }

    /// Wants a walk; true if that was not known already.
    fn want(&mut self, reason: Reason, now: Instant) -> bool {
        let last = self.refused.filter(|_| reason == Reason::Refused);
        let at = last.map_or(now, |last| now.max(last + REFUSALS));
        if reason == Reason::Asked {
            self.rested = None;
        } else if self.due.is_some_and(|due| due <= at) {
            return false;
        }
        if reason == Reason::Refused {
            self.refused = Some(at);
        }
        (self.due, self.is_urgent) = (Some(at), true);
        true
    }

    fn next(&self) -> Option<Instant> {
        self.due.map(|due| self.rested.map_or(due, |rested| due.max(rested)))
    }

    /// A walk begins.
    pub(super) fn begin(&mut self) {
        self.due = None;
    }

    /// A walk has ended; files may have been written meanwhile.
    pub(super) fn end(&mut self, took: Duration, is_busy: bool) {
        let now = Instant::now();
        self.rested = Some(now + took * REST);
        if !is_busy {
            self.is_urgent = self.due.is_some();
        } else if self.is_urgent {
            self.due = self.due.or(Some(now + RETRY));
        }
    }
}

impl Counter {
    /// Has the folder walked through again, on the thread for that.
    pub fn again(&self, reason: Reason) {
        if self.state.lock().schedule.want(reason, Instant::now()) {
            self.call();
        }
    }

    /// When it is to be walked through.
    pub fn next_walk(&self) -> Option<Instant> {
        self.state.lock().schedule.next()
    }

    /// Has it walked through now: nobody waits for that.
    pub fn plan(&self) {
        self.state.lock().schedule.due = Some(Instant::now());
    }

    /// Wakes the thread that walks; without one, nothing is walked.
    pub(super) fn call(&self) {
        let _ = self.orders.as_ref().map(|orders| orders.send(()));
    }
}

impl QuotaChain {
    /// Has its folders walked through again after a while: what was done there can't be reckoned.
    pub fn doubt(&self) {
        self.0.iter().for_each(|limit| limit.counter.state.lock().is_doubtful = true);
    }

    /// Has its folders walked through again.
    pub fn again(&self, reason: Reason) {
        self.0.iter().for_each(|limit| limit.counter.again(reason));
    }
}

impl Quotas {
    /// The same as [`QuotaChain::hold`] for all folders; `None` if there are none.
    pub fn hold(&self) -> Option<Hold> {
        let limits = self.all().into_iter().map(|counter| (counter, u64::MAX));
        QuotaChain::of(limits).map(|all| all.hold())
    }

    /// Has all folders walked through again, as the administrator asks for it.
    pub fn again(&self) {
        self.look_again();
        self.all().iter().for_each(|counter: &Arc<Counter>| counter.again(Reason::Asked));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_have_a_folder_walked_once_a_minute_and_after_a_rest() {
        let begin = Instant::now();
        let mut schedule = Schedule::default();
        assert!(schedule.want(Reason::Refused, begin));
        assert!(!schedule.want(Reason::Refused, begin) && !schedule.want(Reason::Moved, begin));
        assert_eq!(schedule.next(), Some(begin));
        schedule.begin();
        schedule.end(Duration::ZERO, false);
        assert_eq!(schedule.next(), None);
        let second = begin + Duration::from_secs(1);
        assert!(schedule.want(Reason::Refused, second));
        assert!(!schedule.want(Reason::Refused, second));
        assert_eq!(schedule.next(), Some(begin + REFUSALS));
        assert!(schedule.want(Reason::Moved, second));
        assert_eq!(schedule.next(), Some(second));
        schedule.begin();
        schedule.end(Duration::from_secs(60), false);
        assert!(schedule.want(Reason::Moved, second));
        assert!(schedule.next() >= Some(begin + REST * Duration::from_secs(60)));
        assert!(schedule.want(Reason::Asked, second));
        assert_eq!(schedule.next(), Some(second));
        schedule.begin();
        schedule.end(Duration::ZERO, true);
        assert!(schedule.next() >= Some(begin + RETRY), "who waits is served when nobody writes");
    }
}
