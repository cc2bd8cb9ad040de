//! What a client says, and is told, over its control connection while its transfer or checksum is under way.

use std::io;
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd};

use crate::copy::watch::{Doorway, Progress};
use crate::net::control::Control;
use crate::net::ending::Notice;
use crate::net::who::Who;
use crate::protocol::command::{Command, FileCommand};
use crate::protocol::reply::Reply;
use crate::protocol::request::Request;
use crate::session::heartbeat::Heartbeat;

/// A control connection with an ear for ABOR, STAT, NOOP and QUIT.
pub(super) struct Attention<'a> {
    pub control: &'a mut Control,
    pub says: Says<'a>,
}

/// What the client is told meanwhile.
pub(super) enum Says<'a> {
    /// This reply once the data connection is open, then the answers to NOOP and STAT.
    Preliminary(&'a Reply),
    /// Only lines of the answer that is under way; everything else waits.
    Lines(&'a mut Heartbeat),
}

impl Attention<'_> {
    /// NOOP and STAT, as long as no other command waits before them.
    fn answer_commands(&mut self, progress: Progress) -> io::Result<()> {
        loop {
            let reply = match self.control.waiting().next().map(|line| Request::parse(line).command) {
                Some(Ok(Command::Noop)) => Reply::new(200, "Still transferring."),
                Some(Ok(Command::Stat)) => status(progress),
                _ => return Ok(()),
            };
            self.control.skip();
            self.control.send(&reply)?;
        }
    }

    /// Whether this command waits, whatever waits before it.
    fn has(&self, command: &Command) -> bool {
        self.control.waiting().any(|line| Request::parse(line).command.as_ref() == Ok(command))
    }
}

impl Doorway for Attention<'_> {
    fn who(&self) -> &Who {
        &self.control.who
    }

    fn notice(&self) -> Option<Notice> {
        self.control.notice()
    }

    fn is_shut(&self) -> bool {
        self.control.is_shut()
    }

    fn readiness(&self) -> (BorrowedFd<'_>, PollFlags) {
        let events = if self.control.has_room() { PollFlags::IN | PollFlags::RDHUP } else { PollFlags::empty() };
        (self.control.as_fd(), events)
    }

    fn holds_bytes(&mut self) -> bool {
        self.control.holds_bytes()
    }

    fn hear(&mut self) -> io::Result<bool> {
        self.control.receive_waiting()
    }

    fn aborts(&self) -> bool {
        self.has(&Command::File(FileCommand::Abor))
    }

    fn leaves(&self) -> bool {
        self.has(&Command::Quit)
    }

    fn announce(&mut self) -> io::Result<()> {
        match self.says {
            Says::Preliminary(reply) => self.control.send(reply),
            Says::Lines(_) => Ok(()),
        }
    }

    fn answer(&mut self, progress: Progress) -> io::Result<()> {
        match &mut self.says {
            Says::Preliminary(_) => self.answer_commands(progress),
            Says::Lines(heartbeat) => heartbeat.beat(self.control, Instant::now()),
        }
    }
}

fn status(progress: Progress) -> Reply {
    let line = format!("{} bytes in {:.1} s", progress.bytes, progress.took(Instant::now()).as_secs_f64());
    Reply::lines(211, "Transfer in progress:", [line], "End of status.")
}
