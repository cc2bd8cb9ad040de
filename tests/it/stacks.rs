//! Session threads have small stacks: the deepest ways through the server must fit into them, in this (unoptimized) build.

use std::{fs, os::unix::fs::symlink};

use crate::server::{BOB, Server, bare_command};

/// Folders in folders, whose path a command line just holds.
const LEVELS: usize = 60;
const LINKS: usize = 40;

fn deep() -> String {
    vec!["d".repeat(50); LEVELS].join("/")
}

/// A server that logs as much as it can, and a home as deep as it gets.
fn server() -> Server {
    let server = Server::start("[log]\nlog_level = debug\nlog_format = json\nlog_file = ftpd.log\n", BOB);
    server.write(format!("{}/file", deep()), "abc");
    for folder in ["", &deep()] {
        let folder = server.home().join(folder);
        for link in 1..=LINKS {
            let next = if link == LINKS { "file".to_owned() } else { format!("link{}", link + 1) };
            symlink(folder.join(next), folder.join(format!("link{link}"))).unwrap();
        }
        for link in 1..=LINKS {
            let next = if link == LINKS { ".".to_owned() } else { format!("folder{}", link + 1) };
            symlink(folder.join(next), folder.join(format!("folder{link}"))).unwrap();
        }
    }
    server.write("file", "abc");
    server
}

#[test]
fn every_command_fits_the_stack_at_the_deepest_path_and_the_longest_chain_of_links() {
    let mut server = server();
    let mut client = server.login();
    for folder in [String::new(), format!("/{}", deep())] {
        client.expect(format!("CWD {folder}/"), 250);
        client.expect("PWD", 257);
        client.expect("CWD folder1", 250);
        client.expect(format!("CWD {folder}/"), 250);
        for file in [format!("{folder}/link1"), "link1".to_owned()] {
            assert_eq!(client.retr(&file), b"abc", "{file}");
            client.expect(format!("SIZE {file}"), 213);
            client.expect(format!("MDTM {file}"), 213);
            client.expect(format!("MLST {file}"), 250);
            client.expect(format!("STAT {file}"), [212, 213]);
            client.expect(format!("HASH {file}"), 213);
            for command in ["XCRC", "XMD5", "XSHA1", "XSHA256", "XSHA512"] {
                client.expect(format!("{command} {file} 0 2"), 250);
            }
            client.expect(format!("AVBL {file}"), 213);
            client.expect(format!("MFMT 20200102030405 {file}"), 213);
            client.expect(format!("MFF modify=20200102030405;UNIX.mode=640; {file}"), 213);
            client.expect(format!("SITE CHMOD 644 {file}"), 200);
            client.stor(&file, "abcdef");
            client.upload(format!("APPE {file}"), "ghi").expect(226);
            client.expect("REST 3", 350);
            client.stor(&file, "DEF");
            client.expect("TYPE A", 200);
            client.stor(&file, "abc");
            assert_eq!(client.retr(&file), b"abc");
            client.expect("TYPE I", 200);
            client.lines(format!("LIST {file}"));
            client.lines(format!("NLST {file}"));
        }
        let entries = client.lines("NLST").len();
        for argument in ["", " *", " l*k[0-9]*", " f?l*1?", " ????", " folder1/*", " folder1"] {
            assert!(!client.lines(format!("LIST{argument}")).is_empty(), "LIST{argument}");
            assert!(!client.lines(format!("NLST{argument}")).is_empty(), "NLST{argument}");
        }
        assert!(client.lines("MLSD").len() >= entries);
        client.lines("MLSD folder1");
        client.expect("STAT .", [212, 213]);
        client.expect("MKD made", 257);
        client.expect("RNFR made", 350);
        client.expect("RNTO moved", 250);
        client.expect("RMD moved", 250);
        client.upload("STOU unique", "x").expect(226);
        client.expect("DELE unique", 250);
        client.cmd("DELE missing/missing");
    }
    client.expect("CWD /link1", 550);
    client.expect("NOOP", 200);
    assert!(server.is_running());
    fs::metadata(server.tree().path("ftpd.log")).unwrap();
}

/// The password of the hashes that others made (see accounts.rs).
const OTHERS: &str = "correct horse; #battery";

#[test]
fn every_kind_of_password_fits_the_stack() {
    let hashes = [
        ("argon2id", made_by_ftpd(), "secret"),
        ("bcrypt", "$2b$04$abcdefghijklmnopqrstuusO8G9lOj7vCr.2PyrcIYgmp6wf.YI2W".to_owned(), OTHERS),
        (
            "sha512crypt",
            "$6$rounds=1000$saltstring$1/govMa.Ey8JJVyT8Mwt.YNyNFY3hSZlFeSqDBF2ThbGrI0KprUouHGCAXjUoT14syrhVGyTLKWjzcCm8Hrev1".to_owned(),
            OTHERS,
        ),
    ];
    let accounts: Vec<String> = hashes
        .iter()
        .map(|(name, hash, _)| format!("[{name}]\npassword = {hash}\nperm = elradfmwMT\nhome = home\n"))
        .collect();
    let conf = "[server]\nauth_failed_delay = 0\nmax_login_attempts = 99\nban_after = 0\n[log]\nlog_level = debug\nlog_format = json\n";
    let mut server = Server::start(conf, &accounts.concat());
    let mut client = server.client();
    for (name, _, password) in hashes {
        client.expect(format!("USER {name}"), 331);
        client.expect(format!("PASS {}", "long".repeat(200)), 530);
        client.expect(format!("USER {name}"), 331);
        client.expect(format!("PASS {password}"), 230);
    }
    assert!(server.is_running());
}

/// The hash of `secret` with the cost that ftpd itself chooses.
fn made_by_ftpd() -> String {
    let mut command = bare_command();
    command.arg("hash-password").stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"secret\n").unwrap();
    let output = crate::server::finish(child);
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
