//! The section `[server]`: who may connect, and for how long.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use super::{DAY, MINUTE, SECOND};
use crate::auth::bans::BanRule;
use crate::ini::{Mistake, Section, Value};

/// The section `[server]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerSection {
    /// Addresses to listen on, at least one, each once.
    pub ip: Vec<IpAddr>,
    /// Control port; 0 is any free one, the same for all listeners.
    pub port: u16,
    /// Lines of the 220 reply, at least one.
    pub welcome_msg: Vec<String>,
    /// Sessions at once, at least 1.
    pub max_cons: usize,
    /// Sessions at once from one address.
    pub max_cons_per_ip: Option<usize>,
    /// Idle time between two commands.
    pub timeout: Option<Duration>,
    /// Time from connect to login.
    pub login_timeout: Duration,
    /// Wrong passwords before the connection is closed, at least 1.
    pub max_login_attempts: u32,
    /// How long the answer to a wrong password is delayed.
    pub auth_failed_delay: Duration,
    /// When wrong passwords ban an address, and for how long.
    pub ban: BanRule,
    /// How long running transfers may go on when the server is asked to stop.
    pub shutdown_grace: Duration,
    /// Load balancers that send a PROXY protocol header.
    pub proxy_protocol_from: Vec<IpNet>,
    /// Whether session threads lock themselves into their homes.
    pub sandbox: Sandbox,
    /// The local socket, for questions and orders to the running server.
    pub control_socket: ControlSocket,
    /// Whether the local network is told about the server, by mDNS.
    pub announce: bool,
    /// The system user to become once the ports are bound and the logs are open.
    pub user: Option<String>,
    /// The group to become, if it is not the user's primary one; only with a `user`.
    pub group: Option<String>,
}

/// Whether session threads lock themselves into their homes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// As far as this kernel can.
    Auto,
    /// Always; otherwise the server does not start.
    Require,
    /// Never.
    Off,
}

/// Where the local socket is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlSocket {
    /// In the folder for sockets of running programs, with the control port in its name.
    Auto,
    /// There is none.
    Off,
    /// Here.
    At(PathBuf),
}

impl ServerSection {
    pub(super) fn read(section: &mut Section) -> ServerSection {
        let (user, group) = (section.take::<Option<_>>("user"), section.take::<Option<_>>("group"));
        if group.is_some() && user.is_none() {
            section.refuse_without("group", "user", "needs a user");
        }
        ServerSection {
            ip: section.take("ip"),
            port: section.take("port"),
            welcome_msg: section.take_with("welcome_msg", |text, _| Ok(text.split("\\n").map(str::to_owned).collect())),
            max_cons: section.take_in("max_cons", 1..=100_000),
            max_cons_per_ip: section.take("max_cons_per_ip"),
            timeout: section.take("timeout"),
            login_timeout: section.take_in("login_timeout", SECOND..=DAY),
            max_login_attempts: section.take_in("max_login_attempts", 1..=1000),
            auth_failed_delay: section.take_in("auth_failed_delay", Duration::ZERO..=MINUTE),
            ban: ban_rule(section),
            shutdown_grace: section.take_in("shutdown_grace", Duration::ZERO..=DAY),
            proxy_protocol_from: section.take::<Option<_>>("proxy_protocol_from").unwrap_or_default(),
            sandbox: section
                .take_word("sandbox", &[("auto", Sandbox::Auto), ("require", Sandbox::Require), ("off", Sandbox::Off)]),
            control_socket: section.take_with("control_socket", control_socket),
            announce: section.take("announce"),
            user,
            group,
        }
    }
}

/// Either key can turn bans off.
fn ban_rule(section: &mut Section) -> BanRule {
    let (after, time) = (section.take::<Option<u32>>("ban_after"), section.take::<Option<Duration>>("ban_time"));
    BanRule { after: time.and(after), time: time.unwrap_or_default() }
}

fn control_socket(text: &str, folder: &Path) -> Result<ControlSocket, Mistake> {
    if text.eq_ignore_ascii_case("auto") {
        return Ok(ControlSocket::Auto);
    }
    Ok(Option::parse(text, folder)?.map_or(ControlSocket::Off, ControlSocket::At))
}
