//! user.ini changes while sessions are open: which of them end, when, and which go on.

use std::{fs, io::Write, time::Instant};

use rustix::process::Signal;

use crate::{
    client::Client,
    data::{read_all, read_until_broken},
    server::{BOB, Server, eventually},
};

const BIG: u64 = 64 << 20;
const EVE: &str = "[eve]\npassword = secret\nperm = elradfmwMT\nhome = home\n";

const CHANGED: &str = "The account has changed; log in again.";
const UNAVAILABLE: &str = "This account is no longer available.";

#[track_caller]
fn is_told(client: &mut Client, text: &str) {
    let reply = client.read_reply().expect(421);
    assert_eq!(reply.message(), text.as_bytes());
    client.expect_closed();
}

/// What bob's section becomes.
type Change = fn(&str) -> String;

/// bob and eve are here, then bob's section is as `change` makes it, of which the server hears as `tell` says.
#[track_caller]
fn bob_changes(change: Change, tell: fn(&Server)) -> (Server, Client, Client) {
    let server = Server::start("", &format!("{BOB}{EVE}"));
    let (bob, mut eve) = (server.login(), server.login_as("eve"));
    server.tree().write_users(&format!("{}{EVE}", change(BOB)));
    tell(&server);
    eve.expect("NOOP", 200);
    (server, bob, eve)
}

fn reload(server: &Server) {
    server.signal(Signal::HUP);
}

fn looks_by_itself(_: &Server) {}

#[test]
fn sessions_end_of_an_account_that_is_gone_disabled_or_other() {
    let cases: [(Change, &str, &str); 7] = [
        (|_| String::new(), "is gone: the session ends now", UNAVAILABLE),
        (|bob| format!("{bob}enabled = off\n"), "is disabled: the session ends now", UNAVAILABLE),
        (|bob| bob.replace("secret", "other"), "has another password: the session ends now", CHANGED),
        (|bob| bob.replace("elradfmwMT", "elr"), "has other letters: the session ends after its transfer", CHANGED),
        (|bob| bob.replace("= home", "= elsewhere"), "has another home: the session ends after its transfer", CHANGED),
        (|bob| format!("{bob}charset = gbk\n"), "has another charset: the session ends after its transfer", CHANGED),
        (|bob| format!("{bob}hide = .*\n"), "has other hidden names: the session ends after its transfer", CHANGED),
    ];
    for (change, line, text) in cases {
        let (server, mut bob, mut eve) = bob_changes(change, reload);
        is_told(&mut bob, text);
        server.wait_log(&format!("-[bob] the account {line}"));
        server.wait_log("-[bob] FTP session closed (the account has changed)");
        eve.expect("NOOP", 200);
        assert!(server.log_lines("-[eve] the account").is_empty());
    }
}

#[test]
fn the_file_is_looked_at_without_a_login() {
    let cases: [(Change, &str); 3] = [
        (|_| String::new(), UNAVAILABLE),
        (|bob| bob.replace("secret", "other"), CHANGED),
        (|bob| bob.replace("elradfmwMT", "elr"), CHANGED),
    ];
    for (change, text) in cases {
        let (server, mut bob, mut eve) = bob_changes(change, looks_by_itself);
        is_told(&mut bob, text);
        assert_eq!(server.wait_log("-[bob] the account ").matches("the session ends").count(), 1);
        eve.expect("NOOP", 200);
    }
}

#[test]
fn a_download_ends_with_its_account() {
    let cases: [(Change, &str); 3] = [
        (|_| String::new(), UNAVAILABLE),
        (|bob| format!("{bob}enabled = off\n"), UNAVAILABLE),
        (|bob| bob.replace("secret", "other"), CHANGED),
    ];
    for (change, text) in cases {
        let server = Server::start("", &format!("{BOB}{EVE}"));
        server.write_sparse("big", BIG);
        let mut bob = server.login();
        let data = bob.stalled_download("big");
        server.tree().write_users(&format!("{}{EVE}", change(BOB)));
        bob.read_reply().expect(426);
        is_told(&mut bob, text);
        assert!((read_until_broken(data).len() as u64) < BIG);
        server.wait_log("RETR * completed=0 *(the account has changed)");
    }
}

#[test]
fn an_upload_over_an_old_file_ends_and_the_old_file_stays() {
    let server = Server::start("", &format!("{BOB}{EVE}"));
    server.write("file", "the old content");
    let mut bob = server.login();
    let _data = bob.stalled_upload("STOR file", b"new ");
    eventually("the bytes have come", || server.arrived("file") == b"new ");
    server.tree().write_users(EVE);
    bob.read_reply().expect(426);
    is_told(&mut bob, UNAVAILABLE);
    assert_eq!(server.read("file"), b"the old content");
}

#[test]
fn other_letters_let_the_transfer_end_and_nothing_after_it() {
    let server = Server::plain();
    server.write("other", "");
    let mut bob = server.login();
    let mut data = bob.stalled_upload("STOR file", b"first, ");
    bob.send("DELE other");
    server.tree().write_users(&BOB.replace("elradfmwMT", "elrw"));
    server.wait_log("-[bob] the account has other letters: the session ends after its transfer");
    data.write_all(b"second").unwrap();
    data.finish();
    bob.read_reply().expect(226);
    is_told(&mut bob, CHANGED);
    assert_eq!(server.read("file"), b"first, second");
    assert!(server.home().join("other").exists(), "a command that came before the 421 was run with the old letters");
    server.login().expect("DELE file", 550);
}

#[test]
fn another_account_logs_in_again_with_what_is_new() {
    let (server, mut bob, _eve) = bob_changes(|bob| bob.replace("secret", "other"), reload);
    is_told(&mut bob, CHANGED);
    let mut client = server.client();
    client.login("bob", "other");
}

#[test]
fn a_disabled_account_is_refused_like_a_wrong_password() {
    let server = Server::start("[server]\nauth_failed_delay = 0\n", &format!("{BOB}enabled = off\n{EVE}"));
    let mut client = server.client();
    let refusal = |client: &mut Client, user: &str, password: &str| {
        client.expect(format!("USER {user}"), 331);
        client.expect(format!("PASS {password}"), 530).text()
    };
    let wrong = refusal(&mut client, "eve", "wrong");
    assert_eq!(refusal(&mut client, "bob", "secret"), wrong);
    server.wait_log("USER 'bob' failed login. (the account is disabled; *user.ini:5: enabled = off)");
}

#[test]
fn limits_and_messages_are_taken_over_silently_and_rates_from_the_next_transfer_on() {
    let server = Server::start("", &format!("{BOB}max_download = 1K\nmsg_quit = old\n"));
    server.write("file", vec![0; 400 << 10]);
    let mut bob = server.login();
    let _slow = bob.stalled_download("file");
    server.tree().write_users(&format!("{BOB}max_cons = 1\nmax_upload = 100K\nmsg_quit = new\nmsg_login = new\n"));
    reload(&server);
    server.wait_log("read again");
    bob.send("ABOR");
    bob.read_reply().expect(426);
    bob.read_reply().expect(226);
    // At the old rate this would take minutes.
    assert_eq!(bob.retr("file").len(), 400 << 10);
    let start = Instant::now();
    bob.stor("copy", vec![0; 100 << 10]);
    assert!(start.elapsed().as_millis() >= 700, "{:?} is faster than the new rate", start.elapsed());
    let mut second = server.client();
    second.expect("USER bob", 331);
    second.expect("PASS secret", 421);
    assert_eq!(bob.expect("QUIT", 221).message(), b"new");
    assert!(server.log_lines("-[bob] the account").is_empty());
}

#[test]
fn a_mistake_in_the_file_an_empty_file_or_none_ends_nobody_and_is_told_without_a_login() {
    let server = Server::start("", &format!("{BOB}{EVE}"));
    let mut bob = server.login();
    let users = server.tree().path("user.ini");
    server.tree().write_users(&EVE.replace("elr", "x"));
    server.wait_log("user.ini has changed and is not used, the accounts stay as they were");
    bob.expect("NOOP", 200);
    fs::write(&users, "").unwrap();
    server.wait_log("user.ini is empty, the accounts stay as they were");
    bob.expect("NOOP", 200);
    fs::remove_file(&users).unwrap();
    server.wait_log("user.ini is not there, the accounts stay as they were");
    bob.expect("NOOP", 200);
    // What is sound again is looked at again.
    server.tree().write_users(EVE);
    is_told(&mut bob, UNAVAILABLE);
    server.expect_log("-[bob] the account", 1);
}

#[test]
fn an_account_that_would_reach_the_servers_own_files_is_left_out_and_the_others_go_on() {
    let tells: [fn(&Server); 2] = [reload, looks_by_itself];
    for tell in tells {
        let server = Server::start("", &format!("{BOB}{EVE}"));
        let (mut bob, mut eve) = (server.login(), server.login_as("eve"));
        server.tree().write_users(&format!("{}{EVE}", BOB.replace("= home", "= .")));
        tell(&server);
        server.wait_log("home: bob may change files in *the account is left out");
        is_told(&mut bob, UNAVAILABLE);
        eve.expect("NOOP", 200);
        let mut client = server.client();
        client.expect("USER bob", 331);
        client.expect("PASS secret", 530);
    }
}

#[test]
fn a_reload_says_how_many_sessions_end() {
    let server = Server::start("", &format!("{BOB}{EVE}"));
    let (mut first, mut second) = (server.login(), server.login());
    server.tree().write_users(EVE);
    let ended = server.administer("reload");
    assert!(ended.output.contains("2 sessions end: their accounts have changed"), "{}", ended.output);
    is_told(&mut first, UNAVAILABLE);
    is_told(&mut second, UNAVAILABLE);
}

#[test]
fn a_client_that_has_not_logged_in_stays() {
    let server = Server::plain();
    let mut client = server.client();
    server.tree().write_users(EVE);
    reload(&server);
    server.wait_log("read again");
    client.login("eve", "secret");
    let data = client.passive();
    client.expect("LIST", 150);
    read_all(data);
    client.read_reply().expect(226);
}

#[test]
fn anonymous_ends_with_its_setting() {
    let conf = |on: &str, port: u16| {
        format!(
            "[server]\nport = {port}\n[anonymous]\nenable_anonymous = {on}\nanonymous_path = home\nanonymous_perm = elr\n"
        )
    };
    let server = Server::start(&conf("on", 0), BOB);
    let (mut guest, mut bob) = (server.client(), server.login());
    guest.login("anonymous", "a@b");
    server.tree().write_conf(&conf("off", server.address().port()));
    reload(&server);
    is_told(&mut guest, UNAVAILABLE);
    server.wait_log("-[anonymous] the account is gone: the session ends now");
    bob.expect("NOOP", 200);
}
