//! The server: listeners, one accept thread for each, places, the thread pool, and the way to the end.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
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
use crate::net::site::Site;
use crate::net::stop::Stop;
use crate::net::who::canonical;
use crate::protocol::reply::Reply;
use crate::server::pool::Pool;
use crate::server::roster::{Entry, Roster};
use crate::session::Session;
use crate::session::shared::Shared;
use crate::session::{ban_rule, transfer_log::TransferLog};

pub mod listen;
mod pool;
mod roster;
pub mod signals;
mod system;

/// A running server.
pub struct Server {
    gate: Arc<Gate>,
    listeners: Vec<Arc<TcpListener>>,
    accepting: Vec<JoinHandle<()>>,
}

/// Where every connection comes through.
struct Gate {
    config: Mutex<Arc<Config>>,
    shared: Arc<Shared>,
    roster: Arc<Roster>,
    pool: Pool<Box<Visit>>,
    /// When an address was last noted in the log as refused.
    refusals: Mutex<HashMap<IpAddr, Instant>>,
    /// As it was at the start: the pool can't grow.
    max_cons: usize,
}

/// An admitted connection: what its session needs, and the places it holds.
struct Visit {
    stream: Arc<TcpStream>,
    peer: SocketAddr,
    config: Arc<Config>,
    shared: Arc<Shared>,
    places: Places,
    /// Until the last word is said: the server waits for it when it stops.
    entry: Entry,
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
    /// When no listener can be bound, the transfer log can't be opened or a thread can't be started.
    pub fn start(config: Config, users: Arc<Users>) -> io::Result<Self> {
        system::set_umask(config.transfer.umask);
        system::raise_file_limit(&config);
        let listeners = listen::bind_all(&config.server.ip, config.server.port)?;
        let control_port = listeners.first().and_then(|listener| listener.local_addr().ok()).map_or(0, |at| at.port());
        let site = Site::new(control_port, system::is_container(Path::new("/")));
        let transfers = TransferLog::default();
        transfers.open(config.log.transfer_log.as_deref())?;
        let shared = Arc::new(Shared {
            users,
            limits: Arc::new(Limits::default()),
            bans: Default::default(),
            passive: Arc::new(PassivePorts::new(config.passive.passive_ports.clone(), site)),
            names: Arc::default(),
            homes: Default::default(),
            writers: Arc::default(),
            uploads: Default::default(),
            downloads: Default::default(),
            owners: Owners::of_system(),
            identity: Identity::of_process(),
            zone: TimeZone::system(),
            transfers,
            stop: Arc::new(Stop::default()),
        });
        shared.names.follow(config.passive.name(), &config.server.ip)?;
        let max_cons = config.server.max_cons;
        let gate = Arc::new(Gate {
            config: Mutex::new(Arc::new(config)),
            shared,
            roster: Arc::default(),
            pool: Pool::new(max_cons, serve),
            refusals: Mutex::default(),
            max_cons,
        });
        let listeners: Vec<_> = listeners.into_iter().map(Arc::new).collect();
        let accepting = listeners.iter().map(|listener| spawn_accepting(listener, &gate)).collect::<io::Result<_>>()?;
        let server = Self { gate, listeners, accepting };
        let addresses: Vec<String> = server.addresses().iter().map(SocketAddr::to_string).collect();
        log::info!(">>> starting FTP server on {}, pid={} <<<", addresses.join(", "), std::process::id());
        Ok(server)
    }

    /// The addresses that are listened on.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Takes another configuration for new sessions; what needs a restart is said and stays.
    pub fn reconfigure(&self, config: Config) {
        let mut current = self.gate.config.lock().unwrap_or_else(PoisonError::into_inner);
        for key in current.needs_restart(&config) {
            log::warn!("{key} has changed: this needs a restart");
        }
        system::set_umask(config.transfer.umask);
        if let Err(error) = self.gate.shared.transfers.open(config.log.transfer_log.as_deref()) {
            log::error!("transfer_log: {error}; the old one stays open");
        }
        let config = Arc::new(config);
        *current = Arc::clone(&config);
        // The accept threads go on while DNS is asked.
        drop(current);
        if let Err(error) = self.gate.shared.names.follow(config.passive.name(), &config.server.ip) {
            log::error!("masquerade_address: {error}");
        }
    }

    /// Stops: no new sessions, idle ones end at once, transfers within the configured grace.
    pub fn stop(self) {
        let grace = self.gate.config().server.shutdown_grace;
        let deadline = Instant::now() + grace;
        self.gate.shared.stop.ask(deadline);
        for listener in &self.listeners {
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
    fn config(&self) -> Arc<Config> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn accept_all(&self, listener: &TcpListener) {
        let mut troubled = false;
        while self.shared.stop.asked().is_none() {
            match listener.accept() {
                Ok((stream, peer)) => match self.admit(stream, canonical(peer)) {
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
    fn admit(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let (config, stream) = (self.config(), Arc::new(stream));
        let places = match self.find_places(peer.ip(), &config) {
            Ok(places) => places,
            Err(reply) => {
                self.note_refusal(peer, &reply);
                refuse(&stream, &reply);
                return Ok(());
            }
        };
        let entry = Roster::enter(&self.roster, &stream);
        let visit = Box::new(Visit { stream, peer, config, shared: Arc::clone(&self.shared), places, entry });
        self.pool.run(visit).map_err(|(visit, error)| {
            refuse(&visit.stream, &Reply::new(421, "The server is short of resources; try again later."));
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

fn spawn_accepting(listener: &Arc<TcpListener>, gate: &Arc<Gate>) -> io::Result<JoinHandle<()>> {
    let (listener, gate) = (Arc::clone(listener), Arc::clone(gate));
    thread::Builder::new().name("accept".to_owned()).spawn(move || gate.accept_all(&listener))
}

/// A session from its first to its last word, on a thread of the pool.
#[expect(clippy::boxed_local, reason = "what lies below a session on its stack, every idle session holds")]
fn serve(visit: Box<Visit>) {
    let Visit { stream, peer, config, shared, places, entry } = *visit;
    let connection = Arc::clone(&stream);
    let session = AssertUnwindSafe(move || {
        let mut session = Session::new(connection, peer, config, shared)?;
        let last = session.run()?;
        drop(places);
        session.end(last)
    });
    match catch_unwind(session) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => note_break(peer, &error),
        Err(_) => apologize(peer, &stream),
    }
    drop(entry);
}

#[cold]
fn note_break(peer: SocketAddr, error: &io::Error) {
    log::debug!(peer:%, user = ""; "control connection: {error}");
}

#[cold]
fn apologize(peer: SocketAddr, stream: &TcpStream) {
    log::error!(peer:%, user = ""; "the session failed inside; it is closed, all others go on");
    refuse(stream, &Reply::new(421, "Something went wrong inside; closing the connection."));
}

/// Says why and hangs up, without ever waiting for the client.
fn refuse(stream: &TcpStream, reply: &Reply) {
    let mut bytes = Vec::new();
    reply.write_to(&mut bytes);
    let flags = rustix::net::SendFlags::DONTWAIT | rustix::net::SendFlags::NOSIGNAL;
    let _ = rustix::net::send(stream, &bytes, flags);
    let _ = stream.shutdown(std::net::Shutdown::Write);
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
