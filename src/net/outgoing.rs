//! The way of replies to the client.

use std::io::{self, ErrorKind, Write};
use std::net::TcpStream;

/// Sends to the client, and fails if it takes too little within the send timeout. (A blocking socket then takes a part only;
/// another try would wait for the same time again.)
pub(super) struct Outgoing<'a>(pub(super) &'a TcpStream);

/// The number of bytes that a client must take within the send timeout.
const MAX_AT_ONCE: usize = 16 * 1024;

impl Write for Outgoing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (mut stream, bytes) = (self.0, &bytes[..bytes.len().min(MAX_AT_ONCE)]);
        let sent = stream.write(bytes)?;
        if sent < bytes.len() { Err(ErrorKind::TimedOut.into()) } else { Ok(sent) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
