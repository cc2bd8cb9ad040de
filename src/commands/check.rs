//! `ftpd check`: reports what would be wrong at start, without starting.

use std::io::Write;
use std::process::ExitCode;

use crate::auth::users::Users;
use crate::cli::{Check, Files};
use crate::commands::examination::{self, Occasion, Setup};
use crate::commands::{account, network, report};
use crate::config::Config;
use crate::ini::Findings;
use crate::protocol::plural::Plural;

/// Prints to `out` what is wrong with both files and what they name, and with `--network` also what is wrong on the way
/// to the running server; the exit code is 0 if nothing keeps the server from starting or a client from working (with
/// `--strict`: if nothing is doubtful), else 1.
pub fn run(files: &Files, options: &Check, out: &mut impl Write) -> ExitCode {
    if let Some(name) = &options.user {
        return account::show(files, name, out);
    }
    if let Some(words) = &options.can {
        return account::can(files, words, out);
    }
    let running = if options.network { network::running::without_files(files) } else { None };
    let (found, summary) = match running.map_or_else(|| files.load(), Ok) {
        Ok((config, users)) => {
            let found = examine(files, options, &config, &users);
            let summary = (!found.has_errors()).then(|| summary(files, options, &users));
            (found, summary)
        }
        Err(found) => (found, None),
    };
    let fails = if options.strict { found.has_warnings() } else { found.has_errors() };
    let summary = summary.filter(|_| !fails);
    let report = if options.json { report::json(&found) } else { report::text(&found, summary) };
    // A reader that has closed the pipe wants no more lines; the exit code says enough.
    let _ = writeln!(out, "{report}");
    if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn examine(files: &Files, options: &Check, config: &Config, users: &Users) -> Findings {
    let subject = Setup { files, config, users };
    if options.network {
        return examination::examine(&subject, Occasion::Network).and(network::examine(config, users));
    }
    examination::examine(&subject, Occasion::Check)
}

fn summary(files: &Files, options: &Check, users: &Users) -> String {
    let names = [files.config_file(), files.users_file()].into_iter().flatten();
    let names: Vec<String> = names.map(|file| file.display().to_string()).collect();
    let sound = match &names[..] {
        [] => "the defaults are sound".to_owned(),
        [name] => format!("{name} is sound"),
        names => format!("{} are sound", names.join(" and ")),
    };
    let accounts = Plural(users.accounts().count(), "account");
    let reached = if options.network { ", and all that was dialled answers" } else { "" };
    format!("ok: {accounts}, {sound}{reached}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn check(config: &str, users: &str) -> (bool, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let [conf, ini] = ["ftpd.conf", "user.ini"].map(|name| folder.path().join(name));
        fs::write(&conf, format!("[server]\nip = 127.0.0.1\nport = 0\n{config}")).unwrap();
        fs::write(&ini, users).unwrap();
        fs::create_dir(folder.path().join("home")).unwrap();
        let mut out = Vec::new();
        let files = Files { config: Some(conf), users: Some(ini), overrides: Vec::new(), shared: None };
        let code = run(&files, &Check::default(), &mut out);
        let text = String::from_utf8(out).unwrap().replace(&format!("{}/", folder.path().display()), "");
        // The one is so on every machine, the other if root runs the tests.
        let told =
            text.lines().filter(|line| !["chmod 600", "the server is root"].iter().any(|words| line.contains(words)));
        (code == ExitCode::SUCCESS, told.map(str::to_owned).collect())
    }

    const BOB: &str = "[bob]\npassword = x\nperm = elr\nhome = home\n";

    #[test]
    fn sound_files_end_with_ok() {
        let (sound, lines) = check("", BOB);
        assert_eq!((sound, lines), (true, vec!["ok: 1 account, ftpd.conf and user.ini are sound".to_owned()]));
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let (sound, lines) =
            check("[log]\nlog_file = none/a.log\ntransfer_log = b.log\n", &BOB.replace("= home", "= gone"));
        let expected = [
            "ftpd.conf:5: log_file: can't write none/a.log: there is no folder none; mkdir -p none",
            "    log_file = none/a.log",
            "               ^^^^^^^^^^",
            "warning: user.ini:4: home: the home gone of bob does not exist; mkdir -p gone",
            "    home = gone",
            "           ^^^^",
        ];
        assert_eq!((sound, lines), (false, expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn errors_of_both_files_are_told() {
        let (sound, lines) = check("prot = 1\n", "[bob]\npassword = x\nperm = elr\n");
        let expected = [
            "ftpd.conf:4: prot: unknown key in [server], did you mean 'port'?",
            "    prot = 1",
            "    ^^^^",
            "user.ini:1: home: missing in [bob]; write home = /srv/share, or another folder",
            "    [bob]",
            "    ^^^^^",
        ];
        assert_eq!((sound, lines), (false, expected.map(str::to_owned).to_vec()));
    }
}
