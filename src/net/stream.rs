//! A data connection: bytes both ways, never blocking.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{RecvFlags, SendFlags};

/// An open data connection; closed by Drop.
#[derive(Debug)]
pub struct Stream(OwnedFd);

impl Stream {
    /// Takes over a connected socket that does not block.
    pub fn new(socket: OwnedFd) -> Self {
        Self(socket)
    }

    /// Receives into the spare room of `buffer`; 0 at the end of the stream.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there yet; else the connection broke.
    pub fn receive(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let (_, received) = rustix::net::recv(&self.0, rustix::buffer::spare_capacity(buffer), RecvFlags::empty())?;
        Ok(received)
    }

    /// Sends as much as goes now.
    ///
    /// # Errors
    /// `WouldBlock` when nothing goes; else the connection broke.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::net::send(&self.0, bytes, SendFlags::NOSIGNAL)?)
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
