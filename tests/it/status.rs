//! STAT of a folder: a listing on the control connection, sent while it is made.

use std::fs;

use crate::{
    client::Reply,
    server::{BOB, Server},
};

/// Makes a folder of empty files and gives their names in order.
fn fill(server: &Server, folder: &str, count: usize, ending: &str) -> Vec<String> {
    let names: Vec<String> = (0..count).map(|index| format!("file{index:05}{ending}")).collect();
    fs::create_dir(server.home().join(folder)).unwrap();
    for name in &names {
        fs::File::create(server.home().join(folder).join(name)).unwrap();
    }
    names
}

/// The names in a status; fails unless it is one reply whose lines between are each one of `ls -l` behind one blank.
#[track_caller]
fn names(reply: &Reply) -> Vec<String> {
    let [first, entries @ .., last] = &reply.lines[..] else { panic!("several lines: {reply:?}") };
    assert!(first.starts_with(format!("{}-", reply.code).as_bytes()), "{}", first.escape_ascii());
    assert!(last.starts_with(format!("{} ", reply.code).as_bytes()), "{}", last.escape_ascii());
    let name = |line: &Vec<u8>| {
        let text = String::from_utf8(line.clone()).unwrap();
        assert!(text.starts_with(" -rw") && text.split_whitespace().count() == 9, "{text}");
        text.rsplit(' ').next().unwrap().to_owned()
    };
    entries.iter().map(name).collect()
}

#[test]
fn the_status_of_a_folder_names_all_that_is_in_it() {
    let server = Server::plain();
    let mut client = server.login();
    for count in [0, 3, 1200, 20_000] {
        let folder = format!("folder{count}");
        let expected = fill(&server, &folder, count, "");
        for command in [format!("STAT {folder}"), format!("STAT -al {folder}/")] {
            assert!(names(&client.expect(&command, 212)) == expected, "{command}");
        }
        client.expect(format!("CWD /{folder}"), 250);
        assert!(names(&client.expect("STAT -l", 212)) == expected, "{folder}");
        client.expect("CWD /", 250);
    }
    client.expect("NOOP", 200);
    assert!(client.is_silent());
}

#[test]
fn a_slow_reader_of_a_long_status_delays_nobody_and_its_next_commands_have_their_turn() {
    let server = Server::plain();
    // More than the buffers of two sockets hold.
    let expected = fill(&server, "many", 20_000, &"n".repeat(240));
    let few = fill(&server, "few", 3, "");
    let mut slow = server.login();
    for command in ["STAT many", "ABOR", "PWD"] {
        slow.send(command);
    }
    let mut other = server.login();
    for _ in 0..10 {
        assert_eq!(names(&other.expect("STAT few", 212)), few);
        assert_eq!(other.lines("NLST few"), few);
        other.stor("few/new", "x");
        other.expect("DELE few/new", 250);
    }
    assert!(names(&slow.read_reply().expect(212)) == expected);
    slow.read_reply().expect([225, 226]);
    slow.read_reply().expect(257);
    slow.expect("NOOP", 200);
}

#[test]
fn a_client_that_leaves_in_a_long_status_leaves_nothing() {
    let server = Server::plain();
    fill(&server, "many", 20_000, &"n".repeat(240));
    let mut client = server.login();
    client.send("STAT many");
    drop(client);
    server.wait_log("FTP session closed");
    server.login().expect("NOOP", 200);
}

#[test]
fn a_status_tells_files_folders_and_missing_names_apart() {
    let server = Server::start("", BOB);
    server.write("a", "x");
    server.write("blank ", "x");
    server.write("folder/b", "x");
    let mut client = server.login();
    assert_eq!(names(&client.expect("STAT -l a", 213)), ["a"]);
    assert_eq!(names(&client.expect("STAT a", 213)), ["a"]);
    assert!(client.expect("STAT blank ", 213).lines[1].ends_with(b" blank "));
    for name in ["missing", "folder/missing", "a/missing"] {
        client.expect(format!("STAT {name}"), 550);
        client.expect(format!("STAT -al {name}"), 550);
    }
    client.expect("RMD missing", 550);
}
