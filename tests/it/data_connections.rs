//! How data connections come to be: passive, active, extended, refused.

use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream},
    ops::Range,
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use socket2::{Domain, Socket, Type};

use crate::{
    client::{Client, connect_from, port_command},
    data::{read_all, read_until_broken},
    server::{BOB, Server, eventually},
    trace::Trace,
};

const OTHER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
const SHORT_CONNECT: &str = "[transfer]\nconnect_timeout = 1\n";
const BOTH_FAMILIES: &str = "[server]\nip = 127.0.0.1, ::1\n";

/// Up to ten ports in a row that nobody uses, below the range the system gives out by itself; each call, in whatever
/// process, begins to look at a place of its own.
pub fn free_ports(count: u16) -> Range<u16> {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let slot = std::process::id().wrapping_mul(4) + CALLS.fetch_add(1, Ordering::Relaxed);
    let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let mut places = (slot..slot + 1500).map(|slot| 17_000 + u16::try_from(slot % 1500).unwrap() * 10);
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
    let address = *server.doors().iter().find(|address| address.is_ipv6()).expect("an IPv6 listener");
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
        let data = client.connect_data(address);
        client.expect("RETR file", 150);
        assert_eq!(read_all(data), b"content");
        client.read_reply().expect(226);
    }
}

#[test]
fn an_address_that_waits_at_every_port_gets_425_with_the_reason_and_recovers() {
    let ports = free_ports(2);
    let server = Server::start(&with_ports(&ports), BOB);
    let mut first = server.login();
    let mut second = server.login();
    let mut third = server.login();
    assert_ne!(first.pasv().port(), second.pasv().port());
    let reply = third.expect("PASV", 425);
    assert!(reply.text().contains("All 2 passive ports wait for connections from 127.0.0.1"), "{reply:?}");
    third.expect("EPSV", 425);
    server.wait_log("127.0.0.1:*-[bob] PASV 425 'All 2 passive ports wait*passive_ports = ");
    first.expect("QUIT", 221);
    first.expect_closed();
    assert!(ports.contains(&third.pasv().port()));
}

/// A client at 127.0.`high`.`low`, logged in.
fn client_at(server: &Server, number: u16) -> Client {
    let [high, low] = number.to_be_bytes();
    let source = IpAddr::V4(Ipv4Addr::new(127, 0, high, low));
    let mut client = Client::connect_from(source, server.door());
    client.read_reply().expect(220);
    client.login("bob", "secret");
    client.expect("TYPE I", 200);
    client
}

/// Clients at as many addresses wait at the ports of the range at the same time; each gets its own file.
#[track_caller]
fn clients_share_ports(ports: &Range<u16>, clients: u16, conf: &str) -> Server {
    let server = Server::start(&format!("{}{conf}", with_ports(ports)).replace("= 1\n", "= 30\n"), BOB);
    let barrier = std::sync::Barrier::new(usize::from(clients));
    std::thread::scope(|scope| {
        for number in 1..=clients {
            let (server, barrier) = (&server, &barrier);
            scope.spawn(move || {
                let content = format!("of {number}").repeat(50_000);
                server.write(format!("file{number}"), &content);
                let mut client = client_at(server, number);
                let address = client.pasv();
                assert!(ports.contains(&address.port()), "{address}");
                barrier.wait();
                // Every way at once: some connect first, some ask first, some upload.
                let command = if number % 4 < 2 { format!("RETR file{number}") } else { format!("STOR new{number}") };
                let early = (number % 2 == 0).then(|| client.connect_data(address));
                client.send(&command);
                let mut data = early.unwrap_or_else(|| client.connect_data(address));
                client.read_reply().expect(150);
                if command.starts_with("RETR") {
                    assert!(read_all(data) == content.as_bytes());
                } else {
                    data.write_all(content.as_bytes()).unwrap();
                    drop(data);
                }
                client.read_reply().expect(226);
                assert!(command.starts_with("RETR") || server.read(format!("new{number}")) == content.as_bytes());
            });
        }
    });
    server
}

const CROWD: &str = "[server]\nmax_cons = 600\n";

#[test]
fn two_hundred_clients_at_as_many_addresses_share_two_ports() {
    clients_share_ports(&free_ports(2), 200, CROWD);
}

#[test]
fn a_single_port_serves_clients_at_different_addresses_and_descriptors_stay_few() {
    let server = clients_share_ports(&free_ports(1), 40, CROWD);
    // Standard streams, logs, listeners, the home, one passive port: nothing of the sessions is left.
    eventually("all descriptors are closed", || server.descriptors() < 20);
}

/// What the kernel says about the server's end of a control connection, word by word: addresses, state, queues, timer.
/// The row of the kernel's table about the server's end of a control connection.
pub fn control_socket(server: &Server, client: &Client) -> Vec<String> {
    let (own, other) = (format!(":{:04X}", server.door().port()), format!(":{:04X}", client.local().port()));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let mut rows = table.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    rows.find(|row| row[1].ends_with(&own) && row[2].ends_with(&other)).expect("the server's end")
}

#[test]
fn a_client_that_does_not_read_its_replies_keeps_no_other_from_a_shared_port() {
    let ports = free_ports(1);
    let server = Server::start(&with_ports(&ports).replace("= 1\n", "= 30\n"), BOB);
    server.write("file", "content");
    let mut deaf = client_at(&server, 1);
    let mut sender = deaf.sender();
    deaf.pasv();
    // It leads at the port, and its session is blocked by an answer that its client does not take.
    deaf.send("RETR file");
    let flood = std::thread::spawn(move || sender("STAT\r\n".repeat(400_000).as_bytes()));
    let mut last = String::new();
    eventually("its session is blocked", || {
        let unsent = control_socket(&server, &deaf)[4].split(':').next().unwrap().to_owned();
        std::mem::replace(&mut last, unsent.clone()) == unsent && unsent != "00000000"
    });
    let mut other = client_at(&server, 2);
    for _ in 0..5 {
        let address = other.pasv();
        other.send("RETR file");
        let data = other.connect_data(address);
        other.read_reply().expect(150);
        assert_eq!(read_all(data), b"content");
        other.read_reply().expect(226);
    }
    deaf.shut_down();
    flood.join().unwrap();
}

#[test]
fn a_connection_that_came_for_a_session_that_left_is_closed() {
    let ports = free_ports(1);
    let server = Server::start(&with_ports(&ports).replace("= 1\n", "= 30\n"), BOB);
    server.write("file", "content");
    let mut waiting = client_at(&server, 1);
    let mut leaving = client_at(&server, 2);
    let address = waiting.pasv();
    assert_eq!(leaving.pasv(), address);
    waiting.send("RETR file");
    let mut stranger = connect_from(OTHER_ADDRESS, address);
    // Handed over to the session that has only said PASV, and never fetched.
    stranger.set_nonblocking(true).unwrap();
    assert!(stranger.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock));
    stranger.set_nonblocking(false).unwrap();
    leaving.expect("ABOR", [225, 226]);
    assert_eq!(read_until_broken(stranger), b"");
    let data = waiting.connect_data(address);
    waiting.read_reply().expect(150);
    assert_eq!(read_all(data), b"content");
    waiting.read_reply().expect(226);
}

/// One client, one transfer after the other.
#[track_caller]
fn transfers_in_a_row(ports: &Range<u16>, count: usize) {
    let server = Server::start(&with_ports(ports), BOB);
    server.write("file", "content");
    let mut client = server.login();
    for _ in 0..count {
        assert_eq!(client.retr("file"), b"content");
    }
    assert!(server.log_lines("refused").is_empty());
}

#[test]
fn a_thousand_transfers_in_a_row_on_a_few_ports_never_see_425() {
    transfers_in_a_row(&free_ports(8), 1000);
}

#[test]
#[ignore = "make soak"]
fn twenty_thousand_transfers_in_a_row_on_ten_ports_never_see_425() {
    transfers_in_a_row(&free_ports(10), 20_000);
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
    let data = client.connect_data(address);
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
    let address = client.pasv();
    let data = client.data_over(connect_from(OTHER_ADDRESS, address));
    client.expect("RETR file", 150);
    assert_eq!(read_all(data), b"content");
    client.read_reply().expect(226);
    let listener = client.listen_at(OTHER_ADDRESS);
    client.expect(port_command(listener.address()), 200);
    server.wait_log("data connection to the foreign address 127.0.0.2:* asked for");
    client.expect("RETR file", 150);
    assert_eq!(read_all(listener.accept()), b"content");
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
fn a_connection_that_did_not_come_has_its_sentence_in_reply_and_log() {
    let ports = free_ports(2);
    let range = format!("open or publish ports {}-{} for TCP", ports.start, ports.end - 1);
    let server = Server::start(&with_ports(&ports), BOB);
    server.write("file", "content");
    let mut client = server.login();
    for (invitation, commands, other_way) in
        [("PASV", ["LIST", "RETR file", "STOR new"], ", or use EPSV"), ("EPSV", ["MLSD", "APPE new", "STOU"], "")]
    {
        for command in commands {
            let port = match invitation {
                "PASV" => client.pasv().port(),
                _ => client.epsv().port(),
            };
            let reply = client.expect(command, 425).text();
            assert_eq!(reply, format!("425 No connection reached port {port} within 1 s: {range}{other_way}."));
        }
    }
    let lines = server.wait_log_times("[W *127.0.0.1:*-[bob] no connection reached port", 6);
    assert!(lines.iter().all(|line| line.contains(&range)), "{lines:?}");
    assert!(!server.home().join("new").exists());
}

#[test]
fn a_client_that_refuses_the_connection_it_asked_for_reads_so() {
    let server = Server::plain();
    let mut client = server.login();
    let listener = client.active();
    let address = listener.address();
    drop(listener);
    let reply = client.expect("LIST", 425).text();
    assert_eq!(reply, format!("425 {address} refuses connections: use PASV or EPSV."));
    server.wait_log(&format!("[W *-[bob] {address} refuses connections: use PASV or EPSV (*"));
}

#[test]
fn the_control_connection_is_kept_alive_in_a_transfer() {
    let server = Server::plain();
    server.write_sparse("big", 64 << 20);
    let mut client = server.login();
    let _data = client.stalled_download("big");
    // A running timer of the kind 02 is that of the keepalive; as long as replies are not acknowledged, another one runs.
    eventually("the keepalive timer runs", || control_socket(&server, &client)[5].starts_with("02:"));
}

#[test]
fn the_idle_timer_stands_still_in_a_transfer() {
    let server = Server::start("[server]\ntimeout = 1\n", BOB);
    server.write_sparse("big", 64 << 20);
    let mut client = server.login();
    let data = client.stalled_download("big");
    // Another session that began later is thrown out meanwhile.
    let mut idle = server.login();
    idle.read_reply().expect(421);
    assert!(client.is_silent());
    assert_eq!(read_all(data).len(), 64 << 20);
    client.read_reply().expect(226);
    client.expect("NOOP", 200);
    client.read_reply().expect(421);
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

/// A port whose queue is full, so that the system drops new connections; and what fills it.
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
    assert_eq!(read_all(listener.accept()), b"content");
    client.read_reply().expect(226);
    let listener = client.active();
    client.expect("STOR new", 150);
    listener.accept().write_all(b"new").unwrap();
    client.read_reply().expect(226);
    assert_eq!(server.read("new"), b"new");
    let listener = client.active();
    client.expect("NLST", 150);
    assert_eq!(read_all(listener.accept()), b"file\r\nnew\r\n");
    client.read_reply().expect(226);
}

#[test]
fn the_servers_own_control_port_is_no_data_port() {
    let server = Server::plain();
    let mut client = server.login();
    for address in [server.address(), server.door()] {
        client.expect(port_command(address), 501);
    }
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
    assert_eq!(read_all(listener.accept()), b"content");
    client.read_reply().expect(226);
    old.set_nonblocking(true);
    assert!(!matches!(old.channel().socket().read(&mut [0]), Ok(1..)), "nothing went to the old one");
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
    let data = client.connect_data(address);
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
        data.handshake();
        client.read_reply().expect(226);
        data.set_nonblocking(true);
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
    let data = client.connect_data(address);
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
    assert_eq!(read_all(listener.accept()), b"content");
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
    let mut client = Client::greeted((Ipv4Addr::LOCALHOST, server.door().port()).into());
    client.login("bob", "secret");
    assert_eq!(client.pasv().ip(), Ipv4Addr::LOCALHOST);
    assert_eq!(client.retr("file"), b"content");
    let listener = client.active();
    client.expect("RETR file", 150);
    assert_eq!(read_all(listener.accept()), b"content");
    client.read_reply().expect(226);
    client.expect("EPSV 2", 522);
    server.wait_log(" 127.0.0.1:");
}

#[test]
fn the_passive_port_is_at_the_address_the_client_dialled() {
    let server = Server::start("[server]\nip = 0.0.0.0\n", BOB);
    server.write("file", "content");
    let mut client = Client::greeted((OTHER_ADDRESS, server.door().port()).into());
    client.login("bob", "secret");
    let address = client.pasv();
    assert_eq!(address.ip(), OTHER_ADDRESS);
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, address.port())).is_err(), "and at no other");
    let data = client.data_over(connect_from(client.local().ip(), address));
    client.expect("RETR file", 150);
    assert_eq!(read_all(data), b"content");
    client.read_reply().expect(226);
}

#[test]
fn passive_ports_are_not_given_in_a_row() {
    let ports = free_ports(8);
    for conf in [&with_ports(&ports), ""] {
        let server = Server::start(conf, BOB);
        let mut client = server.login();
        // Listeners at any port are chosen among once there are enough of them.
        let given: Vec<u16> = (0..96).map(|_| client.pasv().port()).skip(32).collect();
        let known: BTreeSet<u16> = given.iter().copied().collect();
        // After one and the same port come others: there is no round.
        let next = |port: u16| given.windows(2).filter(move |pair| pair[0] == port).map(|pair| pair[1]);
        let most = known.iter().map(|&port| next(port).collect::<BTreeSet<u16>>().len()).max();
        assert!(most > Some(1), "one could guess the next: {given:?}");
    }
}

#[test]
fn one_port_serves_both_families() {
    let Some((server, _client)) = server_over_ipv6() else { return };
    let ports: Vec<u16> = server.doors().iter().map(|address| address.port()).collect();
    assert_eq!(ports.len(), 2);
    assert_eq!(ports[0], ports[1], "port = 0 is the same free one for all listeners");
    server.login();
}

#[test]
fn a_port_that_another_program_takes_between_bind_and_listen_is_left_out() {
    let server = Server::start(&with_ports(&free_ports(2)), BOB);
    server.write("file", "content");
    let mut client = server.login();
    let Some(_trace) = Trace::failing(&server, &["listen:error=EADDRINUSE:when=1"]) else { return };
    assert_eq!(client.retr("file"), b"content");
    assert_eq!(client.retr("file"), b"content");
}
