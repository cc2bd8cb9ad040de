//! A connection for the bytes of files: both ways, in clear or under TLS, never blocking.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustix::event::PollFlags;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::net::{RecvFlags, SendFlags, Shutdown};

use crate::net::connected::Connected;
use crate::net::secured::Secured;
use crate::net::tls::Protection;
use crate::sys::sockets;

/// An open connection; closed by Drop, unless somebody else holds its socket.
#[derive(Debug)]
pub enum Stream {
    /// In clear.
    Plain(Connected),
    /// Under TLS.
    Tls(Box<Protected>),
}

/// A connection under TLS.
#[derive(Debug)]
pub struct Protected {
    socket: Connected,
    secured: Secured,
    protection: Protection,
    handshake: Handshake,
    /// It ended without close_notify.
    cut: bool,
}

#[derive(Debug)]
enum Handshake {
    UnderWay,
    /// It is done, and the client is the right one.
    Done,
    /// The client began it and then ended the connection, as it had nothing to send.
    CutShort,
    /// It failed, with this error until somebody has asked for it.
    Failed(Option<io::Error>),
}

/// How a stream ended that did not say it was whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Under TLS, between two records.
    NoCloseNotify,
    /// Empty, before the handshake was over.
    InHandshake,
}

impl Stream {
    /// An accepted connection, in clear, that somebody else may shut down. From now on it does not block, and sends at once
    /// what it is given.
    pub fn shared(socket: Arc<TcpStream>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        let _ = socket.set_nodelay(true);
        Ok(Self::Plain(Connected::Shared(socket)))
    }

    /// Goes on under TLS, if it does not yet; the handshake is left to [`Self::shake_hands`].
    pub fn protect(self, protection: &Protection) -> io::Result<Self> {
        match self {
            Self::Plain(socket) => {
                // Handshakes and the end are small messages in turn: none may wait for an acknowledgement.
                let _ = rustix::net::sockopt::set_tcp_nodelay(&socket, true);
                let (secured, protection) = (Secured::new(protection.accept()?), protection.clone());
                let handshake = Handshake::UnderWay;
                Ok(Self::Tls(Box::new(Protected { socket, secured, protection, handshake, cut: false })))
            }
            protected @ Self::Tls(_) => Ok(protected),
        }
    }

    /// Goes on with the handshake, if there is one, to its end.
    ///
    /// # Errors
    /// `WouldBlock` while the client is waited for, see [`Self::handshake_needs`]; else it failed for good.
    pub fn shake_hands(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            Self::Tls(protected) => protected.shake_hands(),
        }
    }

    /// Goes on with the handshake; how it ended is left to [`Self::shake_hands`].
    pub fn advance(&mut self) {
        if let Self::Tls(protected) = self {
            protected.advance();
        }
    }

    /// True while a handshake is under way that neither succeeded nor failed.
    pub fn is_shaking_hands(&self) -> bool {
        matches!(self, Self::Tls(protected) if matches!(protected.handshake, Handshake::UnderWay))
    }

    /// What to wait for after a step under TLS that would have blocked, before the next try.
    pub fn handshake_needs(&self) -> PollFlags {
        match self {
            Self::Tls(protected) if protected.secured.wants_write() => PollFlags::OUT,
            Self::Plain(_) | Self::Tls(_) => PollFlags::IN,
        }
    }

    /// Whether the kernel can move the bytes by itself.
    pub fn is_plain(&self) -> bool {
        matches!(self, Self::Plain(_))
    }

    /// How the stream ended, if nothing said that it was whole: the client may have been killed.
    pub fn doubt(&self) -> Option<Doubt> {
        match self {
            Self::Tls(protected) if protected.cut => Some(Doubt::NoCloseNotify),
            Self::Tls(protected) if matches!(protected.handshake, Handshake::CutShort) => Some(Doubt::InHandshake),
            Self::Plain(_) | Self::Tls(_) => None,
        }
    }

    /// Receives into the spare room of `buffer`; 0 at the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there yet; else the connection broke.
    pub fn receive(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => fetch(socket, buffer),
            Self::Tls(protected) => protected.receive(buffer),
        }
    }

    /// Sends as much as goes now.
    ///
    /// # Errors
    /// `WouldBlock` when nothing goes; else the connection broke.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL)?),
            Self::Tls(protected) => {
                protected.refuse_cut_short()?;
                protected.secured.send(&mut Socket(&protected.socket), bytes)
            }
        }
    }

    /// The same for bytes after which more follow at once: in clear, no packet holds them alone.
    pub fn send_before_more(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => Ok(rustix::net::send(socket, bytes, SendFlags::NOSIGNAL | sockets::MORE_FOLLOWS)?),
            Self::Tls(_) => self.send(bytes),
        }
    }

    /// Whether bytes are there that no wait for the socket would tell of.
    pub fn holds_bytes(&mut self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(protected) => protected.secured.holds_bytes() || protected.secured.holds_encrypted(),
        }
    }

    /// Gives back the memory that only a stream in motion needs.
    pub fn rest(&mut self) {
        if let Self::Tls(protected) = self {
            protected.secured.rest();
        }
    }

    /// Says that nothing more comes after what was sent. A stream in clear says that when it is closed.
    ///
    /// # Errors
    /// `WouldBlock` as long as the client has to take more first.
    pub fn finish(&mut self) -> io::Result<()> {
        let Self::Tls(protected) = self else { return Ok(()) };
        protected.refuse_cut_short()?;
        protected.secured.close(&mut Socket(&protected.socket))?;
        Ok(rustix::net::shutdown(&protected.socket, Shutdown::Write)?)
    }

    /// Throws away some of what still comes; 0 at the end.
    pub fn discard(&mut self) -> io::Result<usize> {
        Socket(self).read(&mut [0; 512])
    }
}

impl Protected {
    fn advance(&mut self) {
        if !matches!(self.handshake, Handshake::UnderWay) {
            return;
        }
        let shaken = self.secured.shake_hands(&mut Socket(&self.socket));
        match shaken.and_then(|()| self.protection.admit(self.secured.connection())) {
            Ok(()) => {
                self.acknowledge();
                self.handshake = Handshake::Done;
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.acknowledge(),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && self.may_be_cut_short() => {
                self.handshake = Handshake::CutShort;
            }
            Err(error) => self.handshake = Handshake::Failed(Some(error)),
        }
    }

    /// At once: a client that speaks twice in a row, in the handshake or after it, waits for that.
    fn acknowledge(&self) {
        sockets::acknowledge_now(&self.socket);
    }

    /// Some clients (Node) close their side of an empty upload while they shake hands. By then nothing proves who they are,
    /// so that end counts only if the client has nothing to prove and a version was agreed on.
    fn may_be_cut_short(&self) -> bool {
        !self.protection.is_strict()
            && !self.protection.asks_for_proof()
            && self.secured.connection().protocol_version().is_some()
    }

    fn refuse_cut_short(&self) -> io::Result<()> {
        match self.handshake {
            Handshake::CutShort => Err(ErrorKind::UnexpectedEof.into()),
            Handshake::UnderWay | Handshake::Done | Handshake::Failed(_) => Ok(()),
        }
    }

    fn shake_hands(&mut self) -> io::Result<()> {
        self.advance();
        match &mut self.handshake {
            Handshake::Done | Handshake::CutShort => Ok(()),
            Handshake::UnderWay => Err(ErrorKind::WouldBlock.into()),
            Handshake::Failed(error) => Err(error.take().unwrap_or_else(|| ErrorKind::NotConnected.into())),
        }
    }

    fn receive(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        if matches!(self.handshake, Handshake::CutShort) {
            return Ok(0);
        }
        let socket = &self.socket;
        match self.secured.receive_much(|encrypted| fetch(socket, encrypted), buffer) {
            // Nobody ends a stream in the middle of a record on purpose.
            Err(error)
                if error.kind() == ErrorKind::UnexpectedEof
                    && !self.protection.is_strict()
                    && !self.secured.is_inside_record() =>
            {
                self.cut = true;
                Ok(0)
            }
            other => other,
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Plain(socket) => socket.as_fd(),
            Self::Tls(protected) => protected.socket.as_fd(),
        }
    }
}

fn fetch(socket: &Connected, buffer: &mut Vec<u8>) -> io::Result<usize> {
    let (_, received) = rustix::net::recv(socket, rustix::buffer::spare_capacity(buffer), RecvFlags::empty())?;
    Ok(received)
}

/// The socket as rustls wants it.
struct Socket<'a, S>(&'a S);

impl<S: AsFd> Read for Socket<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (received, _) = rustix::net::recv(self.0, buffer, RecvFlags::empty())?;
        Ok(received)
    }
}

/// Rust's runtime ignores SIGPIPE, which `writev` can't be told to leave out.
impl<S: AsFd> Write for Socket<'_, S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(self.0, bytes, SendFlags::NOSIGNAL)?)
    }

    fn write_vectored(&mut self, bytes: &[IoSlice<'_>]) -> io::Result<usize> {
        Ok(rustix::io::writev(self.0, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
