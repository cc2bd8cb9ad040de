//! `ftpd who`: the sessions of a running server.

use std::{io::Write, net::TcpStream};

use serde_json::Value;

use crate::{
    data::read_all,
    server::{BOB, Server, Tree, eventually, run_to_its_end},
};

const BIG: u64 = 64 << 20;

/// The only session.
#[track_caller]
fn session(server: &Server) -> Value {
    let mut sessions = server.sessions();
    assert_eq!(sessions.len(), 1, "{sessions:?}");
    sessions.remove(0)
}

#[test]
fn the_table_shows_each_session_and_what_it_does() {
    let server = Server::plain();
    server.write_sparse("big", BIG);
    let mut busy = server.login();
    let _data = busy.stalled_download("big");
    let _stranger = server.client();
    let ended = server.administer("who");
    assert_eq!(ended.code, Some(0));
    let lines: Vec<&str> = ended.output.lines().collect();
    assert!(lines[0].starts_with("2 sessions of 512 on 127.0.0.1:"), "{}", ended.output);
    for head in ["ID", "ACCOUNT", "ADDRESS", "TLS", "SINCE", "IDLE", "DOES", "BYTES", "OF", "RATE", "FILE"] {
        assert!(lines[1].contains(head), "{head}: {}", lines[1]);
    }
    for part in ["1 ", "bob", &busy.local().to_string(), "RETR", "64M", "/s", "/big"] {
        assert!(lines[2].contains(part), "{part}: {}", lines[2]);
    }
    assert!(lines[3].contains("login"), "{}", lines[3]);
    assert!(lines.iter().all(|line| line.chars().count() <= 80), "{}", ended.output);
}

#[test]
fn json_is_an_array_with_an_object_for_each_session() {
    let server = Server::plain();
    server.write_sparse("big", BIG);
    let mut busy = server.login();
    let _data = busy.stalled_download("big");
    let idle = server.login();
    let ended = server.administer("who --json");
    let sessions: Vec<Value> = serde_json::from_str(&ended.output).expect("an array");
    assert_eq!(sessions.len(), 2);
    for (session, client) in sessions.iter().zip([&busy, &idle]) {
        assert_eq!(session["user"], "bob");
        assert_eq!(session["address"], client.local().to_string());
        assert!(session["since"].as_str().is_some_and(|since| since.ends_with('Z')));
        let mut members: Vec<&str> = session.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        let expected = ["address", "bytes", "id", "idle", "path", "rate", "since", "tls", "total", "user", "verb"];
        assert_eq!(members, expected);
    }
    assert_eq!((&sessions[0]["verb"], &sessions[0]["path"]), (&"RETR".into(), &"/big".into()));
    assert_eq!((&sessions[0]["total"], &sessions[0]["idle"]), (&BIG.into(), &0.into()));
    assert_eq!(
        (&sessions[1]["verb"], &sessions[1]["path"], &sessions[1]["total"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
}

#[test]
fn the_bytes_of_a_transfer_grow_and_quit_takes_the_session_off() {
    let server = Server::plain();
    let mut client = server.login();
    let mut data = client.stalled_upload("STOR new", b"12345");
    eventually("five bytes", || session(&server)["bytes"] == 5);
    let facts = session(&server);
    assert_eq!((&facts["verb"], &facts["path"], &facts["total"]), (&"STOR".into(), &"/new".into(), &Value::Null));
    data.write_all(b"678").unwrap();
    eventually("three more", || session(&server)["bytes"] == 8);
    drop(data);
    client.read_reply().expect(226);
    eventually("no transfer", || session(&server)["verb"].is_null() && session(&server)["bytes"] == 0);
    // Another one counts from its own beginning.
    let _data = client.stalled_upload("STOR other", b"1");
    eventually("one byte", || session(&server)["bytes"] == 1);
    drop(client);
    eventually("nobody", || server.sessions().is_empty());
    let mut client = server.login();
    client.expect("QUIT", 221);
    client.expect_closed();
    eventually("nobody", || server.sessions().is_empty());
}

#[test]
fn uploads_that_are_announced_listings_and_checksums_are_shown() {
    let server = Server::plain();
    let mut client = server.login();
    client.expect("ALLO 100", 200);
    let data = client.stalled_upload("APPE new", b"1");
    eventually("the announced size", || session(&server)["total"] == 100 && session(&server)["verb"] == "APPE");
    drop(data);
    client.read_reply().expect(226);
    // A name long enough that the list does not fit into the buffers on the way.
    for number in 0..20_000 {
        server.write(format!("{number:0200}"), "");
    }
    let mut data = client.narrow_passive();
    client.expect("MLSD", 150);
    eventually("the list", || session(&server)["verb"] == "MLSD" && session(&server)["path"] == "/");
    std::io::copy(&mut data, &mut std::io::sink()).unwrap();
    drop(data);
    client.read_reply().expect(226);
}

#[test]
fn before_login_there_is_no_account_and_after_rein_neither() {
    let server = Server::plain();
    let mut client = server.client();
    assert_eq!(session(&server)["user"], Value::Null);
    client.login("bob", "secret");
    assert_eq!(session(&server)["user"], "bob");
    client.expect("REIN", 220);
    assert_eq!(session(&server)["user"], Value::Null);
    client.login("bob", "secret");
    assert_eq!((&session(&server)["user"], &session(&server)["id"]), (&"bob".into(), &1.into()));
}

#[test]
fn tls_and_idleness_are_shown() {
    let server = Server::start("[tls]\ntls = on\n", BOB);
    let mut client = crate::client::Client::clear(server.address());
    client.read_reply().expect(220);
    assert_eq!(session(&server)["tls"], false);
    client.auth(&crate::channel::trusting());
    client.expect("NOOP", 200);
    assert_eq!(session(&server)["tls"], true);
    eventually("a second", || session(&server)["idle"] == 1);
    client.expect("NOOP", 200);
    assert_eq!(session(&server)["idle"], 0);
}

#[test]
fn names_can_not_control_the_terminal() {
    let server = Server::plain();
    std::fs::write(server.home().join("\u{1b}[2J\u{9b}evil"), vec![0; 4 << 20]).unwrap();
    let mut client = server.login();
    let _data = client.stalled_download("\u{1b}[2J\u{9b}evil");
    let ended = server.administer("who");
    assert!(ended.output.contains("evil"), "{}", ended.output);
    assert!(!ended.output.contains(['\u{1b}', '\u{9b}']), "{:?}", ended.output);
}

#[test]
fn without_a_server_the_answer_is_1_in_words() {
    let tree = Tree::new("", BOB);
    for words in ["who", "who --json", "kick 1", "drain", "reload", "status", "status --prometheus"] {
        let mut command = crate::server::bare_command();
        command.args(words.split(' ')).args(["-p", "1"]).env("XDG_RUNTIME_DIR", tree.runtime());
        let ended = run_to_its_end(command);
        assert_eq!(ended.code, Some(1), "{words}: {}", ended.output);
        let name = words.split(' ').next().unwrap();
        assert!(ended.output.contains(&format!("ftpd {name}: no server with the port 1 runs")), "{}", ended.output);
    }
    let mut command = crate::server::bare_command();
    command.args(["who", "--socket"]).arg(tree.path("none"));
    let ended = run_to_its_end(command);
    assert_eq!(ended.code, Some(1));
    assert!(ended.output.contains("no server runs with the control_socket"), "{}", ended.output);
}

#[test]
fn of_several_servers_one_has_to_be_named() {
    let first = Server::plain();
    let tree = Tree::new("", BOB);
    let mut command = tree.command();
    command.env("XDG_RUNTIME_DIR", first.tree().runtime());
    let second = tree.start_as(command);
    let ended = run_to_its_end(first.administering("who"));
    assert_eq!(ended.code, Some(1));
    for server in [&first, &second] {
        assert!(ended.output.contains(&format!("-p {} ", server.address().port())), "{}", ended.output);
    }
    let ended = run_to_its_end(first.administering(&format!("who -p {}", second.address().port())));
    assert!(ended.output.contains(&format!("pid {}", second.id())), "{}", ended.output);
    let ended = run_to_its_end(first.administering(&format!("who --socket {}", first.socket().display())));
    assert!(ended.output.contains(&format!("pid {}", first.id())), "{}", ended.output);
}

#[test]
fn a_download_that_is_watched_comes_whole() {
    let server = Server::plain();
    server.write_sparse("big", BIG);
    let mut client = server.login();
    let data = client.stalled_download("big");
    let reader = std::thread::spawn(move || read_all(data).len() as u64);
    while !session(&server)["verb"].is_null() {}
    assert_eq!(reader.join().unwrap(), BIG);
    client.read_reply().expect(226);
    let status = server.ask(r#"{"v":1,"do":"status"}"#);
    assert_eq!((&status["sent"], &status["sessions_total"]), (&BIG.into(), &1.into()));
}

#[test]
fn a_connection_of_the_web_is_shown_as_one() {
    let server = Server::start("[anonymous]\nenable_anonymous = on\nanonymous_path = home\n[web]\nweb_port = 0\n", BOB);
    server.write_sparse("big", BIG);
    let ftp = server.login();
    let mut web = TcpStream::connect(server.web()).unwrap();
    eventually("both are here", || server.sessions().len() == 2);
    let shown = || server.sessions().remove(1);
    assert_eq!(
        (&shown()["protocol"], &shown()["verb"], &shown()["tls"]),
        (&"http".into(), &Value::Null, &false.into())
    );
    assert!(server.sessions()[0].get("protocol").is_none(), "FTP is the rule");
    let table = server.administer("who").output;
    assert!(table.lines().nth(3).is_some_and(|line| line.split_whitespace().any(|word| word == "web")), "{table}");
    web.write_all(b"GET /big HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    eventually("it gets a file", || shown()["verb"] == "GET");
    assert_eq!(
        (&shown()["user"], &shown()["path"], &shown()["total"]),
        (&"anonymous".into(), &"/big".into(), &BIG.into())
    );
    assert_eq!(server.administer("kick --user anonymous").code, Some(0));
    eventually("it has left", || server.sessions().len() == 1);
    assert!(read_all(web).len() < usize::try_from(BIG).unwrap());
    drop(ftp);
}
