//! `ftpd kick`: sessions that the administrator ends.

use std::{fs, io::Write, net::Shutdown};

use crate::{
    client::Client,
    data::read_until_broken,
    server::{BOB, Server, eventually},
};

const BIG: u64 = 64 << 20;
const EVE: &str = "[eve]\npassword = secret\nperm = elradfmwMT\nhome = home\n";

#[track_caller]
fn is_kicked(client: &mut Client) {
    let reply = client.read_reply().expect(421);
    assert!(reply.text().contains("administrator"), "{}", reply.text());
    client.expect_closed();
}

#[test]
fn one_session_gets_421_and_the_others_stay() {
    let server = Server::plain();
    let (mut first, mut second, mut third) = (server.login(), server.login(), server.login());
    let ended = server.administer("kick 2");
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), "1 session is told to end\n"));
    is_kicked(&mut second);
    server.wait_log("FTP session closed (kicked)");
    for client in [&mut first, &mut third] {
        client.expect("NOOP", 200);
    }
    let ended = server.administer("kick 1 3 9");
    assert_eq!(ended.code, Some(1), "one of them was not there");
    assert!(
        ended.output.contains("2 sessions") && ended.output.contains("no session has the number 9"),
        "{}",
        ended.output
    );
    is_kicked(&mut first);
    is_kicked(&mut third);
}

#[test]
fn all_of_an_account_go_and_nobody_else() {
    let server = Server::start("", &format!("{BOB}{EVE}"));
    let (mut eve, mut bob, mut stranger) = (server.login_as("eve"), server.login(), server.client());
    assert_eq!(server.administer("kick --user eve").code, Some(0));
    is_kicked(&mut eve);
    bob.expect("NOOP", 200);
    stranger.login("eve", "secret");
    let ended = server.administer("kick --user nobody");
    assert_eq!(ended.code, Some(1));
    assert!(ended.output.contains("no session of nobody is here"), "{}", ended.output);
}

#[test]
fn an_address_is_ended_kept_out_and_let_in_again() {
    let server = Server::start("[server]\nban_time = 20m\n", BOB);
    let mut client = server.login();
    let mut other = Client::connect_from("127.0.0.2".parse().unwrap(), server.door());
    other.read_reply().expect(220);
    let ended = server.administer("kick --address 127.0.0.1 --ban");
    assert_eq!(ended.code, Some(0));
    assert!(ended.output.contains("1 session") && ended.output.contains("kept out for 20m"), "{}", ended.output);
    is_kicked(&mut client);
    let mut refused = Client::connect(server.door());
    if server.door() == server.address() {
        let told = refused.read_reply().expect(421);
        assert!(told.text().contains("kept out by the administrator"), "{}", told.text());
    }
    refused.expect_closed();
    let refusals = "connection refused: Your address is kept out by the administrator*";
    let line = server.wait_log(refusals);
    assert!(!line.contains("ban_after") && !line.contains("password"), "{line}");
    other.login("bob", "secret");
    let status = server.administer("status").output;
    assert!(status.contains("127.0.0.1 (") && status.contains(" left)"), "{status}");
    assert_eq!(server.administer("status --unban 127.0.0.1").code, Some(0));
    assert_eq!(server.administer("status --unban 127.0.0.1").code, Some(1), "once is enough");
    server.login().expect("NOOP", 200);
    // A second ban has its own line.
    assert_eq!(server.administer("kick --address 127.0.0.1 --ban").code, Some(0));
    drop(Client::connect(server.door()));
    server.wait_log_times(refusals, 2);
    // Nobody from there is here, and it is kept out all the same.
    assert_eq!(server.administer("kick --address 192.0.2.7 --ban").code, Some(0));
    assert_eq!(server.administer("kick --address 192.0.2.7").code, Some(1));
}

#[test]
fn a_ban_without_a_time_lasts() {
    let server = Server::start("[server]\nban_time = off\n", BOB);
    let ended = server.administer("kick --address 192.0.2.7 --ban");
    assert!(ended.output.contains("until the server ends"), "{}", ended.output);
    let status = server.ask(r#"{"v":1,"do":"status"}"#);
    assert_eq!(status["bans"], serde_json::json!([{ "address": "192.0.2.7", "left": null }]));
}

#[test]
fn an_upload_over_an_old_file_leaves_the_old_one_and_can_go_on() {
    let server = Server::plain();
    server.write("file", "the old content");
    let mut client = server.login();
    let _data = client.stalled_upload("STOR file", b"new ");
    eventually("the bytes have come", || server.arrived("file") == b"new ");
    assert_eq!(server.administer("kick 1").code, Some(0));
    let reply = client.read_reply().expect(426);
    assert!(reply.text().contains("4 bytes of the new one are kept"), "{}", reply.text());
    is_kicked(&mut client);
    assert_eq!(server.read("file"), b"the old content");
    server.wait_log("STOR * completed=0 bytes=4 *(kicked)");
    assert_eq!(server.ask(r#"{"v":1,"do":"status"}"#)["partials"], 1);
    let mut client = server.login();
    client.expect("REST 4", 350);
    client.upload("STOR file", "content").expect(226);
    assert_eq!(server.read("file"), b"new content");
}

#[test]
fn an_upload_of_a_new_file_keeps_what_came() {
    let server = Server::plain();
    let mut client = server.login();
    let _data = client.stalled_upload("STOR file", b"12345");
    eventually("the bytes have come", || server.arrived("file") == b"12345");
    assert_eq!(server.administer("kick --user bob").code, Some(0));
    client.read_reply().expect(426);
    is_kicked(&mut client);
    assert_eq!(server.read("file"), b"12345");
    assert!(server.partials().is_empty());
}

#[test]
fn a_download_breaks_even_if_nothing_moves() {
    let server = Server::plain();
    server.write_sparse("big", BIG);
    let mut client = server.login();
    let data = client.stalled_download("big");
    assert_eq!(server.administer("kick 1").code, Some(0));
    client.read_reply().expect(426);
    is_kicked(&mut client);
    assert!((read_until_broken(data).len() as u64) < BIG);
}

#[test]
fn a_transfer_whose_client_has_said_quit_breaks_too() {
    let server = Server::plain();
    server.write_sparse("big", BIG);
    let mut client = server.login();
    let data = client.stalled_download("big");
    client.send("QUIT");
    client.handle().shutdown(Shutdown::Write).ok();
    eventually("it has been heard", || server.administer("kick 1").code == Some(0));
    server.wait_log("RETR * completed=0 *(kicked)");
    assert!((read_until_broken(data).len() as u64) < BIG);
}

#[test]
fn one_that_waits_for_its_data_connection_or_types_its_password_goes_at_once() {
    let server = Server::plain();
    server.write("file", "x");
    let mut waits = server.login();
    waits.pasv();
    waits.send("RETR file");
    let mut types = server.client();
    types.expect("USER bob", 331);
    assert_eq!(server.administer("kick 1 2").code, Some(0));
    waits.read_reply().expect(426);
    is_kicked(&mut waits);
    is_kicked(&mut types);
    assert!(server.sessions().is_empty() || server.sessions().len() < 2);
}

#[test]
fn what_was_acknowledged_stays() {
    let server = Server::plain();
    let mut client = server.login();
    client.stor("whole", "all of it");
    let mut data = client.stalled_upload("STOR broken", b"1");
    data.write_all(b"2").unwrap();
    assert_eq!(server.administer("kick 1").code, Some(0));
    client.read_reply().expect(426);
    assert_eq!(fs::read(server.home().join("whole")).unwrap(), b"all of it");
    let mut client = server.login();
    assert_eq!(client.retr("whole"), b"all of it");
}
