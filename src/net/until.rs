//! A blocking connection with one deadline for all its reads.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use rustix::net::RecvFlags;

/// Reads end by the deadline, with `TimedOut`. Writes have a timeout of their own.
#[derive(Debug)]
pub struct Until<'a> {
    stream: &'a TcpStream,
    deadline: Instant,
}

impl<'a> Until<'a> {
    /// A connection, and when reading from it must have ended. This changes its receive timeout.
    pub fn new(stream: &'a TcpStream, deadline: Instant) -> Self {
        Self { stream, deadline }
    }

    /// The next byte, which stays in the queue; `None` at the end.
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        self.arm()?;
        let mut first = [0];
        let peeked = rustix::net::recv(self.stream, &mut first[..], RecvFlags::PEEK);
        peeked.map(|(received, _)| (received > 0).then_some(first[0])).map_err(|error| timed_out(error.into()))
    }

    fn arm(&self) -> io::Result<()> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))
    }
}

impl Read for Until<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.arm()?;
        self.stream.read(buffer).map_err(timed_out)
    }
}

impl Write for Until<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn timed_out(error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { error }
}
