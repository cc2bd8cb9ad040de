//! Load balancers (`proxy_protocol_from`): the client is whom the PROXY header names.

use std::time::Instant;

use crate::{
    client::Client,
    server::{BOB, Server},
};

const BALANCED: &str = "[server]\nproxy_protocol_from = 127.0.0.1\nmax_cons_per_ip = 1\n";

/// A connection of the balancer, which has sent this much.
fn balanced(server: &Server, header: &[u8]) -> Client {
    let mut client = Client::clear(server.address());
    client.send_raw(header);
    client
}

fn header(client: &str) -> Vec<u8> {
    format!("PROXY TCP4 {client} 127.0.0.1 50000 21\r\n").into_bytes()
}

#[test]
fn the_log_and_the_share_are_the_clients_own() {
    let server = Server::start(BALANCED, BOB);
    let mut one = balanced(&server, &header("192.0.2.7"));
    one.read_reply().expect(220);
    one.login("bob", "secret");
    server.wait_log("192.0.2.7:50000-[bob] USER 'bob' logged in.");
    // Its address has its one place; another client of the balancer is welcome.
    let mut again = balanced(&server, &header("192.0.2.7"));
    again.read_reply().expect(421);
    again.expect_closed();
    server.wait_log("192.0.2.7:50000-[] connection refused");
    balanced(&server, &header("192.0.2.8")).read_reply().expect(220);
    one.expect("QUIT", 221);
    one.expect_closed();
    balanced(&server, &header("192.0.2.7")).read_reply().expect(220);
}

#[test]
fn a_binary_header_and_a_command_in_one_piece_are_two_things() {
    let server = Server::start(BALANCED, BOB);
    let header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x7f\0\0\x01\xc3\x50\0\x15";
    let mut client = balanced(&server, &[&header[..], b"NOOP\r\n"].concat());
    client.read_reply().expect(220);
    client.read_reply().expect(200);
    server.wait_log("192.0.2.7:50000-[] FTP session opened");
}

#[test]
fn the_balancer_itself_may_look_in() {
    let server = Server::start(BALANCED, BOB);
    balanced(&server, b"PROXY UNKNOWN\r\n").read_reply().expect(220);
    server.wait_log("127.0.0.1:*-[] FTP session opened");
}

#[test]
fn without_a_header_the_balancer_hears_nothing_and_the_log_says_why() {
    let server = Server::start(BALANCED, BOB);
    balanced(&server, b"USER anonymous\r\n").expect_closed();
    server.wait_log("127.0.0.1:*-[] load balancer (proxy_protocol_from): what came is no PROXY header");
    balanced(&server, b"PROXY TCP4 192.0.2.7").shut_down();
    server.wait_log("load balancer (proxy_protocol_from): it closed the connection before its PROXY header");
    let begin = Instant::now();
    let mut silent = Client::clear(server.address());
    silent.expect_closed();
    assert!(begin.elapsed().as_secs() >= 4, "it gets its time");
    server.wait_log("load balancer (proxy_protocol_from): no PROXY header came in time");
}

#[test]
fn wrong_passwords_count_against_the_client_and_not_the_balancer() {
    let conf = format!("{BALANCED}auth_failed_delay = 0\nban_after = 1\n");
    let server = Server::start(&conf, BOB);
    let mut guesser = balanced(&server, &header("192.0.2.7"));
    guesser.read_reply().expect(220);
    guesser.expect("USER bob", 331);
    guesser.expect("PASS wrong", 530);
    guesser.expect_closed();
    balanced(&server, &header("192.0.2.7")).read_reply().expect(421);
    balanced(&server, &header("192.0.2.8")).read_reply().expect(220);
}

#[test]
fn nobody_else_may_say_who_he_is() {
    let server = Server::start("[server]\nproxy_protocol_from = 127.0.0.2\n", BOB);
    let mut client = Client::clear(server.address());
    client.read_reply().expect(220);
    client.send_raw(header("192.0.2.7"));
    client.read_reply().expect(500);
    assert!(server.log_lines("192.0.2.7").is_empty());
}
