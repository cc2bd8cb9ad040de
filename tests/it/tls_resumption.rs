//! Data connections that resume the session of their control connection, and those that must and don't.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    sync::Arc,
};

use rustls::{ClientConfig, client::Resumption};

use crate::{
    channel::{trusting, trusting_over, trusting_whoever},
    client::Client,
    data::{Data, read_all},
    server::Server,
    tls::{VERSIONS, protected, server},
};

const REQUIRED: &str = "tls_session_reuse = require\n";
const CONTENT: &[u8] = b"content";
/// A TLS 1.3 client that uses each ticket once, as this one does, has at least this many.
const TICKETS: usize = 2;

/// Settings that remember no session.
fn forgetful(version: usize) -> Arc<ClientConfig> {
    let mut config = trusting_whoever(VERSIONS[version]).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// A data connection with settings of the test's choice.
#[track_caller]
fn data_with(client: &mut Client, config: &Arc<ClientConfig>) -> Data {
    Data::over(TcpStream::connect(client.pasv()).unwrap(), Some(config))
}

/// Downloads `file`; says whether the data connection resumed a session.
#[track_caller]
fn fetch(client: &mut Client) -> bool {
    let mut data = client.passive();
    client.expect("RETR file", 150);
    data.handshake();
    let resumed = data.has_resumed();
    assert_eq!(read_all(data), CONTENT);
    client.read_reply().expect(226);
    resumed
}

/// Uploads `name`; says whether the data connection resumed a session.
#[track_caller]
fn store(server: &Server, client: &mut Client, name: &str, content: &[u8]) -> bool {
    let mut data = client.passive();
    client.expect(format!("STOR {name}"), 150);
    data.handshake();
    let resumed = data.has_resumed();
    data.write_all(content).unwrap();
    drop(data);
    client.read_reply().expect(226);
    assert!(server.read(name) == content, "{name} is whole");
    resumed
}

/// Two tests of each: `name::tls12` and `name::tls13`.
macro_rules! in_each_version {
    ($($(#[doc = $doc:literal])* fn $name:ident($version:ident) $body:block)*) => {$(
        mod $name {
            use super::*;

            fn run($version: usize) $body

            #[test]
            fn tls12() {
                run(0);
            }

            #[test]
            fn tls13() {
                run(1);
            }
        }
    )*};
}

/// Tries every kind of transfer over a data connection that may not be taken, and looks for what it left.
#[track_caller]
fn expect_refused(server: &Server, client: &mut Client, intruder: &Arc<ClientConfig>, story: &str) {
    for command in ["RETR file", "STOR file", "STOR new", "APPE file", "APPE new", "STOU new", "LIST", "MLSD"] {
        let mut data = data_with(client, intruder);
        client.expect(command, 150);
        // In TLS 1.3 the client's handshake ends before the server has seen its ticket.
        if data.try_handshake().is_ok() {
            let _ = data.write_all(b"injected");
            let mut bytes = Vec::new();
            let _ = data.read_to_end(&mut bytes);
            assert_eq!(bytes, b"", "{story}, {command}: nothing is given away");
        }
        client.read_reply().expect(522);
        assert_eq!(server.read("file"), CONTENT, "{story}, {command}");
        let names: Vec<_> = fs::read_dir(server.home()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["file"], "{story}, {command}");
        client.expect("NOOP", 200);
    }
}

in_each_version! {
    fn data_connections_resume_the_session_of_their_control_connection(version) {
        let server = server("");
        let mut client = protected(&server, &trusting_over(VERSIONS[version]));
        for _ in 0..TICKETS / 2 {
            assert!(fetch(&mut client));
            assert!(store(&server, &mut client, "new", b"new"));
        }
    }

    fn where_reuse_is_required_ones_own_session_is_good(version) {
        let server = server(REQUIRED);
        let mut client = protected(&server, &trusting_over(VERSIONS[version]));
        for _ in 0..TICKETS / 2 {
            assert!(fetch(&mut client));
            assert!(store(&server, &mut client, "new", b"new"));
        }
    }

    fn where_reuse_is_required_early_handshakes_resume_too(version) {
        let server = server(REQUIRED);
        let mut client = protected(&server, &trusting_over(VERSIONS[version]));
        let mut data = client.passive();
        data.handshake();
        assert!(data.has_resumed());
        client.expect("RETR file", 150);
        assert_eq!(read_all(data), CONTENT);
        client.read_reply().expect(226);
    }

    fn where_reuse_is_required_implicit_tls_is_served_too(version) {
        let server = server("tls_session_reuse = require\nimplicit_tls_port = 0\n");
        let mut client = Client::implicit(server.implicit_address(), &trusting_over(VERSIONS[version]));
        client.read_reply().expect(220);
        client.login("bob", "secret");
        client.expect("TYPE I", 200);
        assert!(fetch(&mut client));
    }

    fn where_reuse_is_required_active_mode_is_served_too(version) {
        let server = server(REQUIRED);
        let mut client = protected(&server, &trusting_over(VERSIONS[version]));
        let listener = client.active();
        client.expect("RETR file", 150);
        assert_eq!(read_all(listener.accept()), CONTENT);
        client.read_reply().expect(226);
    }

    fn where_reuse_is_required_a_fresh_session_is_522(version) {
        let server = server(REQUIRED);
        let mut client = protected(&server, &trusting_over(VERSIONS[version]));
        expect_refused(&server, &mut client, &forgetful(version), "a fresh session");
        assert!(fetch(&mut client), "its own session is still good");
    }

    /// In TLS 1.2 a handshake on the data connection ends with a ticket: it must open no door.
    fn where_reuse_is_required_a_refused_data_connection_earns_no_ticket(version) {
        let server = server(REQUIRED);
        let mut client = protected(&server, &trusting_over(VERSIONS[version]));
        expect_refused(&server, &mut client, &trusting_over(VERSIONS[version]), "a session of data connections");
    }

    fn where_reuse_is_required_the_session_of_another_control_connection_is_522(version) {
        let server = server(REQUIRED);
        let (own, other) = (trusting_over(VERSIONS[version]), trusting_over(VERSIONS[version]));
        let mut client = protected(&server, &own);
        // The same account from the same address, with a session that is good for its own data connections.
        let mut neighbour = protected(&server, &other);
        let mut data = data_with(&mut client, &other);
        client.expect("STOR new", 150);
        if data.try_handshake().is_ok() {
            let _ = data.write_all(b"injected");
        }
        drop(data);
        client.read_reply().expect(522);
        assert!(!server.home().join("new").exists());
        expect_refused(&server, &mut client, &other, "another session");
        assert!(fetch(&mut client), "its own session is still good");
        neighbour.expect("NOOP", 200);
    }

    fn where_reuse_is_required_an_early_stranger_is_522_too(version) {
        let server = server(REQUIRED);
        let mut client = protected(&server, &trusting_over(VERSIONS[version]));
        let mut data = data_with(&mut client, &forgetful(version));
        let _ = data.try_handshake();
        let _ = data.write_all(b"injected");
        client.expect("NOOP", 200);
        let reply = client.cmd("STOR new");
        let last = if reply.code == 150 { client.read_reply() } else { reply };
        last.expect(522);
        assert!(!server.home().join("new").exists());
        assert!(fetch(&mut client));
    }

    fn a_client_that_comes_back_resumes_its_control_connection(version) {
        let server = server(REQUIRED);
        let config = trusting_over(VERSIONS[version]);
        protected(&server, &config).expect("QUIT", 221);
        let mut again = protected(&server, &config);
        assert!(again.channel().has_resumed());
        // The tickets of the session before are no use to its data connections, those of its own are.
        assert!(fetch(&mut again));
    }

    /// Unread bytes (tickets, for instance) at a client that closes make its system send a reset: the last bytes would
    /// be lost.
    fn a_client_that_uploads_and_closes_without_reading_loses_nothing(version) {
        let server = server("");
        let mut client = protected(&server, &trusting_over(VERSIONS[version]));
        for round in 0..200 {
            store(&server, &mut client, "new", &vec![round; 300_000]);
        }
        assert_eq!(server.log_lines("completed=0"), Vec::<String>::new());
    }
}

#[test]
fn a_tls_1_2_session_is_resumed_again_and_again() {
    for keys in ["", REQUIRED] {
        let server = server(keys);
        let mut client = protected(&server, &trusting_over(VERSIONS[0]));
        for round in 0..100 {
            assert!(fetch(&mut client), "round {round}");
            assert!(store(&server, &mut client, "new", &[round; 1000]), "round {round}");
        }
    }
}

#[test]
fn a_client_without_tickets_left_shakes_hands_in_full() {
    let server = server("");
    let mut client = protected(&server, &trusting_over(VERSIONS[1]));
    let resumed = (0..30).filter(|_| fetch(&mut client)).count();
    assert!((TICKETS..30).contains(&resumed), "{resumed} of 30");
    for version in 0..2 {
        let mut client = protected(&server, &forgetful(version));
        assert!(!fetch(&mut client));
        assert!(!store(&server, &mut client, "new", b"new"));
    }
}

#[test]
fn data_connections_bring_no_tickets() {
    let server = server("");
    let mut client = protected(&server, &trusting_over(VERSIONS[1]));
    let received = client.channel().ask(|tls| tls.tls13_tickets_received());
    assert!(received as usize >= TICKETS, "{received} tickets on the control connection");
    for command in ["RETR file", "MLSD"] {
        let mut data = client.passive();
        client.expect(command, 150);
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).unwrap();
        assert_eq!(data.channel().ask(|tls| tls.tls13_tickets_received()), 0, "{command}");
        client.read_reply().expect(226);
    }
}

#[test]
fn where_reuse_is_required_data_in_clear_needs_none() {
    let server = server(REQUIRED);
    let mut client = protected(&server, &trusting());
    client.expect("PROT C", 200);
    let data = TcpStream::connect(client.pasv()).unwrap();
    client.expect("RETR file", 150);
    assert_eq!(read_all(data), CONTENT);
    client.read_reply().expect(226);
}

// Hundreds of data connections in a session, by a client that uses a ticket more than once (OpenSSL)

/// ftplib with reuse: RETR and STOR by turns, each of them a resumed connection; nothing is lost.
#[track_caller]
fn many_resumed_connections(rounds: usize) {
    let server = server(REQUIRED);
    for version in ["TLSv1_2", "TLSv1_3"] {
        let script = format!(
            "
import ftplib, io, ssl
class Reusing(ftplib.FTP_TLS):
    def ntransfercmd(self, cmd, rest=None):
        conn, size = ftplib.FTP.ntransfercmd(self, cmd, rest)
        conn = self.context.wrap_socket(conn, server_hostname=self.host, session=self.sock.session)
        assert conn.session_reused, cmd
        return conn, size
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
context.minimum_version = context.maximum_version = ssl.TLSVersion.{version}
ftp = Reusing(context=context, timeout=30)
ftp.connect('127.0.0.1', {port})
ftp.login('bob', 'secret')
ftp.prot_p()
for round in range({rounds}):
    data = bytes([round % 256]) * (round * 977 % 50000)
    assert ftp.storbinary('STOR new', io.BytesIO(data)).startswith('226')
    got = io.BytesIO()
    assert ftp.retrbinary('RETR new', got.write).startswith('226')
    assert got.getvalue() == data, round
ftp.quit()
",
            port = server.address().port()
        );
        let mut command = Command::new("python3");
        command.arg("-c").arg(script).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let Ok(child) = command.spawn() else { return eprintln!("SKIPPED: python3 is not installed") };
        let output = crate::server::finish(child);
        assert!(output.status.success(), "{version}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn a_hundred_connections_of_one_session_all_resume_it() {
    many_resumed_connections(50);
}

#[test]
#[ignore = "make soak"]
fn a_thousand_connections_of_one_session_all_resume_it() {
    many_resumed_connections(500);
}
