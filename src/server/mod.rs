//! The server: listeners, one accept thread for each, places, the thread pool, and the way to the end.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use rustix::io::Errno;

use crate::auth::limits::{Full, Key, Limits, Ticket};
use crate::auth::users::Users;
use crate::config::Config;
use crate::fs::entry::Identity;
use crate::fs::owners::Owners;
use crate::net::passive::PassivePorts;
use crate::net::stop::Stop;
use crate::net::tls::{Tickets, Tls};
use crate::net::who::canonical;
use crate::protocol::reply::Reply;
use crate::server::pool::{After, Pool, Work};
use crate::server::roster::{Entry, Roster};
use crate::session::shared::Shared;
use crate::session::{Entrance, Session, Start, Turn};
use crate::session::{ban_rule, transfer_log::TransferLog};

pub mod encryption;
pub mod listen;
mod pool;
pub mod privileges;
mod roster;
pub mod signals;
mod system;

/// A running server.
pub struct Server {
    gate: Arc<Gate>,
    listeners: Vec<Listener>,
    accepting: Vec<JoinHandle<()>>,
}

/// A listener, and how its connections begin.
type Listener = (Arc<TcpListener>, Entrance);

/// What new sessions take over.
#[derive(Clone)]
struct Settings {
    config: Arc<Config>,
    tls: Option<Arc<Tls>>,
}

/// Where every connection comes through.
struct Gate {
    settings: Mutex<Settings>,
    tickets: Tickets,
    shared: Arc<Shared>,
    roster: Arc<Roster>,
    pool: Pool<Box<Visit>>,
    /// When an address was last noted in the log as refused.
    refusals: Mutex<HashMap<IpAddr, Instant>>,
    /// As it was at the start: the pool can't grow.
    max_cons: usize,
}

/// An admitted connection: how far it got, and the places it holds.
struct Visit {
    stage: Stage,
    stream: Arc<TcpStream>,
    peer: SocketAddr,
    places: Places,
    /// Until the last word is said: the server waits for it when it stops.
    entry: Entry,
}

/// How far a visit got.
enum Stage {
    /// Before its session.
    Arrived(Entrance, Settings, Arc<Shared>),
    /// Its session goes on with this reply.
    Moved(Box<Session>, Reply),
}

/// What is given back before the connection is closed, so that a client that reconnects at once finds its place free.
struct Places {
    _server: Ticket,
    _address: Ticket,
}

/// After an accept that failed for want of something, the next try waits so long.
const BACK_OFF: Duration = Duration::from_millis(100);
/// The time between two log lines about refusals of one address.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(60);
/// So many addresses are remembered as noted.
const MAX_REFUSALS: usize = 4096;
/// What sessions get beyond the grace to say goodbye.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Server {
    /// Binds the listeners and starts to accept.
    ///
    /// # Errors
    /// When no listener can be bound, the transfer log can't be opened, a thread can't be started, root can't be
    /// given up, or the sandbox that is required is not to be had.
    pub fn start(config: Config, users: Arc<Users>) -> io::Result<Self> {
        system::set_umask(config.transfer.umask);
        system::raise_file_limit(&config);
        let tickets = Tickets::new()?;
        let tls = encryption::start(&config, &tickets)?;
        let listeners = bind(&config)?;
        let jail = system::jail(&config)?;
        let transfers = TransferLog::default();
        transfers.open(config.log.transfer_log.as_deref())?;
        privileges::give_up_root(&config.server)?;
        let shared = Arc::new(Shared {
            users,
            limits: Arc::new(Limits::default()),
            bans: Default::default(),
            passive: Arc::new(PassivePorts::new(config.passive.passive_ports.clone())),
            homes: Default::default(),
            jail,
            writers: Arc::default(),
            uploads: Default::default(),
            downloads: Default::default(),
            owners: Owners::of_system(),
            identity: Identity::of_process(),
            zone: TimeZone::system(),
            transfers,
            stop: Arc::new(Stop::default()),
        });
        let max_cons = config.server.max_cons;
        tls.as_deref().inspect(|tls| encryption::announce(tls));
        let gate = Arc::new(Gate {
            settings: Mutex::new(Settings { config: Arc::new(config), tls }),
            tickets,
            shared,
            roster: Arc::default(),
            pool: Pool::new(max_cons, Work { run: serve, refuse: give_up })?,
            refusals: Mutex::default(),
            max_cons,
        });
        let accepting = listeners.iter().map(|listener| spawn_accepting(listener, &gate)).collect::<io::Result<_>>()?;
        let server = Self { gate, listeners, accepting };
        log::info!(">>> starting FTP server on {}, pid={} <<<", server.addresses(), std::process::id());
        Ok(server)
    }

    /// The addresses that are listened on, for people.
    fn addresses(&self) -> String {
        let on = |wanted: Entrance| {
            let listeners = self.listeners.iter().filter(move |(_, entrance)| *entrance == wanted);
            let addresses = listeners.filter_map(|(listener, _)| listener.local_addr().ok());
            addresses.map(|address| address.to_string()).collect::<Vec<_>>().join(", ")
        };
        match on(Entrance::Tls).as_str() {
            "" => on(Entrance::Greeting),
            implicit => format!("{}, implicit TLS on {implicit}", on(Entrance::Greeting)),
        }
    }

    /// Reads the files that a new configuration names for TLS.
    ///
    /// # Errors
    /// Names the key, the file and the reason; nothing has changed then.
    pub fn prepare(&self, config: &Config) -> io::Result<Option<Arc<Tls>>> {
        encryption::start(config, &self.gate.tickets)
    }

    /// Takes another configuration for new sessions, with what [`Self::prepare`] made of it; what needs a restart is said
    /// and stays.
    pub fn reconfigure(&self, config: Config, tls: Option<Arc<Tls>>) {
        let mut current = self.gate.settings.lock().unwrap_or_else(PoisonError::into_inner);
        for key in current.config.needs_restart(&config) {
            log::warn!("{key} has changed: this needs a restart");
        }
        system::set_umask(config.transfer.umask);
        if let Err(error) = self.gate.shared.transfers.open(config.log.transfer_log.as_deref()) {
            log::error!("transfer_log: {error}; the old one stays open");
        }
        tls.as_deref().inspect(|tls| encryption::announce(tls));
        *current = Settings { config: Arc::new(config), tls };
    }

    /// Stops: no new sessions, idle ones end at once, transfers within the configured grace.
    pub fn stop(self) {
        let grace = self.gate.settings().config.server.shutdown_grace;
        let deadline = Instant::now() + grace;
        self.gate.shared.stop.ask(deadline);
        for (listener, _) in &self.listeners {
            // Wakes the accept thread up.
            let _ = rustix::net::shutdown(listener, rustix::net::Shutdown::Both);
        }
        for thread in self.accepting {
            let _ = thread.join();
        }
        log::info!("stopping: {} sessions, {} s for transfers", self.gate.roster.len(), grace.as_secs());
        self.gate.roster.stop_reading();
        if !self.gate.roster.wait_until_empty(deadline + LAST_WORDS) {
            self.gate.roster.disconnect();
            self.gate.roster.wait_until_empty(Instant::now() + LAST_WORDS);
        }
        log::info!(">>> FTP server stopped <<<");
    }
}

impl Gate {
    fn settings(&self) -> Settings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn accept_all(&self, listener: &TcpListener, entrance: Entrance) {
        let mut troubled = false;
        while self.shared.stop.asked().is_none() {
            match listener.accept() {
                Ok((stream, peer)) => match self.admit(stream, canonical(peer), entrance) {
                    Ok(()) => troubled = false,
                    Err(error) => self.back_off(&mut troubled, "can't start a session's thread", &error),
                },
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) => {}
                Err(_) if self.shared.stop.asked().is_some() => return,
                Err(error) => self.back_off(&mut troubled, "can't accept connections at the moment", &error),
            }
        }
    }

    /// Says once what the system is short of, and gives it time.
    fn back_off(&self, troubled: &mut bool, what: &str, error: &io::Error) {
        if !std::mem::replace(troubled, true) {
            log::error!("{what}: {error}{}", hint(error));
        }
        thread::sleep(BACK_OFF);
    }

    /// Gives the connection a place and a thread, or 421.
    ///
    /// # Errors
    /// When the system is short of threads.
    fn admit(&self, stream: TcpStream, peer: SocketAddr, entrance: Entrance) -> io::Result<()> {
        let (settings, stream) = (self.settings(), Arc::new(stream));
        let places = match self.find_places(peer.ip(), &settings.config) {
            Ok(places) => places,
            Err(reply) => {
                self.note_refusal(peer, &reply);
                refuse(&stream, entrance, &reply);
                return Ok(());
            }
        };
        let entry = Roster::enter(&self.roster, &stream);
        let stage = Stage::Arrived(entrance, settings, Arc::clone(&self.shared));
        let visit = Box::new(Visit { stage, stream, peer, places, entry });
        self.pool.run(visit).map_err(|(visit, error)| {
            refuse(&visit.stream, entrance, &short_of_resources());
            error
        })
    }

    /// One line a minute and address: whoever knocks all the time must not fill the disk.
    fn note_refusal(&self, peer: SocketAddr, reply: &Reply) {
        let mut noted = self.refusals.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if noted.get(&peer.ip()).is_some_and(|last| now.duration_since(*last) < REFUSAL_INTERVAL) {
            return;
        }
        if noted.len() >= MAX_REFUSALS {
            noted.clear();
        }
        noted.insert(peer.ip(), now);
        let reason = reply.text().escape_ascii().to_string();
        log::warn!(peer:%, user = ""; "connection refused: {reason}");
    }

    fn find_places(&self, address: IpAddr, config: &Config) -> Result<Places, Reply> {
        if self.shared.bans.is_banned(address, ban_rule(config), Instant::now()) {
            return Err(Reply::new(421, "Too many wrong passwords from your address; try again later."));
        }
        let limits = &self.shared.limits;
        Ok(Places {
            _server: limits.take(Key::Server, Some(self.max_cons)).map_err(full)?,
            _address: limits.take(Key::Address(address), config.server.max_cons_per_ip).map_err(full)?,
        })
    }
}

/// Binds the control port, and the one of implicit TLS.
fn bind(config: &Config) -> io::Result<Vec<Listener>> {
    let ports = [(Some(config.server.port), Entrance::Greeting), (config.tls.implicit_port, Entrance::Tls)];
    let mut all = Vec::new();
    for (port, entrance) in ports {
        let listeners = port.map_or(Ok(Vec::new()), |port| listen::bind_all(&config.server.ip, port))?;
        all.extend(listeners.into_iter().map(|listener| (Arc::new(listener), entrance)));
    }
    Ok(all)
}

fn spawn_accepting((listener, entrance): &Listener, gate: &Arc<Gate>) -> io::Result<JoinHandle<()>> {
    let (listener, entrance, gate) = (Arc::clone(listener), *entrance, Arc::clone(gate));
    thread::Builder::new().name("accept".to_owned()).spawn(move || gate.accept_all(&listener, entrance))
}

/// A session on a thread of the pool, from its first to its last word or until it needs another thread. A panic costs this
/// session alone.
fn serve(visit: Box<Visit>) -> After<Box<Visit>> {
    let Visit { stage, stream, peer, places, entry } = *visit;
    let (mut session, start) = match begin(stage, &stream, peer) {
        Ok(begun) => begun,
        Err(error) => {
            note_break(peer, &error);
            return After::Free;
        }
    };
    let turn = catch_unwind(AssertUnwindSafe(|| session.run(start)));
    // Of a session that panicked nobody knows whether it was locked in by then.
    let after = if turn.is_err() || session.is_locked() { After::Spent } else { After::Free };
    let last = match turn {
        Ok(Ok(Turn::Elsewhere(reply))) => {
            let stage = Stage::Moved(session, reply);
            return After::Elsewhere(Box::new(Visit { stage, stream, peer, places, entry }));
        }
        Ok(Ok(Turn::Over(last))) => last,
        Ok(Err(error)) => {
            note_break(peer, &error);
            None
        }
        Err(_) => Some(apology(peer)),
    };
    drop(places);
    if let Ok(Err(error)) = catch_unwind(AssertUnwindSafe(|| session.end(last))) {
        note_break(peer, &error);
    }
    drop(entry);
    after
}

fn begin(stage: Stage, stream: &Arc<TcpStream>, peer: SocketAddr) -> io::Result<(Box<Session>, Start)> {
    match stage {
        Stage::Arrived(entrance, Settings { config, tls }, shared) => {
            let session = Session::new(Arc::clone(stream), peer, (config, tls), shared)?;
            Ok((session, Start::Anew(entrance)))
        }
        Stage::Moved(session, reply) => Ok((session, Start::GoesOn(reply))),
    }
}

/// No thread can be started for it, and the one that it had can't go on.
fn give_up(visit: Box<Visit>) {
    let Visit { stage, stream, peer, places, entry: _entry } = *visit;
    log::error!(peer:%, user = ""; "can't start a session's thread");
    drop(places);
    match stage {
        Stage::Arrived(entrance, ..) => refuse(&stream, entrance, &short_of_resources()),
        // A client that is gone by now misses nothing.
        Stage::Moved(session, _) => drop(session.end(Some(short_of_resources()))),
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

/// Says why and hangs up, without ever waiting for the client. A client that expects TLS can be told nothing.
fn refuse(stream: &TcpStream, entrance: Entrance, reply: &Reply) {
    if entrance == Entrance::Greeting {
        let mut bytes = Vec::new();
        reply.write_to(&mut bytes);
        let flags = rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL;
        let _ = rustix::net::send(stream, &bytes, flags);
    }
    let _ = stream.shutdown(std::net::Shutdown::Write);
}

fn short_of_resources() -> Reply {
    Reply::new(421, "The server is short of resources; try again later.")
}

fn full(full: Full) -> Reply {
    Reply::new(
        421,
        match full.key {
            Key::Address(_) => format!("Your address has its {} sessions; close one first.", full.max),
            Key::Server | Key::Account(_) => {
                format!("All {} sessions of this server are taken; try again later.", full.max)
            }
        },
    )
}

fn hint(error: &io::Error) -> &'static str {
    let limit = [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
    if limit { " (raise LimitNOFILE= or ulimit -n, or lower max_cons)" } else { "" }
}
