//! Uploads: from a data connection to a file.

use std::io::ErrorKind;

use rustix::event::PollFlags;
use rustix::fd::AsFd;

use crate::copy::ascii::{Incoming, LineEnds};
use crate::copy::sink::Sink;
use crate::copy::transfer::Transfer;
use crate::copy::{Error, LARGE_BUFFER, SMALL_BUFFER};
use crate::sys::zero_copy::{Pipe, Unmoved};

impl Transfer<'_, '_> {
    /// Receives to the end of the stream and writes it to the file.
    pub fn receive(&mut self, sink: &mut Sink, incoming: &mut Incoming) -> Result<(), Error> {
        match self.receive_to_the_end(sink, incoming) {
            Err(Error::File(error)) => Err(Error::File(error)),
            // What is held back has come, however the stream ended.
            received => {
                let written = sink.write(incoming.finish());
                received.and(written)
            }
        }
    }

    /// Wait, read, decode, write, count, pace.
    fn receive_to_the_end(&mut self, sink: &mut Sink, incoming: &mut Incoming) -> Result<(), Error> {
        let mut buffer = Vec::with_capacity(self.throttle.step(SMALL_BUFFER));
        loop {
            buffer.clear();
            let received = match self.stream.receive(&mut buffer) {
                Ok(0) => break,
                Ok(received) => received,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.ready(PollFlags::IN)?;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::Data(error)),
            };
            sink.write(incoming.pass(&buffer))?;
            self.moved(received)?;
            if received == SMALL_BUFFER && self.throttle.is_free() && buffer.capacity() < LARGE_BUFFER {
                let as_it_is = incoming.line_ends() == LineEnds::Kept;
                if as_it_is && self.stream.is_plain() && sink.takes_splice() && self.receive_by_pipe(sink)? {
                    break;
                }
                buffer = Vec::with_capacity(LARGE_BUFFER);
            }
        }
        // The client may be gone already, which is no harm to what it sent.
        let _ = self.stream.finish();
        // A client that was killed leaves an orderly end on both connections; only the control connection tells. If it was
        // gone before, this does not fail: see `Watch::is_gone`.
        self.watch.attend()
    }

    /// Receives to the end of the stream without a copy to user space; false if that can't be done, and nothing was lost.
    fn receive_by_pipe(&mut self, sink: &mut Sink) -> Result<bool, Error> {
        let Ok(pipe) = Pipe::new() else { return Ok(false) };
        loop {
            match pipe.fill(self.stream.as_fd()) {
                Ok(0) => return Ok(true),
                Ok(received) => {
                    sink.take(received)?;
                    let goes_on = empty(&pipe, received, sink)?;
                    self.moved(received)?;
                    if !goes_on {
                        return Ok(false);
                    }
                }
                Err(Unmoved::NotReady) => self.ready(PollFlags::IN)?,
                Err(Unmoved::Unsupported) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Moves what is in the pipe to the file; false if that took a buffer, as it will the next time.
fn empty(pipe: &Pipe, mut left: usize, sink: &mut Sink) -> Result<bool, Error> {
    while left > 0 {
        match pipe.empty(sink.file, left) {
            Ok(written) => {
                left -= written;
                sink.wrote(written)?;
            }
            // A file system that takes no pipe.
            Err(Unmoved::Unsupported) => return copy_out(pipe, left, sink).map(|()| false),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

fn copy_out(pipe: &Pipe, mut left: usize, sink: &mut Sink) -> Result<(), Error> {
    let mut buffer = vec![0; LARGE_BUFFER.min(left)];
    while left > 0 {
        let read = pipe.read(&mut buffer).map_err(Error::File)?;
        sink.write_taken(&buffer[..read])?;
        left -= read;
    }
    Ok(())
}
