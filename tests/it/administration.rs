//! `ftpd drain`, `reload` and `status`, and a server under SIGTERM while it drains.

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    process::{Child, Stdio},
};

use rustix::process::Signal;

use crate::{
    client::Client,
    data::read_all,
    server::{BOB, Server, eventually, exit_code, finish},
};

const BIG: u64 = 64 << 20;
const STATUS: &str = r#"{"v":1,"do":"status"}"#;

/// A program whose output nobody needs yet.
fn spawn(mut command: std::process::Command) -> Child {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts")
}

#[test]
fn drain_returns_at_once_while_the_transfer_goes_on() {
    let mut server = Server::plain();
    server.write_sparse("big", BIG);
    let (mut busy, mut idle) = (server.login(), server.login());
    let data = busy.stalled_download("big");
    let ended = server.administer("drain");
    assert_eq!(ended.code, Some(0));
    assert!(ended.output.contains("2 sessions now"), "{}", ended.output);
    let reply = idle.read_reply().expect(421);
    assert!(reply.text().contains("stopping"), "{}", reply.text());
    idle.expect_closed();
    for _ in 0..3 {
        // Each one is told so, not just the first.
        let mut refused = Client::connect(server.door());
        if server.door() == server.address() {
            refused.read_reply().expect(421);
        }
        refused.expect_closed();
    }
    server.wait_log("connection refused: The server is stopping. (draining)");
    assert_eq!(server.ask(r#"{"v":1,"do":"status"}"#)["draining"], true);
    assert_eq!(read_all(data).len() as u64, BIG);
    busy.read_reply().expect(226);
    busy.read_reply().expect(421);
    assert_eq!(exit_code(server.wait_exit()), 0);
    assert!(!server.socket().exists());
}

#[test]
fn drain_wait_returns_when_the_server_has_stopped() {
    let mut server = Server::plain();
    server.write_sparse("big", BIG);
    let mut busy = server.login();
    let data = busy.stalled_download("big");
    let drain = spawn(server.administering(&format!("drain --wait -p {}", server.address().port())));
    server.wait_log("draining: ");
    assert!(server.is_running());
    read_all(data);
    busy.read_reply().expect(226);
    let output = finish(drain);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("the server has stopped\n"));
    assert_eq!(exit_code(server.wait_exit()), 0);
}

#[test]
fn drain_wait_tells_a_server_that_was_killed_from_one_that_has_stopped() {
    let mut server = Server::plain();
    server.write_sparse("big", BIG);
    let mut busy = server.login();
    let _data = busy.stalled_download("big");
    let mut drain = spawn(server.administering(&format!("drain --wait -p {}", server.address().port())));
    // The log has its line before the answer is sent.
    let mut answer = String::new();
    BufReader::new(drain.stdout.as_mut().unwrap()).read_line(&mut answer).unwrap();
    assert!(answer.starts_with("draining: "), "{answer}");
    server.signal(Signal::KILL);
    let output = finish(drain);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("without a goodbye"), "{output:?}");
    server.wait_exit();
}

#[test]
fn a_server_that_is_stopped_is_waited_for_ten_seconds_and_does_not_act_later() {
    let server = Server::plain();
    let mut client = server.login();
    server.signal(Signal::STOP);
    let ended = server.administer("kick 1");
    assert_eq!(ended.code, Some(1));
    assert!(ended.output.contains("not answered within 10 s"), "{}", ended.output);
    server.signal(Signal::CONT);
    assert_eq!(server.sessions().len(), 1);
    client.expect("NOOP", 200);
}

#[test]
fn reload_tells_what_the_log_tells() {
    let server = Server::plain();
    let (port, nowhere) = (server.address().port(), server.tree().path("none/ftpd.log"));
    server.tree().write_conf(&format!("[server]\nport = {port}\n[log]\nlog_file = {}\n", nowhere.display()));
    let ended = server.administer("reload");
    assert!(ended.output.contains("the old one stays open"), "{}", ended.output);
    assert_eq!(ended.code, Some(0), "all the rest is used");
}

#[test]
fn a_drained_server_without_sessions_stops_at_once() {
    let mut server = Server::plain();
    assert_eq!(server.administer("drain --wait").code, Some(0));
    assert_eq!(exit_code(server.wait_exit()), 0);
}

#[test]
fn sigterm_gives_what_is_left_of_a_drain_its_grace() {
    let mut server = Server::start("[server]\nshutdown_grace = 1\n", BOB);
    server.write_sparse("big", BIG);
    let mut busy = server.login();
    let _data = busy.stalled_download("big");
    assert_eq!(server.administer("drain").code, Some(0));
    assert_eq!(server.administer("drain").code, Some(0), "twice is no harm");
    // The first transfer is told by now that its client's side is shut down.
    eventually("it is heard", || server.ask(r#"{"v":1,"do":"who"}"#)["sessions"][0]["verb"] == "RETR");
    server.signal(Signal::TERM);
    busy.read_reply().expect(426);
    assert_eq!(exit_code(server.wait_exit()), 0);
}

#[test]
fn a_session_of_a_draining_server_can_be_kicked() {
    let mut server = Server::plain();
    server.write_sparse("big", BIG);
    let mut busy = server.login();
    let _data = busy.stalled_download("big");
    assert_eq!(server.administer("drain").code, Some(0));
    assert_eq!(server.administer("kick 1").code, Some(0));
    busy.read_reply().expect(426);
    assert_eq!(exit_code(server.wait_exit()), 0);
}

#[test]
fn a_draining_server_still_hears_the_clients_of_its_transfers() {
    let mut server = Server::plain();
    server.write_sparse("big", BIG);
    let mut busy = server.login();
    let _data = busy.stalled_download("big");
    assert_eq!(server.administer("drain").code, Some(0));
    busy.expect("NOOP", 200);
    busy.expect("ABOR", 426);
    busy.read_reply().expect(226);
    busy.read_reply().expect(421);
    assert_eq!(exit_code(server.wait_exit()), 0);
}

#[test]
fn a_client_that_is_killed_while_the_server_drains_did_not_finish_its_overwrite() {
    let mut server = Server::plain();
    server.write("file", b"the old file");
    let mut busy = server.login();
    let data = busy.stalled_upload("STOR file", b"half");
    assert_eq!(server.administer("drain").code, Some(0));
    // The system closes its connections, in order.
    drop(busy);
    data.cut();
    assert_eq!(exit_code(server.wait_exit()), 0);
    assert_eq!(server.read("file"), b"the old file");
}

#[test]
fn reload_takes_both_files_and_says_so() {
    let server = Server::plain();
    server.tree().write_users(&format!("{BOB}[eve]\npassword = secret\nperm = e\nhome = home\n"));
    let port = server.address().port();
    server.tree().write_conf(&format!("[server]\nport = {port}\nwelcome_msg = changed\nmax_cons = 7\n"));
    let ended = server.administer("reload");
    assert_eq!(ended.code, Some(0), "{}", ended.output);
    assert!(ended.output.contains("read again: settings from"), "{}", ended.output);
    assert!(ended.output.contains("max_cons has changed: this needs a restart"), "{}", ended.output);
    assert!(Client::connect(server.door()).read_reply().expect(220).text().contains("changed"));
    server.login_as("eve");
}

#[test]
fn a_file_that_is_what_the_server_runs_with_needs_no_restart() {
    let server = Server::plain();
    let before = server.ask(STATUS)["limits"]["passive_ports"].clone();
    let port = format!("[server]\nport = {}\n", server.address().port());
    server.tree().write_conf(&format!("{port}max_cons = 7\n[passive]\npassive_ports = 40000-40009\n"));
    let ended = server.administer("reload");
    for key in ["passive_ports", "max_cons"] {
        assert!(ended.output.contains(&format!("{key} has changed: this needs a restart")), "{}", ended.output);
    }
    assert_eq!(server.ask(STATUS)["limits"]["passive_ports"], before, "those in force");
    server.tree().write_conf(&port);
    let ended = server.administer("reload");
    for key in ["passive_ports", "max_cons"] {
        assert!(!ended.output.contains(key), "{}", ended.output);
    }
}

#[test]
fn a_reload_that_fails_says_why_and_changes_nothing() {
    let server = Server::plain();
    server.tree().write_conf("[server]\nwelcome_msg = changed\ntimeout = x\n");
    let ended = server.administer("reload");
    assert_eq!(ended.code, Some(1));
    for part in ["ftpd.conf:", "timeout", "nothing has changed"] {
        assert!(ended.output.contains(part), "{part}: {}", ended.output);
    }
    assert!(!ended.output.contains("not read again"), "{}", ended.output);
    server.wait_log("not read again: *timeout");
    assert!(!Client::connect(server.door()).read_reply().expect(220).text().contains("changed"));
}

#[test]
fn status_tells_uptime_sessions_bytes_limits_and_bans() {
    let server = Server::start("[server]\nmax_cons = 20\nmax_cons_per_ip = 5\n", BOB);
    let mut client = server.login();
    client.stor("file", [0; 2048]);
    client.retr("file");
    let ended = server.administer("status");
    assert_eq!(ended.code, Some(0));
    for part in ["uptime", "1 of 20", "2.0K received, 2.0K sent", "at most 5", "bans", "none", "partials"] {
        assert!(ended.output.contains(part), "{part}: {}", ended.output);
    }
    let json: serde_json::Value = serde_json::from_str(&server.administer("status --json").output).expect("JSON");
    assert_eq!((&json["sessions"], &json["received"], &json["sent"]), (&1.into(), &2048.into(), &2048.into()));
}

/// The value of a metric.
#[track_caller]
fn metric(server: &Server, name: &str) -> u64 {
    let text = server.administer("status --prometheus").output;
    let value = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    value.unwrap_or_else(|| panic!("{name}: {text}")).parse().expect("a number")
}

#[test]
fn prometheus_gets_metrics_that_grow() {
    let server = Server::plain();
    let mut client = server.login();
    assert_eq!((metric(&server, "ftpd_sessions"), metric(&server, "ftpd_sent_bytes_total")), (1, 0));
    server.write("file", [0; 5000]);
    client.retr("file");
    assert_eq!(metric(&server, "ftpd_sent_bytes_total"), 5000);
    client.expect("QUIT", 221);
    eventually("it is gone", || metric(&server, "ftpd_sessions") == 0);
    assert_eq!((metric(&server, "ftpd_sent_bytes_total"), metric(&server, "ftpd_sessions_total")), (5000, 1));
}

#[test]
fn a_guesser_is_shown_and_let_in_again() {
    let server = Server::start("[server]\nban_after = 1\nauth_failed_delay = 0\n", BOB);
    let mut client = server.client();
    client.expect("USER bob", 331);
    client.expect("PASS wrong", 530);
    assert_eq!(server.ask(r#"{"v":1,"do":"status"}"#)["bans"][0]["address"], "127.0.0.1");
    drop(TcpStream::connect(server.door()));
    assert_eq!(server.administer("status --unban 127.0.0.1").code, Some(0));
    server.login().expect("NOOP", 200);
}
