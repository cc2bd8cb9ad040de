//! `ftpd check --network`: what a client meets on its way to the running server, step by step.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::auth::users::Users;
use crate::commands::finding;
use crate::config::Config;
use crate::firewall::{Connection, Firewall};
use crate::ini::Finding;
use crate::protocol::address;
use crate::sys::holder;
use crate::sys::interfaces;

mod client;
mod firewalls;
mod inspection;
mod passive;
pub mod running;
mod tried;
mod web;

use inspection::Inspection;

/// Dials the control port, the passive ports and the one of the web at every address that the server listens on, and reads the rules of
/// firewalls. No file is transferred.
pub fn examine(config: &Config, users: &Users) -> Vec<Finding> {
    if config.server.port == 0 {
        let text = "port = 0 is another port at each start: name that of the running server with --set server.port=…";
        return vec![finding::wrong(text.to_owned())];
    }
    let addresses = listened_on(&config.server.ip, &interfaces::addresses());
    let mut findings = hints(config, &addresses);
    findings.extend(visits(config, users, &addresses));
    let connections = connections(config, &addresses);
    findings.extend(firewalls::findings(&Firewall::of_this_machine(), &connections, config.web.port));
    findings
}

/// The addresses of this machine at which the configured ones listen; link-local ones need a scope, and are left out.
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

/// What the settings alone say about who can connect.
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
    hints.into_iter().map(|hint| finding::note(hint.to_owned())).collect()
}

/// Dials each control port.
fn visits(config: &Config, users: &Users, addresses: &BTreeSet<IpAddr>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut silent = Vec::new();
    for (ip, port) in addresses.iter().flat_map(|ip| control_ports(config).map(move |port| (*ip, port))) {
        let control = SocketAddr::new(ip, port);
        match client::connect(control) {
            Ok(stream) if port == config.server.port => {
                findings.extend(Inspection { control, config, users }.findings(stream))
            }
            Ok(_) => findings.push(finding::note(format!("{control} answers"))),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => silent.push(control.to_string()),
            Err(error) => findings.push(finding::wrong(format!(
                "no connection to {control}, {}: let it through this machine's firewall",
                error.kind()
            ))),
        }
    }
    if !silent.is_empty() {
        let silent = silent.join(", ");
        findings.push(finding::wrong(format!(
            "no ftpd answers on {silent}: start it, or look at ip and port in ftpd.conf"
        )));
        return findings;
    }
    findings.extend(web::visits(config, addresses));
    findings
}

/// The ports for control connections, without TLS first.
fn control_ports(config: &Config) -> impl Iterator<Item = u16> {
    [Some(config.server.port), config.tls.implicit_port].into_iter().flatten().filter(|port| *port != 0)
}

/// One connection to each port that clients may dial.
fn connections(config: &Config, addresses: &BTreeSet<IpAddr>) -> Vec<Connection> {
    let passive = config.passive.passive_ports.clone().unwrap_or_else(holder::ephemeral_ports);
    let web = config.web.port.filter(|port| *port != 0);
    let ports: Vec<u16> = control_ports(config).chain(passive).chain(web).collect();
    addresses.iter().flat_map(|&ip| ports.iter().map(move |&port| Connection { ip, port })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_of_the_machine_is_dialled_if_all_are_listened_on() {
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
