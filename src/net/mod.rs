//! Connections: the control connection, data connections and the ports they come from.

pub mod control;
pub mod data_port;
mod listener;
pub mod names;
pub mod passive;
mod port_range;
mod random;
pub mod site;
pub mod stop;
pub mod stream;
mod turns;
pub mod who;
