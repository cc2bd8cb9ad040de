//! Where the next data connection comes from, or goes to: opened once, by the transfer command.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use log::Level;
use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::IpBindAddressNoPort;
use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};

use crate::net::passive::Lease;
use crate::net::site::Invitation;
use crate::net::stream::Stream;
use crate::net::tls::Protection;
use crate::net::who::Who;

/// What PASV, EPSV, PORT or EPRT agreed on.
#[derive(Debug)]
pub enum DataPort {
    /// The client connects to this listener.
    Passive(Lease, Invitation),
    /// The server connects to this address, from the control connection's own one.
    Active {
        /// The client's end.
        to: SocketAddr,
        /// The server's end of the control connection.
        from: SocketAddr,
    },
    /// The client connected and began to shake hands before its command.
    Early(Stream),
}

/// A data connection that is being opened.
#[derive(Debug)]
pub enum Opening {
    /// Waits for a connection to the listener.
    Accepting(Lease, Invitation),
    /// Waits for the client at this address to answer; `None` once it has.
    Connecting(Option<OwnedFd>, SocketAddr),
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
            Self::Passive(lease, invitation) => Ok(Opening::Accepting(lease, invitation)),
            Self::Active { to, from } => dial(to, from).map(|socket| Opening::Connecting(Some(socket), to)),
            Self::Early(stream) => Ok(Opening::Open(Some(stream))),
        }
    }

    /// The address that is dialled; `None` where the client does that.
    pub fn dials(&self) -> Option<SocketAddr> {
        match self {
            Self::Passive(..) | Self::Early(_) => None,
            Self::Active { to, .. } => Some(*to),
        }
    }

    /// True where the client may still connect and shake hands before its command, under PROT P.
    pub fn may_begin_early(&self) -> bool {
        match self {
            Self::Passive(..) => true,
            Self::Active { .. } => false,
            Self::Early(stream) => stream.is_shaking_hands(),
        }
    }

    /// Takes the client's connection and goes on with its handshake, as far as that goes without a wait. What fails in the
    /// handshake is told when the transfer's command comes.
    ///
    /// # Errors
    /// As the system says.
    pub fn advance(&mut self, who: &Who, protection: &Protection) -> io::Result<()> {
        if let Self::Passive(lease, _) = self {
            let Some(stream) = lease.poll(who)? else { return Ok(()) };
            *self = Self::Early(stream.protect(protection)?);
        }
        if let Self::Early(stream) = self {
            stream.advance();
        }
        Ok(())
    }

    /// What to wait for before [`Self::advance`], which comes first, is of use again.
    pub fn readiness(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Passive(lease, _) => Some((lease.readiness(), PollFlags::IN)),
            Self::Active { .. } => None,
            Self::Early(stream) => stream.is_shaking_hands().then(|| (stream.as_fd(), stream.handshake_needs())),
        }
    }

    /// To be called when nobody waits for it any more, as [`Opening::rest`].
    pub fn rest(&mut self) {
        match self {
            Self::Passive(lease, _) => lease.rest(),
            Self::Active { .. } | Self::Early(_) => {}
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
            Self::Accepting(lease, _) => lease.poll(who),
            Self::Connecting(slot, _) => {
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
            Self::Accepting(lease, _) => Some((lease.readiness(), PollFlags::IN)),
            Self::Connecting(socket, _) => Some((socket.as_ref()?.as_fd(), PollFlags::OUT)),
            Self::Open(_) => None,
        }
    }

    /// To be called when something else is done while the connection is waited for: sessions that share a passive port
    /// must not wait for this one. [`Self::poll`] comes first again.
    pub fn rest(&mut self) {
        match self {
            Self::Accepting(lease, _) => lease.rest(),
            Self::Connecting(..) | Self::Open(_) => {}
        }
    }

    /// Writes into the log that there was no connection for so long; the sentence for the client, without its end.
    #[cold]
    pub fn give_up(&self, patience: Duration, who: &Who) -> String {
        match self {
            Self::Accepting(lease, invitation) => lease.give_up(*invitation, patience, who),
            Self::Connecting(_, to) => {
                let seconds = patience.as_secs();
                let sentence = format!("{to} did not answer within {seconds} s: use PASV or EPSV");
                who.log(Level::Warn, format_args!("{sentence}"));
                sentence
            }
            Self::Open(_) => "the data connection is taken already".to_owned(),
        }
    }
}

/// Writes into the log why a connection could not be opened; the sentence for the client, without its end.
#[cold]
pub fn refused(dialled: Option<SocketAddr>, error: &io::Error, who: &Who) -> String {
    let sentence = match dialled {
        Some(to) if error.kind() == ErrorKind::ConnectionRefused => {
            format!("{to} refuses connections: use PASV or EPSV")
        }
        Some(to) => format!("{to} can't be reached: use PASV or EPSV"),
        None => "the server can't take the data connection".to_owned(),
    };
    who.log(Level::Warn, format_args!("{sentence} ({error})"));
    sentence
}

fn dial(mut to: SocketAddr, mut from: SocketAddr) -> io::Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    if let (SocketAddr::V6(to), SocketAddr::V6(from)) = (&mut to, &from) {
        // EPRT names no scope; a link-local address is on the link of the control connection.
        to.set_scope_id(from.scope_id());
    }
    if from.is_ipv4() == to.is_ipv4() {
        from.set_port(0);
        // Leaves the port to connect, which may share one between connections to different clients. bind looks for a port
        // that nobody has, and takes longer for each connection in TIME_WAIT. Linux before 4.2 lacks the option.
        let _ = setsockopt(&socket, IpBindAddressNoPort, &true);
        rustix::net::bind(&socket, &from)?;
    }
    match rustix::net::connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(socket),
        Err(error) => Err(error.into()),
    }
}
