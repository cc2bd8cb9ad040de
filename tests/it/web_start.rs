//! The port of the web: how it is set, what the start says of it, and who else is told.

use std::{
    io::Write,
    net::{TcpListener, TcpStream},
};

use rustix::process::Signal;

use crate::{
    channel::leave_out,
    client::{eprt_command, port_command},
    data::read_all,
    server::{BOB, Server},
};

#[test]
fn the_web_is_off_unless_it_is_asked_for() {
    let server = Server::plain();
    assert!(server.web_addresses().is_empty());
    let line = server.wait_log(">>> starting FTP server on ");
    assert!(!line.contains("http") && !line.contains("web"), "{line}");
}

#[test]
fn the_start_line_names_the_url_of_each_listener_at_one_free_port() {
    let server = Server::start("[server]\nip = 127.0.0.1, 127.0.0.2\n[web]\nweb_port = 0\n", BOB);
    let port = server.web().port();
    let urls = format!(", web on http://127.0.0.1:{port}/, http://127.0.0.2:{port}/");
    let line = server.wait_log(">>> starting FTP server on ");
    assert!(line.contains(&urls), "{line}");
    for address in server.web_addresses() {
        TcpStream::connect(address).expect("it listens");
    }
}

#[test]
fn with_tls_the_start_line_names_both_schemes() {
    leave_out!(Explicit | Implicit: "it has settings of its own");
    let server = Server::start("[tls]\ntls = on\nimplicit_tls_port = 0\n[web]\nweb_port = 0\n", BOB);
    let (web, implicit) = (server.web(), server.implicit_address());
    let line = server.wait_log(">>> starting FTP server on ");
    let lists = format!(", implicit TLS on {implicit}, web on http://{web}/, https://{web}/, pid=");
    assert!(line.contains(&lists), "{line}");
}

#[test]
fn ipv6_has_the_same_port() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("SKIPPED: this system has no IPv6");
        return;
    }
    let server = Server::start("[server]\nip = 127.0.0.1, ::1\n[web]\nweb_port = 0\n", BOB);
    let port = server.web().port();
    let line = server.wait_log(">>> starting FTP server on ");
    assert!(line.contains(&format!("web on http://127.0.0.1:{port}/, http://[::1]:{port}/")), "{line}");
}

#[test]
fn active_mode_does_not_lead_to_the_web() {
    let server = Server::start("[active]\npermit_foreign_addresses = on\n[web]\nweb_port = 0\n", BOB);
    let web = server.web();
    let mut client = server.login();
    for command in [port_command(web), eprt_command(web)] {
        client.expect(&command, 501);
    }
}

#[test]
fn a_change_of_the_port_needs_a_restart_and_one_of_the_names_does_not() {
    let server = Server::start("[web]\nweb_port = 0\n", BOB);
    let status = |host: &str| {
        let mut browser = TcpStream::connect(server.web()).expect("it listens");
        write!(browser, "HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        String::from_utf8_lossy(&read_all(browser)).chars().skip("HTTP/1.1 ".len()).take(3).collect::<String>()
    };
    assert_eq!((status("127.0.0.1"), status("nas")), ("401".to_owned(), "421".to_owned()));
    server.tree().write_conf("[server]\nip = 127.0.0.1\nport = 0\n[web]\nweb_port = 8080\nweb_hosts = NAS\n");
    server.signal(Signal::HUP);
    server.wait_log("web_port has changed: this needs a restart");
    server.wait_log("read again: ");
    assert!(server.log_lines("web_hosts has changed").is_empty());
    assert_eq!((status("127.0.0.1"), status("nas")), ("401".to_owned(), "401".to_owned()));
}
