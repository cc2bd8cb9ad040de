//! The next data connection: agreed on by PASV, EPSV, PORT or EPRT, and opened once, by the transfer command.

use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd};

use crate::net::call::{Call, Dialling};
use crate::net::passive::Lease;
use crate::net::stream::Stream;
use crate::net::tls::Protection;
use crate::net::who::Who;

/// How far a data connection is. Only [`Self::poll`] moves it on, and [`Self::advance`] before its command.
#[derive(Debug)]
pub enum DataPort {
    /// The client connects to this listener.
    Passive(Lease, Invitation),
    /// The server connects to the client, and has not begun.
    Active(Call),
    /// The client has not answered yet.
    Dialling(Dialling),
    /// It is open. Before its command the client may still shake hands on it.
    Open(Stream),
    /// One of these after a refused transfer; until this time the next transfer may use its connection.
    Spurned(Box<DataPort>, Instant),
}

/// By which command the client was told a passive port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Invitation {
    /// With an address, which may be the wrong one.
    Pasv,
    /// Without one: the client dials the address that it knows.
    Epsv,
}

/// Why a data connection did not come about.
#[derive(Debug)]
pub enum NoConnection {
    /// Nobody connected to this address in time.
    NobodyCame(SocketAddr, Invitation),
    /// The server can't take the client's connection.
    Untaken(io::Error),
    /// This address did not answer in time.
    NoAnswer(SocketAddr),
    /// This address can't be dialled, or refuses.
    Undialled(SocketAddr, io::Error),
}

/// How long a data connection outlives the refusal of its transfer.
const PATIENCE_AFTER_REFUSAL: Duration = Duration::from_secs(2);

impl DataPort {
    /// Goes on after the transfer's command, as far as possible without a wait: to the connection, or to a port that the
    /// caller waits for ([`Self::readiness`]) until the deadline.
    pub fn poll(self, who: &Who, now: Instant, deadline: Instant) -> Result<ControlFlow<Stream, Self>, NoConnection> {
        let is_late = now >= deadline;
        match self {
            Self::Passive(mut lease, invitation) => match lease.poll(who).map_err(NoConnection::Untaken)? {
                Some(stream) => Ok(ControlFlow::Break(stream)),
                None if is_late => Err(NoConnection::NobodyCame(lease.address(), invitation)),
                None => Ok(ControlFlow::Continue(Self::Passive(lease, invitation))),
            },
            Self::Active(call) => {
                let to = call.to;
                let dialling = call.dial().map_err(|error| NoConnection::Undialled(to, error))?;
                Self::Dialling(dialling).poll(who, now, deadline)
            }
            Self::Dialling(dialling) => {
                let to = dialling.to();
                match dialling.poll().map_err(|error| NoConnection::Undialled(to, error))? {
                    ControlFlow::Break(stream) => Ok(ControlFlow::Break(stream)),
                    ControlFlow::Continue(_) if is_late => Err(NoConnection::NoAnswer(to)),
                    ControlFlow::Continue(dialling) => Ok(ControlFlow::Continue(Self::Dialling(dialling))),
                }
            }
            Self::Open(stream) => Ok(ControlFlow::Break(stream)),
            Self::Spurned(port, _) => port.poll(who, now, deadline),
        }
    }

    /// Whether the client may still connect and shake hands before its command, under PROT P.
    pub fn may_begin_early(&self) -> bool {
        match self {
            Self::Passive(..) => true,
            Self::Active(_) | Self::Dialling(_) | Self::Spurned(..) => false,
            Self::Open(stream) => stream.is_shaking_hands(),
        }
    }

    /// Before the transfer's command: takes the client's connection and goes on with its handshake, as far as possible
    /// without a wait. A failed handshake is reported when the command comes.
    pub fn advance(&mut self, who: &Who, protection: &Protection) -> io::Result<()> {
        if let Self::Passive(lease, _) = self {
            let Some(stream) = lease.poll(who)? else { return Ok(()) };
            *self = Self::Open(stream.protect(protection)?);
        }
        if let Self::Open(stream) = self {
            stream.advance();
        }
        Ok(())
    }

    /// The same after the transfer over it was refused. The next transfer command may still use it, and the connection that
    /// is open for it, for a while; then [`Self::close_spurned`] is due.
    #[cold]
    pub fn spurn(self, now: Instant) -> Self {
        match self {
            Self::Passive(..) | Self::Open(_) => Self::Spurned(Box::new(self), now + PATIENCE_AFTER_REFUSAL),
            Self::Spurned(port, _) => Self::Spurned(port, now + PATIENCE_AFTER_REFUSAL),
            Self::Active(_) | Self::Dialling(_) => self,
        }
    }

    /// When to call [`Self::close_spurned`], if a transfer was refused.
    pub fn spurned(&self) -> Option<Instant> {
        if let Self::Spurned(_, until) = self { Some(*until) } else { None }
    }

    /// Closes the connection that has come for a transfer that was refused, as its client may wait for that. The port itself
    /// stays, if it has a listener: what comes from now on is for the next transfer.
    #[cold]
    pub fn close_spurned(self, who: &Who) -> Option<Self> {
        let Self::Spurned(port, _) = self else { return Some(self) };
        let Self::Passive(mut lease, invitation) = *port else { return None };
        // Only one is closed at a time: the next connection may be for a command that comes first.
        drop(lease.poll(who).ok()?);
        let mut port = Self::Passive(lease, invitation);
        port.step_back();
        Some(port)
    }

    /// What it is, in a word for STAT.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Passive(..) => "passive",
            Self::Active(_) | Self::Dialling(_) => "active",
            Self::Open(_) => "connected",
            Self::Spurned(port, _) => port.kind(),
        }
    }

    /// Whether its connection is open.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Open(_) => true,
            Self::Passive(..) | Self::Active(_) | Self::Dialling(_) => false,
            Self::Spurned(port, _) => port.is_open(),
        }
    }

    /// What to wait for before the next step, [`Self::poll`] or [`Self::advance`], can do anything.
    pub fn readiness(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Passive(lease, _) => Some((lease.readiness(), PollFlags::IN)),
            Self::Active(_) => None,
            Self::Dialling(dialling) => Some(dialling.readiness()),
            Self::Open(stream) => stream.is_shaking_hands().then(|| (stream.as_fd(), stream.handshake_needs())),
            Self::Spurned(port, _) => port.readiness(),
        }
    }

    /// Must be called before the session does anything but wait for the connection: sessions that share a passive port must
    /// not depend on this one. The next step comes before the next wait.
    pub fn step_back(&mut self) {
        match self {
            Self::Passive(lease, _) => lease.step_back(),
            Self::Active(_) | Self::Dialling(_) | Self::Open(_) => {}
            Self::Spurned(port, _) => port.step_back(),
        }
    }
}
