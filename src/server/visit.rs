//! One visit of a client: its session, from the first to the last word, on one thread of the pool or more.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::proxy;
use crate::net::who::canonical;
use crate::server::gate::{self, Gate, Places, Settings};
use crate::server::pool::After;
use crate::server::roster::RosterEntry;
use crate::session::{Accepted, Entrance, Moved, Parting, Session, short_of_resources};

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
    /// Its session goes on with another thread.
    Moved(Moved),
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

/// A session on a thread of the pool, from its first to its last word or until it needs another thread.
pub fn serve(visit: Box<Visit>) -> After<Box<Visit>> {
    catch_unwind(AssertUnwindSafe(|| visit.go_on())).unwrap_or_else(|_| {
        log::error!("a connection failed inside, outside of its session; it is closed, all others go on");
        After::Spent(None)
    })
}

impl Visit {
    fn go_on(mut self: Box<Self>) -> After<Box<Self>> {
        let parting = match self.stage {
            Stage::Moved(moved) => moved.resume(),
            Stage::Arrived(arrival) => match arrival.open(&self.stream, &mut self.peer, &mut self.places) {
                Ok(session) => session.run(),
                Err(error) => {
                    note_break(self.peer, &error);
                    return After::Free;
                }
            },
        };
        match parting {
            Parting::Elsewhere(moved) => {
                self.stage = Stage::Moved(moved);
                After::Spent(Some(self))
            }
            Parting::Over(ended) => {
                drop(self.places);
                let after = if ended.spends_thread { After::Spent(None) } else { After::Free };
                if let Err(error) = ended.say_goodbye() {
                    note_break(self.peer, &error);
                }
                after
            }
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
            Stage::Moved(session) => {
                let _ = stream.set_write_timeout(Some(HASTE));
                session.break_off(&short_of_resources());
            }
        }
    }
}

impl Arrival {
    /// Opens the session of a client, which may be behind a load balancer.
    ///
    /// # Errors
    /// When the client is gone already, or refused.
    #[inline(never)]
    fn open(self, stream: &Arc<TcpStream>, peer: &mut SocketAddr, places: &mut Places) -> io::Result<Box<Session>> {
        let Self { entrance, settings: Settings { config, tls }, gate } = self;
        if places.await_client() {
            *peer = client_behind(*peer, stream)?;
            if let Err(reply) = gate.admit_behind(places, peer.ip(), &config) {
                gate.refuse(stream, *peer, entrance, &reply);
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
        }
        let connection = Accepted { stream: Arc::clone(stream), peer: *peer, entrance };
        Session::new(connection, config, tls, Arc::clone(&gate.shared))
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
