//! The command line, and the two files it names.

use std::env;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

mod files;
mod first_files;
mod generated;
pub mod hints;
pub mod running;
mod sharing;
mod short_forms;

pub use files::Files;
pub use first_files::{InitOptions, SampleFile};
pub use generated::{Generate, Generated};
pub use sharing::{QrCodeShown, Sharing};
pub use short_forms::ShortForms;

use hints::with_hint;

/// What most people want first, and where more is.
const EXAMPLES: &str = "\
Examples:
  ftpd ~/photos                     Share a folder now, read-only; no files are needed
  ftpd ~/photos --write --user ann  For ann alone, who may change it, with a new password
  ftpd -c ftpd.conf -u user.ini     Serve the accounts of user.ini with the settings of ftpd.conf
  ftpd init                         Write these two files, with a comment for each setting

More:
  ftpd init --print users           The keys of an account, and the letters of perm
  ftpd init --print conf            The settings, each with a comment
  man ftpd, man ftpd.conf and man user.ini, or the folder docs beside the source";

/// An FTP server for the folders and accounts of two small files.
#[derive(Debug, Parser)]
#[command(name = "ftpd", version, about, after_help = EXAMPLES)]
pub struct Cli {
    /// Where settings and accounts come from.
    #[command(flatten)]
    pub files: Files,

    /// Settings that are given often.
    #[command(flatten)]
    pub short_forms: ShortForms,

    /// Log more (repeatable)
    #[arg(short, long, action = ArgAction::Count)]
    pub verbose: u8,

    /// Log less (repeatable)
    #[arg(short, long, action = ArgAction::Count)]
    pub quiet: u8,

    /// A folder to share without any file.
    #[command(flatten)]
    pub sharing: Sharing,

    /// What to do; without one, serve.
    #[command(subcommand)]
    pub command: Option<Task>,
}

/// What `ftpd` can do besides serving.
#[derive(Debug, Subcommand)]
pub enum Task {
    /// Write ftpd.conf and user.ini with comments into this folder, after three questions; never overwrites
    Init(InitOptions),
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
    /// Write a man page or the completion for a shell to stdout
    #[command(hide = true)]
    Generate(Generate),
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

    /// Settings that are given often.
    #[command(flatten)]
    pub short_forms: ShortForms,

    /// Fail on warnings, too
    #[arg(long)]
    pub strict: bool,

    /// Print all findings as a JSON array
    #[arg(long)]
    pub json: bool,
}

/// The options of all subcommands that mean something to each; `--help` shows no other ones there.
const MEANT: &[(&str, &[&str])] = &[
    ("init", &[]),
    ("check", &["config", "users", "overrides"]),
    ("hash-password", &[]),
    ("who", &["config"]),
    ("top", &["config"]),
    ("kick", &["config"]),
    ("drain", &["config"]),
    ("reload", &["config"]),
    ("status", &["config"]),
    ("generate", &[]),
];
/// Options that may come before or after each subcommand.
const EVERYWHERE: [&str; 5] = ["config", "users", "overrides", "verbose", "quiet"];

impl Cli {
    /// The command line of this process; wrong usage ends it, with a hint.
    pub fn read() -> Cli {
        Cli::parse_words(env::args_os()).unwrap_or_else(|error| error.exit())
    }

    fn parse_words(words: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
        let words = joined(words);
        let first = words.get(1).map(|word| word.to_string_lossy()).unwrap_or_default();
        let told = |error| without_value(with_hint(error, &first));
        let mut matches = Cli::definition().try_get_matches_from(&words).map_err(told)?;
        let mut cli = Cli::from_arg_matches(&matches)?;
        let command = matches.subcommand_name().map(str::to_owned);
        if let Some((_, mut after)) = matches.remove_subcommand() {
            cli.files.config = after.remove_one("config").or(cli.files.config);
            cli.files.users = after.remove_one("users").or(cli.files.users);
            cli.files.overrides.extend(after.remove_many("overrides").into_iter().flatten());
            cli.verbose = cli.verbose.saturating_add(after.get_count("verbose"));
            cli.quiet = cli.quiet.saturating_add(after.get_count("quiet"));
        }
        if let Some(option) = cli.is_init().then(|| cli.of_server()).flatten() {
            return Err(hints::not_for_init(option));
        }
        cli.files.shared = cli.sharing.shared();
        if let (Some(folder), Some(name)) = (&cli.files.shared, command) {
            let reason = format!("ftpd {name} takes no folder to share, and {} is one", folder.path.display());
            return Err(Cli::definition().error(ErrorKind::ArgumentConflict, reason));
        }
        Ok(cli.with_short_forms())
    }

    fn is_init(&self) -> bool {
        matches!(self.command, Some(Task::Init(_)))
    }

    /// An option that was given and that only the server needs.
    fn of_server(&self) -> Option<&'static str> {
        let given = [
            ("-c", self.files.config.is_some()),
            ("-u", self.files.users.is_some()),
            ("--set", !self.files.overrides.is_empty()),
            ("-p", self.short_forms.port.is_some()),
            ("-i", self.short_forms.ip.is_some()),
            ("--tls", self.short_forms.tls),
            ("--web", self.short_forms.web.is_some()),
            ("--no-web", self.short_forms.no_web),
        ];
        given.into_iter().find(|(_, is_given)| *is_given).map(|(option, _)| option)
    }

    /// The same with overrides in place of their short forms.
    fn with_short_forms(mut self) -> Cli {
        if self.files.shared.is_some() && self.short_forms.web == Some(None) {
            // A folder is shared with browsers anyway, at any port that is free.
            self.short_forms.web = None;
        }
        let of_check = match &self.command {
            Some(Task::Check(check)) => check.short_forms,
            _ => ShortForms::default(),
        };
        self.files.overrides.extend(self.short_forms.overrides().chain(of_check.overrides()));
        self
    }

    /// The command line, with the options that may stand before or after a subcommand.
    pub fn definition() -> Command {
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

/// The words with the value of an option behind it if it may have none: `--web 8080` is `--web=8080`, and `--web DIR` stays.
fn joined(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let is_port = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let is_when = |word: &str| QrCodeShown::from_str(word, false).is_ok();
    let mut joined: Vec<OsString> = Vec::new();
    for word in words {
        let value = word.to_str().unwrap_or_default();
        match joined.last_mut() {
            Some(option) if option == "--web" && is_port(value) || option == "--qr" && is_when(value) => {
                option.push("=");
                option.push(&word);
            }
            _ => joined.push(word),
        }
    }
    joined
}

/// An override or an account that can't be read may hold a password, so it is not repeated.
fn without_value(mut error: clap::Error) -> clap::Error {
    let option = error.get(ContextKind::InvalidArg).map(ContextValue::to_string).unwrap_or_default();
    let separator = [("--set", '='), ("--user", ':')].into_iter().find(|(name, _)| option.starts_with(name));
    if let (Some((_, separator)), Some(ContextValue::String(value))) = (separator, error.get(ContextKind::InvalidValue))
        && !value.is_empty()
    {
        let shown = value.split(separator).next().unwrap_or_default();
        let shown = shown.chars().filter(|c| !c.is_control()).collect::<String>() + &format!("{separator}…");
        error.insert(ContextKind::InvalidValue, ContextValue::String(shown));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ini::Override;

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
        let expected: Vec<Override> =
            ["server.port=1", "server.ip=::1", "tls.tls=on"].map(|text| text.parse().unwrap()).to_vec();
        for words in ["-p 1 -i ::1 --tls", "--tls --port 1 --ip ::1", "check -p 1 -i ::1 --tls"] {
            assert_eq!(parse(words).unwrap().files.overrides, expected, "{words}");
        }
    }

    #[test]
    fn the_port_of_the_web_may_be_left_out_and_so_may_the_word_of_the_qr_code() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().to_str().unwrap();
        let [port, usual, off] = ["8000", "8080", "off"].map(|port| Override::new("web", "web_port", port));
        for (words, expected) in [
            ("--web 8000".to_owned(), vec![port.clone()]),
            ("--web=8000".to_owned(), vec![port.clone()]),
            ("check --web 8000".to_owned(), vec![port.clone()]),
            ("--web".to_owned(), vec![usual]),
            ("--no-web".to_owned(), vec![off]),
            (format!("--web {folder}"), vec![]),
            (format!("{folder} --web"), vec![]),
            (format!("{folder} --web 8000 --qr"), vec![port]),
        ] {
            assert_eq!(parse(&words).unwrap().files.overrides, expected, "{words}");
        }
        for (words, expected) in [
            (format!("--qr {folder}"), QrCodeShown::On),
            (format!("{folder} --qr on"), QrCodeShown::On),
            (format!("{folder} --qr off"), QrCodeShown::Off),
            (format!("{folder} --qr=auto"), QrCodeShown::Auto),
            (folder.to_owned(), QrCodeShown::Auto),
        ] {
            let cli = parse(&words).unwrap();
            assert!(cli.files.shared.is_some());
            assert_eq!(cli.sharing.qr_code(), expected, "{words}");
        }
        for (words, kind) in [
            ("--web 99999", ErrorKind::ValueValidation),
            ("--web 80 --no-web", ErrorKind::ArgumentConflict),
            ("--qr", ErrorKind::MissingRequiredArgument),
            ("init --web", ErrorKind::ArgumentConflict),
        ] {
            assert_eq!(parse(words).err(), Some(kind), "{words}");
        }
    }

    #[test]
    fn the_network_is_checked_when_asked_for() {
        let cli = parse("check --network").unwrap();
        assert!(matches!(cli.command, Some(Task::Check(Check { network: true, .. }))));
        assert_eq!(parse("--network").err(), Some(ErrorKind::UnknownArgument));
    }

    #[test]
    fn a_folder_is_shared_and_a_command_wins_over_a_folder_of_its_name() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("check");
        std::fs::create_dir(&folder).unwrap();
        let shown = folder.display();
        let shared = parse(&format!("{shown} --write --user bob:secret")).unwrap().files.shared.expect("a folder");
        assert!(shared.path.ends_with("check") && shared.is_writable && !shared.is_public && !shared.shows_hidden);
        assert_eq!(shared.member.map(|member| member.name), Some("bob".to_owned()));
        assert!(parse("check").unwrap().files.shared.is_none());
        let cases = [
            (format!("{shown}/missing"), ErrorKind::ValueValidation),
            (format!("{shown} check"), ErrorKind::ArgumentConflict),
            (format!("{shown} -u user.ini"), ErrorKind::ArgumentConflict),
            ("--write".to_owned(), ErrorKind::MissingRequiredArgument),
            ("--user bob".to_owned(), ErrorKind::MissingRequiredArgument),
        ];
        for (words, kind) in cases {
            assert_eq!(parse(&words).err(), Some(kind), "{words}");
        }
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
            ("serve", ErrorKind::ValueValidation),
            ("--version", ErrorKind::DisplayVersion),
            ("--help", ErrorKind::DisplayHelp),
            ("who --help", ErrorKind::DisplayHelp),
            ("hash-password -h", ErrorKind::DisplayHelp),
        ];
        for (words, kind) in cases {
            assert_eq!(parse(words).err(), Some(kind), "{words}");
        }
    }
}
