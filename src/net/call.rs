//! A data connection that the server opens to its client (PORT, EPRT).

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::net::source_port::SourcePort;
use crate::net::stream::Stream;
use crate::sys::sockets;
use crate::sys::ticker::Ticker;

/// The address to dial, and the one to dial from.
#[derive(Debug)]
pub struct Call {
    /// The client's end.
    pub to: SocketAddr,
    /// The server's end of the control connection.
    pub from: SocketAddr,
    /// The port to connect from, if `data_port` names one.
    pub source: Option<Arc<SourcePort>>,
}

/// A call that is not answered yet.
#[derive(Debug)]
pub struct Dialling {
    call: Call,
    wait: Wait,
}

#[derive(Debug)]
enum Wait {
    /// For the client's answer.
    Answer(OwnedFd),
    /// A connection has the same two ports, or had them a moment ago: tried again at each tick, this number of times.
    Turn(Ticker, u32),
}

/// Another session's transfer may end soon, and a connection that the client has closed is forgotten after a round trip.
/// Linux reuses the ports of one in TIME_WAIT at once if both ends have TCP timestamps, else after a minute: too long to wait.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_millis(100);

impl Call {
    /// Dials the client.
    pub fn dial(self) -> io::Result<Dialling> {
        let wait = match self.connect() {
            Ok(socket) => Wait::Answer(socket),
            Err(error) if self.is_too_early(&error) => Wait::Turn(Ticker::every(PAUSE)?, TRIES),
            Err(error) => return Err(error),
        };
        Ok(Dialling { call: self, wait })
    }

    fn connect(&self) -> io::Result<OwnedFd> {
        let mut to = self.to;
        if let (SocketAddr::V6(to), SocketAddr::V6(from)) = (&mut to, &self.from) {
            // EPRT names no scope; a link-local address is on the link of the control connection.
            to.set_scope_id(from.scope_id());
        }
        let socket = self.socket()?;
        match rustix::net::connect(&socket, &to) {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
            Err(error) => Err(error.into()),
        }
    }

    /// A socket at the address of the control connection, if the client is dialled in the same family.
    fn socket(&self) -> io::Result<OwnedFd> {
        let same = self.from.is_ipv4() == self.to.is_ipv4();
        if let Some(source) = &self.source {
            return source.socket(if same { self.from } else { unspecified(self.to) });
        }
        let family = if self.to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        if same {
            let mut from = self.from;
            from.set_port(0);
            sockets::leave_port_to_connect(&socket);
            rustix::net::bind(&socket, &from)?;
        }
        Ok(socket)
    }

    #[cold]
    fn again(&self, ticker: Ticker, left: u32) -> io::Result<Wait> {
        if !ticker.has_ticked() {
            return Ok(Wait::Turn(ticker, left));
        }
        match self.connect() {
            Ok(socket) => Ok(Wait::Answer(socket)),
            Err(error) if self.is_too_early(&error) && left > 0 => Ok(Wait::Turn(ticker, left - 1)),
            Err(error) => Err(error),
        }
    }

    fn is_too_early(&self, error: &io::Error) -> bool {
        self.source.is_some() && error.kind() == ErrorKind::AddrNotAvailable
    }
}

impl Dialling {
    /// The connection, if the client has answered by now; it fails if the client refuses.
    pub fn poll(self) -> io::Result<ControlFlow<Stream, Self>> {
        let wait = match self.wait {
            Wait::Answer(socket) => {
                sockopt::socket_error(&socket)??;
                // Connected, or not yet: only a connected socket has a peer.
                match rustix::net::getpeername(&socket) {
                    Ok(_) => return Ok(ControlFlow::Break(Stream::Plain(socket.into()))),
                    Err(Errno::NOTCONN) => Wait::Answer(socket),
                    Err(error) => return Err(error.into()),
                }
            }
            Wait::Turn(ticker, left) => self.call.again(ticker, left)?,
        };
        Ok(ControlFlow::Continue(Self { wait, ..self }))
    }

    /// What to wait for before the next [`Self::poll`].
    pub fn readiness(&self) -> (BorrowedFd<'_>, PollFlags) {
        match &self.wait {
            Wait::Answer(socket) => (socket.as_fd(), PollFlags::OUT),
            Wait::Turn(ticker, _) => (ticker.as_fd(), PollFlags::IN),
        }
    }

    /// The address that is dialled.
    pub fn to(&self) -> SocketAddr {
        self.call.to
    }
}

fn unspecified(like: SocketAddr) -> SocketAddr {
    match like {
        SocketAddr::V4(_) => (std::net::Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}
