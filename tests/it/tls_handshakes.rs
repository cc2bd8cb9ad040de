//! The handshake of the control connection: the listener that starts with TLS, what is refused and how the log says it.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
};

use rustls::ClientConfig;

use crate::{
    channel::{trusting, trusting_over, trusting_whoever},
    client::{Client, be_patient, connect_from},
    data::read_until_broken,
    server::{BOB, Server},
    tls::{VERSIONS, greeted, protected, secured, server, server_of},
};

const IMPLICIT: &str = "implicit_tls_port = 0\n";

/// A client of the listener that starts with TLS, logged in.
#[track_caller]
fn logged_in_implicitly(server: &Server, config: &Arc<ClientConfig>) -> Client {
    let mut client = Client::implicit(server.implicit_address(), config);
    client.read_reply().expect(220);
    client.login("bob", "secret");
    client.expect("TYPE I", 200);
    client
}

fn offering(protocols: &[&str]) -> Arc<ClientConfig> {
    let mut config = trusting_whoever(rustls::ALL_VERSIONS).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

/// Says `bytes` to a port and reads all that comes back.
#[track_caller]
fn answer_to(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    be_patient(&stream);
    let _ = stream.write_all(bytes);
    read_until_broken(stream)
}

/// A first flight of TLS 1.1 (RFC 4346 §7.4.1.2): one cipher suite, no extensions.
fn hello_of_tls11() -> Vec<u8> {
    let mut body = vec![3, 2];
    body.extend([7; 32]);
    body.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    let length = u8::try_from(body.len()).unwrap();
    [&[22, 3, 1, 0, length + 4, 1, 0, 0, length][..], &body].concat()
}

// Implicit TLS

#[test]
fn the_start_line_names_both_kinds_of_listeners() {
    let server = server(IMPLICIT);
    let line = server.wait_log(">>> starting FTP server on ");
    let (clear, implicit) = (server.address(), server.implicit_address());
    assert_ne!(clear, implicit);
    assert!(
        line.contains(&format!("on {clear}, implicit TLS on {implicit}, pid=")) && line.ends_with(" <<<"),
        "{line}"
    );
}

#[test]
fn implicit_tls_listens_on_every_address() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("SKIPPED: this system has no IPv6");
        return;
    }
    let server = server_of("[server]\nip = 127.0.0.1, ::1\n[tls]\ntls = on\nimplicit_tls_port = 0\n");
    let line = server.wait_log(">>> starting FTP server on ");
    let port = server.implicit_address().port();
    assert!(line.contains(&format!("implicit TLS on 127.0.0.1:{port}, [::1]:{port}, pid=")), "{line}");
    for host in ["127.0.0.1", "[::1]"] {
        let mut client = Client::implicit(format!("{host}:{port}").parse().unwrap(), &trusting());
        client.read_reply().expect(220);
        client.login("bob", "secret");
        client.protect();
        client.expect("TYPE I", 200);
        assert_eq!(client.retr("file"), b"content");
    }
}

#[test]
fn implicit_tls_greets_under_tls_and_serves() {
    let server = server(IMPLICIT);
    for versions in VERSIONS {
        let mut client = logged_in_implicitly(&server, &trusting_over(versions));
        client.expect("AUTH TLS", 503);
        client.protect();
        assert_eq!(client.retr("file"), b"content");
        client.stor("new", "x");
        client.expect("PROT C", 200);
        client.expect("REIN", 220);
        client.login("bob", "secret");
        client.expect("QUIT", 221);
        client.expect_closed();
    }
}

#[test]
fn implicit_tls_is_tls_where_tls_is_required() {
    let server = server("implicit_tls_port = 0\ntls_control_required = on\ntls_data_required = on\n");
    let mut client = logged_in_implicitly(&server, &trusting());
    client.expect("CCC", 533);
    client.protect();
    client.expect("PROT C", 534);
    assert_eq!(client.retr("file"), b"content");
}

#[test]
fn plain_ftp_at_the_tls_port_is_closed_with_a_line_in_words() {
    let server = server_of("[tls]\ntls = on\nimplicit_tls_port = 0\n[server]\nmax_cons = 1\n");
    for said in
        ["USER bob\r\n", "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n\r\n\r\n"]
    {
        let before = server.log_lines("handshake").len();
        let answer = answer_to(server.implicit_address(), said.as_bytes());
        assert!(!answer.starts_with(b"220") && !answer.starts_with(b"331"), "\"{}\"", answer.escape_ascii());
        let lines = server.wait_log_times("handshake", before + 1);
        let line = lines.last().unwrap();
        assert!(line.contains("TLS") && line.contains("127.0.0.1:"), "{line}");
    }
    let line = server.wait_log("handshake");
    assert!(line.contains("plain"), "the line says what it looks like: {line}");
    server.wait_log_times("FTP session closed", 4);
    // Their places are free again.
    logged_in_implicitly(&server, &trusting());
    server.expect_log("handshake", 4);
}

#[test]
fn a_client_that_waits_for_a_greeting_in_clear_holds_up_nobody() {
    let server = server_of("[tls]\ntls = on\nimplicit_tls_port = 0\n[server]\nlogin_timeout = 1\n");
    let silent = TcpStream::connect(server.implicit_address()).unwrap();
    be_patient(&silent);
    logged_in_implicitly(&server, &trusting());
    greeted(&server).login("bob", "secret");
    assert!(!read_until_broken(silent).starts_with(b"220"));
    server.wait_log("handshake");
}

#[test]
fn the_limits_hold_at_both_doors() {
    let server = server_of("[tls]\ntls = on\nimplicit_tls_port = 0\n[server]\nmax_cons_per_ip = 2\n");
    let _first = greeted(&server);
    let mut second = logged_in_implicitly(&server, &trusting());
    Client::clear(server.address()).read_reply().expect(421);
    let answer = answer_to(server.implicit_address(), b"");
    assert!(answer.is_empty() || answer.starts_with(b"421"), "\"{}\"", answer.escape_ascii());
    let mut other = connect_from("127.0.0.2".parse().unwrap(), server.implicit_address());
    be_patient(&other);
    other.write_all(b"no TLS\r\n").unwrap();
    second.expect("QUIT", 221);
    second.expect_closed();
    logged_in_implicitly(&server, &trusting());
}

#[test]
fn tls_at_the_port_for_plain_ftp_is_only_noise() {
    let server = server("");
    let mut config = Client::implicit(server.address(), &trusting());
    assert!(config.channel().handshake().is_err());
    greeted(&server).login("bob", "secret");
}

#[test]
fn a_taken_port_for_implicit_tls_is_1_with_a_reason() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let _holder = std::net::TcpListener::bind(taken).unwrap();
    let conf = format!("[tls]\ntls = on\nimplicit_tls_port = {}\n", taken.port());
    let ended = crate::server::Tree::new(&conf, BOB).run();
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    assert!(ended.output.contains(&taken.to_string()), "{}", ended.output);
}

// Cross-protocol attacks

#[test]
fn a_client_that_offers_only_another_protocol_is_refused() {
    let server = server(IMPLICIT);
    for protocols in [&["http/1.1"][..], &["h2", "http/1.1"], &["smtp"], &["FTP"]] {
        let mut client = greeted(&server);
        client.expect("AUTH TLS", 234);
        assert!(client.handshake(&offering(protocols)).is_err(), "{protocols:?}");
        let mut client = Client::implicit(server.implicit_address(), &offering(protocols));
        assert!(client.channel().handshake().is_err(), "{protocols:?}");
    }
    let lines = server.wait_log_times("handshake", 8);
    assert!(lines.iter().all(|line| line.contains("protocol")), "{lines:?}");
}

#[test]
fn a_client_that_offers_ftp_or_nothing_is_welcome() {
    let server = server(IMPLICIT);
    for (protocols, chosen) in [(&["ftp"][..], Some(&b"ftp"[..])), (&["http/1.1", "ftp"], Some(b"ftp")), (&[], None)] {
        let config = offering(protocols);
        let mut client = protected(&server, &config);
        assert_eq!(client.channel().ask(|tls| tls.alpn_protocol().map(<[u8]>::to_vec)).as_deref(), chosen);
        assert_eq!(client.retr("file"), b"content", "data connections offer the same: {protocols:?}");
        logged_in_implicitly(&server, &config);
    }
}

#[test]
fn an_http_request_under_tls_closes_the_connection() {
    let server = server(IMPLICIT);
    for request in ["GET / HTTP/1.1", "POST / HTTP/1.1", "PUT /file HTTP/1.0", "HEAD /", "OPTIONS *", "CONNECT x:1"] {
        let mut implicit = Client::implicit(server.implicit_address(), &trusting());
        implicit.read_reply().expect(220);
        for mut client in [secured(&server, &trusting()), implicit] {
            client.try_send_raw(format!("{request}\r\nHost: x\r\n\r\nUSER bob\r\nPASS secret\r\nMKD hacked\r\n"));
            client.read_reply().expect(500);
            client.expect_closed();
        }
    }
    assert!(!server.home().join("hacked").exists());
}

#[test]
fn three_unknown_verbs_before_login_close_the_connection_under_tls_too() {
    let server = server("");
    let mut client = secured(&server, &trusting());
    for verb in ["Host:", "Accept:", "Cookie:"] {
        client.send(format!("{verb} USER bob"));
        client.read_reply().expect(500);
    }
    client.expect_closed();
}

// Handshakes that fail

#[test]
fn a_client_that_does_not_trust_the_certificate_leaves_one_line_in_words() {
    let server = server("");
    for versions in VERSIONS {
        let before = server.log_lines("handshake").len();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
        let nobody = webpki_roots_of_nobody();
        let distrusting = Arc::new(builder.with_root_certificates(nobody).with_no_client_auth());
        let mut client = greeted(&server);
        let local = client.local();
        client.expect("AUTH TLS", 234);
        assert!(client.handshake(&distrusting).is_err());
        client.expect_closed();
        let lines = server.wait_log_times("handshake", before + 1);
        let line = lines.last().unwrap();
        assert!(line.contains(&local.to_string()) && line.contains("trust") && line.contains("certificate"), "{line}");
        server.wait_log(&format!("{local}-[] FTP session closed"));
        assert_eq!(server.log_lines("handshake").len(), before + 1, "one line for {versions:?}");
    }
    secured(&server, &trusting());
}

/// An authority that signed nothing.
fn webpki_roots_of_nobody() -> rustls::RootCertStore {
    let made = rcgen::generate_simple_self_signed(vec!["elsewhere".to_owned()]).unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    roots
}

#[test]
fn versions_before_1_2_are_refused_with_a_line_in_words() {
    let server = server(IMPLICIT);
    let answer = answer_to(server.implicit_address(), &hello_of_tls11());
    // An alert (RFC 5246 §7.2): fatal, protocol_version or handshake_failure.
    let is_alert = |answer: &[u8]| matches!(answer, [21, .., 2, 70 | 40]);
    assert!(is_alert(&answer), "{answer:?}");
    let line = server.wait_log("handshake");
    assert!(line.contains("version"), "{line}");
    let mut client = greeted(&server);
    client.expect("AUTH TLS", 234);
    client.channel().socket().write_all(&hello_of_tls11()).unwrap();
    let answer = read_until_broken(client.channel().socket());
    assert!(is_alert(&answer), "{answer:?}");
    server.wait_log_times("handshake*version", 2);
}

#[test]
fn a_handshake_that_stalls_is_bounded_by_login_timeout() {
    let server = server_of("[server]\nlogin_timeout = 1\n[tls]\ntls = on\nimplicit_tls_port = 0\n");
    for said in [&b""[..], &hello_of_tls11()[..10], b"\x16"] {
        let mut explicit = greeted(&server);
        explicit.expect("AUTH TLS", 234);
        explicit.channel().socket().write_all(said).unwrap();
        let mut implicit = TcpStream::connect(server.implicit_address()).unwrap();
        be_patient(&implicit);
        implicit.write_all(said).unwrap();
        // Meanwhile others are served at both doors.
        greeted(&server).login("bob", "secret");
        logged_in_implicitly(&server, &trusting());
        assert_eq!(read_until_broken(explicit.channel().socket()), b"", "closed without a word in clear");
        assert_eq!(read_until_broken(implicit), b"");
    }
    let lines = server.wait_log_times("handshake", 6);
    assert!(lines.iter().all(|line| line.contains("time")), "{lines:?}");
}

#[test]
fn bytes_do_not_extend_the_time_for_a_handshake() {
    let server = server_of("[server]\nlogin_timeout = 1\n[tls]\ntls = on\nimplicit_tls_port = 0\n");
    let mut stream = TcpStream::connect(server.implicit_address()).unwrap();
    stream.set_read_timeout(Some(std::time::Duration::from_millis(20))).unwrap();
    // A record of 16 KiB, and it takes its time.
    let record = [&[22, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc][..], &[0; 1000]].concat();
    for byte in record {
        if stream.write_all(&[byte]).is_err() {
            return;
        }
        if !stream.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock) {
            return;
        }
    }
    panic!("single bytes keep a stranger in");
}

#[test]
fn clients_that_leave_in_the_handshake_leave_nothing_behind() {
    let server = server_of("[tls]\ntls = on\nimplicit_tls_port = 0\n[server]\nmax_cons = 3\n");
    let hello = hello_of_tls11();
    for round in 0..20 {
        let mut stream = TcpStream::connect(server.implicit_address()).unwrap();
        let _ = stream.write_all(&hello[..round]);
        if round % 2 == 0 {
            socket2::SockRef::from(&stream).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        }
        drop(stream);
        server.wait_log_times("FTP session closed", round + 1);
    }
    logged_in_implicitly(&server, &trusting()).expect("PWD", 257);
    greeted(&server).login("bob", "secret");
}

#[test]
fn commands_of_any_cut_are_understood_under_tls() {
    let server = server("");
    let mut client = secured(&server, &trusting());
    for byte in b"USER bob\r\nPASS secret\r\nPWD\r\n" {
        client.send_raw([*byte]);
    }
    for code in [331, 230, 257] {
        client.read_reply().expect(code);
    }
    // Many commands in a record, and more than one buffer holds.
    client.send_raw("NOOP\r\n".repeat(2500));
    for _ in 0..2500 {
        client.read_reply().expect(200);
    }
    client.send_raw(format!("{}\r\nNOOP\r\n", "x".repeat(20_000)));
    client.read_reply().expect(500);
    client.read_reply().expect(200);
    assert!(client.is_silent());
}
