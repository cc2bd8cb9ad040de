//! A clock that a thread can wait for in `poll`.

use std::io;
use std::time::Duration;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};

/// Becomes readable at regular intervals.
#[derive(Debug)]
pub struct Ticker(OwnedFd);

impl Ticker {
    /// Ticks for the first time after one interval.
    pub fn every(interval: Duration) -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let ticker = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let interval = Timespec::try_from(interval).map_err(io::Error::other)?;
        let both = Itimerspec { it_interval: interval, it_value: interval };
        rustix::time::timerfd_settime(&ticker, TimerfdTimerFlags::empty(), &both)?;
        Ok(Self(ticker))
    }

    /// Whether it has ticked since it was asked last.
    pub fn has_ticked(&self) -> bool {
        rustix::io::read(&self.0, &mut [0; 8]).is_ok()
    }
}

impl AsFd for Ticker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
