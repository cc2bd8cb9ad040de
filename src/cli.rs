//! The command line, and the two files it names.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::auth::users::Users;
use crate::config::Config;
use crate::ini::{Finding, Findings, Holds, Override, Source};

pub mod hints;
mod listening;
pub mod running;

pub use listening::Listening;

use hints::with_hint;

/// What most people want first, and where more is.
const EXAMPLES: &str = "\
Examples:
  ftpd ~/photos                     Share a folder now, read-only; no files are needed
  ftpd ~/photos --write --user ann  For ann alone, who may change it, with a new password
  ftpd -c ftpd.conf -u user.ini     Serve the accounts of user.ini with the settings of ftpd.conf
  ftpd init                         Write these two files, with a comment for each setting

More: man ftpd, man ftpd.conf and man user.ini, or the folder docs beside the source";

/// An FTP server for the folders and accounts of two small files.
#[derive(Debug, Parser)]
#[command(name = "ftpd", version, about, after_help = EXAMPLES)]
pub struct Cli {
    /// Where settings and accounts come from.
    #[command(flatten)]
    pub files: Files,

    /// Where to listen.
    #[command(flatten)]
    pub listening: Listening,

    /// Log more (repeatable)
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Log less (repeatable)
    #[arg(short, long, action = ArgAction::Count)]
    pub quiet: u8,

    /// What to do; without one, serve.
    #[command(subcommand)]
    pub command: Option<Task>,
}

/// What `ftpd` can do besides serving.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Read both files, test homes and ports, and report everything that is wrong
    Check(Check),
    /// Ask for a password twice (or read one line from a pipe) and print its hash
    HashPassword,
    /// Show who is connected to the running server, and what they do
    Who(running::WhoOptions),
    /// Show them live, with the progress of their transfers; end sessions
    Top(running::TopOptions),
    /// End sessions of the running server: each gets a 421, and its transfer breaks
    Kick(running::KickOptions),
    /// Let the running server take no new sessions, and stop after the last transfer
    Drain(running::DrainOptions),
    /// Let the running server read both files again, as SIGHUP does, and say what came of it
    Reload(running::ReloadOptions),
    /// Show how the running server is: time, sessions, bytes, limits, bans
    Status(running::StatusOptions),
}

/// What else to check.
#[derive(Clone, Debug, Default, Args)]
pub struct Check {
    /// Print what an account sees: its folders, where they are, its letters, and what the file system will refuse
    #[arg(long, value_name = "NAME", conflicts_with_all = ["network", "strict", "json", "can"])]
    pub user: Option<String>,

    /// Say whether an account may do something, and what decides, such as --can alex STOR /inbox/x.mp4
    #[arg(long, num_args = 2.., value_names = ["NAME", "VERB"], allow_hyphen_values = true,
        conflicts_with_all = ["network", "strict", "json"])]
    pub can: Option<Vec<String>>,

    /// Connect to the running server: its control port, every passive port, and the firewall in front of them
    #[arg(long)]
    pub network: bool,

    /// Where the server would listen.
    #[command(flatten)]
    pub listening: Listening,

    /// Fail on warnings, too
    #[arg(long)]
    pub strict: bool,

    /// Print all findings as a JSON array
    #[arg(long)]
    pub json: bool,
}

/// Where settings and accounts come from.
#[derive(Clone, Debug, Default, Args)]
pub struct Files {
    /// Settings [default: ftpd.conf in the current folder, if there is one]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Accounts [default: user.ini in the current folder]
    #[arg(short, long, value_name = "FILE")]
    pub users: Option<PathBuf>,

    /// Override one key of the settings (repeatable)
    #[arg(long = "set", value_name = "SECTION.KEY=VALUE")]
    pub overrides: Vec<Override>,
}

/// The options of all subcommands that mean something to each; `--help` shows no other ones there.
const MEANT: &[(&str, &[&str])] = &[
    ("check", &["config", "users", "overrides"]),
    ("hash-password", &[]),
    ("who", &["config"]),
    ("top", &["config"]),
    ("kick", &["config"]),
    ("drain", &["config"]),
    ("reload", &["config"]),
    ("status", &["config"]),
];
/// Options that may come before or after each subcommand.
const EVERYWHERE: [&str; 5] = ["config", "users", "overrides", "verbose", "quiet"];

impl Cli {
    /// The command line of this process; wrong usage ends it, with a hint.
    pub fn read() -> Cli {
        Cli::parse_words(env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn parse_words(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
        let mut matches =
            Cli::definition().try_get_matches_from(words).map_err(|error| without_value(with_hint(error)))?;
        let mut cli = Cli::from_arg_matches(&matches)?;
        if let Some((_, mut after)) = matches.remove_subcommand() {
            cli.files.config = after.remove_one("config").or(cli.files.config);
            cli.files.users = after.remove_one("users").or(cli.files.users);
            cli.files.overrides.extend(after.remove_many("overrides").into_iter().flatten());
            cli.verbose = cli.verbose.saturating_add(after.get_count("verbose"));
            cli.quiet = cli.quiet.saturating_add(after.get_count("quiet"));
        }
        Ok(cli.with_short_forms())
    }

    /// The same with overrides in place of their short forms.
    fn with_short_forms(mut self) -> Cli {
        let of_check = match &self.command {
            Some(Task::Check(check)) => check.listening,
            _ => Listening::default(),
        };
        self.files.overrides.extend(self.listening.overrides().chain(of_check.overrides()));
        self
    }

    /// The command line, with the options that may stand before or after a subcommand.
    fn definition() -> Command {
        let command = Cli::command();
        let is_everywhere = |option: &&Arg| EVERYWHERE.contains(&option.get_id().as_str());
        let everywhere: Vec<Arg> = command.get_arguments().filter(is_everywhere).cloned().collect();
        MEANT.iter().fold(command, |command, (name, meant)| {
            let options = everywhere.iter().map(|option| {
                let is_meant = meant.contains(&option.get_id().as_str());
                option.clone().hide(!is_meant)
            });
            command.mut_subcommand(name, |subcommand| subcommand.args(options))
        })
    }

    /// By how many steps `-v` and `-q` raise the log level.
    pub fn verbosity(&self) -> i8 {
        let steps = |count| i8::try_from(count).unwrap_or(i8::MAX);
        steps(self.verbose) - steps(self.quiet)
    }
}

impl Files {
    /// Reads both files; if there is an error in one, returns what was found in both. Without `-c` and without an ftpd.conf
    /// here, the defaults hold.
    pub fn load(&self) -> Result<(Config, Users), Findings> {
        let (config, found) = Config::examine(self.config_file().as_deref(), &self.overrides);
        let users = Users::load(self.users_file().as_deref(), config.terms());
        if users.is_err() && found.has_errors() && self.are_swapped() {
            let (config, users) = (self.config_file().unwrap_or_default(), self.users_file().unwrap_or_default());
            let fix = format!("write -c {} -u {}", users.display(), config.display());
            return Err(Finding::error(&Source::file(""), "-c and -u are swapped").fix(fix).into());
        }
        match users {
            Ok(users) if !found.has_errors() => Ok((config, users)),
            Ok(users) => Err(found.and(users.accounts().doubts())),
            Err(more) => Err(found.and(more)),
        }
    }

    #[cold]
    fn are_swapped(&self) -> bool {
        let content = |file: Option<PathBuf>| file.and_then(|file| Holds::of(&file));
        content(self.config_file()) == Some(Holds::Accounts) && content(self.users_file()) == Some(Holds::Settings)
    }

    /// Reads both files again for a running server, and has `prepare` look at what they name. If all is valid, `users` takes
    /// the accounts over; otherwise everything stays as it was.
    pub fn reload<T>(
        &self,
        users: &Users,
        prepare: impl FnOnce(&Config, &Users) -> Result<T, Findings>,
    ) -> Result<(Config, T), Findings> {
        let (config, read) = self.load()?;
        let prepared = prepare(&config, &read)?;
        users.take_over(read);
        Ok((config, prepared))
    }

    /// The settings file: the one given, or ftpd.conf here if there is one.
    pub fn config_file(&self) -> Option<PathBuf> {
        self.config.clone().or_else(|| here("ftpd.conf"))
    }

    /// The accounts file: the one given, or user.ini here if there is one.
    pub fn users_file(&self) -> Option<PathBuf> {
        self.users.clone().or_else(|| here("user.ini"))
    }

    /// One line for the log: which files are used.
    pub fn summary(&self) -> String {
        let settings = self.config_file().map(|file| format!("settings from {}", file.display()));
        let settings = settings.unwrap_or_else(|| "no ftpd.conf in this folder: default settings".to_owned());
        let accounts = self.users_file().map(|file| format!("accounts from {}", file.display()));
        let accounts = accounts.unwrap_or_else(|| "no user.ini in this folder: anonymous only".to_owned());
        format!("{settings}, {accounts}")
    }
}

/// An override that can't be read may hold a password, so it is not repeated.
fn without_value(mut error: clap::Error) -> clap::Error {
    let of_override = |value: &ContextValue| value.to_string().starts_with("--set");
    if let Some(ContextValue::String(value)) = error.get(ContextKind::InvalidValue)
        && error.get(ContextKind::InvalidArg).is_some_and(of_override)
    {
        let shown = value.split('=').next().unwrap_or_default();
        let shown = shown.chars().filter(|c| !c.is_control()).collect::<String>() + "=…";
        error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
    }
    error
}

/// `name` in the current folder, unless it doesn't exist. An error of another kind is left to its reader.
fn here(name: &str) -> Option<PathBuf> {
    match fs::symlink_metadata(Path::new(name)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        _ => Some(PathBuf::from(name)),
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    fn parse(words: &str) -> Result<Cli, ErrorKind> {
        Cli::parse_words(std::iter::once("ftpd").chain(words.split_whitespace()).map(OsString::from))
            .map_err(|error| error.kind())
    }

    #[test]
    fn the_definitions_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn subcommands_show_only_what_means_something_to_them() {
        let mut command = Cli::definition();
        let commands: Vec<String> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        for name in commands.iter().filter(|name| *name != "help") {
            let help = command.find_subcommand_mut(name).expect("it is there").render_long_help().to_string();
            let row = MEANT.iter().find(|(meant, _)| meant == name).unwrap_or_else(|| panic!("a row for {name}"));
            for (option, written) in [
                ("config", "--config"),
                ("users", "--users"),
                ("overrides", "--set"),
                ("verbose", "--verbose"),
                ("quiet", "--quiet"),
            ] {
                assert_eq!(help.contains(written), row.1.contains(&option), "{name} {written}\n{help}");
            }
        }
        let cli = parse("-u a --set server.port=1 check -c b --set server.port=2").expect("parsed");
        assert_eq!((cli.files.users, cli.files.config), (Some("a".into()), Some("b".into())));
        assert_eq!(cli.files.overrides.len(), 2);
    }

    #[test]
    fn who_is_kicked_is_said_in_one_way() {
        for words in ["kick 7", "kick 7 8", "kick --user alex", "kick --address ::1 --ban", "kick -p 21 7"] {
            assert!(parse(words).is_ok(), "{words}");
        }
        for words in ["kick", "kick x", "kick 7 --user alex", "kick 7 --ban", "kick --user a --address ::1", "who 7"] {
            assert!(parse(words).is_err(), "{words}");
        }
    }

    #[test]
    fn files_and_overrides_may_come_before_or_after_the_command() {
        for words in ["-c a -u b --set server.port=1 check", "check --config a --users b --set server.port=1"] {
            let cli = parse(words).unwrap();
            assert!(matches!(cli.command, Some(Task::Check(Check { network: false, .. }))));
            assert_eq!(cli.files.config_file(), Some("a".into()));
            assert_eq!(cli.files.users_file(), Some("b".into()));
            assert_eq!(cli.files.overrides, ["server.port=1".parse().unwrap()]);
        }
    }

    #[test]
    fn port_and_address_have_short_forms() {
        let expected: Vec<Override> = ["server.port=1", "server.ip=::1"].map(|text| text.parse().unwrap()).to_vec();
        for words in ["-p 1 -i ::1", "--port 1 --ip ::1", "check -p 1 -i ::1", "-p 1 check --ip ::1"] {
            assert_eq!(parse(words).unwrap().files.overrides, expected, "{words}");
        }
    }

    #[test]
    fn the_network_is_checked_when_asked_for() {
        let cli = parse("check --network").unwrap();
        assert!(matches!(cli.command, Some(Task::Check(Check { network: true, .. }))));
        assert_eq!(parse("--network").err(), Some(ErrorKind::UnknownArgument));
    }

    #[test]
    fn nothing_at_all_means_serve() {
        let cli = parse("").unwrap();
        assert!(cli.command.is_none() && cli.files.overrides.is_empty());
    }

    #[test]
    fn verbosity_counts_both_ways() {
        for (words, steps) in [("", 0), ("-v", 1), ("-vv", 2), ("-q", -1), ("-v -qq", -1), ("check -v", 1)] {
            assert_eq!(parse(words).unwrap().verbosity(), steps, "{words}");
        }
    }

    #[test]
    fn wrong_usage_is_told() {
        let cases = [
            ("--set port=1", ErrorKind::ValueValidation),
            ("--set server.port", ErrorKind::ValueValidation),
            ("--sets a.b=c", ErrorKind::UnknownArgument),
            ("serve", ErrorKind::InvalidSubcommand),
            ("--version", ErrorKind::DisplayVersion),
            ("--help", ErrorKind::DisplayHelp),
            ("who --help", ErrorKind::DisplayHelp),
            ("hash-password -h", ErrorKind::DisplayHelp),
        ];
        for (words, kind) in cases {
            assert_eq!(parse(words).err(), Some(kind), "{words}");
        }
    }

    #[test]
    fn problems_of_both_files_are_told_together() {
        let folder = tempfile::tempdir().unwrap();
        let [config, users] = ["ftpd.conf", "user.ini"].map(|name| folder.path().join(name));
        fs::write(&config, "[server]\nport = x\n").unwrap();
        fs::write(&users, "[bob]\nperm = x\n").unwrap();
        let overrides = vec!["log.log_level=loud".parse().unwrap()];
        let files = Files { config: Some(config), users: Some(users), overrides };
        let problems = files.load().err().unwrap();
        let keys: Vec<&str> = problems.iter().map(|finding| finding.key.as_str()).collect();
        assert_eq!(keys, ["", "port", "home", "password", "perm"]);
    }

    #[test]
    fn a_reload_changes_all_or_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let [config, users] = ["ftpd.conf", "user.ini"].map(|name| folder.path().join(name));
        fs::write(&config, "").unwrap();
        fs::write(&users, "[bob]\npassword = x\nperm = e\nhome = .\n").unwrap();
        let files = Files { config: Some(config.clone()), users: Some(users.clone()), overrides: Vec::new() };
        let (_, running) = files.load().unwrap();
        fs::write(&users, "[bob]\npassword = x\nperm = e\nhome = .\n[eve]\npassword = x\nperm = e\nhome = .\n")
            .unwrap();
        fs::write(&config, "[server]\nport = x\n").unwrap();
        assert!(files.reload(&running, |_, _| Ok(())).is_err());
        assert_eq!(running.accounts().count(), 1);
        fs::write(&config, "[server]\nport = 1\n").unwrap();
        let problem = || Finding::error(&Source::file("key.pem"), "is gone");
        assert!(files.reload(&running, |_, _| Err::<(), _>(problem().into())).is_err());
        assert_eq!(running.accounts().count(), 1);
        assert_eq!(files.reload(&running, |_, _| Ok(())).unwrap().0.server.port, 1);
        assert_eq!(running.accounts().count(), 2);
    }
}
