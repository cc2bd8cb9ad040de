//! The server: listeners, one accept thread for each, places, the thread pool, and the way to the end.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;
use rustix::net::{Shutdown, shutdown};

use crate::auth::limits::Limits;
use crate::auth::users::Users;
use crate::config::Config;
use crate::ini::Problem;
use crate::net::passive::PassivePorts;
use crate::net::site::Site;
use crate::net::source_port::SourcePort;
use crate::net::stop::Stop;
use crate::net::tls::{Tickets, Tls};
use crate::net::who::canonical;
use crate::protocol::reply::Reply;
use crate::server::door::Door;
use crate::server::pool::{Pool, Work};
use crate::server::roster::Roster;
use crate::server::visit::{Arrival, Settings, Stage, Visit};
use crate::session::shared::Shared;
use crate::session::transfer_log::TransferLog;
use crate::session::{Entrance, short_of_resources};
use crate::sys::identity::Identity;
use crate::sys::owners::Owners;
use crate::sys::waker::Waker;
use crate::sys::{limits, process, service};

pub mod capacity;
mod door;
pub mod encryption;
pub mod listen;
mod pool;
pub mod privileges;
mod roster;
mod system;
mod visit;

/// A running server.
pub struct Server {
    gate: Arc<Gate>,
    listeners: Vec<Listener>,
    wake: Wake,
    accepting: Vec<JoinHandle<()>>,
}

/// A listener, and how its connections begin.
type Listener = (Arc<TcpListener>, Entrance);

/// How accept threads are woken up for the last time.
#[derive(Clone)]
enum Wake {
    /// The listener, which is the server's own, is shut down.
    Shut,
    /// This becomes readable, and systemd goes on listening.
    Event(Waker),
}

/// Where every connection comes through.
struct Gate {
    settings: Mutex<Settings>,
    tickets: Tickets,
    door: Arc<Door>,
    roster: Arc<Roster>,
    pool: Pool<Box<Visit>>,
}

/// After an accept that failed for want of something, the next try waits so long.
const BACK_OFF: Duration = Duration::from_millis(100);
/// What sessions get beyond the grace to say goodbye.
const LAST_WORDS: Duration = Duration::from_secs(2);

impl Server {
    /// Binds the listeners and starts to accept.
    ///
    /// # Errors
    /// When no listener can be bound, the transfer log can't be opened, a thread can't be started, root can't be
    /// given up, or the sandbox that is required is not to be had.
    pub fn start(config: Config, users: Arc<Users>) -> io::Result<Self> {
        process::set_umask(config.transfer.umask);
        limits::raise_open_files();
        capacity::warnings(&config).iter().for_each(|line| log::warn!("{line}"));
        let tickets = Tickets::new()?;
        let tls = encryption::start(&config, &tickets).map_err(io::Error::other)?;
        let (listeners, wake) = bind(&config)?;
        set_patience(&listeners, config.server.timeout)?;
        let addresses = listeners.iter().filter_map(|(listener, _)| listener.local_addr().ok());
        let addresses: Vec<SocketAddr> = addresses.collect();
        let control_ports: Vec<u16> = addresses.iter().map(SocketAddr::port).collect();
        let site = Site::new(control_ports.first().copied().unwrap_or(0), process::is_in_container());
        let jail = system::jail(&config)?;
        let transfers = TransferLog::default();
        transfers.open(config.log.transfer_log.as_deref())?;
        let source_port = config.active.data_port.map(SourcePort::start).transpose()?.map(Arc::new);
        privileges::give_up_root(&config.server, source_port.as_deref())?;
        if let Some(source) = &source_port {
            source.may_be_bound(addresses.iter().map(SocketAddr::ip).collect())?;
        }
        let shared = Arc::new(Shared {
            users,
            limits: Arc::new(Limits::default()),
            bans: Default::default(),
            control_ports,
            passive: Arc::new(PassivePorts::new(config.passive.passive_ports.clone(), config.server.max_cons, site)),
            source_port,
            names: Arc::default(),
            own: Default::default(),
            homes: Default::default(),
            jail,
            claims: Arc::default(),
            partials: Default::default(),
            uploads: Default::default(),
            downloads: Default::default(),
            owners: Owners::of_system(),
            identity: Identity::of_process(),
            zone: TimeZone::system(),
            transfers,
            stop: Arc::new(Stop::default()),
        });
        shared.names.follow(config.passive.name(), &config.server.ip)?;
        let max_cons = capacity::sessions(&config);
        tls.as_deref().inspect(|tls| encryption::announce(tls));
        let gate = Arc::new(Gate {
            settings: Mutex::new(Settings { config: Arc::new(config), tls }),
            tickets,
            door: Arc::new(Door::new(shared, max_cons)),
            roster: Arc::default(),
            pool: Pool::new(max_cons, Work { run: visit::serve, refuse: |visit| visit.give_up() })?,
        });
        let spawn = |listener: &Listener| spawn_accepting(listener, &gate, &wake);
        let accepting = listeners.iter().map(spawn).collect::<io::Result<_>>()?;
        let server = Self { gate, listeners, wake, accepting };
        log::info!(">>> starting FTP server on {}, pid={} <<<", server.addresses(), std::process::id());
        service::ready();
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
    pub fn prepare(&self, config: &Config) -> Result<Option<Arc<Tls>>, Problem> {
        encryption::start(config, &self.gate.tickets)
    }

    /// Takes another configuration for new sessions, with what [`Self::prepare`] made of it; what needs a restart is said
    /// and stays.
    pub fn reconfigure(&self, config: Config, tls: Option<Arc<Tls>>) {
        for key in self.gate.settings().config.needs_restart(&config) {
            log::warn!("{key} has changed: this needs a restart");
        }
        process::set_umask(config.transfer.umask);
        if let Err(error) = self.gate.door.shared.transfers.open(config.log.transfer_log.as_deref()) {
            log::error!("transfer_log: {error}; the old one stays open");
        }
        if let Err(error) = set_patience(&self.listeners, config.server.timeout) {
            log::error!("timeout: {error}");
        }
        tls.as_deref().inspect(|tls| encryption::announce(tls));
        let config = Arc::new(config);
        // The accept threads go on while files are opened and DNS is asked.
        *self.gate.settings.lock().unwrap_or_else(PoisonError::into_inner) =
            Settings { config: Arc::clone(&config), tls };
        if let Err(error) = self.gate.door.shared.names.follow(config.passive.name(), &config.server.ip) {
            log::error!("masquerade_address: {error}");
        }
    }

    /// Passes where every connection passes; where that hangs, this does, too, and systemd's watchdog takes notice.
    pub fn look_around(&self) {
        drop((self.gate.settings(), self.gate.roster.len()));
        service::alive();
    }

    /// Stops: no new sessions, idle ones end at once, transfers within the configured grace.
    pub fn stop(self) {
        service::stopping();
        let grace = self.gate.settings().config.server.shutdown_grace;
        let deadline = Instant::now() + grace;
        self.gate.door.shared.stop.ask(deadline);
        match &self.wake {
            Wake::Shut => {
                for (listener, _) in &self.listeners {
                    let _ = shutdown(listener, Shutdown::Both);
                }
            }
            Wake::Event(event) => event.wake(),
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
        self.gate.door.shared.transfers.flush();
        log::info!(">>> FTP server stopped <<<");
    }
}

impl Gate {
    fn settings(&self) -> Settings {
        self.settings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn accept_all(&self, listener: &TcpListener, entrance: Entrance, wake: &Wake) {
        let mut troubled = false;
        while self.door.shared.stop.asked().is_none() {
            if let Wake::Event(event) = wake {
                let mut fds = [PollFd::new(listener, PollFlags::IN), PollFd::new(event, PollFlags::IN)];
                let _ = rustix::event::poll(&mut fds, None);
            }
            match listener.accept() {
                Ok((stream, _)) if self.door.shared.stop.asked().is_some() => {
                    return visit::refuse(&stream, entrance, &Reply::new(421, "The server is stopping."));
                }
                Err(_) if self.door.shared.stop.asked().is_some() => return,
                Ok((stream, peer)) => match self.admit(stream, canonical(peer), entrance) {
                    Ok(()) => troubled = false,
                    Err(error) => self.back_off(&mut troubled, "can't start a session's thread", &error),
                },
                Err(error) if is_no_matter(&error) => {}
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
        let balanced = settings.config.server.proxy_protocol_from.iter().any(|net| net.contains(&peer.ip()));
        let places = if balanced { self.door.admit_balancer() } else { self.door.admit(peer.ip(), &settings.config) };
        let places = match places {
            Ok(places) => places,
            Err(reply) => {
                self.door.note_refusal(peer, &reply);
                visit::refuse(&stream, entrance, &reply);
                return Ok(());
            }
        };
        let entry = Roster::enter(&self.roster, &stream);
        let stage = Stage::Arrived(Arrival { entrance, settings, door: Arc::clone(&self.door), balanced });
        let visit = Box::new(Visit { stage, stream, peer, places, entry });
        self.pool.run(visit).map_err(|(visit, error)| {
            visit::refuse(&visit.stream, entrance, &short_of_resources());
            error
        })
    }
}

/// Binds the control port, and the one of implicit TLS, unless systemd has done so.
fn bind(config: &Config) -> io::Result<(Vec<Listener>, Wake)> {
    let implicit = config.tls.implicit_port;
    let handed_over = service::listeners()?.into_iter().map(|listener| {
        listen::adopt(&listener)?;
        let entrance = if implicit == Some(listener.local_addr()?.port()) { Entrance::Tls } else { Entrance::Greeting };
        Ok((Arc::new(listener), entrance))
    });
    let handed_over: Vec<Listener> = handed_over.collect::<io::Result<_>>()?;
    if !handed_over.is_empty() {
        return Ok((handed_over, Wake::Event(Waker::new()?)));
    }
    let ports = [(Some(config.server.port), Entrance::Greeting), (implicit, Entrance::Tls)];
    let mut all = Vec::new();
    for (port, entrance) in ports {
        let listeners = port.map_or(Ok(Vec::new()), |port| listen::bind_all(&config.server.ip, port))?;
        all.extend(listeners.into_iter().map(|listener| (Arc::new(listener), entrance)));
    }
    Ok((all, Wake::Shut))
}

fn set_patience(listeners: &[Listener], idle: Option<Duration>) -> io::Result<()> {
    listeners.iter().try_for_each(|(listener, _)| listen::set_patience(listener, idle))
}

fn spawn_accepting((listener, entrance): &Listener, gate: &Arc<Gate>, wake: &Wake) -> io::Result<JoinHandle<()>> {
    let (listener, entrance, gate, wake) = (Arc::clone(listener), *entrance, Arc::clone(gate), wake.clone());
    thread::Builder::new().name("accept".to_owned()).spawn(move || gate.accept_all(&listener, entrance, &wake))
}

/// A client that is gone again, or whom another process has accepted.
fn is_no_matter(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted | ErrorKind::WouldBlock)
}

fn hint(error: &io::Error) -> &'static str {
    let limit = [Errno::MFILE, Errno::NFILE].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()));
    if limit { " (raise LimitNOFILE= or ulimit -n, or lower max_cons)" } else { "" }
}
