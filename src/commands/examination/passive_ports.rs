//! The range of passive ports: which of them the server can have.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use super::ServerUser;
use super::ports::Ports;
use crate::firewall::PortSet;
use crate::ini::{self, Finding, Source};
use crate::server::listen;
use crate::sys::holder::Holder;

/// Passive ports are bound for each transfer, when the rights of root are given up.
const LOW: &str = "choose ports above 1023; a server that was not root at its start may also have CAP_NET_BIND_SERVICE \
                   (AmbientCapabilities= in the unit)";

/// Why the server can't have a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Lost {
    /// It is the port of this key.
    Ours(&'static str),
    /// A program holds it.
    Held(String),
    /// The server runs as this user, which has no right to it.
    Low(String),
    /// What the system says.
    Said(String),
}

/// How many ports of the range there are, and how many of them the server can have.
#[derive(Debug, Clone, Copy)]
struct Tally {
    all: usize,
    left: usize,
}

/// Tries each port at each address; those that the running server of the same files holds are its own. It is an error if no
/// port is left, as no client could transfer anything by PASV or EPSV.
pub fn findings(ports: &Ports, server: &ServerUser) -> Vec<Finding> {
    let config = ports.subject.config;
    let Some(range) = config.passive.passive_ports.clone() else { return Vec::new() };
    let source = config.source("passive", "passive_ports");
    let addresses = &ports.addresses;
    let failed = match server.run(|| unbindable(range.clone(), addresses, &config.server.ip)) {
        Ok(failed) => failed,
        Err(error) => return vec![Finding::error(&source, ini::without_number(&error))],
    };
    let mut lost: BTreeMap<Lost, PortSet> = BTreeMap::new();
    for (key, _, port) in ports.doors() {
        if range.contains(&port) {
            lost.entry(Lost::Ours(key)).or_default().insert(port);
        }
    }
    let own: Vec<u16> = ports.doors().iter().map(|(_, _, port)| *port).collect();
    for (address, error) in failed.into_iter().filter(|(address, _)| !own.contains(&address.port())) {
        if let Some(reason) = reason(ports, &server.name, address, &error) {
            lost.entry(reason).or_default().insert(address.port());
        }
    }
    let all = range.len();
    let count = Tally { all, left: all.saturating_sub(lost.values().map(PortSet::len).sum()) };
    lost.iter().map(|(reason, set)| finding(&source, reason, set, count)).collect()
}

/// Each port with the first address at which it can't be bound.
fn unbindable(range: RangeInclusive<u16>, ips: &[IpAddr], all: &[IpAddr]) -> Vec<(SocketAddr, io::Error)> {
    let fails = |port: u16| {
        ips.iter().find_map(|ip| {
            let address = SocketAddr::new(*ip, port);
            Some((address, listen::try_at(address, all).err()?))
        })
    };
    range.filter_map(fails).collect()
}

/// Why a port is lost, if it is.
fn reason(ports: &Ports, who: &str, address: SocketAddr, error: &io::Error) -> Option<Lost> {
    match error.kind() {
        ErrorKind::AddrInUse => match ports.holder(address) {
            Some(holder) if ports.is_ours(holder) => None,
            None if ports.is_passing(address) => None,
            holder => Some(Lost::Held(holder.map_or_else(|| "another program".to_owned(), Holder::to_string))),
        },
        ErrorKind::PermissionDenied => Some(Lost::Low(who.to_owned())),
        // A mistake in the address itself is a finding about `ip`.
        ErrorKind::AddrNotAvailable => None,
        _ => Some(Lost::Said(ini::without_number(error))),
    }
}

fn finding(source: &Source, reason: &Lost, set: &PortSet, count: Tally) -> Finding {
    let set = shown(set);
    let (reason, fix) = match reason {
        Lost::Ours(key) => (format!("{set} is the server's own ({key})"), "leave it out of the range".to_owned()),
        Lost::Held(holder) => (format!("{holder} holds {set}"), "stop that program, or choose other ports".to_owned()),
        Lost::Low(who) => (format!("{who} may not listen on {set}"), LOW.to_owned()),
        Lost::Said(error) => (format!("can't listen on {set}: {error}"), "choose other ports".to_owned()),
    };
    let Tally { all, left } = count;
    let finding = match left {
        0 => Finding::error(source, format!("{reason}, so none of {all} ports is left")),
        _ => Finding::warning(source, format!("{reason}, so {left} of {all} ports are left")),
    };
    finding.fix(fix)
}

/// The ports, or their number if they are too many to name.
fn shown(set: &PortSet) -> String {
    const MOST: usize = 60;
    let text = set.to_string();
    if text.len() > MOST { format!("{} of the ports", set.len()) } else { text }
}
