//! The ports to listen on and to dial from, and the name that clients are told.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::running::serves;
use super::{Occasion, ServerUser, Setup, passive_ports};
use crate::ini::{self, Finding, Source};
use crate::net::names;
use crate::net::source_port;
use crate::server::listen;
use crate::sys::holder::{Holder, Holders};
use crate::sys::{interfaces, service};

/// How long a check waits for the address of a name.
const PATIENCE: Duration = Duration::from_secs(3);

/// What to do about a program that may not listen below port 1024.
pub const LOW_PORTS: &str = "start as root with user = … in [server], give it CAP_NET_BIND_SERVICE (AmbientCapabilities= in \
                             the unit), or choose ports above 1023";

/// Tries each port as the server will, without listening there: no client meets it.
pub fn findings(subject: &Setup, server: &ServerUser, occasion: Occasion) -> Vec<Finding> {
    let addresses = listening(&subject.config.server.ip);
    let ports = Ports { subject, occasion, addresses, holders: OnceCell::new(), known: RefCell::default() };
    let dialled = occasion == Occasion::Network;
    let (mut found, is_running) = if dialled { Default::default() } else { ports.knocked_at() };
    if is_running && occasion == Occasion::Start {
        return found;
    }
    if !dialled {
        found.extend(passive_ports::findings(&ports, server));
    }
    found.extend(ports.data_port());
    if occasion != Occasion::Start {
        // The server looks it up itself, again and again.
        found.extend(ports.masquerade());
    }
    found
}

/// The ports of one configuration, and who listens at the moment.
pub struct Ports<'a> {
    pub subject: &'a Setup<'a>,
    /// The addresses to listen on of the families that this machine has.
    pub addresses: Vec<IpAddr>,
    occasion: Occasion,
    holders: OnceCell<Holders>,
    /// Whether a process is the running server of these files.
    known: RefCell<BTreeMap<i32, bool>>,
}

fn listening(configured: &[IpAddr]) -> Vec<IpAddr> {
    let lacks = |ip: &IpAddr| {
        let tried = listen::try_at(SocketAddr::new(*ip, 0), &[*ip]);
        tried.is_err_and(|error| listen::lacks_family(&error, *ip))
    };
    configured.iter().copied().filter(|ip| !lacks(ip)).collect()
}

impl Ports<'_> {
    /// The key, where it is written, and the number of each port where clients knock; 0 is any free one.
    pub fn doors(&self) -> Vec<(&'static str, Source, u16)> {
        let config = self.subject.config;
        let plain = ("port", config.source("server", "port"), Some(config.server.port));
        let implicit = ("implicit_tls_port", config.source("tls", "implicit_tls_port"), config.tls.implicit_port);
        let web = config.web.port.filter(|_| !config.web.or_another);
        let web = ("web_port", config.source("web", "web_port"), web);
        [plain, implicit, web].into_iter().filter_map(|(key, source, port)| Some((key, source, port?))).collect()
    }

    /// The program that listens at an address, if this process may know.
    pub fn holder(&self, address: SocketAddr) -> Option<&Holder> {
        self.holders.get_or_init(Holders::read).at(address)
    }

    /// Whether an address is taken not by a listener, but by a connection, which will end.
    pub fn is_passing(&self, address: SocketAddr) -> bool {
        !self.holders.get_or_init(Holders::read).is_listening(address)
    }

    /// Whether a program is the running server of these files.
    pub fn is_ours(&self, holder: &Holder) -> bool {
        *self.known.borrow_mut().entry(holder.pid).or_insert_with(|| serves(holder, self.subject.files))
    }

    /// What is wrong with the ports where clients knock, and whether the server runs already.
    fn knocked_at(&self) -> (Vec<Finding>, bool) {
        let config = self.subject.config;
        let port = config.server.port;
        if config.tls.implicit_port == Some(port) && port != 0 {
            let source = config.source("tls", "implicit_tls_port");
            let reason = format!("{port} is the control port already (port = {port})");
            return (vec![Finding::error(&source, reason).fix("implicit_tls_port is usually 990")], false);
        }
        if service::hands_over_listeners() {
            return (Vec::new(), false);
        }
        let (mut found, mut is_running) = (self.families(), false);
        found.extend(self.doubled().into_iter().chain(self.of_no_machine()));
        for (key, source, port) in self.doors() {
            let failed = self.addresses.iter().find_map(|ip| {
                let address = SocketAddr::new(*ip, port);
                Some((address, listen::try_at(address, &config.server.ip).err()?))
            });
            let Some((address, error)) = failed else { continue };
            let ours = self.holder(address).filter(|holder| self.is_ours(holder));
            match ours {
                Some(_) if is_running => {}
                Some(holder) => found.push(self.already_running(&source, holder.pid)),
                None => found.push(self.unbindable((key, &source), address, &error)),
            }
            is_running |= ours.is_some();
        }
        (found, is_running)
    }

    /// Families that this machine lacks; an error if nothing is left to listen on.
    fn families(&self) -> Vec<Finding> {
        let config = self.subject.config;
        let lacking = config.server.ip.iter().filter(|ip| !self.addresses.contains(ip));
        let finding = |ip: &IpAddr| {
            let family = if ip.is_ipv4() { "IPv4" } else { "IPv6" };
            let (source, reason) = (config.source("server", "ip"), format!("{ip}: this machine has no {family}"));
            if self.addresses.is_empty() { Finding::error(&source, reason) } else { Finding::warning(&source, reason) }
        };
        lacking.map(finding).collect()
    }

    /// An address that another one means, too: no two listeners can have it.
    fn doubled(&self) -> Option<Finding> {
        let all = &self.subject.config.server.ip;
        let (wide, narrow) = all.iter().filter(|ip| ip.is_unspecified()).find_map(|wide| {
            let is_meant = |ip: &&IpAddr| *ip != wide && ip.is_ipv4() == wide.is_ipv4();
            Some((wide, all.iter().find(is_meant)?))
        })?;
        let family = if wide.is_ipv4() { "IPv4" } else { "IPv6" };
        let reason = format!("{wide} means all {family} addresses of this machine, {narrow} among them");
        let source = self.subject.config.source("server", "ip");
        Some(Finding::error(&source, reason).fix(format!("leave out {narrow}, or {wide}")))
    }

    /// Addresses that no machine has, though the system takes them.
    fn of_no_machine(&self) -> Option<Finding> {
        let is_broadcast = |ip: &&IpAddr| **ip == IpAddr::V4(Ipv4Addr::BROADCAST);
        let ip = self.subject.config.server.ip.iter().find(|ip| ip.is_multicast() || is_broadcast(ip))?;
        let source = self.subject.config.source("server", "ip");
        Some(
            Finding::error(&source, format!("no client can connect to {ip}, which is the address of a group"))
                .fix(self.own()),
        )
    }

    /// The addresses that there are.
    fn own(&self) -> String {
        let own: BTreeSet<String> = interfaces::addresses().iter().map(ToString::to_string).collect();
        let own = own.into_iter().collect::<Vec<_>>().join(", ");
        format!("this machine has {own}; 0.0.0.0, :: means all")
    }

    fn already_running(&self, source: &Source, pid: i32) -> Finding {
        match self.occasion {
            Occasion::Check | Occasion::Network => {
                Finding::note(source, format!("the server of these files is running, pid {pid}"))
            }
            Occasion::Start => {
                Finding::error(source, format!("the server of these files is already running, pid {pid}"))
                    .fix(format!("kill {pid} stops it, kill -HUP {pid} makes it read its files again"))
            }
        }
    }

    fn unbindable(&self, (key, source): (&str, &Source), address: SocketAddr, error: &io::Error) -> Finding {
        let port = address.port();
        match error.kind() {
            ErrorKind::AddrInUse => match self.holder(address) {
                Some(holder) if self.occasion != Occasion::Start && holder.pid == 1 => {
                    Finding::note(source, format!("{address} is held by {holder}, to be handed over to the server"))
                }
                Some(holder) => Finding::error(source, format!("{address} is held by {holder}"))
                    .fix(format!("stop that program, or choose another port, such as {}", self.another(key, port))),
                None => {
                    Finding::error(source, format!("{address} is held by another program, which only root can see"))
                        .fix(format!("find it with ss -ltnp 'sport = :{port}' as root, or choose another port"))
                }
            },
            ErrorKind::PermissionDenied => {
                let me = ServerUser::of_process().name;
                Finding::error(source, format!("{me} may not listen on port {port}")).fix(LOW_PORTS)
            }
            ErrorKind::AddrNotAvailable => self.foreign(address.ip()),
            ErrorKind::InvalidInput if address.is_ipv6() => {
                let reason = format!("{} is of one link only, and can't be listened on", address.ip());
                Finding::error(&self.subject.config.source("server", "ip"), reason).fix(self.own())
            }
            _ => Finding::error(source, format!("can't listen on {address}: {}", ini::without_number(error))),
        }
    }

    /// Another port for this key, as it could be written.
    fn another(&self, key: &str, port: u16) -> String {
        let next = port.checked_add(1).unwrap_or(port - 1);
        match key {
            "port" => "-p 2122".to_owned(),
            "web_port" if self.subject.files.shared.is_some() => format!("--web {next}"),
            key => format!("{key} = {next}"),
        }
    }

    fn foreign(&self, ip: IpAddr) -> Finding {
        let source = self.subject.config.source("server", "ip");
        Finding::error(&source, format!("this machine has no address {ip}")).fix(self.own())
    }

    /// Why active data connections can't come from the configured port.
    fn data_port(&self) -> Option<Finding> {
        let config = self.subject.config;
        let why = source_port::may_be_bound(config.active.data_port?, self.addresses.iter().copied()).err()?;
        let source = config.source("active", "data_port");
        let cant = format!("can't use port {} at {}", why.at.port(), why.at.ip());
        Some(match why.error.kind() {
            ErrorKind::PermissionDenied => {
                let me = ServerUser::of_process().name;
                Finding::error(&source, format!("{cant}: {me} may not")).fix(listen::DATA_PORT_RIGHT)
            }
            ErrorKind::AddrInUse => {
                let holder = self.holder(why.at).map_or_else(|| "another program".to_owned(), Holder::to_string);
                Finding::error(&source, format!("{cant}: another program listens there, {holder}"))
                    .fix("data_port = off uses any port")
            }
            _ => Finding::error(&source, format!("{cant}: {}", ini::without_number(&why.error))),
        })
    }

    /// Why clients will not be told the masquerade address.
    fn masquerade(&self) -> Option<Finding> {
        let config = self.subject.config;
        let name = config.passive.name()?;
        let why = names::look_up_once(name, &config.server.ip, PATIENCE).err()?;
        let reason = format!("{}, so clients are told the address that they dialled", why.of(name));
        Some(Finding::warning(&config.source("passive", "masquerade_address"), reason).fix(names::WAY_OUT))
    }
}
