//! Names and lines that no decent client sends.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
};

use crate::{
    client::address_of_227,
    server::{BOB, Server},
};

#[test]
fn no_control_byte_gets_into_a_new_name() {
    let server = Server::plain();
    server.write("file", "x");
    let mut client = server.login();
    let control_bytes = (1..0x20).filter(|byte| *byte != b'\n').chain([0x7f]);
    for byte in control_bytes {
        for verb in ["STOR", "APPE", "STOU", "MKD", "XMKD"] {
            let command = [verb.as_bytes(), b" a", &[byte], b"b"].concat();
            client.expect(command, 553);
        }
        client.expect("RNFR file", 350);
        client.expect([b"RNTO a", &[byte][..], b"b"].concat(), 553);
    }
    assert_eq!(client.lines("NLST"), ["file"]);
}

/// Latin-1, half a character of UTF-8, an overlong dot, a surrogate: a client that made such a name has to get rid of it, too.
#[test]
fn names_that_are_no_utf8_go_through_every_verb_as_they_are() {
    for odd in [&b"caf\xe9"[..], b"\xe2\x82", b"\xc0\xae\xc0\xae", b"\xed\xa0\x80", b"\x80\xfe"] {
        let server = Server::plain();
        let mut client = server.login();
        let with = |verb: &str| [verb.as_bytes(), b" ", odd].concat();
        assert!(client.expect(with("MKD"), 257).message().starts_with(&[b"\"/", odd, b"\""].concat()));
        client.expect(with("CWD"), 250);
        assert!(client.expect("PWD", 257).message().starts_with(&[b"\"/", odd, b"\""].concat()));
        client.upload(with("STOR"), "content").expect(226);
        assert_eq!(
            fs::read(server.home().join(OsStr::from_bytes(odd)).join(OsStr::from_bytes(odd))).unwrap(),
            b"content"
        );
        for (verb, code) in [("SIZE", 213), ("MDTM", 213), ("MLST", 250), ("HASH", 213), ("STAT", 213)] {
            client.expect(with(verb), code);
        }
        for (verb, code) in [("SITE CHMOD 600", 200), ("MFMT 20010203040506", 213)] {
            client.expect(with(verb), code);
        }
        assert_eq!(client.download(with("RETR")), b"content");
        assert_eq!(client.download("NLST"), [odd, b"\r\n"].concat());
        client.expect(with("RNFR"), 350);
        client.expect("RNTO plain", 250);
        client.expect("RNFR plain", 350);
        client.expect(with("RNTO"), 250);
        client.expect(with("DELE"), 250);
        client.expect("CDUP", 250);
        client.expect(with("RMD"), 250);
    }
}

/// RFC 2640 §3.1: CR NUL is how Telnet writes a CR.
#[test]
fn a_name_with_a_cr_can_be_used_and_got_rid_of_but_not_made() {
    let server = Server::plain();
    for odd in ["a\rb", "\r", "end\r"] {
        server.write(odd, "content");
        server.write("sub/file", "x");
        let mut client = server.login();
        let with = |verb: &str| format!("{verb} {}", odd.replace('\r', "\r\0"));
        for (verb, code) in [("SIZE", 213), ("MDTM", 213), ("MLST", 250), ("HASH", 213), ("STAT", 213), ("XCRC", 250)] {
            client.expect(with(verb), code);
        }
        for (verb, code) in [("SITE CHMOD 600", 200), ("MFMT 20010203040506", 213), ("MFF UNIX.mode=0640;", 213)] {
            client.expect(with(verb), code);
        }
        assert_eq!(client.download(with("RETR")), b"content");
        client.upload(with("APPE"), " and more").expect(226);
        assert_eq!(server.read(odd), b"content and more");
        client.upload(with("STOR"), "new").expect(226);
        assert_eq!(server.read(odd), b"new");
        client.passive();
        client.expect(with("STOU"), 553);
        client.expect("RNFR sub", 350);
        client.expect(with("RNTO"), 553);
        client.expect(with("RNFR"), 350);
        client.expect("RNTO plain", 250);
        for verb in ["STOR", "APPE", "STOU", "MKD"] {
            client.expect(with(verb), 553);
        }
        client.expect("RNFR plain", 350);
        client.expect(with("RNTO"), 553);
        server.write(odd, "content");
        client.expect(with("DELE"), 250);
        assert_eq!(client.lines("NLST"), ["plain", "sub"]);
        client.expect("DELE plain", 250);
    }
}

#[test]
fn a_tree_of_links_to_itself_is_listed_once() {
    let server = Server::plain();
    server.write("sub/file", "x");
    for link in ["sub/up", "sub/here", "sub/again"] {
        let target = if link == "sub/up" { ".." } else { "." };
        symlink(target, server.home().join(link)).unwrap();
    }
    let mut client = server.login();
    for command in ["LIST -R", "LIST -alR /", "NLST -R", "NLST -R sub/here/here"] {
        assert!(client.lines(command).len() <= 4, "{command} goes no deeper");
    }
    client.expect(format!("CWD {}", "sub/up/".repeat(300)), [250, 550]);
    client.expect("NOOP", 200);
}

#[test]
fn a_login_that_comes_byte_by_byte_is_a_login() {
    let server = Server::plain();
    let mut client = server.client();
    for byte in b"USER bob\r\nPASS secret\r\nPASV\r\n" {
        client.send_raw([*byte]);
    }
    client.read_reply().expect(331);
    client.read_reply().expect(230);
    let address = address_of_227(&client.read_reply());
    client.connect_data(address);
}

/// What is sent back could be taken for a page's own script, where a browser was led here.
#[test]
fn no_reply_before_login_holds_a_word_of_the_clients() {
    let server = Server::start("[server]\nauth_failed_delay = 0\nmax_login_attempts = 99\nban_after = 0\n", BOB);
    for verb in [
        "USER",
        "PASS",
        "ACCT",
        "AUTH",
        "PBSZ",
        "PROT",
        "HELP",
        "OPTS",
        "OPTS MLST",
        "OPTS HASH",
        "HOST",
        "LANG",
        "CLNT",
        "STAT",
        "NOOP",
        "SYST",
        "FEAT",
        "REIN",
        "XYZ",
    ] {
        let mut client = server.client();
        client.expect("USER bob", 331);
        let reply = client.cmd(format!("{verb} xyzzyx"));
        assert!(!reply.text().contains("xyzzyx"), "{verb}: {reply:?}");
    }
}
