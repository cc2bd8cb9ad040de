//! The subcommands: one file each, a `run` that returns the exit code.

use crate::config::Config;

pub mod check;
mod finding;
pub mod hash_password;
mod network;
mod reach;
pub mod serve;

/// The ports for control connections, without TLS first.
fn control_ports(config: &Config) -> impl Iterator<Item = u16> {
    [Some(config.server.port), config.tls.implicit_port].into_iter().flatten()
}
