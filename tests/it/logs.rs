//! What the log and the transfer log hold, and what they never hold.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::ffi::OsStrExt,
};

use rustix::{
    fs::{CWD, mkfifoat},
    pipe::fcntl_setpipe_size,
    process::Signal,
};

use crate::{
    channel::{Mode, leave_out},
    client::Client,
    glob,
    server::{BOB, Server, Tree, eventually},
};

/// Waits for a line that, behind its `[I date]`, is exactly `IP:PORT-[user] rest`.
#[track_caller]
fn expect_line(server: &Server, client: &Client, user: &str, rest: &str) {
    let line = server.wait_log(&format!("{}-[{user}] {rest}", client.local()));
    let expected = format!("[I ????-??-?? ??:??:??] {}-[{user}] {rest}", client.local());
    let (expected, line) = (expected.as_bytes(), line.as_bytes());
    let stamp = "[I ????-??-?? ??:??:??]".len();
    let stamp_fits = expected
        .iter()
        .zip(line)
        .take(stamp)
        .all(|(wanted, byte)| if *wanted == b'?' { byte.is_ascii_digit() } else { wanted == byte });
    assert!(stamp_fits && glob::matches(&expected[stamp..], &line[stamp..]), "{}", line.escape_ascii());
}

#[test]
fn a_session_leaves_pyftpdlibs_lines() {
    let server = Server::plain();
    let mut client = server.login();
    client.stor("x.mp4", "12345");
    client.retr("x.mp4");
    client.expect("DELE missing", 550);
    client.expect("DELE x.mp4", 250);
    client.expect("MKD folder", 257);
    client.expect("XMKD other", 257);
    client.expect("XMKD other", 550);
    client.expect("QUIT", 221);
    client.expect_closed();
    let home = server.home().canonicalize().unwrap();
    let home = home.to_str().unwrap();
    expect_line(&server, &client, "", "FTP session opened (connect)");
    expect_line(&server, &client, "bob", "USER 'bob' logged in.");
    expect_line(&server, &client, "bob", &format!("STOR {home}/x.mp4 completed=1 bytes=5 seconds=*"));
    expect_line(&server, &client, "bob", &format!("RETR {home}/x.mp4 completed=1 bytes=5 seconds=*"));
    expect_line(
        &server,
        &client,
        "bob",
        &format!("DELE {home}/missing 550 '*' (file system: {home}/missing is not there)"),
    );
    expect_line(&server, &client, "bob", &format!("DELE {home}/x.mp4 250*"));
    expect_line(&server, &client, "bob", &format!("MKD {home}/folder 257*"));
    for code in [257, 550] {
        expect_line(&server, &client, "bob", &format!("XMKD {home}/other {code}*"));
    }
    expect_line(&server, &client, "bob", "FTP session closed (QUIT).");
}

#[test]
fn the_start_line_names_address_and_process() {
    let server = Server::plain();
    let line = server.wait_log("starting FTP server on");
    let implicit = match Mode::of_this_run() {
        Mode::Implicit => format!(", implicit TLS on {}", server.implicit_address()),
        Mode::Plain | Mode::Explicit => String::new(),
    };
    assert!(line.contains(&format!("on {}{implicit}, pid=", server.address())) && line.ends_with(" <<<"), "{line}");
}

#[test]
fn an_incomplete_transfer_says_completed_0() {
    let server = Server::plain();
    let mut client = server.login();
    let data = client.stalled_upload("STOR new", b"x");
    eventually("a byte is on the disk", || server.arrived("new") == b"x");
    crate::data::reset(data);
    client.read_reply().expect(426);
    server.wait_log("STOR */new completed=0 bytes=1 seconds=");
}

#[test]
fn a_failed_login_names_user_and_address() {
    let server = Server::start("[server]\nauth_failed_delay = 0\n", BOB);
    let mut client = server.client();
    client.expect("USER bob", 331);
    client.expect("PASS wrong", 530);
    let line = server.wait_log("USER 'bob' failed login.");
    assert!(line.contains(&format!("{}-[", client.local())), "{line}");
}

#[test]
fn passwords_never_reach_the_log() {
    let conf = "[server]\nauth_failed_delay = 0\nban_after = 0\nmax_login_attempts = 100\n[log]\nlog_level = debug\nlog_file = ftpd.log\n";
    let server = Server::start(conf, &BOB.replace("= secret", "= hunter2"));
    let mut client = server.client();
    client.expect("PASS hunter2", 503);
    client.expect("USER bob", 331);
    client.expect("pass hunter2x", 530);
    client.expect("USER bob", 331);
    client.cmd(" PASS hunter2");
    client.expect("USER bob", 331);
    client.cmd("PASS\thunter2");
    client.expect("USER bob", 331);
    client.expect("PASS hunter2", 230);
    client.expect("NOOP", 200);
    client.expect("QUIT", 221);
    client.expect_closed();
    server.wait_log("FTP session closed");
    server.wait_log("PASS ***");
    assert_eq!(server.log_lines("hunter2"), Vec::<String>::new());
    assert!(!fs::read_to_string(server.tree().path("ftpd.log")).unwrap().contains("hunter2"));
}

#[test]
fn debug_shows_commands_and_replies() {
    let server = Server::start("[log]\nlog_level = debug\n", BOB);
    let mut client = server.login();
    client.expect("SYST", 215);
    server.wait_log("SYST");
    server.wait_log("215 ");
}

#[test]
fn names_in_log_lines_cannot_forge_lines_or_reach_the_terminal() {
    let server = Server::start("[server]\nauth_failed_delay = 0\n[log]\nlog_file = ftpd.log\nlog_level = debug\n", BOB);
    let odd = std::ffi::OsStr::from_bytes(b"a\nb\x1b[31m\xff");
    fs::write(server.home().join(odd), "x").unwrap();
    let mut client = server.client();
    client.cmd("USER bob\x1b[31m\rfake");
    client.cmd("PASS wrong");
    client.cmd(b"RETR x\x1b]0;title\x07".as_slice());
    client.cmd(b"XYZ\x1b[31m\r\x08".as_slice());
    let mut client = server.login();
    client.expect(b"DELE a\x1b[31m\rb\xff".as_slice(), [550, 553]);
    client.expect(b"RNFR a\x1b\xff".as_slice(), [550, 553]);
    client.download("LIST");
    client.expect("QUIT", 221);
    client.expect_closed();
    server.wait_log("FTP session closed (QUIT)");
    let log = fs::read(server.tree().path("ftpd.log")).unwrap();
    let raw = log.iter().find(|&&byte| byte != b'\n' && !(0x20..0x7f).contains(&byte));
    assert_eq!(raw, None, "{}", log.escape_ascii());
    for line in String::from_utf8(log).unwrap().lines() {
        assert!(line.starts_with('['), "no line of a client's making: {line}");
    }
}

#[test]
fn the_log_file_holds_what_stderr_holds() {
    let server = Server::start("[log]\nlog_file = ftpd.log\n", BOB);
    server.login();
    server.wait_log("FTP session closed");
    let file = server.tree().path("ftpd.log");
    eventually("the file has the line, too", || fs::read_to_string(&file).unwrap().contains("FTP session closed"));
    assert!(fs::read_to_string(&file).unwrap().contains("USER 'bob' logged in."));
}

#[test]
fn a_transfer_log_line_has_the_eighteen_words_of_xferlog() {
    let server = Server::start("[log]\ntransfer_log = xferlog\n", BOB);
    let mut client = server.login();
    client.stor("two words", "12345");
    client.retr("two words");
    client.expect("TYPE A", 200);
    client.retr("two words");
    // No text, so it is not held back.
    let data = client.stalled_upload("STOR cut", b"\0");
    eventually("a byte is on the disk", || server.arrived("cut") == b"\0");
    crate::data::reset(data);
    client.read_reply().expect(426);
    let path = server.tree().path("xferlog");
    eventually("four lines are there", || fs::read_to_string(&path).is_ok_and(|text| text.lines().count() == 4));
    let text = fs::read_to_string(&path).unwrap();
    let expected = [("5", "b", "i", "c"), ("5", "b", "o", "c"), ("5", "a", "o", "c"), ("1", "a", "i", "i")];
    for (line, (size, kind, direction, completion)) in text.lines().zip(expected) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words.len(), 18, "{line}");
        assert_eq!(line.split(' ').filter(|word| !word.is_empty()).count(), 18);
        assert!(words[5].parse::<u64>().is_ok(), "whole seconds: {line}");
        assert_eq!((words[6], words[7]), ("127.0.0.1", size), "{line}");
        assert!(words[8].ends_with("/two_words") || words[8].ends_with("/cut"), "{line}");
        assert_eq!(&words[9..13], &[kind, "_", direction, "r"], "{line}");
        assert_eq!(&words[13..], &["bob", "ftp", "0", "*", completion], "{line}");
    }
}

#[test]
fn json_lines_are_objects() {
    let server = Server::start("[log]\nlog_format = json\nlog_file = ftpd.log\n", BOB);
    let path = server.tree().path("ftpd.log");
    server.login();
    eventually("the session is logged", || fs::read_to_string(&path).is_ok_and(|text| text.contains("session closed")));
    for line in fs::read_to_string(&path).unwrap().lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert!(value.is_object(), "{line}");
    }
}

#[test]
fn log_level_info_does_not_show_every_command() {
    let server = Server::plain();
    server.login().expect("NOOP", 200);
    server.wait_log("FTP session closed");
    assert_eq!(server.log_lines("NOOP"), Vec::<String>::new());
}

#[test]
fn rust_log_wins_over_the_files_level() {
    let tree = Tree::new("[log]\nlog_level = warn\n", BOB);
    let mut command = tree.command();
    command.env("RUST_LOG", "ftpd=debug");
    let server = tree.start_as(command);
    server.login().expect("NOOP", 200);
    server.wait_log("[D *<- NOOP");
}

#[test]
fn a_transfer_log_that_nobody_reads_stops_nobody() {
    leave_out!(Explicit | Implicit: "that many handshakes add nothing");
    let tree = Tree::new("[log]\ntransfer_log = pipe\n", BOB);
    let pipe = tree.path("pipe");
    mkfifoat(CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let reader = fs::File::options().read(true).write(true).open(&pipe).unwrap();
    fcntl_setpipe_size(&reader, 4096).unwrap();
    let mut server = tree.start();
    server.write("file", "x");
    let mut client = server.login();
    // More than the pipe holds and may wait.
    for _ in 0..1200 {
        assert_eq!(client.retr("file"), b"x");
    }
    server.wait_log("transfer_log: lines are lost");
    drop(reader);
    server.signal(Signal::HUP);
    server.wait_log("transfer_log: *the old one stays open");
    server.login().expect("QUIT", 221);
    server.signal(Signal::TERM);
    assert!(server.wait_exit().success());
}

#[test]
fn a_log_that_nobody_reads_stops_nobody_and_tells_what_is_missing() {
    leave_out!(Explicit | Implicit: "that many handshakes add nothing");
    let tree = Tree::new("[log]\nlog_file = pipe\nlog_format = json\nlog_level = debug\n", BOB);
    let pipe = tree.path("pipe");
    mkfifoat(CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let reader = fs::File::options().read(true).write(true).open(&pipe).unwrap();
    fcntl_setpipe_size(&reader, 4096).unwrap();
    let server = tree.start();
    let mut client = server.login();
    // Two lines each: more than the pipe holds and may wait.
    for _ in 0..2200 {
        client.expect("NOOP", 200);
    }
    let mut lines = BufReader::new(reader).lines().map(Result::unwrap);
    let told = lines.find(|line| line.contains("lines are missing")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{told}: {error}"));
    assert!(value.is_object(), "{told}");
}
