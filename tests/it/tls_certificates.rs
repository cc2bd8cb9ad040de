//! The server's certificate: made once if none is given, read as a pair, refused at the start if it is no good.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, KeyPair};
use rustls::{
    RootCertStore,
    client::{WebPkiServerVerifier, danger::ServerCertVerifier},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject},
};
use sha2::{Digest, Sha256};
use x509_cert::der::Decode;

use crate::{
    channel::trusting,
    server::{BOB, Ended, Server, Tree, bare_command, run_to_its_end},
    tls::{greeted, protected, secured},
    tls_client_certificates::Authority,
};

pub const OWN: &str = "[tls]\ntls = on\n";
pub const GIVEN: &str = "[tls]\ncertificate = cert.pem\nprivate_key = key.pem\n";

/// A certificate for localhost and its key.
pub struct Pair {
    pub certificate: String,
    pub private_key: String,
}

impl Pair {
    pub fn new() -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()]).unwrap().self_signed(&key).unwrap();
        Pair { certificate: certificate.pem(), private_key: key.serialize_pem() }
    }

    pub fn write(&self, tree: &Tree) {
        write_private(&tree.path("key.pem"), &self.private_key);
        fs::write(tree.path("cert.pem"), &self.certificate).unwrap();
    }

    pub fn der(&self) -> Vec<u8> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap().to_vec()
    }
}

pub fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// A tree with a pair for [`GIVEN`].
pub fn tree_with(pair: &Pair, conf: &str) -> Tree {
    let tree = Tree::new(conf, BOB);
    pair.write(&tree);
    fs::write(tree.home().join("file"), "content").unwrap();
    tree
}

/// The certificate that a new client is shown.
#[track_caller]
pub fn shown(server: &Server) -> Vec<u8> {
    let mut client = secured(server, &trusting());
    client.channel().ask(|tls| tls.peer_certificates().expect("a certificate")[0].to_vec())
}

fn fingerprint(der: &[u8]) -> String {
    Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect::<Vec<_>>().join(":")
}

/// How often the log holds this fingerprint.
pub fn told(server: &Server, der: &[u8]) -> usize {
    server.log_lines("").iter().filter(|line| line.to_uppercase().contains(&fingerprint(der))).count()
}

// Self-signed

/// The PEM files beside ftpd.conf, with what they hold.
fn pem_files(tree: &Tree) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(tree.path("")).unwrap().map(|entry| entry.unwrap().path());
    let pem = entries.filter(|path| path.extension().is_some_and(|extension| extension == "pem"));
    let mut files: Vec<_> = pem.map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn without_a_certificate_one_is_made_once_and_its_fingerprint_is_told() {
    let server = Server::start(OWN, BOB);
    let first = shown(&server);
    assert_eq!(told(&server, &first), 1, "at the start");
    assert!(!server.log_lines("SHA-256").is_empty());
    let made = pem_files(server.tree());
    let server = server.kill().start();
    assert!(shown(&server) == first, "the same after a restart");
    assert_eq!(told(&server, &first), 1, "at every start");
    assert!(pem_files(server.tree()) == made);
}

#[test]
fn its_own_certificate_and_key_are_kept_beside_ftpd_conf_for_the_owner_alone() {
    let server = Server::start(OWN, BOB);
    let files = pem_files(server.tree());
    for (path, _) in &files {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o7777, 0o600, "{}", path.display());
    }
    let text: String = files.into_iter().map(|(_, text)| text).collect();
    assert!(CertificateDer::from_pem_slice(text.as_bytes()).unwrap().to_vec() == shown(&server));
    PrivateKeyDer::from_pem_slice(text.as_bytes()).expect("the key");
    // Nothing half-written is left.
    let entries = fs::read_dir(server.tree().path("")).unwrap().map(|entry| entry.unwrap().file_name());
    let others: Vec<_> = entries.filter(|name| !name.as_encoded_bytes().ends_with(b".pem")).collect();
    assert_eq!(others.len(), 3, "ftpd.conf, user.ini and home: {others:?}");
}

#[test]
fn its_own_certificate_is_p_256_and_names_this_machine() {
    let server = Server::start(OWN, BOB);
    let der = shown(&server);
    let parsed = x509_cert::Certificate::from_der(&der).unwrap();
    let key = parsed.tbs_certificate().subject_public_key_info();
    assert_eq!(key.algorithm.oid.to_string(), "1.2.840.10045.2.1");
    let curve = key.algorithm.parameters.as_ref().unwrap().value();
    assert_eq!(curve, [0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], "prime256v1");
    // A client that trusts this certificate reaches the machine by each of its names.
    let certificate = CertificateDer::from(der);
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
    let verify = |name: &str| {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        verifier.verify_server_cert(&certificate, &[], &name, &[], UnixTime::now())
    };
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    for name in ["localhost", "127.0.0.1", &host] {
        verify(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    assert!(verify("example.org").is_err());
    let later = UnixTime::since_unix_epoch(
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap() + Duration::from_secs(86_400 * 365),
    );
    let name = ServerName::try_from("localhost").unwrap();
    verifier.verify_server_cert(&certificate, &[], &name, &[], later).expect("it does not end within a year");
}

#[test]
fn a_certificate_of_its_own_that_cannot_be_kept_does_not_start() {
    let server = Server::start(OWN, BOB);
    let files = pem_files(server.tree());
    let tree = server.kill();
    for (path, _) in &files {
        fs::remove_file(path).unwrap();
        fs::create_dir(path).unwrap();
    }
    let Ended { code, output } = tree.run();
    assert_eq!(code, Some(1), "{output}");
    assert!(files.iter().any(|(path, _)| output.contains(path.to_str().unwrap())), "{output}");
}

#[test]
fn nothing_is_made_where_tls_is_off_or_a_certificate_is_given() {
    let off = Server::start("[tls]\ntls = off\n", BOB);
    assert_eq!(pem_files(off.tree()), []);
    let given = tree_with(&Pair::new(), GIVEN).start();
    assert_eq!(pem_files(given.tree()).len(), 2, "the two that were there");
}

// Given

#[test]
fn a_certificate_switches_tls_on_and_its_path_is_relative_to_ftpd_conf() {
    let pair = Pair::new();
    let tree = tree_with(&pair, GIVEN);
    let mut command = tree.command();
    command.current_dir("/");
    let server = tree.start_as(command);
    assert!(shown(&server) == pair.der());
    assert_eq!(told(&server, &pair.der()), 1);
    assert_eq!(protected(&server, &trusting()).retr("file"), b"content");
}

#[test]
fn tls_off_is_off_whatever_else_is_given() {
    let server = tree_with(&Pair::new(), &format!("{GIVEN}tls = off\n")).start();
    greeted(&server).expect("AUTH TLS", 502);
}

#[test]
fn a_whole_chain_is_sent() {
    let authority = Authority::new();
    let (leaf, key) = authority.sign("localhost");
    let tree = Tree::new(GIVEN, BOB);
    fs::write(tree.path("cert.pem"), format!("{leaf}{}", authority.pem)).unwrap();
    write_private(&tree.path("key.pem"), &key);
    let server = tree.start();
    let mut client = secured(&server, &trusting());
    let chain = client.channel().ask(|tls| tls.peer_certificates().unwrap().len());
    assert_eq!(chain, 2);
}

/// Starts with these files, expects exit code 1, and that `check` says the same; gives what was said.
#[track_caller]
fn refusal(tree: &Tree) -> String {
    let Ended { code, output } = tree.run();
    assert_eq!(code, Some(1), "{output}");
    let mut check = bare_command();
    check.arg("check").arg("-c").arg(tree.path("ftpd.conf")).arg("-u").arg(tree.path("user.ini"));
    let checked = run_to_its_end(check);
    assert_eq!(checked.code, Some(1), "check: {}", checked.output);
    let line =
        output.lines().find(|line| line.contains("ftpd.conf:")).unwrap_or_else(|| panic!("no file and line: {output}"));
    let told = &line[line.find("ftpd.conf:").unwrap()..];
    assert!(checked.output.contains(told), "{told:?} in {}", checked.output);
    output
}

/// The line of ftpd.conf that has this key.
fn line_of(tree: &Tree, key: &str) -> String {
    let text = fs::read_to_string(tree.path("ftpd.conf")).unwrap();
    let index = text.lines().position(|line| line.starts_with(key)).unwrap_or_else(|| panic!("{key} in {text}"));
    format!("ftpd.conf:{}: {key}", index + 1)
}

#[track_caller]
fn expect_said(tree: &Tree, key: &str, words: &[&str]) {
    let output = refusal(tree);
    for part in words.iter().copied().chain([line_of(tree, key).as_str()]) {
        assert!(output.contains(part), "{part:?} is missing in:\n{output}");
    }
}

#[test]
fn a_certificate_that_cannot_be_read_does_not_start() {
    let tree = tree_with(&Pair::new(), GIVEN);
    fs::remove_file(tree.path("cert.pem")).unwrap();
    expect_said(&tree, "certificate", &["cert.pem"]);
    let tree = tree_with(&Pair::new(), GIVEN);
    fs::remove_file(tree.path("key.pem")).unwrap();
    expect_said(&tree, "private_key", &["key.pem"]);
}

#[test]
fn a_file_that_holds_no_certificate_or_no_key_does_not_start() {
    for text in ["", "no PEM\n", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        let tree = tree_with(&Pair::new(), GIVEN);
        fs::write(tree.path("cert.pem"), text).unwrap();
        expect_said(&tree, "certificate", &["cert.pem"]);
        let tree = tree_with(&Pair::new(), GIVEN);
        write_private(&tree.path("key.pem"), text);
        expect_said(&tree, "private_key", &["key.pem"]);
    }
}

#[test]
fn a_key_of_another_certificate_does_not_start() {
    let tree = tree_with(&Pair::new(), GIVEN);
    write_private(&tree.path("key.pem"), &Pair::new().private_key);
    expect_said(&tree, "private_key", &["key.pem"]);
}

#[test]
fn a_key_that_others_can_read_does_not_start() {
    for mode in [0o604, 0o644, 0o602, 0o601, 0o666] {
        let tree = tree_with(&Pair::new(), GIVEN);
        fs::set_permissions(tree.path("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
        // With the command that fixes it.
        expect_said(&tree, "private_key", &["key.pem", "chmod"]);
    }
    for mode in [0o600, 0o400, 0o640] {
        let tree = tree_with(&Pair::new(), GIVEN);
        fs::set_permissions(tree.path("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
        tree.start();
    }
}

#[test]
fn what_needs_tls_does_not_start_without_it() {
    for line in
        ["tls_control_required = on", "tls_data_required = on", "implicit_tls_port = 0", "implicit_tls_port = 990"]
    {
        for tls in ["", "tls = off\n"] {
            let tree = Tree::new(&format!("[tls]\n{tls}{line}\n"), BOB);
            let key = line.split(' ').next().unwrap();
            expect_said(&tree, key, &["tls"]);
        }
    }
}

#[test]
fn a_key_without_a_certificate_and_words_nobody_knows_do_not_start() {
    for (key, value) in [
        ("private_key", "key.pem"),
        ("tls_session_reuse", "always"),
        ("tls_strict_eof", "perhaps"),
        ("tls_control_required", "perhaps"),
        ("implicit_tls_port", "70000"),
        ("client_ca", "missing.pem"),
        ("tls_required", "on"),
    ] {
        let tree = Tree::new(&format!("{OWN}{key} = {value}\n"), BOB);
        expect_said(&tree, key, &[]);
    }
}

#[test]
fn a_client_ca_without_a_certificate_in_it_does_not_start() {
    for text in ["", "no PEM\n"] {
        let tree = Tree::new(&format!("{OWN}client_ca = ca.pem\n"), BOB);
        fs::write(tree.path("ca.pem"), text).unwrap();
        expect_said(&tree, "client_ca", &["ca.pem"]);
    }
}
