//! The subcommands: one file each, a `run` that gives the exit code.

pub mod check;
mod finding;
mod firewall;
pub mod hash_password;
mod holder;
mod network;
mod ports;
mod reach;
pub mod serve;
