//! A renewed certificate, and other changes of `[tls]`, without a restart.

use std::fs;

use rustix::process::Signal;

use crate::{
    channel::trusting,
    client::Client,
    server::{BOB, Server, eventually},
    tls::{greeted, protected},
    tls_certificates::{GIVEN, OWN, Pair, shown, told, tree_with, write_private},
};

#[test]
fn a_renewed_certificate_is_served_without_a_signal() {
    let (old, new) = (Pair::new(), Pair::new());
    let server = tree_with(&old, GIVEN).start();
    let mut open = protected(&server, &trusting());
    assert!(shown(&server) == old.der());
    new.write(server.tree());
    assert!(shown(&server) == new.der(), "the next client is shown the new one");
    // Old sessions go on, and so do their data connections.
    open.expect("NOOP", 200);
    assert_eq!(open.retr("file"), b"content");
    assert_eq!(open.retr("file"), b"content");
    eventually("the log tells it", || told(&server, &new.der()) > 0);
    assert_eq!(told(&server, &new.der()), 1, "once");
}

#[test]
fn tools_that_replace_the_files_are_noticed_too() {
    let (old, new) = (Pair::new(), Pair::new());
    let server = tree_with(&old, GIVEN).start();
    // As acme.sh and certbot do it: files beside, renamed into place, one after the other.
    let tree = server.tree();
    write_private(&tree.path("key.new"), &new.private_key);
    fs::write(tree.path("cert.new"), &new.certificate).unwrap();
    fs::rename(tree.path("cert.new"), tree.path("cert.pem")).unwrap();
    assert!(shown(&server) == old.der(), "half a renewal is none");
    fs::rename(tree.path("key.new"), tree.path("key.pem")).unwrap();
    assert!(shown(&server) == new.der());
}

#[test]
fn hangup_brings_a_renewed_certificate_in() {
    let (old, new) = (Pair::new(), Pair::new());
    let server = tree_with(&old, GIVEN).start();
    let mut open = protected(&server, &trusting());
    new.write(server.tree());
    server.signal(Signal::HUP);
    eventually("the new one is told", || told(&server, &new.der()) == 1);
    assert!(shown(&server) == new.der());
    assert_eq!(open.retr("file"), b"content");
}

#[test]
fn hangup_brings_other_files_and_settings_in() {
    let (old, new) = (Pair::new(), Pair::new());
    let server = tree_with(&old, GIVEN).start();
    let tree = server.tree();
    fs::write(tree.path("cert2.pem"), &new.certificate).unwrap();
    write_private(&tree.path("key2.pem"), &new.private_key);
    tree.write_conf("[tls]\ncertificate = cert2.pem\nprivate_key = key2.pem\ntls_control_required = on\n");
    let mut open = protected(&server, &trusting());
    server.signal(Signal::HUP);
    eventually("the new one is shown", || shown(&server) == new.der());
    greeted(&server).expect("USER bob", 530);
    assert_eq!(open.retr("file"), b"content");
}

#[test]
fn hangup_switches_tls_on_and_off_for_new_sessions() {
    let server = Server::start("[tls]\ntls = off\n", BOB);
    let mut before = greeted(&server);
    server.tree().write_conf(OWN);
    server.signal(Signal::HUP);
    eventually("TLS is on", || greeted(&server).cmd("AUTH TLS").code == 234);
    before.expect("AUTH TLS", 502);
    let mut open = protected(&server, &trusting());
    server.tree().write_conf("[tls]\ntls = off\n");
    server.signal(Signal::HUP);
    eventually("TLS is off", || greeted(&server).cmd("AUTH TLS").code == 502);
    assert!(open.lines("NLST").is_empty(), "an old session goes on");
}

#[test]
fn a_changed_port_for_implicit_tls_needs_a_restart() {
    let server = Server::start(OWN, BOB);
    server.tree().write_conf("[tls]\ntls = on\nimplicit_tls_port = 0\n");
    server.signal(Signal::HUP);
    let line = server.wait_log("needs a restart");
    assert!(line.contains("implicit_tls_port"), "{line}");
}

#[test]
fn a_broken_renewal_is_told_once_and_the_old_certificate_stays() {
    let old = Pair::new();
    let server = tree_with(&old, GIVEN).start();
    let mut open = protected(&server, &trusting());
    let errors =
        || server.log_lines("*.pem*").iter().filter(|line| line.starts_with("[E ") || line.starts_with("[W ")).count();
    let before = errors();
    fs::write(server.tree().path("cert.pem"), Pair::new().certificate).unwrap();
    for _ in 0..3 {
        assert!(shown(&server) == old.der());
    }
    server.wait_log("the old certificate stays in use");
    assert_eq!(errors(), before + 1, "told once: {:?}", server.log_lines(".pem"));
    open.expect("NOOP", 200);
    assert_eq!(open.retr("file"), b"content");
    let new = Pair::new();
    new.write(server.tree());
    assert!(shown(&server) == new.der(), "a mended pair is taken in");
    fs::write(server.tree().path("cert.pem"), "no PEM").unwrap();
    for _ in 0..3 {
        assert!(shown(&server) == new.der());
    }
    fs::remove_file(server.tree().path("cert.pem")).unwrap();
    assert!(shown(&server) == new.der(), "also when there is none for a while");
}

#[test]
fn hangup_with_a_broken_certificate_changes_nothing_and_says_why() {
    let old = Pair::new();
    let conf = |text: &str| format!("[server]\nwelcome_msg = {text}\n{GIVEN}");
    let server = tree_with(&old, &conf("old text")).start();
    server.tree().write_conf(&conf("new text"));
    fs::write(server.tree().path("cert.pem"), Pair::new().certificate).unwrap();
    server.signal(Signal::HUP);
    server.wait_log("key.pem");
    assert!(shown(&server) == old.der());
    assert!(Client::clear(server.address()).read_reply().expect(220).text().contains("old text"));
}
