//! Where the next data connection comes from, or goes to: opened once, by the transfer command.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::net::passive::Lease;
use crate::net::stream::Stream;
use crate::net::who::Who;

/// What PASV, EPSV, PORT or EPRT agreed on.
#[derive(Debug)]
pub enum DataPort {
    /// The client connects to this listener.
    Passive(Lease),
    /// The server connects to this address, from the control connection's own one.
    Active {
        /// The client's end.
        to: SocketAddr,
        /// The server's end of the control connection.
        from: SocketAddr,
    },
}

/// A data connection that is being opened.
#[derive(Debug)]
pub enum Opening {
    /// Waits for a connection to the listener.
    Accepting(Lease),
    /// Waits for the client to answer; `None` once it has.
    Connecting(Option<OwnedFd>),
}

impl DataPort {
    /// Starts to open the connection.
    ///
    /// # Errors
    /// As the system says when the client can't be dialled.
    pub fn open(self) -> io::Result<Opening> {
        match self {
            Self::Passive(lease) => Ok(Opening::Accepting(lease)),
            Self::Active { to, from } => dial(to, from).map(|socket| Opening::Connecting(Some(socket))),
        }
    }
}

impl Opening {
    /// The connection, if it stands by now.
    ///
    /// # Errors
    /// As the system says when the client refuses it.
    pub fn poll(&mut self, who: &Who) -> io::Result<Option<Stream>> {
        match self {
            Self::Accepting(lease) => lease.poll(who),
            Self::Connecting(slot) => {
                let Some(socket) = slot.take() else { return Err(Errno::NOTCONN.into()) };
                sockopt::socket_error(&socket)??;
                // Connected, or not yet: only a connected socket has a peer.
                match rustix::net::getpeername(&socket) {
                    Ok(_) => Ok(Some(Stream::new(socket))),
                    Err(Errno::NOTCONN) => {
                        *slot = Some(socket);
                        Ok(None)
                    }
                    Err(error) => Err(error.into()),
                }
            }
        }
    }

    /// What to wait for before [`Self::poll`] is of use again.
    pub fn readiness(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Accepting(lease) => Some((lease.readiness(), PollFlags::IN)),
            Self::Connecting(socket) => Some((socket.as_ref()?.as_fd(), PollFlags::OUT)),
        }
    }

    /// The passive port that nobody connected to; `None` for an active connection.
    pub fn passive_port(&self) -> Option<u16> {
        match self {
            Self::Accepting(lease) => Some(lease.port()),
            Self::Connecting(_) => None,
        }
    }

    /// To be called when something else is done while the connection is waited for: sessions that share a passive port
    /// must not wait for this one. [`Self::poll`] comes first again.
    pub fn rest(&mut self) {
        match self {
            Self::Accepting(lease) => lease.rest(),
            Self::Connecting(_) => {}
        }
    }
}

fn dial(to: SocketAddr, mut from: SocketAddr) -> io::Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if from.is_ipv4() == to.is_ipv4() {
        from.set_port(0);
        rustix::net::bind(&socket, &from)?;
    }
    match rustix::net::connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}
