//! Connections that are closed before their client has said a word: what it then sends would be answered with a reset, which
//! takes away what it was told. One thread waits a moment for all of them.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::net::{RecvFlags, SendFlags};

use crate::net::control::drop_unread;
use crate::sys::waker::Waker;

/// The way to the thread that waits.
pub struct Goodbyes {
    connections: Sender<Parted>,
    waker: Waker,
}

/// A connection that is about to be closed.
struct Parted {
    connection: Arc<TcpStream>,
    /// What its client is told once it is known not to begin with TLS; empty if it has been told, or is told nothing.
    words: Vec<u8>,
    end: Instant,
}

/// What a connection begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FirstByte {
    /// Nothing has come yet.
    Coming,
    /// TLS, whose client understands nothing in clear.
    OfTls,
    /// Anything else, or the end.
    Other,
}

/// How long a client may take to say what it came for.
const MOMENT: Duration = Duration::from_millis(500);
/// The most connections that are waited for; more are closed at once.
const MOST: usize = 256;
/// The first byte of a TLS record that begins a handshake (RFC 8446 §5.1).
const TLS_HANDSHAKE: u8 = 22;

impl Goodbyes {
    /// Starts the thread, which ends with this value.
    pub fn start() -> io::Result<Self> {
        let (connections, coming) = bounded(MOST);
        let waker = Waker::new()?;
        let woken = waker.clone();
        thread::Builder::new().name("goodbyes".to_owned()).spawn(move || wait(&coming, &woken))?;
        Ok(Self { connections, waker })
    }

    /// Says the last words, and closes the connection after a moment. If the client may begin with TLS, its first byte tells
    /// whether it hears them.
    pub fn part(&self, connection: Arc<TcpStream>, words: Vec<u8>, may_begin_with_tls: bool) {
        let end = Instant::now() + MOMENT;
        let mut parted = Parted { connection, words, end };
        if !may_begin_with_tls || FirstByte::of(&parted.connection) != FirstByte::Coming {
            parted.speak();
        }
        match self.connections.try_send(parted) {
            Ok(()) => self.waker.wake(),
            Err(refused) => refused.into_inner().speak(),
        }
    }
}

impl FirstByte {
    fn of(connection: &TcpStream) -> Self {
        let mut first = [0];
        match rustix::net::recv(connection, &mut first[..], RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((1, _)) if first == [TLS_HANDSHAKE] => Self::OfTls,
            Err(rustix::io::Errno::AGAIN) => Self::Coming,
            _ => Self::Other,
        }
    }
}

impl Parted {
    /// Says the last words, without ever waiting for the client. One that begins with TLS can be told nothing.
    fn speak(&mut self) {
        if !self.words.is_empty() && FirstByte::of(&self.connection) != FirstByte::OfTls {
            let _ = rustix::net::send(&self.connection, &self.words, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
            drop_unread(&self.connection);
        }
        self.words.clear();
        let _ = self.connection.shutdown(Shutdown::Write);
    }
}

/// They come in the order in which their moments end.
fn wait(coming: &Receiver<Parted>, waker: &Waker) {
    let mut here: Vec<Parted> = Vec::new();
    loop {
        if here.is_empty() {
            let Ok(first) = coming.recv() else { return };
            here.push(first);
        }
        here.extend(coming.try_iter().take(MOST - here.len()));
        await_one(&here, waker);
        waker.clear();
        for parted in here.iter_mut().filter(|parted| !parted.words.is_empty()) {
            if FirstByte::of(&parted.connection) != FirstByte::Coming {
                parted.speak();
            }
        }
        let now = Instant::now();
        let over = here.iter().take_while(|parted| parted.end <= now).count();
        here.drain(..over).for_each(|mut parted| {
            parted.speak();
            drop_unread(&parted.connection);
        });
    }
}

/// Waits until one of them has something to say, the next one comes, or the first one's moment is over.
fn await_one(here: &[Parted], waker: &Waker) {
    let silent = here.iter().filter(|parted| !parted.words.is_empty());
    let mut fds = vec![PollFd::new(waker, PollFlags::IN)];
    fds.extend(silent.map(|parted| PollFd::new(&parted.connection, PollFlags::IN)));
    let left = here.first().map(|parted| parted.end.saturating_duration_since(Instant::now()));
    let timeout = left.and_then(|left| Timespec::try_from(left).ok());
    let _ = rustix::event::poll(&mut fds, timeout.as_ref());
}
