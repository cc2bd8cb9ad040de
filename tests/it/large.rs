//! Large files, whose bytes the kernel moves itself (sendfile, splice): every one of them arrives, at every odd size.

use std::io::Write;

use crate::{
    data::reset,
    server::{BOB, Server, eventually},
};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// Around the sizes of buffers, pipes and steps; the last one is what the name says.
const SIZES: [usize; 10] = [
    16 * KIB - 1,
    16 * KIB,
    16 * KIB + 1,
    256 * KIB - 1,
    256 * KIB + 1,
    MIB,
    MIB + 1,
    4 * MIB - 1,
    8 * MIB + 3,
    20_000_003,
];
const WAYS: [&str; 4] = [
    "",
    "[transfer]\natomic_uploads = off\n",
    "[transfer]\nfsync = close\n",
    "[transfer]\nmax_upload = 500M\nmax_download = 500M\n",
];

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

#[test]
fn files_of_every_size_come_back_as_they_went() {
    let whole = content(20_000_003);
    for conf in WAYS {
        let server = Server::start(conf, BOB);
        let mut client = server.login();
        for size in SIZES {
            client.stor("file", &whole[..size]);
            assert!(server.read("file") == whole[..size], "{size} bytes up with {conf:?}");
            assert!(client.retr("file") == whole[..size], "{size} bytes down with {conf:?}");
        }
    }
}

#[test]
fn large_appends_come_behind_what_is_there() {
    let (old, new) = (content(3 * MIB + 1), content(5 * MIB + 7));
    for conf in WAYS {
        let server = Server::start(conf, BOB);
        server.write("file", &old);
        let mut client = server.login();
        client.upload("APPE file", &new).expect(226);
        client.upload("APPE file", &new[..17 * KIB]).expect(226);
        assert!(server.read("file") == [&old[..], &new, &new[..17 * KIB]].concat(), "{conf:?}");
        client.upload("APPE fresh", &new).expect(226);
        assert!(server.read("fresh") == new, "{conf:?}");
    }
}

#[test]
fn large_transfers_begin_in_the_middle() {
    let (old, new) = (content(9 * MIB), vec![0x55; 5 * MIB + 1]);
    for conf in WAYS {
        let server = Server::start(conf, BOB);
        server.write("file", &old);
        let mut client = server.login();
        for start in [1, 4095, MIB + 1, 9 * MIB - 1] {
            client.expect(format!("REST {start}"), 350);
            assert!(client.retr("file") == old[start..], "from {start} with {conf:?}");
        }
        let start = MIB + 1;
        client.expect(format!("REST {start}"), 350);
        client.stor("file", &new);
        let expected = [&old[..start], &new, &old[start + new.len()..]].concat();
        assert!(server.read("file") == expected, "in place, with {conf:?}");
    }
}

#[test]
fn large_uploads_that_break_are_clean_prefixes_and_go_on() {
    let new = content(7 * MIB + 5);
    let server = Server::plain();
    let mut client = server.login();
    for (name, cut) in [("new", 3 * MIB + 1), ("old", 5 * MIB + 3)] {
        if name == "old" {
            server.write(name, "old");
        }
        let mut data = client.passive();
        client.expect(format!("STOR {name}"), 150);
        data.write_all(&new[..cut]).unwrap();
        eventually("all that was sent is written", || server.arrived(name).len() == cut);
        client.expect("STAT", 211);
        reset(data);
        client.read_reply().expect(426);
        assert!(server.arrived(name) == new[..cut]);
        client.expect(format!("REST {cut}"), 350);
        client.stor(name, &new[cut..]);
        assert!(server.read(name) == new, "{name}");
    }
}

#[test]
fn abor_stat_and_noop_are_heard_while_the_kernel_moves_the_bytes() {
    let server = Server::plain();
    let mut client = server.login();
    let mut data = client.passive();
    client.expect("STOR file", 150);
    data.write_all(&content(3 * MIB)).unwrap();
    eventually("it all arrived", || server.arrived("file").len() == 3 * MIB);
    client.expect("NOOP", 200);
    assert!(client.expect("STAT", 211).text().contains(&(3 * MIB).to_string()));
    client.send("ABOR");
    client.read_reply().expect(426);
    client.read_reply().expect(226);
    assert!(server.read("file") == content(3 * MIB));
}

#[test]
fn a_large_text_upload_is_decoded_and_not_spliced() {
    let server = Server::plain();
    let mut client = server.login();
    client.expect("TYPE A", 200);
    let line = "a line of a long text\r\n";
    client.stor("text", line.repeat(100_000));
    assert!(server.read("text") == line.replace("\r\n", "\n").repeat(100_000).as_bytes());
    assert!(client.retr("text") == line.repeat(100_000).as_bytes());
}

#[test]
fn large_transfers_leave_no_descriptor_open() {
    let server = Server::plain();
    let mut client = server.login();
    client.stor("file", content(MIB));
    client.retr("file");
    // The server may keep some passive listeners for the next time.
    for _ in 0..50 {
        client.pasv();
    }
    client.expect("ABOR", 225);
    let before = server.descriptors();
    for _ in 0..10 {
        client.stor("file", content(MIB));
        client.upload("APPE file", content(MIB)).expect(226);
        client.retr("file");
        let data = client.stalled_upload("STOR file", &content(100 * KIB));
        reset(data);
        client.read_reply().expect(426);
    }
    let after = server.descriptors();
    assert!(after <= before, "{before} open descriptors grew to {after}");
}
