//! A connection from its opening to its end, with an ear for the client; between them, transfers move bytes over it.

use std::io::ErrorKind;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::fd::AsFd;

use crate::copy::Error;
use crate::copy::watch::{Watch, Woken};
use crate::net::data_port::DataPort;
use crate::net::stream::Stream;
use crate::net::tls::Protection;

/// How long a client may take to end a TLS connection after a download; one that waits for the 226 first takes all of it.
const LINGER: Duration = Duration::from_millis(250);

/// Opens a data connection, tells the client so, and shakes hands if it is to be protected.
pub fn open(port: DataPort, protection: Option<&Protection>, watch: &mut Watch) -> Result<Stream, Error> {
    watch.answer()?;
    let mut stream = connect(port, watch)?;
    if let Some(protection) = protection {
        stream = stream.protect(protection).map_err(Error::Handshake)?;
    }
    watch.announce()?;
    shake_hands(&mut stream, watch)?;
    Ok(stream)
}

/// Shakes hands if the connection is under TLS, as long as its patience lasts.
pub fn shake_hands(stream: &mut Stream, watch: &mut Watch) -> Result<(), Error> {
    let deadline = Instant::now() + watch.patience().connect;
    loop {
        match stream.shake_hands() {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => {
                let _ = stream.finish();
                linger(stream, watch);
                return Err(Error::Handshake(error));
            }
        }
        let (socket, needs) = (stream.as_fd(), stream.handshake_needs());
        watch.ready_by(socket, needs, deadline).map_err(|error| match error {
            Error::Stalled => Error::Handshake(ErrorKind::TimedOut.into()),
            error => error,
        })?;
    }
}

/// Ends a stream under TLS after its last byte. One in clear ends when it is closed.
pub fn finish(stream: &mut Stream, watch: &mut Watch) -> Result<(), Error> {
    if stream.is_plain() {
        return Ok(());
    }
    while let Err(error) = stream.finish() {
        match error.kind() {
            ErrorKind::WouldBlock => watch.ready(stream.as_fd(), PollFlags::OUT)?,
            _ => return Err(Error::Data(error)),
        }
    }
    linger(stream, watch);
    Ok(())
}

/// Waits a moment for the client to close as well: if what it still sends met a closed port, it might lose what it has
/// not read yet.
fn linger(stream: &mut Stream, watch: &mut Watch) {
    let deadline = Instant::now() + LINGER;
    // A client that goes on sending does not make the moment longer.
    while Instant::now() < deadline {
        match stream.discard() {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                if watch.ready_by(stream.as_fd(), PollFlags::IN, deadline).is_err() {
                    return;
                }
            }
            Err(_) => return,
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
