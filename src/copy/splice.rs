//! Large uploads without a copy to user space: socket → pipe → file.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};

use crate::copy::sink::Sink;
use crate::copy::watch::Watch;
use crate::copy::{Error, LARGE_BUFFER, STEP};
use crate::net::stream::Stream;

/// As large as the kernel lets any user make it.
const PIPE: usize = 1 << 20;

/// Receives to the end of the stream.
///
/// # Errors
/// As [`crate::copy::receive`].
pub fn receive(sink: &mut Sink, data: &mut Stream, watch: &mut Watch) -> Result<(), Error> {
    let (outlet, inlet) =
        pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).map_err(|error| Error::File(error.into()))?;
    // Where the user's pipes are used up, the small one does, more slowly.
    let _ = fcntl_setpipe_size(&inlet, PIPE);
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    let mut unattended = 0;
    loop {
        let received = match splice(data.as_fd(), None, &inlet, None, PIPE, flags) {
            Ok(0) => return Ok(()),
            Ok(received) => received,
            Err(Errno::AGAIN) => {
                watch.ready(data.as_fd(), PollFlags::IN)?;
                continue;
            }
            Err(Errno::INTR) => continue,
            Err(error) => return Err(Error::Data(error.into())),
        };
        empty(&outlet, received, sink)?;
        watch.count(received);
        sink.wrote(received)?;
        unattended += received;
        if unattended >= STEP {
            watch.attend()?;
            unattended = 0;
        }
    }
}

/// Moves what is in the pipe to the file; through a buffer where the file takes it no other way (O_APPEND, FUSE).
fn empty(outlet: &OwnedFd, mut left: usize, sink: &mut Sink) -> Result<(), Error> {
    while left > 0 {
        match splice(outlet, None, &*sink.file, None, left, SpliceFlags::MOVE) {
            Ok(0) => return Err(Error::File(Errno::IO.into())),
            Ok(written) => left -= written,
            Err(Errno::INTR) => {}
            Err(Errno::INVAL) => return copy_out(outlet, left, sink),
            Err(error) => return Err(Error::File(error.into())),
        }
    }
    Ok(())
}

fn copy_out(outlet: &OwnedFd, mut left: usize, sink: &mut Sink) -> Result<(), Error> {
    let mut pipe = File::from(outlet.try_clone().map_err(Error::File)?);
    let mut buffer = vec![0; LARGE_BUFFER.min(left)];
    while left > 0 {
        let read = pipe.read(&mut buffer).map_err(Error::File)?;
        std::io::Write::write_all(sink.file, &buffer[..read]).map_err(Error::File)?;
        left -= read;
    }
    Ok(())
}
