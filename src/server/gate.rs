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
use crate::net::tls::Tls;
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
    /// When an address was last noted in the log as refused.
    refusals: Mutex<HashMap<IpAddr, Instant>>,
}

/// Who comes through the gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GateState {
    /// Everybody for whom there is a place.
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
/// Maximum number of addresses remembered as noted.
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
        let settings = self.settings();
        let places = match self.admit(connection.peer.ip(), &settings.config) {
            Ok(places) => places,
            Err(reply) => {
                self.refuse(&connection, &reply);
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
    fn admit(&self, from: IpAddr, config: &Config) -> Result<Places, Reply> {
        let is_balancer = config.server.proxy_protocol_from.iter().any(|net| net.contains(&from));
        let address = if is_balancer { None } else { Some(self.admit_client(from, config)?) };
        let server = self.shared.premises.limits.take(Counted::Server, Some(self.headroom.max_cons())).map_err(full)?;
        if !self.headroom.is_enough_for(|| self.shared.premises.limits.taken(&Counted::Server)) {
            return Err(short_of_resources());
        }
        Ok(Places { _server: server, address })
    }

    /// The place of a client at its address, unless that is banned.
    fn admit_client(&self, address: IpAddr, config: &Config) -> Result<Ticket, Reply> {
        if self.shared.bans.is_banned(address, config.server.ban, Instant::now()) {
            return Err(banned());
        }
        self.shared.premises.limits.take(Counted::Address(address), config.server.max_cons_per_ip).map_err(full)
    }

    /// Takes the place of a client that a load balancer connects for, now that its address is known.
    pub fn admit_late(&self, places: &mut Places, client: IpAddr, config: &Config) -> Result<(), Reply> {
        places.address = Some(self.admit_client(client, config)?);
        Ok(())
    }

    /// Tells a connection why it may not come in, and hangs up.
    pub fn refuse(&self, connection: &Accepted, reply: &Reply) {
        self.note_refusal(connection.peer, reply);
        dismiss(connection, reply);
    }

    /// Writes one line a minute for each address, so that a client that connects all the time does not fill the disk.
    fn note_refusal(&self, peer: SocketAddr, reply: &Reply) {
        let (mut noted, now) = (self.refusals.lock(), Instant::now());
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
}

impl Places {
    /// Whether a load balancer has yet to say for which client it connects.
    pub fn await_client(&self) -> bool {
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

fn full(full: Full) -> Reply {
    let text = match full.key {
        Counted::Address(_) => format!("Your address has its {} sessions; close one first.", full.max),
        Counted::Server | Counted::Account(_) => {
            format!("All {} sessions of this server are taken; try again later.", full.max)
        }
    };
    Reply::new(421, text)
}
