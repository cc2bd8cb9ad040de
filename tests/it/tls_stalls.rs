//! Handshakes on data connections that don't come to their end.

use std::{
    io::{Read, Write},
    thread,
    time::Duration,
};

use crate::{
    channel::trusting,
    tls::{logged_in, protected, secured, server, server_of},
    tls_data::{DOWNLOADS, OLD, UPLOADS, bare, expect_untouched, fails_with_522},
};

const SHORT_CONNECT: &str = "[tls]\ntls = on\n[transfer]\nconnect_timeout = 1\n";

#[test]
fn a_stalled_handshake_is_522_after_connect_timeout() {
    fails_with_522(SHORT_CONNECT, Some);
}

#[test]
fn half_a_handshake_is_bounded_too() {
    fails_with_522(SHORT_CONNECT, |mut data| {
        data.write_all(&[22, 3, 1, 2, 0, 1, 0]).unwrap();
        Some(data)
    });
}

#[test]
fn a_stalled_handshake_in_active_mode_is_bounded_too() {
    let server = server_of(SHORT_CONNECT);
    let mut client = protected(&server, &trusting());
    let listener = client.active();
    client.expect("STOR new", 150);
    let _data = listener.accept();
    client.read_reply().expect(522);
    expect_untouched(&server, &mut client);
}

#[test]
fn abor_ends_a_stalled_handshake() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    for command in UPLOADS.iter().chain(&DOWNLOADS) {
        let _data = bare(&mut client);
        client.expect(command, 150);
        client.send("ABOR");
        client.read_reply().expect([426, 522]);
        client.read_reply().expect([225, 226]);
        expect_untouched(&server, &mut client);
    }
}

#[test]
fn stat_and_noop_are_answered_in_a_stalled_handshake() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    let data = bare(&mut client);
    client.expect("STOR new", 150);
    client.expect("NOOP", 200);
    client.expect("STAT", [211, 213]);
    drop(data);
    client.read_reply().expect(522);
    expect_untouched(&server, &mut client);
}

#[test]
fn a_client_that_vanished_in_a_stalled_handshake_is_noticed() {
    let server = server("");
    for round in 0..2 {
        let mut client = protected(&server, &trusting());
        let _data = bare(&mut client);
        client.expect("STOR file", 150);
        if round == 0 {
            drop(client)
        } else {
            client.reset()
        }
        server.wait_log_times("FTP session closed", round + 1);
    }
    assert_eq!(server.read("file"), OLD);
}

#[test]
fn a_stalled_handshake_holds_up_nobody_else() {
    let server = server("");
    let mut stalled = protected(&server, &trusting());
    let _data = bare(&mut stalled);
    stalled.expect("RETR file", 150);
    let mut other = protected(&server, &trusting());
    assert_eq!(other.retr("file"), OLD);
    assert!(stalled.is_silent());
}

#[test]
fn a_data_connection_that_says_nothing_lets_other_commands_through() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    let mut data = bare(&mut client);
    for command in ["NOOP", "PWD", "SIZE file", "MKD folder", "RMD folder"] {
        assert!((200..300).contains(&client.cmd(command).code), "{command}");
    }
    data.write_all(&[22, 3, 1]).unwrap();
    for command in ["NOOP", "PWD", "SIZE file"] {
        assert!((200..300).contains(&client.cmd(command).code), "{command}");
    }
    drop(data);
    client.expect("NOOP", 200);
    assert_eq!(client.retr("file"), OLD);
}

#[test]
fn a_waiting_data_port_uses_no_processor() {
    let server = server("");
    let mut open = protected(&server, &trusting());
    open.pasv();
    let mut silent = protected(&server, &trusting());
    let _data = bare(&mut silent);
    let mut half = protected(&server, &trusting());
    let mut started = bare(&mut half);
    started.write_all(&[22, 3, 1, 2, 0]).unwrap();
    let mut gone = protected(&server, &trusting());
    drop(bare(&mut gone));
    let mut shaken = protected(&server, &trusting());
    let mut early = shaken.passive();
    early.handshake();
    early.write_all(b"sent early").unwrap();
    let mut ended = protected(&server, &trusting());
    let mut finished = ended.passive();
    finished.handshake();
    finished.finish();
    let before = server.processor_ticks();
    thread::sleep(std::time::Duration::from_secs(1));
    let used = server.processor_ticks() - before;
    assert!(used < 20, "{used} ticks in a second in which nothing happened");
}

/// The first bytes of a record that never comes to its end.
const ENDLESS_RECORD: [u8; 5] = [23, 3, 3, 0x40, 0];
/// This many drips, a tenth of a second apart, and the limit of a second does not hold.
const MAX_DRIPS: usize = 200;

#[test]
fn bytes_that_drip_into_a_record_put_no_timeout_off() {
    for (limit, logs_in) in [("login_timeout", false), ("timeout", true)] {
        let server = server_of(&format!("[server]\n{limit} = 1\n[tls]\ntls = on\n"));
        let client = if logs_in { logged_in(&server, &trusting()) } else { secured(&server, &trusting()) };
        let mut raw = client.handle();
        let mut watched = client.handle();
        let closed = thread::spawn(move || while watched.read(&mut [0; 512]).is_ok_and(|read| read > 0) {});
        raw.write_all(&ENDLESS_RECORD).unwrap();
        for _ in 0..MAX_DRIPS {
            if closed.is_finished() || raw.write_all(&[0]).is_err() {
                break;
            }
            thread::sleep(Duration::from_millis(100));
        }
        assert!(closed.is_finished(), "{limit}: the session goes on");
    }
}

#[test]
fn a_client_that_sends_on_and_on_after_a_download_gets_its_226() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    let mut data = client.passive();
    client.expect("RETR file", 150);
    let mut received = [0; OLD.len()];
    data.read_exact(&mut received).unwrap();
    let mut raw = data.channel().socket().try_clone().unwrap();
    let flood = thread::spawn(move || while raw.write_all(&[0; 1 << 16]).is_ok() {});
    client.read_reply().expect(226);
    flood.join().unwrap();
    assert_eq!(received, OLD);
}
