//! `on_upload`: programs that are told of finished uploads.

use std::{
    fs,
    os::unix::fs::{chown, symlink},
    path::PathBuf,
};

use rustix::process::Signal;

use crate::{
    channel::leave_out,
    privileges::{self, SOMEBODY, USER, ids},
    server::{BOB, Server, Tree, eventually},
};

/// Writes what it is told, and the size of the file, as one record.
const TELLS: &str = "printf '%s|' \"$FTPD_USER\" \"$FTPD_PATH\" \"$FTPD_VIRTUAL_PATH\" \"$FTPD_BYTES\" \"$FTPD_PEER\" \
    >> \"$1/calls\"\nprintf '%s\\0' $(wc -c < \"$FTPD_PATH\") >> \"$1/calls\"\n";
/// Waits until it may go on.
const HANGS: &str = "echo $$ > \"$1/begun\"\nwhile [ -d \"$1\" ] && [ ! -e \"$1/go\" ]; do sleep 0.02; done\n";

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A tree whose server gives up root, with the script `hook` and the folder `told`, into which it writes.
fn tree(conf: &str, script: &str) -> Tree {
    let tree = if is_root() {
        privileges::tree(&format!("[server]\nuser = {USER}\n{conf}"), BOB, USER)
    } else {
        Tree::new(&format!("[server]\n{conf}"), BOB)
    };
    fs::write(tree.path("hook"), script).unwrap();
    own_folder(&tree, "told");
    tree
}

/// Makes a folder that the server may write to.
fn own_folder(tree: &Tree, name: &str) {
    fs::create_dir_all(tree.path(name)).unwrap();
    if is_root() {
        let (user, group) = ids(USER);
        chown(tree.path(name), Some(user), Some(group)).unwrap();
    }
}

/// The line of user.ini that runs the script.
fn key(tree: &Tree) -> String {
    format!("on_upload = /bin/sh {} {}\n", tree.path("hook").display(), tree.path("told").display())
}

/// A server whose account bob tells the script of all its uploads.
fn start(conf: &str, script: &str) -> Server {
    let tree = tree(conf, script);
    tree.write_users(&format!("{BOB}{}", key(&tree)));
    tree.start()
}

/// What the script was told so far: user, path, client's path, bytes, client's address, size of the file.
fn calls(server: &Server) -> Vec<Vec<String>> {
    let text = fs::read_to_string(server.tree().path("told/calls")).unwrap_or_default();
    let whole = text.split_inclusive('\0').filter_map(|call| call.strip_suffix('\0'));
    whole.map(|call| call.split('|').map(str::to_owned).collect()).collect()
}

#[track_caller]
fn wait_calls(server: &Server, count: usize) -> Vec<Vec<String>> {
    eventually("the script is told", || calls(server).len() >= count);
    let calls = calls(server);
    assert_eq!(calls.len(), count, "{calls:?}");
    calls
}

/// What it is told of an upload of bob's.
fn call(path: PathBuf, seen: &str, bytes: &str) -> Vec<String> {
    let path = path.to_str().unwrap();
    ["bob", path, seen, bytes, "127.0.0.1", bytes].map(str::to_owned).to_vec()
}

#[test]
fn a_program_is_told_of_a_finished_upload_by_its_environment_alone() {
    let tree = tree("", &format!("env > \"$1/env\"; pwd > \"$1/pwd\"\n{TELLS}"));
    tree.write_users(&format!("{BOB}{}", key(&tree)));
    let mut command = tree.command();
    command.env("SECRET", "sesame");
    let server = tree.start_as(command);
    let mut client = server.login();
    client.expect("MKD folder", 257);
    client.stor("folder/file", "content");
    assert_eq!(wait_calls(&server, 1), [call(server.home().join("folder/file"), "/folder/file", "7")]);
    let environment = String::from_utf8(fs::read(server.tree().path("told/env")).unwrap()).unwrap();
    let mut names: Vec<&str> = environment.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
    // What the shell adds.
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_"].contains(name));
    names.sort_unstable();
    assert_eq!(names, ["FTPD_BYTES", "FTPD_PATH", "FTPD_PEER", "FTPD_USER", "FTPD_VIRTUAL_PATH", "PATH"]);
    assert_eq!(fs::read(server.tree().path("told/pwd")).unwrap(), b"/\n");
}

#[test]
fn a_program_is_told_of_every_way_to_upload_once_and_of_nothing_else() {
    let server = start("", TELLS);
    let mut client = server.login();
    client.stor("file", "content");
    client.stor("file", "new");
    client.upload("APPE file", " and more").expect(226);
    client.expect("REST 4", 350);
    client.upload("STOR file", "AND").expect(226);
    client.upload("STOU", "unique").expect(226);
    assert_eq!(client.retr("file"), b"new AND more");
    client.expect("DELE file", 250);
    client.expect("MKD folder", 257);
    let _data = client.stalled_upload("STOR broken", b"half");
    client.expect("ABOR", 426);
    client.read_reply().expect(226);
    client.stor("last", "");
    let seen = |call: &Vec<String>| (call[2].clone(), call[3].clone());
    let told: Vec<_> = wait_calls(&server, 6).iter().map(seen).collect();
    let expected = [("/file", "7"), ("/file", "3"), ("/file", "12"), ("/file", "12"), ("/upload", "6"), ("/last", "0")];
    assert_eq!(told, expected.map(|(path, bytes)| (path.to_owned(), bytes.to_owned())));
}

#[test]
fn a_newline_in_a_folder_forges_neither_a_call_nor_a_line_of_the_log() {
    let server = start("", &format!("{TELLS}exit 1\n"));
    let name = "new\n[W 2020-01-01 00:00:00] forged\n";
    own_folder(server.tree(), &format!("home/{name}"));
    symlink(name, server.home().join("link")).unwrap();
    server.login().stor("link/file", "content");
    assert_eq!(wait_calls(&server, 1), [call(server.home().join(name).join("file"), "/link/file", "7")]);
    let line = server.wait_log("on_upload *file: * ended with exit code 1");
    assert!(line.contains("127.0.0.1") && line.contains("[bob]") && line.contains("user.ini:5"), "{line}");
    assert!(server.log_lines("").iter().all(|line| !line.starts_with("[W 2020")));
}

#[test]
fn uploads_are_told_one_at_a_time_in_the_order_in_which_they_came() {
    let script = "mkdir \"$1/busy\" || echo two at once > \"$1/calls\"\n";
    let server = start("", &format!("{script}{TELLS}rmdir \"$1/busy\"\n"));
    let (mut one, mut two) = (server.login(), server.login());
    let mut expected = Vec::new();
    for number in 0..50 {
        let client = if number % 3 == 0 { &mut two } else { &mut one };
        client.stor(&number.to_string(), "content");
        expected.push(format!("/{number}"));
    }
    let told: Vec<String> = wait_calls(&server, 50).into_iter().map(|call| call[2].clone()).collect();
    assert_eq!(told, expected);
}

#[test]
fn a_program_that_fails_has_a_warning_with_its_last_line_and_the_next_upload_is_told() {
    let script =
        "case $FTPD_VIRTUAL_PATH in /code) echo first >&2; echo 'no good' >&2; exit 3;; /signal) kill -9 $$;; esac";
    let server = start("", &format!("{script}\n{TELLS}"));
    let mut client = server.login();
    for name in ["code", "signal", "good"] {
        client.stor(name, "content");
    }
    let line = server.wait_log("on_upload *code: /bin/sh ended with exit code 3: no good (");
    assert!(line.starts_with("[W "), "{line}");
    server.wait_log("on_upload *signal: /bin/sh ended with signal 9");
    wait_calls(&server, 1);
}

#[test]
fn a_slow_program_delays_no_session() {
    let server = start("", &format!("{HANGS}{TELLS}"));
    let (mut one, mut two) = (server.login(), server.login());
    one.stor("one", "content");
    eventually("it runs", || server.tree().path("told/begun").exists());
    one.stor("more", "content");
    two.stor("two", "content");
    one.expect("NOOP", 200);
    assert_eq!(calls(&server).len(), 0);
    fs::write(server.tree().path("told/go"), "").unwrap();
    assert_eq!(wait_calls(&server, 3)[1][2], "/more");
}

#[test]
fn each_folder_has_the_program_of_its_nearest_section() {
    let tree = tree("", TELLS);
    for folder in ["home/in", "home/in/below", "home/in/quiet", "mount", "mount/deep", "home/other", "within"] {
        own_folder(&tree, folder);
    }
    symlink("in", tree.path("home/link")).unwrap();
    let sections = [("/in", key(&tree)), ("/in/quiet", "on_upload = off\n".to_owned())];
    let rules = sections.map(|(path, key)| format!("[bob {path}]\n{key}")).concat();
    let mount = format!("[bob /mount]\nhome = mount\n{}[bob /bare]\nhome = mount/deep\n", key(&tree));
    let inherits = "[bob /in/below]\nperm = elradfmwMT\n[bob /in/mount]\nhome = within\n";
    tree.write_users(&format!("{BOB}{rules}{mount}{inherits}"));
    let server = tree.start();
    let mut client = server.login();
    let uploads =
        ["file", "in/a", "in/quiet/no", "in/below/b", "in/mount/no", "link/c", "link/quiet/no", "other/../in/d"];
    for name in uploads.into_iter().chain(["mount/m", "mount/deep/n", "last", "in/end"]) {
        client.stor(name, "content");
    }
    let place = |call: &Vec<String>| {
        let path = call[1].strip_prefix(server.tree().path("").to_str().unwrap()).expect("in the tree");
        (path.trim_start_matches('/').to_owned(), call[2].clone())
    };
    eventually("the last is told", || calls(&server).iter().any(|call| call[2] == "/in/end"));
    let told: Vec<_> = calls(&server).iter().map(place).collect();
    let expected = [
        ("home/in/a", "/in/a"),
        ("home/in/below/b", "/in/below/b"),
        ("home/in/c", "/link/c"),
        ("home/in/d", "/in/d"),
        ("mount/m", "/mount/m"),
        ("home/in/end", "/in/end"),
    ];
    // `mount/deep` is the folder of `[bob /bare]`, too, which names no program.
    assert_eq!(told, expected.map(|(path, seen)| (path.to_owned(), seen.to_owned())));
}

#[test]
fn a_program_that_is_not_there_costs_a_warning_and_no_upload() {
    let tree = tree("", "");
    tree.write_users(&format!("{BOB}on_upload = {} x\n", tree.path("gone").display()));
    let server = tree.start();
    let mut client = server.login();
    client.stor("one", "content");
    client.stor("two", "content");
    let lines = server.wait_log_times("on_upload *gone can't be run: *user.ini:5: on_upload*", 2);
    assert!(lines[0].contains("/one: ") && lines[1].contains("/two: "), "{lines:?}");
    assert_eq!(server.read("two"), b"content");
}

#[test]
fn of_more_uploads_than_may_wait_the_oldest_is_dropped() {
    leave_out!(Explicit | Implicit: "the line is the same with TLS");
    let server = start("", &format!("{HANGS}{TELLS}"));
    let mut client = server.login();
    client.stor("first", "");
    eventually("it runs", || server.tree().path("told/begun").exists());
    for number in 0..1001 {
        client.stor(&format!("f{number}"), "");
    }
    let line = server.wait_log("on_upload *: nobody is told of it, 1000 others wait (");
    assert!(line.starts_with("[W ") && line.contains("/home/f0: "), "{line}");
    server.expect_log("nobody is told of it", 1);
}

#[test]
fn a_program_runs_as_the_server_or_as_the_accounts_system_user_and_never_as_root() {
    if !privileges::is_root() {
        return;
    }
    let script = "id -u > \"$1/$FTPD_USER\"; id -G >> \"$1/$FTPD_USER\"\n";
    let server = start("", script);
    server.login().stor("file", "content");
    let told = |server: &Server, user: &str| {
        let path = server.tree().path("told").join(user);
        eventually("it has run", || {
            fs::read(&path).is_ok_and(|text| text.iter().filter(|c| **c == b'\n').count() == 2)
        });
        fs::read_to_string(path).unwrap()
    };
    let (user, group) = ids(USER);
    assert!(told(&server, "bob").starts_with(&format!("{user}\n{group}")), "the server's");
    drop(server);
    let tree = privileges::tree("", BOB, SOMEBODY);
    fs::write(tree.path("hook"), script).unwrap();
    fs::create_dir(tree.path("told")).unwrap();
    let (user, group) = ids(SOMEBODY);
    chown(tree.path("told"), Some(user), Some(group)).unwrap();
    let eve = BOB.replace("[bob]", "[eve]");
    let eve = format!("{eve}system_user = {SOMEBODY}\n{}", key(&tree));
    let of_root = format!("{BOB}{}{eve}", key(&tree));
    tree.write_users(&of_root);
    let refused = tree.run();
    assert!(
        refused.code == Some(1) && refused.output.contains("user.ini:5: on_upload: root would run it"),
        "{refused:?}"
    );
    tree.write_users(&format!("{BOB}{eve}"));
    let server = tree.start();
    server.login_as("eve").stor("eves", "content");
    assert_eq!(told(&server, "eve"), format!("{user}\n{group}\n"));
    // Nor does a changed file bring that about.
    server.tree().write_users(&of_root);
    server.login().stor("roots", "content");
    server.wait_log("user.ini:5: on_upload: root would run it");
    server.login_as("eve").stor("more", "content");
    eventually("the script is told", || fs::read_dir(server.tree().path("told")).is_ok_and(|told| told.count() == 1));
    assert!(!server.tree().path("told/bob").exists());
}

#[test]
fn what_still_waits_when_the_grace_is_over_is_logged_and_what_runs_is_ended() {
    let mut server = start("shutdown_grace = 1s\n", &format!("echo held >&2\n{HANGS}{TELLS}"));
    let mut client = server.login();
    for name in ["one", "two", "three"] {
        client.stor(name, "content");
    }
    eventually("it runs", || server.tree().path("told/begun").exists());
    server.signal(Signal::TERM);
    server.wait_exit();
    for name in ["two", "three"] {
        server.wait_log(&format!("on_upload *{name}: nobody was told of it: the server stops"));
    }
    server.wait_log("on_upload *one: /bin/sh was killed, as the server stops: held");
    let number = fs::read_to_string(server.tree().path("told/begun")).unwrap();
    let begun = PathBuf::from(format!("/proc/{}/cmdline", number.trim()));
    eventually("it is gone", || fs::read(&begun).map_or(true, |line| line.is_empty()));
}

#[test]
fn what_waits_is_told_within_the_grace() {
    let mut server = start("shutdown_grace = 60s\n", &format!("{HANGS}{TELLS}"));
    let mut client = server.login();
    for name in ["one", "two", "three"] {
        client.stor(name, "content");
    }
    drop(client);
    server.signal(Signal::TERM);
    server.wait_log("stopping: ");
    fs::write(server.tree().path("told/go"), "").unwrap();
    server.wait_exit();
    wait_calls(&server, 3);
}

#[test]
fn a_program_that_user_ini_names_later_is_told_of_later_uploads() {
    let tree = tree("", TELLS);
    tree.write_users(BOB);
    let server = tree.start();
    let threads = server.threads();
    server.login().stor("before", "content");
    let tree = server.tree();
    tree.write_users(&format!("{BOB}{}", key(tree)));
    server.login().stor("after", "content");
    assert_eq!(wait_calls(&server, 1)[0][2], "/after");
    assert!(server.threads() > threads, "there was none before");
}

#[test]
fn a_file_that_its_program_takes_away_gives_its_room_back() {
    let tree = tree("", "rm \"$FTPD_PATH\"\n");
    tree.write_users(&format!("{BOB}quota = 1000\n{}", key(&tree)));
    let server = tree.start();
    let mut client = server.login();
    for number in 0..5 {
        client.upload(format!("STOR file{number}"), vec![b'x'; 900]).expect(226);
        eventually("the room is free", || client.expect("AVBL /", 213).text().trim_end().ends_with(" 1000"));
    }
}
