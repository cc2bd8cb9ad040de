//! What `ftpd generate` can write, and the command line as it is described there.

use clap::{Arg, Args, Command, ValueEnum, ValueHint};

use super::Cli;

/// `ftpd generate`.
#[derive(Clone, Copy, Debug, Args)]
pub struct Generate {
    /// What to write to stdout
    pub kind: Generated,
}

/// What can be made of the program's own tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Generated {
    /// The man page of the program
    #[value(name = "ftpd.1")]
    ManualOfProgram,
    /// The man page of the settings
    #[value(name = "ftpd.conf.5")]
    ManualOfSettings,
    /// The man page of the accounts
    #[value(name = "user.ini.5")]
    ManualOfAccounts,
    /// Completion for bash
    Bash,
    /// Completion for zsh
    Zsh,
    /// Completion for fish
    Fish,
}

impl Cli {
    /// The command line as people see it: without what is hidden, and with hints for shells which values are paths.
    pub fn shown() -> Command {
        without_hidden(&Cli::definition())
    }
}

fn without_hidden(command: &Command) -> Command {
    let args = command.get_arguments().filter(|arg| !arg.is_hide_set()).cloned().map(with_value_hint);
    let subcommands = command.get_subcommands().filter(|sub| !sub.is_hide_set()).map(without_hidden);
    let shown = Command::new(command.get_name().to_owned()).disable_help_subcommand(true);
    let shown = shown.about(command.get_about().cloned().unwrap_or_default());
    let shown = shown.groups(command.get_groups().cloned()).args(args).subcommands(subcommands);
    match command.get_version() {
        Some(version) => shown.version(version.to_owned()),
        None => shown,
    }
}

/// Paths that stand alone are folders, those of options are files; all else is completed to nothing.
fn with_value_hint(arg: Arg) -> Arg {
    let hint = match arg.get_value_hint() {
        ValueHint::AnyPath if arg.is_positional() => ValueHint::DirPath,
        ValueHint::AnyPath => ValueHint::FilePath,
        ValueHint::Unknown => ValueHint::Other,
        known => known,
    };
    if arg.get_action().takes_values() { arg.value_hint(hint) } else { arg }
}
