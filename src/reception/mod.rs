//! How clients are received, whatever protocol they speak: who may come in, as which account, and what others see of it.
//!
//! `session` (FTP) and `web` (HTTP) are the doors. What they have in common is here: [`login`] lets a client in,
//! [`rejection`] says why one may not, [`activity`] is a session's seat as others see it, [`parking`] holds the places of idle
//! connections, [`outcome`] and [`transfer_log`] tell how a transfer ended, `denied` and [`decided`] why something is not done,
//! and [`parting`] is how a visit leaves its thread.

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::auth::bans::Bans;
use crate::auth::users::Users;
use crate::net::stop::Stop;
use crate::reception::parking::Parking;
use crate::reception::transfer_log::TransferLog;
use crate::share::Premises;

pub mod activity;
pub mod decided;
mod denied;
pub mod handshake;
pub mod login;
pub mod outcome;
pub mod parking;
pub mod parting;
pub mod rejection;
pub mod transfer_log;

/// What all clients find here. The server makes it once.
pub struct Reception {
    /// The accounts.
    pub users: Arc<Users>,
    /// What they need of the accounts' folders.
    pub premises: Arc<Premises>,
    /// Addresses with too many wrong passwords.
    pub bans: Bans,
    /// Places of connections that are idle and can be had by others.
    pub parking: Parking,
    /// The local time zone.
    pub zone: TimeZone,
    /// The transfer log.
    pub transfer_log: TransferLog,
    /// The wish to stop.
    pub stop: Arc<Stop>,
}

/// An accepted connection.
#[derive(Clone)]
pub struct Accepted {
    /// The connection itself.
    pub stream: Arc<TcpStream>,
    /// Its client.
    pub peer: SocketAddr,
    /// How it begins.
    pub entrance: Entrance,
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// With the greeting.
    Greeting,
    /// With a TLS handshake (implicit FTPS).
    Tls,
    /// With an HTTP request, or with a TLS handshake before it.
    Web,
}
