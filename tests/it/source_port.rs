//! Active data connections from a certain port (`data_port`), and who may bind it.

use std::{
    fs,
    io::Write,
    net::TcpListener,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Command,
};

use crate::{
    client::{Client, port_command},
    data::{Data, Listener, read_all},
    data_connections::free_ports,
    privileges::{SOMEBODY, USER, ids, is_root, of_all_threads, privileged_port, tree},
    server::{BOB, Ended, Server, Tree, run_to_its_end},
};

const NET_BIND_SERVICE: &str = "0000000000000400";
const NONE: &str = "0000000000000000";

fn conf(port: u16) -> String {
    format!("[active]\ndata_port = {port}\n")
}

#[track_caller]
fn comes_from(data: &Data, port: u16) {
    assert_eq!(data.channel().socket().peer_addr().unwrap().port(), port);
}

/// Three uploads whose connections stand at the same time, three downloads one after the other, and a passive one.
#[track_caller]
fn active_connections_come_from(server: &Server, port: u16) {
    server.write("file", "content");
    let begin = |number: usize| {
        let mut client = server.login();
        let listener = client.active();
        client.send(format!("STOR new{number}"));
        let data = listener.accept();
        comes_from(&data, port);
        client.read_reply().expect(150);
        (client, data)
    };
    let standing: Vec<(Client, Data)> = (0..3).map(begin).collect();
    for (number, (mut client, mut data)) in standing.into_iter().enumerate() {
        data.write_all(b"content").unwrap();
        data.finish();
        drop(data);
        client.read_reply().expect(226);
        assert_eq!(server.read(format!("new{number}")), b"content");
    }
    let mut client = server.login();
    for _ in 0..3 {
        let listener = client.active();
        client.expect("RETR file", 150);
        let data = listener.accept();
        comes_from(&data, port);
        assert_eq!(read_all(data), b"content");
        client.read_reply().expect(226);
    }
    assert_eq!(client.retr("file"), b"content");
}

#[test]
fn active_connections_come_from_the_data_port_several_at_once() {
    let port = free_ports(1).start;
    active_connections_come_from(&Server::start(&conf(port), BOB), port);
}

#[test]
fn over_ipv6_too() {
    let port = free_ports(1).start;
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("SKIPPED: this system has no IPv6");
        return;
    }
    active_connections_come_from(&Server::start(&format!("[server]\nip = ::1\n{}", conf(port)), BOB), port);
}

/// A server that sends from a certain port, and a client whose transfer from there does not come to its end.
fn stalled() -> (Server, Client, Listener, Data) {
    let server = Server::start(&conf(free_ports(1).start), BOB);
    server.write("file", "content");
    let mut client = server.login();
    let listener = client.active();
    client.send("STOR new");
    let mut data = listener.accept();
    client.read_reply().expect(150);
    data.write_all(b"its beginning").unwrap();
    (server, client, listener, data)
}

#[test]
fn the_same_port_of_the_client_may_be_named_again_and_again() {
    let server = Server::start(&conf(free_ports(1).start), BOB);
    server.write("file", "content");
    let mut client = server.login();
    let listener = client.active();
    for _ in 0..5 {
        client.expect(port_command(listener.address()), 200);
        client.expect("RETR file", 150);
        assert_eq!(read_all(listener.accept()), b"content");
        client.read_reply().expect(226);
    }
}

#[test]
fn a_second_connection_to_one_port_of_the_client_waits_a_moment_for_the_first_one() {
    let (server, mut client, listener, mut data) = stalled();
    let mut other = server.login();
    other.expect(port_command(listener.address()), 200);
    other.send("RETR file");
    data.finish();
    drop(data);
    client.read_reply().expect(226);
    other.read_reply().expect(150);
    assert_eq!(read_all(listener.accept()), b"content");
    other.read_reply().expect(226);
}

#[test]
fn a_second_connection_to_one_port_of_the_client_is_425_with_the_reason_while_the_first_one_stands() {
    let (server, mut client, listener, mut data) = stalled();
    let mut other = server.login();
    other.expect(port_command(listener.address()), 200);
    let refused = other.expect("RETR file", 425).text();
    assert!(refused.contains("name another one, or use PASV or EPSV"), "{refused}");
    other.expect("NOOP", 200);
    data.finish();
    drop(data);
    client.read_reply().expect(226);
}

#[test]
fn one_thread_alone_keeps_the_right_to_bind_it_when_root_is_given_up() {
    if !is_root() {
        return;
    }
    let port = privileged_port();
    let server = tree(&format!("[server]\nuser = {USER}\n{}", conf(port)), BOB, USER).start();
    active_connections_come_from(&server, port);
    let _clients: Vec<Client> = (0..3).map(|_| server.login()).collect();
    let threads = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let with_any = threads.filter(|thread| {
        let path = thread.as_ref().unwrap().path();
        let status = fs::read_to_string(path.join("status")).unwrap();
        let has_any = status.lines().any(|line| line.starts_with("CapPrm:") && !line.ends_with(NONE));
        assert_eq!(has_any, fs::read_to_string(path.join("comm")).unwrap().trim() == "data port");
        has_any
    });
    assert_eq!(with_any.count(), 1);
    for (key, expected) in [("CapPrm:", vec![NONE, NET_BIND_SERVICE]), ("CapEff:", vec![NONE, NET_BIND_SERVICE])] {
        assert_eq!(of_all_threads(&server, key), expected, "{key}");
    }
    for key in ["CapInh:", "CapAmb:"] {
        assert_eq!(of_all_threads(&server, key), [NONE], "{key}");
    }
    let (user, _) = ids(USER);
    assert_eq!(of_all_threads(&server, "Uid:"), [format!("{user} {user} {user} {user}")]);
}

#[test]
fn sessions_with_a_system_user_get_it_too() {
    if !is_root() {
        return;
    }
    let port = privileged_port();
    let server = tree(&conf(port), &format!("{BOB}system_user = {SOMEBODY}\n"), SOMEBODY).start();
    active_connections_come_from(&server, port);
}

#[test]
fn a_data_port_that_may_not_be_bound_is_refused_at_start_and_by_check_with_the_way_out() {
    if !is_root() {
        return;
    }
    let tree = tree(&conf(privileged_port()), BOB, SOMEBODY);
    let (user, group) = ids(SOMEBODY);
    // The binary lies where only root may look: it is copied to where all may.
    let binary = tree.path("ftpd");
    fs::copy(env!("CARGO_BIN_EXE_ftpd"), &binary).unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
    // A run over TLS finds a certificate to keep.
    std::os::unix::fs::chown(tree.path(""), Some(user), Some(group)).unwrap();
    for more in [None, Some("check")] {
        let mut command = Command::new(&binary);
        command.arg("-c").arg(tree.path("ftpd.conf")).arg("-u").arg(tree.path("user.ini")).args(more);
        command.uid(user).gid(group);
        let Ended { code, output } = run_to_its_end(command);
        assert_eq!(code, Some(1), "{output}");
        for words in ["data_port: can't use port ", "AmbientCapabilities=CAP_NET_BIND_SERVICE", "setcap "] {
            assert!(output.contains(words), "{words}: {output}");
        }
    }
}

#[test]
fn a_data_port_at_which_another_program_listens_is_refused() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let tree = Tree::new(&conf(other.local_addr().unwrap().port()), BOB);
    let mut check = tree.command();
    check.arg("check");
    for Ended { code, output } in [tree.run(), run_to_its_end(check)] {
        assert_eq!(code, Some(1), "{output}");
        assert!(
            output.contains("data_port: can't use port ") && output.contains("another program listens"),
            "{output}"
        );
    }
}
