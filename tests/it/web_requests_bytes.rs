//! Bytes that are no request, or that two readers could understand in two ways: 400, and the connection ends.

use std::{fs, net::Shutdown};

use crate::{
    dice::Dice,
    server::{BOB, Server, eventually},
    web::{Web, ask, get, put, serve},
};

const BASIC: &str = "Authorization: Basic Ym9iOnNlY3JldA==\r\n";

fn with_file() -> Server {
    let server = serve("", BOB);
    server.write("file", "content");
    server
}

/// Sends these bytes and expects one answer of these, and the end.
#[track_caller]
fn refused(server: &Server, bytes: impl AsRef<[u8]>, statuses: &[u16]) {
    let bytes = bytes.as_ref();
    let mut web = Web::clear(server);
    web.try_send(bytes);
    let answer = web.answer();
    let shown = &bytes[..bytes.len().min(300)];
    assert!(statuses.contains(&answer.status), "{}: {answer:?}", shown.escape_ascii());
    assert_eq!(answer.field("connection"), Some("close"), "{}: {answer:?}", shown.escape_ascii());
    assert_eq!(answer.value("x-content-type-options"), "nosniff");
    assert!(answer.value("date").ends_with(" GMT"), "{answer:?}");
    assert!(!answer.text().contains("content\n") && answer.field("etag").is_none(), "{answer:?}");
    assert!(web.is_over());
}

/// The same for lines of a request's head, for one with a body that would be another request.
#[track_caller]
fn refused_fields(server: &Server, fields: &str, statuses: &[u16]) {
    let smuggled = "GET /file HTTP/1.1\r\nHost: localhost\r\n\r\n";
    refused(server, format!("PUT /new HTTP/1.1\r\nHost: localhost\r\n{BASIC}{fields}\r\n\r\n{smuggled}"), statuses);
    assert!(!server.home().join("new").exists(), "{fields}");
}

#[test]
fn lengths_and_codings_that_two_readers_could_understand_differently_are_refused() {
    let server = with_file();
    for length in ["+5", "-5", "5 5", "5,5", "5, 5", "0x5", "5a", "five", "", "5;a", "5.0", "\"5\"", "\u{b2}"] {
        refused_fields(&server, &format!("Content-Length: {length}"), &[400]);
    }
    refused_fields(&server, "Content-Length: 5\r\nContent-Length: 6", &[400]);
    refused_fields(&server, "Content-Length: 5\r\ncontent-LENGTH: 5", &[400]);
    for length in ["9223372036854775808", "18446744073709551621", "99999999999999999999999999999999999"] {
        refused_fields(&server, &format!("Content-Length: {length}"), &[400, 413]);
    }
    for coding in [
        "gzip",
        "chunked, gzip",
        "gzip, chunked",
        "chunked, chunked",
        "identity",
        "xchunked",
        "chunked;q=1",
        "\"chunked\"",
        "chunk",
        "",
        "chunked,",
        ", chunked",
        "\u{b}chunked",
        "chunked\u{b}",
    ] {
        refused_fields(&server, &format!("Transfer-Encoding: {coding}"), &[400, 501]);
    }
    for fields in [
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        "Transfer-Encoding:\r\n chunked",
        "Content-Length : 5",
        " Content-Length: 5",
    ] {
        refused_fields(&server, fields, &[400, 501]);
    }
    refused(
        &server,
        format!("PUT /new HTTP/1.0\r\n{BASIC}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        &[400, 501],
    );
    // A leading zero is no other number.
    let mut web = Web::connect(&server);
    web.send(format!("PUT /new HTTP/1.1\r\nHost: localhost\r\n{BASIC}Content-Length:  005 \r\n\r\nhello"));
    web.answer().expect(201);
    assert_eq!(server.read("new"), b"hello");
}

#[test]
fn lines_and_fields_that_are_not_strictly_right_are_refused() {
    let server = with_file();
    let with = |field: &str| format!("GET /file HTTP/1.1\r\nHost: localhost\r\n{BASIC}{field}\r\n\r\n");
    for field in [
        "A: b\rC: d",
        "A\r: b",
        "A: b\r",
        "A: b\r\r",
        "A: b\r\n c",
        "A: b\r\n\tc",
        "A:\r\n b",
        "A",
        "A b",
        ": b",
        " A: b",
        "A : b",
        "A\t: b",
        "A\u{1}: b",
        "A(: b",
        "A): b",
        "A,: b",
        "A/: b",
        "A;: b",
        "A@: b",
        "A[: b",
        "A{: b",
        "A\": b",
        "A\\: b",
        "A\u{e9}: b",
        "A: b\0c",
        "A: b\u{1}c",
        "A: b\u{7f}c",
        "A: b\u{8}",
        "A\0: b",
        "\0: b",
        "Host: other",
        "Host: localhost",
    ] {
        refused(&server, with(field), &[400]);
    }
    for bytes in [
        format!("GET /file\rX HTTP/1.1\r\nHost: localhost\r\n{BASIC}\r\n"),
        format!("GET /file HTTP/1.1\rHost: localhost\r\n{BASIC}\r\n"),
        format!("GET /file HTTP/1.1\nHost: localhost\n{}\n", BASIC.replace("\r\n", "\n")),
        format!("GET /file HTTP/1.1\r\nHost: localhost\n{BASIC}\r\n"),
        format!(
            "GET /file HTTP/1.1\r\nHost: localhost\r\n{BASIC}\nGET /file HTTP/1.1\r\nHost: localhost\r\n{BASIC}\r\n"
        ),
        format!("GET  /file HTTP/1.1\r\nHost: localhost\r\n{BASIC}\r\n"),
        format!("GET /file  HTTP/1.1\r\nHost: localhost\r\n{BASIC}\r\n"),
        format!("GET\t/file HTTP/1.1\r\nHost: localhost\r\n{BASIC}\r\n"),
        format!("GET /a b HTTP/1.1\r\nHost: localhost\r\n{BASIC}\r\n"),
        format!(" GET /file HTTP/1.1\r\nHost: localhost\r\n{BASIC}\r\n"),
        format!("GET /file HTTP/1.1 \r\nHost: localhost\r\n{BASIC}\r\n"),
        format!("GET /file HTTP/1.1\r\n{BASIC}\r\n"),
        format!("\r\n\r\nGET /file HTTP/1.1\r\nHost: localhost\r\n{BASIC}\r\n"),
        format!("G(T /file HTTP/1.1\r\nHost: localhost\r\n{BASIC}\r\n"),
    ] {
        refused(&server, bytes, &[400]);
    }
    // One empty line before a request is nothing (RFC 9112 §2.2); tabs and bytes beyond ASCII are in values.
    let mut web = Web::connect(&server);
    web.send(format!("\r\n{}", with("A: b\tc \u{e9}")));
    web.answer().expect(200);
}

#[test]
fn a_head_has_its_limits() {
    let server = with_file();
    let line = "GET /file HTTP/1.1\r\nHost: localhost\r\n";
    let fields = |count: usize| (0..count).map(|number| format!("X-{number}: v\r\n")).collect::<String>();
    let mut web = Web::connect(&server);
    web.send(format!("{line}{BASIC}{}\r\n", fields(98)));
    web.answer().expect(200);
    let filled =
        |length: usize| format!("{line}{BASIC}X: {}\r\n\r\n", "v".repeat(length - line.len() - BASIC.len() - 7));
    assert_eq!(filled(16 << 10).len(), 16 << 10);
    web.send(filled(15 << 10));
    web.answer().expect(200);
    web.send(filled(16 << 10));
    web.answer().expect(200);
    refused(&server, format!("{line}{BASIC}{}\r\n", fields(99)), &[400, 431]);
    refused(&server, filled((16 << 10) + 1), &[400, 431]);
    refused(&server, filled(17 << 10), &[400, 431]);
    refused(&server, format!("GET /{} HTTP/1.1\r\n", "a".repeat(20 << 10)), &[400, 414]);
    refused(&server, format!("{}{}", line, "X: v\r\n".repeat(10_000)), &[400, 431]);
    refused(&server, "A".repeat(1 << 20), &[400]);
    let before = server.memory();
    let mut endless = Web::clear(&server);
    endless.send(line);
    let mut sent = 0;
    while sent < 64 << 20 && endless.try_send(format!("X: {}\r\n", "v".repeat(60_000))) {
        sent += 60_000;
    }
    assert!(sent < 64 << 20);
    assert!(server.memory() < before + (4 << 10));
}

#[test]
fn a_target_is_a_path_or_a_url_of_this_host() {
    let server = with_file();
    let head = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n{BASIC}\r\n");
    let port = server.web().port();
    for (target, host) in [
        ("http://localhost/file", "localhost"),
        ("HTTP://LOCALHOST/file", "localhost"),
        (&*format!("http://localhost:{port}/file"), "localhost"),
        (&*format!("http://127.0.0.1:{port}/file"), "localhost"),
        ("http://localhost/file", "evil.example"),
    ] {
        let mut web = Web::connect(&server);
        web.send(head(target, host));
        assert_eq!(web.answer().expect(200).text(), "content", "{target}");
    }
    for target in ["http://evil.example/file", "http://localhost.evil.example/file", "https://evil.example:443/file"] {
        refused(&server, head(target, "localhost"), &[400, 421]);
    }
    for target in [
        "file",
        "*",
        "localhost:80",
        "//localhost/file",
        "http:/file",
        "http:///file",
        "http://",
        "http://user@localhost/file",
        "ftp://localhost/file",
        "file:///etc/passwd",
        "/file#x",
        "/%",
        "/%zz",
        "/%4",
        "\\file",
        "?json",
        "http://localhost#x",
        "gopher://localhost/file",
        "",
    ] {
        refused(&server, head(target, "localhost"), &[400]);
    }
    for line in ["CONNECT localhost:80 HTTP/1.1", "CONNECT evil.example:443 HTTP/1.1", "OPTIONS * HTTP/1.1"] {
        refused(&server, format!("{line}\r\nHost: localhost\r\n{BASIC}\r\n"), &[400]);
    }
}

#[test]
fn versions_and_protocols_that_are_not_ours_are_refused_at_once() {
    let server = with_file();
    for line in [
        "GET /file HTTP/2.0",
        "GET /file HTTP/1.2",
        "GET /file HTTP/3",
        "GET /file HTTP/0.9",
        "GET /file http/1.1",
        "GET /file HTTP/1.10",
        "GET /file HTTP/11",
        "GET /file HTTP /1.1",
        "GET /file HTTPS/1.1",
        "GET /file HTTP/1.1x",
        "GET /file FTP/1.1",
        "GET /file",
        "GET /file ",
        "GET",
        "GET ",
        "PRI * HTTP/2.0",
    ] {
        refused(&server, format!("{line}\r\nHost: localhost\r\n{BASIC}\r\n"), &[400, 505]);
    }
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a handshake where there is no TLS",
        b"USER bob\r\nPASS secret\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"EHLO mail.example\r\n",
        b"\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\xff\xfe\xfd\xfc\r\n\r\n",
        b"{\"jsonrpc\":\"2.0\"}\n",
        b"\n\n\n",
    ] {
        if bytes[0] == 0x16 && crate::channel::Mode::of_this_run() != crate::channel::Mode::Plain {
            continue;
        }
        refused(&server, bytes, &[400, 505]);
    }
    assert!(server.log_lines("Login").is_empty() && server.log_lines("logged in").is_empty());
}

#[test]
fn mangled_requests_never_hang_nor_cost_anything() {
    let server = serve("[server]\nauth_failed_delay = 0\nban_after = 0\n", BOB);
    server.write("file", "content");
    let seeds = [
        get("/file").with("Range", "bytes=0-3").with("If-None-Match", "\"x\"").bytes(),
        put("/new", "hello world").with("Expect", "100-continue").bytes(),
        put("/new", "hello world").chunked(4).with("If-Match", "*").bytes(),
        get("/?json").with("Accept", "text/html;q=0.5, application/json").with("Cookie", "ftpd-1=2; a=b").bytes(),
        crate::web::request("MOVE /file").with("Destination", "http://localhost/file").with("Overwrite", "F").bytes(),
        [get("/file").bytes(), get("/no").bytes()].concat(),
    ];
    ask(&server, &get("/file")).expect(200);
    let before = server.descriptors();
    let mut dice = Dice::of_this_run();
    for round in 0..500 {
        let mut bytes = seeds[round % seeds.len()].clone();
        for _ in 0..=dice.below(4) {
            mangle(&mut bytes, &mut dice);
        }
        let mut web = Web::clear(&server);
        web.try_send(&bytes);
        let _ = web.socket().shutdown(Shutdown::Write);
        let answers = web.take(usize::MAX);
        assert!(
            answers.is_empty() || answers.starts_with(b"HTTP/1.1 "),
            "{}\n{}",
            bytes.escape_ascii(),
            answers.escape_ascii()
        );
    }
    ask(&server, &get("/")).expect(200);
    eventually("nothing is left of them", || server.descriptors() <= before + 2);
    assert!(fs::read_dir(server.home()).unwrap().count() < 50);
}

fn mangle(bytes: &mut Vec<u8>, dice: &mut Dice) {
    let at = dice.below(bytes.len().max(1));
    let byte = u8::try_from(dice.below(256)).unwrap();
    match dice.below(6) {
        _ if bytes.is_empty() => bytes.push(byte),
        0 => bytes[at] ^= 1 << dice.below(8),
        1 => bytes[at] = byte,
        2 => bytes.truncate(at),
        3 => bytes.insert(at, byte),
        4 => drop(bytes.remove(at)),
        _ => {
            let end = (at + 1 + dice.below(40)).min(bytes.len());
            let doubled = bytes[at..end].to_vec();
            bytes.splice(at..at, doubled);
        }
    }
}
