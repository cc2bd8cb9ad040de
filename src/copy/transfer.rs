//! A transfer over an open connection: bytes moved at their rate, with an ear for the client.

use std::io::{self, ErrorKind};
use std::time::Instant;

use rustix::event::PollFlags;
use rustix::fd::AsFd;

use crate::copy::pace::Throttle;
use crate::copy::watch::Watch;
use crate::copy::{Error, SMALL_BUFFER, STEP, connection};
use crate::net::stream::{Doubt, Stream};

/// An open connection, with the watch over it and its rate.
pub struct Transfer<'t, 'd> {
    pub(super) stream: &'t mut Stream,
    pub(super) watch: &'t mut Watch<'d>,
    pub(super) throttle: &'t mut Throttle,
    /// Bytes moved since the client was last attended to.
    unattended: usize,
}

impl<'t, 'd> Transfer<'t, 'd> {
    /// A transfer over this connection, which stays open after it.
    pub fn new(stream: &'t mut Stream, watch: &'t mut Watch<'d>, throttle: &'t mut Throttle) -> Self {
        Self { stream, watch, throttle, unattended: 0 }
    }

    /// Sends what `fill` appends to its buffer, until it says that there is no more.
    pub fn produce(&mut self, fill: impl FnMut(&mut Vec<u8>) -> Result<bool, Error>) -> Result<(), Error> {
        self.produce_after(Vec::with_capacity(SMALL_BUFFER), fill)
    }

    /// The same with a head before it, which does not count as moved.
    pub fn produce_after(
        &mut self,
        head: Vec<u8>,
        mut fill: impl FnMut(&mut Vec<u8>) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let (mut buffer, mut more) = (head, true);
        while more {
            let head = buffer.len();
            more = fill(&mut buffer)?;
            self.send_all(&buffer, head)?;
            buffer.clear();
            if more {
                self.watch.attend()?;
            }
        }
        Ok(())
    }

    /// Sends what is no content: it does not count as moved.
    pub fn send_head(&mut self, head: &[u8]) -> Result<(), Error> {
        self.send_all(head, head.len())
    }

    /// Ends this side of a stream after its last byte.
    pub fn finish(&mut self) -> Result<(), Error> {
        connection::finish(self.stream, self.watch)
    }

    /// Ends this side of a stream that the client has ended, and attends to the client.
    pub fn answer_end(&mut self) -> Result<(), Error> {
        // The client may be gone already, which is no harm to what it sent.
        let _ = self.stream.finish();
        // A client that was killed leaves an orderly end on both connections; only the control connection tells. If it was
        // gone before, this does not fail: see `Watch::is_gone`.
        self.watch.attend()
    }

    /// What makes it doubtful that the client sent all of its upload, if anything does.
    pub fn doubt(&self) -> Option<Doubt> {
        self.stream.doubt()
    }

    /// The client, meanwhile.
    pub fn watch(&mut self) -> &mut Watch<'d> {
        self.watch
    }

    /// Waits until the connection is ready for `events`.
    pub(super) fn ready(&mut self, events: PollFlags) -> Result<(), Error> {
        // That attends to the client, too.
        self.unattended = 0;
        self.watch.ready(self.stream.as_fd(), events)
    }

    /// Counts bytes as moved, keeps to the rate, and attends to the client now and then.
    pub(super) fn moved(&mut self, bytes: usize) -> Result<(), Error> {
        self.watch.count(bytes);
        self.unattended += bytes;
        if let Some(delay) = self.throttle.spend(bytes, Instant::now()) {
            self.watch.pause(delay)
        } else if self.unattended >= STEP {
            self.unattended = 0;
            self.watch.attend()
        } else {
            Ok(())
        }
    }

    /// Sends a head of this length and the content after it.
    pub(super) fn send_all(&mut self, bytes: &[u8], head: usize) -> Result<(), Error> {
        self.send_by(Stream::send, bytes, head)
    }

    /// The same in this way.
    pub(super) fn send_by(
        &mut self,
        send: fn(&mut Stream, &[u8]) -> io::Result<usize>,
        mut rest: &[u8],
        mut head: usize,
    ) -> Result<(), Error> {
        while !rest.is_empty() {
            match send(self.stream, &rest[..self.throttle.step(rest.len())]) {
                Ok(sent) => {
                    let sent_of_head = head.min(sent);
                    (rest, head) = (&rest[sent..], head - sent_of_head);
                    self.moved(sent - sent_of_head)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.ready(PollFlags::OUT)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Data(error)),
            }
        }
        Ok(())
    }
}
