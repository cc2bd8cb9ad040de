//! What a person reads once the server has started: where it can be reached, and what it offers to whom.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::auth::accounts::Accounts;
use crate::auth::shared_folder::SharedFolder;
use crate::config::{Audience, Config, Masquerade};
use crate::net::reachable;
use crate::protocol::plural::Plural;

/// Accounts that are named; the others are counted.
const MOST_ACCOUNTS: usize = 20;
/// Addresses that are named.
const MOST_ADDRESSES: usize = 8;
/// The port that a URL need not name (RFC 1738, section 3.2).
const USUAL_PORT: u16 = 21;
/// The column of the words after a URL.
const COLUMN: usize = 34;

/// An address as people type it.
#[derive(Debug, PartialEq, Eq)]
pub struct Url(SocketAddr);

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.0.port()) {
            (SocketAddr::V4(address), USUAL_PORT) => write!(f, "ftp://{}/", address.ip()),
            (SocketAddr::V6(address), USUAL_PORT) => write!(f, "ftp://[{}]/", address.ip()),
            (address, _) => write!(f, "ftp://{address}/"),
        }
    }
}

/// Where a server with these listeners is reached, the best first.
pub fn urls(listening: &[SocketAddr]) -> Vec<Url> {
    let Some(port) = listening.first().map(SocketAddr::port) else { return Vec::new() };
    let addresses: Vec<IpAddr> = listening.iter().map(SocketAddr::ip).collect();
    let found = reachable::addresses(&addresses).into_iter().take(MOST_ADDRESSES);
    found.map(|address| Url(SocketAddr::new(address, port))).collect()
}

/// The lines of the log about a server with two files.
pub fn lines(config: &Config, accounts: &Accounts, urls: &[Url]) -> Vec<String> {
    let masquerade = config.passive.masquerade_address.as_ref().map_or_else(
        || "none".to_owned(),
        |address| {
            let audience = match config.passive.masquerade_for {
                Audience::Outside => "clients outside",
                Audience::All => "all clients",
            };
            match address {
                Masquerade::Address(address) => format!("{address}, for {audience}"),
                Masquerade::Name(name) => format!("{name}, for {audience}"),
            }
        },
    );
    let passive = config.passive.passive_ports.as_ref();
    let passive = passive.map_or("any free port".to_owned(), |ports| format!("{}-{}", ports.start(), ports.end()));
    let mut lines = vec![
        format!("concurrency model: a thread for each connection, {} at most", config.server.max_cons),
        format!("masquerade (NAT) address: {masquerade}"),
        format!("passive ports: {passive}"),
    ];
    lines.extend(accounts.all().take(MOST_ACCOUNTS).map(|user| {
        let state = if user.enabled { "" } else { ", disabled" };
        let folders = match user.folders.len() {
            0 => String::new(),
            number => format!(", {}", Plural(number, "folder")),
        };
        // It may be a URL with a password.
        let source = user.source("home");
        let home = source.partly_hidden().map_or_else(|| user.home.display().to_string(), str::to_owned);
        format!("account {}: {home}, {}{folders}{state}", user.name, user.perms)
    }));
    let more = accounts.count().saturating_sub(MOST_ACCOUNTS);
    if more > 0 {
        lines.push(format!("and {}", Plural(more as u64, "more account")));
    }
    lines.extend(urls.iter().map(|url| format!("reachable as {url}")));
    lines
}

/// The lines for the person who shares a folder.
pub fn banner(folder: &SharedFolder, urls: &[Url], is_encrypted: bool) -> String {
    let is_local = urls.iter().all(|url| url.0.ip().is_loopback());
    let whom = match &folder.member {
        Some(member) => member.name.as_str(),
        None if is_local => "everybody on this machine",
        None if folder.is_public => "everybody who can reach this machine",
        None => "everybody on your network",
    };
    let how = if folder.is_writable { "to read and write" } else { "read-only" };
    let mut lines = vec![format!("Sharing {}, {how}, for {whom}.", folder.path.display())];
    if let Some((name, password)) =
        folder.member.as_ref().and_then(|member| Some((&member.name, member.made_up_password()?)))
    {
        lines.push(format!("  name {name}, password {password}          (made up now, and shown only here)"));
    }
    let hint = "Explorer, Finder, Nautilus, VLC: paste it into the address bar";
    lines.extend(urls.iter().enumerate().map(|(at, url)| match at {
        0 => format!("  {:COLUMN$}{hint}", url.to_string()),
        _ => format!("  {url}"),
    }));
    if urls.is_empty() {
        lines.push("  No network interface has an address to listen on: nobody can reach it.".to_owned());
    }
    if is_encrypted {
        lines.push(
            "  Encrypted for clients that ask: FileZilla and WinSCP by \"explicit FTP over TLS\", curl by --ssl-reqd."
                .to_owned(),
        );
    }
    lines.push("Stop with Ctrl-C.".to_owned());
    lines.iter().map(|line| printable(line) + "\n").collect()
}

/// A name on the disk may hold what would control a terminal.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
