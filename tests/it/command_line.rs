//! What a person types: help, and wrong words.

use std::fs;

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
    let cases: [(&[&str], &str); 41] = [
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
        (&["start"], "ftpd alone, which starts the server with user.ini, or ftpd DIR"),
        (&["run", "/"], "ftpd alone"),
        (&["serve", "sesame"], "ftpd alone"),
        (&["restart"], "stop it and start it again"),
        (&["adduser"], "sections of user.ini"),
        (&["adduser", "bob"], "add [NAME] with password, perm and home"),
        (&["adduser", "bob", "sesame"], "sections of user.ini"),
        (&["-t"], "ftpd check"),
        (&["-t", "-c", "ftpd.conf"], "ftpd check"),
        (&["kick", "alex"], "ftpd kick --user alex"),
        (&["kick", "7", "alex"], "ftpd kick --user alex"),
        (&["kick", "192.0.2.1"], "ftpd kick --address 192.0.2.1"),
        (&["-p", "abc"], "a port is a number"),
        (&[".", "/"], "one folder"),
        (&["init", "/srv"], "ftpd init alone"),
        (&["/", "chekc"], "ftpd check"),
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
fn a_word_that_is_no_folder_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let files = [("a b.ini", "[alex]\nperm = elr\n"), ("x.conf", "[server]\nport = 1\n"), ("y", "[tls]\ntls = on\n")];
    for (name, text) in files.into_iter().chain([("empty.ini", ""), ("photo.jpg", "")]) {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let cases: [(&[&str], &str); 10] = [
        (&["a b.ini"], "it is a file of accounts: ftpd -u 'a b.ini'"),
        (&["empty.ini"], "it is a file of accounts: ftpd -u empty.ini"),
        (&["x.conf"], "it is a file of settings: ftpd -c x.conf"),
        (&["y"], "it is a file of settings: ftpd -c y"),
        (&["photo.jpg"], "it is a file; share the folder that it is in: ftpd ."),
        (&["D:/photos"], "a path of Windows; here its disk may be at /mnt/d/photos"),
        (&["D:\\photos"], "a path of Windows; here its disk may be at /mnt/d/photos"),
        (&["gone"], "there is no folder of this name"),
        (&[".", "x.conf"], "'x.conf'"),
        (&["--set", "log.log_file="], "the value behind 'log.log_file=' is empty"),
    ];
    for (words, reason) in cases {
        let mut command = bare_command();
        command.args(words).current_dir(folder.path());
        let ended = run_to_its_end(command);
        assert_eq!(ended.code, Some(2), "{words:?}: {}", ended.output);
        assert!(ended.output.contains(reason), "{words:?}: {}", ended.output);
    }
}

#[test]
fn the_help_has_examples_and_says_where_more_is() {
    for words in [&["--help"], &["-h"], &["help"]] {
        let help = ftpd(words).output;
        for text in [
            "  ftpd ~/photos ",
            "  ftpd -c ftpd.conf -u user.ini ",
            "ftpd init --print users",
            "ftpd init --print conf",
            "man ftpd",
        ] {
            assert!(help.contains(text), "{text}:\n{help}");
        }
    }
}
