//! One wait for the data connection, the client and the clock: a transfer needs no thread of its own, and ABOR, STAT, NOOP,
//! QUIT and a vanished client are seen at once.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::BorrowedFd;
use rustix::io::Errno;

use crate::copy::Error;
use crate::net::ending::Notice;
use crate::net::who::Who;

/// The door by which a transfer's client came in: how it is heard, and what it is told, while bytes move.
pub trait Doorway {
    /// Whose transfer it is.
    fn who(&self) -> &Who;

    /// Why and how soon the session must end; `None` as long as it may stay.
    fn notice(&self) -> Option<Notice>;
    /// Whether this side was shut down to ask the session to end.
    fn is_shut(&self) -> bool;

    /// What to wait for until the client says something.
    fn readiness(&self) -> (BorrowedFd<'_>, PollFlags);

    /// Whether something is there that no wait would tell of.
    fn holds_bytes(&mut self) -> bool;

    /// Takes in what the client has said, without waiting; false once it has said all. It fails if the connection broke.
    fn hear(&mut self) -> io::Result<bool>;

    /// Whether the client wants its transfer to end at once.
    fn aborts(&self) -> bool;

    /// Whether the client has said goodbye: that it says nothing more is no loss then.
    fn leaves(&self) -> bool;

    /// Says that the data connection is open.
    fn announce(&mut self) -> io::Result<()>;

    /// Answers what can be answered while bytes move.
    fn answer(&mut self, progress: Progress) -> io::Result<()>;
}

/// How far a transfer is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Bytes moved so far.
    pub bytes: u64,
    began: Instant,
}

/// How long a client is waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until its data connection is open, and then until its handshake is over.
    pub connect: Duration,
    /// Until the data connection moves again.
    pub stall: Duration,
}

/// Watches over one transfer.
pub struct Watch<'d> {
    door: &'d mut dyn Doorway,
    presence: Presence,
    loss: Loss,
    patience: Patience,
    progress: Progress,
    counter: &'d AtomicU64,
}

/// What is known of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// It may say something.
    Listening,
    /// Nothing more comes from it, and that is no reason to end: after QUIT, and if this side was shut down to ask the session
    /// to end.
    Silent,
    /// Its connection is gone; what it has sent on the other one is received until then.
    Gone(Instant),
}

/// What becomes of a transfer whose client is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// It ends at once.
    Ends,
    /// It goes on as long as something comes: the client may have closed both connections after its last byte.
    Drains,
}

/// How long to wait for each byte that a client sent before it closed both connections.
const LAST_BYTES: Duration = Duration::from_secs(2);
/// How long a data connection may outlive the client's other one, however much comes.
const MAX_DRAIN: Duration = Duration::from_secs(30);
/// A client that was killed has lost both connections by then, even if its machine is busy.
const LAST_LOOK: Duration = Duration::from_millis(1);
/// The same if its machine is very busy.
const LONG_LOOK: Duration = Duration::from_millis(250);
/// How long a notice may stay unseen by a transfer: it wakes nobody, since a client that is still heard is worth more.
const LOOK: Duration = Duration::from_secs(1);

/// What ended a wait.
pub enum Woken {
    /// The data connection is ready, or what it comes from.
    Data,
    /// The client has news, which [`Watch::attend`] takes.
    Client,
    /// The deadline is over.
    Clock,
}

impl Progress {
    /// How long it has taken so far.
    pub fn took(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.began)
    }
}

impl<'d> Watch<'d> {
    /// Begins to watch; the bytes that are moved are also added to `counter`, which nobody else changes.
    pub fn new(door: &'d mut dyn Doorway, patience: Patience, counter: &'d AtomicU64) -> Self {
        let progress = Progress { bytes: 0, began: Instant::now() };
        Self { door, presence: Presence::Listening, loss: Loss::Ends, patience, progress, counter }
    }

    /// Begins to watch over an upload: if its client is lost, what it sent before is received first; then
    /// [`Self::is_gone`] is true.
    pub fn of_upload(door: &'d mut dyn Doorway, patience: Patience, counter: &'d AtomicU64) -> Self {
        Self { loss: Loss::Drains, ..Self::new(door, patience, counter) }
    }

    /// Whether the client is lost.
    pub fn is_gone(&self) -> bool {
        matches!(self.presence, Presence::Gone(_))
    }

    fn is_listening(&self) -> bool {
        self.presence == Presence::Listening
    }

    /// Whose transfer it is.
    pub fn who(&self) -> &Who {
        self.door.who()
    }

    /// How long the client is waited for.
    pub fn patience(&self) -> Patience {
        self.patience
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Counts bytes as moved.
    pub fn count(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(0);
        self.progress.bytes += bytes;
        self.counter.store(self.counter.load(Ordering::Relaxed) + bytes, Ordering::Relaxed);
    }

    /// Tells the client that the data connection is open.
    pub fn announce(&mut self) -> Result<(), Error> {
        if self.is_gone() {
            return Ok(());
        }
        self.door.announce().or_else(|_| self.lose())
    }

    /// Waits until the data connection is ready for `events`; [`Error::Stalled`] if it is not in time.
    pub fn ready(&mut self, data: BorrowedFd, events: PollFlags) -> Result<(), Error> {
        self.ready_by(data, events, Instant::now() + self.patience.stall)
    }

    /// The same with another end than the transfer's patience.
    pub fn ready_by(&mut self, data: BorrowedFd, events: PollFlags, deadline: Instant) -> Result<(), Error> {
        loop {
            match self.wait(Some((data, events)), deadline)? {
                Woken::Data => return Ok(()),
                Woken::Client => self.attend()?,
                Woken::Clock => return Err(Error::Stalled),
            }
        }
    }

    /// Waits without the data connection, to keep to a rate.
    pub fn pause(&mut self, duration: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + duration;
        loop {
            match self.wait(None, deadline)? {
                Woken::Data | Woken::Clock => return Ok(()),
                Woken::Client => self.attend()?,
            }
        }
    }

    /// Listens to the client for a last moment before something is done that can't be undone: of a client that is killed
    /// the kernel closes the data connection first, in good order, and the other one a little later. If that end is
    /// `doubtful` already, the moment is longer.
    pub fn last_look(&mut self, doubtful: bool) -> Result<(), Error> {
        if self.is_gone() {
            return Ok(());
        }
        self.pause(if doubtful { LONG_LOOK } else { LAST_LOOK })
    }

    /// Takes in what the client has said meanwhile and answers it, without waiting. [`Error::Aborted`] if it wants the end,
    /// [`Error::Vanished`] if it is gone, [`Error::Ended`] if the session is asked to end and the transfer has no time left.
    pub fn attend(&mut self) -> Result<(), Error> {
        self.hear()?;
        self.answer()
    }

    /// Answers what the client has said, as far as that can be done now.
    pub fn answer(&mut self) -> Result<(), Error> {
        if !self.is_gone() && self.door.answer(self.progress).is_err() {
            self.lose()?;
        }
        self.end_on_abort()
    }

    fn hear(&mut self) -> Result<(), Error> {
        self.end_on_notice(Instant::now())?;
        match self.presence {
            Presence::Listening => match self.door.hear() {
                Ok(true) => Ok(()),
                Ok(false) => self.end_of_words(),
                Err(_) => self.lose(),
            },
            Presence::Silent => Ok(()),
            Presence::Gone(until) if until <= Instant::now() => Err(Error::Vanished),
            Presence::Gone(_) => Ok(()),
        }
    }

    /// The client's connection broke.
    fn lose(&mut self) -> Result<(), Error> {
        match self.loss {
            Loss::Ends => Err(Error::Vanished),
            Loss::Drains => {
                // What came before that counts: ABOR, QUIT.
                let _ = self.door.hear();
                self.end_of_words()
            }
        }
    }

    /// The client has nothing more to say.
    fn end_of_words(&mut self) -> Result<(), Error> {
        self.end_on_abort()?;
        let is_fine = self.door.is_shut() || self.door.leaves();
        self.presence = match self.loss {
            _ if is_fine => Presence::Silent,
            Loss::Ends => return Err(Error::Vanished),
            Loss::Drains => Presence::Gone(Instant::now() + MAX_DRAIN),
        };
        Ok(())
    }

    /// Why nothing more comes by a connection that is this door's, too: the client has closed it, or it was shut to end the
    /// session.
    pub fn early_end(&self) -> Error {
        match self.door.notice().filter(|_| self.door.is_shut()) {
            Some(notice) => Error::Ended(notice.farewell),
            None => Error::Data(ErrorKind::UnexpectedEof.into()),
        }
    }

    fn end_on_notice(&self, now: Instant) -> Result<(), Error> {
        match self.door.notice() {
            Some(Notice { farewell, grace }) if grace.is_over(now) => Err(Error::Ended(farewell)),
            _ => Ok(()),
        }
    }

    fn end_on_abort(&self) -> Result<(), Error> {
        if self.door.aborts() { Err(Error::Aborted) } else { Ok(()) }
    }

    /// Waits once: for the data connection if there is one, the client and the deadline. [`Error::Vanished`] if the client
    /// is gone, [`Error::Ended`] if the session is asked to end and the transfer has no time left.
    pub fn wait(&mut self, data: Option<(BorrowedFd, PollFlags)>, deadline: Instant) -> Result<Woken, Error> {
        // What is decrypted already does not wake a poll.
        if self.is_listening() && self.door.holds_bytes() {
            return Ok(Woken::Client);
        }
        let (now, has_data) = (Instant::now(), data.is_some());
        let left = self.end_of_wait(deadline, now)?.saturating_duration_since(now);
        let looks_again = !self.is_gone() && left > LOOK;
        let left = if looks_again { LOOK } else { left };
        let (client, data) = match self.poll(data, left) {
            // A signal: as if the client had said something, which costs one look.
            Err(Errno::INTR) => return Ok(Woken::Client),
            seen => seen.map_err(|error| Error::Data(error.into()))?,
        };
        if client.intersects(PollFlags::HUP | PollFlags::ERR) {
            return self.lose().map(|()| Woken::Client);
        }
        match (client.is_empty(), data.is_empty()) {
            // A client that keeps talking does not put the end off.
            (false, true) if left.is_zero() => self.out_of_time(has_data),
            (false, _) => Ok(Woken::Client),
            (true, false) => Ok(Woken::Data),
            (true, true) if looks_again => Ok(Woken::Client),
            (true, true) => self.out_of_time(has_data),
        }
    }

    /// The deadline, or an earlier end that a notice or a lost client sets.
    fn end_of_wait(&self, deadline: Instant, now: Instant) -> Result<Instant, Error> {
        let deadline = match self.presence {
            Presence::Gone(until) if until <= now => return Err(Error::Vanished),
            Presence::Gone(until) => deadline.min(until).min(now + LAST_BYTES),
            Presence::Listening | Presence::Silent => deadline,
        };
        Ok(self.door.notice().map_or(deadline, |notice| notice.grace.cut(deadline, now)))
    }

    /// What shows within this time: of the client, if it may say something, and of the data connection, if there is one.
    fn poll(
        &self,
        data: Option<(BorrowedFd, PollFlags)>,
        left: Duration,
    ) -> rustix::io::Result<(PollFlags, PollFlags)> {
        let (client, words) = self.door.readiness();
        let (socket, events) = data.unwrap_or((client, PollFlags::empty()));
        let mut fds = [PollFd::from_borrowed_fd(client, words), PollFd::from_borrowed_fd(socket, events)];
        let watched = match (self.is_listening(), data.is_some()) {
            (true, true) => &mut fds[..],
            (true, false) => &mut fds[..1],
            (false, true) => &mut fds[1..],
            (false, false) => &mut fds[..0],
        };
        rustix::event::poll(watched, Timespec::try_from(left).ok().as_ref())?;
        Ok((fds[0].revents(), fds[1].revents()))
    }

    fn out_of_time(&self, has_data: bool) -> Result<Woken, Error> {
        self.end_on_notice(Instant::now())?;
        if self.is_gone() && has_data { Err(Error::Vanished) } else { Ok(Woken::Clock) }
    }
}
