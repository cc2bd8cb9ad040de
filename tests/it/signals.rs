//! SIGTERM, SIGINT, SIGHUP: draining and reloading.

use std::{fs, net::TcpStream};

use rustix::process::Signal;

use crate::{
    client::Client,
    data::{read_all, read_until_broken},
    server::{BOB, Server, eventually, exit_code},
};

const BIG: u64 = 64 << 20;

fn greeting(server: &Server) -> String {
    Client::connect(server.door()).read_reply().expect(220).text()
}

#[test]
fn an_idle_server_stops_at_once_with_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut server = Server::plain();
        let mut client = server.login();
        server.signal(signal);
        client.read_reply().expect(421);
        client.expect_closed();
        assert_eq!(exit_code(server.wait_exit()), 0);
    }
}

#[test]
fn a_running_transfer_may_finish_while_others_get_421() {
    let mut server = Server::plain();
    server.write_sparse("big", BIG);
    let mut busy = server.login();
    let data = busy.stalled_download("big");
    let mut idle = server.login();
    let mut stranger = server.client();
    server.signal(Signal::TERM);
    idle.read_reply().expect(421);
    idle.expect_closed();
    stranger.read_reply().expect(421);
    assert!(server.is_running());
    assert!(nobody_answers(&server), "no new client is taken");
    assert_eq!(read_all(data).len() as u64, BIG);
    busy.read_reply().expect(226);
    assert_eq!(exit_code(server.wait_exit()), 0);
}

/// Either the port is closed, or a connection gets 421 or nothing.
fn nobody_answers(server: &Server) -> bool {
    match TcpStream::connect(server.door()) {
        Err(_) => true,
        Ok(stream) => !read_until_broken_soon(stream).starts_with(b"220"),
    }
}

fn read_until_broken_soon(stream: TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(std::time::Duration::from_millis(300))).unwrap();
    let mut bytes = [0; 3];
    let length = std::io::Read::read(&mut &stream, &mut bytes).unwrap_or(0);
    bytes[..length].to_vec()
}

#[test]
fn an_upload_that_finishes_within_the_grace_is_whole() {
    let mut server = Server::plain();
    let mut client = server.login();
    let mut data = client.stalled_upload("STOR new", b"first ");
    let mut idle = server.login();
    server.signal(Signal::TERM);
    idle.read_reply().expect(421);
    std::io::Write::write_all(&mut data, b"second").unwrap();
    drop(data);
    client.read_reply().expect(226);
    assert_eq!(server.read("new"), b"first second");
    assert_eq!(exit_code(server.wait_exit()), 0);
}

#[test]
fn the_grace_ends() {
    let mut server = Server::start("[server]\nshutdown_grace = 1\n", BOB);
    server.write_sparse("big", BIG);
    let mut client = server.login();
    let data = client.stalled_download("big");
    server.signal(Signal::TERM);
    assert_eq!(exit_code(server.wait_exit()), 0, "although the client still reads nothing");
    assert!((read_until_broken(data).len() as u64) < BIG);
}

#[test]
fn no_grace_ends_at_once() {
    let mut server = Server::start("[server]\nshutdown_grace = 0\n", BOB);
    let mut client = server.login();
    let _data = client.stalled_upload("STOR new", b"x");
    server.signal(Signal::TERM);
    assert_eq!(exit_code(server.wait_exit()), 0);
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut server = Server::start("[server]\nshutdown_grace = 1h\n", BOB);
    let mut client = server.login();
    let _data = client.stalled_upload("STOR new", b"x");
    let mut idle = server.login();
    server.signal(Signal::TERM);
    idle.read_reply().expect(421);
    assert!(server.is_running());
    server.signal(Signal::TERM);
    server.wait_exit();
}

#[test]
fn the_drain_waits_for_a_session_in_its_login_delay_no_longer_than_needed() {
    let mut server = Server::start("[server]\nauth_failed_delay = 60s\n", BOB);
    let mut guesser = server.client();
    guesser.expect("USER bob", 331);
    guesser.send("PASS wrong");
    server.wait_log("FTP session opened");
    server.signal(Signal::TERM);
    assert_eq!(exit_code(server.wait_exit()), 0);
}

#[test]
fn hangup_reads_ftpd_conf_again() {
    let server = Server::start("[server]\nwelcome_msg = old text\n", BOB);
    let mut open = server.login();
    assert!(greeting(&server).contains("old text"));
    server.tree().write_conf("[server]\nwelcome_msg = new text\nmax_cons_per_ip = 5\n");
    server.signal(Signal::HUP);
    eventually("the new text is used", || greeting(&server).contains("new text"));
    open.expect("NOOP", 200);
}

#[test]
fn hangup_with_an_error_changes_nothing_and_says_why() {
    let server = Server::start("[server]\nwelcome_msg = old text\n", BOB);
    server.tree().write_conf("[server]\nwelcome_msg = new text\nmax_con = 5\n");
    server.signal(Signal::HUP);
    let line = server.wait_log("ftpd.conf:*max_con");
    assert!(line.contains("ftpd.conf:5:"), "{line}");
    assert!(greeting(&server).contains("old text"));
}

#[test]
fn hangup_with_an_error_in_user_ini_changes_neither_file() {
    let server = Server::start("[server]\nwelcome_msg = old text\n", BOB);
    server.tree().write_conf("[server]\nwelcome_msg = new text\n");
    server.tree().write_users(&BOB.replace("elr", "elrx"));
    server.signal(Signal::HUP);
    server.wait_log("user.ini:3:");
    assert!(greeting(&server).contains("old text"));
    server.login();
}

#[test]
fn a_changed_port_needs_a_restart() {
    let server = Server::start("", BOB);
    server.tree().write_conf("[server]\nmax_cons = 7\nwelcome_msg = new text\n");
    server.signal(Signal::HUP);
    let line = server.wait_log("needs a restart");
    assert!(line.contains("max_cons"), "{line}");
    eventually("the rest is used", || greeting(&server).contains("new text"));
}

#[test]
fn hangup_reopens_the_logs() {
    let server = Server::start(LOG_FILES, BOB);
    reopens_the_logs(&server);
}

#[test]
fn hangup_reopens_the_logs_whatever_is_wrong_in_the_files() {
    let server = Server::start(LOG_FILES, BOB);
    server.tree().write_conf("[log]\nlog_file = elsewhere.log\n[server]\ntimeout = x\n");
    reopens_the_logs(&server);
    assert!(!server.tree().path("elsewhere.log").exists());
}

const LOG_FILES: &str = "[log]\nlog_file = ftpd.log\ntransfer_log = xferlog\n";

#[track_caller]
fn reopens_the_logs(server: &Server) {
    let (log, transfers) = (server.tree().path("ftpd.log"), server.tree().path("xferlog"));
    let mut client = server.login();
    client.stor("before", "x");
    for path in [&log, &transfers] {
        eventually("the log is written", || fs::metadata(path).is_ok_and(|file| file.len() > 0));
        fs::rename(path, path.with_extension("1")).unwrap();
    }
    server.signal(Signal::HUP);
    for path in [&log, &transfers] {
        eventually("the log is there again", || path.exists());
    }
    client.stor("after", "x");
    for path in [&log, &transfers] {
        eventually("the new log gets the new lines", || fs::read_to_string(path).unwrap().contains("after"));
        assert!(!fs::read_to_string(path.with_extension("1")).unwrap().contains("/after"));
    }
}

#[test]
fn many_hangups_in_a_row_harm_nobody() {
    let server = Server::plain();
    let mut client = server.login();
    for _ in 0..50 {
        server.signal(Signal::HUP);
        client.expect("NOOP", 200);
    }
    server.login();
}
