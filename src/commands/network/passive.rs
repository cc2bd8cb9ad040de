//! The passive ports of one address, tried one after another: through the running server, or by dialling each.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use super::dial::{Client, Reply, connect};
use crate::commands::finding::Finding;
use crate::commands::holder::Holders;
use crate::config::Masquerade;
use crate::firewall::PortSet;
use crate::protocol::address;
use crate::server::listen;

/// The server picks ports at random, so each is met sooner or later: after so many rounds for every port of the range.
const ROUNDS: usize = 8;
/// Of a larger range, only so many ports are tried.
pub const MOST: usize = 2000;
/// Without a range every port is a new one, and a few do.
const ROUNDS_WITHOUT_RANGE: usize = 3;
/// A port whose packets are dropped costs seconds, and so many show what there is to see.
const ENOUGH: usize = 3;

/// What the settings promise at one address.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// The address that clients dial.
    pub ip: IpAddr,
    /// The ports for data connections; `None` is any free port.
    pub range: Option<&'a RangeInclusive<u16>>,
    /// What some clients are told instead of the address.
    pub masquerade: Option<&'a Masquerade>,
}

/// What was found at one address.
#[derive(Debug, Default)]
pub struct Tried {
    /// Ports that clients can reach.
    pub open: PortSet,
    /// Ports that they can't, by what they hear.
    dead: BTreeMap<String, PortSet>,
    /// Ports that the server can't have, by who has them.
    held: BTreeMap<String, PortSet>,
    /// What the server does that it should not.
    wrong: Option<String>,
}

/// Has the server name data ports again and again, and connects to each: a new one replaces the one before.
pub fn through_server(client: &mut Client, offer: Offer) -> Tried {
    let Offer { ip, range, .. } = offer;
    let mut tried = Tried::default();
    let rounds = range.map_or(ROUNDS_WITHOUT_RANGE, |range| match range.len() {
        many if many > MOST => MOST,
        few => few * ROUNDS,
    });
    for _ in 0..rounds {
        match named(client, offer) {
            Ok(port) if tried.knows(port) => {}
            Ok(port) => tried.dial(SocketAddr::new(ip, port)),
            Err(why) => {
                tried.wrong = Some(why);
                break;
            }
        }
        if tried.has_enough() || range.is_some_and(|range| tried.open.len() + tried.dead_count() == range.len()) {
            break;
        }
    }
    if let Some(range) = range.filter(|range| range.len() <= MOST && !tried.has_enough()) {
        let holders = Holders::read();
        let unseen: Vec<u16> = range.clone().filter(|port| !tried.knows(*port)).collect();
        unseen.into_iter().for_each(|port| tried.bind(SocketAddr::new(ip, port), &holders));
    }
    tried
}

/// Dials each port: it may belong to the server, or be free for it, but not to another program.
pub fn directly(control: SocketAddr, range: &RangeInclusive<u16>) -> Tried {
    let mut tried = Tried::default();
    let holders = Holders::read();
    let server = holders.at(control);
    for port in range.clone().step_by(range.len().div_ceil(MOST).max(1)) {
        let address = SocketAddr::new(control.ip(), port);
        match connect(address) {
            Ok(_) => match holders.at(address).filter(|holder| Some(*holder) != server) {
                Some(other) => tried.held.entry(other.to_string()).or_default().insert(port),
                None => tried.open.insert(port),
            },
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                tried.open.insert(port);
                tried.bind(address, &holders);
            }
            Err(error) => tried.dead.entry(error.kind().to_string()).or_default().insert(port),
        }
        if tried.has_enough() {
            break;
        }
    }
    tried
}

/// The port at which the server waits for a data connection, or what is wrong about its answer.
fn named(client: &mut Client, Offer { ip, range, masquerade }: Offer) -> Result<u16, String> {
    let (command, code) = if ip.is_ipv4() { ("PASV", 227) } else { ("EPSV", 229) };
    let reply = client.ask(command).map_err(|error| format!("no answer to {command}: {}", error.kind()))?;
    let address = Some(&reply).filter(|reply| reply.code == code).and_then(|reply| address_in(reply, ip));
    let address = address.ok_or_else(|| format!("the server answers {command} with '{reply}'"))?;
    let as_set = match masquerade {
        Some(Masquerade::Address(given)) => address.ip() == *given,
        // What DNS says is found out by the server, now and then.
        Some(Masquerade::Name(_)) => true,
        None => false,
    };
    if address.ip() != ip && !as_set {
        return Err(format!("clients that dial {ip} are sent to {}, which is another address", address.ip()));
    }
    if range.is_some_and(|range| !range.contains(&address.port())) {
        let port = address.port();
        return Err(format!(
            "the server names port {port}, which is not in passive_ports: restart it to use the new ones"
        ));
    }
    Ok(address.port())
}

fn address_in(reply: &Reply, ip: IpAddr) -> Option<SocketAddr> {
    let (_, rest) = reply.text.split_once('(')?;
    let (inside, _) = rest.split_once(')')?;
    if reply.code == 227 {
        return address::parse_port(inside.as_bytes()).map(SocketAddr::V4);
    }
    let port = address::decimal(inside.strip_prefix("|||")?.strip_suffix('|')?.as_bytes())?;
    Some(SocketAddr::new(ip, port))
}

impl Tried {
    /// What there is to tell about `ip`.
    pub fn findings(&self, ip: IpAddr) -> Vec<Finding> {
        let mut findings: Vec<Finding> = Vec::new();
        findings.extend(self.wrong.as_ref().map(|why| Finding::Wrong(format!("{ip}: {why}"))));
        for (reason, ports) in &self.dead {
            let more = if self.has_enough() { " (the others were not tried)" } else { "" };
            findings.push(Finding::Wrong(format!(
                "{ip}: no connection to {ports} of passive_ports{more}, {reason}: let them through this machine's firewall"
            )));
        }
        let none_left = self.open.is_empty() && self.dead.is_empty();
        for (holder, ports) in &self.held {
            let held = format!("{ip}: {holder} holds {ports} of passive_ports");
            findings.push(if none_left {
                Finding::Wrong(format!("{held}, and none is left: stop it, or choose other ports"))
            } else {
                Finding::Note(format!("{held}, and the server goes without: stop it, or leave them out"))
            });
        }
        findings
    }

    fn dial(&mut self, address: SocketAddr) {
        match connect(address) {
            Ok(_) => self.open.insert(address.port()),
            Err(error) => self.dead.entry(error.kind().to_string()).or_default().insert(address.port()),
        }
    }

    /// Notes who has a port that can't be bound.
    fn bind(&mut self, address: SocketAddr, holders: &Holders) {
        let Err(error) = listen::bind(address, &[address.ip()]) else { return };
        let holder = match holders.at(address) {
            Some(holder) => holder.to_string(),
            None if error.kind() == ErrorKind::AddrInUse => "another program".to_owned(),
            None => format!("the system ({})", error.kind()),
        };
        self.open.remove(address.port());
        self.held.entry(holder).or_default().insert(address.port());
    }

    fn knows(&self, port: u16) -> bool {
        self.open.contains(port) || self.dead.values().any(|ports| ports.contains(port))
    }

    fn dead_count(&self) -> usize {
        self.dead.values().map(PortSet::len).sum()
    }

    fn has_enough(&self) -> bool {
        self.dead_count() >= ENOUGH
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{Ipv4Addr, TcpListener};
    use std::thread;
    use std::time::Duration;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    /// What is told about a server that answers every PASV with this reply.
    fn told(reply: &str, range: RangeInclusive<u16>, masquerade: Option<&Masquerade>) -> Vec<String> {
        let listener = TcpListener::bind((HERE, 0)).unwrap();
        let stream = connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        let answer = format!("{reply}\r\n");
        let server = thread::spawn(move || {
            let commands = BufReader::new(peer.try_clone().unwrap()).lines();
            commands.map_while(Result::ok).all(|_| peer.write_all(answer.as_bytes()).is_ok())
        });
        let mut client = Client::new(stream, Duration::from_secs(5)).unwrap();
        let tried = through_server(&mut client, Offer { ip: HERE, range: Some(&range), masquerade });
        drop(client);
        server.join().unwrap();
        tried.findings(HERE).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_the_server_should_not_say_is_told() {
        let cases = [
            (
                "227 Entering Passive Mode (10,0,0,5,32,108).",
                "127.0.0.1: clients that dial 127.0.0.1 are sent to 10.0.0.5, which is another address",
            ),
            (
                "227 Entering Passive Mode (127,0,0,1,32,108).",
                "127.0.0.1: the server names port 8300, which is not in passive_ports: restart it to use the new ones",
            ),
            ("425 No port.", "127.0.0.1: the server answers PASV with '425 No port.'"),
            ("227 Yes.", "127.0.0.1: the server answers PASV with '227 Yes.'"),
        ];
        for (reply, expected) in cases {
            let told = told(reply, 1..=1, None);
            assert!(told.contains(&expected.to_owned()), "{reply}: {told:?}");
        }
    }

    #[test]
    fn a_port_that_is_named_and_refuses_is_told() {
        let closed = TcpListener::bind((HERE, 0)).unwrap().local_addr().unwrap().port();
        let [high, low] = closed.to_be_bytes();
        let expected = format!(
            "127.0.0.1: no connection to {closed} of passive_ports, connection refused: let them through this machine's firewall"
        );
        assert_eq!(
            told(&format!("227 Entering Passive Mode (127,0,0,1,{high},{low})."), closed..=closed, None),
            [expected]
        );
    }

    #[test]
    fn the_masquerade_address_is_as_good_as_the_one_dialled() {
        let listener = TcpListener::bind((HERE, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let [high, low] = port.to_be_bytes();
        let reply = format!("227 Entering Passive Mode (192,0,2,1,{high},{low}).");
        let address = |text: &str| Masquerade::Address(text.parse().unwrap());
        let name = Masquerade::Name("ftp.example.org".to_owned());
        let cases = [
            (None, false),
            (Some(address("192.0.2.1")), true),
            (Some(address("192.0.2.2")), false),
            (Some(name), true),
        ];
        for (masquerade, sound) in cases {
            let told = told(&reply, port..=port, masquerade.as_ref());
            assert_eq!(
                !told.iter().any(|line| line.contains("are sent to 192.0.2.1")),
                sound,
                "{masquerade:?}: {told:?}"
            );
        }
    }
}
