//! What a person reads once the server has started: where it can be reached, and what it offers to whom.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::auth::accounts::Accounts;
use crate::auth::shared_folder::SharedFolder;
use crate::cli::QrCodeShown;
use crate::config::{Audience, Config, Masquerade};
use crate::net::reachable;
use crate::protocol::plural::Plural;
use crate::qr;

/// Accounts that are named; the others are counted.
const MOST_ACCOUNTS: usize = 20;
/// Addresses that are named.
const MOST_ADDRESSES: usize = 8;
/// What to do with a URL of FTP.
const HINT: &str = "  Paste it into the address bar of Explorer or Nautilus; Finder: Cmd-K; VLC: Ctrl-N.";
/// What to do with a URL of the web.
const HINT_FOR_BROWSERS: &str = "  Open it in any browser, also on a phone.";
/// Who is served over TLS.
const ENCRYPTED: &str = "  Encrypted for clients that ask: FileZilla, WinSCP; curl --ssl-reqd -k.";
/// What browsers say of a certificate that no authority has signed.
const WARNED: &str = "  Browsers warn of it, as no authority has signed it: compare it, and go on.";
/// A name and a password go over the network as they are.
const IN_CLEAR: &str = "  The password is sent unencrypted; with --tls, clients can encrypt it.";

/// How a client speaks to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UrlKind {
    Ftp,
    Http,
    Https,
}

impl UrlKind {
    /// Its name, and the port that a URL need not name (RFC 1738, section 3.2).
    fn name_and_port(self) -> (&'static str, u16) {
        match self {
            Self::Ftp => ("ftp", 21),
            Self::Http => ("http", 80),
            Self::Https => ("https", 443),
        }
    }
}

/// An address as people type it.
#[derive(Debug, PartialEq, Eq)]
pub struct Url {
    scheme: UrlKind,
    address: SocketAddr,
    /// The account, if only one may log in: some clients try anonymous if no name is given.
    account: Option<String>,
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.as_ref().map(|name| format!("{name}@")).unwrap_or_default();
        let (scheme, usual_port) = self.scheme.name_and_port();
        match self.address {
            SocketAddr::V4(address) if address.port() == usual_port => {
                write!(f, "{scheme}://{account}{}/", address.ip())
            }
            SocketAddr::V6(address) if address.port() == usual_port => {
                write!(f, "{scheme}://{account}[{}]/", address.ip())
            }
            address => write!(f, "{scheme}://{account}{address}/"),
        }
    }
}

/// What is said to the person who shares a folder.
pub struct Introduction<'a> {
    /// The folder.
    pub folder: &'a SharedFolder,
    /// Where it is reached.
    pub urls: Urls,
    /// The certificate, with TLS.
    pub certificate: Option<ShownCertificate>,
    /// Whether a phone's camera can read the first URL of the web.
    pub qr_code: QrCodeShown,
}

/// What a client shows of the certificate.
pub struct ShownCertificate {
    /// Its SHA-256.
    pub fingerprint: String,
    /// The server made it, so nobody knows it.
    pub is_own: bool,
    /// It ends with the process.
    pub is_passing: bool,
}

/// Where a server is reached.
pub struct Urls {
    /// By FTP, the best first.
    pub ftp: Vec<Url>,
    /// In a browser, the best first.
    pub web: Vec<Url>,
}

impl Urls {
    /// Those of a server that listens for FTP and for browsers at these addresses.
    pub fn of(config: &Config, ftp: &[SocketAddr], web: &[SocketAddr]) -> Urls {
        let plain = [UrlKind::Http].into_iter().filter(|_| !config.tls.control_required);
        let schemes = [UrlKind::Https].into_iter().filter(|_| config.tls.files.is_some()).chain(plain);
        Urls { ftp: urls(UrlKind::Ftp, ftp), web: schemes.flat_map(|scheme| urls(scheme, web)).collect() }
    }

    fn is_local(&self) -> bool {
        self.ftp.iter().all(|url| url.address.ip().is_loopback())
    }
}

fn urls(scheme: UrlKind, listening: &[SocketAddr]) -> Vec<Url> {
    let Some(port) = listening.first().map(SocketAddr::port) else { return Vec::new() };
    let addresses: Vec<IpAddr> = listening.iter().map(SocketAddr::ip).collect();
    let found = reachable::addresses(&addresses).into_iter().take(MOST_ADDRESSES);
    found.map(|address| Url { scheme, address: SocketAddr::new(address, port), account: None }).collect()
}

/// A name that a URL holds as it is (RFC 3986, section 2.3).
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}

/// The lines of the log about a server with two files.
pub fn lines(config: &Config, accounts: &Accounts, urls: &Urls) -> Vec<String> {
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
    lines.extend(urls.ftp.iter().chain(&urls.web).map(|url| format!("reachable as {url}")));
    lines
}

impl Introduction<'_> {
    /// All of it, in lines; a QR code is left to terminals if nobody has decided.
    pub fn text(&self, is_terminal: bool) -> String {
        let mut lines: Vec<String> = self.lines().iter().map(|line| printable(line)).collect();
        lines.extend(self.qr_code(is_terminal).unwrap_or_default());
        lines.push("Stop with Ctrl-C.".to_owned());
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    fn qr_code(&self, is_terminal: bool) -> Option<Vec<String>> {
        let url = self.urls.web.first()?;
        let is_shown = match self.qr_code {
            QrCodeShown::On => true,
            QrCodeShown::Off => false,
            // No phone reaches loopback.
            QrCodeShown::Auto => is_terminal && !url.address.ip().is_loopback(),
        };
        let lines = is_shown.then(|| qr::terminal(&url.to_string())).flatten()?;
        Some(lines.into_iter().map(|line| format!("  {line}")).collect())
    }

    /// The lines before the code.
    fn lines(&self) -> Vec<String> {
        let Introduction { folder, urls, .. } = self;
        let mut lines = vec![headline(folder, urls.is_local())];
        let made_up = folder.member.as_ref().and_then(|member| Some((&member.name, member.made_up_password()?)));
        if let Some((name, password)) = made_up {
            lines.push(format!("  name {name}, password {password}          (made up now, and shown only here)"));
        }
        let account = folder.member.as_ref().map(|member| member.name.clone()).filter(|name| is_plain(name));
        if urls.ftp.is_empty() {
            lines.push("  No network interface has an address to listen on: nobody can reach it.".to_owned());
            return lines;
        }
        let of_account = urls.ftp.iter().map(|url| Url { account: account.clone(), ..*url });
        lines.extend(of_account.map(|url| format!("  {url}")));
        lines.push(HINT.to_owned());
        lines.extend(urls.web.iter().map(|url| format!("  {url}")));
        if !urls.web.is_empty() {
            lines.push(HINT_FOR_BROWSERS.to_owned());
        }
        lines.extend(self.about_encryption());
        lines
    }

    fn about_encryption(&self) -> Vec<String> {
        match &self.certificate {
            Some(ShownCertificate { fingerprint, is_own, is_passing }) => {
                let how_long = if *is_passing { " (for this run only)" } else { "" };
                let warned = (*is_own && !self.urls.web.is_empty()).then(|| WARNED.to_owned());
                let said = [
                    ENCRYPTED.to_owned(),
                    format!("  Its certificate has the SHA-256{how_long}"),
                    format!("  {fingerprint}"),
                ];
                said.into_iter().chain(warned).collect()
            }
            None if self.folder.member.is_some() => vec![IN_CLEAR.to_owned()],
            None => Vec::new(),
        }
    }
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
