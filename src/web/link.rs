//! One connection of the web: requests in, answers out, each wait with its end.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::RecvFlags;

use crate::copy::Error;
use crate::copy::connection;
use crate::copy::pace::Throttle;
use crate::copy::same_socket::SameSocket;
use crate::copy::transfer::Transfer;
use crate::copy::watch::{Patience, Progress, Watch};
use crate::net::connected::Connected;
use crate::net::ending::{Ending, Notice};
use crate::net::stream::Stream;
use crate::net::tls::Tls;
use crate::net::who::Who;
use crate::protocol::http::date::DateText;
use crate::protocol::http::error::HttpError;
use crate::protocol::http::head::{Head, HeadReader};

/// A client's connection.
pub struct Link {
    socket: Arc<TcpStream>,
    stream: Stream,
    pub ending: Arc<Ending>,
    /// What came and is not taken yet.
    pub input: Vec<u8>,
    reader: HeadReader,
    patience: Patience,
    /// What the answers say that it is.
    pub date: DateText,
    /// The client.
    pub who: Who,
}

/// Why no request comes.
#[derive(Debug)]
pub enum NoRequest {
    /// The client closed the connection, or it broke.
    Gone,
    /// Nothing came in time.
    Late,
    /// The connection is asked to end.
    Asked(Notice),
    /// What came is none.
    Malformed(HttpError),
}

/// Room for a head that comes in one piece, as nearly all do.
const USUAL_HEAD: usize = 2 << 10;
/// How long a client may take for its handshake or a head.
pub const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// The first byte of a TLS record that begins a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;
/// How much of what a client still sends is taken after the last answer, and for how long: a reset could take the answer away.
const MAX_UNREAD: usize = 256 << 10;
pub const LINGER: Duration = Duration::from_secs(1);

impl Link {
    /// Takes over an accepted connection; a client that stops for `stall` in the middle of something is left.
    pub fn new(socket: Arc<TcpStream>, ending: Arc<Ending>, who: Who, stall: Duration) -> io::Result<Self> {
        let stream = Stream::shared(Arc::clone(&socket))?;
        let patience = Patience { connect: HEAD_PATIENCE, stall };
        Ok(Self {
            socket,
            stream,
            ending,
            input: Vec::new(),
            reader: HeadReader::default(),
            patience,
            date: DateText::default(),
            who,
        })
    }

    /// Whether the connection is under TLS.
    pub fn is_secured(&self) -> bool {
        !self.stream.is_plain()
    }

    /// Begins TLS if the client does. To be called when the first byte is there.
    pub fn begin(&mut self, tls: Option<&Arc<Tls>>) -> Result<(), Error> {
        let Some(tls) = tls else { return Ok(()) };
        let mut first = [0];
        let peeked = rustix::net::recv(&self.socket, &mut first[..], RecvFlags::PEEK);
        let (Ok((1, _)), [TLS_HANDSHAKE]) = (peeked, first) else { return Ok(()) };
        let plain = Stream::Plain(Connected::Shared(Arc::clone(&self.socket)));
        self.stream = plain.protect(&tls.accept_web()).map_err(Error::Handshake)?;
        let counter = AtomicU64::new(0);
        let mut here = SameSocket { who: &self.who, ending: &self.ending, socket: &self.socket };
        let mut watch = Watch::new(&mut here, self.patience, &counter);
        connection::shake_hands(&mut self.stream, &mut watch)
    }

    /// Whether a part of the next request is there already.
    pub fn has_input(&mut self) -> bool {
        !self.input.is_empty() || self.stream.holds_bytes()
    }

    /// Gives back the memory that only a request needs.
    pub fn rest(&mut self) {
        self.input = Vec::new();
        self.stream.rest();
    }

    /// The port that the client connected to.
    pub fn port(&self) -> u16 {
        self.socket.local_addr().map_or(0, |address| address.port())
    }

    /// Takes the body of a request, which is no longer than what is fit for memory, and must be whole in time.
    pub fn take_body(&mut self, length: usize, patience: Duration) -> Result<Vec<u8>, NoRequest> {
        let deadline = Instant::now() + patience;
        while self.input.len() < length {
            self.receive(length - self.input.len(), deadline)?;
        }
        let rest = self.input.split_off(length);
        Ok(mem::replace(&mut self.input, rest))
    }

    /// Waits for the first byte of the next request.
    pub fn wait(&self, patience: Duration) -> Result<(), NoRequest> {
        match self.poll(PollFlags::IN, patience) {
            true => Ok(()),
            false => Err(self.ending.notice().map_or(NoRequest::Late, NoRequest::Asked)),
        }
    }

    /// The next head, which must be whole in time.
    pub fn head(&mut self) -> Result<Head, NoRequest> {
        let deadline = Instant::now() + HEAD_PATIENCE;
        loop {
            if let Some((head, length)) = self.reader.read(&self.input).map_err(NoRequest::Malformed)? {
                self.input.drain(..length);
                return Ok(head);
            }
            self.receive(USUAL_HEAD, deadline)?;
        }
    }

    /// Receives what has come, or what comes before the deadline.
    fn receive(&mut self, room: usize, deadline: Instant) -> Result<(), NoRequest> {
        self.input.reserve(room);
        loop {
            match self.stream.receive(&mut self.input) {
                Ok(0) => return Err(self.ending.notice().map_or(NoRequest::Gone, NoRequest::Asked)),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() || !self.poll(PollFlags::IN, left) {
                        return Err(NoRequest::Late);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(NoRequest::Gone),
            }
        }
    }

    /// Moves bytes over the connection with an ear for its end.
    pub fn transfer<T>(
        &mut self,
        throttle: &mut Throttle,
        counter: &AtomicU64,
        work: impl FnOnce(&mut Transfer, &mut Vec<u8>) -> Result<T, Error>,
    ) -> (Result<T, Error>, Progress) {
        let mut here = SameSocket { who: &self.who, ending: &self.ending, socket: &self.socket };
        let mut watch = Watch::of_upload(&mut here, self.patience, counter);
        let result = work(&mut Transfer::new(&mut self.stream, &mut watch, throttle), &mut self.input);
        (result, watch.progress())
    }

    /// Sends an answer as it is.
    pub fn send(&mut self, answer: &[u8]) -> Result<(), Error> {
        let counter = AtomicU64::new(0);
        self.transfer(&mut Throttle::default(), &counter, |transfer, _| transfer.send_head(answer)).0
    }

    /// Waits without reading. Ends early when the client is gone or the connection is asked to end.
    pub fn pause(&self, duration: Duration) {
        let deadline = Instant::now() + duration;
        // RDHUP shows half a close, or that the connection is asked to end. After half a close only the whole one ends the wait.
        for events in [PollFlags::RDHUP, PollFlags::empty()] {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.ending.is_asked() || !self.poll(events, left) {
                return;
            }
        }
    }

    /// Ends the connection in a way that lets the last answer arrive: bytes left unread would reset it.
    pub fn close(&mut self) {
        if self.stream.finish().is_err() || self.socket.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let (deadline, mut taken) = (Instant::now() + LINGER, 0);
        while taken < MAX_UNREAD && Instant::now() < deadline {
            match self.stream.discard() {
                Ok(0) => return,
                Ok(more) => taken += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if !self.poll(PollFlags::IN, deadline.saturating_duration_since(Instant::now())) {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Whether something shows within this time.
    fn poll(&self, events: PollFlags, patience: Duration) -> bool {
        let mut fds = [PollFd::new(&self.socket, events)];
        let timeout = Timespec::try_from(patience).ok();
        loop {
            match rustix::event::poll(&mut fds, timeout.as_ref()) {
                Err(rustix::io::Errno::INTR) => {}
                woken => return woken.is_ok_and(|woken| woken > 0),
            }
        }
    }
}
