//! `ftpd generate`: man pages and completions, from the tables that the program itself goes by.

use std::io::{self, Write};
use std::process::ExitCode;

use self::page::Page;
use crate::cli::Generated;

mod completion;
mod manual;
mod page;

/// Writes it to stdout.
pub fn run(kind: Generated) -> ExitCode {
    match io::stdout().write_all(made(kind).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn made(kind: Generated) -> String {
    match kind {
        Generated::ManualOfProgram => manual::of_program(),
        Generated::ManualOfSettings => manual::of_settings(),
        Generated::ManualOfAccounts => manual::of_accounts(),
        Generated::Bash => completion::for_bash(),
        Generated::Zsh => completion::for_zsh(),
        Generated::Fish => completion::for_fish(),
    }
}
