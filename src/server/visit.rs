//! One visit of a client: its session, from the first to the last word, on one thread of the pool or more.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::net::proxy;
use crate::net::who::canonical;
use crate::protocol::reply::Reply;
use crate::server::gate::{self, Gate, Places, Settings};
use crate::server::pool::After;
use crate::server::roster::RosterEntry;
use crate::session::{Entrance, Session, Turn, short_of_resources};

/// An admitted connection: how far it got, and the places it holds.
pub struct Visit {
    /// How far it got.
    pub stage: Stage,
    /// Its control connection.
    pub stream: Arc<TcpStream>,
    /// The client, or the load balancer that connects for it.
    pub peer: SocketAddr,
    /// Given back before the connection is closed.
    pub places: Places,
    /// Kept until the last word is said: the server waits for it when it stops.
    pub entry: RosterEntry,
}

/// How far a visit got.
pub enum Stage {
    /// Before its session.
    Arrived(Arrival),
    /// In its session.
    Open(Box<Session>),
}

/// A connection before its session.
pub struct Arrival {
    /// How it begins.
    pub entrance: Entrance,
    /// What its session takes over.
    pub settings: Settings,
    /// What it passed.
    pub gate: Arc<Gate>,
}

/// How long a client may take to accept its last reply while others wait for the same thread.
const HASTE: Duration = Duration::from_millis(100);
/// How long a load balancer may take to send its PROXY header.
const HEADER_PATIENCE: Duration = Duration::from_secs(5);

/// A session on a thread of the pool, from its first to its last word or until it needs another thread. A panic costs this
/// session alone.
pub fn serve(mut visit: Box<Visit>) -> After<Box<Visit>> {
    let turn = catch_unwind(AssertUnwindSafe(|| visit.go_on()));
    // Of a session that panicked nobody knows whether it was locked in by then.
    let is_spent = turn.is_err() || matches!(&visit.stage, Stage::Open(session) if session.is_locked());
    if matches!(turn, Ok(Ok(Turn::Elsewhere))) {
        return After::Spent(Some(visit));
    }
    visit.end(turn);
    if is_spent { After::Spent(None) } else { After::Free }
}

impl Visit {
    fn go_on(&mut self) -> io::Result<Turn> {
        self.begin()?;
        match &mut self.stage {
            Stage::Open(session) => session.run(),
            Stage::Arrived(_) => Ok(Turn::Over),
        }
    }

    /// Opens the session of a client, who may be behind a load balancer, unless it is open.
    ///
    /// # Errors
    /// When the client is gone already, or refused.
    #[inline(never)]
    fn begin(&mut self) -> io::Result<()> {
        let Stage::Arrived(arrival) = &self.stage else { return Ok(()) };
        let Arrival { entrance, settings: Settings { config, tls }, gate } = arrival;
        if self.places.await_client() {
            self.peer = client_behind(self.peer, &self.stream)?;
            if let Err(reply) = gate.admit_behind(&mut self.places, self.peer.ip(), config) {
                gate.refuse(&self.stream, self.peer, *entrance, &reply);
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
        }
        let connection = (Arc::clone(&self.stream), self.peer, *entrance);
        let session = Session::new(connection, (Arc::clone(config), tls.clone()), Arc::clone(&gate.shared))?;
        self.stage = Stage::Open(session);
        Ok(())
    }

    /// The last word, and the places given back before it.
    #[inline(never)]
    fn end(self, turn: thread::Result<io::Result<Turn>>) {
        let Self { stage, peer, places, entry: _entry, .. } = self;
        drop(places);
        let last = match turn {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => return note_break(peer, &error),
            Err(_) => Some(apology(peer)),
        };
        let Stage::Open(session) = stage else { return };
        let ended = catch_unwind(AssertUnwindSafe(|| match last {
            None => session.end(),
            Some(reply) => session.end_with(reply),
        }));
        if let Ok(Err(error)) = ended {
            note_break(peer, &error);
        }
    }

    /// No thread can be started for it, and the one that it had can't go on.
    pub fn give_up(self) {
        let Self { stage, stream, peer, places, entry: _entry } = self;
        log::error!(peer:%, user = ""; "can't start a session's thread");
        drop(places);
        match stage {
            Stage::Arrived(arrival) => gate::dismiss(&stream, arrival.entrance, &short_of_resources()),
            // The keeper, who calls this, waits for no client.
            Stage::Open(session) => {
                let _ = stream.set_write_timeout(Some(HASTE));
                session.break_off(short_of_resources());
            }
        }
    }
}

#[cold]
fn client_behind(balancer: SocketAddr, stream: &TcpStream) -> io::Result<SocketAddr> {
    match proxy::client(stream, Instant::now() + HEADER_PATIENCE) {
        // A health check is the balancer's own.
        Ok(client) => Ok(client.map_or(balancer, canonical)),
        Err(error) => {
            let reason = match error.kind() {
                io::ErrorKind::InvalidData => "what came is no PROXY header",
                io::ErrorKind::TimedOut => "no PROXY header came in time",
                _ => "it closed the connection before its PROXY header",
            };
            log::warn!(peer:% = balancer, user = ""; "load balancer (proxy_protocol_from): {reason}");
            Err(error)
        }
    }
}

#[cold]
fn note_break(peer: SocketAddr, error: &io::Error) {
    log::debug!(peer:%, user = ""; "control connection: {error}");
}

#[cold]
fn apology(peer: SocketAddr) -> Reply {
    log::error!(peer:%, user = ""; "the session failed inside; it is closed, all others go on");
    Reply::new(421, "Something went wrong inside; closing the connection.")
}
