//! The socket below a stream.

use std::net::TcpStream;
use std::sync::Arc;

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

/// A connected socket that does not block; closed when its last holder drops it.
#[derive(Debug)]
pub enum Connected {
    /// A data connection's.
    Own(OwnedFd),
    /// One that is shared with what may shut it down: see [`Ending`](crate::net::ending::Ending).
    Shared(Arc<TcpStream>),
}

impl From<OwnedFd> for Connected {
    fn from(socket: OwnedFd) -> Self {
        Self::Own(socket)
    }
}

impl AsFd for Connected {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Own(socket) => socket.as_fd(),
            Self::Shared(socket) => socket.as_fd(),
        }
    }
}
