//! A transfer over a data connection: opened, moved at its rate with an ear for the client, and ended.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::fd::AsFd;

use crate::copy::pace::Throttle;
use crate::copy::watch::{Watch, Woken};
use crate::copy::{Error, SMALL_BUFFER, STEP};
use crate::net::data_port::DataPort;
use crate::net::stream::{Doubt, Stream};
use crate::net::tls::Protection;

/// An open data connection, with the watch over it and its rate.
pub struct Transfer<'t, 'd> {
    pub(super) stream: Stream,
    pub(super) watch: &'t mut Watch<'d>,
    pub(super) throttle: &'t mut Throttle,
    /// Bytes moved since the client was last attended to.
    unattended: usize,
}

/// How long a client may take to end a TLS connection after a download; one that waits for the 226 first takes all of it.
const LINGER: Duration = Duration::from_millis(250);

impl<'t, 'd> Transfer<'t, 'd> {
    /// Opens the data connection, tells the client so, and shakes hands if it is to be protected.
    pub fn open(
        port: DataPort,
        protection: Option<&Protection>,
        watch: &'t mut Watch<'d>,
        throttle: &'t mut Throttle,
    ) -> Result<Self, Error> {
        watch.answer()?;
        let mut stream = connect(port, watch)?;
        if let Some(protection) = protection {
            stream = stream.protect(protection).map_err(Error::Handshake)?;
        }
        watch.announce()?;
        let mut transfer = Self { stream, watch, throttle, unattended: 0 };
        transfer.secure()?;
        Ok(transfer)
    }

    /// Sends what `fill` appends to its buffer, until it says that there is no more.
    pub fn produce(&mut self, mut fill: impl FnMut(&mut Vec<u8>) -> Result<bool, Error>) -> Result<(), Error> {
        let mut buffer = Vec::with_capacity(SMALL_BUFFER);
        let mut more = true;
        while more {
            buffer.clear();
            more = fill(&mut buffer)?;
            self.send_all(&buffer)?;
            if more {
                self.watch.attend()?;
            }
        }
        self.finish()
    }

    /// What makes it doubtful that the client sent all of its upload, if anything does.
    pub fn doubt(&self) -> Option<Doubt> {
        self.stream.doubt()
    }

    /// The client, meanwhile.
    pub fn watch(&mut self) -> &mut Watch<'d> {
        self.watch
    }

    /// Waits until the data connection is ready for `events`.
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

    fn send_all(&mut self, mut rest: &[u8]) -> Result<(), Error> {
        while !rest.is_empty() {
            match self.stream.send(&rest[..self.throttle.step(rest.len())]) {
                Ok(sent) => {
                    rest = &rest[sent..];
                    self.moved(sent)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.ready(PollFlags::OUT)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Data(error)),
            }
        }
        Ok(())
    }

    /// Shakes hands if the connection is under TLS.
    fn secure(&mut self) -> Result<(), Error> {
        let deadline = Instant::now() + self.watch.patience().connect;
        loop {
            match self.stream.shake_hands() {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    let _ = self.stream.finish();
                    self.linger();
                    return Err(Error::Handshake(error));
                }
            }
            let (socket, needs) = (self.stream.as_fd(), self.stream.handshake_needs());
            self.watch.ready_by(socket, needs, deadline).map_err(|error| match error {
                Error::Stalled => Error::Handshake(ErrorKind::TimedOut.into()),
                error => error,
            })?;
        }
    }

    /// Ends a stream under TLS after its last byte. One in clear ends when it is closed.
    fn finish(&mut self) -> Result<(), Error> {
        if self.stream.is_plain() {
            return Ok(());
        }
        while let Err(error) = self.stream.finish() {
            match error.kind() {
                ErrorKind::WouldBlock => self.ready(PollFlags::OUT)?,
                _ => return Err(Error::Data(error)),
            }
        }
        self.linger();
        Ok(())
    }

    /// Waits a moment for the client to close as well: if what it still sends met a closed port, it might lose what it has
    /// not read yet.
    fn linger(&mut self) {
        let deadline = Instant::now() + LINGER;
        // A client that goes on sending does not make the moment longer.
        while Instant::now() < deadline {
            match self.stream.discard() {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if self.watch.ready_by(self.stream.as_fd(), PollFlags::IN, deadline).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }
}

fn connect(mut port: DataPort, watch: &mut Watch) -> Result<Stream, Error> {
    let deadline = Instant::now() + watch.patience().connect;
    loop {
        port = match port.poll(watch.who(), Instant::now(), deadline).map_err(Error::NoConnection)? {
            ControlFlow::Break(stream) => return Ok(stream),
            ControlFlow::Continue(port) => port,
        };
        match watch.wait(port.readiness(), deadline)? {
            Woken::Data | Woken::Clock => {}
            Woken::Client => {
                port.step_back();
                watch.attend()?;
            }
        }
    }
}
