//! `ftpd check --network`: which step between a client and the running server fails, and what helps.

use std::{io::Write, net::TcpListener, ops::Range, process::Command, thread};

use crate::{
    data_connections::free_ports,
    namespaces::Networks,
    server::{BOB, Ended, Server, Tree, bare_command, run_to_its_end},
};

/// bob, with a password that the check can't read.
const HASHED: &str = "[bob]\npassword = $argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4\n\
                      perm = elr\nhome = home\n";

fn with_ports(ports: &Range<u16>) -> String {
    format!("[passive]\npassive_ports = {}-{}\n", ports.start, ports.end - 1)
}

fn check(tree: &Tree, port: u16) -> Command {
    let mut command = bare_command();
    command.args(["check", "--network", "--set", &format!("server.port={port}")]);
    command.arg("-c").arg(tree.path("ftpd.conf")).arg("-u").arg(tree.path("user.ini"));
    command
}

#[track_caller]
fn checked(server: &Server) -> Ended {
    run_to_its_end(check(server.tree(), server.address().port()))
}

/// Asserts that the output contains each of these parts, and the exit code.
#[track_caller]
fn expect(ended: &Ended, code: i32, parts: &[&str]) {
    assert_eq!(ended.code, Some(code), "{}", ended.output);
    for part in parts {
        assert!(ended.output.contains(part), "{part:?} is missing in:\n{}", ended.output);
    }
}

#[test]
fn a_running_server_is_tried_port_by_port() {
    let ports = free_ports(6);
    let server = Server::start(&with_ports(&ports), BOB);
    let ended = checked(&server);
    let found = format!("{}: ftpd answers; passive ports in order: 6 of 6, asked for as bob\n", server.address());
    expect(&ended, 0, &[&found, "\nok: 1 account, "]);
    server.wait_log("USER 'bob' logged in.");
}

#[test]
fn anonymous_comes_first_and_any_port_is_a_note() {
    let server = Server::start("[anonymous]\nenable_anonymous = on\nanonymous_path = home\n", BOB);
    let ended = checked(&server);
    expect(&ended, 0, &["passive ports in order: 3, asked for as anonymous\n", "note: passive_ports is not set"]);
}

#[test]
fn without_a_password_to_use_each_port_is_dialled() {
    let ports = free_ports(4);
    let theirs = TcpListener::bind(("127.0.0.1", ports.start + 1)).unwrap();
    let server = Server::start(&with_ports(&ports), HASHED);
    let ended = checked(&server);
    let holds = format!(" holds {} of passive_ports, and the server goes without", ports.start + 1);
    expect(&ended, 0, &["3 of 4, dialled without a login (no account with a plain password may log in", &holds]);
    expect(&ended, 0, &[&format!("(pid {})", std::process::id())]);
    drop(theirs);
}

#[test]
fn if_a_login_fails_or_needs_tls_each_port_is_dialled() {
    let server = Server::start(&format!("[server]\nauth_failed_delay = 0\n{}", with_ports(&free_ports(2))), BOB);
    let mut secured = check(server.tree(), server.address().port());
    secured.args(["--set", "tls.tls=on", "--set", "tls.tls_control_required=on"]);
    expect(&run_to_its_end(secured), 0, &["2 of 2, dialled without a login (tls_control_required = on)"]);
    let other = Tree::new(&with_ports(&free_ports(1)), &BOB.replace("secret", "another"));
    let ended = run_to_its_end(check(&other, server.address().port()));
    expect(&ended, 0, &["1 of 1, dialled without a login (bob can't log in: '530 "]);
}

#[test]
fn no_server_is_told_with_address_and_remedy() {
    let port = free_ports(1).start;
    let tree = Tree::new("", BOB);
    let ended = run_to_its_end(check(&tree, port));
    let told = format!("no ftpd answers on 127.0.0.1:{port}: start it, or look at ip and port in ftpd.conf\n");
    expect(&ended, 1, &[&told]);
    assert!(!ended.output.contains("ok: "), "{}", ended.output);
    expect(&run_to_its_end(check(&tree, 0)), 1, &["port = 0 is another port at each start"]);
}

/// A program that is no ftpd: the port at which it greets every client.
fn stranger(greeting: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || listener.incoming().map_while(Result::ok).all(|mut peer| peer.write_all(greeting).is_ok()));
    port
}

#[test]
fn another_program_on_the_control_port_is_named() {
    let port = stranger(b"SSH-2.0-OpenSSH_9.2\r\n");
    let ended = run_to_its_end(check(&Tree::new("", BOB), port));
    let told = format!("(pid {}), which does not greet as ftpd does (no greeting, invalid data)", std::process::id());
    expect(&ended, 1, &[&format!("127.0.0.1:{port} is held by "), &told]);
}

#[test]
fn another_ftp_server_is_told_from_one_with_older_settings() {
    let ended = run_to_its_end(check(&Tree::new("", BOB), stranger(b"220 (vsFTPd 3.0.3)\r\n")));
    expect(&ended, 1, &["does not greet as ftpd does ('220 (vsFTPd 3.0.3)')"]);
    let server = Server::plain();
    server.tree().write_conf("[server]\nwelcome_msg = Something new\n");
    expect(&checked(&server), 0, &["greets with '220 ftpd ready.', which is not welcome_msg"]);
}

#[test]
fn a_server_that_turns_this_machine_away_is_told() {
    let server = Server::start("[server]\nmax_cons_per_ip = 1\n", BOB);
    let _only = server.client();
    expect(&checked(&server), 1, &["answers, and turns this machine away: '421 "]);
}

#[test]
fn another_program_on_passive_ports_is_named() {
    let ports = free_ports(3);
    let theirs: Vec<_> = ports.clone().skip(1).map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap()).collect();
    let server = Server::start(&with_ports(&ports), BOB);
    let holds = format!(
        "(pid {}) holds {}-{} of passive_ports, and the server goes without",
        std::process::id(),
        ports.start + 1,
        ports.start + 2
    );
    expect(&checked(&server), 0, &["1 of 3, asked for as bob", "note: 127.0.0.1: ", &holds]);
    drop(theirs);
}

#[test]
fn a_range_that_is_held_wholly_is_wrong() {
    let ports = free_ports(2);
    // It would not start without a port of the range, and takes them when they are asked for.
    let server = Server::start(&with_ports(&ports), BOB);
    let theirs: Vec<_> = ports.clone().map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap()).collect();
    expect(&checked(&server), 1, &["the server answers PASV with '425 ", " of passive_ports, and none is left"]);
    drop(theirs);
}

#[test]
fn new_passive_ports_need_a_restart() {
    let server = Server::start(&with_ports(&free_ports(2)), BOB);
    server.tree().write_conf(&with_ports(&free_ports(2)));
    expect(&checked(&server), 1, &["which is not in passive_ports: restart it"]);
}

#[test]
fn an_implicit_port_is_dialled_too() {
    let server = Server::plain();
    let implicit = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = implicit.local_addr().unwrap();
    let run = || {
        let mut command = check(server.tree(), server.address().port());
        command.args(["--set", "tls.tls=on", "--set", &format!("tls.implicit_tls_port={}", address.port())]);
        run_to_its_end(command)
    };
    expect(&run(), 0, &[&format!("{address} answers\n")]);
    drop(implicit);
    expect(&run(), 1, &[&format!("no ftpd answers on {address}: ")]);
}

#[test]
fn who_answers_at_the_port_of_the_web_is_told() {
    let server = Server::plain();
    let run = |port: u16| {
        let mut command = check(server.tree(), server.address().port());
        command.args(["--set", &format!("web.web_port={port}")]);
        run_to_its_end(command)
    };
    let closed = free_ports(1).start;
    let told =
        format!("no connection to 127.0.0.1:{closed} (web_port): the running server has none there yet; restart it");
    expect(&run(closed), 1, &["ftpd answers; passive ports in order", &told]);
    let other = stranger(b"220 ready\r\n");
    let told = format!("127.0.0.1:{other} (web_port) is held by ");
    let why = format!("(pid {}), which does not answer as ftpd does ('220 ready'): stop it", std::process::id());
    expect(&run(other), 1, &[&told, &why]);
}

#[test]
fn the_masquerade_address_and_load_balancers_are_as_the_settings_say() {
    let ports = free_ports(2);
    let masquerade = "masquerade_address = 192.0.2.1\nmasquerade_for = all\n";
    let balanced = "[server]\nproxy_protocol_from = 127.0.0.0/8\n";
    let server = Server::start(&format!("{balanced}{}{masquerade}", with_ports(&ports)), BOB);
    expect(&checked(&server), 0, &["2 of 2, asked for as bob"]);
    server.tree().write_conf(&format!("{balanced}{}", with_ports(&ports)));
    expect(&checked(&server), 1, &["clients that dial 127.0.0.1 are sent to 192.0.2.1, which is another address"]);
}

/// A server at 10.0.0.5:2121 in a network of its own, where nft has these rules.
fn behind_firewall(rules: &str) -> Option<(Networks, Server)> {
    behind_firewall_with(rules, "")
}

/// The same with more settings.
fn behind_firewall_with(rules: &str, settings: &str) -> Option<(Networks, Server)> {
    let networks = Networks::new(&["host"])?;
    networks.run("host", "ip addr add 10.0.0.5/24 dev lo");
    if !networks.rules("host", rules) {
        return None;
    }
    let conf = format!("[server]\nip = 10.0.0.5\nport = 2121\n[passive]\npassive_ports = 8300-8303\n{settings}");
    let server = networks.serve("host", &conf);
    Some((networks, server))
}

/// A command, run where the server is.
fn inside(networks: &Networks, command: &Command) -> Ended {
    let mut inside = networks.inside("host");
    inside.arg(command.get_program()).args(command.get_args());
    run_to_its_end(inside)
}

#[test]
fn a_firewall_that_drops_passive_ports_is_named_and_the_given_command_opens_it() {
    let rules = "add table inet filter; \
        add chain inet filter input { type filter hook input priority 0; policy drop; }; \
        add rule inet filter input ct state established,related accept; \
        add rule inet filter input iif lo accept; \
        add rule inet filter input tcp dport { 22, 2121 } accept";
    let Some((networks, server)) = behind_firewall(rules) else { return };
    let check = check(server.tree(), 2121);
    let closed = inside(&networks, &check);
    // The machine itself comes in by lo, whatever the rules say about others.
    expect(&closed, 1, &["10.0.0.5:2121: ftpd answers; passive ports in order: 4 of 4"]);
    let told = "nft: chain inet filter input drops TCP 8300-8303: ";
    let command = closed.output.lines().find_map(|line| line.strip_prefix(told)).expect(&closed.output);
    let opened = inside(&networks, Command::new("sh").args(["-c", command]));
    assert_eq!(opened.code, Some(0), "{command}: {}", opened.output);
    expect(&inside(&networks, &check), 0, &["4 of 4", "\nok: "]);
}

#[test]
fn a_port_whose_packets_are_dropped_is_told_by_dialling_it() {
    let rules = "add table ip own; add chain ip own in { type filter hook input priority 0; }; \
        add rule ip own in tcp dport 8302 drop";
    let Some((networks, server)) = behind_firewall(rules) else { return };
    let ended = inside(&networks, &check(server.tree(), 2121));
    let dialled =
        "10.0.0.5: no connection to 8302 of passive_ports, timed out: let them through this machine's firewall";
    let rule = "nft: chain ip own in drops TCP 8302: nft 'insert rule ip own in tcp dport 8302 accept'";
    expect(&ended, 1, &["passive ports in order: 3 of 4, asked for as bob", dialled, rule]);
}

#[test]
fn a_firewall_that_drops_the_port_of_the_web_is_told_with_the_key() {
    let rules = "add table ip own; add chain ip own in { type filter hook input priority 0; }; \
        add rule ip own in tcp dport 8080 drop";
    let Some((networks, server)) = behind_firewall_with(rules, "[web]\nweb_port = 8080\n") else { return };
    let ended = inside(&networks, &check(server.tree(), 2121));
    let dialled = "no connection to 10.0.0.5:8080 (web_port), timed out: let it through this machine's firewall";
    let rule =
        "nft: chain ip own in drops TCP 8080 (8080 is web_port): nft 'insert rule ip own in tcp dport 8080 accept'";
    expect(&ended, 1, &[dialled, rule]);
}
