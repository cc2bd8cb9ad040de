//! The subcommands: one file each, a `run` that gives the exit code.

pub mod check;
mod finding;
pub mod hash_password;
mod holder;
mod network;
mod reach;
pub mod serve;
