//! The address in the 227: the one that was dialled, or the one that clients outside know.

use rustix::process::Signal;

use crate::server::{BOB, Server, Tree};

fn given(server: &Server) -> String {
    server.login().pasv().ip().to_string()
}

fn conf(ip: &str, lines: &str) -> String {
    format!("[server]\nip = {ip}\n[passive]\n{lines}\n")
}

#[test]
fn everybody_is_told_the_masquerade_address_where_it_is_for_all() {
    let server = Server::start(&conf("127.0.0.1", "masquerade_address = 203.0.113.5\nmasquerade_for = all"), BOB);
    assert_eq!(given(&server), "203.0.113.5");
}

#[test]
fn a_local_client_is_told_the_address_it_dialled_unless_the_masquerade_address_is_private() {
    for (address, told) in [("203.0.113.5", "127.0.0.1"), ("192.168.7.7", "192.168.7.7")] {
        let server = Server::start(&conf("127.0.0.1", &format!("masquerade_address = {address}")), BOB);
        assert_eq!(given(&server), told);
    }
}

#[test]
fn a_name_is_looked_up_at_start() {
    let server = Server::start(&conf("127.0.0.2", "masquerade_address = localhost\nmasquerade_for = all"), BOB);
    assert_eq!(given(&server), "127.0.0.1");
    server.wait_log("masquerade_address: localhost is 127.0.0.1");
}

#[test]
fn a_name_whose_address_no_client_could_dial_is_an_error_in_the_log_and_changes_nothing() {
    let server = Server::start(&conf("0.0.0.0", "masquerade_address = localhost\nmasquerade_for = all"), BOB);
    server.wait_log("[E *masquerade_address: localhost: 127.0.0.1 is the client's own machine");
    let mut client = crate::client::Client::greeted(([127, 0, 0, 3], server.door().port()).into());
    client.login("bob", "secret");
    assert_eq!(client.pasv().ip().to_string(), "127.0.0.3");
}

#[test]
fn an_address_no_client_could_dial_keeps_the_server_from_starting() {
    for address in ["0.0.0.0", "239.1.1.1", "255.255.255.255", "127.0.0.1"] {
        let ended = Tree::new(&conf("0.0.0.0", &format!("masquerade_address = {address}")), BOB).run();
        assert_eq!(ended.code, Some(1));
        assert!(ended.output.contains(&format!("masquerade_address: {address} is ")), "{}", ended.output);
    }
}

#[test]
fn a_reload_takes_a_new_address_for_new_sessions() {
    let of = |address: &str| conf("127.0.0.1", &format!("masquerade_address = {address}\nmasquerade_for = all"));
    let server = Server::start(&of("203.0.113.5"), BOB);
    let mut old = server.login();
    for (number, (address, told)) in
        [("203.0.113.6", "203.0.113.6"), ("localhost", "127.0.0.1")].into_iter().enumerate()
    {
        // The port is as it was: another one needs a restart.
        server.tree().write_conf(&of(address));
        server.signal(Signal::HUP);
        server.wait_log_times("read again", number + 1);
        assert_eq!(given(&server), told);
    }
    assert_eq!(old.pasv().ip().to_string(), "203.0.113.5");
}

#[test]
fn a_data_connection_to_a_masked_server_is_served() {
    let server = Server::start(&conf("127.0.0.1", "masquerade_address = 127.0.0.1\nmasquerade_for = all"), BOB);
    server.write("file", "content");
    assert_eq!(server.login().retr("file"), b"content");
}

#[test]
fn another_address_of_this_machine_is_listened_on() {
    let server = Server::start(&conf("127.0.0.2", "masquerade_address = 127.0.0.1\nmasquerade_for = all"), BOB);
    server.write("file", "content");
    let mut client = server.login();
    assert_eq!(client.pasv().ip().to_string(), "127.0.0.1");
    assert_eq!(client.retr("file"), b"content");
}
