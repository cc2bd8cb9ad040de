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

/// What to do with a URL.
const HINT: &str = "  Paste it into the address bar of Explorer or Nautilus; Finder: Cmd-K; VLC: Ctrl-N.";
/// Who is served over TLS.
const ENCRYPTED: &str = "  Encrypted for clients that ask: FileZilla, WinSCP; curl --ssl-reqd -k.";
/// A name and a password go over the network as they are.
const IN_CLEAR: &str = "  The password is sent unencrypted; with --tls, clients can encrypt it.";

/// An address as people type it.
#[derive(Debug, PartialEq, Eq)]
pub struct Url {
    address: SocketAddr,
    /// The account, if only one may log in: some clients try anonymous if no name is given.
    account: Option<String>,
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.as_ref().map(|name| format!("{name}@")).unwrap_or_default();
        match (self.address, self.address.port()) {
            (SocketAddr::V4(address), USUAL_PORT) => write!(f, "ftp://{account}{}/", address.ip()),
            (SocketAddr::V6(address), USUAL_PORT) => write!(f, "ftp://{account}[{}]/", address.ip()),
            (address, _) => write!(f, "ftp://{account}{address}/"),
        }
    }
}

/// What a client shows of the certificate.
pub struct ShownCertificate {
    /// Its SHA-256.
    pub fingerprint: String,
    /// It ends with the process.
    pub is_passing: bool,
}

/// Where a server with these listeners is reached, the best first.
pub fn urls(listening: &[SocketAddr]) -> Vec<Url> {
    let Some(port) = listening.first().map(SocketAddr::port) else { return Vec::new() };
    let addresses: Vec<IpAddr> = listening.iter().map(SocketAddr::ip).collect();
    let found = reachable::addresses(&addresses).into_iter().take(MOST_ADDRESSES);
    found.map(|address| Url { address: SocketAddr::new(address, port), account: None }).collect()
}

/// A name that a URL holds as it is (RFC 3986, section 2.3).
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
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
        // As many as `check --user` shows.
        let folders = match user.folders.len() {
            0 => String::new(),
            others => format!(", {} folders", others + 1),
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
pub fn banner(folder: &SharedFolder, urls: Vec<Url>, certificate: Option<&ShownCertificate>) -> String {
    let mut lines = vec![headline(folder, urls.iter().all(|url| url.address.ip().is_loopback()))];
    let made_up = folder.member.as_ref().and_then(|member| Some((&member.name, member.made_up_password()?)));
    if let Some((name, password)) = made_up {
        lines.push(format!("  name {name}, password {password}          (made up now, and shown only here)"));
    }
    let account = folder.member.as_ref().map(|member| member.name.clone()).filter(|name| is_plain(name));
    if urls.is_empty() {
        lines.push("  No network interface has an address to listen on: nobody can reach it.".to_owned());
    }
    let is_reachable = !urls.is_empty();
    lines.extend(urls.into_iter().map(|url| format!("  {}", Url { account: account.clone(), ..url })));
    lines.extend(is_reachable.then(|| HINT.to_owned()));
    match certificate {
        Some(ShownCertificate { fingerprint, is_passing }) => {
            let how_long = if *is_passing { " (for this run only)" } else { "" };
            lines.extend([
                ENCRYPTED.to_owned(),
                format!("  Its certificate has the SHA-256{how_long}"),
                format!("  {fingerprint}"),
            ]);
        }
        None if folder.member.is_some() => lines.push(IN_CLEAR.to_owned()),
        None => {}
    }
    lines.push("Stop with Ctrl-C.".to_owned());
    lines.iter().map(|line| printable(line) + "\n").collect()
}

/// What is shared, how, and for whom.
fn headline(folder: &SharedFolder, is_local: bool) -> String {
    let whom = match &folder.member {
        Some(member) => member.name.as_str(),
        None if is_local => "everybody on this machine",
        None if folder.is_public => "everybody who can reach this machine",
        None => "everybody on your network",
    };
    let how = if folder.is_writable { "to read and write" } else { "read-only" };
    format!("Sharing {}, {how}, for {whom}.", folder.path.display())
}

/// A name on the disk may hold what would control a terminal.
fn printable(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
