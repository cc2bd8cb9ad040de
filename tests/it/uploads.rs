//! A file is replaced only when the new one is whole, and what broke can go on: STOR, REST + STOR, APPE.

use std::{
    fs,
    io::Write,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::Path,
};

use crate::{
    client::{Client, Reply},
    data::{Data, read_all, reset},
    server::{BOB, Server, Tree, eventually},
};

pub const OLD: &[u8] = b"the old content";
/// More than the first buffer of the server, so that every way of receiving is gone.
const LENGTH: usize = 100_000;
/// Another account of the same home, and one whose home is the folder above.
const EVE: &str = "[eve]\npassword = secret\nperm = elradfmwMT\nhome = home\n\
                   [adm]\npassword = secret\nperm = elradfmwMT\nhome = above\n";

/// The new content of a file.
pub fn content() -> Vec<u8> {
    (0..LENGTH).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

fn server_with_an_old_file() -> Server {
    let tree = Tree::new("", &format!("{BOB}{EVE}"));
    tree.put_home_below("above");
    let server = tree.start();
    server.write("file", OLD);
    server
}

/// A STOR of which `start` has arrived in a partial.
#[track_caller]
fn half_stored(server: &Server, client: &mut Client, name: &str, start: &[u8]) -> Data {
    let data = client.stalled_upload(&format!("STOR {name}"), start);
    eventually("what was sent is in the partial", || server.arrived(name).len() == start.len());
    data
}

/// A STOR that broke after `start`; the reply is its 426.
#[track_caller]
fn broken(server: &Server, client: &mut Client, name: &str, start: &[u8]) -> Reply {
    let data = half_stored(server, client, name, start);
    reset(data);
    client.read_reply().expect(426)
}

/// Does the text of a reply hold this number?
#[track_caller]
fn expect_number(reply: &Reply, number: usize) {
    let text = reply.text();
    let mut numbers = text.split(|letter: char| !letter.is_ascii_digit());
    assert!(numbers.any(|word| word == number.to_string()), "{number} stands in {reply:?}");
}

#[track_caller]
fn expect_only_the_old(server: &Server, name: &str) {
    assert_eq!(server.read(name), OLD);
}

// Broken overwrites

/// Breaks a STOR over `file` in some way, then tries every wrong way to go on, and the right one.
#[track_caller]
fn a_break_keeps_the_old_file(conf: &str, end: impl FnOnce(&Server, Client, Data) -> Option<(Client, Reply)>) {
    let server = Server::start(conf, BOB);
    server.write("file", OLD);
    let (new, kept) = (content(), 40_000);
    let mut client = server.login();
    let data = half_stored(&server, &mut client, "file", &new[..kept]);
    expect_only_the_old(&server, "file");
    let mut client = match end(&server, client, data) {
        Some((client, reply)) => {
            expect_number(&reply, kept);
            client
        }
        None => server.login(),
    };
    expect_only_the_old(&server, "file");
    assert_eq!(client.expect("SIZE file", 213).message(), OLD.len().to_string().as_bytes());
    for wrong in [1, OLD.len(), kept - 1, kept + 1, new.len(), 1 << 40] {
        client.expect(format!("REST {wrong}"), 350);
        client.passive();
        client.expect("STOR file", 554);
    }
    client.passive();
    client.expect("APPE file", 554);
    expect_only_the_old(&server, "file");
    client.expect(format!("REST {kept}"), 350);
    client.stor("file", &new[kept..]);
    assert!(server.read("file") == new, "the resumed file is the whole new one");
    assert!(server.partials().is_empty());
}

#[test]
fn an_overwrite_that_is_reset_keeps_the_old_file_and_can_go_on() {
    a_break_keeps_the_old_file("", |_, mut client, data| {
        reset(data);
        let reply = client.read_reply().expect(426);
        Some((client, reply))
    });
}

#[test]
fn an_overwrite_that_is_aborted_keeps_the_old_file_and_can_go_on() {
    a_break_keeps_the_old_file("", |_, mut client, _data| {
        client.send("ABOR");
        let reply = client.read_reply().expect(426);
        client.read_reply().expect(226);
        Some((client, reply))
    });
}

#[test]
fn an_overwrite_that_stalls_keeps_the_old_file_and_can_go_on() {
    a_break_keeps_the_old_file("[transfer]\ndata_timeout = 1\n", |_, mut client, _data| {
        let reply = client.read_reply().expect(426);
        Some((client, reply))
    });
}

#[test]
fn an_overwrite_whose_client_vanished_keeps_the_old_file_and_can_go_on() {
    a_break_keeps_the_old_file("", |server, client, _data| {
        client.reset();
        server.wait_log("FTP session closed");
        None
    });
}

#[test]
fn a_client_that_left_in_order_on_both_connections_did_not_finish_its_overwrite() {
    a_break_keeps_the_old_file("", |server, client, data| {
        // As the system closes the descriptors of a killed program: the control connection first.
        drop(client);
        data.cut();
        server.wait_log("FTP session closed");
        None
    });
}

#[test]
fn an_overwrite_can_break_more_than_once() {
    let server = server_with_an_old_file();
    let new = content();
    let mut client = server.login();
    broken(&server, &mut client, "file", &new[..1000]);
    for (from, to) in [(1000, 30_000), (30_000, 30_001), (30_001, 90_000)] {
        client.expect(format!("REST {from}"), 350);
        let data = client.stalled_upload("STOR file", &new[from..to]);
        eventually("what was sent is in the partial", || server.arrived("file").len() == to);
        expect_only_the_old(&server, "file");
        reset(data);
        expect_number(&client.read_reply().expect(426), to);
    }
    client.expect("REST 90000", 350);
    client.stor("file", &new[90_000..]);
    assert!(server.read("file") == new);
}

#[test]
fn an_overwrite_without_a_byte_can_only_begin_again() {
    let server = server_with_an_old_file();
    let mut client = server.login();
    let data = client.stalled_upload("STOR file", b"");
    reset(data);
    expect_number(&client.read_reply().expect(426), 0);
    expect_only_the_old(&server, "file");
    // What a client does that takes the old file for the part that arrived.
    client.expect(format!("REST {}", OLD.len()), 350);
    client.pasv();
    client.expect("STOR file", 554);
    client.expect("APPE file", 554);
    expect_only_the_old(&server, "file");
    client.stor("file", "new");
    assert_eq!(server.read("file"), b"new");
    assert!(server.partials().is_empty());
}

#[test]
fn nothing_is_empty_until_the_end_and_an_empty_file_replaces_too() {
    let server = server_with_an_old_file();
    let mut client = server.login();
    let data = client.stalled_upload("STOR file", b"");
    client.expect("STAT", 211);
    expect_only_the_old(&server, "file");
    drop(data);
    client.read_reply().expect(226);
    assert_eq!(server.read("file"), b"");
}

#[test]
fn a_plain_stor_drops_what_was_kept() {
    let server = server_with_an_old_file();
    let new = content();
    let mut client = server.login();
    broken(&server, &mut client, "file", &new[..50_000]);
    client.stor("file", "short");
    assert_eq!(server.read("file"), b"short");
    assert!(server.partials().is_empty());
    client.expect("REST 50000", 350);
    client.passive();
    client.expect("STOR file", 554);
    assert_eq!(server.read("file"), b"short");
}

#[test]
fn a_plain_stor_that_breaks_earlier_keeps_only_its_own_bytes() {
    let server = server_with_an_old_file();
    let mut client = server.login();
    broken(&server, &mut client, "file", &content()[..50_000]);
    let data = client.stalled_upload("STOR file", b"other");
    eventually("the partial begins again", || server.arrived("file") == b"other");
    reset(data);
    expect_number(&client.read_reply().expect(426), 5);
    client.expect("REST 50000", 350);
    client.passive();
    client.expect("STOR file", 554);
    client.expect("REST 5", 350);
    client.stor("file", " content");
    assert_eq!(server.read("file"), b"other content");
}

#[test]
fn dele_drops_what_was_kept() {
    let server = server_with_an_old_file();
    let mut client = server.login();
    broken(&server, &mut client, "file", &content()[..10]);
    client.expect("DELE file", 250);
    assert!(server.partials().is_empty() && !server.home().join("file").exists());
    client.expect("REST 10", 350);
    client.passive();
    client.expect("STOR file", 554);
    server.write("file", OLD);
    client.expect("REST 10", 350);
    client.stor("file", "in place, as nothing is pending");
    assert_eq!(server.read("file"), [&OLD[..10], b"in place, as nothing is pending"].concat());
}

#[test]
fn what_another_account_kept_is_its_own() {
    let server = server_with_an_old_file();
    let (mut bob, mut eve) = (server.login(), server.login_as("eve"));
    broken(&server, &mut bob, "file", b"bob's ");
    // For eve nothing is pending.
    eve.expect("REST 6", 350);
    eve.passive();
    eve.expect("REST 999", 350);
    eve.expect("STOR file", 554);
    eve.expect("REST 4", 350);
    eve.stor("file", "EVE");
    assert_eq!(server.read("file"), b"the EVE content");
    let data = eve.stalled_upload("STOR file", b"eve's own ");
    eventually("there are two partials", || server.partials().len() == 2);
    eventually("eve's is written", || server.partials().iter().any(|path| fs::read(path).unwrap() == b"eve's own "));
    reset(data);
    expect_number(&eve.read_reply().expect(426), 10);
    bob.expect("REST 6", 350);
    bob.stor("file", "file");
    assert_eq!(server.read("file"), b"bob's file");
    eve.expect("REST 10", 350);
    eve.stor("file", "file");
    assert_eq!(server.read("file"), b"eve's own file");
    assert!(server.partials().is_empty());
}

#[test]
fn a_dele_of_one_account_does_not_end_the_upload_of_another() {
    let server = server_with_an_old_file();
    let mut client = server.login();
    let mut data = half_stored(&server, &mut client, "file", b"half ");
    server.login_as("eve").expect("DELE file", 250);
    data.write_all(b"and half").unwrap();
    drop(data);
    client.read_reply().expect(226);
    assert_eq!(server.read("file"), b"half and half");
}

// Resuming without a partial

#[test]
fn rest_and_stor_write_in_place_when_nothing_is_pending() {
    let server = server_with_an_old_file();
    let mut client = server.login();
    client.expect("REST 4", 350);
    let data = client.stalled_upload("STOR file", b"NEW");
    eventually("the bytes are in the file", || server.read("file") == b"the NEW content");
    assert!(server.partials().is_empty());
    reset(data);
    client.read_reply().expect(426);
    assert_eq!(server.read("file"), b"the NEW content");
    client.expect("REST 99", 350);
    client.passive();
    client.expect("STOR file", 554);
}

#[test]
fn a_broken_append_can_go_on_by_size() {
    let server = server_with_an_old_file();
    let mut client = server.login();
    let data = client.stalled_upload("APPE file", b" and");
    eventually("the bytes are in the file", || server.read("file").len() == OLD.len() + 4);
    reset(data);
    client.read_reply().expect(426);
    let size = client.expect("SIZE file", 213);
    client.expect([b"REST ", size.message()].concat(), 350);
    client.stor("file", " more");
    assert_eq!(server.read("file"), [OLD, b" and more"].concat());
}

#[test]
fn what_arrived_for_a_new_name_is_there_after_the_426_and_can_be_appended_to() {
    let server = Server::plain();
    let new = content();
    let mut client = server.login();
    let data = half_stored(&server, &mut client, "new", &new[..20_000]);
    assert!(!server.home().join("new").exists(), "the name is free until the end");
    let mut other = server.login();
    other.expect("SIZE new", 550);
    assert!(other.lines("NLST").is_empty());
    reset(data);
    expect_number(&client.read_reply().expect(426), 20_000);
    assert!(server.read("new") == new[..20_000] && server.partials().is_empty());
    client.upload("APPE new", &new[20_000..]).expect(226);
    assert!(server.read("new") == new);
}

#[test]
fn a_name_that_was_taken_meanwhile_is_not_overwritten_by_a_broken_upload() {
    let server = Server::plain();
    let mut client = server.login();
    let data = half_stored(&server, &mut client, "new", b"half");
    server.write("new", OLD);
    reset(data);
    client.read_reply().expect(426);
    expect_only_the_old(&server, "new");
    client.expect("REST 4", 350);
    client.stor("new", " and half");
    assert_eq!(server.read("new"), b"half and half");
}

#[test]
fn partials_of_both_kinds_survive_a_kill_of_the_server() {
    let new = content();
    for name in ["old", "new"] {
        for resume in [false, true] {
            let server = Server::plain();
            server.write("old", OLD);
            let mut client = server.login();
            let data = half_stored(&server, &mut client, name, &new[..33_000]);
            let server = server.kill().start();
            drop(data);
            expect_only_the_old(&server, "old");
            let mut client = server.login();
            client.expect("SIZE new", 550);
            if resume {
                client.expect("REST 15", 350);
                client.passive();
                client.expect(format!("STOR {name}"), 554);
                client.expect("REST 33000", 350);
                client.stor(name, &new[33_000..]);
            } else {
                client.stor(name, &new);
            }
            assert!(server.read(name) == new, "{name}, resumed: {resume}");
            assert!(server.partials().is_empty());
        }
    }
}

// Two at once

#[test]
fn readers_see_the_old_file_until_the_new_one_is_whole() {
    let server = server_with_an_old_file();
    let mut reader = server.login();
    let mut writer = server.login();
    let mut data = half_stored(&server, &mut writer, "file", b"half ");
    assert_eq!(reader.retr("file"), OLD);
    assert_eq!(reader.expect("SIZE file", 213).message(), b"15");
    assert_eq!(reader.lines("NLST"), ["file"]);
    data.write_all(b"and half").unwrap();
    drop(data);
    writer.read_reply().expect(226);
    assert_eq!(reader.retr("file"), b"half and half");
}

#[test]
fn who_reads_the_old_file_gets_all_of_it_when_the_new_one_comes() {
    let server = Server::plain();
    server.write_sparse("big", 64 << 20);
    let mut reader = server.login();
    let data = reader.stalled_download("big");
    server.login().stor("big", "new");
    assert_eq!(read_all(data).len(), 64 << 20);
    reader.read_reply().expect(226);
    assert_eq!(server.read("big"), b"new");
}

#[test]
fn what_allo_announced_holds_for_the_name_that_stou_finds_in_the_end_and_for_nothing_after() {
    let server = server_with_an_old_file();
    let (mut client, mut other) = (server.login(), server.login_as("eve"));
    let _busy = half_stored(&server, &mut other, "new", b"x");
    client.expect("ALLO 100", 200);
    client.expect("NOOP", 200);
    assert_eq!(client.lines("NLST"), ["file"]);
    assert_eq!(client.retr("file"), OLD);
    client.upload("STOU new", "abc").expect(226);
    assert_eq!(server.read("new.1"), b"abc");
    server.wait_log("ALLO announced 100 bytes, 3 came");
    client.expect("ALLO 100", 200);
    client.passive();
    client.expect("STOR missing/new", 550);
    client.stor("next", "abc");
    server.wait_log("STOR *next completed=1");
    server.expect_log("ALLO announced", 1);
}

#[test]
fn the_second_writer_is_450_whatever_both_do_and_whatever_way_they_name_the_file() {
    let server = server_with_an_old_file();
    fs::create_dir(server.home().join("folder")).unwrap();
    symlink("file", server.home().join("link")).unwrap();
    symlink("..", server.home().join("folder/up")).unwrap();
    for first in ["STOR file", "APPE file", "STOR link", "STOR fresh", "APPE fresh2"] {
        let name = first.split_once(' ').unwrap().1;
        let mut writer = server.login();
        let data = writer.stalled_upload(first, b"x");
        for second in ["STOR", "APPE"] {
            let mut names = vec![name.to_owned(), format!("folder/../{name}"), format!("folder/up/{name}")];
            if name == "file" {
                names.push("link".to_owned());
            }
            for name in names {
                for user in ["bob", "eve"] {
                    let mut other = server.login_as(user);
                    other.passive();
                    other.expect(format!("{second} {name}"), 450);
                    other.expect("REST 1", 350);
                    other.expect(format!("STOR {name}"), 450);
                }
            }
        }
        let mut other = server.login_as("adm");
        other.passive();
        other.expect(format!("STOR home/{name}"), 450);
        drop(data);
        writer.read_reply().expect(226);
    }
}

#[test]
fn a_server_that_is_stopped_keeps_what_came() {
    let mut server = Server::start("[server]\nshutdown_grace = 0\n", BOB);
    server.write("old", OLD);
    let mut clients = Vec::new();
    for name in ["old", "new"] {
        let mut client = server.login();
        let data = client.stalled_upload(&format!("STOR {name}"), b"half ");
        clients.push((client, data));
    }
    eventually("both arrived", || {
        let partials = server.partials();
        partials.len() == 2 && partials.iter().all(|path| fs::read(path).unwrap() == b"half ")
    });
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(crate::server::exit_code(server.wait_exit()), 0);
    expect_only_the_old(&server, "old");
    assert_eq!(server.read("new"), b"half ");
    let server = server.kill().start();
    let mut client = server.login();
    for name in ["old", "new"] {
        client.expect("REST 5", 350);
        client.stor(name, "and half");
        assert_eq!(server.read(name), b"half and half");
    }
}

#[test]
fn no_data_connection_leaves_everything_as_it_was() {
    let server = Server::start("[transfer]\nconnect_timeout = 1\n", BOB);
    server.write("file", OLD);
    let mut client = server.login();
    for command in ["STOR file", "STOR new", "APPE new", "STOU new"] {
        client.expect(command, 425);
        client.pasv();
        client.expect(command, 425);
    }
    let port = {
        let listener = client.active();
        listener.address()
    };
    client.expect(crate::client::port_command(port), 200);
    client.expect("STOR new", 425);
    expect_only_the_old(&server, "file");
    assert_eq!(fs::read_dir(server.home()).unwrap().count(), 1, "nothing was made");
    // Nor is anything lost of what is pending.
    broken(&server, &mut client, "file", b"half ");
    client.expect("STOR file", 425);
    client.pasv();
    client.expect("STOR file", 425);
    client.expect("REST 5", 350);
    client.expect("STOR file", 425);
    client.expect("REST 5", 350);
    client.stor("file", "and half");
    assert_eq!(server.read("file"), b"half and half");
}

// What a file is besides its bytes

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_replaced_file_keeps_its_mode_and_its_owner() {
    let server = Server::plain();
    let mut client = server.login();
    for wanted in [0o640, 0o755, 0o600, 0o666] {
        server.write("file", OLD);
        let path = server.home().join("file");
        fs::set_permissions(&path, fs::Permissions::from_mode(wanted)).unwrap();
        let is_root = rustix::process::geteuid().is_root();
        if is_root {
            std::os::unix::fs::chown(&path, Some(1234), Some(4321)).unwrap();
        }
        client.stor("file", "new");
        assert_eq!(format!("{:o}", mode(&path)), format!("{wanted:o}"));
        if is_root {
            let metadata = fs::metadata(&path).unwrap();
            assert_eq!((metadata.uid(), metadata.gid()), (1234, 4321));
        }
        broken(&server, &mut client, "file", b"half");
        client.expect("REST 4", 350);
        client.stor("file", " and half");
        assert_eq!(format!("{:o}", mode(&path)), format!("{wanted:o}"), "after a resume");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_replaced_file_never_gets_setuid() {
    let server = Server::plain();
    server.write("file", OLD);
    let path = server.home().join("file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o6755)).unwrap();
    server.login().stor("file", "new");
    assert_eq!(format!("{:o}", mode(&path)), "755");
}

#[test]
fn what_is_kept_of_a_private_file_is_private_too() {
    let server = Server::plain();
    server.write("file", OLD);
    fs::set_permissions(server.home().join("file"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut client = server.login();
    let data = half_stored(&server, &mut client, "file", b"half");
    assert_eq!(mode(server.partials().remove(0)) & 0o077, 0, "while it is written");
    reset(data);
    client.read_reply().expect(426);
    assert_eq!(mode(server.partials().remove(0)) & 0o077, 0, "while it waits");
}

#[test]
fn umask_is_for_new_files_only() {
    for (umask, made) in [("022", 0o644), ("077", 0o600), ("002", 0o664)] {
        let server = Server::start(&format!("[transfer]\numask = {umask}\n"), BOB);
        server.write("old", OLD);
        fs::set_permissions(server.home().join("old"), fs::Permissions::from_mode(0o666)).unwrap();
        let mut client = server.login();
        client.stor("new", "x");
        client.stor("old", "x");
        client.upload("APPE appended", "x").expect(226);
        broken(&server, &mut client, "cut", b"x");
        assert_eq!(mode(server.home().join("old")), 0o666);
        for name in ["new", "appended", "cut"] {
            assert_eq!(format!("{:o}", mode(server.home().join(name))), format!("{made:o}"), "{name} with {umask}");
        }
    }
}

#[test]
fn a_link_inside_the_home_is_written_through() {
    let server = Server::plain();
    server.write("sub/target", OLD);
    symlink("sub/target", server.home().join("link")).unwrap();
    symlink(server.home().join("link"), server.home().join("chain")).unwrap();
    let mut client = server.login();
    for link in ["link", "chain"] {
        client.stor(link, "new");
        assert!(server.home().join(link).is_symlink());
        assert!(!server.home().join("sub/target").is_symlink());
        assert_eq!(server.read("sub/target"), b"new");
        let data = client.stalled_upload(&format!("STOR {link}"), b"half ");
        eventually("the partial is beside the target", || {
            let partials = server.tree().partials("sub");
            partials.iter().any(|path| fs::read(path).unwrap() == b"half ")
        });
        reset(data);
        client.read_reply().expect(426);
        assert_eq!(server.read("sub/target"), b"new");
        // Pending by every name of the file.
        client.passive();
        client.expect("APPE sub/target", 554);
        client.expect("REST 5", 350);
        client.stor("sub/target", "and half");
        assert_eq!(server.read(link), b"half and half");
        server.write("sub/target", OLD);
    }
    assert!(server.partials().is_empty() && server.tree().partials("sub").is_empty());
}

#[test]
fn a_link_to_nothing_or_outside_takes_no_upload() {
    let server = Server::plain();
    fs::write(server.tree().path("outside"), OLD).unwrap();
    symlink("../outside", server.home().join("out")).unwrap();
    symlink("nothing", server.home().join("nowhere")).unwrap();
    symlink("../nothing", server.home().join("out-nowhere")).unwrap();
    let mut client = server.login();
    for name in ["out", "nowhere", "out-nowhere"] {
        for verb in ["STOR", "APPE"] {
            client.passive();
            client.expect(format!("{verb} {name}"), [550, 553]);
        }
    }
    assert_eq!(fs::read(server.tree().path("outside")).unwrap(), OLD);
    assert!(!server.tree().path("nothing").exists() && !server.home().join("nothing").exists());
}

#[test]
fn the_other_names_of_a_hard_link_keep_the_old_content() {
    let server = server_with_an_old_file();
    fs::hard_link(server.home().join("file"), server.home().join("other")).unwrap();
    server.login().stor("file", "new");
    assert_eq!(server.read("file"), b"new");
    assert_eq!(server.read("other"), OLD);
}

#[test]
fn the_longest_names_can_be_uploaded_and_resumed() {
    let server = Server::plain();
    let name = "n".repeat(255);
    let mut client = server.login();
    client.stor(&name, OLD);
    broken(&server, &mut client, &name, b"half ");
    expect_only_the_old(&server, &name);
    client.expect("REST 5", 350);
    client.stor(&name, "and half");
    assert_eq!(server.read(&name), b"half and half");
    broken(&server, &mut client, &"m".repeat(255), b"half ");
    assert_eq!(server.read("m".repeat(255)), b"half ");
    client.passive();
    client.expect(format!("STOR {}", "o".repeat(256)), [550, 553]);
    assert!(server.partials().is_empty());
}

#[test]
fn text_uploads_are_whole_or_not_at_all_too() {
    let server = server_with_an_old_file();
    let mut client = server.login();
    client.expect("TYPE A", 200);
    // Enough to be known as text.
    let data = client.stalled_upload("STOR file", &[&b"one\r\n".repeat(2000)[..], b"two\r"].concat());
    eventually("the first lines are in the partial", || server.arrived("file").starts_with(b"one\none\n"));
    expect_only_the_old(&server, "file");
    reset(data);
    client.read_reply().expect(426);
    expect_only_the_old(&server, "file");
    client.stor("file", "one\r\ntwo\r\n");
    assert_eq!(server.read("file"), b"one\ntwo\n");
}

#[test]
fn a_folder_that_takes_no_new_file_falls_back_to_writing_in_place() {
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere: the server has to be somebody else.
        let Some(server) = server_of_nobody() else { return };
        return writes_in_place_where_it_must(&server);
    }
    writes_in_place_where_it_must(&Server::plain());
}

#[track_caller]
fn writes_in_place_where_it_must(server: &Server) {
    for name in ["closed/writable", "closed/read-only"] {
        server.write(name, OLD);
    }
    let closed = server.home().join("closed");
    fs::set_permissions(closed.join("writable"), fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(closed.join("read-only"), fs::Permissions::from_mode(0o444)).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    let mut client = server.login();
    client.stor("closed/writable", "new");
    assert_eq!(server.read("closed/writable"), b"new");
    for name in ["closed/read-only", "closed/new"] {
        client.passive();
        client.expect(format!("STOR {name}"), [550, 553]);
    }
    expect_only_the_old(server, "closed/read-only");
    // A folder that takes new files is no way around a file that may not be written.
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o777)).unwrap();
    client.passive();
    client.expect("STOR closed/read-only", [550, 553]);
    expect_only_the_old(server, "closed/read-only");
}

/// In a folder like /tmp nobody may put another file in the place of somebody else's, though its bytes may be changed.
#[test]
fn a_file_of_somebody_else_in_a_sticky_folder_is_written_in_place_or_refused_at_once() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can make files of two owners");
        return;
    }
    let Some(server) = server_of_nobody() else { return };
    server.write("shared/file", OLD);
    let (folder, file) = (server.home().join("shared"), server.home().join("shared/file"));
    fs::set_permissions(file, fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o1777)).unwrap();
    let mut client = server.login();
    let mut data = client.passive();
    let reply = client.expect("STOR shared/file", [150, 550, 553]);
    if reply.code == 150 {
        data.write_all(b"new").unwrap();
        drop(data);
        client.read_reply().expect(226);
        assert_eq!(server.read("shared/file"), b"new");
    } else {
        expect_only_the_old(&server, "shared/file");
    }
}

/// A server that root started for nobody; needs setpriv.
fn server_of_nobody() -> Option<Server> {
    let tree = crate::server::Tree::new("", BOB);
    fs::set_permissions(tree.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(tree.home(), fs::Permissions::from_mode(0o777)).unwrap();
    // Under TLS it keeps a certificate there.
    std::os::unix::fs::chown(tree.path(""), Some(65_534), None).unwrap();
    // Where the build lies, nobody may have no way to it.
    let binary = tree.path("ftpd");
    fs::copy(env!("CARGO_BIN_EXE_ftpd"), &binary).unwrap();
    let inner = tree.command();
    let mut command = std::process::Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&binary).args(inner.get_args());
    command.env_remove("RUST_LOG");
    if std::process::Command::new("setpriv").args(["--reuid=65534", "true"]).status().is_err() {
        eprintln!("SKIPPED: setpriv is not installed");
        return None;
    }
    Some(tree.start_as(command))
}

#[test]
fn stou_does_not_try_names_for_ever() {
    let server = Server::plain();
    server.write("name", "");
    for number in 1..1000 {
        server.write(format!("name.{number}"), "");
    }
    let mut client = server.login();
    client.pasv();
    client.expect("STOU name", 550);
    std::fs::remove_file(server.home().join("name.999")).unwrap();
    client.upload("STOU name", "x").expect(226);
    assert_eq!(server.read("name.999"), b"x");
}
