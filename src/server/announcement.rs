//! The announcement on the local network, by mDNS and DNS-SD (RFC 6762, RFC 6763): programs that browse the network list the
//! server under this machine's name.
//!
//! The name of a host has one owner. If Avahi or systemd-resolved publish `NAME.local` with other addresses than the server,
//! they take it for the name of another machine, and call this one `NAME-2`. So the server takes `NAME.local` only if nobody
//! else here answers queries, and else `NAME-PORT.local`; and it publishes nothing that they would not, in case they start
//! later.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use mdns_sd::{DaemonEvent, IfKind, IfPredicate, MDNS_PORT, Receiver, RecvTimeoutError, ServiceDaemon, ServiceInfo};

use crate::net::reachable;
use crate::sys::{holder, interfaces};

/// What is published, until this is dropped.
pub struct Announcement {
    daemon: ServiceDaemon,
    /// The full names of the services.
    published: Vec<String>,
    /// When the network was told that they end.
    withdrawn: Arc<OnceLock<Instant>>,
}

/// A service that clients look for.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Its name in the registry of IANA, and its protocol: `_ftp._tcp`.
    pub kind: &'static str,
    /// Where it listens.
    pub port: u16,
    /// What else clients need to know (RFC 6763, section 6).
    pub text: &'static [(&'static str, &'static str)],
}

/// How often the crate checks whether addresses have come or gone, in seconds.
const CHECK: u32 = 10;
/// Usually the names are checked, and announced, after a second.
const PATIENCE: Duration = Duration::from_secs(5);
/// The goodbye is sent twice within this time, as a lost one would leave the server on lists for an hour.
const GOODBYE: Duration = Duration::from_millis(150);
/// How long the crate's thread may take to end.
const END: Duration = Duration::from_millis(500);
/// A label of DNS holds 63 bytes; the rest is for what tells it from another: ` (2)`, `-2121`.
const LONGEST_NAME: usize = 50;

const NOT_YET: &str = "the server is not announced yet: no address that it listens on is of a network with multicast, or \
    another program keeps UDP port 5353 to itself; the server goes on, and a network that comes later is told";

impl Announcement {
    /// Starts to publish services that listen at these addresses. If that can't be done, the log says why.
    pub fn start(services: &[Service], listening: Vec<IpAddr>) -> Option<Announcement> {
        if listening.iter().all(IpAddr::is_loopback) {
            log::info!("not announced on the network: the server listens on loopback only");
            return None;
        }
        let announcement = Announcement::publish(services, listening);
        announcement.inspect_err(|error| log::warn!("the server can't be announced on the network: {error}")).ok()
    }

    fn publish(services: &[Service], listening: Vec<IpAddr>) -> io::Result<Announcement> {
        // Before there is a socket of this process.
        let is_shared = holder::has_udp(MDNS_PORT);
        let daemon = ServiceDaemon::new().map_err(io::Error::other)?;
        let mut announcement = Announcement { daemon, published: Vec::new(), withdrawn: Arc::default() };
        announcement.restrict_to(listening).map_err(io::Error::other)?;
        announcement.listen()?;
        let name = label(&interfaces::host_name().unwrap_or_default());
        let host = match services.first() {
            Some(service) if is_shared => format!("{name}-{}.local.", service.port),
            _ => format!("{name}.local."),
        };
        services.iter().try_for_each(|service| announcement.add(&name, &host, *service)).map_err(io::Error::other)?;
        Ok(announcement)
    }

    /// Publishes addresses that the server listens on and that lead to it from other machines, now and whenever they change.
    fn restrict_to(&self, listening: Vec<IpAddr>) -> mdns_sd::Result<()> {
        let is_published = IfPredicate::new(move |interface| {
            reachable::is_for_others(&interface.name, interface.ip()) && serves(&listening, interface.ip())
        });
        self.daemon.set_ip_check_interval(CHECK)?;
        self.daemon.disable_interface(IfKind::All)?;
        self.daemon.enable_interface(IfKind::Predicate(is_published))
    }

    /// Starts the thread that logs what comes of it.
    fn listen(&self) -> io::Result<()> {
        let events = self.daemon.monitor().map_err(io::Error::other)?;
        let withdrawn = Arc::clone(&self.withdrawn);
        thread::Builder::new().name("announcement".to_owned()).spawn(move || tell(&events, &withdrawn))?;
        Ok(())
    }

    fn add(&mut self, name: &str, host: &str, service: Service) -> mdns_sd::Result<()> {
        let kind = format!("{}.local.", service.kind);
        let info = ServiceInfo::new(&kind, name, host, (), service.port, service.text)?.enable_addr_auto();
        self.published.push(info.get_fullname().to_owned());
        self.daemon.register(info)
    }

    /// Tells the network that the services end, once.
    pub fn withdraw(&self) {
        if self.withdrawn.set(Instant::now()).is_ok() {
            self.published.iter().for_each(|name| drop(self.daemon.unregister(name)));
        }
    }
}

impl Drop for Announcement {
    fn drop(&mut self) {
        self.withdraw();
        let since = self.withdrawn.get().map_or(GOODBYE, Instant::elapsed);
        thread::sleep(GOODBYE.saturating_sub(since));
        if let Ok(ended) = self.daemon.shutdown() {
            let _ = ended.recv_timeout(END);
        }
    }
}

/// Whether a server with these listeners takes connections to this one.
fn serves(listening: &[IpAddr], address: IpAddr) -> bool {
    listening.iter().any(|ip| *ip == address || ip.is_unspecified() && ip.is_ipv4() == address.is_ipv4())
}

/// Logs under which names the services are known, each once, and whether there is trouble.
fn tell(events: &Receiver<DaemonEvent>, withdrawn: &OnceLock<Instant>) {
    let (mut names, mut deadline) = (Vec::new(), Some(Instant::now() + PATIENCE));
    loop {
        let event = match deadline {
            Some(deadline) => events.recv_deadline(deadline),
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(DaemonEvent::Announce(name, _)) => {
                deadline = None;
                // It may differ from one network to the next, if another machine has it there.
                if !names.contains(&name) {
                    log::info!("announced as {} on the network", for_people(&name));
                    names.push(name);
                }
            }
            Ok(_) => {}
            Err(_) if withdrawn.get().is_some() => return,
            Err(RecvTimeoutError::Timeout) => {
                deadline = None;
                log::warn!("{NOT_YET}");
            }
            Err(RecvTimeoutError::Disconnected) => {
                log::warn!("the announcement on the network has failed; a restart of the server repeats it");
                return;
            }
        }
    }
}

/// `ann (2)._ftp._tcp.local.` → `ann (2) (_ftp._tcp)`.
fn for_people(full: &str) -> String {
    let full = full.trim_end_matches(".local.");
    full.split_once("._").map_or_else(|| full.to_owned(), |(name, kind)| format!("{name} (_{kind})"))
}

/// The host's name without its domain, as a label of DNS that may grow.
fn label(host: &str) -> String {
    let name = host.split('.').next().unwrap_or_default();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let label: String = name.chars().map(|c| if is_plain(c) { c } else { '-' }).take(LONGEST_NAME).collect();
    if label.is_empty() { "ftpd".to_owned() } else { label }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_hosts_without_its_domain_and_fits_into_a_label() {
        let long = "x".repeat(64);
        for (host, expected) in [
            ("ann", "ann"),
            ("Ann-PC.example.org", "Ann-PC"),
            ("", "ftpd"),
            (".", "ftpd"),
            ("anns_pc ü", "anns-pc--"),
            (long.as_str(), &long[..LONGEST_NAME]),
        ] {
            assert_eq!(label(host), expected, "{host}");
        }
    }

    #[test]
    fn a_full_name_is_told_as_name_and_kind() {
        assert_eq!(for_people("ann._ftp._tcp.local."), "ann (_ftp._tcp)");
        assert_eq!(for_people("ann (2)._ftp._tcp.local."), "ann (2) (_ftp._tcp)");
    }
}
