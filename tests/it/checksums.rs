//! HASH and its like while they run: what the transcripts can't show.

use rustix::process::Signal;

use crate::server::{BOB, Server};

/// More than any machine reads while a test has patience: a server that answers sooner did not read to the end.
const HUGE: u64 = 1 << 40;
const COMMANDS: [&str; 6] = ["HASH", "XCRC", "XMD5", "XSHA1", "XSHA256", "XSHA512"];

fn server_with_a_huge_file() -> Server {
    let server = Server::plain();
    server.write_sparse("huge", HUGE);
    server.write("small", "abc");
    server
}

#[test]
fn abor_ends_a_checksum_at_once() {
    let server = server_with_a_huge_file();
    let mut client = server.login();
    for command in COMMANDS {
        client.send(format!("{command} huge"));
        client.send("ABOR");
        client.read_reply().expect(426);
        client.read_reply().expect(226);
        client.expect("NOOP", 200);
    }
    client.expect("ABOR", 225);
    client.expect("HASH small", 213);
}

#[test]
fn abor_ends_a_checksum_behind_waiting_commands() {
    let server = server_with_a_huge_file();
    let mut client = server.login();
    client.send_raw("HASH huge\r\nPWD\r\nNOOP\r\nABOR\r\n");
    client.read_reply().expect(426);
    client.read_reply().expect(257);
    client.read_reply().expect(200);
    client.read_reply().expect([225, 226]);
    assert!(client.is_silent());
}

#[test]
fn a_client_that_vanished_ends_its_checksum() {
    let server = server_with_a_huge_file();
    for (index, command) in COMMANDS.iter().enumerate() {
        let mut client = server.login();
        client.send(format!("{command} huge"));
        if index.is_multiple_of(2) {
            drop(client)
        } else {
            client.reset()
        }
        server.wait_log_times("FTP session closed", index + 1);
    }
}

#[test]
fn a_server_that_is_stopped_does_not_wait_for_a_checksum() {
    let mut server = Server::start("[server]\nshutdown_grace = 1\n", BOB);
    server.write_sparse("huge", HUGE);
    let mut client = server.login();
    client.send("HASH huge");
    server.signal(Signal::TERM);
    assert_eq!(crate::server::exit_code(server.wait_exit()), 0);
}

#[test]
fn a_checksum_is_of_the_old_file_while_the_new_one_comes() {
    let server = Server::plain();
    server.write("file", "abc");
    let mut writer = server.login();
    let data = writer.stalled_upload("STOR file", b"something else");
    let mut reader = server.login();
    let old = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert!(reader.expect("HASH file", 213).text().contains(old));
    drop(data);
    writer.read_reply().expect(226);
    assert!(!reader.expect("HASH file", 213).text().contains(old));
}

#[test]
fn a_range_is_read_from_its_place_in_a_large_file() {
    let server = Server::plain();
    server.write_sparse("file", 5 << 30);
    let file = std::fs::File::options().write(true).open(server.home().join("file")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"abc", 4 << 30).unwrap();
    let mut client = server.login();
    let start = 4_u64 << 30;
    client.expect(format!("RANG {start} {}", start + 2), 350);
    let reply = client.expect("HASH file", 213).text();
    assert!(reply.contains(&format!("SHA-256 {start}-{} ba7816bf", start + 2)), "{reply}");
    let reply = client.expect(format!("XMD5 file {start} {}", start + 3), 250).text();
    assert!(reply.contains("900150983CD24FB0D6963F7D28E17F72"), "{reply}");
    client.expect(format!("RANG {start} {}", start + 2), 350);
    assert_eq!(client.retr("file"), b"abc");
}

#[test]
fn room_is_told_as_the_system_tells_it() {
    let server = Server::plain();
    let room = |path: &std::path::Path| {
        let space = rustix::fs::statvfs(path).unwrap();
        space.f_bavail * space.f_frsize
    };
    let mut client = server.login();
    // Others write to the same disk meanwhile.
    let (before, reply, after) = (room(&server.home()), client.expect("AVBL", 213), room(&server.home()));
    let told: u64 = String::from_utf8_lossy(reply.message()).parse().expect("a number alone");
    assert!(told.abs_diff(before) < before.abs_diff(after) + (256 << 20), "{before} {told} {after}");
}

#[test]
fn what_is_no_regular_file_is_550_and_does_not_block() {
    let server = Server::plain();
    let fifo = server.home().join("fifo");
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::from_raw_mode(0o666)).unwrap();
    std::os::unix::fs::symlink("../user.ini", server.home().join("out")).unwrap();
    let mut client = server.login();
    for command in COMMANDS {
        for name in ["fifo", "out"] {
            client.expect(format!("{command} {name}"), 550);
        }
    }
}

#[test]
fn control_bytes_of_a_name_are_not_echoed() {
    let server = Server::plain();
    server.write("a\x1b[2Jb", "abc");
    let reply = server.login().expect("HASH a\x1b[2Jb", 213);
    assert!(!reply.lines.concat().iter().any(u8::is_ascii_control), "{reply:?}");
}
