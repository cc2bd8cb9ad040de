//! What `tls_control_required` and `tls_data_required` refuse, and what CCC may.

use crate::{
    channel::{trusting, trusting_over},
    client::Client,
    tls::{VERSIONS, greeted, logged_in, protected, server, server_of},
};

/// Every command that opens a data connection.
const TRANSFERS: [&str; 8] = ["RETR file", "STOR file", "STOR new", "APPE file", "STOU", "LIST", "NLST", "MLSD"];

#[test]
fn with_tls_control_required_nobody_logs_in_in_clear() {
    let server = server("tls_control_required = on\n");
    let mut client = greeted(&server);
    client.expect("USER bob", 530);
    client.expect("PASS secret", [503, 530]);
    client.expect("USER nobody", 530);
    for (command, code) in [("NOOP", 200), ("FEAT", 211), ("SYST", 215)] {
        client.expect(command, code);
    }
    client.auth(&trusting());
    client.login("bob", "secret");
    client.expect("REIN", 220);
    client.login("bob", "secret");
    client.expect("QUIT", 221);
}

#[test]
fn refusals_in_clear_are_no_wrong_passwords() {
    let server =
        server_of("[tls]\ntls = on\ntls_control_required = on\n[server]\nmax_login_attempts = 2\nban_after = 2\n");
    let mut client = greeted(&server);
    for _ in 0..5 {
        client.expect("USER bob", 530);
    }
    client.auth(&trusting());
    client.login("bob", "secret");
}

#[test]
fn with_tls_data_required_no_transfer_begins_in_clear() {
    let server = server("tls_data_required = on\n");
    let mut plain = greeted(&server);
    plain.login("bob", "secret");
    let mut unprotected = logged_in(&server, &trusting());
    for client in [&mut plain, &mut unprotected] {
        for command in TRANSFERS {
            client.expect(command, [521, 425]);
            client.pasv();
            // Not a 150, and then a refusal.
            client.expect(command, 521);
        }
    }
    assert_eq!(server.read("file"), b"content");
    assert_eq!(std::fs::read_dir(server.home()).unwrap().count(), 1, "nothing was made");
    unprotected.protect();
    assert_eq!(unprotected.retr("file"), b"content");
}

#[test]
fn with_tls_data_required_prot_c_is_534_and_the_level_stays() {
    let server = server("tls_data_required = on\n");
    let mut client = protected(&server, &trusting());
    client.expect("PROT C", 534);
    assert_eq!(client.retr("file"), b"content");
    let data = client.passive();
    client.expect("PROT C", 534);
    client.expect("RETR file", 150);
    assert_eq!(crate::data::read_all(data), b"content", "under TLS");
    client.read_reply().expect(226);
}

#[test]
fn a_login_in_clear_is_fine_where_only_data_must_be_protected() {
    let server = server("tls_data_required = on\n");
    let mut client = greeted(&server);
    client.login("bob", "secret");
    client.expect("MKD folder", 257);
}

#[test]
fn where_nothing_is_required_clear_and_secure_clients_live_side_by_side() {
    let server = server("");
    let mut plain = greeted(&server);
    plain.login("bob", "secret");
    plain.expect("TYPE I", 200);
    let mut secure = protected(&server, &trusting());
    for client in [&mut plain, &mut secure] {
        assert_eq!(client.retr("file"), b"content");
        client.stor("new", "x");
    }
}

#[test]
fn rein_keeps_tls_on() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    client.expect("REIN", 220);
    client.expect("PWD", 530);
    client.expect("AUTH TLS", 503);
    client.login("bob", "secret");
    client.expect("PWD", 257);
}

// CCC

/// After the 200 both sides end TLS with close_notify and go on in clear.
#[track_caller]
fn clear_command_channel(client: &mut Client) {
    client.expect("CCC", 200);
    client.channel().close_notify();
    client.channel().go_clear().expect("the server's close_notify");
}

#[test]
fn ccc_is_533_without_tls_and_where_tls_is_required() {
    let optional = server("");
    greeted(&optional).expect("CCC", 533);
    let required = server("tls_control_required = on\n");
    greeted(&required).expect("CCC", 533);
    let mut client = protected(&required, &trusting());
    client.expect("CCC", 533);
    assert_eq!(client.retr("file"), b"content");
}

#[test]
fn after_ccc_commands_are_in_clear_and_data_stays_protected() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    clear_command_channel(&mut client);
    client.expect("PWD", 257);
    client.expect("NOOP", 200);
    assert_eq!(client.retr("file"), b"content");
    client.stor("new", "x");
    client.expect("CCC", 533);
    client.expect("QUIT", 221);
    client.expect_closed();
}

#[test]
fn a_client_may_go_on_in_clear_without_waiting_for_the_servers_close_notify() {
    let server = server("");
    let mut client = protected(&server, &trusting());
    client.expect("CCC", 200);
    let channel = client.channel();
    channel.close_notify();
    std::io::Write::write_all(&mut channel.socket(), b"PWD\r\nNOOP\r\n").unwrap();
    channel.go_clear().expect("the server's close_notify");
    client.read_reply().expect(257);
    client.read_reply().expect(200);
}

/// As curl does it.
#[test]
fn a_client_may_wait_for_the_servers_close_notify_first() {
    let server = server("");
    for versions in VERSIONS {
        let mut client = protected(&server, &trusting_over(versions));
        client.expect("CCC", 200);
        let channel = client.channel();
        let again = channel.clone();
        channel.go_clear().expect("the server's close_notify");
        again.close_notify();
        client.expect("PWD", 257);
        assert_eq!(client.retr("file"), b"content");
    }
}

#[test]
fn what_is_no_end_of_tls_after_ccc_ends_the_session() {
    let server = server_of("[tls]\ntls = on\n[transfer]\nconnect_timeout = 1\n");
    let mut silent = protected(&server, &trusting());
    silent.expect("CCC", 200);
    let mut going_on = protected(&server, &trusting());
    going_on.expect("CCC", 200);
    going_on.try_send_raw("MKD under-tls\r\n");
    for mut client in [silent, going_on] {
        client.expect_closed();
    }
    server.wait_log_times("FTP session closed", 2);
    assert!(!server.home().join("under-tls").exists());
}
