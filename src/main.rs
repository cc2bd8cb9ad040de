//! Arguments → subcommand → exit code; everything else is in the library.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use ftpd::cli::{Cli, Task};
use ftpd::commands::{check, drain, generate, hash_password, init, kick, reload, serve, status, top, who};

fn main() -> ExitCode {
    let cli = Cli::read();
    match &cli.command {
        None => serve::run(&cli),
        Some(Task::Check(wish)) => check::run(&cli.files, wish, &mut std::io::stdout()),
        Some(Task::Init(options)) => init::run(options),
        Some(Task::HashPassword) => hash_password::run(),
        Some(Task::Top(options)) => top::run(&cli.files, options),
        Some(Task::Who(options)) => who::run(&cli.files, options),
        Some(Task::Kick(options)) => kick::run(&cli.files, options),
        Some(Task::Drain(options)) => drain::run(&cli.files, options),
        Some(Task::Reload(options)) => reload::run(&cli.files, options),
        Some(Task::Status(options)) => status::run(&cli.files, options),
        Some(Task::Generate(options)) => generate::run(options.kind),
    }
}
