//! What a person types: help, and wrong words.

use crate::server::{Ended, bare_command, run_to_its_end};

/// Runs `ftpd` with these words in an empty folder, where there is nothing to serve.
fn ftpd(words: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let mut command = bare_command();
    command.args(words).current_dir(folder.path());
    run_to_its_end(command)
}

#[test]
fn a_word_of_another_program_gets_a_hint() {
    let cases: [(&[&str], &str); 25] = [
        (&["-d", "/srv"], "ftpd DIR"),
        (&["--directory", "/srv"], "ftpd DIR"),
        (&["--directory=/srv"], "ftpd DIR"),
        (&["--root", "/srv"], "ftpd DIR"),
        (&["--anonymous"], "ftpd DIR"),
        (&["--pasv"], "--set passive.passive_ports=8300-8500"),
        (&["--read-only"], "read-only without --write"),
        (&["--host", "127.0.0.1"], "-i ADDRESS"),
        (&["--password", "sesame"], "--user NAME:PASSWORD"),
        (&["--pass=sesame"], "--user NAME:PASSWORD"),
        (&["-Psesame"], "--user NAME:PASSWORD"),
        (&["-p", "sesame"], "--user NAME:PASSWORD"),
        (&["-p", "8300-8500"], "passive.passive_ports"),
        (&["hash-password", "sesame"], "ftpd hash-password"),
        (&["chekc"], "ftpd check"),
        (&["serve"], "ftpd DIR"),
        (&["chekc", "--json"], "ftpd check --json"),
        (&["--prometheus"], "ftpd status --prometheus"),
        (&[".", "bob", "sesame"], "--user NAME:PASSWORD"),
        (&[".", "--user", "bob", "sesame"], "--user NAME:PASSWORD"),
        (&[".", "-u", "bob"], "--user NAME:PASSWORD"),
        (&["--write"], "ftpd DIR --write"),
        (&["--write", "--user", "bob:sesame"], "ftpd DIR --write --user NAME[:PASSWORD]"),
        (&["--prot", "21"], "--port"),
        (&["who", "--jsno"], "--json"),
    ];
    for (words, meant) in cases {
        let ended = ftpd(words);
        assert_eq!(ended.code, Some(2), "{words:?}: {}", ended.output);
        let hint =
            ended.output.lines().find(|line| line.contains("did you mean")).unwrap_or_else(|| panic!("{words:?}"));
        assert!(hint.contains(meant), "{words:?}: {hint}");
        assert!(!ended.output.contains("sesame") && !ended.output.contains("similar"), "{}", ended.output);
    }
}

#[test]
fn the_help_has_examples_and_says_where_more_is() {
    for words in [&["--help"], &["-h"], &["help"]] {
        let help = ftpd(words).output;
        for text in ["  ftpd ~/photos ", "  ftpd -c ftpd.conf -u user.ini ", "man ftpd"] {
            assert!(help.contains(text), "{text}:\n{help}");
        }
    }
}
