//! How connections under TLS end: close_notify sent and answered, and what is a whole upload without one.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::Shutdown,
    sync::Arc,
};

use rustls::ClientConfig;

use crate::{
    channel::{trusting, trusting_over},
    client::Client,
    data::{Data, read_all},
    server::{BOB, Server, eventually},
    tls::{VERSIONS, greeted, protected, secured, server, server_of},
};

const OLD: &[u8] = b"content";

fn versions() -> impl Iterator<Item = Arc<ClientConfig>> {
    VERSIONS.into_iter().map(trusting_over)
}

/// Fails unless the other side ended with close_notify, and nothing came before it.
#[track_caller]
fn expect_close_notify(mut connection: impl Read) {
    match connection.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => panic!("it ended without close_notify"),
        other => panic!("no end: {other:?}"),
    }
}

/// An upload of which `start` has been sent and stored.
#[track_caller]
fn begun(server: &Server, client: &mut Client, command: &str, start: &[u8]) -> Data {
    let data = client.stalled_upload(command, start);
    let name = command.split_once(' ').unwrap().1;
    eventually("what was sent arrived", || server.arrived(name).ends_with(start));
    data
}

// close_notify

#[test]
fn every_download_ends_with_close_notify() {
    let server = server("");
    server.write("empty", "");
    server.write("large", vec![7; 3_000_001]);
    fs::create_dir(server.home().join("nothing")).unwrap();
    for config in versions() {
        let mut client = protected(&server, &config);
        for command in ["RETR file", "RETR empty", "RETR large", "LIST", "NLST", "MLSD", "LIST nothing", "NLST nothing"]
        {
            // `read_all` fails if the stream ends without it.
            client.download(command);
        }
        client.expect("TYPE A", 200);
        assert_eq!(client.retr("large").len(), 3_000_001);
    }
}

#[test]
fn a_download_that_is_aborted_does_not_end_like_a_whole_one() {
    let server = server("");
    server.write_sparse("big", 64 << 20);
    for config in versions() {
        let mut client = protected(&server, &config);
        let mut data = client.stalled_download("big");
        client.send("ABOR");
        client.read_reply().expect(426);
        client.read_reply().expect(226);
        let mut bytes = Vec::new();
        let end = data.read_to_end(&mut bytes);
        assert!(end.is_err() && bytes.len() < 64 << 20, "{end:?} after {} bytes", bytes.len());
    }
}

#[test]
fn the_clients_close_notify_is_answered_after_an_upload() {
    for conf in ["[tls]\ntls = on\n", "[tls]\ntls = on\n[transfer]\natomic_uploads = off\n"] {
        let server = server_of(conf);
        for config in versions() {
            let mut client = protected(&server, &config);
            for command in ["STOR file", "STOR new", "APPE file", "STOU unique"] {
                let mut data = client.stalled_upload(command, b"content");
                data.finish();
                expect_close_notify(&mut data);
                client.read_reply().expect(226);
                for name in ["new", "unique"] {
                    let _ = fs::remove_file(server.home().join(name));
                }
            }
        }
    }
}

#[test]
fn a_close_notify_alone_ends_an_upload() {
    let server = server("tls_strict_eof = on\n");
    for config in versions() {
        let mut client = protected(&server, &config);
        let mut data = client.stalled_upload("STOR new", b"whole");
        // The TCP connection stays open, as some clients leave it until they have the server's close_notify.
        data.channel().close_notify();
        client.read_reply().expect(226);
        assert_eq!(server.read("new"), b"whole");
        expect_close_notify(&mut data);
    }
}

#[test]
fn an_empty_upload_that_ends_at_once_is_an_empty_file() {
    for strict in ["on", "off"] {
        let server = server(&format!("tls_strict_eof = {strict}\n"));
        for config in versions() {
            for early in [false, true] {
                let mut client = protected(&server, &config);
                for name in ["new", "file"] {
                    let mut data = client.passive();
                    if early {
                        data.handshake();
                        data.finish();
                    }
                    client.expect(format!("STOR {name}"), 150);
                    if !early {
                        data.handshake();
                        data.finish();
                    }
                    client.read_reply().expect(226);
                    assert_eq!(server.read(name), b"");
                    server.write("file", OLD);
                }
                fs::remove_file(server.home().join("new")).unwrap();
            }
        }
    }
}

#[test]
fn a_download_is_226_while_the_client_keeps_its_end_open() {
    let server = server("");
    for config in versions() {
        let mut client = protected(&server, &config);
        let mut data = client.passive();
        client.expect("RETR file", 150);
        let mut bytes = Vec::new();
        data.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, OLD);
        client.read_reply().expect(226);
        client.expect("NOOP", 200);
        drop(data);
        assert_eq!(client.retr("file"), OLD);
    }
}

#[test]
fn a_client_that_hears_the_226_first_still_gets_every_byte() {
    let server = server("");
    server.write("large", vec![7; 100_000]);
    for config in versions() {
        let mut client = protected(&server, &config);
        for _ in 0..5 {
            let mut data = client.passive();
            client.expect("RETR large", 150);
            data.handshake();
            client.read_reply().expect(226);
            assert_eq!(read_all(data).len(), 100_000);
        }
    }
}

#[test]
fn the_control_connection_ends_with_close_notify() {
    let server = server_of("[tls]\ntls = on\n[server]\ntimeout = 1\n");
    for config in versions() {
        let mut client = secured(&server, &config);
        client.expect("QUIT", 221);
        expect_close_notify(client.channel());
        let mut client = protected(&server, &config);
        client.expect("QUIT", 221);
        expect_close_notify(client.channel());
        let mut idle = protected(&server, &config);
        idle.read_reply().expect(421);
        expect_close_notify(idle.channel());
    }
}

#[test]
fn a_client_that_quits_and_never_closes_does_not_keep_its_place() {
    let server = server_of("[tls]\ntls = on\n[server]\nmax_cons = 1\n");
    for _ in 0..3 {
        let mut client = protected(&server, &trusting());
        client.expect("QUIT", 221);
        // Its own connection stays open while the next one is served.
        let mut next = greeted(&server);
        next.expect("QUIT", 221);
        next.expect_closed();
        drop(client);
    }
}

#[test]
fn a_close_notify_of_the_client_ends_its_session() {
    let server = server("");
    for (round, config) in versions().enumerate() {
        let mut client = protected(&server, &config);
        client.channel().close_notify();
        expect_close_notify(client.channel());
        server.wait_log_times("FTP session closed", round + 1);
    }
}

// Without close_notify

/// Ends the sending half without close_notify.
fn cut(data: &Data) {
    data.channel().socket().shutdown(Shutdown::Write).unwrap();
}

#[test]
fn strict_an_upload_without_close_notify_is_426_and_the_old_file_stays() {
    let server = server("tls_strict_eof = on\n");
    for config in versions() {
        let mut client = protected(&server, &config);
        let data = begun(&server, &mut client, "STOR file", b"new, but whole?");
        cut(&data);
        let reply = client.read_reply().expect(426);
        assert!(reply.text().contains("15"), "the 426 says how much arrived: {reply:?}");
        assert_eq!(server.read("file"), OLD);
        // What arrived can go on, as after every break.
        client.expect("REST 15", 350);
        client.stor("file", " yes");
        assert_eq!(server.read("file"), b"new, but whole? yes");
        server.write("file", OLD);
        let data = begun(&server, &mut client, "STOR new", b"prefix");
        cut(&data);
        client.read_reply().expect(426);
        assert_eq!(server.read("new"), b"prefix");
        client.expect("DELE new", 250);
    }
    server.wait_log("STOR */new completed=0 bytes=6");
}

#[test]
fn lax_an_upload_without_close_notify_is_226_with_a_warning() {
    let server = server("");
    for (round, config) in versions().enumerate() {
        let mut client = protected(&server, &config);
        for (command, name) in [("STOR file", "file"), ("STOR new", "new"), ("APPE new", "new")] {
            let before = server.log_lines("[W ").len();
            let data = begun(&server, &mut client, command, b"sent");
            cut(&data);
            client.read_reply().expect(226);
            let lines = server.wait_log_times("[W ", before + 1);
            let line = lines.last().unwrap();
            assert!(line.contains(&client.local().to_string()) && line.contains("close_notify"), "{line}");
            assert!(server.read(name).ends_with(b"sent"), "{name}, round {round}");
        }
        client.expect("DELE new", 250);
    }
    assert_eq!(server.log_lines("completed=0"), Vec::<String>::new());
}

#[test]
fn an_empty_upload_without_close_notify_follows_the_same_rule() {
    for (strict, code) in [("on", 426), ("off", 226)] {
        let server = server(&format!("tls_strict_eof = {strict}\n"));
        for config in versions() {
            let mut client = protected(&server, &config);
            let mut data = client.passive();
            client.expect("STOR file", 150);
            data.handshake();
            cut(&data);
            client.read_reply().expect(code);
            assert_eq!(server.read("file"), if strict == "on" { OLD } else { b"" });
            client.cmd("DELE file");
            server.write("file", OLD);
        }
    }
}

/// The end of the connection inside a record: what the client sealed last did not arrive, whatever else is forgiven.
#[test]
fn an_upload_cut_inside_a_record_is_426_even_where_not_strict() {
    for strict in ["on", "off"] {
        let server = server(&format!("tls_strict_eof = {strict}\n"));
        for config in versions() {
            let mut client = protected(&server, &config);
            let data = begun(&server, &mut client, "STOR file", b"half");
            // A record that promises 32 bytes and has 3.
            (&mut data.channel().socket()).write_all(&[23, 3, 3, 0, 32, 1, 2, 3]).unwrap();
            cut(&data);
            client.read_reply().expect(426);
            assert_eq!(server.read("file"), OLD, "strict: {strict}");
            client.expect("DELE file", 250);
            server.write("file", OLD);
        }
    }
}

#[test]
fn a_killed_client_did_not_finish_its_overwrite() {
    for strict in ["on", "off"] {
        let server = Server::start(&format!("[tls]\ntls = on\ntls_strict_eof = {strict}\n"), BOB);
        server.write("file", OLD);
        for (round, config) in versions().enumerate() {
            let mut client = protected(&server, &config);
            let data = begun(&server, &mut client, "STOR file", b"half");
            // The system closes its connections, in order and without a word of TLS.
            drop(client);
            data.cut();
            server.wait_log_times("FTP session closed", 2 * round + 1);
            assert_eq!(server.read("file"), OLD, "strict: {strict}");
            let mut client = protected(&server, &config);
            client.expect("DELE file", 250);
            server.write("file", OLD);
            client.reset();
            server.wait_log_times("FTP session closed", 2 * round + 2);
        }
    }
}

#[test]
fn text_uploads_keep_the_rules() {
    for (strict, code) in [("on", 426), ("off", 226)] {
        let server = server(&format!("tls_strict_eof = {strict}\n"));
        let mut client = protected(&server, &trusting());
        client.expect("TYPE A", 200);
        // Enough to be known as text.
        let (sent, stored) = (b"one\r\n".repeat(2000), [&b"one\n".repeat(2000)[..], b"two\r"].concat());
        let data = client.stalled_upload("STOR file", &[&sent[..], b"two\r"].concat());
        eventually("all lines arrived", || server.arrived("file").len() == stored.len() - 1);
        cut(&data);
        client.read_reply().expect(code);
        assert_eq!(server.read("file"), if strict == "on" { OLD } else { &stored });
    }
}

/// Unread bytes would make the end of the connection a reset, which takes away what has not arrived yet.
#[test]
fn a_client_that_says_its_end_first_still_gets_the_whole_download() {
    let server = server("");
    let content = vec![7; 400_000];
    server.write("large", &content);
    for config in versions() {
        let mut client = protected(&server, &config);
        let mut data = client.narrow_passive();
        client.expect("RETR large", 150);
        // By then nobody reads what the client says, until the end.
        let mut received = vec![0];
        data.read_exact(&mut received).unwrap();
        data.finish();
        client.read_reply().expect(226);
        data.read_to_end(&mut received).expect("the whole file");
        assert!(received == content);
    }
}
