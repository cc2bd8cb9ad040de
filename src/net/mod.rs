//! Connections: the control connection, data connections and the ports they come from.

pub mod call;
pub mod certificate;
pub mod connected;
pub mod control;
pub mod data_port;
pub mod ending;
pub mod interfaces;
mod listener;
mod local_ports;
pub mod long_reply;
pub mod names;
mod outgoing;
pub mod passive;
pub mod proxy;
mod random;
pub mod reachable;
pub mod secured;
mod self_signed;
pub mod source_port;
pub mod stop;
pub mod stream;
pub mod tls;
mod turns;
mod until;
pub mod who;
