//! Small files, one after the other, for as long as you like: the last transfer costs what the first did.

use std::{fs, thread};

use crate::{
    channel::leave_out,
    client::{Client, port_command},
    data::{Listener, read_all},
    namespaces::Networks,
    server::{BOB, Server},
};

const CLIENTS: usize = 16;
const ROUNDS: usize = 10;

/// How a client gets its data connections.
#[derive(Clone, Copy)]
enum Way {
    Passive,
    Active,
}

/// A session that fetches one small file again and again.
struct Fetcher {
    client: Client,
    listener: Listener,
}

impl Fetcher {
    fn new(server: &Server) -> Fetcher {
        let client = server.login();
        let listener = client.listen();
        Fetcher { client, listener }
    }

    fn fetch(&mut self, way: Way, times: usize) {
        for _ in 0..times {
            let content = match way {
                Way::Passive => self.client.retr("small"),
                Way::Active => {
                    self.client.expect(port_command(self.listener.address()), 200);
                    self.client.expect("RETR small", 150);
                    let content = read_all(self.listener.accept());
                    self.client.read_reply().expect(226);
                    content
                }
            };
            assert_eq!(content.len(), 1024);
        }
    }
}

/// Fetches the file `transfers` times; processor time of the server in each tenth of them, in ticks.
fn ticks_of_rounds(server: &Server, way: Way, transfers: usize) -> Vec<u64> {
    server.write("small", [b'x'; 1024]);
    let mut fetchers: Vec<Fetcher> = (0..CLIENTS).map(|_| Fetcher::new(server)).collect();
    let mut round = |times: usize| {
        let before = server.processor_ticks();
        thread::scope(|scope| {
            for fetcher in &mut fetchers {
                scope.spawn(move || fetcher.fetch(way, times));
            }
        });
        server.processor_ticks() - before
    };
    round(20);
    (0..ROUNDS).map(|_| round(transfers / ROUNDS / CLIENTS)).collect()
}

#[track_caller]
fn costs_the_same_at_the_end(conf: &str, way: Way, transfers: usize) {
    leave_out!(Explicit | Implicit: "the handshakes cost more than what is measured");
    let server = Server::start(conf, BOB);
    let rounds = ticks_of_rounds(&server, way, transfers);
    let micros = |ticks: u64| ticks as f64 * 10_000.0 * ROUNDS as f64 / transfers as f64;
    let (first, last) = (micros(rounds[0]), micros(rounds[ROUNDS - 1]));
    eprintln!("{transfers} transfers: {first:.0} µs of server CPU each at first, {last:.0} at last ({rounds:?})");
    assert!(last <= first * 1.5, "{first:.0} µs a transfer grew to {last:.0} ({rounds:?})");
}

#[test]
#[ignore = "make soak"]
fn sixty_thousand_passive_transfers_without_a_range_cost_the_same_at_the_end() {
    costs_the_same_at_the_end("", Way::Passive, 60_000);
}

#[test]
#[ignore = "make soak"]
fn sixty_thousand_passive_transfers_from_a_range_cost_the_same_at_the_end() {
    costs_the_same_at_the_end("[passive]\npassive_ports = 8300-8500\n", Way::Passive, 60_000);
}

#[test]
#[ignore = "make soak"]
fn twenty_four_thousand_active_transfers_cost_the_same_at_the_end() {
    costs_the_same_at_the_end("", Way::Active, 24_000);
}

#[test]
fn active_connections_to_different_client_ports_share_the_ports_of_the_server() {
    let Some(networks) = Networks::new(&["server", "client"]) else { return };
    networks.connect(("server", "10.0.0.1/24"), ("client", "10.0.0.2/24"));
    let server = networks.serve("server", "[server]\nip = 10.0.0.1\nport = 2121\n");
    // The server's system has two ports to give out, whatever it is asked for.
    networks.visit("server", || fs::write("/proc/sys/net/ipv4/ip_local_port_range", "40000 40001").unwrap());
    networks.visit("client", || {
        let mut sessions: Vec<Client> = (0..5).map(|_| server.login()).collect();
        let waiting: Vec<Listener> = sessions.iter_mut().map(Client::active).collect();
        sessions.iter_mut().for_each(|client| client.send("RETR file"));
        for (client, listener) in sessions.iter_mut().zip(&waiting) {
            client.read_reply().expect(150);
            assert_eq!(read_all(listener.accept()), b"content");
            client.read_reply().expect(226);
        }
    });
}
