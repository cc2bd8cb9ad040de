//! The server: listeners, the gate that connections come through, threads, and the way to the end.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use jiff::tz::TimeZone;
use log::Level;

use crate::auth::limits::Limits;
use crate::auth::users::Users;
use crate::config::Config;
use crate::fs::quota::Quotas;
use crate::ini::{self, Finding};
use crate::net::names::{FollowedName, Names};
use crate::net::passive::PassivePorts;
use crate::net::source_port::SourcePort;
use crate::net::stop::Stop;
use crate::net::tls::{Tickets, Tls};
use crate::protocol::plural::Plural;
use crate::reception::Reception;
use crate::reception::transfer_log::TransferLog;
use crate::server::announcement::{Announcement, Service};
use crate::server::control_socket::ControlServer;
use crate::server::control_socket::desk::{Desk, Errand};
use crate::server::gate::{Gate, Settings};
use crate::server::hooks::Hooks;
use crate::server::keeping::Keeping;
use crate::server::listeners::Listeners;
use crate::session::shared::Shared;
use crate::session::site::{self, Site};
use crate::share::Premises;
use crate::sys::identity::Identity;
use crate::sys::jail::Jail;
use crate::sys::local_socket::SocketName;
use crate::sys::owners::Owners;
use crate::sys::{limits, process, service};

mod announcement;
pub mod capacity;
pub mod control_socket;
mod counting;
pub mod encryption;
mod gate;
mod goodbyes;
mod hooks;
mod keeping;
pub mod listen;
mod listeners;
mod lookout;
mod pool;
pub mod privileges;
mod roster;
mod sandbox;
mod visit;

/// A running server.
pub struct Server {
    gate: Arc<Gate>,
    /// What it started with, and keeps where a change needs a restart.
    started: Arc<Config>,
    listeners: Listeners,
    tickets: Tickets,
    accepting: Vec<JoinHandle<()>>,
    control: Option<ControlServer>,
    announcement: Option<Announcement>,
    hooks: Arc<Hooks>,
    keeping: Arc<Keeping>,
    errands: Receiver<Errand>,
}

/// What is opened before root is given up.
struct OpenedAsRoot {
    jail: Option<Jail>,
    transfer_log: TransferLog,
    source_port: Option<Arc<SourcePort>>,
}

/// The time after the grace in which sessions say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);
/// Orders that wait for the main thread.
const MAX_ERRANDS: usize = 16;

impl Server {
    /// Binds the listeners, gives up root, and starts to accept.
    ///
    /// # Errors
    /// When no listener can be bound, the transfer log can't be opened, a thread can't be started, root can't be
    /// given up, or the kernel lacks the sandbox that is required.
    pub fn start(config: Config, users: Arc<Users>) -> io::Result<Self> {
        process::set_umask(config.transfer.umask);
        limits::raise_open_files();
        let tickets = Tickets::new()?;
        let tls = encryption::start(&config, &tickets).map_err(io::Error::other)?;
        let listeners = Listeners::bind(&config)?;
        listeners.set_patience(config.server.timeout)?;
        let port = listeners.addresses().next().map_or(config.server.port, |address| address.port());
        control_socket::prepare(&config, port, privileges::wanted(&config.server)?.as_ref());
        let addresses: Vec<SocketAddr> = listeners.addresses().collect();
        let opened = open_as_root(&config)?;
        give_up_root(&config, opened.source_port.as_deref(), &addresses)?;
        let shared = share(&config, users, &addresses, opened)?;
        let socket = control_socket::bind(&config, port)?;
        tls.as_deref().inspect(|tls| encryption::announce(tls));
        let started = Arc::new(config);
        let gate = Arc::new(Gate::new(shared, Settings { config: Arc::clone(&started), tls })?);
        let (told, errands) = bounded(MAX_ERRANDS);
        let desk = |waker| Desk::new(Arc::clone(&gate), listeners.describe(), told, waker);
        let control = socket.map(|socket| ControlServer::start(socket, desk)).transpose()?;
        let hooks = Arc::new(Hooks::new(&gate.shared.reception.premises));
        let keeping =
            Arc::new(Keeping::new(&gate.shared.reception.users, &gate.shared.reception.premises, &gate.roster));
        hooks.look(&gate.shared.reception.users.accounts());
        keeping.look(&gate.shared.reception.users.accounts());
        lookout::start(&gate.roster, &gate.shared.reception.users, &hooks, &keeping)?;
        counting::start(&gate.shared.reception.users, &gate.shared.reception.premises)?;
        let accepting = listeners.accept(&gate)?;
        log::info!(">>> starting FTP server on {}, pid={} <<<", listeners.describe(), std::process::id());
        let announcement = started.server.announce.then(|| announce(&started, &listeners)).flatten();
        service::ready();
        Ok(Self { gate, started, listeners, tickets, accepting, control, announcement, hooks, keeping, errands })
    }

    /// Reads the files that a new configuration names for TLS.
    ///
    /// # Errors
    /// Names the key, the file and the reason; nothing has changed then.
    pub fn prepare(&self, config: &Config) -> Result<Option<Arc<Tls>>, Finding> {
        encryption::start(config, &self.tickets)
    }

    /// Takes another configuration for new sessions, with what [`Self::prepare`] made of it. Returns lines, which the log has,
    /// too: what needs a restart and stays as it is, and what failed.
    pub fn reconfigure(&self, config: Config, tls: Option<Arc<Tls>>) -> Vec<String> {
        let mut told = Vec::new();
        let mut tell = |level, line: String| {
            log::log!(level, "{line}");
            told.push(line);
        };
        for key in self.started.needs_restart(&config) {
            tell(Level::Warn, format!("{key} has changed: this needs a restart"));
        }
        process::set_umask(config.transfer.umask);
        if let Err(error) = self.listeners.set_patience(config.server.timeout) {
            tell(Level::Error, format!("timeout: {error}"));
        }
        if let Some(tls) = &tls {
            encryption::announce(tls);
            if let Some(finding) = encryption::warning(&config.tls, tls) {
                tell(Level::Warn, finding.message());
            }
        }
        let config = Arc::new(config);
        self.gate.change(Settings { config: Arc::clone(&config), tls });
        if let Err(error) = self.gate.shared.names.follow(masquerade(&config)) {
            tell(Level::Error, format!("masquerade_address: {error}"));
        }
        self.hooks.look(&self.gate.shared.reception.users.accounts());
        self.keeping.look(&self.gate.shared.reception.users.accounts());
        self.gate.shared.reception.premises.quotas.again();
        match lookout::compare(&self.gate.roster, &self.gate.shared.reception.users.accounts()) {
            0 => {}
            // The log has a line for each.
            1 => told.push("1 session ends: its account has changed".to_owned()),
            ended => told.push(format!("{ended} sessions end: their accounts have changed")),
        }
        told
    }

    /// The configuration of new sessions.
    pub fn config(&self) -> Arc<Config> {
        self.gate.settings().config
    }

    /// Opens the transfer log again, after it was rotated or when `config` names another one. If it can't be opened, the old file
    /// stays open, and the log has the line that is returned.
    pub fn reopen_transfer_log(&self, config: &Config) -> Option<String> {
        let error = self.gate.shared.reception.transfer_log.open(config.log.transfer_log.as_deref()).err()?;
        let line = format!("{}; the old one stays open", unwritten(config, &error));
        log::error!("{line}");
        Some(line)
    }

    /// The addresses where plain FTP is listened on. An IPv6 listener that takes IPv4, too, is there twice.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.greeting()
    }

    /// The addresses where HTTP is listened on, in the same form.
    pub fn web_addresses(&self) -> Vec<SocketAddr> {
        self.listeners.web()
    }

    /// The SHA-256 of the certificate, as clients show it; `None` without TLS.
    pub fn fingerprint(&self) -> Option<String> {
        self.gate.settings().tls.as_ref().map(|tls| tls.certificate().fingerprint())
    }

    /// Orders for the main thread that come from the local socket.
    pub fn errands(&self) -> &Receiver<Errand> {
        &self.errands
    }

    /// The name of the local socket, if there is one, to be removed by a process that ends at once.
    pub fn socket_name(&self) -> Option<SocketName> {
        self.control.as_ref().map(ControlServer::name)
    }

    /// Takes no new sessions any more, and ends each one after its transfer, however long that takes. Returns how many are
    /// here, and a channel that tells when the last one has left.
    pub fn drain(&self) -> io::Result<(usize, Receiver<()>)> {
        let (gone, emptied) = bounded(1);
        let roster = Arc::clone(&self.gate.roster);
        let wait = move || {
            roster.wait_for_the_last();
            let _ = gone.send(());
        };
        thread::Builder::new().name("drain".to_owned()).spawn(wait)?;
        self.gate.shared.reception.stop.drain();
        self.announcement.iter().for_each(Announcement::withdraw);
        let sessions = self.gate.roster.len();
        let present = Plural(sessions, "session");
        log::info!("draining: no new sessions; the server stops after the last transfer ({present} now)");
        self.gate.roster.tell_all();
        Ok((sessions, emptied))
    }

    /// Tells systemd's watchdog that the server is alive. If the locks that every connection takes hang, so does this, and
    /// the watchdog notices.
    pub fn report_alive(&self) {
        drop((self.gate.settings(), self.gate.roster.len()));
        service::alive();
    }

    /// Stops: no new sessions, idle ones end at once, transfers within the configured grace.
    pub fn stop(self) {
        service::stopping();
        self.announcement.iter().for_each(Announcement::withdraw);
        let (shared, roster) = (&self.gate.shared, &self.gate.roster);
        let grace = self.gate.settings().config.server.shutdown_grace;
        let present = Plural(roster.len(), "session");
        let deadline = Instant::now() + grace;
        shared.reception.stop.ask(deadline);
        self.listeners.stop();
        for thread in self.accepting {
            let _ = thread.join();
        }
        log::info!("stopping: {present}, {} s for transfers; a second signal stops at once", grace.as_secs());
        roster.tell_all();
        if !roster.wait_until_empty(deadline + GOODBYE) {
            roster.disconnect();
            roster.wait_until_empty(Instant::now() + GOODBYE);
        }
        self.hooks.finish(deadline);
        shared.reception.transfer_log.flush();
        drop(self.announcement);
        drop(self.control);
        log::info!(">>> FTP server stopped <<<");
    }
}

/// Tells the local network about the server.
fn announce(config: &Config, listeners: &Listeners) -> Option<Announcement> {
    let greeting = listeners.greeting();
    let ftp = Service { kind: "_ftp._tcp", port: greeting.first()?.port(), text: &[] };
    let kind = if config.tls.control_required { "_https._tcp" } else { "_http._tcp" };
    let web = listeners.web().first().map(|address| Service { kind, port: address.port(), text: &[("path", "/")] });
    let services: Vec<Service> = [ftp].into_iter().chain(web).collect();
    Announcement::start(&services, greeting.iter().map(SocketAddr::ip).collect())
}

/// The name to look up, if the masquerade address is one.
fn masquerade(config: &Config) -> Option<FollowedName> {
    let name = config.passive.name()?.to_owned();
    let place = config.source("passive", "masquerade_address").place();
    Some(FollowedName { name, place, listening: config.server.ip.clone() })
}

/// Why there is no transfer log, with the line that names it.
fn unwritten(config: &Config, error: &io::Error) -> io::Error {
    let path = config.log.transfer_log.as_deref().unwrap_or(Path::new("")).display();
    let reason = format!("can't write {path}: {}", ini::without_number(error));
    let finding = Finding::error(&config.source("log", "transfer_log"), reason).about("transfer_log");
    io::Error::new(error.kind(), finding.to_string())
}

/// Opens what needs root.
fn open_as_root(config: &Config) -> io::Result<OpenedAsRoot> {
    let jail = sandbox::jail(config)?;
    let transfer_log = TransferLog::default();
    transfer_log.open(config.log.transfer_log.as_deref()).map_err(|error| unwritten(config, &error))?;
    let source_port = config.active.data_port.map(SourcePort::start).transpose()?.map(Arc::new);
    Ok(OpenedAsRoot { jail, transfer_log, source_port })
}

/// Gives up root. The source port must work without it, at the addresses of the listeners.
fn give_up_root(config: &Config, source_port: Option<&SourcePort>, addresses: &[SocketAddr]) -> io::Result<()> {
    privileges::give_up_root(&config.server, source_port)?;
    let Some(source) = source_port else { return Ok(()) };
    let tried = source.try_at(addresses.iter().map(SocketAddr::ip).collect())?;
    tried.map_err(|why| io::Error::other(listen::explain_data_port(&why)))
}

/// Makes what all sessions share.
fn share(config: &Config, users: Arc<Users>, addresses: &[SocketAddr], opened: OpenedAsRoot) -> io::Result<Shared> {
    let OpenedAsRoot { jail, transfer_log, source_port } = opened;
    let control_ports: Vec<u16> = addresses.iter().map(SocketAddr::port).collect();
    let site = Site::new(control_ports.first().copied().unwrap_or(0), process::is_in_container());
    let reception = Reception {
        users,
        premises: Arc::new(Premises {
            limits: Arc::new(Limits::default()),
            homes: Default::default(),
            jail,
            claims: Arc::default(),
            partials: Default::default(),
            arrivals: Default::default(),
            downloads: Default::default(),
            quotas: Quotas::walked(),
            upload_rates: Default::default(),
            download_rates: Default::default(),
            identity: Identity::of_process(),
        }),
        bans: Default::default(),
        parking: Default::default(),
        zone: TimeZone::system(),
        transfer_log,
        stop: Arc::new(Stop::default()),
    };
    let shared = Shared {
        reception: Arc::new(reception),
        control_ports,
        passive: Arc::new(PassivePorts::new(config.passive.passive_ports.clone(), config.server.max_cons)),
        site,
        source_port,
        names: Arc::new(Names::new(site::tell_lookup)),
        own_addresses: Default::default(),
        owners: Owners::of_system(),
    };
    shared.names.follow(masquerade(config))?;
    Ok(shared)
}
