//! One wait for the data connection, the control connection and the clock: a transfer needs no thread of its own, and
//! ABOR, STAT, NOOP, QUIT and a vanished client are seen at once.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

use crate::copy::Error;
use crate::copy::heartbeat::Heartbeat;
use crate::net::control::{Control, Received};
use crate::net::who::Who;
use crate::protocol::command::{Command, FileCommand};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;

/// Watches over one transfer.
pub struct Watch<'a> {
    control: &'a mut Control,
    presence: Presence,
    loss: Loss,
    /// How long the data connection may stand still.
    patience: Duration,
    started: Instant,
    bytes: u64,
}

/// What is known of the client on the control connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    /// It may say something.
    Listening,
    /// It has said all, and that is no reason to end: after QUIT, and when the server itself shut this side down.
    Silent,
    /// The connection is gone; what the client has sent on the other one is taken in until then.
    Gone(Instant),
}

/// What becomes of a transfer whose control connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// It ends at once.
    Ends,
    /// It goes on as long as something comes: the client may have closed both connections after its last byte.
    Drains,
}

/// What a client sent before it closed both connections is on its way for no longer than this without a byte that comes.
const LAST_BYTES: Duration = Duration::from_secs(2);
/// How long a data connection may outlive its control connection, however much comes.
const MAX_DRAIN: Duration = Duration::from_secs(30);
/// A client that was killed has lost both connections by then, even if its machine is busy.
const LAST_LOOK: Duration = Duration::from_millis(1);
/// Even if its machine is very busy.
const LONG_LOOK: Duration = Duration::from_millis(250);

/// What ended a wait.
pub enum Woken {
    /// The data connection is ready, or what it comes from.
    Data,
    /// The control connection has news, which [`Watch::attend`] takes.
    Control,
    /// The deadline is over.
    Clock,
}

impl<'a> Watch<'a> {
    /// Begins to watch, with the time that may pass without a byte.
    pub fn new(control: &'a mut Control, patience: Duration) -> Self {
        let (presence, loss) = (Presence::Listening, Loss::Ends);
        Self { control, presence, loss, patience, started: Instant::now(), bytes: 0 }
    }

    /// The same for an upload: if the control connection is lost, what the client has sent before is taken in first, and
    /// [`Self::is_gone`] tells.
    pub fn of_upload(control: &'a mut Control, patience: Duration) -> Self {
        Self { loss: Loss::Drains, ..Self::new(control, patience) }
    }

    /// True once the control connection is lost.
    pub fn is_gone(&self) -> bool {
        matches!(self.presence, Presence::Gone(_))
    }

    fn is_listening(&self) -> bool {
        self.presence == Presence::Listening
    }

    /// Who the transfer belongs to.
    pub fn who(&self) -> &Who {
        &self.control.who
    }

    /// Bytes moved so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Time since the transfer began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Counts bytes as moved.
    pub fn count(&mut self, bytes: usize) {
        self.bytes += u64::try_from(bytes).unwrap_or(0);
    }

    /// Sends a preliminary reply.
    ///
    /// # Errors
    /// [`Error::Vanished`]
    pub fn send(&mut self, reply: &Reply) -> Result<(), Error> {
        if self.is_gone() {
            return Ok(());
        }
        self.control.send(reply).or_else(|_| self.lose())
    }

    /// For work without a data connection whose answer is under way: ABOR and a lost client end it, all else waits.
    ///
    /// # Errors
    /// As [`Self::attend`].
    pub fn heed(&mut self, heartbeat: &mut Heartbeat) -> Result<(), Error> {
        self.receive()?;
        self.end_on_abort()?;
        heartbeat.beat(self.control, Instant::now()).map_err(|_| Error::Vanished)
    }

    /// Waits until the data connection is ready for `events`.
    ///
    /// # Errors
    /// [`Error::Stalled`] when it is not in time; what the client or the server's end asks for meanwhile.
    pub fn ready(&mut self, data: BorrowedFd, events: PollFlags) -> Result<(), Error> {
        self.ready_by(data, events, Instant::now() + self.patience)
    }

    /// The same, with another end than the transfer's patience.
    ///
    /// # Errors
    /// As [`Self::ready`].
    pub fn ready_by(&mut self, data: BorrowedFd, events: PollFlags, deadline: Instant) -> Result<(), Error> {
        loop {
            match self.wait(Some((data, events)), deadline)? {
                Woken::Data => return Ok(()),
                Woken::Control => self.attend()?,
                Woken::Clock => return Err(Error::Stalled),
            }
        }
    }

    /// Waits without the data connection, to keep to a rate.
    ///
    /// # Errors
    /// What the client or the server's end asks for meanwhile.
    pub fn pause(&mut self, duration: Duration) -> Result<(), Error> {
        let deadline = Instant::now() + duration;
        loop {
            match self.wait(None, deadline)? {
                Woken::Data | Woken::Clock => return Ok(()),
                Woken::Control => self.attend()?,
            }
        }
    }

    /// Looks at the control connection for a last moment before something is done that can't be undone: of a client
    /// that is killed the kernel closes the data connection first, in good order, and this one a little later. Where that
    /// end is `doubtful` already, the look is longer.
    ///
    /// # Errors
    /// As [`Self::attend`].
    pub fn last_look(&mut self, doubtful: bool) -> Result<(), Error> {
        if self.is_gone() {
            return Ok(());
        }
        self.pause(if doubtful { LONG_LOOK } else { LAST_LOOK })
    }

    /// Answers what the client has sent meanwhile, without waiting.
    ///
    /// # Errors
    /// [`Error::Aborted`] on ABOR, [`Error::Vanished`] when the control connection is gone, [`Error::Stopping`] when the
    /// server's grace is over.
    pub fn attend(&mut self) -> Result<(), Error> {
        if self.receive()? { self.answer_waiting() } else { Ok(()) }
    }

    /// True where something new has come.
    fn receive(&mut self) -> Result<bool, Error> {
        if self.control.stop_asked().is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(Error::Stopping);
        }
        match self.presence {
            Presence::Listening => {}
            Presence::Silent => return Ok(false),
            Presence::Gone(until) => return if until <= Instant::now() { Err(Error::Vanished) } else { Ok(false) },
        }
        match self.control.receive_waiting() {
            Ok(Received::Nothing) => Ok(false),
            Ok(Received::Bytes) => Ok(true),
            Ok(Received::End) => self.end_of_control().map(|()| true),
            Err(_) => self.lose().map(|()| true),
        }
    }

    /// The control connection broke.
    fn lose(&mut self) -> Result<(), Error> {
        match self.loss {
            Loss::Ends => Err(Error::Vanished),
            Loss::Drains => {
                // What came before that counts: ABOR, QUIT.
                let _ = self.control.receive_waiting();
                self.end_of_control()
            }
        }
    }

    /// The client has nothing more to say.
    fn end_of_control(&mut self) -> Result<(), Error> {
        self.end_on_abort()?;
        let leaving = |line: &[u8]| Request::parse(line).command == Ok(Command::Quit);
        let is_fine = self.control.stop_asked().is_some() || self.control.waiting().any(leaving);
        self.presence = match self.loss {
            _ if is_fine => Presence::Silent,
            Loss::Ends => return Err(Error::Vanished),
            Loss::Drains => Presence::Gone(Instant::now() + MAX_DRAIN),
        };
        Ok(())
    }

    /// Answers what has arrived: NOOP and STAT as long as no other command waits before them; ABOR counts wherever it
    /// waits.
    ///
    /// # Errors
    /// [`Error::Aborted`] on ABOR.
    pub fn answer_waiting(&mut self) -> Result<(), Error> {
        loop {
            let reply = match self.control.waiting().next().map(|line| Request::parse(line).command) {
                Some(Ok(Command::Noop)) => Reply::new(200, "Still transferring."),
                Some(Ok(Command::Stat)) => self.status(),
                _ => break,
            };
            self.control.skip();
            self.send(&reply)?;
        }
        self.end_on_abort()
    }

    fn end_on_abort(&self) -> Result<(), Error> {
        let abort = |line: &[u8]| Request::parse(line).command == Ok(Command::File(FileCommand::Abor));
        if self.control.waiting().any(abort) { Err(Error::Aborted) } else { Ok(()) }
    }

    fn status(&self) -> Reply {
        let line = format!("{} bytes in {:.1} s", self.bytes, self.started.elapsed().as_secs_f64());
        Reply::lines(211, "Transfer in progress:", vec![line.into_bytes()], "End of status.")
    }

    /// Waits once: for the data connection where there is one, the control connection and the deadline.
    ///
    /// # Errors
    /// [`Error::Vanished`] when the control connection is gone, [`Error::Stopping`] when the server's grace is over.
    pub fn wait(&mut self, data: Option<(BorrowedFd, PollFlags)>, deadline: Instant) -> Result<Woken, Error> {
        // What is decrypted already does not wake anybody.
        if self.is_listening() && self.control.holds_bytes() {
            return Ok(Woken::Control);
        }
        let (stop, alone, now) = (self.control.stop_asked(), data.is_none(), Instant::now());
        let deadline = match self.presence {
            Presence::Gone(until) if until <= now => return Err(Error::Vanished),
            Presence::Gone(until) => deadline.min(until).min(now + LAST_BYTES),
            Presence::Listening | Presence::Silent => deadline,
        };
        let end = stop.map_or(deadline, |stop| stop.min(deadline));
        let left = end.saturating_duration_since(now);
        let timeout = Timespec::try_from(left).ok();
        let control = if self.control.has_room() { PollFlags::IN | PollFlags::RDHUP } else { PollFlags::empty() };
        let (data, events) = data.unwrap_or((self.control.as_fd(), PollFlags::empty()));
        let mut fds = [PollFd::new(&*self.control, control), PollFd::from_borrowed_fd(data, events)];
        // Without a data connection, or without anything more to hear, the other one is watched alone.
        let watched = match (self.is_listening(), alone) {
            (true, true) => &mut fds[..1],
            (true, false) => &mut fds[..],
            (false, true) => &mut fds[..0],
            (false, false) => &mut fds[1..],
        };
        match rustix::event::poll(watched, timeout.as_ref()) {
            Ok(0) if stop.is_some_and(|stop| stop <= Instant::now()) => Err(Error::Stopping),
            Ok(0) if self.is_gone() && !alone => Err(Error::Vanished),
            Ok(0) => Ok(Woken::Clock),
            Ok(_) if self.is_listening() && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR) => {
                self.lose().map(|()| Woken::Control)
            }
            // Whoever keeps talking on the control connection does not put the end off.
            Ok(_) if left.is_zero() && (alone || fds[1].revents().is_empty()) => Ok(Woken::Clock),
            Ok(_) if self.is_listening() && !fds[0].revents().is_empty() => Ok(Woken::Control),
            Ok(_) => Ok(Woken::Data),
            // A signal: as if the control connection had woken up, which costs one look at it.
            Err(Errno::INTR) => Ok(Woken::Control),
            Err(error) => Err(Error::Data(error.into())),
        }
    }
}
