//! Under systemd: sockets that it hands over, and what it is told.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::{
        fd::AsRawFd as _,
        unix::{net::UnixDatagram, process::CommandExt as _},
    },
    process::Command,
};

use rustix::process::Signal;

use crate::{
    channel::leave_out,
    client::{Client, PATIENCE},
    data_connections::control_socket,
    server::{BOB, Tree, eventually},
    trace::Trace,
};

/// Binds a socket at 127.0.0.1, tells its port, and becomes the server with it, as systemd does.
const HAND_OVER: &str = "import os, socket, sys
listener = socket.socket()
listener.bind(('127.0.0.1', int(sys.argv[1])))
listener.listen(8)
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])";

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_socket_that_is_handed_over_replaces_the_servers_own() {
    let tree = Tree::new("[server]\nport = 1\n", BOB);
    let plain = tree.command();
    let mut command = Command::new("python3");
    let port = free_port();
    command.args(["-c", HAND_OVER]).arg(port.to_string()).arg(plain.get_program()).args(plain.get_args());
    command.arg0("python3").env_remove("RUST_LOG");
    leave_out!(Implicit: "its port tells which socket begins with TLS, and it has but one");
    let server = tree.start_as(command);
    assert_eq!(server.address().port(), port);
    let mut client = server.login();
    client.expect("PWD", 257);
    eventually("the keepalive timer runs", || control_socket(&server, &client)[5].starts_with("02:"));
}

#[test]
fn a_socket_at_the_implicit_port_begins_with_tls() {
    leave_out!(Explicit | Implicit: "it has settings of its own");
    let port = free_port();
    let tree = Tree::new(&format!("[server]\nport = 1\n[tls]\ntls = on\nimplicit_tls_port = {port}\n"), BOB);
    let plain = tree.command();
    let mut command = Command::new("python3");
    command.args(["-c", HAND_OVER]).arg(port.to_string()).arg(plain.get_program()).args(plain.get_args());
    let server = tree.start_as(command);
    assert_eq!(server.implicit_address().port(), port);
    Client::implicit(server.implicit_address(), &crate::channel::trusting()).read_reply().expect(220);
}

#[test]
fn a_socket_at_the_port_of_the_web_is_for_browsers() {
    leave_out!(Explicit | Implicit: "it has settings of its own");
    let port = free_port();
    let tree = Tree::new(&format!("[server]\nport = 1\n[web]\nweb_port = {port}\n"), BOB);
    let plain = tree.command();
    let mut command = Command::new("python3");
    command.args(["-c", HAND_OVER]).arg(port.to_string()).arg(plain.get_program()).args(plain.get_args());
    let server = tree.start_as(command);
    let mut browser = TcpStream::connect(("127.0.0.1", port)).unwrap();
    browser.write_all(b"HEAD / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    browser.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    assert_eq!(server.web().port(), port);
}

#[test]
fn a_socket_that_was_handed_over_outlives_the_server() {
    leave_out!(Implicit: "its port tells which socket begins with TLS, and it has but one");
    let systemds = TcpListener::bind("127.0.0.1:0").unwrap();
    let inherited = systemds.try_clone().unwrap();
    rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).unwrap();
    let tree = Tree::new("[server]\nport = 1\n", BOB);
    let plain = tree.command();
    let mut command = Command::new("sh");
    let script = format!("exec 3<&{}; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"", inherited.as_raw_fd());
    command.args(["-c", &script, "sh"]).arg(plain.get_program()).args(plain.get_args());
    let mut server = tree.start_as(command);
    server.login().expect("PWD", 257);
    // The end does not depend on a connection to itself.
    let _trace = Trace::failing(&server, &["connect:error=ENETUNREACH"]);
    server.signal(Signal::TERM);
    assert!(server.wait_exit().success());
    assert!(server.log_lines("can't accept").is_empty());
    TcpStream::connect(systemds.local_addr().unwrap()).expect("systemd still listens");
    systemds.set_nonblocking(false).unwrap();
    systemds.accept().expect("and hands on");
}

#[test]
fn it_is_told_of_start_reload_life_and_end() {
    leave_out!(Explicit | Implicit: "the same without TLS");
    let tree = Tree::new("", BOB);
    let path = tree.path("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let next = || {
        let mut bytes = [0; 512];
        let received = manager.recv(&mut bytes).expect("word from the server");
        String::from_utf8_lossy(&bytes[..received]).into_owned()
    };
    let mut command = tree.command();
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "200000").env_remove("WATCHDOG_PID");
    let mut server = tree.start_as(command);
    let mut heard = next();
    assert_eq!(heard.trim_end(), "READY=1");
    assert_eq!(next().trim_end(), "WATCHDOG=1");
    assert_eq!(next().trim_end(), "WATCHDOG=1");
    let mut until = |wanted: &str| {
        heard = next();
        while heard.trim_end() == "WATCHDOG=1" {
            heard = next();
        }
        assert!(heard.starts_with(wanted), "{heard}");
        heard.clone()
    };
    server.signal(Signal::HUP);
    assert!(until("RELOADING=1").contains("MONOTONIC_USEC="));
    until("READY=1");
    server.signal(Signal::TERM);
    until("STOPPING=1");
    server.wait_exit();
}
