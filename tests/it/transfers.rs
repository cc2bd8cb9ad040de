//! What happens while bytes are in motion, and when they stop.

use std::io::{Read, Write};

use crate::{
    data::{read_all, read_until_broken, reset},
    server::{BOB, Server, eventually},
};

/// Far more than all socket buffers on the way can hold.
const BIG: u64 = 64 << 20;
/// A broken upload to a new name ends alike both ways: what arrived is there.
const BOTH_WAYS: [&str; 2] = ["", IN_PLACE];
/// Bytes appear under the file's name as they come.
const IN_PLACE: &str = "[transfer]\natomic_uploads = off\n";

fn server_with_a_big_file() -> Server {
    let server = Server::plain();
    server.write_sparse("big", BIG);
    server
}

#[test]
fn abor_ends_a_download_that_stands_still() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    let data = client.stalled_download("big");
    client.send("ABOR");
    client.read_reply().expect(426);
    client.read_reply().expect(226);
    assert!((read_until_broken(data).len() as u64) < BIG);
    client.expect("NOOP", 200);
    assert_eq!(client.retr("big").len() as u64, BIG);
}

#[test]
fn abor_with_telnet_bytes_and_urgent_data_is_understood() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    let _data = client.stalled_download("big");
    client.send_raw(b"\xff\xf4");
    client.send_urgent(0xff);
    client.send_raw(b"\xf2ABOR\r\n");
    client.read_reply().expect(426);
    client.read_reply().expect(226);
    client.expect("NOOP", 200);
}

#[test]
fn abor_ends_an_upload_and_keeps_what_came() {
    for conf in BOTH_WAYS {
        let server = Server::start(conf, BOB);
        let mut client = server.login();
        let _data = client.stalled_upload("STOR new", b"prefix");
        eventually("the prefix is on the disk", || server.arrived("new") == b"prefix");
        client.send("ABOR");
        client.read_reply().expect(426);
        client.read_reply().expect(226);
        assert_eq!(server.read("new"), b"prefix");
        client.expect("NOOP", 200);
    }
}

#[test]
fn abor_ends_the_wait_for_a_data_connection() {
    let server = Server::plain();
    let mut client = server.login();
    client.pasv();
    client.send("STOR new");
    client.send("ABOR");
    client.read_reply().expect([425, 426]);
    client.read_reply().expect([225, 226]);
    client.expect("NOOP", 200);
}

#[test]
fn abor_is_seen_behind_waiting_commands() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    let _data = client.stalled_download("big");
    client.send_raw("PWD\r\nSYST\r\nABOR\r\n");
    client.read_reply().expect(426);
    client.read_reply().expect(257);
    client.read_reply().expect(215);
    client.read_reply().expect([225, 226]);
    client.expect("NOOP", 200);
}

#[test]
fn a_flood_of_abors_gets_one_reply_each() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    let _data = client.stalled_download("big");
    client.send_raw("ABOR\r\nNOOP\r\n".repeat(150));
    client.read_reply().expect(426);
    client.read_reply().expect(226);
    client.read_reply().expect(200);
    for _ in 1..150 {
        client.read_reply().expect(225);
        client.read_reply().expect(200);
    }
    client.expect("SYST", 215);
}

#[test]
fn a_line_without_end_ends_a_transfer_and_the_session() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    let _data = client.stalled_download("big");
    client.try_send_raw("x".repeat(70_000));
    client.read_reply().expect(426);
    client.read_reply().expect(500);
    client.expect_closed();
}

#[test]
fn stat_and_noop_are_answered_while_the_data_peer_stands_still() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    let data = client.stalled_download("big");
    client.expect("NOOP", 200);
    client.expect("STAT", [211, 213]);
    client.expect("noop", 200);
    assert_eq!(read_all(data).len() as u64, BIG);
    client.read_reply().expect(226);
}

#[test]
fn stat_and_noop_are_answered_during_an_upload() {
    let server = Server::plain();
    let mut client = server.login();
    let mut data = client.stalled_upload("STOR new", b"first ");
    client.expect("STAT", [211, 213]);
    client.expect("NOOP", 200);
    data.write_all(b"second").unwrap();
    drop(data);
    client.read_reply().expect(226);
    assert_eq!(server.read("new"), b"first second");
}

#[test]
fn other_commands_wait_for_the_end_and_keep_their_order() {
    let server = Server::plain();
    let mut client = server.login();
    let data = client.stalled_upload("STOR new", b"content");
    client.send_raw("PWD\r\nNOOP\r\nSIZE new\r\n");
    eventually("the content is on the disk", || server.arrived("new") == b"content");
    assert!(client.is_silent(), "PWD waits, and NOOP behind it");
    drop(data);
    client.read_reply().expect(226);
    client.read_reply().expect(257);
    client.read_reply().expect(200);
    assert_eq!(client.read_reply().expect(213).message(), b"7");
}

#[test]
fn quit_lets_the_transfer_end() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    let data = client.stalled_download("big");
    client.send("QUIT");
    client.send("MKD late");
    assert_eq!(read_all(data).len() as u64, BIG);
    client.read_reply().expect(226);
    client.read_reply().expect(221);
    client.expect_closed();
    assert!(!server.home().join("late").exists());
}

#[test]
fn a_client_that_vanished_ends_its_download() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    let data = client.stalled_download("big");
    drop(client);
    server.wait_log("FTP session closed");
    assert!((read_until_broken(data).len() as u64) < BIG);
}

#[test]
fn a_client_that_vanished_ends_its_upload() {
    for conf in BOTH_WAYS {
        let server = Server::start(conf, BOB);
        let mut client = server.login();
        let data = client.stalled_upload("STOR new", b"prefix");
        eventually("the prefix is on the disk", || server.arrived("new") == b"prefix");
        client.reset();
        server.wait_log("FTP session closed");
        assert_eq!(server.read("new"), b"prefix");
        drop(data);
    }
}

#[test]
fn a_client_that_vanished_while_the_data_connection_was_awaited_is_noticed() {
    let server = Server::plain();
    let mut client = server.login();
    client.pasv();
    client.send("STOR new");
    drop(client);
    server.wait_log("FTP session closed");
}

#[test]
fn a_reset_upload_is_426_and_keeps_its_prefix() {
    for conf in BOTH_WAYS {
        let server = Server::start(conf, BOB);
        let mut client = server.login();
        let data = client.stalled_upload("STOR new", b"prefix");
        eventually("the prefix is on the disk", || server.arrived("new") == b"prefix");
        reset(data);
        client.read_reply().expect(426);
        assert_eq!(server.read("new"), b"prefix");
        client.expect("SIZE new", 213);
    }
}

#[test]
fn a_broken_upload_can_be_resumed() {
    for conf in BOTH_WAYS {
        let server = Server::start(conf, BOB);
        let mut client = server.login();
        let data = client.stalled_upload("STOR new", b"first ");
        eventually("the prefix is on the disk", || server.arrived("new") == b"first ");
        reset(data);
        client.read_reply().expect(426);
        let size = client.expect("SIZE new", 213);
        client.expect([b"REST ", size.message()].concat(), 350);
        client.stor("new", "second");
        assert_eq!(server.read("new"), b"first second");
    }
}

#[test]
fn without_atomic_uploads_the_bytes_are_seen_as_they_come() {
    let server = Server::start(IN_PLACE, BOB);
    server.write("old", "the old content");
    let mut client = server.login();
    for name in ["new", "old"] {
        let data = client.stalled_upload(&format!("STOR {name}"), b"first ");
        eventually("the prefix is under its name", || server.read(name) == b"first ");
        assert!(server.partials().is_empty());
        assert_eq!(server.login().retr(name), b"first ");
        reset(data);
        client.read_reply().expect(426);
        assert_eq!(server.read(name), b"first ");
        client.expect("REST 6", 350);
        client.stor(name, "second");
        assert_eq!(server.read(name), b"first second");
    }
    let data = client.stalled_upload("APPE old", b" third");
    eventually("what is appended is there", || server.read("old") == b"first second third");
    drop(data);
    client.read_reply().expect(226);
}

#[test]
fn a_reset_download_is_426_and_the_session_lives() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    let data = client.stalled_download("big");
    reset(data);
    client.read_reply().expect(426);
    client.expect("NOOP", 200);
}

#[test]
fn an_upload_that_stalls_is_426_and_the_session_lives() {
    for atomic in ["on", "off"] {
        let server = Server::start(&format!("[transfer]\ndata_timeout = 1\natomic_uploads = {atomic}\n"), BOB);
        let mut client = server.login();
        let _data = client.stalled_upload("STOR new", b"prefix");
        client.read_reply().expect(426);
        assert_eq!(server.read("new"), b"prefix");
        client.expect("NOOP", 200);
        client.stor("new", "whole");
        assert_eq!(server.read("new"), b"whole");
    }
}

#[test]
fn a_download_that_stalls_is_426_and_the_session_lives() {
    let server = Server::start("[transfer]\ndata_timeout = 1\n", BOB);
    server.write_sparse("big", BIG);
    let mut client = server.login();
    let _data = client.stalled_download("big");
    client.read_reply().expect(426);
    client.expect("NOOP", 200);
}

#[test]
fn the_idle_timer_stands_still_in_a_transfer() {
    let server = Server::start("[server]\ntimeout = 1\n[transfer]\nmax_download = 20K\n", BOB);
    server.write_sparse("slow", 50 << 10);
    let mut client = server.login();
    // Some two and a half seconds, more than twice the idle limit.
    assert_eq!(client.retr("slow").len(), 50 << 10);
    client.expect("NOOP", 200);
    client.read_reply().expect(421);
    client.expect_closed();
}

#[test]
fn data_sent_before_the_command_is_not_lost() {
    let server = Server::plain();
    let mut client = server.login();
    let content = vec![b'x'; 10_000];
    let mut data = client.passive();
    data.write_all(&content).unwrap();
    drop(data);
    client.expect("STOR early", 150);
    client.read_reply().expect(226);
    assert_eq!(server.read("early"), content);
}

#[test]
fn the_orderly_end_is_the_end_of_the_sending_half() {
    let server = Server::plain();
    let mut client = server.login();
    let mut data = client.stalled_upload("STOR new", b"content");
    data.finish();
    client.read_reply().expect(226);
    assert_eq!(server.read("new"), b"content");
    assert_eq!(data.read(&mut [0]).unwrap_or(0), 0);
}

#[test]
fn a_second_upload_of_the_same_file_is_450() {
    let server = Server::plain();
    let mut first = server.login();
    let mut data = first.stalled_upload("STOR new", b"from the first");
    let mut second = server.login();
    let _other = second.passive();
    second.expect("STOR new", 450);
    data.write_all(b" client").unwrap();
    drop(data);
    first.read_reply().expect(226);
    assert_eq!(server.read("new"), b"from the first client");
    second.stor("new", "now it is free");
    assert_eq!(server.read("new"), b"now it is free");
}

#[test]
fn appends_add_up() {
    let server = Server::plain();
    let mut client = server.login();
    for piece in ["one ", "two ", "three"] {
        client.upload("APPE log", piece).expect(226);
    }
    assert_eq!(server.read("log"), b"one two three");
}

#[test]
fn what_somebody_else_appends_meanwhile_stays() {
    let server = Server::plain();
    server.write("file", "old,");
    let mut client = server.login();
    let mut data = client.stalled_upload("APPE file", b"first,");
    eventually("the first part is there", || server.read("file") == b"old,first,");
    let mut file = std::fs::File::options().append(true).open(server.home().join("file")).unwrap();
    file.write_all(b"theirs,").unwrap();
    data.write_all(b"second").unwrap();
    drop(data);
    client.read_reply().expect(226);
    assert_eq!(server.read("file"), b"old,first,theirs,second");
}

#[test]
fn a_shorter_file_leaves_no_old_tail() {
    for conf in BOTH_WAYS {
        let server = Server::start(conf, BOB);
        server.write("file", "a long old file");
        let mut client = server.login();
        client.expect("REST 0", 350);
        client.stor("file", "short");
        assert_eq!(server.read("file"), b"short", "{conf}");
    }
}

#[test]
fn stou_finds_another_name_while_somebody_uploads_to_that_one() {
    let server = Server::plain();
    let mut other = server.login();
    let data = other.stalled_upload("STOR new", b"theirs");
    let mut client = server.login();
    client.upload("STOU new", "ours").expect(226);
    drop(data);
    other.read_reply().expect(226);
    assert_eq!((server.read("new"), server.read("new.1")), (b"theirs".to_vec(), b"ours".to_vec()));
}

#[test]
fn sessions_that_want_a_unique_name_get_one_each() {
    let server = Server::plain();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let mut client = server.login();
            scope.spawn(move || (0..10).for_each(|_| drop(client.upload("STOU name", [number]).expect(226))));
        }
    });
    let mut stored: Vec<Vec<u8>> =
        std::fs::read_dir(server.home()).unwrap().map(|entry| std::fs::read(entry.unwrap().path()).unwrap()).collect();
    stored.sort();
    let expected: Vec<Vec<u8>> = (0..8).flat_map(|number| std::iter::repeat_n(vec![number], 10)).collect();
    assert_eq!(stored, expected);
}

#[test]
fn stou_says_the_name_it_stored_under() {
    let server = Server::plain();
    let mut client = server.login();
    let mut names = Vec::new();
    for content in ["one", "two", "three"] {
        let mut data = client.passive();
        let reply = client.expect("STOU", 150).text();
        let name = reply.strip_prefix("150 FILE: ").expect("150 FILE: name").to_owned();
        data.write_all(content.as_bytes()).unwrap();
        drop(data);
        client.read_reply().expect(226);
        assert_eq!(server.read(&name), content.as_bytes());
        names.push(name);
    }
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 3);
}

#[test]
fn a_resumed_download_gives_the_rest() {
    let server = Server::plain();
    let content: Vec<u8> = (0..300_000_u32).map(|index| (index % 251) as u8).collect();
    server.write("file", &content);
    let mut client = server.login();
    for start in [0, 1, 65_535, 65_536, 299_999, 300_000] {
        client.expect(format!("REST {start}"), 350);
        assert_eq!(client.retr("file"), &content[start..], "from {start}");
    }
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_does_not_end_in_226() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    for kind in ["TYPE I", "TYPE A"] {
        server.write_sparse("big", BIG);
        client.expect(kind, 200);
        let data = client.stalled_download("big");
        std::fs::File::options().write(true).open(server.home().join("big")).unwrap().set_len(1000).unwrap();
        let got = read_until_broken(data).len() as u64;
        let reply = client.read_reply();
        assert!(got < BIG && [426, 451].contains(&reply.code), "{kind}: {got} bytes and {reply:?}");
        client.expect("NOOP", 200);
    }
}

#[test]
fn many_transfers_in_one_session_each_get_one_answer() {
    let server = Server::plain();
    let mut client = server.login();
    for round in 0..50 {
        let content = vec![round; 1000 * usize::from(round)];
        client.stor("file", &content);
        assert_eq!(client.retr("file"), content);
    }
    assert!(client.is_silent());
}

#[test]
fn a_waiting_session_uses_no_processor() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    let _data = client.stalled_download("big");
    let mut other = server.login();
    let _upload = other.stalled_upload("STOR new", b"x");
    let mut third = server.login();
    third.pasv();
    third.send("RETR big");
    let before = server.processor_ticks();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let used = server.processor_ticks() - before;
    assert!(used < 20, "{used} ticks in a second in which nothing happened");
}

#[test]
fn a_file_can_be_deleted_while_it_is_read() {
    let server = server_with_a_big_file();
    let mut client = server.login();
    let data = client.stalled_download("big");
    server.login().expect("DELE big", 250);
    assert_eq!(read_all(data).len() as u64, BIG);
    client.read_reply().expect(226);
}
