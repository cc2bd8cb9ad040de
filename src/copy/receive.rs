//! Uploads: from a data connection to a file.

use std::io::ErrorKind;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::PollFlags;

use crate::copy::ascii::{Incoming, LineEnds};
use crate::copy::pace::Throttle;
use crate::copy::sink::Sink;
use crate::copy::watch::Watch;
use crate::copy::{Error, LARGE_BUFFER, SMALL_BUFFER, STEP, splice};
use crate::net::stream::Stream;

/// Receives to the end of the stream and writes it to the file.
///
/// # Errors
/// Why the end of the stream was not reached or not written.
pub fn receive(
    sink: &mut Sink,
    incoming: &mut Incoming,
    data: &mut Stream,
    (watch, throttle): (&mut Watch, &mut Throttle),
) -> Result<(), Error> {
    match to_the_end(sink, incoming, data, (watch, throttle)) {
        Err(Error::File(error)) => Err(Error::File(error)),
        // What is held back has come, however the stream ended.
        received => {
            let written = sink.write(incoming.finish());
            received.and(written)
        }
    }
}

/// Wait, read, decode, write, count, pace.
fn to_the_end(
    sink: &mut Sink,
    incoming: &mut Incoming,
    data: &mut Stream,
    (watch, throttle): (&mut Watch, &mut Throttle),
) -> Result<(), Error> {
    let mut buffer = Vec::with_capacity(throttle.step(SMALL_BUFFER));
    let mut unattended = 0;
    loop {
        buffer.clear();
        let received = match data.receive(&mut buffer) {
            Ok(0) => break,
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                watch.ready(data.as_fd(), PollFlags::IN)?;
                continue;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::Data(error)),
        };
        sink.write(incoming.pass(&buffer))?;
        watch.count(received);
        unattended += received;
        if let Some(delay) = throttle.spend(received, Instant::now()) {
            watch.pause(delay)?;
        } else if unattended >= STEP {
            watch.attend()?;
            unattended = 0;
        }
        if received == SMALL_BUFFER && throttle.is_free() && buffer.capacity() < LARGE_BUFFER {
            let as_it_is = incoming.line_ends() == LineEnds::Kept;
            if as_it_is && data.is_plain() && sink.takes_splice() && splice::receive(sink, data, watch)? {
                break;
            }
            buffer = Vec::with_capacity(LARGE_BUFFER);
        }
    }
    // The client may be gone already, which is no harm to what it sent.
    let _ = data.finish();
    // A client that was killed leaves an orderly end on both connections; only the control connection tells. What was gone
    // before is not heard of again: see `Watch::is_gone`.
    watch.attend()
}
