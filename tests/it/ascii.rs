//! TYPE A, whatever way the bytes are cut.

use std::{io::Write, thread, time::Duration};

use crate::server::Server;

/// Every mix of CR, LF and text that a cut could tear apart.
const UP: &[u8] = b"a\r\nb\rc\nd\r\r\n\n\r\ne\r\n\r\r";
const UP_STORED: &[u8] = b"a\nb\rc\nd\r\n\n\ne\n\r\r";

/// RFC 959 §3.1.1.1 as we send it: a LF without CR before it gets one.
fn to_network(text: &[u8]) -> Vec<u8> {
    let mut sent = Vec::new();
    for &byte in text {
        if byte == b'\n' && sent.last() != Some(&b'\r') {
            sent.push(b'\r');
        }
        sent.push(byte);
    }
    sent
}

#[test]
fn an_upload_cut_at_any_point_is_stored_the_same() {
    let server = Server::plain();
    let mut client = server.login();
    client.expect("TYPE A", 200);
    for cut in 0..=UP.len() {
        let mut data = client.passive();
        client.expect("STOR text", 150);
        data.write_all(&UP[..cut]).unwrap();
        // Only to make a second read likely: the outcome must not depend on it.
        thread::sleep(Duration::from_millis(3));
        data.write_all(&UP[cut..]).unwrap();
        drop(data);
        client.read_reply().expect(226);
        assert_eq!(
            server.read("text").escape_ascii().to_string(),
            UP_STORED.escape_ascii().to_string(),
            "cut at {cut}"
        );
    }
}

#[test]
fn an_upload_byte_by_byte_is_stored_the_same() {
    let server = Server::plain();
    let mut client = server.login();
    client.expect("TYPE A", 200);
    let mut data = client.passive();
    client.expect("STOR text", 150);
    for byte in UP {
        data.write_all(&[*byte]).unwrap();
        thread::sleep(Duration::from_millis(1));
    }
    drop(data);
    client.read_reply().expect(226);
    assert_eq!(server.read("text").escape_ascii().to_string(), UP_STORED.escape_ascii().to_string());
}

#[test]
fn a_download_is_the_same_wherever_its_buffers_end() {
    let server = Server::plain();
    let mut client = server.login();
    client.expect("TYPE A", 200);
    for shift in 0..4 {
        let mut text = vec![b'x'; shift];
        while text.len() < 300_000 {
            text.extend_from_slice(b"\n\r\nab\r\r\n\n");
        }
        server.write("text", &text);
        let got = client.retr("text");
        assert!(got == to_network(&text), "shifted by {shift}: {} bytes for {}", got.len(), text.len());
    }
}

#[test]
fn long_runs_of_line_ends_survive_both_ways() {
    let server = Server::plain();
    let mut client = server.login();
    client.expect("TYPE A", 200);
    let text = b"\n".repeat(200_000);
    server.write("text", &text);
    let sent = client.retr("text");
    assert_eq!(sent.len(), 400_000);
    client.stor("copy", &sent);
    assert!(server.read("copy") == text);
}

#[test]
fn a_lone_cr_at_the_end_of_an_upload_stays() {
    let server = Server::plain();
    let mut client = server.login();
    client.expect("TYPE A", 200);
    for (sent, stored) in [(&b"a\r"[..], &b"a\r"[..]), (b"\r", b"\r"), (b"\r\r\n", b"\r\n"), (b"", b"")] {
        client.stor("text", sent);
        assert_eq!(server.read("text"), stored);
    }
}

#[test]
fn ascii_appends_decode_too() {
    let server = Server::plain();
    let mut client = server.login();
    client.expect("TYPE A", 200);
    client.upload("APPE text", "a\r\n").expect(226);
    client.upload("APPE text", "b\r\n").expect(226);
    assert_eq!(server.read("text"), b"a\nb\n");
}
