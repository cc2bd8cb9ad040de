//! The first files: what is said if there is no user.ini, and what `ftpd init` writes.

use std::{
    collections::BTreeMap,
    fs,
    net::TcpListener,
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
    path::Path,
    process::{Command, Stdio},
};

use rustix::process::{Signal, kill_process};

use crate::{
    client::Client,
    server::{Ended, Tree, bare_command, run_to_its_end},
    terminal::Terminal,
};

fn here(folder: &Path, words: &[&str]) -> Command {
    let mut command = bare_command();
    command.args(words).current_dir(folder);
    command
}

fn ftpd(folder: &Path, words: &[&str]) -> Ended {
    run_to_its_end(here(folder, words))
}

/// The value of a key in lines of an account.
fn value<'a>(lines: &'a str, key: &str) -> &'a str {
    let value = lines.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    value.unwrap_or_else(|| panic!("{key}: {lines}"))
}

#[test]
fn the_lines_that_a_missing_user_ini_shows_can_be_pasted() {
    let tree = Tree::new("", "");
    fs::remove_file(tree.path("user.ini")).unwrap();
    let top = tree.path("");
    let real = fs::canonicalize(&top).unwrap();
    for words in [&[][..], &["check"]] {
        let told = ftpd(&top, words);
        assert_eq!(told.code, Some(1), "{}", told.output);
        let called = env!("CARGO_BIN_EXE_ftpd");
        for text in [
            &format!("there is no user.ini in {}", real.display()),
            &format!("\n{called} DIR  "),
            &format!("\n{called} init  "),
            &format!("start {called} again"),
        ] {
            assert!(told.output.contains(text), "{text}: {}", told.output);
        }
    }
    let told = ftpd(&top, &[]).output;
    let block: String =
        told.lines().skip_while(|line| !line.starts_with("mkdir")).map(|line| format!("{line}\n")).collect();
    let pasted = Command::new("sh").args(["-c", &block]).current_dir(&top).output().unwrap();
    assert!(pasted.status.success() && pasted.stdout.is_empty() && pasted.stderr.is_empty(), "{pasted:?}");
    let lines = fs::read_to_string(tree.path("user.ini")).unwrap();
    assert_eq!((lines.lines().count(), lines.lines().next()), (4, Some("[alex]")), "{lines}");
    assert_eq!(fs::metadata(tree.path("user.ini")).unwrap().permissions().mode() & 0o7777, 0o600);
    let (name, home) = ("alex", value(&lines, "home"));
    let checked = ftpd(&top, &["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.output);
    let server = tree.start();
    let mut client = server.client();
    client.expect(format!("USER {name}"), 331);
    client.expect(format!("PASS {}", value(&lines, "password")), 230);
    client.expect("MKD inside", 257);
    assert!(Path::new(home).join("inside").is_dir());
}

#[test]
fn a_name_is_no_file_of_accounts() {
    let folder = tempfile::tempdir().unwrap();
    let told = ftpd(folder.path(), &["-u", "alex"]);
    assert_eq!(told.code, Some(1));
    assert!(told.output.contains("-u names a file of accounts; --user is for a name"), "{}", told.output);
    assert!(!ftpd(folder.path(), &["-u", "alex.ini"]).output.contains("--user"));
}

#[test]
fn a_user_ini_of_nearly_that_name_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["user.ini.txt", "users.ini", "User.ini"] {
        fs::write(folder.path().join(name), "").unwrap();
        for words in [&[][..], &["check"]] {
            let told = ftpd(folder.path(), words);
            assert_eq!(told.code, Some(1));
            assert!(
                told.output.contains(&format!("there is {name}, rename it: mv {name} user.ini")),
                "{}",
                told.output
            );
        }
        fs::remove_file(folder.path().join(name)).unwrap();
    }
}

/// Names and content of all files in a folder.
fn content(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let files = entries.filter(|entry| entry.path().is_file());
    files.map(|entry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap())).collect()
}

fn sample(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// `ftpd init` on a terminal in this folder.
fn init(folder: &Path) -> Terminal {
    let terminal = Terminal::run(&here(folder, &["init"]), 200, 50);
    terminal.wait_for("Folder to share");
    terminal
}

/// Answers a question, and waits until `next` is asked for the time that is said.
#[track_caller]
fn answer(terminal: &mut Terminal, keys: &str, next: &str, times: usize) -> String {
    terminal.press(keys);
    terminal.wait(next, |screen| screen.matches(next).count() == times)
}

#[test]
fn three_answers_make_an_account_that_can_log_in() {
    let tree = Tree::new("", "");
    let before = fs::read_to_string(tree.path("ftpd.conf")).unwrap();
    fs::remove_file(tree.path("user.ini")).unwrap();
    let mut terminal = init(&tree.path(""));
    answer(&mut terminal, "nowhere\r", "make it? [Y/n]", 1);
    answer(&mut terminal, "n\r", "Folder to share", 2);
    answer(&mut terminal, ".\r", "Folder to share", 3);
    let screen = answer(&mut terminal, "home\r", "Name to log in with", 1);
    assert!(
        screen.contains("there is no folder ") && screen.contains("could change the server's own files"),
        "{screen}"
    );
    answer(&mut terminal, "a]b\r", "Name to log in with", 2);
    answer(&mut terminal, "a\u{16}\u{1}b\r", "Name to log in with", 3);
    let screen = answer(&mut terminal, "DEFAULT\r", "Name to log in with", 4);
    assert!(screen.contains("DEFAULT is reserved; take another name"), "{screen}");
    let screen = answer(&mut terminal, "ftp\r", "Name to log in with", 5);
    assert!(screen.contains("ftp is the name of guests"), "{screen}");
    answer(&mut terminal, "ann\r", "Password", 1);
    answer(&mut terminal, "sesame one\r", "Once more", 1);
    let screen = answer(&mut terminal, "sesame two\r", "Password", 2);
    assert!(screen.contains("a name can't hold ']'") && screen.contains("a name can't hold control"), "{screen}");
    answer(&mut terminal, "open sesame\r", "Once more", 2);
    let screen = answer(&mut terminal, "open sesame\r", "Next, type", 1);
    assert_eq!(terminal.ended(), Some(0));
    assert!(screen.contains("the two passwords differ") && !screen.contains("sesame"), "{screen}");
    assert!(screen.contains("ftpd.conf is already in") && !screen.contains("ftpd check` says"), "{screen}");

    let written = content(&tree.path(""));
    assert_eq!(written["ftpd.conf"], before);
    let accounts = &written["user.ini"];
    let real = fs::canonicalize(tree.home()).unwrap();
    assert_eq!((value(accounts, "perm"), value(accounts, "home")), ("elradfmwMT", real.to_str().unwrap()));
    assert!(
        value(accounts, "password").starts_with("$argon2id$") && accounts.contains("Letters of perm:"),
        "{accounts}"
    );
    assert_eq!(fs::metadata(tree.path("user.ini")).unwrap().permissions().mode() & 0o7777, 0o600);
    let checked = ftpd(&tree.path(""), &["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.output);
    tree.start().client().login("ann", "open sesame");
}

#[test]
fn a_password_is_made_up_for_who_gives_none_and_both_files_are_for_all_networks() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("share")).unwrap();
    let mut terminal = init(folder.path());
    let shown = fs::canonicalize(folder.path().join("share")).unwrap();
    terminal.wait_for(&format!("Folder to share [{}]: ", shown.display()));
    answer(&mut terminal, "\r", "Name to log in with", 1);
    answer(&mut terminal, "ann\r", "Password", 1);
    let screen = answer(&mut terminal, "\r", "Next, type", 1);
    assert_eq!(terminal.ended(), Some(0));
    assert!(screen.contains("Other machines can reach the server (ip = 0.0.0.0, ::)"), "{screen}");
    assert!(!screen.contains("your own"), "{screen}");
    let password = screen.split("The password of ann is ").nth(1).and_then(|rest| rest.get(..12)).unwrap().to_owned();
    let written = content(folder.path());
    assert_eq!(written["ftpd.conf"], sample("ftpd.conf").replace("\nip = 127.0.0.1\n", "\nip = 0.0.0.0, ::\n"));
    let tree = Tree::new("", &written["user.ini"]);
    tree.start().client().login("ann", &password);
}

#[test]
fn a_folder_that_is_missing_is_made() {
    for (keys, name) in [("\r", "share"), ("share\r", "share"), ("some/photos\r", "some/photos")] {
        let folder = tempfile::tempdir().unwrap();
        let shown = fs::canonicalize(folder.path()).unwrap().join("share");
        let mut terminal = init(folder.path());
        terminal.wait_for(&format!("Folder to share [{}, made now]: ", shown.display()));
        if name == "share" {
            answer(&mut terminal, keys, "Name to log in with", 1);
        } else {
            let screen = answer(&mut terminal, keys, "make it? [Y/n]", 1);
            assert!(
                screen.contains(&format!("there is no folder {}", shown.with_file_name(name).display())),
                "{screen}"
            );
            answer(&mut terminal, "\r", "Name to log in with", 1);
        }
        answer(&mut terminal, "ann\r", "Password", 1);
        // Nothing is made before the last answer.
        assert!(!folder.path().join(name).exists());
        let screen = answer(&mut terminal, "\r", "Next, type", 1);
        assert_eq!(terminal.ended(), Some(0));
        assert!(screen.contains(", which is new") && !screen.contains("does not exist"), "{screen}");
        assert_eq!(fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o7777, 0o755);
    }
}

#[test]
fn a_folder_that_can_not_be_written_is_told_before_the_first_question() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    let mut command = here(folder.path(), &["init"]);
    if rustix::process::geteuid().is_root() {
        command.uid(65534).gid(65534);
    }
    let ended = run_to_its_end(command);
    assert_eq!(ended.code, Some(1));
    assert!(ended.output.contains("cd to a folder of your own"), "{}", ended.output);
    assert!(content(folder.path()).is_empty());
}

#[test]
fn options_of_the_server_mean_nothing_to_init() {
    let folder = tempfile::tempdir().unwrap();
    let cases: [(&[&str], &str); 9] = [
        (&["init", "-c", "x.conf"], "takes no -c"),
        (&["-c", "x.conf", "init"], "takes no -c"),
        (&["init", "-u", "bob"], "takes no -u"),
        (&["init", "--set", "server.port=1"], "takes no --set"),
        (&["-p", "2121", "init"], "takes no -p"),
        (&["init", "-p", "2121"], "takes no -p"),
        (&["init", "--user", "bob"], "takes no --user"),
        (&["init", "--user=bob:sesame"], "takes no --user"),
        (&["init", "--tls"], "takes no --tls"),
    ];
    for (words, reason) in cases {
        let told = ftpd(folder.path(), words);
        assert_eq!(told.code, Some(2), "{words:?}");
        let reason = format!("ftpd init {reason}: it writes ftpd.conf and user.ini into this folder");
        assert!(told.output.contains(&reason) && !told.output.contains("sesame"), "{words:?}: {}", told.output);
    }
    assert!(content(folder.path()).is_empty());
}

#[test]
fn questions_that_are_not_answered_leave_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("share")).unwrap();
    let stays_empty = |mut terminal: Terminal| {
        assert_eq!(terminal.ended(), Some(1));
        terminal.wait_for("nothing is written");
        assert!(content(folder.path()).is_empty());
    };
    for key in ["\u{3}", "\u{4}"] {
        let mut at_a_line = init(folder.path());
        at_a_line.press(key);
        stays_empty(at_a_line);
        let mut at_the_password = init(folder.path());
        answer(&mut at_the_password, "\r", "Name to log in with", 1);
        answer(&mut at_the_password, "ann\r", "Password", 1);
        at_the_password.press(key);
        stays_empty(at_the_password);
    }
    for signal in [Signal::TERM, Signal::HUP] {
        let mut terminal = init(folder.path());
        answer(&mut terminal, "\r", "Name to log in with", 1);
        answer(&mut terminal, "ann\r", "Password", 1);
        kill_process(terminal.pid(), signal).unwrap();
        stays_empty(terminal);
    }
}

#[test]
fn a_password_to_hash_that_is_interrupted_leaves_the_terminal_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    for (keys, code) in [("secret\u{3}", 1), ("\u{4}", 1), ("secret\rsecret\r", 0)] {
        let mut terminal = Terminal::run(&here(folder.path(), &["hash-password"]), 200, 9);
        terminal.wait_for("Password: ");
        terminal.press(keys);
        assert_eq!(terminal.ended(), Some(code));
        assert!(!terminal.wait_for("Password: ").contains("secret"));
    }
}

#[test]
fn without_a_terminal_the_samples_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let told = ftpd(folder.path(), &["init"]);
    assert_eq!(told.code, Some(0));
    assert!(
        told.output.starts_with("No terminal, so no questions were asked: these are the samples.\n"),
        "{}",
        told.output
    );
    for text in ["passwords are 123", "everybody knows", "mkdir -p share/alex share/egon", "this machine alone"] {
        assert!(told.output.contains(text), "{text}: {}", told.output);
    }
    let samples = ["ftpd.conf", "user.ini"].map(|name| (name.to_owned(), sample(name)));
    assert_eq!(content(folder.path()), samples.into());
    assert_eq!(fs::metadata(folder.path().join("user.ini")).unwrap().permissions().mode() & 0o7777, 0o600);
    let checked = ftpd(folder.path(), &["check", "-p", "0"]);
    assert_eq!(checked.code, Some(0), "{}", checked.output);
}

#[test]
fn what_is_there_is_never_overwritten() {
    type Make = fn(&Path);
    let kinds: [(&str, Make); 3] = [
        ("a file", |path| fs::write(path, "mine").unwrap()),
        ("a folder", |path| fs::create_dir(path).unwrap()),
        ("a link to nothing", |path| symlink("nowhere", path).unwrap()),
    ];
    for (kind, make) in kinds {
        for (there, new) in [("ftpd.conf", Some("user.ini")), ("user.ini", Some("ftpd.conf")), ("both", None)] {
            let folder = tempfile::tempdir().unwrap();
            let path = |name: &str| folder.path().join(name);
            let names = if there == "both" { vec!["ftpd.conf", "user.ini"] } else { vec![there] };
            names.iter().for_each(|name| make(&path(name)));
            let told = ftpd(folder.path(), &["init"]);
            assert_eq!(told.code, Some(i32::from(new.is_none())), "{kind} {there}: {}", told.output);
            for name in &names {
                assert!(told.output.contains(&format!("{name} is already in ")), "{kind} {there}: {}", told.output);
                assert!(
                    fs::read_to_string(path(name)).is_ok_and(|text| text == "mine") == (kind == "a file"),
                    "{kind}"
                );
            }
            assert!(!path("nowhere").exists() && new.is_none_or(|new| path(new).is_file()), "{kind} {there}");
        }
    }
}

#[test]
fn on_a_terminal_nothing_is_asked_if_there_are_accounts() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("user.ini"), "mine").unwrap();
    let mut terminal = Terminal::run(&here(folder.path(), &["init"]), 200, 50);
    let screen = terminal.wait_for("Next, type");
    assert_eq!(terminal.ended(), Some(0));
    assert!(screen.contains("this machine alone") && !screen.contains("Folder to share"), "{screen}");
    assert!(!screen.contains("No terminal"), "{screen}");
    assert_eq!(content(folder.path())["ftpd.conf"], sample("ftpd.conf"));
}

#[test]
fn samples_are_printed_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let words = [("conf", "ftpd.conf"), ("users", "user.ini"), ("ftpd.conf", "ftpd.conf"), ("user.ini", "user.ini")];
    for (word, name) in words {
        let printed = ftpd(folder.path(), &["init", "--print", word]);
        assert_eq!((printed.code, printed.output), (Some(0), sample(name)));
        let mut reader = here(folder.path(), &["init", "--print", word]).stdout(Stdio::piped()).spawn().unwrap();
        // Nobody reads.
        drop(reader.stdout.take());
        assert_eq!(reader.wait().unwrap().code(), Some(0));
    }
    assert_eq!(ftpd(folder.path(), &["init", "--print", "other"]).code, Some(2));
    assert!(content(folder.path()).is_empty());
}

/// A copy of what `make run` needs, with another port.
fn run_sample(folder: &Path, port: u16) -> Command {
    for name in ["Makefile", "ftpd.conf", "user.ini"] {
        let text = sample(name).replace("\nport = 2121\n", &format!("\nport = {port}\n"));
        fs::write(folder.join(name), text).unwrap();
    }
    let mut make = Command::new("make");
    make.args(["--no-print-directory", "run", concat!("BINARY=", env!("CARGO_BIN_EXE_ftpd"))]).current_dir(folder);
    make.env("XDG_RUNTIME_DIR", folder).env_remove("MAKEFLAGS").env_remove("RUST_LOG");
    make
}

#[test]
fn make_run_names_a_file_that_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut terminal = Terminal::run(&run_sample(folder.path(), port), 200, 50);
    let screen = terminal.wait_for("starting FTP server on ");
    assert!(screen.contains(&format!("\n    curl ftp://alex:123@127.0.0.1:{port}/hello.txt\n")), "{screen}");
    let mut client = Client::clear(([127, 0, 0, 1], port).into());
    client.read_reply().expect(220);
    client.login("alex", "123");
    assert!(client.retr("hello.txt").starts_with(b"Hello! "));
    client.expect("QUIT", 221);
    // Control-C, for make and for the server.
    terminal.press("\u{3}");
    terminal.ended();
    fs::write(folder.path().join("share/alex/hello.txt"), "mine").unwrap();
    let homes = Command::new("make").arg("homes").current_dir(folder.path()).output().unwrap();
    assert!(homes.status.success());
    assert_eq!(fs::read(folder.path().join("share/alex/hello.txt")).unwrap(), b"mine");
}
