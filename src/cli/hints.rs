//! What somebody probably meant by a word that the command line doesn't have: words of other servers, and mistyped ones.
//!
//! Nothing here repeats a value, which may be a password.

use std::net::IpAddr;
use std::path::Path;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use strsim::osa_distance;

use super::{Cli, MEANT};
use crate::config::keys;

/// Options of other programs, without their dashes and with `-` for `_`, and what to write here. A single letter is a short
/// option, with its case.
#[rustfmt::skip]
const OPTIONS: &[(&[&str], &str)] = &[
    (&["d", "dir", "directory", "path", "root", "home", "folder", "share", "serve", "docroot", "document-root", "chroot",
       "local-root", "root-dir", "home-dir", "base-dir", "C", "chdir", "cwd"],
        "ftpd DIR"),
    (&["a", "anonymous", "anon", "guest", "allow-anonymous", "enable-anonymous", "no-auth", "no-password", "nopass", "no-login",
       "everybody", "everyone"],
        "ftpd DIR (without --user, everybody may log in as anonymous)"),
    (&["pasv", "passive", "pasv-ports", "passive-port", "passive-range", "pasv-range", "port-range", "range", "r", "data-ports",
       "pasv-port", "passiveports"],
        "--set passive.passive_ports=8300-8500"),
    (&["n", "nat", "nat-address", "masquerade", "pasv-address", "external-ip", "public-ip", "external-address", "public-address"],
        "--set passive.masquerade_address=ADDRESS"),
    (&["readonly", "read-only", "ro", "read", "no-write", "noupload", "no-upload"],
        "ftpd DIR (it is read-only without --write)"),
    (&["w", "rw", "writable", "writeable", "read-write", "readwrite", "upload", "uploads", "allow-upload", "allow-write",
       "enable-write", "write-enable"],
        "--write"),
    (&["P", "U", "password", "pass", "passwd", "pw", "pwd", "username", "user-name", "login", "account", "auth", "name",
       "credentials", "user-pass", "add-user", "adduser"],
        "--user NAME:PASSWORD"),
    (&["address", "addr", "host", "hostname", "bind", "bind-address", "bind-addr", "listen", "listen-address", "interface",
       "iface", "server", "b", "H"],
        "-i ADDRESS"),
    (&["control-port", "listen-port", "ftp-port", "server-port"],
        "-p PORT"),
    (&["ssl", "ftps", "secure", "encrypt", "encryption", "starttls", "auth-tls", "explicit-tls", "use-tls", "enable-tls", "s"],
        "--tls"),
    (&["http", "https", "web-port", "http-port", "browser", "browsers", "website", "webui", "web-ui", "httpd", "with-web"],
        "--web PORT (a folder is shared with browsers anyway)"),
    (&["no-http", "nohttp", "noweb", "no-browser", "no-browsers", "ftp-only", "without-web"],
        "--no-web"),
    (&["qrcode", "qr-code", "show-qr"],
        "--qr"),
    (&["no-qr", "noqr", "no-qrcode"],
        "--qr off"),
    (&["implicit", "implicit-tls", "implicit-ssl", "ftps-port"],
        "--set tls.implicit_tls_port=990"),
    (&["cert", "certfile", "cert-file", "ssl-cert", "tls-cert", "certificate-file"],
        "--set tls.certificate=FILE"),
    (&["key", "keyfile", "key-file", "ssl-key", "tls-key", "private-key-file"],
        "--set tls.private_key=FILE"),
    (&["log", "logfile", "l", "o", "output", "log-to"],
        "--set log.log_file=FILE"),
    (&["loglevel", "level"],
        "--set log.log_level=debug"),
    (&["D", "debug", "trace", "verbosity", "loud", "x"],
        "-v (-vv logs more)"),
    (&["silent", "no-log", "nolog"],
        "-q"),
    (&["xferlog", "transferlog", "transfers"],
        "--set log.transfer_log=FILE"),
    (&["conf", "cfg", "conf-file", "config-file", "settings", "ini", "f", "file"],
        "-c FILE"),
    (&["user-file", "users-file", "accounts", "passwd-file", "password-file", "user-db", "userdb", "user-ini"],
        "-u FILE"),
    (&["idle-timeout", "idle"],
        "--set server.timeout=300"),
    (&["max-clients", "max-connections", "max-conns", "max-sessions", "clients", "connections"],
        "--set server.max_cons=512"),
    (&["max-per-ip", "max-clients-per-ip", "max-connections-per-ip"],
        "--set server.max_cons_per_ip=32"),
    (&["rate", "limit", "bandwidth", "limit-rate", "throttle", "speed", "bwlimit"],
        "--set transfer.max_download=1M"),
    (&["banner", "motd", "welcome", "greeting"],
        "--set server.welcome_msg=TEXT"),
    (&["no-active", "passive-only"],
        "--set active.enable_active=off"),
    (&["internet", "wan", "allow-all", "any", "open", "global", "expose"],
        "--public"),
    (&["all", "dotfiles", "dot-files", "show-hidden", "hidden-files"],
        "--hidden"),
    (&["t", "test", "check", "dry-run", "verify", "validate", "configtest"],
        "ftpd check"),
    (&["daemon", "daemonize", "background", "fork", "detach", "B", "service"],
        "a service of systemd (it stays in the foreground; packaging/systemd has a unit)"),
];

/// Words that people write for a subcommand, and what stands after `ftpd` instead, or a sentence.
#[rustfmt::skip]
const COMMANDS: &[(&[&str], &str)] = &[
    (&["serve", "start", "run", "launch", "up", "server", "daemon", "open"],
        "ftpd alone, which starts the server with user.ini, or ftpd DIR, which shares a folder"),
    (&["share"],
        "DIR"),
    (&["web", "http", "browse"],
        "ftpd DIR, which shares a folder with browsers, too"),
    (&["test", "verify", "validate", "doctor", "lint", "diagnose", "examine", "configtest"],
        "check"),
    (&["setup", "new", "create", "configure", "config", "install", "sample"],
        "init"),
    (&["hash", "passwd", "password", "mkpasswd", "hashpw", "htpasswd", "hash-passwd", "encrypt"],
        "hash-password"),
    (&["list", "ls", "sessions", "users", "clients", "connections", "ps", "ftpwho"],
        "who"),
    (&["watch", "monitor", "htop", "live", "ftptop"],
        "top"),
    (&["kill", "disconnect", "ban", "end", "close"],
        "kick"),
    (&["stop", "shutdown", "quit", "exit", "halt", "down", "ftpshut"],
        "drain"),
    (&["restart"],
        "stop it and start it again (ftpd reload has the running server read both files again)"),
    (&["adduser", "useradd", "add-user", "user-add", "add", "user", "account", "newuser", "mkuser"],
        "accounts are sections of user.ini: add [NAME] with password, perm and home"),
    (&["refresh", "rehash", "hup", "sighup", "reread"],
        "reload"),
    (&["info", "stats", "metrics", "health", "state", "statistics", "unban"],
        "status"),
    (&["man", "usage", "manual", "docs"],
        "--help"),
    (&["ver", "v"],
        "--version"),
];

/// What is said about a word too many.
const WORD_TOO_MANY: &str = "--user NAME:PASSWORD, or quotes around a name with blanks";

/// What is said about a folder too many.
const FOLDER_TOO_MANY: &str = "one folder, in quotes if its name has blanks; several are homes of accounts in user.ini";

/// Longest word that is compared; no subcommand has a longer one.
const LONGEST: usize = 20;

/// What to write instead of an option that doesn't exist, written with its dashes and without a value.
pub fn option_like(option: &str) -> Option<String> {
    let (name, is_long) = match option.strip_prefix("--") {
        Some(name) => (name.to_ascii_lowercase().replace('_', "-"), true),
        None => (option.strip_prefix('-')?.to_owned(), false),
    };
    let named = |known: &&str| (known.len() > 1) == is_long && **known == name;
    let row = OPTIONS.iter().find(|(names, _)| names.iter().any(&named));
    row.map(|(_, instead)| (*instead).to_owned()).or_else(|| is_long.then(|| key_like(&name))?)
}

/// A key of the settings with the name of an option: any can be set.
fn key_like(name: &str) -> Option<String> {
    let of_section = |(section, rows): (&'static str, &'static [_])| rows.iter().map(move |row| (section, row));
    let mut rows = keys::SECTIONS.into_iter().flat_map(of_section);
    let (section, row) = rows.find(|(_, row)| row.name.replace('_', "-") == name)?;
    let value = match row.value {
        "on or off" => "on".to_owned(),
        words if words.contains(", ") => words.split(", ").collect::<Vec<_>>().join("|"),
        noun => noun.to_uppercase().replace(' ', "-"),
    };
    Some(format!("--set {section}.{}={value}", row.name))
}

/// What was probably meant by a word that is no subcommand: what stands after `ftpd`, such as `check` for `chekc`.
pub fn command_like(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase().replace('_', "-");
    let meant = COMMANDS.iter().find(|(names, _)| names.contains(&word.as_str()));
    meant.map(|(_, instead)| *instead).or_else(|| {
        let names = MEANT.iter().map(|(name, _)| *name).filter(|_| word.len() <= LONGEST);
        let close = names.map(|name| (osa_distance(&word, name), name)).filter(|(distance, name)| {
            // Of three letters, one may be wrong; of more, two.
            let most = if name.len() < 4 || word.len() < 4 { 1 } else { 2 };
            *distance <= most
        });
        close.min().map(|(_, name)| name)
    })
}

/// What to write instead of a word that is no subcommand, as a whole.
fn instead_of(word: &str) -> Option<String> {
    command_like(word).map(|meant| if meant.contains(' ') { meant.to_owned() } else { format!("ftpd {meant}") })
}

/// That `ftpd init` has no use for an option of the server.
pub(super) fn not_for_init(option: &str) -> clap::Error {
    let reason = format!("ftpd init takes no {option}: it writes ftpd.conf and user.ini into this folder");
    Cli::definition().error(ErrorKind::ArgumentConflict, reason)
}

/// The same error with what was probably meant, in place of what clap suggests. What could be a password is left out. `first` is
/// the first word after the program's name.
pub(super) fn with_hint(mut error: clap::Error, first: &str) -> clap::Error {
    if let Some(option) = of_server(&error) {
        return not_for_init(&option);
    }
    let hint = match error.kind() {
        ErrorKind::UnknownArgument => of_unknown(&mut error, first),
        ErrorKind::InvalidSubcommand => of_word(&mut error, first),
        ErrorKind::ValueValidation => of_value(&mut error),
        ErrorKind::MissingRequiredArgument => of_missing(&error),
        ErrorKind::ArgumentConflict => of_conflict(&error),
        _ => None,
    };
    if let Some(hint) = hint {
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::SuggestedSubcommand);
        let tip = vec![StyledStr::from(format!("did you mean: {hint}"))];
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(tip));
    }
    error
}

/// An option that only the server has, behind `init`.
fn of_server(error: &clap::Error) -> Option<String> {
    if error.kind() != ErrorKind::UnknownArgument || subcommand(error) != Some("init") {
        return None;
    }
    let word = text(error, ContextKind::InvalidArg)?;
    let option = word.split('=').next()?;
    let is_it = |known: &clap::Arg| {
        known.get_long().is_some_and(|name| option.strip_prefix("--") == Some(name))
            || known.get_short().is_some_and(|name| option.strip_prefix('-') == Some(name.to_string().as_str()))
    };
    Cli::definition().get_arguments().any(is_it).then(|| option.to_owned())
}

/// An option that doesn't exist, or a word too many.
fn of_unknown(error: &mut clap::Error, first: &str) -> Option<String> {
    let word = text(error, ContextKind::InvalidArg)?;
    let subcommand = subcommand(error);
    // It would be how to share a folder called like an option.
    error.remove(ContextKind::Suggested);
    if !word.starts_with('-') && matches!(subcommand, None | Some("hash-password")) {
        if subcommand.is_none() {
            return Some(of_many(error, ContextKind::InvalidArg, &word, first));
        }
        // It may be a password.
        error.insert(ContextKind::InvalidArg, ContextValue::String("…".to_owned()));
        return Some("ftpd hash-password (it asks for the password)".to_owned());
    }
    if !word.starts_with('-') && subcommand == Some("init") {
        return Some("ftpd init alone (it writes into the current folder, and asks which folder to share)".to_owned());
    }
    let similar = || text(error, ContextKind::SuggestedArg);
    match subcommand {
        Some(_) => similar(),
        None => option_like(&word).or_else(|| of_subcommands(&word, first)).or_else(similar),
    }
}

/// An option that only subcommands have: those that `first` may stand for, or all.
fn of_subcommands(option: &str, first: &str) -> Option<String> {
    let name = option.strip_prefix("--")?;
    let definition = Cli::definition();
    let has_it = |command: &&clap::Command| command.get_arguments().any(|known| known.get_long() == Some(name));
    let names: Vec<&str> = definition.get_subcommands().filter(has_it).map(clap::Command::get_name).collect();
    let meant = command_like(first).filter(|meant| names.contains(meant));
    let names = meant.map_or(names, |meant| vec![meant]);
    let commands: Vec<String> = names.iter().map(|name| format!("ftpd {name} {option}")).collect();
    (!commands.is_empty()).then(|| commands.join(" or "))
}

/// A word that is neither a folder nor a subcommand: a mistyped one, or a word too many.
fn of_word(error: &mut clap::Error, first: &str) -> Option<String> {
    let word = text(error, ContextKind::InvalidSubcommand)?;
    instead_of(&word).or_else(|| Some(of_many(error, ContextKind::InvalidSubcommand, &word, first)))
}

/// A word too many: behind another one that is wrong, a second folder, or perhaps a password.
fn of_many(error: &mut clap::Error, kind: ContextKind, word: &str, first: &str) -> String {
    if Path::new(word).exists() && word != first {
        return if Path::new(first).exists() { FOLDER_TOO_MANY.to_owned() } else { of_first(first) };
    }
    error.insert(kind, ContextValue::String("…".to_owned()));
    of_first(first)
}

fn of_first(first: &str) -> String {
    let meant = instead_of(first).filter(|_| !Path::new(first).exists());
    meant.unwrap_or_else(|| WORD_TOO_MANY.to_owned())
}

/// A file of accounts beside a folder to share: probably a name was meant.
fn of_conflict(error: &clap::Error) -> Option<String> {
    let sides = [ContextKind::InvalidArg, ContextKind::PriorArg].map(|kind| text(error, kind).unwrap_or_default());
    let has = |option: &str| sides.iter().any(|side| side.starts_with(option));
    (has("--users") && has("[DIR]")).then(|| "--user NAME:PASSWORD (-u names a file of accounts)".to_owned())
}

/// Options that mean nothing without a folder: the usage names those that were written.
fn of_missing(error: &clap::Error) -> Option<String> {
    let usage = error.get(ContextKind::Usage)?.to_string();
    let options = usage.split_once("ftpd ")?.1.trim().strip_suffix("<DIR>")?.trim();
    Some(format!("ftpd DIR {}", options.replace(['<', '>'], "")))
}

/// A value that can't be read: what is no number is no port, and may be a password.
fn of_value(error: &mut clap::Error) -> Option<String> {
    let (option, value) = (text(error, ContextKind::InvalidArg)?, text(error, ContextKind::InvalidValue)?);
    match option.split_whitespace().next()? {
        "--port" if value.contains('-') && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => {
            option_like("--passive").map(|passive| format!("{passive} (-p is the control port)"))
        }
        "--port" if !value.bytes().all(|byte| byte.is_ascii_digit()) => {
            error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
            Some("-p 2121 (a port is a number, and a password belongs to its name: --user NAME:PASSWORD)".to_owned())
        }
        "[DIR]" => instead_of(&value),
        "[ID]..." if value.parse::<IpAddr>().is_ok() => Some(format!("ftpd kick --address {value}")),
        "[ID]..." => Some(format!("ftpd kick --user {value}")),
        "--ip" if value.eq_ignore_ascii_case("localhost") => Some("-i 127.0.0.1".to_owned()),
        _ => None,
    }
}

/// The subcommand whose words an error is about.
fn subcommand(error: &clap::Error) -> Option<&'static str> {
    let usage = error.get(ContextKind::Usage)?.to_string();
    let word = usage.split_whitespace().nth(2)?;
    MEANT.iter().map(|(name, _)| *name).find(|name| *name == word)
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn an_option_of_another_program_leads_to_ours() {
        let cases = [
            ("-d", "ftpd DIR"),
            ("--directory", "ftpd DIR"),
            ("--dir", "ftpd DIR"),
            ("--path", "ftpd DIR"),
            ("--root", "ftpd DIR"),
            ("--home", "ftpd DIR"),
            ("--anonymous", "ftpd DIR (without --user"),
            ("--pasv", "--set passive.passive_ports=8300-8500"),
            ("--passive", "--set passive.passive_ports=8300-8500"),
            ("--passive_ports", "--set passive.passive_ports=PORTS"),
            ("--readonly", "read-only without --write"),
            ("--read-only", "read-only without --write"),
            ("--Read_Only", "read-only without --write"),
            ("--password", "--user NAME:PASSWORD"),
            ("--pass", "--user NAME:PASSWORD"),
            ("-P", "--user NAME:PASSWORD"),
            ("--username", "--user NAME:PASSWORD"),
            ("--address", "-i ADDRESS"),
            ("--host", "-i ADDRESS"),
            ("--bind", "-i ADDRESS"),
            ("--ssl", "--tls"),
            ("--http-port", "--web PORT"),
            ("--no-http", "--no-web"),
            ("--web-hosts", "--set web.web_hosts=NAMES"),
            ("--log", "--set log.log_file=FILE"),
            ("--debug", "-v"),
            ("-w", "--write"),
            ("--max-cons", "--set server.max_cons=NUMBER"),
            ("--sandbox", "--set server.sandbox=auto|require|off"),
            ("--fsync", "--set transfer.fsync=off|close"),
            ("--masquerade-address", "--set passive.masquerade_address=ADDRESS-OR-NAME"),
            ("--use-gmt-times", "--set transfer.use_gmt_times=on"),
        ];
        for (option, instead) in cases {
            let hint = option_like(option).unwrap_or_else(|| panic!("{option}"));
            assert!(hint.contains(instead), "{option}: {hint}");
        }
        for option in ["--prot", "-Z", "--d", "-dir", "-p", "d", "", "-", "--"] {
            assert_eq!(option_like(option), None, "{option}");
        }
    }

    #[test]
    fn a_mistyped_subcommand_and_words_for_one_are_known() {
        let cases = [
            ("chekc", "check"),
            ("CHECK", "check"),
            ("chck", "check"),
            ("hash_password", "hash-password"),
            ("hashpassword", "hash-password"),
            ("hwo", "who"),
            ("tpo", "top"),
            ("kik", "kick"),
            ("drian", "drain"),
            ("relaod", "reload"),
            ("satus", "status"),
            ("share", "DIR"),
            ("rehash", "reload"),
            ("stop", "drain"),
        ];
        for (word, meant) in cases {
            assert_eq!(command_like(word), Some(meant), "{word}");
        }
        for word in
            ["photos", "/srv/share", "c", "", "..", "share/alex", "movie", "no-such-folder", "文件", &"x".repeat(9999)]
        {
            assert_eq!(command_like(word), None, "{word}");
        }
    }

    #[test]
    fn each_word_has_one_meaning_and_none_is_a_subcommand() {
        for table in [OPTIONS, COMMANDS] {
            let mut seen = BTreeSet::new();
            let twice: Vec<&str> =
                table.iter().flat_map(|(words, _)| words.iter().copied()).filter(|word| !seen.insert(*word)).collect();
            assert!(twice.is_empty(), "{twice:?}");
        }
        let words = COMMANDS.iter().flat_map(|(words, _)| *words);
        let taken: Vec<&&str> = words.filter(|word| MEANT.iter().any(|(name, _)| name == *word)).collect();
        assert!(taken.is_empty(), "{taken:?}");
    }
}
