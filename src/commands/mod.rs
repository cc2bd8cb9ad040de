//! The subcommands: one file each, a `run` that gives the exit code.

pub mod check;
pub mod hash_password;
mod reach;
pub mod serve;
