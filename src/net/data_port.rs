//! Where the next data connection comes from, or goes to: opened once, by the transfer command.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use log::Level;
use rustix::event::PollFlags;

use crate::net::call::{Call, Dialling};
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
    /// The server connects to the client.
    Active(Call),
    /// The client connected and began to shake hands before its command.
    Early(Stream),
}

/// A data connection that is being opened.
#[derive(Debug)]
pub enum Opening {
    /// Waits for a connection to the listener.
    Accepting(Lease, Invitation),
    /// Waits for the client to answer.
    Connecting(Dialling),
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
            Self::Active(call) => call.dial().map(Opening::Connecting),
            Self::Early(stream) => Ok(Opening::Open(Some(stream))),
        }
    }

    /// The address that is dialled; `None` where the client does that.
    pub fn dials(&self) -> Option<SocketAddr> {
        match self {
            Self::Passive(..) | Self::Early(_) => None,
            Self::Active(call) => Some(call.to),
        }
    }

    /// True where the client may still connect and shake hands before its command, under PROT P.
    pub fn may_begin_early(&self) -> bool {
        match self {
            Self::Passive(..) => true,
            Self::Active(_) => false,
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
            Self::Active(_) => None,
            Self::Early(stream) => stream.is_shaking_hands().then(|| (stream.as_fd(), stream.handshake_needs())),
        }
    }

    /// To be called when nobody waits for it any more, as [`Opening::rest`].
    pub fn rest(&mut self) {
        match self {
            Self::Passive(lease, _) => lease.rest(),
            Self::Active(_) | Self::Early(_) => {}
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
            Self::Connecting(dialling) => dialling.poll(),
            Self::Open(stream) => Ok(stream.take()),
        }
    }

    /// What to wait for before [`Self::poll`] is of use again.
    pub fn readiness(&self) -> Option<(BorrowedFd<'_>, PollFlags)> {
        match self {
            Self::Accepting(lease, _) => Some((lease.readiness(), PollFlags::IN)),
            Self::Connecting(dialling) => dialling.readiness(),
            Self::Open(_) => None,
        }
    }

    /// To be called when something else is done while the connection is waited for: sessions that share a passive port
    /// must not wait for this one. [`Self::poll`] comes first again.
    pub fn rest(&mut self) {
        match self {
            Self::Accepting(lease, _) => lease.rest(),
            Self::Connecting(_) | Self::Open(_) => {}
        }
    }

    /// Writes into the log that there was no connection for so long; the sentence for the client, without its end.
    #[cold]
    pub fn give_up(&self, patience: Duration, who: &Who) -> String {
        match self {
            Self::Accepting(lease, invitation) => lease.give_up(*invitation, patience, who),
            Self::Connecting(dialling) => {
                let (to, seconds) = (dialling.to(), patience.as_secs());
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
        Some(to) if error.kind() == ErrorKind::AddrNotAvailable => {
            format!("no port is left for a connection to {to}: name another one, or use PASV or EPSV")
        }
        Some(to) => format!("{to} can't be reached: use PASV or EPSV"),
        None => "the server can't take the data connection".to_owned(),
    };
    who.log(Level::Warn, format_args!("{sentence} ({error})"));
    sentence
}
