//! The gate: where every connection asks to come in, and gets places and a thread, or a 421.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::net::SendFlags;

use crate::auth::limits::{Counted, Full, Ticket};
use crate::config::Config;
use crate::net::control::drop_unread;
use crate::net::ending::Grace;
use crate::net::stop::Stop;
use crate::net::tls::Tls;
use crate::protocol::legible::Legible;
use crate::protocol::plural::Plural;
use crate::protocol::reply::Reply;
use crate::server::capacity::{self, Headroom};
use crate::server::pool::{Pool, Work};
use crate::server::roster::Roster;
use crate::server::visit::{self, Visit};
use crate::session::shared::Shared;
use crate::session::{Accepted, Entrance, banned, short_of_resources};

/// Where every connection comes through.
pub struct Gate {
    /// What all sessions share.
    pub shared: Arc<Shared>,
    /// Who is inside.
    pub roster: Arc<Roster>,
    settings: Mutex<Settings>,
    /// As it was at the start: the pool can't grow.
    headroom: Headroom,
    pool: Pool<Box<Visit>>,
    /// When an address was last noted in the log as refused, and what decided.
    refusals: Mutex<HashMap<(IpAddr, String), Instant>>,
}

/// Who comes through the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateState {
    /// Each client, as long as there is a place for it.
    Open,
    /// Nobody; each is told so, until the last session has left.
    Draining,
    /// Nobody: the server stops.
    Closed,
}

/// What new sessions start with.
#[derive(Clone)]
pub struct Settings {
    /// All of ftpd.conf.
    pub config: Arc<Config>,
    /// `None` if TLS is off.
    pub tls: Option<Arc<Tls>>,
}

/// The places that a connection takes; they are given back before it is closed, so that a client that reconnects at once
/// finds them free.
pub struct Places {
    _server: Ticket,
    /// `None` until a load balancer has said for which client it connects.
    address: Option<Ticket>,
}

/// The time between two log lines about refusals of one address.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum number of refusals remembered as noted.
const MAX_REFUSALS: usize = 4096;

impl Gate {
    /// Opens the gate.
    pub fn new(shared: Shared, settings: Settings) -> io::Result<Gate> {
        let max_cons = capacity::sessions(&settings.config);
        Ok(Gate {
            shared: Arc::new(shared),
            roster: Arc::default(),
            settings: Mutex::new(settings),
            headroom: Headroom::new(max_cons),
            pool: Pool::new(max_cons, Work { run: visit::serve, refuse: |visit| visit.give_up() })?,
            refusals: Mutex::default(),
        })
    }

    /// What new sessions start with.
    pub fn settings(&self) -> Settings {
        self.settings.lock().clone()
    }

    /// Lets new sessions start with other settings.
    pub fn change(&self, settings: Settings) {
        *self.settings.lock() = settings;
    }

    /// Whether new sessions are still taken, and if not, whether connections are still answered.
    pub fn state(&self) -> GateState {
        match self.shared.stop.asked() {
            None => GateState::Open,
            Some(Grace::Unlimited) => GateState::Draining,
            Some(Grace::Over | Grace::Until(_)) => GateState::Closed,
        }
    }

    /// Sessions at once.
    pub fn max_cons(&self) -> usize {
        self.headroom.max_cons()
    }

    /// Gives a connection its places and a thread, or a 421. The error says that the system is short of threads.
    pub fn ask(self: &Arc<Self>, connection: Accepted) -> io::Result<()> {
        if connection.entrance == Entrance::Web {
            // Nobody serves it yet: it is closed.
            return Ok(());
        }
        let settings = self.settings();
        let places = match self.admit(connection.peer.ip(), &settings.config) {
            Ok(places) => places,
            Err(rejection) => {
                self.refuse(&connection, &rejection);
                return Ok(());
            }
        };
        let entry = Roster::enter(&self.roster, &connection.stream, connection.peer, &self.shared.stop);
        let gate = Arc::clone(self);
        let visit = Box::new(Visit { connection, places, entry, gate, settings, session: None });
        self.pool.run(visit).map_err(|(visit, error)| {
            dismiss(&visit.connection, &short_of_resources());
            error
        })
    }

    /// The places of a connection; the one of its address comes later if it is from a load balancer.
    fn admit(&self, from: IpAddr, config: &Config) -> Result<Places, Rejection> {
        let is_balancer = config.server.proxy_protocol_from.iter().any(|net| net.contains(&from));
        let address = if is_balancer { None } else { Some(self.admit_client(from, config)?) };
        let (limits, max_cons) = (&self.shared.premises.limits, self.headroom.max_cons());
        let server = limits.take(Counted::Server, Some(max_cons)).map_err(|full| Rejection::of(&full, config))?;
        if !self.headroom.is_enough_for(|| limits.taken(&Counted::Server)) {
            let decided = "the limit of this process's address space".to_owned();
            return Err(Rejection { reply: short_of_resources(), decided });
        }
        Ok(Places { _server: server, address })
    }

    /// The place of a client at its address, unless that is banned.
    fn admit_client(&self, address: IpAddr, config: &Config) -> Result<Ticket, Rejection> {
        if let Some(reason) = self.shared.bans.reason(address, config.server.ban, Instant::now()) {
            let (reply, decided) = banned(reason, config);
            return Err(Rejection { reply, decided });
        }
        let place = self.shared.premises.limits.take(Counted::Address(address), config.server.max_cons_per_ip);
        place.map_err(|full| Rejection::of(&full, config))
    }

    /// Takes the place of a client that a load balancer connects for, now that its address is known.
    pub fn admit_late(&self, places: &mut Places, client: IpAddr, config: &Config) -> Result<(), Rejection> {
        places.address = Some(self.admit_client(client, config)?);
        Ok(())
    }

    /// Tells a connection why it may not come in, and hangs up.
    pub fn refuse(&self, connection: &Accepted, rejection: &Rejection) {
        self.note_refusal(connection.peer, rejection);
        dismiss(connection, &rejection.reply);
    }

    /// Writes one line a minute for each address and reason, so that a client that connects all the time does not fill the disk.
    fn note_refusal(&self, peer: SocketAddr, Rejection { reply, decided }: &Rejection) {
        let (mut noted, now) = (self.refusals.lock(), Instant::now());
        let refused = (peer.ip(), decided.clone());
        if noted.get(&refused).is_some_and(|last| now.duration_since(*last) < REFUSAL_INTERVAL) {
            return;
        }
        if noted.len() >= MAX_REFUSALS {
            noted.clear();
        }
        noted.insert(refused, now);
        let reason = Legible(reply.text());
        log::warn!(peer:%, user = ""; "connection refused: {reason} ({decided})");
    }

    /// Lets the next refusal of an address have its line again, as a ban has begun or ended.
    pub fn forget_refusals(&self, address: IpAddr) {
        self.refusals.lock().retain(|(refused, _), _| *refused != address);
    }
}

impl Places {
    /// Whether a load balancer has yet to say for which client it connects.
    pub fn lacks_client(&self) -> bool {
        self.address.is_none()
    }
}

/// Says why and hangs up, without ever waiting for the client. A client that expects TLS can be told nothing.
pub fn dismiss(Accepted { stream, entrance, .. }: &Accepted, reply: &Reply) {
    if *entrance == Entrance::Greeting {
        let mut bytes = Vec::new();
        reply.write_to(&mut bytes);
        let _ = rustix::net::send(stream, &bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
        drop_unread(stream);
    }
    let _ = stream.shutdown(Shutdown::Write);
}

/// Why a connection may not come in.
#[derive(Debug)]
pub struct Rejection {
    reply: Reply,
    /// What decided, for the log.
    decided: String,
}

impl Rejection {
    /// No client is let in any more.
    pub fn stopping(state: GateState) -> Self {
        let decided = if state == GateState::Draining { "draining" } else { "stopping" };
        Self { reply: Reply::new(421, format!("{}.", Stop::FAREWELL.text)), decided: decided.to_owned() }
    }

    fn of(full: &Full, config: &Config) -> Self {
        let (text, key) = match (&full.key, full.max) {
            (Counted::Address(_), max) => {
                (format!("Your address has its {}; close one first.", Plural(max, "session")), "max_cons_per_ip")
            }
            (Counted::Server | Counted::Account(_), 1) => {
                ("The only session of this server is taken; try again later.".to_owned(), "max_cons")
            }
            (Counted::Server | Counted::Account(_), max) => {
                (format!("All {max} sessions of this server are taken; try again later."), "max_cons")
            }
        };
        let source = config.source("server", key);
        let is_lowered = full.key == Counted::Server && full.max < config.server.max_cons;
        let decided = if is_lowered {
            format!("{source}, lowered to {} by the limits of this process", full.max)
        } else {
            source.to_string()
        };
        Self { reply: Reply::new(421, text), decided }
    }
}
