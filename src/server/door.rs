//! Who may come in: bans, and the places of the server and of each address.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::auth::limits::{Full, Key, Ticket};
use crate::config::Config;
use crate::protocol::reply::Reply;
use crate::server::capacity::Room;
use crate::session::shared::Shared;
use crate::session::{banned, short_of_resources};

/// What every connection has to pass.
pub struct Door {
    /// What the sessions behind it share.
    pub shared: Arc<Shared>,
    /// As it was at the start: the pool can't grow.
    room: Room,
    /// When an address was last noted in the log as refused.
    refusals: Mutex<HashMap<IpAddr, Instant>>,
}

/// What is given back before the connection is closed, so that a client that reconnects at once finds its place free.
pub struct Places {
    _server: Ticket,
    /// None yet of a client behind a load balancer.
    address: Option<Ticket>,
}

/// The time between two log lines about refusals of one address.
const REFUSAL_INTERVAL: Duration = Duration::from_secs(60);
/// So many addresses are remembered as noted.
const MAX_REFUSALS: usize = 4096;

impl Door {
    /// A door to this many places.
    pub fn new(shared: Arc<Shared>, max_cons: usize) -> Self {
        Self { shared, room: Room::new(max_cons), refusals: Mutex::default() }
    }

    /// Places for a client.
    ///
    /// # Errors
    /// The 421 reply that says why not.
    pub fn admit(&self, address: IpAddr, config: &Config) -> Result<Places, Reply> {
        self.refuse_banned(address, config)?;
        let mut places = self.admit_balancer()?;
        places.address = Some(self.place_of(address, config)?);
        Ok(places)
    }

    /// A place for a load balancer's connection, whose client is known only later.
    ///
    /// # Errors
    /// The 421 reply that says why not.
    pub fn admit_balancer(&self) -> Result<Places, Reply> {
        let server = self.shared.limits.take(Key::Server, Some(self.room.max_cons())).map_err(full)?;
        if !self.room.is_enough_for(|| self.shared.limits.taken(&Key::Server)) {
            return Err(short_of_resources());
        }
        Ok(Places { _server: server, address: None })
    }

    /// The place of the client behind it, now that it is known.
    ///
    /// # Errors
    /// The 421 reply that says why not.
    pub fn admit_client(&self, places: &mut Places, address: IpAddr, config: &Config) -> Result<(), Reply> {
        self.refuse_banned(address, config)?;
        places.address = Some(self.place_of(address, config)?);
        Ok(())
    }

    fn place_of(&self, address: IpAddr, config: &Config) -> Result<Ticket, Reply> {
        self.shared.limits.take(Key::Address(address), config.server.max_cons_per_ip).map_err(full)
    }

    /// One line a minute and address: whoever knocks all the time must not fill the disk.
    pub fn note_refusal(&self, peer: SocketAddr, reply: &Reply) {
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

    fn refuse_banned(&self, address: IpAddr, config: &Config) -> Result<(), Reply> {
        if self.shared.bans.is_banned(address, config.server.ban_rule(), Instant::now()) {
            return Err(banned());
        }
        Ok(())
    }
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
