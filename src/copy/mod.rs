//! Bytes in motion: between a file and a data connection, with an eye on the control connection.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::PollFlags;
use rustix::io::Errno;

use crate::copy::ascii::{Encoder, LineEnds};
use crate::copy::pace::Throttle;
use crate::copy::watch::{Watch, Woken};
use crate::net::data_port::{self, DataPort};
use crate::net::stream::Stream;
use crate::net::tls;
use crate::net::who::Who;
use crate::protocol::reply::Reply;

pub mod ascii;
pub mod digest;
pub mod heartbeat;
pub mod pace;
mod receive;
pub mod sink;
mod splice;
pub mod watch;

pub use receive::receive;

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
/// What is moved at once when nothing is throttled: large enough that calls don't count, small enough for ABOR.
const STEP: usize = 4 << 20;
/// Files from that size on are sent in full segments only.
const MIN_CORKED: u64 = 1 << 20;
/// The first buffer of an upload or listing, from the heap's own stock; a transfer that fills it gets the large one.
const SMALL_BUFFER: usize = 16 << 10;
const LARGE_BUFFER: usize = 256 << 10;
/// After a download, the client gets so long to answer the end of TLS; one that waits for the 226 first pays for it.
const LAST_WORDS: Duration = Duration::from_millis(250);

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

/// Opens the data connection within `patience`.
///
/// # Errors
/// [`Error::NoConnection`], which is in the log by then, or what [`Watch`] saw meanwhile.
pub fn open(port: DataPort, patience: Duration, watch: &mut Watch) -> Result<Stream, Error> {
    let dialled = port.dials();
    let refused = |error, who: &Who| Error::NoConnection(data_port::refused(dialled, &error, who));
    let mut opening = port.open().map_err(|error| refused(error, watch.who()))?;
    let deadline = Instant::now() + patience;
    loop {
        if let Some(stream) = opening.poll(watch.who()).map_err(|error| refused(error, watch.who()))? {
            return Ok(stream);
        }
        let woken = match opening.readiness() {
            Some(readiness) => watch.wait(Some(readiness), deadline)?,
            None => Woken::Clock,
        };
        match woken {
            Woken::Data => {}
            Woken::Clock => return Err(Error::NoConnection(opening.give_up(patience, watch.who()))),
            Woken::Control => {
                opening.rest();
                watch.attend()?;
            }
        }
    }
}

/// Shakes hands within `patience`, where the connection is under TLS.
///
/// # Errors
/// [`Error::Handshake`], or what [`Watch`] saw meanwhile.
pub fn secure(data: &mut Stream, patience: Duration, watch: &mut Watch) -> Result<(), Error> {
    let deadline = Instant::now() + patience;
    loop {
        match data.shake_hands() {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                let _ = data.finish();
                linger(data, watch);
                return Err(Error::Handshake(error));
            }
        }
        watch.ready_by(data.as_fd(), data.handshake_needs(), deadline).map_err(|error| match error {
            Error::Stalled => Error::Handshake(ErrorKind::TimedOut.into()),
            error => error,
        })?;
    }
}

/// Sends a range of a file, which ends where the file ended when it was opened.
///
/// # Errors
/// Why it did not come to its end; a file that became shorter meanwhile is [`Error::File`].
pub fn send(
    mut file: File,
    range: std::ops::Range<u64>,
    line_ends: LineEnds,
    data: &mut Stream,
    (watch, throttle): (&mut Watch, &mut Throttle),
) -> Result<(), Error> {
    let as_it_is = line_ends == LineEnds::Kept;
    if as_it_is && data.is_plain() && send_without_copy(&file, range.clone(), data, (watch, throttle))? {
        return Ok(());
    }
    file.seek(SeekFrom::Start(range.start)).map_err(Error::File)?;
    let mut encoder = Encoder::default();
    let mut left = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
    let mut text = Vec::new();
    produce(data, (watch, throttle), |out| {
        if left == 0 {
            return Ok(false);
        }
        let block = if as_it_is { &mut *out } else { &mut text };
        block.clear();
        block.reserve(left.min(LARGE_BUFFER));
        rustix::io::read(&file, spare_capacity(block)).map_err(|error| Error::File(error.into()))?;
        // The file may have grown.
        block.truncate(left);
        if block.is_empty() {
            return Err(shrunk());
        }
        left -= block.len();
        if !as_it_is {
            encoder.encode(&text, out);
        }
        Ok(left > 0)
    })
}

/// The kernel moves the bytes from the page cache to the socket; false where it can't, for a file system without
/// sendfile.
fn send_without_copy(
    file: &File,
    range: std::ops::Range<u64>,
    data: &mut Stream,
    (watch, throttle): (&mut Watch, &mut Throttle),
) -> Result<bool, Error> {
    let mut offset = range.start;
    let step = throttle.step(STEP);
    if range.end.saturating_sub(range.start) >= MIN_CORKED && throttle.is_free() {
        // Full segments only: a tenth less work for a large file, and one more call for a small one. Closing flushes it.
        let _ = rustix::net::sockopt::set_tcp_cork(data.as_fd(), true);
    }
    while offset < range.end {
        let wanted = usize::try_from(range.end - offset).unwrap_or(usize::MAX).min(step);
        match rustix::fs::sendfile(data.as_fd(), file, Some(&mut offset), wanted) {
            Ok(0) => return Err(shrunk()),
            Ok(sent) => {
                watch.count(sent);
                if let Some(delay) = throttle.spend(sent, Instant::now()) {
                    watch.pause(delay)?;
                } else if sent == STEP {
                    watch.attend()?;
                }
            }
            Err(Errno::AGAIN) => watch.ready(data.as_fd(), PollFlags::OUT)?,
            Err(Errno::INTR) => {}
            Err(Errno::INVAL | Errno::NOSYS) if offset == range.start => return Ok(false),
            Err(Errno::IO) => return Err(Error::File(Errno::IO.into())),
            Err(error) => return Err(Error::Data(error.into())),
        }
    }
    Ok(true)
}

/// Sends what `fill` appends to its buffer, until it says that there is no more.
///
/// # Errors
/// Those of `fill`, and why the data connection did not take it all.
pub fn produce(
    data: &mut Stream,
    (watch, throttle): (&mut Watch, &mut Throttle),
    mut fill: impl FnMut(&mut Vec<u8>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut buffer = Vec::with_capacity(SMALL_BUFFER);
    let mut more = true;
    while more {
        buffer.clear();
        more = fill(&mut buffer)?;
        let mut rest = &buffer[..];
        while !rest.is_empty() {
            match data.send(&rest[..throttle.step(rest.len())]) {
                Ok(sent) => {
                    rest = &rest[sent..];
                    watch.count(sent);
                    if let Some(delay) = throttle.spend(sent, Instant::now()) {
                        watch.pause(delay)?;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => watch.ready(data.as_fd(), PollFlags::OUT)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Data(error)),
            }
        }
        if more {
            watch.attend()?;
        }
    }
    hang_up(data, watch)
}

/// Ends a stream under TLS behind its last byte.
fn hang_up(data: &mut Stream, watch: &mut Watch) -> Result<(), Error> {
    if data.is_plain() {
        return Ok(());
    }
    while let Err(error) = data.finish() {
        match error.kind() {
            ErrorKind::WouldBlock => watch.ready(data.as_fd(), PollFlags::OUT)?,
            _ => return Err(Error::Data(error)),
        }
    }
    linger(data, watch);
    Ok(())
}

/// Waits for a moment until the client has closed, too: what it still says must not meet a closed port, or it may lose what
/// it has not read yet.
fn linger(data: &mut Stream, watch: &mut Watch) {
    let deadline = Instant::now() + LAST_WORDS;
    // A client that goes on sending does not make the moment longer.
    while Instant::now() < deadline {
        match data.discard() {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if watch.ready_by(data.as_fd(), PollFlags::IN, deadline).is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

fn shrunk() -> Error {
    Error::File(io::Error::new(ErrorKind::UnexpectedEof, "the file became shorter while it was sent"))
}
