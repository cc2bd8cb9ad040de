//! Clients that close both connections after their last byte and wait for no reply: what they sent is received to its end.
//!
//! The server is stopped while such a client acts, so that it sees both ends at once, as it does under load.

use std::{
    io::Write,
    thread,
    time::{Duration, Instant},
};

use crate::{
    channel::leave_out,
    client::Client,
    data::{Data, reset},
    server::{BOB, Server},
    uploads::{OLD, content},
};

const HASTY: &str = "hasty = on\n";

fn hasty_server() -> Server {
    let server = Server::start("", &format!("{BOB}{HASTY}"));
    server.write("file", OLD);
    server
}

/// A STOR that the server has answered with 150; it is stopped now.
#[track_caller]
fn begun(server: &Server, name: &str) -> (Client, Data) {
    let mut client = server.login();
    let mut data = client.passive();
    client.expect(format!("STOR {name}"), 150);
    data.handshake();
    server.freeze();
    (client, data)
}

/// The upload's line in the log, once the client has done this while the server was stopped.
#[track_caller]
fn judged(server: &Server, name: &str, act: impl FnOnce(Client, Data)) -> String {
    let (client, data) = begun(server, name);
    act(client, data);
    server.thaw();
    server.wait_log(&format!("STOR */{name} completed="))
}

/// Closes the control connection first: its end is there before the data's.
fn close_both(client: Client, mut data: Data) {
    data.write_all(&content()[..30_000]).unwrap();
    drop(client);
    drop(data);
}

// New files

#[test]
fn a_new_file_is_whole_though_both_connections_were_closed() {
    let server = Server::plain();
    let line = judged(&server, "new", close_both);
    assert!(line.contains("bytes=30000"), "{line}");
    assert!(server.read("new") == content()[..30_000]);
}

#[test]
fn a_new_file_is_whole_though_it_was_sent_and_all_closed_before_its_stor_was_read() {
    let server = Server::plain();
    for round in 0..2 {
        let name = format!("new{round}");
        let mut client = server.login();
        let mut data = client.passive();
        data.handshake();
        server.freeze();
        data.write_all(&content()[..30_000]).unwrap();
        drop(data);
        client.send(format!("STOR {name}"));
        // With a reply that nobody reads, the end of the connection is a reset.
        if round == 0 {
            drop(client)
        } else {
            client.reset()
        }
        server.thaw();
        server.wait_log(&format!("STOR */{name} completed=0 bytes=30000"));
        assert!(server.read(&name) == content()[..30_000]);
    }
}

#[test]
fn a_data_connection_that_waits_in_the_queue_is_opened_though_the_client_is_gone() {
    leave_out!(Explicit | Implicit: "a handshake needs a server that answers");
    let server = Server::plain();
    let mut client = server.login();
    let address = client.pasv();
    server.freeze();
    let mut data = client.connect_data(address);
    client.send("STOR new");
    data.write_all(&content()[..30_000]).unwrap();
    drop(client);
    drop(data);
    server.thaw();
    server.wait_log("STOR */new completed=0 bytes=30000");
    assert!(server.read("new") == content()[..30_000]);
}

#[test]
fn an_active_data_connection_is_dialled_though_the_client_is_gone() {
    let server = Server::plain();
    let mut client = server.login();
    let listener = client.active();
    server.freeze();
    client.send("STOR new");
    drop(client);
    server.thaw();
    let mut data = listener.accept();
    data.write_all(b"content").unwrap();
    drop(data);
    server.wait_log("STOR */new completed=0 bytes=7");
    assert_eq!(server.read("new"), b"content");
}

#[test]
fn commands_before_the_stor_are_run_though_nobody_takes_their_replies() {
    let server = Server::plain();
    let mut client = server.login();
    let mut data = client.passive();
    data.handshake();
    server.freeze();
    data.write_all(b"content").unwrap();
    drop(data);
    client.send_raw("MKD folder\r\nCWD folder\r\nNOOP\r\nNOOP\r\nTYPE I\r\nSTOR new\r\n");
    client.reset();
    server.thaw();
    server.wait_log("STOR */folder/new completed=0 bytes=7");
    assert_eq!(server.read("folder/new"), b"content");
}

#[test]
fn a_large_new_file_is_whole_though_most_of_it_was_still_on_its_way() {
    let server = Server::plain();
    let mut client = server.login();
    let large = content().repeat(50);
    let mut data = client.passive();
    client.expect("STOR new", 150);
    data.write_all(&large).unwrap();
    drop(client);
    drop(data);
    server.wait_log("STOR */new completed=0 bytes=5000000");
    assert!(server.read("new") == large);
}

#[test]
fn a_client_that_is_gone_and_never_ends_its_data_does_not_hold_its_session() {
    let server = Server::plain();
    let mut client = server.login();
    let data = client.stalled_upload("STOR new", b"start");
    drop(client);
    server.wait_log("STOR */new completed=0 bytes=5 *(control connection lost)");
    server.wait_log("FTP session closed");
    assert_eq!(server.read("new"), b"start");
    drop(data);
    let mut client = server.login();
    client.pasv();
    client.send("STOR other");
    drop(client);
    server.wait_log("STOR */other completed=0 bytes=0");
    server.wait_log_times("FTP session closed", 2);
}

#[test]
#[ignore = "make soak"]
fn a_client_that_is_gone_and_sends_for_ever_does_not_hold_its_session() {
    let server = Server::plain();
    let mut client = server.login();
    let data = client.stalled_upload("STOR new", b"start");
    let mut send = data.sender();
    drop(client);
    let begin = Instant::now();
    while server.log_lines("STOR */new completed=0 * (control connection lost)").is_empty() {
        assert!(begin.elapsed() < Duration::from_secs(60), "it goes on");
        send(b"more");
        thread::sleep(Duration::from_millis(50));
    }
}

// Old files

#[test]
fn an_old_file_stays_and_the_log_names_the_key() {
    let server = Server::plain();
    server.write("file", OLD);
    let line = judged(&server, "file", close_both);
    assert!(line.contains("completed=0 bytes=30000") && line.contains("old file stays"), "{line}");
    assert!(line.contains("hasty = on"), "{line}");
    assert_eq!(server.read("file"), OLD);
    let mut client = server.login();
    client.expect("REST 30000", 350);
    client.stor("file", &content()[30_000..]);
    assert!(server.read("file") == content(), "what came is kept and can be resumed");
}

#[test]
fn a_hasty_account_replaces_its_old_files() {
    let server = hasty_server();
    let line = judged(&server, "file", close_both);
    assert!(line.contains("completed=1 bytes=30000"), "{line}");
    assert!(server.read("file") == content()[..30_000]);
    assert!(server.partials().is_empty());
    let line = judged(&server, "new", close_both);
    assert!(line.contains("completed=1 bytes=30000"), "{line}");
}

#[test]
fn a_hasty_account_need_not_wait_for_any_reply() {
    let server = hasty_server();
    let mut client = server.login();
    let mut data = client.passive();
    data.handshake();
    server.freeze();
    data.write_all(b"new").unwrap();
    drop(data);
    client.send("STOR file");
    client.reset();
    server.thaw();
    server.wait_log("STOR */file completed=1 bytes=3");
    assert_eq!(server.read("file"), b"new");
}

#[test]
fn an_upload_of_a_hasty_account_that_is_reset_aborted_or_never_ends_leaves_the_old_file() {
    let server = hasty_server();
    let ends: [fn(Client, Data); 4] = [
        |client, data| {
            drop(client);
            reset(data);
        },
        |mut client, data| {
            client.send("ABOR");
            drop(client);
            drop(data);
        },
        |mut client, data| {
            client.send_raw("NOOP\r\nABOR\r\n");
            client.reset();
            drop(data);
        },
        |client, data| {
            drop(client);
            // Both stay open on this side, and nothing more comes.
            std::mem::forget(data);
        },
    ];
    for (round, end) in ends.into_iter().enumerate() {
        let (client, mut data) = begun(&server, "file");
        data.write_all(b"half").unwrap();
        end(client, data);
        server.thaw();
        let line = server.wait_log_times("STOR */file completed=", round + 1).pop().unwrap();
        assert!(line.contains("completed=0"), "{line}");
        assert!(!line.contains("hasty"), "{line}");
        assert_eq!(server.read("file"), OLD, "round {round}");
    }
}
