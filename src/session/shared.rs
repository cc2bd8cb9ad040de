//! What all sessions share. The server makes it once.

use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::auth::bans::Bans;
use crate::auth::users::Users;
use crate::net::interfaces::OwnAddresses;
use crate::net::names::Names;
use crate::net::passive::PassivePorts;
use crate::net::source_port::SourcePort;
use crate::net::stop::Stop;
use crate::session::site::Site;
use crate::session::transfer_log::TransferLog;
use crate::share::Premises;
use crate::sys::owners::Owners;

/// What all sessions share.
pub struct Shared {
    /// The accounts.
    pub users: Arc<Users>,
    /// What they need of the accounts' folders.
    pub premises: Arc<Premises>,
    /// Addresses with too many wrong passwords.
    pub bans: Bans,
    /// The ports of the control listeners.
    pub control_ports: Vec<u16>,
    /// The passive ports.
    pub passive: Arc<PassivePorts>,
    /// Where the server runs.
    pub site: Site,
    /// The port that active data connections come from, if `data_port` names one.
    pub source_port: Option<Arc<SourcePort>>,
    /// The addresses of masquerade names.
    pub names: Arc<Names>,
    /// This machine's addresses.
    pub own_addresses: OwnAddresses,
    /// Names of owners and groups.
    pub owners: Owners,
    /// The local time zone.
    pub zone: TimeZone,
    /// The transfer log.
    pub transfer_log: TransferLog,
    /// The wish to stop.
    pub stop: Arc<Stop>,
}
