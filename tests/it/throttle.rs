//! Rates: attached, the right way round, shared by an account's sessions, and never in the way of a command.

use std::{
    io::Read,
    time::{Duration, Instant},
};

use crate::{
    data::read_all,
    server::{BOB, Server},
};

const KIB: usize = 1 << 10;

fn server_with_a_file(conf: &str, users: &str, length: usize) -> Server {
    let server = Server::start(conf, users);
    server.write_sparse("file", length as u64);
    server
}

/// A lower bound only: a slow machine makes everything later, nothing earlier.
#[track_caller]
fn expect_at_least(least: Duration, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    assert!(start.elapsed() >= least, "{:?} is faster than the limit allows", start.elapsed());
}

#[test]
fn a_download_keeps_to_max_download_while_uploads_run_free() {
    let server = server_with_a_file("[transfer]\nmax_download = 100K\n", BOB, 4000 * KIB);
    let mut slow = server.login();
    let mut data = slow.passive();
    slow.expect("RETR file", 150);
    data.handshake();
    // Forty seconds' worth of download stand against an upload of as much.
    server.login().stor("upload", vec![0; 4000 * KIB]);
    let mut got = vec![0; 4000 * KIB];
    data.set_nonblocking(true);
    let length = read_available(&mut data, &mut got);
    assert!(length < 4000 * KIB, "the download was not limited");
}

#[test]
fn an_upload_keeps_to_max_upload_while_downloads_run_free() {
    let server = server_with_a_file("[transfer]\nmax_upload = 100K\n", BOB, 4000 * KIB);
    let mut slow = server.login();
    let data = slow.stalled_upload("STOR upload", &[0]);
    let mut sender = data.sender();
    let sending = std::thread::spawn(move || sender(&vec![0; 4000 * KIB]));
    assert_eq!(server.login().retr("file").len(), 4000 * KIB);
    assert!(server.arrived("upload").len() < 4000 * KIB, "the upload was not limited");
    slow.send("ABOR");
    slow.read_reply().expect(426);
    slow.read_reply().expect(226);
    data.shut_down();
    sending.join().unwrap();
}

fn read_available(data: &mut impl Read, buffer: &mut [u8]) -> usize {
    let mut length = 0;
    while let Ok(more @ 1..) = data.read(&mut buffer[length..]) {
        length += more;
    }
    length
}

#[test]
fn the_control_connection_answers_during_a_throttled_transfer() {
    let server = server_with_a_file("[transfer]\nmax_download = 10K\nmax_upload = 10K\n", BOB, 400 * KIB);
    let mut client = server.login();
    let data = client.passive();
    client.expect("RETR file", 150);
    client.expect("NOOP", 200);
    client.expect("STAT", [211, 213]);
    client.send("ABOR");
    client.read_reply().expect(426);
    client.read_reply().expect(226);
    drop(data);
    let mut upload = client.stalled_upload("STOR new", &[0; 1000]);
    let _ = std::io::Write::write_all(&mut upload, &[0; 30_000]);
    client.expect("NOOP", 200);
    client.send("ABOR");
    client.read_reply().expect(426);
    client.read_reply().expect(226);
}

#[test]
fn a_throttled_transfer_is_whole_and_takes_its_time() {
    let server = server_with_a_file("[transfer]\nmax_download = 100K\nmax_upload = 100K\n", BOB, 200 * KIB);
    let mut client = server.login();
    expect_at_least(Duration::from_millis(1000), || assert_eq!(client.retr("file").len(), 200 * KIB));
    let content: Vec<u8> = (0..200 * KIB).map(|index| (index % 251) as u8).collect();
    expect_at_least(Duration::from_millis(1000), || client.stor("new", &content));
    assert!(server.read("new") == content);
}

#[test]
fn the_sessions_of_an_account_share_its_rate() {
    let users = format!("{BOB}max_download = 100K\n[carol]\npassword = secret\nperm = elr\nhome = home\n");
    let server = server_with_a_file("", &users, 100 * KIB);
    let (mut first, mut second) = (server.login(), server.login());
    expect_at_least(Duration::from_millis(1000), || {
        let (one, two) = (first.passive(), second.passive());
        first.expect("RETR file", 150);
        second.expect("RETR file", 150);
        let other = std::thread::spawn(move || read_all(one).len());
        assert_eq!(read_all(two).len(), 100 * KIB);
        assert_eq!(other.join().unwrap(), 100 * KIB);
        first.read_reply().expect(226);
        second.read_reply().expect(226);
    });
    assert_eq!(server.login_as("carol").retr("file").len(), 100 * KIB);
}

#[test]
fn a_throttled_transfer_does_not_spin() {
    let server = server_with_a_file("[transfer]\nmax_download = 100K\n", BOB, 300 * KIB);
    let mut client = server.login();
    let before = server.processor_ticks();
    client.retr("file");
    let used = server.processor_ticks() - before;
    assert!(used < 50, "{used} ticks for a transfer that mostly waits");
}

#[test]
fn a_throttled_transfer_does_not_run_into_the_data_timeout() {
    let server = server_with_a_file("[transfer]\nmax_download = 1K\ndata_timeout = 1\n", BOB, 3 * KIB);
    assert_eq!(server.login().retr("file").len(), 3 * KIB);
}
