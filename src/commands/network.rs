//! `ftpd check --network`: the way of a client to the running server, link by link.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::auth::users::Users;
use crate::commands::finding::Finding;
use crate::commands::holder::Holders;
use crate::config::Config;
use crate::firewall::{Connection, Firewall};
use crate::net::interfaces;
use crate::protocol::address;

mod dial;
mod firewalls;
mod passive;

use dial::{Client, Reply, connect};
use passive::Offer;

/// How long a server under load may take for a line.
const PATIENCE: Duration = Duration::from_secs(5);
/// What Linux does where it does not say.
const EPHEMERAL_PORTS: RangeInclusive<u16> = 32768..=60999;

/// Dials the control port and the passive ports at every address that the server listens on, and reads the rules of
/// firewalls. Nothing is transferred.
pub fn examine(config: &Config, users: &Users) -> Vec<Finding> {
    if config.server.port == 0 {
        let mend = "name the one of the running server with --set server.port=";
        return vec![Finding::Wrong(format!("port = 0 is another one at each start: {mend}…"))];
    }
    let addresses = listened_on(&config.server.ip, &interfaces::addresses());
    let mut findings = hints(config, &addresses);
    let mut silent = Vec::new();
    for (ip, port) in addresses.iter().flat_map(|ip| control_ports(config).map(move |port| (*ip, port))) {
        let address = SocketAddr::new(ip, port);
        match connect(address) {
            Ok(stream) if port == config.server.port => findings.extend(visit(stream, address, config, users)),
            Ok(_) => findings.push(Finding::Sound(format!("{address} answers"))),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => silent.push(address.to_string()),
            Err(error) => findings.push(Finding::Wrong(format!(
                "no connection to {address}, {}: let it through this machine's firewall",
                error.kind()
            ))),
        }
    }
    if !silent.is_empty() {
        let silent = silent.join(", ");
        findings.push(Finding::Wrong(format!(
            "no ftpd answers on {silent}: start it, or look at ip and port in ftpd.conf"
        )));
    }
    findings.extend(firewalls::findings(&Firewall::of_this_machine(), &connections(config, &addresses)));
    findings
}

/// The addresses of this machine at which the configured ones listen; those of one link need a scope, and are left out.
fn listened_on(configured: &[IpAddr], machine: &BTreeSet<IpAddr>) -> BTreeSet<IpAddr> {
    let both = !configured.iter().any(IpAddr::is_ipv4);
    let of = |ip: &IpAddr| match ip {
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => machine.iter().filter(|ip| both || ip.is_ipv6()).copied().collect(),
        ip if ip.is_unspecified() => machine.iter().filter(|ip| ip.is_ipv4()).copied().collect(),
        ip => vec![*ip],
    };
    let one_link = |ip: &IpAddr| matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    configured.iter().flat_map(of).filter(|ip| !one_link(ip)).collect()
}

fn control_ports(config: &Config) -> impl Iterator<Item = u16> {
    [Some(config.server.port), config.tls.implicit_port.filter(|port| *port != 0)].into_iter().flatten()
}

/// What the settings alone say about who can come.
fn hints(config: &Config, addresses: &BTreeSet<IpAddr>) -> Vec<Finding> {
    let mut hints = Vec::new();
    if !config.reachable_from_other_machines() {
        hints.push("ip: only this machine can reach the server; set ip = 0.0.0.0, :: for others");
    } else if config.passive.masquerade_address.is_none() && !addresses.iter().copied().any(address::is_public) {
        hints.push(
            "this machine has no public address: for clients from outside set masquerade_address to the one that they \
             dial",
        );
    }
    if config.passive.passive_ports.is_none() {
        hints.push(
            "passive_ports is not set, so data connections use any free port, and no router or firewall can be told \
             which: set passive_ports = 8300-8500",
        );
    }
    hints.into_iter().map(|hint| Finding::Note(hint.to_owned())).collect()
}

/// Reads the greeting, and tries the passive ports.
fn visit(stream: TcpStream, control: SocketAddr, config: &Config, users: &Users) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (greeting, mut client) = match greeted(stream, config) {
        Ok(greeted) => greeted,
        Err(error) => return vec![stranger(control, &format!("no greeting, {}", error.kind()))],
    };
    match greeting_is_ours(&greeting, control, config) {
        Ok(note) => findings.extend(note),
        Err(wrong) => return vec![wrong],
    }
    let (ip, range) = (control.ip(), config.passive.passive_ports.as_ref());
    let (tried, way) = match login(&mut client, config, users) {
        Ok(name) => {
            let offer = Offer { ip, range, masquerade: config.passive.masquerade_address.as_ref() };
            (passive::through_server(&mut client, offer), format!("asked for as {name}"))
        }
        Err(why) => {
            let Some(range) = range else {
                findings.push(Finding::Sound(format!("{control}: ftpd answers; passive ports were not tried ({why})")));
                return findings;
            };
            (passive::directly(control, range), format!("dialled without a login ({why})"))
        }
    };
    let open = tried.open.len();
    let count = match range.map(|range| range.len()) {
        None => format!("{open}"),
        Some(all) if all > passive::MOST => format!("a sample of {open} of {all}"),
        Some(all) => format!("{open} of {all}"),
    };
    findings.push(Finding::Sound(format!("{control}: ftpd answers; passive ports in order: {count}, {way}")));
    findings.extend(tried.findings(ip));
    findings
}

fn greeted(stream: TcpStream, config: &Config) -> io::Result<(Reply, Client)> {
    let from = stream.local_addr()?;
    let mut client = Client::new(stream, PATIENCE + config.server.auth_failed_delay)?;
    // Where a load balancer of this machine says for whom it connects, so does the check.
    if config.server.proxy_protocol_from.iter().any(|net| net.contains(&from.ip())) {
        client.introduce(from)?;
    }
    Ok((client.reply()?, client))
}

/// A note where the server seems to have other settings; an error where it is another server, or turns us away.
fn greeting_is_ours(greeting: &Reply, control: SocketAddr, config: &Config) -> Result<Option<Finding>, Finding> {
    match greeting {
        Reply { code: 421, .. } => {
            Err(Finding::Wrong(format!("{control} answers, and turns this machine away: '{greeting}'")))
        }
        Reply { code: 220, text } if config.server.welcome_msg.first() == Some(text) => Ok(None),
        Reply { code: 220, .. } if Holders::read().at(control).is_some_and(|holder| holder.is_ftpd()) => {
            Ok(Some(Finding::Note(format!(
                "{control} greets with '{greeting}', which is not welcome_msg: after SIGHUP it has the settings of now"
            ))))
        }
        _ => Err(stranger(control, &format!("'{greeting}'"))),
    }
}

/// Another program has the control port.
fn stranger(control: SocketAddr, said: &str) -> Finding {
    let holder = Holders::read().at(control).map_or_else(|| "another program".to_owned(), ToString::to_string);
    let mend = "stop that, or change port in ftpd.conf";
    Finding::Wrong(format!("{control} is held by {holder}, which does not greet as ftpd does ({said}): {mend}"))
}

/// Logs in and gives the name, or says why not.
fn login(client: &mut Client, config: &Config, users: &Users) -> Result<String, String> {
    if config.tls.control_required {
        return Err("tls_control_required = on".to_owned());
    }
    let failed = |error: io::Error| error.kind().to_string();
    let from = client.local().map_err(failed)?.ip();
    let (name, password) =
        users.plain_login(from).ok_or_else(|| format!("no account with a plain password may log in from {from}"))?;
    let mut reply = client.ask(&format!("USER {name}")).map_err(failed)?;
    if reply.code == 331 {
        reply = client.ask(&format!("PASS {password}")).map_err(failed)?;
    }
    if reply.code == 230 { Ok(name) } else { Err(format!("{name} can't log in: '{reply}'")) }
}

/// One connection to each port that clients may dial.
fn connections(config: &Config, addresses: &BTreeSet<IpAddr>) -> Vec<Connection> {
    let passive = config.passive.passive_ports.clone().unwrap_or_else(ephemeral_ports);
    let ports: Vec<u16> = control_ports(config).chain(passive).collect();
    addresses.iter().flat_map(|&ip| ports.iter().map(move |&port| Connection { ip, port })).collect()
}

/// Where the system looks for a free port.
fn ephemeral_ports() -> RangeInclusive<u16> {
    let text = fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    let numbers: Vec<u16> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    if let [first, last] = numbers[..] { first..=last } else { EPHEMERAL_PORTS }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_the_machine_is_dialled_where_all_are_listened_on() {
        let ips = |text: &str| text.split_whitespace().map(|ip| ip.parse().unwrap()).collect::<BTreeSet<IpAddr>>();
        let machine = ips("127.0.0.1 10.0.0.5 ::1 fd00::2 fe80::1");
        let cases = [
            ("127.0.0.1", "127.0.0.1"),
            ("0.0.0.0", "127.0.0.1 10.0.0.5"),
            ("::", "127.0.0.1 10.0.0.5 ::1 fd00::2"),
            ("0.0.0.0 ::", "127.0.0.1 10.0.0.5 ::1 fd00::2"),
            ("10.0.0.5 ::", "10.0.0.5 ::1 fd00::2"),
            ("10.0.0.5 0.0.0.0", "127.0.0.1 10.0.0.5"),
            ("192.0.2.1", "192.0.2.1"),
        ];
        for (configured, dialled) in cases {
            let configured: Vec<IpAddr> = configured.split_whitespace().map(|ip| ip.parse().unwrap()).collect();
            assert_eq!(listened_on(&configured, &machine), ips(dialled), "{configured:?}");
        }
    }
}
