//! TYPE A, whatever way the bytes are cut.

use std::{io::Write, thread, time::Duration};

use crate::{
    channel::leave_out,
    client::Client,
    data::reset,
    server::{BOB, Server},
    trace::Trace,
};

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

// What is no text

/// The bytes that a picture begins with, and enough behind them to fill every buffer.
fn picture() -> Vec<u8> {
    [&b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"[..], &b"\r\n\0\n\xff".repeat(100_000)].concat()
}

/// A PDF's lines are counted in bytes, and it may have no control byte for long.
const PDF: &[u8] = b"%PDF-1.1\r\n1 0 obj\r\n<< >>\r\nendobj\r\n";

fn server(conversion: &str) -> (Server, Client) {
    let server = Server::start(&format!("[transfer]\nascii_conversion = {conversion}\n"), BOB);
    let mut client = server.login();
    client.expect("TYPE A", 200);
    (server, client)
}

#[track_caller]
fn stored(server: &Server, client: &mut Client, content: &[u8]) -> Vec<u8> {
    client.stor("file", content);
    server.read("file")
}

#[track_caller]
fn fetched(server: &Server, client: &mut Client, content: &[u8]) -> Vec<u8> {
    server.write("file", content);
    client.retr("file")
}

#[test]
fn pictures_and_pdf_files_stay_as_they_are_both_ways() {
    let (server, mut client) = server("auto");
    for content in [&picture()[..], PDF, b"\r\n\0", &picture()[..17]] {
        assert!(stored(&server, &mut client, content) == content);
        assert!(fetched(&server, &mut client, content) == content);
    }
}

#[test]
fn a_picture_in_small_pieces_stays_as_it_is() {
    let server = Server::plain();
    let mut client = server.login();
    client.expect("TYPE A", 200);
    // Lines of text up to the last byte that counts.
    let late = [&b"x\r\n".repeat(2730)[..], b"x\0\r\n"].concat();
    for (content, size) in [(PDF, 1), (&picture()[..200], 1), (&late, 1000)] {
        let mut data = client.passive();
        client.expect("STOR file", 150);
        data.handshake();
        for piece in content.chunks(size) {
            data.write_all(piece).unwrap();
            // Only to make a read of its own likely: the outcome must not depend on it.
            thread::sleep(Duration::from_micros(300));
        }
        drop(data);
        client.read_reply().expect(226);
        assert!(server.read("file") == content, "{} bytes", content.len());
    }
}

#[test]
fn the_first_eight_kibibytes_decide_both_ways() {
    let (server, mut client) = server("auto");
    let line = b"sixteen letters\n";
    for (length, is_text) in [((8 << 10) - 1, false), (8 << 10, true)] {
        let mut content = line.repeat(600)[..length].to_vec();
        content.extend_from_slice(b"\0\n");
        let wire = if is_text { to_network(&content) } else { content.clone() };
        assert!(fetched(&server, &mut client, &content) == wire, "a NUL behind {length} bytes");
    }
    let line = b"fourteen lette\r\n";
    for (length, is_text) in [((8 << 10) - 1, false), (8 << 10, true)] {
        let content = [&line.repeat(600)[..length], b"\0\r\n"].concat();
        let disk = content.windows(2).filter(|pair| is_text && pair == b"\r\n").count();
        assert_eq!(stored(&server, &mut client, &content).len(), content.len() - disk, "a NUL behind {length} bytes");
    }
}

#[test]
fn the_log_names_what_was_left_as_it_is_and_no_text() {
    let (server, mut client) = server("auto");
    client.stor("up.png", picture());
    server.write("down.png", PDF);
    client.retr("down.png");
    client.stor("text", "a\r\n");
    client.retr("text");
    client.expect("TYPE I", 200);
    client.stor("binary.png", picture());
    client.retr("binary.png");
    server.wait_log("RETR *binary.png completed=1");
    let told = server.log_lines("no text");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("STOR ") && told[0].contains("up.png: no text, left as it is"), "{told:?}");
    assert!(told[1].contains("RETR ") && told[1].contains("down.png: no text, left as it is"), "{told:?}");
}

#[test]
fn an_append_follows_the_beginning_of_the_old_file() {
    let (server, mut client) = server("auto");
    for (old, appended, new) in [
        (&b"\0"[..], &b"a\r\n"[..], &b"\0a\r\n"[..]),
        (b"a\n", b"\0\r\n", b"a\n\0\n"),
        (b"", b"\0\r\n", b"\0\r\n"),
        (b"", b"a\r\n", b"a\n"),
    ] {
        server.write("file", old);
        client.upload("APPE file", appended).expect(226);
        assert_eq!(server.read("file"), new, "{} and {}", old.escape_ascii(), appended.escape_ascii());
    }
    client.upload("APPE new", b"\0\r\n").expect(226);
    assert_eq!(server.read("new"), b"\0\r\n");
}

#[test]
fn an_account_that_may_not_read_appends_by_what_it_sends() {
    let server = Server::start("", &BOB.replace("elradfmwMT", "ela"));
    server.write("file", "a\n");
    let mut client = server.login();
    client.expect("TYPE A", 200);
    client.upload("APPE file", b"b\r\n").expect(226);
    assert_eq!(server.read("file"), b"a\nb\n");
}

#[test]
fn a_broken_upload_that_was_still_undecided_keeps_what_came() {
    let (server, mut client) = server("auto");
    let data = client.stalled_upload("STOR file", b"one\r\ntwo");
    // The server has it by then: its answer counts the bytes.
    while !client.cmd("STAT").text().contains(" 8 bytes") {}
    reset(data);
    client.read_reply().expect(426);
    assert_eq!(server.read("file"), b"one\ntwo");
    client.upload("STOU unique", b"one\r\n").expect(226);
    assert_eq!(server.read("unique"), b"one\n");
}

#[test]
fn conversion_off_leaves_text_too_and_on_converts_all() {
    let (off, mut client) = server("off");
    for content in [b"a\nb\r\nc\r", PDF] {
        assert_eq!(stored(&off, &mut client, content), content);
        assert_eq!(fetched(&off, &mut client, content), content);
    }
    let (on, mut client) = server("on");
    assert_eq!(stored(&on, &mut client, b"\0\r\n"), b"\0\n");
    assert_eq!(fetched(&on, &mut client, b"\0\n"), b"\0\r\n");
    client.expect("TYPE I", 200);
    assert_eq!(stored(&on, &mut client, b"\0\r\n"), b"\0\r\n");
    assert_eq!(fetched(&on, &mut client, b"\0\n"), b"\0\n");
    for server in [off, on] {
        assert_eq!(server.log_lines("no text"), [""; 0]);
    }
}

#[test]
fn an_accounts_own_conversion_goes_before_the_servers() {
    let account = |name: &str, more: &str| BOB.replace("[bob]", &format!("[{name}]")) + more;
    let users =
        [account("bob", ""), account("eve", "ascii_conversion = off\n"), account("dan", "ascii_conversion = auto\n")];
    let server = Server::start("[transfer]\nascii_conversion = on\n", &users.concat());
    for (user, text, other) in [("bob", "a\n", "\0\n"), ("eve", "a\r\n", "\0\r\n"), ("dan", "a\n", "\0\r\n")] {
        let mut client = server.login_as(user);
        client.expect("TYPE A", 200);
        assert_eq!(stored(&server, &mut client, b"a\r\n"), text.as_bytes(), "{user}");
        assert_eq!(stored(&server, &mut client, b"\0\r\n"), other.as_bytes(), "{user}");
    }
}

#[test]
fn empty_files_and_single_line_ends_come_right_both_ways() {
    let (server, mut client) = server("auto");
    for (disk, wire) in [("", ""), ("\n", "\r\n"), ("\r", "\r")] {
        assert_eq!(stored(&server, &mut client, wire.as_bytes()), disk.as_bytes());
        assert_eq!(fetched(&server, &mut client, disk.as_bytes()), wire.as_bytes());
    }
}

#[test]
fn a_picture_is_sent_without_a_copy_and_type_i_asks_nothing() {
    leave_out!(Explicit | Implicit: "the kernel does not encrypt");
    let (server, mut client) = server("auto");
    server.write("file", picture());
    for (command, reads) in [("TYPE A", 1), ("TYPE I", 0)] {
        client.expect(command, 200);
        let Some(trace) = Trace::of(&server, "sendfile,read,pread64") else { return };
        client.retr("file");
        let lines = trace.lines(&mut client);
        assert!(lines.iter().any(|line| line.contains("sendfile(")), "{command}: {lines:?}");
        let beginnings = lines.iter().filter(|line| line.contains(", 8192")).count();
        assert_eq!(beginnings, reads, "{command}: {lines:?}");
    }
}
