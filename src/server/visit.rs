//! One visit of a client: its session, from the first to the last word, on one thread of the pool or more.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::net::proxy;
use crate::net::who::canonical;
use crate::reception::parking::Places;
use crate::reception::parting::{Moved, Parting};
use crate::reception::rejection::Rejection;
use crate::reception::{Accepted, Entrance};
use crate::server::gate::{Gate, Settings};
use crate::server::pool::After;
use crate::server::roster::RosterEntry;
use crate::session::Session;
use crate::web::Visitor;

/// A connection that was let in, and what it holds.
pub struct Visit {
    /// From the client, or from the load balancer that connects for it.
    pub connection: Accepted,
    /// Given back before the connection is closed.
    pub places: Option<Places>,
    /// Kept until the last word is said: the server waits for it when it stops.
    pub entry: RosterEntry,
    /// Where it came in.
    pub gate: Arc<Gate>,
    /// What its session starts with.
    pub settings: Settings,
    /// Its conversation, while it is on the way from one thread to the next.
    pub moved: Option<Box<dyn Moved>>,
}

/// What a client and the server begin, by the door that it came to.
enum Begun {
    /// FTP.
    Session(Box<Session>),
    /// HTTP.
    Visitor(Box<Visitor>),
}

/// How long a client may take to accept its last reply while others wait for the same thread.
const HASTE: Duration = Duration::from_millis(100);
/// How long a load balancer may take to send its PROXY header.
const HEADER_PATIENCE: Duration = Duration::from_secs(5);

/// A session on a thread of the pool, until it is over or needs another thread.
pub fn serve(visit: Box<Visit>) -> After<Box<Visit>> {
    catch_unwind(AssertUnwindSafe(|| visit.go_on())).unwrap_or_else(|_| {
        log::error!("a connection failed inside, outside of its session; it is closed, all others go on");
        After::Spent(None)
    })
}

impl Visit {
    fn go_on(mut self: Box<Self>) -> After<Box<Self>> {
        let parting = match self.moved.take() {
            Some(moved) => moved.resume(),
            None => match self.begin() {
                Ok(Begun::Session(session)) => session.run(),
                Ok(Begun::Visitor(visitor)) => visitor.run(),
                Err(error) => {
                    note_break(self.connection.peer, &error);
                    return After::Free;
                }
            },
        };
        self.part(parting)
    }

    #[inline(never)]
    fn part(mut self: Box<Self>, parting: Parting) -> After<Box<Self>> {
        match parting {
            Parting::Elsewhere(moved) => {
                self.moved = Some(moved);
                After::Spent(Some(self))
            }
            Parting::Over(ended) => {
                drop(self.places);
                let after = if ended.spends_thread() { After::Spent(None) } else { After::Free };
                if let Err(error) = ended.say_goodbye() {
                    note_break(self.connection.peer, &error);
                }
                after
            }
        }
    }

    /// Opens the session of a client, which a load balancer may have connected for. It fails if the client is refused or
    /// gone.
    #[inline(never)]
    fn begin(&mut self) -> io::Result<Begun> {
        let Settings { config, tls } = self.settings.clone();
        if let Some(places) = self.places.as_mut().filter(|places| places.lack_client()) {
            self.connection.peer = client_behind(self.connection.peer, &self.connection.stream)?;
            self.entry.seat.activity.is_for(self.connection.peer);
            if let Err(rejection) = self.gate.admit_late(places, self.connection.peer.ip(), &config) {
                self.gate.refuse(&self.connection, &rejection);
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
        }
        let (connection, seat) = (self.connection.clone(), self.entry.seat.clone());
        if connection.entrance == Entrance::Web {
            return Visitor::new(connection, seat, self.places.take(), (config, tls), Arc::clone(&self.gate.web))
                .map(Begun::Visitor);
        }
        Session::new(connection, seat, config, tls, Arc::clone(&self.gate.shared)).map(Begun::Session)
    }

    /// Ends a visit for which no thread can be started.
    pub fn give_up(self) {
        let Self { connection, places, entry: _entry, gate, moved, .. } = self;
        log::error!(peer:% = connection.peer, user = ""; "can't start a session's thread");
        drop(places);
        let why = Rejection::short_of_resources(None);
        match moved {
            None => gate.dismiss(&connection, &why),
            // The keeper, which calls this, waits for no client.
            Some(moved) => {
                let _ = connection.stream.set_write_timeout(Some(HASTE));
                moved.break_off(&why);
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
