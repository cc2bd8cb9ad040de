//! What became of each passive port of one address.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};

use super::client::connect;
use crate::commands::finding;
use crate::firewall::PortSet;
use crate::ini::Finding;
use crate::server::listen;
use crate::sys::holder::Holders;

/// Number of dead ports after which no more are tried: a port whose packets are dropped costs seconds.
const ENOUGH: usize = 3;

/// The passive ports that were tried at one address.
#[derive(Debug, Default)]
pub struct Tried {
    /// Ports that clients can reach.
    pub open: PortSet,
    /// What the server does wrong.
    pub wrong: Option<String>,
    /// Ports that clients can't reach, by error.
    dead: BTreeMap<String, PortSet>,
    /// Ports that the server can't have, by holder.
    held: BTreeMap<String, PortSet>,
}

impl Tried {
    /// All findings about `ip`.
    pub fn findings(&self, ip: IpAddr) -> Vec<Finding> {
        let wrong = self.wrong.iter().map(|why| finding::wrong(format!("{ip}: {why}")));
        let more = if self.has_enough() { " (the others were not tried)" } else { "" };
        let dead = self.dead.iter().map(|(reason, ports)| {
            finding::wrong(format!(
                "{ip}: no connection to {ports} of passive_ports{more}, {reason}: let them through this machine's firewall"
            ))
        });
        let none_left = self.len() == 0;
        let held = self.held.iter().map(|(holder, ports)| {
            let held = format!("{ip}: {holder} holds {ports} of passive_ports");
            if none_left {
                finding::wrong(format!("{held}, and none is left: stop it, or choose other ports"))
            } else {
                finding::note(format!("{held}, and the server goes without: stop it, or leave them out"))
            }
        });
        wrong.chain(dead).chain(held).collect()
    }

    /// Notes whether a port can be reached.
    pub fn dial(&mut self, address: SocketAddr) {
        match connect(address) {
            Ok(_) => self.open.insert(address.port()),
            Err(error) => self.note_dead(address.port(), &error),
        }
    }

    /// Notes who holds a port, if it can't be bound.
    pub fn bind(&mut self, address: SocketAddr, holders: &Holders) {
        let Err(error) = listen::bind(address, &[address.ip()]) else { return };
        let holder = match holders.at(address) {
            Some(holder) => holder.to_string(),
            None if error.kind() == io::ErrorKind::AddrInUse => "another program".to_owned(),
            None => format!("the system ({})", error.kind()),
        };
        self.open.remove(address.port());
        self.note_held(address.port(), holder);
    }

    /// Notes that clients can't reach a port.
    pub fn note_dead(&mut self, port: u16, error: &io::Error) {
        self.dead.entry(error.kind().to_string()).or_default().insert(port);
    }

    /// Notes that the server can't have a port.
    pub fn note_held(&mut self, port: u16, holder: String) {
        self.held.entry(holder).or_default().insert(port);
    }

    /// Whether a port is known to be open or dead.
    pub fn knows(&self, port: u16) -> bool {
        self.open.contains(port) || self.dead.values().any(|ports| ports.contains(port))
    }

    /// Number of ports that are open or dead.
    pub fn len(&self) -> usize {
        self.open.len() + self.dead_count()
    }

    /// Whether more dead ports would tell nothing new.
    pub fn has_enough(&self) -> bool {
        self.dead_count() >= ENOUGH
    }

    fn dead_count(&self) -> usize {
        self.dead.values().map(PortSet::len).sum()
    }
}
