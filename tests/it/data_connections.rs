//! How data connections come to be: passive, active, extended, refused.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use crate::{
    client::{self, Client, accept, connect_from, port_command, read_all, read_until_broken},
    server::{BOB, Server},
};

const OTHER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const SHORT_CONNECT: &str = "[transfer]\nconnect_timeout = 1\n";
const BOTH_FAMILIES: &str = "[server]\nip = 127.0.0.1, ::1\n";

/// Up to eight ports in a row that nobody uses, below the range the system gives out by itself; each call, in whatever
/// process, begins to look at a place of its own.
pub fn free_ports(count: u16) -> Range<u16> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let slot = std::process::id().wrapping_mul(4) + CALLS.fetch_add(1, Ordering::Relaxed);
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut places = (slot..slot + 1500).map(|slot| 20_000 + u16::try_from(slot % 1500).unwrap() * 8);
    let first = places.find(|&first| (first..first + count).all(is_free)).expect("free ports");
    first..first + count
}

fn with_ports(ports: &Range<u16>) -> String {
    format!("[passive]\npassive_ports = {}-{}\n[transfer]\nconnect_timeout = 1\n", ports.start, ports.end - 1)
}

fn server_over_ipv6() -> Option<(Server, Client)> {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("SKIPPED: this system has no IPv6");
        return None;
    }
    let server = Server::start(BOTH_FAMILIES, BOB);
    server.write("file", "content");
    let address = *server.addresses().iter().find(|address| address.is_ipv6()).expect("an IPv6 listener");
    let mut client = Client::greeted(address);
    client.login("bob", "secret");
    Some((server, client))
}

#[test]
fn passive_ports_come_from_the_range_only() {
    let ports = free_ports(3);
    let server = Server::start(&with_ports(&ports), BOB);
    server.write("file", "content");
    let mut client = server.login();
    for _ in 0..30 {
        let address = client.pasv();
        assert!(ports.contains(&address.port()), "{address} is not in {ports:?}");
        let data = client::connect_data(address);
        client.expect("RETR file", 150);
        assert_eq!(read_all(data), b"content");
        client.read_reply().expect(226);
    }
}

#[test]
fn a_range_that_is_used_up_is_425_at_once_and_recovers() {
    let ports = free_ports(2);
    let server = Server::start(&with_ports(&ports), BOB);
    let mut first = server.login();
    let mut second = server.login();
    let mut third = server.login();
    assert_ne!(first.pasv().port(), second.pasv().port());
    third.expect("PASV", 425);
    third.expect("EPSV", 425);
    first.expect("QUIT", 221);
    first.expect_closed();
    assert!(ports.contains(&third.pasv().port()));
}

#[test]
fn a_port_of_the_range_that_another_program_uses_is_passed_over() {
    let ports = free_ports(2);
    let server = Server::start(&with_ports(&ports), BOB);
    let _other = TcpListener::bind(("127.0.0.1", ports.start));
    let mut client = server.login();
    for _ in 0..10 {
        let address = client.pasv();
        assert!(ports.contains(&address.port()));
        client.stor("file", "x");
    }
}

#[test]
fn a_session_holds_one_passive_port_at_a_time() {
    let ports = free_ports(2);
    let server = Server::start(&with_ports(&ports), BOB);
    let mut client = server.login();
    for _ in 0..20 {
        client.pasv();
    }
    server.login().pasv();
}

#[test]
fn another_address_is_refused_and_the_right_one_still_served() {
    let server = Server::plain();
    server.write("file", "for bob only");
    let mut client = server.login();
    let address = client.pasv();
    let mut thief = connect_from(OTHER_ADDRESS, address);
    client.send("RETR file");
    let line = server.wait_log("127.0.0.2");
    assert!(line.contains("127.0.0.1"), "the log names both addresses: {line}");
    let _ = thief.write_all(b"injected");
    assert_eq!(read_until_broken(thief), b"", "nothing was given away");
    let data = client::connect_data(address);
    client.read_reply().expect(150);
    assert_eq!(read_all(data), b"for bob only");
    client.read_reply().expect(226);
}

#[test]
fn another_address_cannot_send_a_file() {
    let server = Server::start(SHORT_CONNECT, BOB);
    let mut client = server.login();
    let address = client.pasv();
    let mut thief = connect_from(OTHER_ADDRESS, address);
    let _ = thief.write_all(b"injected");
    client.expect("STOR file", 425);
    assert!(!server.home().join("file").exists());
}

#[test]
fn another_address_may_come_where_foreign_addresses_are_permitted() {
    let server = Server::start("[active]\npermit_foreign_addresses = on\n", BOB);
    server.write("file", "content");
    let mut client = server.login();
    let data = connect_from(OTHER_ADDRESS, client.pasv());
    client.expect("RETR file", 150);
    assert_eq!(read_all(data), b"content");
    client.read_reply().expect(226);
    let listener = TcpListener::bind((OTHER_ADDRESS, 0)).unwrap();
    client.expect(port_command(listener.local_addr().unwrap()), 200);
    client.expect("RETR file", 150);
    assert_eq!(read_all(accept(&listener)), b"content");
    client.read_reply().expect(226);
}

#[test]
fn nobody_at_the_passive_port_is_425_as_the_answer_of_the_command() {
    let server = Server::start(SHORT_CONNECT, BOB);
    server.write("file", "content");
    let mut client = server.login();
    for command in ["RETR file", "STOR new", "LIST"] {
        client.pasv();
        client.expect(command, 425);
    }
    client.expect("NOOP", 200);
    assert!(!server.home().join("new").exists());
    assert_eq!(client.retr("file"), b"content");
}

#[test]
fn a_passive_port_nobody_uses_brings_no_reply_of_its_own() {
    let server = Server::start("[server]\ntimeout = 2\n[transfer]\nconnect_timeout = 1\n", BOB);
    let mut client = server.login();
    client.pasv();
    // The next thing to be heard is the idle timeout, a second after the port's.
    client.read_reply().expect(421);
    client.expect_closed();
}

#[test]
fn an_active_port_that_never_answers_is_425() {
    let server = Server::start(SHORT_CONNECT, BOB);
    server.write("file", "content");
    let mut client = server.login();
    // Outside of what the system gives out: nobody listens there.
    client.expect("PORT 127,0,0,1,255,253", 200);
    client.expect("RETR file", 425);
    client.expect("NOOP", 200);
}

#[test]
fn an_active_port_that_swallows_the_connection_is_425_and_the_session_is_awake_meanwhile() {
    let server = Server::start(SHORT_CONNECT, BOB);
    server.write("file", "content");
    let mut client = server.login();
    let (full, _queue) = full_listener(client.local().ip());
    client.expect(port_command(full), 200);
    client.send("RETR file");
    client.send("NOOP");
    client.read_reply().expect(200);
    client.read_reply().expect(425);
    assert_eq!(client.retr("file"), b"content");
}

/// A port whose queue is full, so that the system drops whoever comes; and what fills it.
fn full_listener(address: IpAddr) -> (SocketAddr, (Socket, Vec<Socket>)) {
    let listener = Socket::new(Domain::for_address((address, 0).into()), Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::new(address, 0).into()).unwrap();
    listener.listen(0).unwrap();
    let full = listener.local_addr().unwrap().as_socket().unwrap();
    let mut queue = Vec::new();
    loop {
        let socket = Socket::new(Domain::for_address(full), Type::STREAM, None).unwrap();
        let connected = socket.connect_timeout(&full.into(), Duration::from_millis(300)).is_ok();
        queue.push(socket);
        if !connected {
            return (full, (listener, queue));
        }
    }
}

#[test]
fn active_mode_serves_both_ways_and_lists() {
    let server = Server::plain();
    server.write("file", "content");
    let mut client = server.login();
    let listener = client.active();
    client.expect("RETR file", 150);
    assert_eq!(read_all(accept(&listener)), b"content");
    client.read_reply().expect(226);
    let listener = client.active();
    client.expect("STOR new", 150);
    accept(&listener).write_all(b"new").unwrap();
    client.read_reply().expect(226);
    assert_eq!(server.read("new"), b"new");
    let listener = client.active();
    client.expect("NLST", 150);
    assert_eq!(read_all(accept(&listener)), b"file\r\nnew\r\n");
    client.read_reply().expect(226);
}

#[test]
fn the_servers_own_control_port_is_no_data_port() {
    let server = Server::plain();
    let mut client = server.login();
    client.expect(port_command(server.address()), 501);
}

#[test]
fn privileged_ports_are_dialled_only_where_permitted() {
    let server = Server::start("[active]\npermit_privileged_ports = on\n[transfer]\nconnect_timeout = 1\n", BOB);
    let mut client = server.login();
    client.expect("PORT 127,0,0,1,3,255", 200);
    client.expect("PORT 127,0,0,1,0,0", 501);
    client.expect("PORT 127,0,0,2,3,255", 501);
}

#[test]
fn active_mode_can_be_switched_off() {
    let server = Server::start("[active]\nenable_active = off\n", BOB);
    server.write("file", "content");
    let mut client = server.login();
    for command in ["PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|51201|"] {
        let reply = client.cmd(command);
        assert!((500..600).contains(&reply.code), "{reply:?}");
    }
    assert_eq!(client.retr("file"), b"content");
}

#[test]
fn a_new_data_port_replaces_the_one_before() {
    let server = Server::plain();
    server.write("file", "content");
    let mut client = server.login();
    let old = client.passive();
    let listener = client.active();
    client.expect("RETR file", 150);
    assert_eq!(read_all(accept(&listener)), b"content");
    client.read_reply().expect(226);
    old.set_nonblocking(true).unwrap();
    assert!(!matches!((&old).read(&mut [0]), Ok(1..)), "nothing went to the old one");
    client.active();
    assert_eq!(client.retr("file"), b"content");
}

#[test]
fn an_old_connection_in_the_queue_is_not_taken_for_a_new_one() {
    let ports = free_ports(1);
    let server = Server::start(&with_ports(&ports), BOB);
    server.write("file", "content");
    let mut client = server.login();
    let stale = client.passive();
    let fresh = client.passive();
    client.expect("RETR file", 150);
    assert_eq!(read_all(fresh), b"content");
    client.read_reply().expect(226);
    assert_eq!(read_until_broken(stale), b"");
}

#[test]
fn a_connection_before_the_command_is_as_good_as_one_after() {
    let server = Server::plain();
    server.write("file", "content");
    let mut client = server.login();
    let address = client.pasv();
    client.send("RETR file");
    assert!(client.is_silent(), "no 150 before the data connection stands");
    let data = client::connect_data(address);
    client.read_reply().expect(150);
    assert_eq!(read_all(data), b"content");
    client.read_reply().expect(226);
}

#[test]
fn the_data_connection_is_closed_before_the_226() {
    let server = Server::plain();
    server.write("file", "content");
    let mut client = server.login();
    for _ in 0..20 {
        let mut data = client.passive();
        client.expect("RETR file", 150);
        client.read_reply().expect(226);
        data.set_nonblocking(true).unwrap();
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).expect("both the data and the end are there already");
        assert_eq!(bytes, b"content");
    }
}

#[test]
fn epsv_all_closes_every_other_way_for_good() {
    let server = Server::plain();
    server.write("file", "content");
    let mut client = server.login();
    client.expect("EPSV ALL", 200);
    for command in ["PASV", "PORT 127,0,0,1,200,1", "EPRT |1|127.0.0.1|51201|"] {
        client.expect(command, 503);
    }
    let address = client.epsv();
    let data = client::connect_data(address);
    client.expect("RETR file", 150);
    assert_eq!(read_all(data), b"content");
    client.read_reply().expect(226);
    client.expect("REIN", 220);
    client.login("bob", "secret");
    client.pasv();
}

#[test]
fn pasv_over_ipv6_points_to_epsv() {
    let Some((_server, mut client)) = server_over_ipv6() else { return };
    client.expect("PASV", [425, 522]);
    client.expect("PORT 127,0,0,1,200,1", [501, 522, 425]);
    client.expect("EPSV 1", 522);
    client.expect("EPRT |1|127.0.0.1|51201|", [501, 522]);
}

#[test]
fn extended_commands_serve_ipv6() {
    let Some((_server, mut client)) = server_over_ipv6() else { return };
    assert_eq!(client.retr("file"), b"content");
    client.expect("EPSV 2", 229);
    let listener = client.active();
    client.expect("RETR file", 150);
    assert_eq!(read_all(accept(&listener)), b"content");
    client.read_reply().expect(226);
}

#[test]
fn ipv4_over_a_dual_stack_listener_is_ipv4() {
    if TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).is_err() {
        eprintln!("SKIPPED: this system has no IPv6");
        return;
    }
    let server = Server::start("[server]\nip = ::\n", BOB);
    server.write("file", "content");
    let mut client = Client::greeted((Ipv4Addr::LOCALHOST, server.address().port()).into());
    client.login("bob", "secret");
    assert_eq!(client.pasv().ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(client.retr("file"), b"content");
    let listener = client.active();
    client.expect("RETR file", 150);
    assert_eq!(read_all(accept(&listener)), b"content");
    client.read_reply().expect(226);
    client.expect("EPSV 2", 522);
    server.wait_log(" 127.0.0.1:");
}

#[test]
fn the_passive_port_is_at_the_address_the_client_dialled() {
    let server = Server::start("[server]\nip = 0.0.0.0\n", BOB);
    server.write("file", "content");
    let mut client = Client::greeted((OTHER_ADDRESS, server.address().port()).into());
    client.login("bob", "secret");
    let address = client.pasv();
    assert_eq!(address.ip(), OTHER_ADDRESS);
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).is_err(), "and at no other");
    let data = connect_from(client.local().ip(), address);
    client.expect("RETR file", 150);
    assert_eq!(read_all(data), b"content");
    client.read_reply().expect(226);
}

#[test]
fn passive_ports_are_not_given_in_a_row() {
    let ports = free_ports(8);
    let server = Server::start(&with_ports(&ports), BOB);
    let mut client = server.login();
    let given: Vec<u16> = (0..64).map(|_| client.pasv().port()).collect();
    let steps: std::collections::BTreeSet<i32> =
        given.windows(2).map(|pair| i32::from(pair[1]) - i32::from(pair[0])).collect();
    assert!(steps.len() > 3, "one could guess the next: {given:?}");
}

#[test]
fn one_port_serves_both_families() {
    let Some((server, _client)) = server_over_ipv6() else { return };
    let ports: Vec<u16> = server.addresses().iter().map(|address| address.port()).collect();
    assert_eq!(ports.len(), 2);
    assert_eq!(ports[0], ports[1], "port = 0 is the same free one for all listeners");
    server.login();
}
