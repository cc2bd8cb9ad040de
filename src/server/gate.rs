//! The gate: where every connection asks to come in, and gets places and a thread, or a 421.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::net::SendFlags;

use crate::auth::limits::{Counted, Ticket};
use crate::config::Config;
use crate::net::control::drop_unread;
use crate::net::ending::Grace;
use crate::net::tls::Tls;
use crate::protocol::reply::Reply;
use crate::reception::parking::Places;
use crate::reception::rejection::Rejection;
use crate::reception::{Accepted, Entrance};
use crate::server::capacity::{self, Headroom};
use crate::server::goodbyes::Goodbyes;
use crate::server::pool::{Pool, Work};
use crate::server::roster::Roster;
use crate::server::visit::{self, Visit};
use crate::session::shared::Shared;
use crate::sys::interfaces;
use crate::web::{self, Web};

/// Where every connection comes through.
pub struct Gate {
    /// What all sessions share.
    pub shared: Arc<Shared>,
    /// What all connections of the web share.
    pub web: Arc<Web>,
    /// Who is inside.
    pub roster: Arc<Roster>,
    settings: Mutex<Settings>,
    /// As it was at the start: the pool can't grow.
    headroom: Headroom,
    pool: Pool<Box<Visit>>,
    goodbyes: Goodbyes,
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

/// The time between two log lines about refusals of one address.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum number of refusals remembered as noted.
const MAX_REFUSALS: usize = 4096;

impl Gate {
    /// Opens the gate.
    pub fn new(shared: Shared, settings: Settings) -> io::Result<Gate> {
        let max_cons = capacity::sessions(&settings.config);
        let own_names = interfaces::host_name().into_iter().collect();
        Ok(Gate {
            web: Arc::new(Web::new(Arc::clone(&shared.reception), own_names)?),
            goodbyes: Goodbyes::start()?,
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
        match self.shared.reception.stop.asked() {
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
            Err(rejection) => {
                self.refuse(&connection, &rejection);
                return Ok(());
            }
        };
        let entry = Roster::enter(&self.roster, &connection, &self.shared.reception.stop);
        let gate = Arc::clone(self);
        let visit = Box::new(Visit { connection, places: Some(places), entry, gate, settings, moved: None });
        self.pool.run(visit).map_err(|(visit, error)| {
            self.dismiss(&visit.connection, &Rejection::short_of_resources(None));
            error
        })
    }

    /// The places of a connection; the one of its address comes later if it is from a load balancer.
    fn admit(&self, from: IpAddr, config: &Config) -> Result<Places, Box<Rejection>> {
        let is_balancer = config.server.proxy_protocol_from.iter().any(|net| net.contains(&from));
        let address = if is_balancer { None } else { Some(self.admit_client(from, config)?) };
        let server = self.take_place(Counted::Server, Some(self.headroom.max_cons()), from, config)?;
        if !self.headroom.is_enough_for(|| self.shared.reception.premises.limits.taken(&Counted::Server)) {
            return Err(Rejection::short_of_resources("the limit of this process's address space".to_owned()));
        }
        Ok(Places { server, address, account: None })
    }

    /// The place of a client at its address, unless that is banned.
    fn admit_client(&self, address: IpAddr, config: &Config) -> Result<Ticket, Box<Rejection>> {
        if let Some(reason) = self.shared.reception.bans.reason(address, config.server.ban, Instant::now()) {
            return Err(Rejection::banned(reason, config));
        }
        self.take_place(Counted::Address(address), config.server.max_cons_per_ip, address, config)
    }

    /// A place of this kind; idle connections give theirs to a client at this address.
    fn take_place(
        &self,
        key: Counted,
        max: Option<usize>,
        address: IpAddr,
        config: &Config,
    ) -> Result<Ticket, Box<Rejection>> {
        loop {
            match self.shared.reception.premises.limits.take(key.clone(), max) {
                Ok(place) => return Ok(place),
                Err(_) if self.shared.reception.parking.free_one(&key, address) => {}
                Err(full) => return Err(Rejection::full(&full, config)),
            }
        }
    }

    /// Takes the place of a client that a load balancer connects for, now that its address is known.
    pub fn admit_late(&self, places: &mut Places, client: IpAddr, config: &Config) -> Result<(), Box<Rejection>> {
        places.address = Some(self.admit_client(client, config)?);
        Ok(())
    }

    /// Tells a connection why it may not come in, and hangs up.
    pub fn refuse(&self, connection: &Accepted, rejection: &Rejection) {
        self.note_refusal(connection.peer, rejection);
        self.dismiss(connection, rejection);
    }

    /// Says why and hangs up, without ever waiting for the client. A client that expects TLS can be told nothing.
    pub fn dismiss(&self, Accepted { stream, entrance, .. }: &Accepted, rejection: &Rejection) {
        match entrance {
            Entrance::Greeting => {
                let mut bytes = Vec::new();
                Reply::new(421, rejection.text.clone()).write_to(&mut bytes);
                let _ = rustix::net::send(stream, &bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
                drop_unread(stream);
                let _ = stream.shutdown(Shutdown::Write);
            }
            Entrance::Tls => drop(stream.shutdown(Shutdown::Write)),
            Entrance::Web => {
                let has_tls = self.settings.lock().tls.is_some();
                self.goodbyes.part(Arc::clone(stream), web::rejected(rejection), has_tls);
            }
        }
    }

    /// Writes one line a minute for each address and reason, so that a client that connects all the time does not fill the disk.
    fn note_refusal(&self, peer: SocketAddr, Rejection { text, decided, .. }: &Rejection) {
        let (mut noted, now) = (self.refusals.lock(), Instant::now());
        let decided = decided.clone().unwrap_or_default();
        let refused = (peer.ip(), decided.clone());
        if noted.get(&refused).is_some_and(|last| now.duration_since(*last) < REFUSAL_INTERVAL) {
            return;
        }
        if noted.len() >= MAX_REFUSALS {
            noted.clear();
        }
        noted.insert(refused, now);
        log::warn!(peer:%, user = ""; "connection refused: {text} ({decided})");
    }

    /// Lets the next refusal of an address have its line again, as a ban has begun or ended.
    pub fn forget_refusals(&self, address: IpAddr) {
        self.refusals.lock().retain(|(refused, _), _| *refused != address);
    }
}
