//! Uploads: from a connection to a file.

use std::io::ErrorKind;

use rustix::event::PollFlags;
use rustix::fd::AsFd;

use crate::copy::ascii::{Incoming, LineEnds};
use crate::copy::extent::{Awaited, Extent};
use crate::copy::sink::Sink;
use crate::copy::transfer::Transfer;
use crate::copy::{Error, LARGE_BUFFER, SMALL_BUFFER};
use crate::sys::zero_copy::{Pipe, Unmoved};

impl Transfer<'_, '_> {
    /// Receives the upload as far as it extends, and writes it to the file. [`Error::Data`] if the stream ends before.
    pub fn receive(&mut self, extent: &mut dyn Extent, sink: &mut Sink, incoming: &mut Incoming) -> Result<(), Error> {
        match self.receive_all(extent, sink, incoming) {
            Err(Error::File(error)) => Err(Error::File(error)),
            // What is held back has come, however the stream ended.
            received => {
                let written = sink.write(incoming.finish());
                received.and(written)
            }
        }
    }

    /// Wait, read, sift, decode, write, count, pace.
    fn receive_all(&mut self, extent: &mut dyn Extent, sink: &mut Sink, incoming: &mut Incoming) -> Result<(), Error> {
        self.take_in(&mut extent.received_before(), extent, sink, incoming)?;
        let (mut buffer, mut size) = (Vec::new(), self.throttle.step(SMALL_BUFFER));
        loop {
            // Not much larger than what is wanted, so that most of what comes after it stays where it is.
            let room = extent.awaited().most().min(size);
            if room == 0 {
                return Ok(());
            }
            if buffer.capacity() < room || buffer.capacity() / 2 >= room {
                buffer = Vec::with_capacity(room);
            }
            buffer.clear();
            let received = match self.receive_some(extent, &mut buffer)? {
                Some(0) => return Ok(()),
                Some(received) => received,
                None => continue,
            };
            self.take_in(&mut buffer, extent, sink, incoming)?;
            if received == SMALL_BUFFER && self.throttle.is_free() && size < LARGE_BUFFER {
                let as_it_is = incoming.line_ends() == LineEnds::Kept;
                if as_it_is && self.stream.is_plain() && sink.takes_splice() && self.receive_by_pipe(extent, sink)? {
                    return Ok(());
                }
                size = LARGE_BUFFER;
            }
        }
    }

    /// Receives what is there, or waits for it (`None`); 0 at an end of the stream that is no loss.
    fn receive_some(&mut self, extent: &dyn Extent, buffer: &mut Vec<u8>) -> Result<Option<usize>, Error> {
        match self.stream.receive(buffer) {
            Ok(0) => self.end(extent).map(|()| Some(0)),
            Ok(received) => Ok(Some(received)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.ready(PollFlags::IN).map(|()| None),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(None),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof && extent.awaited() != Awaited::ToTheEnd => {
                Err(self.watch.early_end())
            }
            Err(error) => Err(Error::Data(error)),
        }
    }

    fn take_in(
        &mut self,
        came: &mut Vec<u8>,
        extent: &mut dyn Extent,
        sink: &mut Sink,
        incoming: &mut Incoming,
    ) -> Result<(), Error> {
        if came.is_empty() {
            return Ok(());
        }
        extent.sift(came)?;
        sink.write(incoming.pass(came))?;
        self.moved(came.len())
    }

    /// Receives the upload without a copy to user space; false if that can't be done, and nothing was lost.
    fn receive_by_pipe(&mut self, extent: &mut dyn Extent, sink: &mut Sink) -> Result<bool, Error> {
        if extent.awaited() == Awaited::Framed || extent.awaited().most() < SMALL_BUFFER {
            return Ok(false);
        }
        let Ok(pipe) = Pipe::new() else { return Ok(false) };
        loop {
            let most = extent.awaited().most();
            if most == 0 {
                return Ok(true);
            }
            match pipe.fill(self.stream.as_fd(), most) {
                Ok(0) => return self.end(extent).map(|()| true),
                Ok(received) => {
                    extent.count(received);
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

    /// The stream has ended.
    fn end(&self, extent: &dyn Extent) -> Result<(), Error> {
        match extent.awaited() {
            Awaited::ToTheEnd => Ok(()),
            Awaited::Content(_) | Awaited::Framed => Err(self.watch.early_end()),
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
