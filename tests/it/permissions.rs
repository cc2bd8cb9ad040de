//! The letters of an account: each command without its letter is refused and leaves no trace.

use crate::{
    client::Client,
    disk::snapshot,
    server::{BOB, Server},
};

const LETTERS: &str = "elradfmwMT";

/// Letter, command that needs it. All name what exists, so that only the letter can refuse them.
const NEEDS: &[(char, &str)] = &[
    ('e', "CWD folder"),
    ('e', "XCWD folder"),
    ('e', "CDUP"),
    ('e', "XCUP"),
    ('l', "LIST"),
    ('l', "LIST folder"),
    ('l', "NLST"),
    ('l', "NLST *"),
    ('l', "MLSD"),
    ('l', "MLST file"),
    ('l', "MLST"),
    ('l', "STAT file"),
    ('l', "STAT folder"),
    ('l', "SIZE file"),
    ('l', "MDTM file"),
    ('l', "AVBL"),
    ('l', "AVBL folder"),
    ('r', "RETR file"),
    ('r', "HASH file"),
    ('r', "XCRC file"),
    ('r', "XMD5 file"),
    ('r', "XSHA1 file"),
    ('r', "XSHA256 file"),
    ('r', "XSHA512 file"),
    ('a', "APPE file"),
    ('d', "DELE file"),
    ('d', "RMD folder"),
    ('d', "XRMD folder"),
    ('f', "RNFR file"),
    ('m', "MKD new"),
    ('m', "XMKD new"),
    ('w', "STOR file"),
    ('w', "STOR new"),
    ('w', "STOU"),
    ('w', "STOU new"),
    ('w', "APPE new"),
    ('M', "SITE CHMOD 600 file"),
    ('M', "MFF UNIX.mode=0600; file"),
    ('T', "MFMT 20010203040506 file"),
    ('T', "MDTM 20010203040506 file"),
    ('T', "MFF modify=20010203040506; file"),
    ('T', "SITE UTIME 20010203040506 file"),
];

/// Verbs that name no file, or none yet.
const NEED_NONE: &[&str] = &[
    "ABOR", "ACCT", "ALLO", "AUTH", "CCC", "CLNT", "EPRT", "EPSV", "FEAT", "HELP", "HOST", "LANG", "MODE", "NOOP",
    "OPTS", "PASS", "PASV", "PBSZ", "PORT", "PROT", "PWD", "QUIT", "RANG", "REIN", "REST", "RNTO", "STRU", "SYST",
    "TYPE", "USER", "XPWD",
];

/// An account `no_x` for each letter, with all letters but that.
fn accounts_without_one_letter() -> String {
    let section = |letter: char| {
        let perm = LETTERS.replace(letter, "");
        // Case tells `m` from `M`, and accounts are told apart by case, too.
        format!("[no_{letter}]\npassword = secret\nperm = {perm}\nhome = home\n")
    };
    LETTERS.chars().map(section).collect()
}

fn server_with_file_and_folder() -> Server {
    let server = Server::start("", &accounts_without_one_letter());
    server.write("file", "content");
    std::fs::create_dir(server.home().join("folder")).unwrap();
    server
}

/// Opens a data port, so that nothing but the letter is missing, and expects the refusal.
#[track_caller]
fn expect_refused(client: &mut Client, command: &str) {
    let _data = client.passive();
    client.expect("REST 0", 350);
    client.expect(command, 550);
}

#[test]
fn without_its_letter_a_command_is_refused_and_leaves_no_trace() {
    let server = server_with_file_and_folder();
    let before = snapshot(&server.home());
    for &(letter, command) in NEEDS {
        let mut client = server.login_as(&format!("no_{letter}"));
        expect_refused(&mut client, command);
        assert_eq!(snapshot(&server.home()), before, "{command} without {letter}");
    }
}

#[test]
fn every_letter_has_a_command_in_the_table() {
    assert!(LETTERS.chars().all(|letter| NEEDS.iter().any(|&(known, _)| known == letter)));
}

#[test]
fn every_verb_that_exists_has_its_letter_in_the_table() {
    let help = Server::plain().login().expect("HELP", 214);
    let verbs = help.lines[1..help.lines.len() - 1].join(&b' ');
    for verb in String::from_utf8(verbs).unwrap().split_whitespace() {
        let is_known = NEEDS.iter().any(|(_, command)| command.split(' ').next() == Some(verb));
        assert!(is_known != NEED_NONE.contains(&verb), "{verb}: which letter does it need?");
    }
}

#[test]
fn one_letter_alone_is_enough() {
    let alone: Vec<&(char, &str)> =
        NEEDS.iter().filter(|(letter, command)| *letter != 'a' && *command != "APPE new").collect();
    for &&(letter, command) in &alone {
        let account = format!("[bob]\npassword = secret\nperm = {letter}\nhome = home\n");
        let server = Server::start("", &account);
        server.write("file", "content");
        std::fs::create_dir(server.home().join("folder")).unwrap();
        let reply = server.login().cmd(command);
        // 425: it went as far as the missing data port.
        assert!(reply.code < 400 || reply.code == 425, "{command} with {letter} alone: {reply:?}");
    }
}

#[test]
fn a_refusal_does_not_tell_whether_the_file_exists() {
    let server = server_with_file_and_folder();
    for (letter, command) in [
        ('e', "CWD file"),
        ('l', "SIZE file"),
        ('l', "MDTM file"),
        ('l', "MLST file"),
        ('l', "STAT file"),
        ('l', "LIST file"),
        ('l', "AVBL file"),
        ('r', "RETR file"),
        ('r', "HASH file"),
        ('r', "XCRC file"),
        ('a', "APPE file"),
        ('w', "STOR file"),
        ('d', "DELE file"),
        ('f', "RNFR file"),
        ('M', "SITE CHMOD 600 file"),
        ('T', "MFMT 20010203040506 file"),
    ] {
        let mut client = server.login_as(&format!("no_{letter}"));
        let existing = client.expect(command, 550).text();
        let missing = client.expect(command.replace("file", "none"), 550).text();
        assert_eq!(existing, missing.replace("none", "file"), "{command}");
    }
}

#[test]
fn rest_and_stor_need_w() {
    let server = server_with_file_and_folder();
    let mut client = server.login_as("no_w");
    let _data = client.passive();
    client.expect("REST 3", 350);
    client.expect("STOR file", 550);
    assert_eq!(server.read("file"), b"content");
}

#[test]
fn a_refused_rnfr_leaves_nothing_for_rnto() {
    let server = server_with_file_and_folder();
    let mut client = server.login_as("no_f");
    client.expect("RNFR file", 550);
    client.expect("RNTO new", [503, 550]);
    assert_eq!(server.read("file"), b"content");
}

#[test]
fn mlsx_perm_facts_follow_the_letters() {
    let users = "[all]\npassword = secret\nperm = elradfmwMT\nhome = home\n[reader]\npassword = secret\nperm = elr\nhome = home\n";
    let server = Server::start("", users);
    server.write("file", "x");
    std::fs::create_dir(server.home().join("folder")).unwrap();
    let perm = |user: &str, name: &str| {
        let reply = server.login_as(user).expect(format!("MLST {name}"), 250).text();
        let (_, facts) = reply.split_once("perm=").expect("a perm fact");
        facts.split(';').next().unwrap().to_owned()
    };
    let sorted = |perm: String| {
        let mut letters: Vec<char> = perm.chars().collect();
        letters.sort_unstable();
        String::from_iter(letters)
    };
    assert_eq!(sorted(perm("all", "file")), "adfrw");
    assert_eq!(sorted(perm("all", "folder")), "cdeflmp");
    assert_eq!(sorted(perm("reader", "file")), "r");
    assert_eq!(sorted(perm("reader", "folder")), "el");
}

#[test]
fn files_and_folders_are_made_with_the_umask() {
    for (conf, file, folder) in [("", "644", "755"), ("[transfer]\numask = 077\n", "600", "700")] {
        let server = Server::start(conf, BOB);
        let mut client = server.login();
        client.stor("file", "x");
        client.expect("MKD folder", 257);
        let mode = |name: &str| {
            use std::os::unix::fs::PermissionsExt;
            format!("{:o}", server.home().join(name).metadata().unwrap().permissions().mode() & 0o7777)
        };
        assert_eq!((mode("file").as_str(), mode("folder").as_str()), (file, folder));
    }
}

#[test]
fn mff_of_two_facts_needs_both_letters() {
    let server = server_with_file_and_folder();
    let before = snapshot(&server.home());
    for letter in ['M', 'T'] {
        let mut client = server.login_as(&format!("no_{letter}"));
        client.expect("MFF modify=20010203040506;UNIX.mode=0600; file", 550);
        client.expect("MFF UNIX.mode=0600;modify=20010203040506; file", 550);
        assert_eq!(snapshot(&server.home()), before, "without {letter}");
    }
}
