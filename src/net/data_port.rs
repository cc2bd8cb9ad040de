//! Where the next data connection comes from, or goes to: opened once, by the transfer command.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use log::Level;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::net::passive::Lease;
use crate::net::stream::Stream;
use crate::net::tls::Protection;
use crate::net::who::{Who, canonical};

/// What PASV, EPSV, PORT or EPRT agreed on.
#[derive(Debug)]
pub enum DataPort {
    /// The client connects to this listener; from another address than its own only if `any_peer`.
    Passive {
        /// The listener.
        lease: Lease,
        /// Takes connections from any address.
        any_peer: bool,
    },
    /// The server connects to this address, from the control connection's own one.
    Active {
        /// The client's end.
        to: SocketAddr,
        /// The server's address.
        from: IpAddr,
    },
    /// The client connected and began to shake hands before its command.
    Early(Stream),
}

/// A data connection that is being opened.
#[derive(Debug)]
pub enum Opening {
    /// Waits for a connection to the listener.
    Accepting {
        /// The listener.
        lease: Lease,
        /// Takes connections from any address.
        any_peer: bool,
    },
    /// Waits for the client to answer; `None` once it has.
    Connecting(Option<OwnedFd>),
    /// It stands; `None` once it is taken.
    Open(Option<Stream>),
}

impl DataPort {
    /// Starts to open the connection.
    ///
    /// # Errors
    /// As the system says when the client can't be dialled.
    pub fn open(self) -> io::Result<Opening> {
        match self {
            Self::Passive { lease, any_peer } => Ok(Opening::Accepting { lease, any_peer }),
            Self::Active { to, from } => dial(to, from).map(|socket| Opening::Connecting(Some(socket))),
            Self::Early(stream) => Ok(Opening::Open(Some(stream))),
        }
    }

    /// What to wait for before [`Self::advance`] is of use, between commands under PROT P: some clients connect and shake
    /// hands before they send the command.
    pub fn readiness(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Passive { lease, .. } => Some((lease.listener().as_fd(), PollFlags::IN)),
            Self::Active { .. } => None,
            Self::Early(stream) => stream.is_shaking_hands().then(|| (stream.as_fd(), stream.handshake_needs())),
        }
    }

    /// Takes the client's connection and goes on with its handshake as far as that goes without a wait. What fails here is
    /// told when the transfer's command comes.
    pub fn advance(&mut self, who: &Who, protection: &Protection) -> io::Result<()> {
        if let Self::Passive { lease, any_peer } = self {
            let Some(stream) = accept(lease, *any_peer, who)? else { return Ok(()) };
            *self = Self::Early(stream.protect(protection)?);
        }
        if let Self::Early(stream) = self {
            stream.advance();
        }
        Ok(())
    }
}

impl Opening {
    /// The connection, if it stands by now.
    ///
    /// # Errors
    /// As the system says when the client refuses it.
    pub fn poll(&mut self, who: &Who) -> io::Result<Option<Stream>> {
        match self {
            Self::Accepting { lease, any_peer } => accept(lease, *any_peer, who),
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
            Self::Open(stream) => Ok(stream.take()),
        }
    }

    /// What to wait for before [`Self::poll`] is of use again.
    pub fn readiness(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Accepting { lease, .. } => Some((lease.listener().as_fd(), PollFlags::IN)),
            Self::Connecting(socket) => Some((socket.as_ref()?.as_fd(), PollFlags::OUT)),
            Self::Open(_) => None,
        }
    }

    /// The passive port that nobody connected to; `None` for an active connection.
    pub fn passive_port(&self) -> Option<u16> {
        match self {
            Self::Accepting { lease, .. } => Some(lease.port()),
            Self::Connecting(_) | Self::Open(_) => None,
        }
    }
}

/// Takes connections until one comes from the right address; the others are closed.
fn accept(lease: &Lease, any_peer: bool, who: &Who) -> io::Result<Option<Stream>> {
    loop {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (socket, peer) = match rustix::net::acceptfrom_with(lease.listener(), flags) {
            Ok(accepted) => accepted,
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::INTR | Errno::CONNABORTED) => continue,
            Err(error) => return Err(error.into()),
        };
        let peer = peer.and_then(|peer| SocketAddr::try_from(peer).ok()).map(|peer| canonical(peer).ip());
        let is_client = peer == Some(who.peer.ip());
        let stranger = peer.map_or_else(|| "an unknown address".to_owned(), |peer| peer.to_string());
        if any_peer && !is_client {
            who.log(Level::Info, format_args!("data connection to port {} from {stranger}", lease.port()));
        }
        if any_peer || is_client {
            return Ok(Some(Stream::new(socket)));
        }
        who.log(
            Level::Warn,
            format_args!("data connection to port {} from {stranger} refused: not {}", lease.port(), who.peer.ip()),
        );
    }
}

fn dial(to: SocketAddr, from: IpAddr) -> io::Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if from.is_ipv4() == to.is_ipv4() {
        rustix::net::bind(&socket, &SocketAddr::new(from, 0))?;
    }
    match rustix::net::connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}
