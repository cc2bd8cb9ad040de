//! Bytes in motion: between a file and a data connection, with an ear for the client.

use std::fmt;
use std::io::{self, ErrorKind};

use crate::net::tls;
use crate::protocol::reply::Reply;

pub mod ascii;
pub mod digest;
pub mod pace;
mod receive;
mod send;
pub mod sink;
mod splice;
pub mod transfer;
pub mod watch;

/// Why a transfer did not come to its end.
#[derive(Debug)]
pub enum Error {
    /// The data connection did not come about: why, as a sentence for the client without its end.
    NoConnection(String),
    /// TLS on the data connection did not come about.
    Handshake(io::Error),
    /// The file could not be read or written.
    File(io::Error),
    /// The data connection broke.
    Data(io::Error),
    /// The data connection stood still for too long.
    Stalled,
    /// The client sent ABOR.
    Aborted,
    /// The client's control connection is gone.
    Vanished,
    /// It went when the upload ended in good order, over an old file: a client that was killed looks the same.
    HungUp,
    /// The server is stopping, and its grace is over.
    Stopping,
}

/// What the administrator can do about a client that always does that.
const HUNG_UP: &str = "control connection lost at the end of the upload, so the old file stays: \
    if this client never waits for the reply, give its account hasty = on";
/// The most bytes moved at once, or without a look at the client: enough that calls don't count, few enough for ABOR.
const STEP: usize = 4 << 20;
/// The first buffer of an upload or listing, from the heap's own stock; a transfer that fills it gets the large one.
const SMALL_BUFFER: usize = 16 << 10;
const LARGE_BUFFER: usize = 256 << 10;

impl Error {
    /// True where the disk takes no more.
    pub fn is_full(&self) -> bool {
        let full = [ErrorKind::StorageFull, ErrorKind::QuotaExceeded, ErrorKind::FileTooLarge];
        matches!(self, Self::File(error) if full.contains(&error.kind()))
    }

    /// What the client is told.
    pub fn reply(&self) -> Reply {
        match self {
            Self::NoConnection(why) => {
                let (first, rest) = why.split_at_checked(1).unwrap_or_default();
                Reply::new(425, format!("{}{rest}.", first.to_ascii_uppercase()))
            }
            Self::Handshake(error) => {
                Reply::new(522, format!("TLS on the data connection failed: {}.", tls::explain(error)))
            }
            Self::File(error) => match error.kind() {
                kind if self.is_full() => Reply::from(io::Error::from(kind)),
                _ => Reply::new(451, "The file system failed; the transfer is incomplete."),
            },
            Self::Data(_) => Reply::new(426, "The data connection broke; the transfer is incomplete."),
            Self::Stalled => {
                Reply::new(426, "The data connection stood still for too long; the transfer is incomplete.")
            }
            Self::Aborted => Reply::new(426, "Aborted; the transfer is incomplete."),
            Self::Vanished | Self::HungUp => Reply::new(426, "The control connection is gone."),
            Self::Stopping => Reply::new(426, "The server is stopping; the transfer is incomplete."),
        }
    }
}

/// For the log.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoConnection(_) => f.write_str("no data connection"),
            Self::Handshake(error) => write!(f, "TLS on the data connection: {}", tls::explain(error)),
            Self::File(error) => write!(f, "file: {error}"),
            Self::Data(error) => write!(f, "data connection: {error}"),
            Self::Stalled => f.write_str("data connection stalled"),
            Self::Aborted => f.write_str("aborted by the client"),
            Self::Vanished => f.write_str("control connection lost"),
            Self::HungUp => f.write_str(HUNG_UP),
            Self::Stopping => f.write_str("the server is stopping"),
        }
    }
}
