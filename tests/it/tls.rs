//! RFC 4217 on the control connection: AUTH, PBSZ, PROT, and what they make the server forget.
//!
//! The tests of the `tls` files choose their transport themselves: they are the same in every kind of run.

use std::sync::Arc;

use rustls::{ClientConfig, SupportedProtocolVersion, version};

use crate::{
    channel::trusting,
    client::Client,
    server::{BOB, Server},
};

/// Each version alone.
pub const VERSIONS: [&[&SupportedProtocolVersion]; 2] = [&[&version::TLS12], &[&version::TLS13]];
/// A server with TLS on, these keys in its `[tls]`, and `file` in bob's home.
pub fn server(keys: &str) -> Server {
    server_of(&format!("[tls]\ntls = on\n{keys}"))
}

/// The same with a whole ftpd.conf.
pub fn server_of(conf: &str) -> Server {
    let server = Server::start(conf, BOB);
    server.write("file", "content");
    server
}

/// A client in clear that has read the greeting.
#[track_caller]
pub fn greeted(server: &Server) -> Client {
    let mut client = Client::clear(server.address());
    client.read_reply().expect(220);
    client
}

/// A client whose control connection is under TLS.
#[track_caller]
pub fn secured(server: &Server, config: &Arc<ClientConfig>) -> Client {
    let mut client = greeted(server);
    client.auth(config);
    client
}

/// A client that logged in over AUTH TLS; its data connections are still in clear.
#[track_caller]
pub fn logged_in(server: &Server, config: &Arc<ClientConfig>) -> Client {
    let mut client = secured(server, config);
    client.login("bob", "secret");
    client.expect("TYPE I", 200);
    client
}

/// The same with PBSZ and PROT P.
#[track_caller]
pub fn protected(server: &Server, config: &Arc<ClientConfig>) -> Client {
    let mut client = logged_in(server, config);
    client.protect();
    client
}

// AUTH

#[test]
fn auth_knows_the_words_of_the_standard_and_its_drafts() {
    let server = server("");
    for word in ["TLS", "SSL", "TLS-C", "TLS-P", "tls", "Ssl"] {
        let mut client = greeted(&server);
        client.expect(format!("AUTH {word}"), 234);
        client.handshake(&trusting()).expect(word);
        client.expect("SYST", 215);
        client.login("bob", "secret");
    }
}

#[test]
fn auth_with_another_word_is_504_and_changes_nothing() {
    let server = server("");
    let mut client = greeted(&server);
    for word in ["KERBEROS_V4", "GSSAPI", "TLS-X", "TLSv1.3", "T"] {
        client.expect(format!("AUTH {word}"), 504);
    }
    client.expect("AUTH", 501);
    client.expect("NOOP", 200);
    client.auth(&trusting());
    client.expect("NOOP", 200);
}

#[test]
fn auth_under_tls_is_503() {
    let server = server("");
    let mut client = secured(&server, &trusting());
    client.expect("AUTH TLS", 503);
    client.login("bob", "secret");
    client.expect("AUTH TLS", 503);
    client.expect("PWD", 257);
}

#[test]
fn auth_after_login_starts_again() {
    let server = server("");
    server.write("folder/file", "another content");
    let mut client = greeted(&server);
    client.login("bob", "secret");
    client.expect("TYPE I", 200);
    client.expect("CWD folder", 250);
    client.expect("EPSV ALL", 200);
    client.epsv();
    client.expect("REST 5", 350);
    client.expect("RNFR file", 350);
    client.auth(&trusting());
    client.expect("PWD", 530);
    client.expect("RNTO moved", [503, 530]);
    client.expect("LIST", 530);
    client.login("bob", "secret");
    client.expect("RNTO moved", 503);
    assert!(client.expect("PWD", 257).text().starts_with("257 \"/\""));
    client.protect();
    client.expect("LIST", 425);
    client.pasv();
    client.expect("TYPE I", 200);
    assert_eq!(client.retr("file"), b"content", "from the beginning");
    assert_eq!(server.read("folder/file"), b"another content");
}

#[test]
fn a_user_from_before_auth_is_forgotten() {
    let server = server("");
    let mut client = greeted(&server);
    client.expect("USER bob", 331);
    client.auth(&trusting());
    client.expect("PASS secret", 503);
    client.expect("PWD", 530);
}

/// Somebody on the way adds commands in clear; under TLS they would be the client's own.
#[test]
fn what_came_in_clear_behind_auth_is_never_executed() {
    let server = server("");
    for injected in [
        "USER bob\r\nPASS secret\r\nMKD hacked\r\n",
        "NOOP\r\n",
        "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\n",
        "NO",
        "MKD hac",
        "\r\n",
        "STAT",
    ] {
        let mut client = greeted(&server);
        client.send_raw(format!("AUTH TLS\r\n{injected}"));
        client.read_reply().expect(234);
        // To close the connection is as good as to throw the bytes away.
        if client.handshake(&trusting()).is_err() {
            continue;
        }
        assert_eq!(
            client.cmd("OPTS UTF8 ON").code,
            200,
            "the first answer under TLS is that of the first command: {injected:?}"
        );
        client.expect("PWD", 530);
        assert!(client.is_silent(), "{injected:?}");
    }
    assert!(!server.home().join("hacked").exists());
}

#[test]
fn with_tls_off_its_commands_are_502_and_feat_and_help_do_not_name_them() {
    for conf in ["[tls]\n", "[tls]\ntls = off\n"] {
        let server = server_of(conf);
        let mut client = greeted(&server);
        let commands = ["AUTH TLS", "AUTH SSL", "PBSZ 0", "PROT P", "PROT C", "CCC"];
        for command in commands {
            client.expect(command, 502);
        }
        for list in ["FEAT", "HELP"] {
            let text = client.cmd(list).text();
            assert!(!["AUTH", "PBSZ", "PROT", "CCC"].iter().any(|word| text.contains(word)), "{text}");
        }
        client.login("bob", "secret");
        for command in commands {
            client.expect(command, 502);
        }
    }
}

#[test]
fn feat_and_help_name_what_tls_adds() {
    let server = server("");
    for mut client in [greeted(&server), secured(&server, &trusting())] {
        let feat = client.expect("FEAT", 211);
        for line in [" AUTH TLS", " PBSZ", " PROT"] {
            assert!(feat.lines.iter().any(|found| found.starts_with(line.as_bytes())), "{line:?} in {feat:?}");
        }
        let inner = &feat.lines[1..feat.lines.len() - 1];
        assert!(inner.iter().all(|line| line.starts_with(b" ") && !line.starts_with(b"  ")), "{feat:?}");
        let help = client.expect("HELP", 214).text();
        assert!(["AUTH", "PBSZ", "PROT", "CCC"].iter().all(|verb| help.contains(verb)), "{help}");
        client.expect("HELP AUTH", 214);
    }
}

// PBSZ and PROT

#[test]
fn pbsz_and_prot_need_tls() {
    let server = server("");
    let mut client = greeted(&server);
    for command in ["PBSZ 0", "PROT P", "PROT C"] {
        client.expect(command, 503);
    }
    client.login("bob", "secret");
    for command in ["PBSZ 0", "PROT P", "PROT C"] {
        client.expect(command, 503);
    }
}

#[test]
fn prot_needs_pbsz() {
    let server = server("");
    let mut client = secured(&server, &trusting());
    client.expect("PROT P", 503);
    client.expect("PROT C", 503);
    client.expect("PBSZ 0", 200);
    client.expect("PROT P", 200);
    // What came before AUTH does not count: there it was refused.
    let mut client = greeted(&server);
    client.expect("PBSZ 0", 503);
    client.auth(&trusting());
    client.expect("PROT P", 503);
}

#[test]
fn pbsz_and_prot_are_taken_before_and_after_login() {
    let server = server("");
    let mut before = secured(&server, &trusting());
    before.protect();
    before.login("bob", "secret");
    before.expect("TYPE I", 200);
    assert_eq!(before.retr("file"), b"content");
    let mut after = protected(&server, &trusting());
    assert_eq!(after.retr("file"), b"content");
}

#[test]
fn prot_knows_two_levels() {
    let server = server("");
    let mut client = secured(&server, &trusting());
    client.expect("PBSZ 0", 200);
    for (level, code) in
        [("C", 200), ("P", 200), ("c", 200), ("p", 200), ("S", 536), ("E", 536), ("X", 504), ("PP", 504)]
    {
        client.expect(format!("PROT {level}"), code);
    }
    client.expect("PROT", 501);
}

#[test]
fn pbsz_answers_with_the_only_size_there_is() {
    let server = server("");
    let mut client = secured(&server, &trusting());
    client.expect("PBSZ", 501);
    client.expect("PBSZ x", 501);
    client.expect("PBSZ 0", 200);
    // RFC 4217 §9: a TLS stream has no buffer size to agree on.
    assert!(client.expect("PBSZ 16384", 200).text().contains("PBSZ=0"));
}

#[test]
fn a_refused_prot_keeps_the_level() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    client.expect("PROT S", 536);
    client.expect("PROT X", 504);
    assert_eq!(client.retr("file"), b"content", "still protected");
}

#[test]
fn prot_c_brings_data_connections_in_clear_and_prot_p_protects_them_again() {
    let server = server("");
    let mut client = logged_in(&server, &trusting());
    assert_eq!(client.retr("file"), b"content", "without PROT they are in clear");
    client.protect();
    assert_eq!(client.retr("file"), b"content");
    client.expect("PROT C", 200);
    let data = std::net::TcpStream::connect(client.pasv()).unwrap();
    client.expect("RETR file", 150);
    assert_eq!(crate::data::read_all(data), b"content", "in clear");
    client.read_reply().expect(226);
    client.expect("PROT P", 200);
    assert_eq!(client.retr("file"), b"content");
}

#[test]
fn the_level_that_counts_is_the_one_at_the_transfer() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    client.expect("PROT C", 200);
    let data = client.passive();
    client.expect("PROT P", 200);
    client.expect("STOR new", 150);
    let mut data = data;
    std::io::Write::write_all(&mut data, b"under TLS").unwrap();
    drop(data);
    client.read_reply().expect(226);
    assert_eq!(server.read("new"), b"under TLS");
}
