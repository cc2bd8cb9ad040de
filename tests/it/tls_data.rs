//! Data connections under PROT P: when the handshake comes, and what happens if it does not.

use std::{
    fs,
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    sync::Arc,
    thread,
};

use rustls::{ClientConfig, ClientConnection, pki_types::ServerName};

use crate::{
    channel::{trusting, trusting_over, trusting_whoever},
    client::{Client, Reply, be_patient},
    data::{Data, read_all, read_until_broken, reset},
    server::{Server, eventually},
    tls::{VERSIONS, protected, server, server_of},
};

pub const OLD: &[u8] = b"content";
pub const UPLOADS: [&str; 5] = ["STOR file", "STOR new", "APPE file", "APPE new", "STOU unique"];
pub const DOWNLOADS: [&str; 4] = ["RETR file", "LIST", "NLST", "MLSD"];

/// A TCP connection to the passive port that has not said anything yet.
#[track_caller]
pub fn bare(client: &mut Client) -> TcpStream {
    let stream = TcpStream::connect(client.pasv()).unwrap();
    be_patient(&stream);
    stream
}

/// Nothing was made or changed, not even a partial, and the session lives on.
#[track_caller]
pub fn expect_untouched(server: &Server, client: &mut Client) {
    assert_eq!(server.read("file"), OLD);
    let names: Vec<_> = fs::read_dir(server.home()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["file"]);
    client.expect("NOOP", 200);
    assert_eq!(client.retr("file"), OLD);
}

fn versions() -> impl Iterator<Item = Arc<ClientConfig>> {
    VERSIONS.into_iter().map(trusting_over)
}

// The handshake's place

#[test]
fn the_handshake_may_come_after_the_150_as_in_ftplib() {
    let server = server("");
    for config in versions() {
        let mut client = protected(&server, &config);
        let data = client.passive();
        client.expect("RETR file", 150);
        assert_eq!(read_all(data), OLD);
        client.read_reply().expect(226);
        let mut data = client.passive();
        client.expect("STOR new", 150);
        data.write_all(b"new").unwrap();
        drop(data);
        client.read_reply().expect(226);
        assert_eq!(server.read("new"), b"new");
        client.lines("MLSD");
    }
}

#[test]
fn the_handshake_may_come_before_the_command_as_in_aioftp() {
    let server = server("");
    for config in versions() {
        let mut client = protected(&server, &config);
        for command in DOWNLOADS {
            let mut data = client.passive();
            data.handshake();
            client.expect(command, 150);
            assert!(!read_all(data).is_empty());
            client.read_reply().expect(226);
        }
        for command in UPLOADS {
            let mut data = client.passive();
            data.handshake();
            client.expect(command, 150);
            data.write_all(b"new").unwrap();
            drop(data);
            client.read_reply().expect(226);
        }
        assert_eq!(server.read("file"), b"newnew");
        server.write("file", OLD);
        for name in ["new", "unique"] {
            let _ = fs::remove_file(server.home().join(name));
        }
    }
}

#[test]
fn the_server_shakes_hands_early_whatever_the_client_does_meanwhile() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    for command in ["", "NOOP", "TYPE I", "SIZE file", "REST 3", "PWD"] {
        let mut data = client.passive();
        if !command.is_empty() {
            client.cmd(command);
        }
        data.handshake();
        if !command.is_empty() {
            client.cmd(command);
        }
        client.expect("RETR file", 150);
        let got = read_all(data);
        assert_eq!(got, &OLD[if command == "REST 3" { 3 } else { 0 }..], "{command}");
        client.read_reply().expect(226);
    }
}

#[test]
fn data_sent_early_under_tls_is_not_lost() {
    let server = server("");
    let content = vec![b'x'; 10_000];
    for config in versions() {
        let mut client = protected(&server, &config);
        let mut data = client.passive();
        data.write_all(&content).unwrap();
        drop(data);
        client.expect("STOR early", 150);
        client.read_reply().expect(226);
        assert_eq!(server.read("early"), content);
    }
}

#[test]
fn a_handshake_that_began_early_may_end_late() {
    let server = server("");
    let mut client = protected(&server, &trusting_over(VERSIONS[0]));
    // The first flight of a handshake, and the rest when the 150 has come: here a thread of its own waits for the answer.
    let mut data = client.passive();
    let shaking = thread::spawn(move || {
        data.handshake();
        data
    });
    client.expect("NOOP", 200);
    client.expect("RETR file", 150);
    assert_eq!(read_all(shaking.join().unwrap()), OLD);
    client.read_reply().expect(226);
}

#[test]
fn the_client_is_the_tls_client_in_active_mode_too() {
    let server = server("");
    for config in versions() {
        let mut client = protected(&server, &config);
        let listener = client.active();
        client.expect("RETR file", 150);
        assert_eq!(read_all(listener.accept()), OLD);
        client.read_reply().expect(226);
        let listener = client.active();
        client.expect("STOR new", 150);
        listener.accept().write_all(b"new").unwrap();
        client.read_reply().expect(226);
        assert_eq!(server.read("new"), b"new");
    }
}

#[test]
fn an_early_connection_that_is_not_used_is_forgotten() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    let mut unused = client.passive();
    unused.handshake();
    assert_eq!(client.retr("file"), OLD, "a new PASV replaces it");
    let _ = unused.write_all(b"injected");
    let mut unused = client.passive();
    unused.handshake();
    client.expect("RETR missing", 550);
    client.expect("ABOR", [225, 226]);
    let mut unused = client.passive();
    unused.handshake();
    client.expect("QUIT", 221);
    client.expect_closed();
    assert_eq!(read_until_broken(unused), b"");
}

#[test]
fn an_early_connection_that_is_gone_is_522_or_425_and_costs_nothing_else() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    for command in UPLOADS {
        drop(bare(&mut client));
        client.expect("NOOP", 200);
        let reply = client.cmd(command);
        let last = if reply.code == 150 { client.read_reply() } else { reply };
        last.expect([522, 425]);
        expect_untouched(&server, &mut client);
    }
}

#[test]
fn a_clear_login_with_a_data_port_waiting_still_times_out() {
    let server = server_of("[tls]\ntls = on\n[server]\ntimeout = 1\n");
    for is_early in [false, true] {
        let mut client = protected(&server, &trusting());
        let mut data = client.passive();
        if is_early {
            data.handshake();
        }
        client.read_reply().expect(421);
        client.expect_closed();
    }
}

// No handshake

/// The reply to a transfer whose data connection does something else than TLS.
#[track_caller]
pub fn fails_with_522(conf: &str, mischief: impl Fn(TcpStream) -> Option<TcpStream>) {
    let server = server_of(conf);
    let mut client = protected(&server, &trusting());
    for command in UPLOADS.iter().chain(&DOWNLOADS) {
        let data = bare(&mut client);
        client.expect(command, 150);
        let kept = mischief(data);
        client.read_reply().expect(522);
        if let Some(kept) = kept {
            let said = read_until_broken(kept);
            assert!(
                !said.windows(OLD.len()).any(|part| part == OLD) && !said.starts_with(b"-rw"),
                "{command}: {said:?}"
            );
        }
        expect_untouched(&server, &mut client);
    }
}

const ON: &str = "[tls]\ntls = on\n";

#[test]
fn a_data_connection_that_closes_without_a_handshake_is_522() {
    fails_with_522(ON, |data| {
        drop(data);
        None
    });
}

#[test]
fn a_data_connection_that_half_closes_without_a_handshake_is_522() {
    fails_with_522(ON, |data| {
        data.shutdown(Shutdown::Write).unwrap();
        Some(data)
    });
}

#[test]
fn plain_text_on_a_protected_data_connection_is_522_and_stores_nothing() {
    fails_with_522(ON, |mut data| {
        data.write_all(b"content in clear, and enough of it for a record").unwrap();
        let _ = data.shutdown(Shutdown::Write);
        Some(data)
    });
}

#[test]
fn plain_text_that_was_there_before_the_command_is_522_too() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    for command in UPLOADS {
        let mut data = bare(&mut client);
        data.write_all(b"content in clear, and enough of it for a record").unwrap();
        drop(data);
        client.expect("NOOP", 200);
        let reply = client.cmd(command);
        let last = if reply.code == 150 { client.read_reply() } else { reply };
        last.expect(522);
        expect_untouched(&server, &mut client);
    }
}

#[test]
fn a_reset_instead_of_a_handshake_is_522_or_426_and_stores_nothing() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    for command in UPLOADS {
        let data = bare(&mut client);
        client.expect(command, 150);
        socket2::SockRef::from(&data).set_linger(Some(std::time::Duration::ZERO)).unwrap();
        drop(data);
        client.read_reply().expect([522, 426]);
        expect_untouched(&server, &mut client);
    }
}

#[test]
fn another_protocol_on_a_data_connection_is_522() {
    let server = server("");
    let mut config = trusting_whoever(rustls::ALL_VERSIONS).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    let config = Arc::new(config);
    let mut client = protected(&server, &trusting());
    for command in ["STOR new", "RETR file"] {
        let mut data = Data::over(bare(&mut client), Some(&config));
        client.expect(command, 150);
        assert!(data.try_handshake().is_err());
        client.read_reply().expect(522);
        expect_untouched(&server, &mut client);
    }
}

// Resets under way

#[test]
fn a_reset_in_mid_transfer_is_426_whatever_is_strict() {
    for strict in ["on", "off"] {
        let server = server(&format!("tls_strict_eof = {strict}\n"));
        for config in versions() {
            let mut client = protected(&server, &config);
            let data = client.stalled_upload("STOR file", b"half");
            eventually("what was sent arrived", || server.arrived("file") == b"half");
            reset(data);
            client.read_reply().expect(426);
            assert_eq!(server.read("file"), OLD);
            server.write_sparse("big", 64 << 20);
            let data = client.stalled_download("big");
            reset(data);
            client.read_reply().expect(426);
            fs::remove_file(server.home().join("big")).unwrap();
            client.expect("DELE file", 250);
            server.write("file", OLD);
        }
    }
}

#[test]
fn tampered_records_end_the_transfer_with_nothing_taken_for_whole() {
    let server = server("");
    for config in versions() {
        let mut client = protected(&server, &config);
        let data = client.stalled_upload("STOR file", b"half");
        eventually("what was sent arrived", || server.arrived("file") == b"half");
        // A record of application data that nobody sealed.
        let forged = [&[23, 3, 3, 0, 32][..], &[0x55; 32]].concat();
        (&mut data.channel().socket()).write_all(&forged).unwrap();
        data.channel().socket().shutdown(Shutdown::Write).unwrap();
        client.read_reply().expect(426);
        let mut rest = Vec::new();
        let _ = (&mut data.channel().socket()).read_to_end(&mut rest);
        assert_eq!(server.read("file"), OLD);
        client.expect("DELE file", 250);
        server.write("file", OLD);
    }
}

#[test]
fn an_abor_that_was_decrypted_together_with_much_else_is_seen() {
    let server = server("");
    for config in versions() {
        let mut client = protected(&server, &config);
        let _silent = client.passive();
        let lines = ["NOOP\r\n".repeat(80), "STOR new\r\n".to_owned(), "NOOP\r\n".repeat(80), "ABOR\r\n".to_owned()];
        client.send_raw(lines.concat());
        let mut codes: Vec<u16> = (0..163).map(|_| client.read_reply().code).collect();
        assert_eq!(codes.split_off(161), [426, 226]);
        // Some of the NOOPs are answered while the data connection is opened.
        codes.sort_unstable();
        assert_eq!(codes, [[150].as_slice(), &[200; 160]].concat());
    }
}

/// The first message of a TLS client.
fn client_hello() -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut hello = Vec::new();
    ClientConnection::new(trusting(), name).unwrap().write_tls(&mut hello).unwrap();
    hello
}

/// An upload whose client closes its side of the data connection in the handshake.
pub fn cut_in_the_handshake(client: &mut Client, command: &str) -> Reply {
    let mut data = bare(client);
    client.expect(command, 150);
    data.write_all(&client_hello()).unwrap();
    data.shutdown(Shutdown::Write).unwrap();
    client.read_reply()
}

#[test]
fn an_upload_that_ends_in_the_handshake_is_empty_where_it_takes_nothing_away() {
    let server = server("");
    server.write("empty", "");
    let mut client = protected(&server, &trusting());
    for (name, code) in [("new", 226), ("empty", 226), ("file", 522)] {
        cut_in_the_handshake(&mut client, &format!("STOR {name}")).expect(code);
    }
    server.wait_log_times("the upload's TLS stream ended in its handshake: taken as complete", 2);
    assert_eq!((server.read("new"), server.read("empty"), server.read("file")), (vec![], vec![], OLD.to_vec()));
}

#[test]
fn an_upload_that_ends_in_the_handshake_is_none_where_something_has_to_be_proven() {
    for demand in ["tls_strict_eof = on\n", "tls_session_reuse = require\n"] {
        let server = server(demand);
        let mut client = protected(&server, &trusting());
        cut_in_the_handshake(&mut client, "STOR new").expect(522);
        expect_untouched(&server, &mut client);
    }
}
