//! Bytes in motion: between a file and a connection, with an ear for the client.

use std::io::{self, ErrorKind};

use crate::net::data_port::NoConnection;
use crate::net::ending::Farewell;
use crate::sys::files;
use crate::sys::zero_copy::Unmoved;

pub mod ascii;
pub mod connection;
pub mod digest;
pub mod extent;
pub mod in_chunks;
pub mod pace;
mod receive;
pub mod same_socket;
mod send;
pub mod sink;
pub mod transfer;
pub mod watch;

/// Why a transfer did not come to its end.
#[derive(Debug)]
pub enum Error {
    /// The data connection did not come about.
    NoConnection(NoConnection),
    /// TLS on the data connection did not come about.
    Handshake(io::Error),
    /// The file could not be read or written.
    File(io::Error),
    /// The data connection broke.
    Data(io::Error),
    /// The data connection did not move for too long.
    Stalled,
    /// The client sent ABOR.
    Aborted,
    /// The client's control connection is gone.
    Vanished,
    /// It was lost when an upload over an old file ended in good order: a client that was killed looks the same.
    HungUp,
    /// The session is asked to end, and the transfer has no time left.
    Ended(Farewell),
}

/// The most bytes moved at once, or without a look at the client: enough that calls don't count, few enough for ABOR.
const STEP: usize = 4 << 20;
/// The first buffer of an upload or listing, from the heap's own stock; a transfer that fills it gets the large one.
const SMALL_BUFFER: usize = 16 << 10;
const LARGE_BUFFER: usize = 256 << 10;

impl Error {
    /// What the file system said, or a quota.
    pub fn of_file(&self) -> Option<&io::Error> {
        if let Self::File(error) = self { Some(error) } else { None }
    }

    /// Whether the disk takes no more.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::File(error) if files::is_full(error))
    }
}

impl From<Unmoved> for Error {
    fn from(unmoved: Unmoved) -> Self {
        match unmoved {
            Unmoved::NotReady => Self::Data(ErrorKind::WouldBlock.into()),
            Unmoved::Unsupported => Self::File(ErrorKind::Unsupported.into()),
            Unmoved::File(error) => Self::File(error),
            Unmoved::Socket(error) => Self::Data(error),
        }
    }
}
