//! Bytes that the kernel moves between a file and a socket by itself.

use std::fs::File;
use std::io;

use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

/// Why nothing was moved.
#[derive(Debug)]
pub enum Unmoved {
    /// The socket has to be waited for.
    NotReady,
    /// This file or socket can't do it; a buffer can.
    Unsupported,
    /// The file failed.
    File(io::Error),
    /// The socket failed.
    Socket(io::Error),
}

/// A pipe for bytes from a socket to a file; a socket that does not block.
pub struct Pipe {
    outlet: OwnedFd,
    inlet: OwnedFd,
}

/// Sends at most this many bytes of a file and moves the offset on; 0 at the end of the file.
pub fn send_file(socket: impl AsFd, file: &File, offset: &mut u64, most: usize) -> Result<usize, Unmoved> {
    loop {
        return match rustix::fs::sendfile(&socket, file, Some(offset), most) {
            Ok(sent) => Ok(sent),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => Err(Unmoved::NotReady),
            Err(Errno::INVAL | Errno::NOSYS) => Err(Unmoved::Unsupported),
            Err(Errno::IO) => Err(Unmoved::File(Errno::IO.into())),
            Err(error) => Err(Unmoved::Socket(error.into())),
        };
    }
}

impl Pipe {
    /// As large as the kernel lets any user make it.
    const SIZE: usize = 1 << 20;

    /// An empty pipe.
    pub fn new() -> io::Result<Self> {
        let (outlet, inlet) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // If the user's pipes are used up, the small one does, more slowly.
        let _ = fcntl_setpipe_size(&inlet, Self::SIZE);
        Ok(Self { outlet, inlet })
    }

    /// Takes in what the socket has, at most this many bytes; 0 at the end of its stream.
    pub fn fill(&self, socket: impl AsFd, most: usize) -> Result<usize, Unmoved> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        loop {
            return match splice(&socket, None, &self.inlet, None, most.min(Self::SIZE), flags) {
                Ok(received) => Ok(received),
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => Err(Unmoved::NotReady),
                Err(Errno::INVAL | Errno::NOSYS) => Err(Unmoved::Unsupported),
                Err(error) => Err(Unmoved::Socket(error.into())),
            };
        }
    }

    /// Moves at most this many bytes to the file, of those that are in the pipe.
    pub fn empty(&self, file: &File, most: usize) -> Result<usize, Unmoved> {
        loop {
            return match splice(&self.outlet, None, file, None, most, SpliceFlags::MOVE) {
                Ok(0) => Err(Unmoved::File(Errno::IO.into())),
                Ok(written) => Ok(written),
                Err(Errno::INTR) => continue,
                Err(Errno::INVAL) => Err(Unmoved::Unsupported),
                Err(error) => Err(Unmoved::File(error.into())),
            };
        }
    }

    /// Takes bytes out of the pipe, of those that are there.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.outlet, buffer)?)
    }
}
