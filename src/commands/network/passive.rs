//! The passive ports of one address, tried one after another: through the running server, or by dialling each.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;

use super::client::{Client, ServerReply, connect};
use super::tried::Tried;
use crate::config::Masquerade;
use crate::protocol::address;
use crate::sys::holder::Holders;

/// How often the server is asked for each port of the range: it picks ports at random, and should name each once.
const ROUNDS: usize = 8;
/// How often it is asked without a range, where every port is another one.
const ROUNDS_WITHOUT_RANGE: usize = 3;
/// Most ports that are tried of a range.
pub const SAMPLE: usize = 2000;

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

/// Asks the server for data ports again and again, and connects to each: a new one replaces the one before.
pub fn through_server(client: &mut Client, offer: Offer) -> Tried {
    let mut tried = Tried::default();
    for _ in 0..offer.rounds() {
        match offer.named_port(client) {
            Ok(port) if tried.knows(port) => {}
            Ok(port) => tried.dial(SocketAddr::new(offer.ip, port)),
            Err(why) => {
                tried.wrong = Some(why);
                break;
            }
        }
        if tried.has_enough() || offer.range.is_some_and(|range| tried.len() == range.len()) {
            break;
        }
    }
    if let Some(range) = offer.range.filter(|range| range.len() <= SAMPLE && !tried.has_enough()) {
        let holders = Holders::read();
        let unseen: Vec<u16> = range.clone().filter(|port| !tried.knows(*port)).collect();
        unseen.into_iter().for_each(|port| tried.bind(SocketAddr::new(offer.ip, port), &holders));
    }
    tried
}

/// Dials each port: it may belong to the server, or be free for it, but not to another program.
pub fn directly(control: SocketAddr, range: &RangeInclusive<u16>) -> Tried {
    let mut tried = Tried::default();
    let holders = Holders::read();
    let server = holders.at(control);
    for port in range.clone().step_by(range.len().div_ceil(SAMPLE).max(1)) {
        let address = SocketAddr::new(control.ip(), port);
        match connect(address) {
            Ok(_) => match holders.at(address).filter(|holder| Some(*holder) != server) {
                Some(other) => tried.note_held(port, other.to_string()),
                None => tried.open.insert(port),
            },
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                tried.open.insert(port);
                tried.bind(address, &holders);
            }
            Err(error) => tried.note_dead(port, &error),
        }
        if tried.has_enough() {
            break;
        }
    }
    tried
}

impl Offer<'_> {
    fn rounds(&self) -> usize {
        match self.range.map(|range| range.len()) {
            None => ROUNDS_WITHOUT_RANGE,
            Some(many) if many > SAMPLE => SAMPLE,
            Some(few) => few * ROUNDS,
        }
    }

    /// The port at which the server waits for a data connection, or what is wrong with its answer.
    fn named_port(&self, client: &mut Client) -> Result<u16, String> {
        let (command, code) = if self.ip.is_ipv4() { ("PASV", 227) } else { ("EPSV", 229) };
        let reply = client.ask(command).map_err(|error| format!("no answer to {command}: {}", error.kind()))?;
        let address = Some(&reply).filter(|reply| reply.code == code).and_then(|reply| address_in(reply, self.ip));
        let address = address.ok_or_else(|| format!("the server answers {command} with '{reply}'"))?;
        let (ip, port) = (address.ip(), address.port());
        if !self.promises(ip) {
            return Err(format!("clients that dial {} are sent to {ip}, which is another address", self.ip));
        }
        if self.range.is_some_and(|range| !range.contains(&port)) {
            return Err(format!(
                "the server names port {port}, which is not in passive_ports: restart it to use the new ones"
            ));
        }
        Ok(port)
    }

    fn promises(&self, ip: IpAddr) -> bool {
        ip == self.ip
            || match self.masquerade {
                Some(Masquerade::Address(given)) => ip == *given,
                // The server itself asks DNS from time to time.
                Some(Masquerade::Name(_)) => true,
                None => false,
            }
    }
}

fn address_in(reply: &ServerReply, ip: IpAddr) -> Option<SocketAddr> {
    let (_, rest) = reply.text.split_once('(')?;
    let (inside, _) = rest.split_once(')')?;
    if reply.code == 227 {
        return address::parse_port(inside.as_bytes()).map(SocketAddr::V4);
    }
    let port = address::decimal(inside.strip_prefix("|||")?.strip_suffix('|')?.as_bytes())?;
    Some(SocketAddr::new(ip, port))
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
