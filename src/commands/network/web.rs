//! What a browser meets at the port of the web.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use super::client::{self, Client};
use crate::commands::finding;
use crate::config::Config;
use crate::ini::Finding;
use crate::sys::holder::Holders;

/// How long a server under load may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Dials the port of the web, if there is one that is known, at each address.
pub fn visits(config: &Config, addresses: &BTreeSet<IpAddr>) -> Vec<Finding> {
    let Some(port) = config.web.port.filter(|port| *port != 0) else { return Vec::new() };
    let visit = |ip: &IpAddr| {
        let address = SocketAddr::new(*ip, port);
        match client::connect(address) {
            Ok(stream) => answer(config, address, stream),
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => finding::wrong(format!(
                "no connection to {address} (web_port): the running server has none there yet; restart it"
            )),
            Err(error) => finding::wrong(format!(
                "no connection to {address} (web_port), {}: let it through this machine's firewall",
                error.kind()
            )),
        }
    };
    addresses.iter().map(visit).collect()
}

/// What an answer says about who gave it.
fn answer(config: &Config, address: SocketAddr, stream: TcpStream) -> Finding {
    let holders = Holders::read();
    let holder = holders.at(address);
    // One that this process may not know counts as ftpd if it speaks HTTP.
    let is_stranger = || holder.is_some_and(|holder| !holder.is_this_program());
    let said = match asked(config, address, stream) {
        Ok(line) if line.starts_with("HTTP/1.1 503") || line.starts_with("HTTP/1.1 429") => {
            return finding::wrong(format!("http://{address}/ answers, and turns this machine away: '{line}'"));
        }
        Ok(line) => match line.strip_prefix("HTTP/1.1 ") {
            Some(status) if !is_stranger() => {
                return finding::note(format!("http://{address}/: ftpd answers ({status})"));
            }
            _ => format!("'{line}'"),
        },
        Err(error) => format!("no answer, {}", error.kind()),
    };
    let what = match holder {
        Some(holder) if !is_stranger() => format!("{holder}, which does not answer a browser ({said}): restart it"),
        Some(holder) => format!("{holder}, which does not answer as ftpd does ({said}): stop it, or change web_port"),
        None => format!("another program, which does not answer as ftpd does ({said}): stop it, or change web_port"),
    };
    finding::wrong(format!("{address} (web_port) is held by {what}"))
}

/// The first line of the answer to a request for nothing but a head, which no account is needed for.
fn asked(config: &Config, address: SocketAddr, stream: TcpStream) -> io::Result<String> {
    let from = stream.local_addr()?;
    let mut client = Client::new(stream, PATIENCE)?;
    if config.server.proxy_protocol_from.iter().any(|net| net.contains(&from.ip())) {
        client.introduce(from)?;
    }
    client.request(&format!("HEAD / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"))
}
