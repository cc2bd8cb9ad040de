//! Transfer parameters (RFC 959 §4.1.2): TYPE, REST, RANG, ALLO, PASV, EPSV, PORT, EPRT, and ABOR of nothing.

use std::mem;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Instant;

use log::Level;

use crate::config::{Audience, Masquerade};
use crate::net::call::Call;
use crate::net::control::Control;
use crate::net::data_port::{DataPort, Invitation};
use crate::net::passive::{Expected, NoPort};
use crate::net::who::{Who, canonical};
use crate::protocol::address::{self, is_public};
use crate::protocol::command::{Epsv, Representation, Window};
use crate::protocol::reply::Reply;
use crate::session::login::Login;
use crate::session::refusal::{Refusal, Why};
use crate::session::step::{Answer, refuse, reply};

impl Login {
    pub(super) fn set_type(&mut self, representation: Representation) -> Answer {
        self.representation = representation;
        reply(
            200,
            match representation {
                Representation::Ascii => "Type is ASCII.",
                Representation::Image => "Type is binary.",
            },
        )
    }

    pub(super) fn rest(&mut self, offset: u64) -> Answer {
        self.prepared.restart = offset;
        reply(350, format!("The next transfer begins at byte {offset}."))
    }

    pub(super) fn rang(&mut self, window: Option<Window>) -> Answer {
        self.prepared.window = window;
        match window {
            Some(Window { first, last }) => reply(350, format!("HASH or RETR next: bytes {first} to {last}.")),
            None => reply(350, "Whole files again."),
        }
    }

    pub(super) fn allo(&mut self, bytes: u64) -> Answer {
        if bytes > self.share.free_space(&self.cwd)? {
            self.share.lacked_room(&self.cwd);
            return refuse(552, "There is not that much room.");
        }
        self.prepared.announced = Some(bytes);
        reply(200, "There is room.")
    }

    pub(super) fn pasv(&mut self, control: &Control) -> Answer {
        self.refuse_after_epsv_all()?;
        let SocketAddr::V4(local) = control.local() else {
            return refuse(425, "PASV is for IPv4: use EPSV.");
        };
        let told = self.masquerade(control.who.peer.ip()).unwrap_or(*local.ip());
        // A router translates it, or it is this machine's own in another network than the client dialled.
        let elsewhere = told != *local.ip() && self.shared.own_addresses.has(told.into(), Instant::now());
        let at = SocketAddr::from((if elsewhere { told } else { *local.ip() }, 0));
        let port = self.listen(Invitation::Pasv, at, &control.who)?;
        reply(227, address::passive_text(SocketAddrV4::new(told, port)))
    }

    /// What this client is told instead of the address that it dialled.
    fn masquerade(&self, client: IpAddr) -> Option<Ipv4Addr> {
        let passive = &self.config.passive;
        let given = match passive.masquerade_address.as_ref()? {
            Masquerade::Address(address) => *address,
            Masquerade::Name(name) => self.shared.names.address(name)?,
        };
        match passive.masquerade_for {
            Audience::All => Some(given),
            Audience::Outside => (is_public(client) || !is_public(given.into())).then_some(given),
        }
    }

    pub(super) fn epsv(&mut self, kind: Epsv, control: &Control) -> Answer {
        let is_ipv4 = control.local().is_ipv4();
        match kind {
            Epsv::V4 if !is_ipv4 => return refuse(522, "Network protocol not supported, use (2)"),
            Epsv::V6 if is_ipv4 => return refuse(522, "Network protocol not supported, use (1)"),
            Epsv::All => {
                self.epsv_only = true;
                return reply(200, "EPSV and nothing else from now on.");
            }
            Epsv::Same | Epsv::V4 | Epsv::V6 => {}
        }
        reply(229, address::extended_passive_text(self.listen(Invitation::Epsv, control.local(), &control.who)?))
    }

    /// PORT and EPRT: the address is checked now and dialled when the transfer starts.
    pub(super) fn port(&mut self, to: SocketAddr, control: &Control) -> Answer {
        self.data_port = None;
        self.refuse_after_epsv_all()?;
        if !self.config.active.enable_active {
            let reply = Reply::new(502, "Active mode is off: use PASV or EPSV.");
            return Err(Refusal::by_setting(reply, "active", "enable_active"));
        }
        let to = canonical(to);
        self.may_dial(to, control)?;
        if to.ip() != control.who.peer.ip() {
            control.who.log(Level::Info, format_args!("data connection to the foreign address {to} asked for"));
        }
        self.data_port =
            Some(DataPort::Active(Call { to, from: control.local(), source: self.shared.source_port.clone() }));
        reply(200, "Ok, active mode.")
    }

    /// RFC 2577 §3: a data connection must not be a way to attack another machine, or this one.
    fn may_dial(&self, to: SocketAddr, control: &Control) -> Result<(), Box<Refusal>> {
        let (active, peer, local, ip) = (&self.config.active, control.who.peer.ip(), control.local(), to.ip());
        let is_own = || ip == local.ip() || self.shared.own_addresses.has(ip, Instant::now());
        let own_port = self.shared.control_ports.contains(&to.port()) && is_own();
        let nobodys = ip.is_multicast() || ip.is_unspecified() || ip == IpAddr::V4(Ipv4Addr::BROADCAST);
        let bounced = ip.is_loopback() && !peer.is_loopback();
        match () {
            () if nobodys || own_port || bounced => refuse(501, "That is no client's address."),
            () if ip != peer && !active.permit_foreign_addresses => {
                let reply = Reply::new(501, "That is not your address.");
                Err(Refusal::by_setting(reply, "active", "permit_foreign_addresses"))
            }
            () if to.port() < 1024 && !active.permit_privileged_ports => {
                let reply = Reply::new(501, "That port is below 1024.");
                Err(Refusal::by_setting(reply, "active", "permit_privileged_ports"))
            }
            () => Ok(()),
        }
    }

    /// No transfer runs here: one that did has ended because of the very ABOR that is answered now.
    pub(super) fn abor(&mut self) -> Answer {
        if mem::take(&mut self.aborted) {
            return reply(226, "Aborted.");
        }
        self.data_port = None;
        reply(225, "Nothing to abort.")
    }

    fn listen(&mut self, invitation: Invitation, at: SocketAddr, who: &Who) -> Result<u16, Box<Refusal>> {
        // The old lease goes back first: a session never holds two.
        self.data_port = None;
        let foreign = self.config.active.permit_foreign_addresses;
        let expected = if foreign { Expected::Anybody } else { Expected::From(who.peer.ip()) };
        let lease = self.shared.passive.lease(at, expected, who).map_err(|why| no_port(why, who))?;
        let port = lease.port();
        self.data_port = Some(DataPort::Passive(lease, invitation));
        Ok(port)
    }

    /// RFC 2428 §3: "ALL" closes PASV, PORT and EPRT for good.
    fn refuse_after_epsv_all(&self) -> Result<(), Box<Refusal>> {
        if self.epsv_only { refuse(503, "After EPSV ALL only EPSV.") } else { Ok(()) }
    }
}

/// The administrator should notice if there is no passive port.
#[cold]
fn no_port(why: NoPort, who: &Who) -> Box<Refusal> {
    let (section, key) = ("passive", "passive_ports");
    let none = Reply::new(425, "No passive port is free at the moment.");
    match why {
        NoPort::AllWaiting(ports) => {
            let ports = match ports {
                1 => "The only passive port waits".to_owned(),
                ports => format!("All {ports} passive ports wait"),
            };
            let remedy = "end a transfer, or widen passive_ports";
            let text = format!("{ports} for connections from {} already: {remedy}.", who.peer.ip());
            Refusal::by_setting(Reply::new(425, text), section, key).at(Level::Warn)
        }
        NoPort::AllTaken => Refusal::by_setting(none, section, key).at(Level::Error),
        NoPort::System(error) => Refusal::new(none, Why::Reason(error.to_string())).at(Level::Error),
    }
}
