//! Connections: the control connection, data connections and the ports they come from.

pub mod certificate;
pub mod control;
pub mod data_port;
pub mod interfaces;
pub mod passive;
pub mod proxy;
pub mod secured;
pub mod stop;
pub mod stream;
pub mod tls;
pub mod who;
