//! The subcommands, each a file with a `run`, and what they share.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

mod account;
pub mod check;
mod columns;
pub mod control_client;
pub mod drain;
pub mod examination;
mod finding;
pub mod generate;
pub mod hash_password;
pub mod init;
mod introduction;
pub mod kick;
mod network;
mod prompt;
pub mod reload;
mod report;
pub mod serve;
pub mod status;
pub mod top;
pub mod who;

/// Says why a command failed.
fn fail(reason: impl Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "{reason}");
    ExitCode::FAILURE
}
