//! Large uploads without a copy to user space: socket → pipe → file.

use std::fs::File;
use std::io::Read;

use rustix::event::PollFlags;
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use crate::copy::sink::Sink;
use crate::copy::transfer::Transfer;
use crate::copy::{Error, LARGE_BUFFER};

/// As large as the kernel lets any user make it.
const PIPE: usize = 1 << 20;

impl Transfer<'_, '_> {
    /// Receives to the end of the stream; false if the system can't do it this way and nothing was lost.
    pub(super) fn receive_by_pipe(&mut self, sink: &mut Sink) -> Result<bool, Error> {
        let Ok((outlet, inlet)) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK) else { return Ok(false) };
        // If the user's pipes are used up, the small one does, more slowly.
        let _ = fcntl_setpipe_size(&inlet, PIPE);
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        loop {
            match splice(self.stream.as_fd(), None, &inlet, None, PIPE, flags) {
                Ok(0) => return Ok(true),
                Ok(received) => {
                    let goes_on = empty(&outlet, received, sink)?;
                    self.moved(received)?;
                    if !goes_on {
                        return Ok(false);
                    }
                }
                Err(Errno::AGAIN) => self.ready(PollFlags::IN)?,
                Err(Errno::INTR) => {}
                Err(Errno::INVAL | Errno::NOSYS) => return Ok(false),
                Err(error) => return Err(Error::Data(error.into())),
            }
        }
    }
}

/// Moves what is in the pipe to the file; false if that took a buffer, as it will the next time.
fn empty(outlet: &OwnedFd, mut left: usize, sink: &mut Sink) -> Result<bool, Error> {
    while left > 0 {
        match splice(outlet, None, &*sink.file, None, left, SpliceFlags::MOVE) {
            Ok(0) => return Err(Error::File(Errno::IO.into())),
            Ok(written) => {
                left -= written;
                sink.wrote(written)?;
            }
            Err(Errno::INTR) => {}
            // A file system that takes no pipe.
            Err(Errno::INVAL) => return copy_out(outlet, left, sink).map(|()| false),
            Err(error) => return Err(Error::File(error.into())),
        }
    }
    Ok(true)
}

fn copy_out(outlet: &OwnedFd, mut left: usize, sink: &mut Sink) -> Result<(), Error> {
    let mut pipe = File::from(outlet.try_clone().map_err(Error::File)?);
    let mut buffer = vec![0; LARGE_BUFFER.min(left)];
    while left > 0 {
        let read = pipe.read(&mut buffer).map_err(Error::File)?;
        sink.write(&buffer[..read])?;
        left -= read;
    }
    Ok(())
}
