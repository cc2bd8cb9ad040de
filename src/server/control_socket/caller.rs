//! A client of the local socket: a line in, a line out. The server never waits for it.

use std::io::{ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError};
use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd};

use crate::control::answer;
use crate::control::request::ControlRequest;
use crate::server::control_socket::desk::{Answered, Desk};
use crate::sys::local_socket::LocalStream;

/// A client, and what is between it and the server.
pub struct Caller {
    stream: LocalStream,
    input: Vec<u8>,
    output: Vec<u8>,
    /// An answer that takes a while.
    coming: Option<Receiver<String>>,
    /// When it connected, or made its last request.
    heard: Instant,
    /// When it last took something of an answer, or the answer was ready.
    took: Instant,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It may ask.
    Open,
    /// It is told what is wrong, and then dropped.
    Leaving,
    /// It has gone.
    Gone,
}

/// The longest request.
const MAX_LINE: usize = 64 * 1024;
/// How long a client may say nothing.
const SILENCE: Duration = Duration::from_secs(300);
/// How long a client may take nothing of its answer.
const PATIENCE: Duration = Duration::from_secs(10);

impl Caller {
    /// One that has just come.
    pub fn new(stream: LocalStream, now: Instant) -> Caller {
        let (input, output) = (Vec::new(), Vec::new());
        Caller { stream, input, output, coming: None, heard: now, took: now, state: State::Open }
    }

    /// What to wait for; a hang-up is seen in any case.
    pub fn interest(&self) -> PollFlags {
        match (self.output.is_empty(), &self.coming) {
            (false, _) => PollFlags::OUT,
            (true, Some(_)) => PollFlags::empty(),
            (true, None) => PollFlags::IN,
        }
    }

    /// When to look at it again even if it does nothing.
    pub fn deadline(&self, now: Instant) -> Instant {
        match (self.output.is_empty(), &self.coming) {
            (false, _) => self.took + PATIENCE,
            (true, Some(_)) => now + SILENCE,
            (true, None) if self.line_end().is_some() => now,
            (true, None) => self.heard + SILENCE,
        }
    }

    /// Whether it is still here.
    pub fn is_here(&self) -> bool {
        self.state != State::Gone
    }

    /// Since when it has made no request.
    pub fn silent_since(&self) -> Instant {
        self.heard
    }

    /// Notes that it has hung up. What it asked for is not done any more: it has given up, perhaps long ago.
    pub fn note_hangup(&mut self, gone: bool) {
        if gone {
            self.state = State::Gone;
        }
    }

    /// Says that the server has stopped, as far as that can be done without a wait.
    pub fn say_goodbye(&mut self, now: Instant) {
        if self.state == State::Open && self.output.is_empty() {
            self.say(answer::refusal(answer::GOODBYE), now);
            self.write(now);
        }
    }

    /// Goes on as far as that can be done without a wait, but for one request at most.
    pub fn advance(&mut self, desk: &mut Desk, now: Instant) {
        if self.state == State::Gone {
            return;
        }
        self.take_answer(now);
        if self.output.is_empty() && self.coming.is_none() && self.state == State::Open {
            self.read();
            self.ask(desk, now);
        }
        self.write(now);
        if self.deadline(now) < now {
            self.state = State::Gone;
        }
    }

    fn take_answer(&mut self, now: Instant) {
        match self.coming.as_ref().map(Receiver::try_recv) {
            Some(Ok(line)) => self.say(line, now),
            Some(Err(TryRecvError::Disconnected)) => self.say(answer::refusal("the server is stopping"), now),
            Some(Err(TryRecvError::Empty)) | None => {}
        }
    }

    fn say(&mut self, line: String, now: Instant) {
        self.coming = None;
        self.output = line.into_bytes();
        self.took = now;
    }

    fn read(&mut self) {
        if self.line_end().is_some() {
            return;
        }
        let mut bytes = [0; 4096];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.state = State::Gone,
            Ok(read) => self.input.extend_from_slice(&bytes[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.state = State::Gone,
        }
    }

    fn line_end(&self) -> Option<usize> {
        self.input.iter().position(|byte| *byte == b'\n')
    }

    /// Hands the request of the first line to the desk.
    fn ask(&mut self, desk: &mut Desk, now: Instant) {
        let Some(end) = self.line_end() else {
            if self.input.len() > MAX_LINE {
                self.dismiss("the line is too long", now);
            }
            return;
        };
        let line: Vec<u8> = self.input.drain(..=end).collect();
        match ControlRequest::read(&line) {
            Ok(request) => {
                self.heard = now;
                match desk.answer(request, now) {
                    Answered::Now(line) => self.say(line, now),
                    Answered::Later(coming) => self.coming = Some(coming),
                }
            }
            Err(reason) => self.dismiss(&reason, now),
        }
    }

    fn dismiss(&mut self, reason: &str, now: Instant) {
        self.state = State::Leaving;
        self.input = Vec::new();
        self.say(answer::refusal(reason), now);
    }

    fn write(&mut self, now: Instant) {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(written) => {
                    self.output.drain(..written);
                    self.took = now;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.state = State::Gone;
                    return;
                }
            }
        }
        self.output = Vec::new();
        if self.state == State::Leaving {
            self.state = State::Gone;
        }
    }
}

impl AsFd for Caller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}
