//! Arguments → configuration → server → exit code; everything else is in the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use ftpd::cli::{Cli, Task};
use ftpd::commands::{check, hash_password, serve, who};

fn main() -> ExitCode {
    let cli = Cli::parse();
    match &cli.command {
        None => serve::run(&cli),
        Some(Task::Check(wish)) => check::run(&cli.files, *wish, &mut std::io::stdout()),
        Some(Task::HashPassword) => hash_password::run(),
        Some(Task::Who(options)) => who::run(&cli.files, options),
    }
}
