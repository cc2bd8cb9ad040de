//! What all sessions share, beside what every client finds. The server makes it once.

use std::sync::Arc;

use crate::net::interfaces::OwnAddresses;
use crate::net::names::Names;
use crate::net::passive::PassivePorts;
use crate::net::source_port::SourcePort;
use crate::reception::Reception;
use crate::session::site::Site;
use crate::sys::owners::Owners;

/// What all sessions share.
pub struct Shared {
    /// What every client finds, by whatever door it comes.
    pub reception: Arc<Reception>,
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
}
