//! `client_ca`: certificates are asked of clients.

use std::{fs, io::Write, sync::Arc};

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};

use crate::{
    channel::trusting_whoever,
    client::Client,
    server::{BOB, Server, Tree},
    tls::{VERSIONS, greeted, protected, secured},
    tls_certificates::OWN,
    tls_data::{cut_in_the_handshake, expect_untouched},
};

/// An authority of the test's own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub pem: String,
}

impl Authority {
    pub fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "authority of a test");
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate for `name` and its key, as PEM.
    pub fn sign(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }

    /// The settings of a client that shows a certificate of this authority.
    fn client(&self, name: &str, version: usize) -> Arc<ClientConfig> {
        let (certificate, key) = self.sign(name);
        let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap();
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
        Arc::new(trusting_whoever(VERSIONS[version]).with_client_auth_cert(vec![certificate], key).unwrap())
    }
}

fn server_for_clients_of(authority: &Authority) -> Server {
    let tree = Tree::new(&format!("{OWN}client_ca = ca.pem\nimplicit_tls_port = 0\n"), BOB);
    fs::write(tree.path("ca.pem"), &authority.pem).unwrap();
    fs::write(tree.home().join("file"), "content").unwrap();
    tree.start()
}

#[test]
fn with_client_ca_an_upload_that_ends_in_the_handshake_is_none() {
    let authority = Authority::new();
    let server = server_for_clients_of(&authority);
    let mut client = protected(&server, &authority.client("scanner", 0));
    cut_in_the_handshake(&mut client, "STOR new").expect(522);
    expect_untouched(&server, &mut client);
}

#[test]
fn with_client_ca_a_client_with_its_certificate_is_served_and_named_in_the_log() {
    let authority = Authority::new();
    let server = server_for_clients_of(&authority);
    for version in 0..2 {
        let name = format!("scanner-{version}");
        let config = authority.client(&name, version);
        let mut client = protected(&server, &config);
        assert_eq!(client.retr("file"), b"content");
        client.stor("new", "x");
        let line = server.wait_log(&name);
        assert!(line.contains(&client.local().to_string()), "{line}");
        // As many data connections as it likes, resumed or not.
        for _ in 0..20 {
            assert_eq!(client.retr("file"), b"content");
        }
    }
}

/// The handshake fails, or (TLS 1.3, where the client's ends first) the first thing to be read is the refusal.
#[track_caller]
fn expect_no_entry(server: &Server, config: &Arc<ClientConfig>, story: &str) {
    let before = server.log_lines("handshake").len();
    let mut client = greeted(server);
    client.expect("AUTH TLS", 234);
    let mut implicit = Client::implicit(server.implicit_address(), config);
    let shaken = [client.handshake(config), implicit.channel().handshake()];
    for (client, shaken) in [&mut client, &mut implicit].into_iter().zip(shaken) {
        if shaken.is_ok() {
            let _ = client.channel().write_all(b"USER bob\r\nPASS secret\r\nMKD hacked\r\n");
            assert!(std::io::Read::read(client.channel(), &mut [0]).is_err(), "{story}: not a word is said");
        }
    }
    let lines = server.wait_log_times("handshake", before + 2);
    assert!(lines[before..].iter().all(|line| line.contains("certificate")), "{story}: {lines:?}");
    assert!(!server.home().join("hacked").exists());
}

#[test]
fn with_client_ca_a_client_without_a_certificate_is_refused() {
    let server = server_for_clients_of(&Authority::new());
    for versions in VERSIONS {
        let config = Arc::new(trusting_whoever(versions).with_no_client_auth());
        expect_no_entry(&server, &config, "no certificate");
    }
}

#[test]
fn with_client_ca_a_certificate_of_somebody_else_is_refused() {
    let authority = Authority::new();
    let server = server_for_clients_of(&authority);
    // An authority of the same name, with another key.
    let impostor = Authority::new();
    for version in 0..2 {
        expect_no_entry(&server, &impostor.client("intruder", version), "another authority");
        let mut client = protected(&server, &authority.client("friend", version));
        assert_eq!(client.retr("file"), b"content");
    }
}

#[test]
fn a_subject_cannot_forge_log_lines() {
    let authority = Authority::new();
    let server = server_for_clients_of(&authority);
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "evil\r\n[E 2024-11-22 10:00:00] forged\x1b[31m");
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let config =
        trusting_whoever(rustls::ALL_VERSIONS).with_client_auth_cert(vec![certificate.der().clone()], key).unwrap();
    secured(&server, &Arc::new(config)).expect("NOOP", 200);
    server.wait_log("evil");
    assert!(
        !server
            .log_lines("")
            .iter()
            .any(|line| line.starts_with("[E ") || line.contains('\x1b') || line.contains('\r'))
    );
}
