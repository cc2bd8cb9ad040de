//! Connections: the control connection, data connections and the ports they come from.

pub mod control;
pub mod data_port;
pub mod passive;
pub mod stop;
pub mod stream;
pub mod who;
