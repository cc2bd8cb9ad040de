//! Uploads: from a data connection to a file.

use std::io::ErrorKind;

use rustix::event::PollFlags;

use crate::copy::ascii::{Incoming, LineEnds};
use crate::copy::sink::Sink;
use crate::copy::transfer::Transfer;
use crate::copy::{Error, LARGE_BUFFER, SMALL_BUFFER};

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
        // A client that was killed leaves an orderly end on both connections; only the control connection tells. What was
        // gone before is not heard of again: see `Watch::is_gone`.
        self.watch.attend()
    }
}
