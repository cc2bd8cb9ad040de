//! Places, shares, attempts, bans and timers.

use std::{
    io::Read,
    net::{IpAddr, Ipv4Addr},
    thread,
    time::Duration,
};

use crate::{
    channel::{Mode, leave_out},
    client::Client,
    server::{BOB, Server, eventually},
};

const OTHER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Connects, and expects to be turned away; what was said, which is nothing where a connection starts with TLS.
#[track_caller]
pub fn expect_full(server: &Server) -> String {
    let mut refused = Client::connect(server.door());
    if Mode::of_this_run() == Mode::Implicit {
        // A handshake only to say no would cost a thread.
        refused.expect_closed();
        return String::new();
    }
    let reply = refused.read_reply().expect(421);
    refused.expect_closed();
    reply.text()
}

#[test]
fn a_full_server_says_421() {
    let server = Server::start("[server]\nmax_cons = 2\n", BOB);
    let mut first = server.login();
    let _second = server.client();
    expect_full(&server);
    expect_full(&server);
    first.expect("QUIT", 221);
    first.expect_closed();
    server.login();
}

#[test]
fn one_address_over_its_share_gets_421_and_others_none() {
    let server = Server::start("[server]\nmax_cons_per_ip = 2\n", BOB);
    let _first = server.login();
    let _second = server.login();
    expect_full(&server);
    let mut other = Client::connect_from(OTHER_ADDRESS, server.door());
    other.read_reply().expect(220);
}

#[test]
fn the_421_names_the_limit() {
    leave_out!(Implicit: "who is refused before the handshake hears no word");
    let said = |limit: &str| {
        let server = Server::start(&format!("[server]\n{limit} = 1\n"), BOB);
        let _only = server.client();
        expect_full(&server)
    };
    assert_ne!(said("max_cons"), said("max_cons_per_ip"));
}

#[test]
fn no_share_for_one_address_is_no_limit() {
    let server = Server::start("[server]\nmax_cons_per_ip = 0\n", BOB);
    let _clients: Vec<Client> = (0..40).map(|_| server.client()).collect();
}

#[test]
fn a_place_is_free_as_soon_as_the_client_sees_the_end() {
    let server = Server::start("[server]\nmax_cons = 1\n", BOB);
    for round in 0..200 {
        let mut client = Client::connect(server.door());
        let greeting = client.read_reply();
        assert_eq!(greeting.code, 220, "round {round}: {greeting:?}");
        client.expect("QUIT", 221);
        client.expect_closed();
    }
}

#[test]
fn the_places_of_one_address_are_free_again_too() {
    let server = Server::start("[server]\nmax_cons_per_ip = 1\n", BOB);
    for _ in 0..50 {
        let mut client = server.login();
        client.expect("QUIT", 221);
        client.expect_closed();
    }
}

#[test]
fn a_place_is_free_after_a_client_vanished() {
    let server = Server::start("[server]\nmax_cons = 1\n", BOB);
    for round in 0..20 {
        let client = login_as_soon_as_there_is_room(&server);
        if round % 2 == 0 { client.reset() } else { drop(client) }
    }
    login_as_soon_as_there_is_room(&server);
}

/// A client that went without QUIT is noticed a moment later: until then the server is rightly full.
fn login_as_soon_as_there_is_room(server: &Server) -> Client {
    let mut client = None;
    eventually("there is room", || {
        let mut candidate = Client::connect(server.door());
        let admitted = candidate.try_read_reply().is_some_and(|reply| reply.code == 220);
        client = Some(candidate);
        admitted
    });
    let mut client = client.unwrap();
    client.login("bob", "secret");
    client
}

#[test]
fn an_account_over_its_own_limit_is_refused() {
    let server =
        Server::start("", &format!("{BOB}max_cons = 1\n[carol]\npassword = secret\nperm = elr\nhome = home\n"));
    let mut first = server.login();
    let mut second = server.client();
    second.expect("USER bob", 331);
    second.expect("PASS secret", [421, 530]);
    server.login_as("carol");
    first.expect("QUIT", 221);
    first.expect_closed();
    server.login();
}

#[test]
fn rein_gives_the_accounts_place_back() {
    let server = Server::start("", &format!("{BOB}max_cons = 1\n"));
    let mut first = server.login();
    first.expect("REIN", 220);
    server.login();
}

/// Bytes that were left unread would make the end a reset, which takes the last reply away from many clients.
#[test]
fn a_client_that_is_shown_out_may_have_sent_more() {
    let server = Server::start("[server]\nmax_login_attempts = 1\nauth_failed_delay = 0\n", BOB);
    for (first, code) in [("USER bob\r\nPASS wrong\r\n", 530), ("USER bob\r\nQUIT\r\n", 221)] {
        let mut client = Client::clear(server.address());
        client.read_reply().expect(220);
        client.send_raw([first, &"NOOP\r\n".repeat(4000)].concat());
        client.read_reply().expect(331);
        client.read_reply().expect(code);
        assert_eq!(client.handle().read(&mut [0]).ok(), Some(0), "an end in good order");
    }
}

#[test]
fn wrong_passwords_close_the_connection_after_the_allowed_number() {
    let server = Server::start("[server]\nmax_login_attempts = 2\nauth_failed_delay = 0\n", BOB);
    let mut client = server.client();
    client.expect("USER bob", 331);
    client.expect("PASS wrong", 530);
    client.expect("USER bob", 331);
    client.expect("PASS wrong", [530, 421]);
    client.expect_closed();
    server.login();
}

#[test]
fn an_address_that_guesses_is_banned_and_others_are_not() {
    let server =
        Server::start("[server]\nban_after = 3\nban_time = 1h\nmax_login_attempts = 2\nauth_failed_delay = 0\n", BOB);
    let mut bystander = Client::connect_from(OTHER_ADDRESS, server.door());
    bystander.read_reply().expect(220);
    for _ in 0..3 {
        let mut guesser = server.client();
        guesser.expect("USER bob", 331);
        guesser.expect("PASS wrong", [530, 421]);
    }
    let mut banned = Client::connect(server.door());
    if let Some(reply) = banned.try_read_reply() {
        reply.expect(421);
        banned.expect_closed();
    }
    bystander.login("bob", "secret");
    let mut other = Client::connect_from(OTHER_ADDRESS, server.door());
    other.read_reply().expect(220);
}

#[test]
fn a_banned_address_is_refused_on_connections_that_stood_before() {
    let server = Server::start("[server]\nban_after = 2\nban_time = 1h\nauth_failed_delay = 0\n", BOB);
    let mut standing: Vec<Client> = (0..3).map(|_| server.client()).collect();
    for guesser in &mut standing[..2] {
        guesser.expect("USER bob", 331);
        guesser.expect("PASS wrong", [530, 421]);
    }
    standing[2].expect("USER bob", 331);
    standing[2].expect("PASS secret", 421);
    standing[2].expect_closed();
}

#[test]
fn a_ban_ends() {
    let server = Server::start("[server]\nban_after = 1\nban_time = 1s\nauth_failed_delay = 0\n", BOB);
    let mut guesser = server.client();
    guesser.expect("USER bob", 331);
    guesser.expect("PASS wrong", [530, 421]);
    eventually("the ban ends", || {
        Client::connect(server.door()).try_read_reply().is_some_and(|reply| reply.code == 220)
    });
}

#[test]
fn unknown_names_count_as_wrong_passwords() {
    let server = Server::start("[server]\nban_after = 2\nban_time = 1h\nauth_failed_delay = 0\n", BOB);
    for _ in 0..2 {
        let mut guesser = server.client();
        guesser.expect("USER nobody", 331);
        guesser.expect("PASS x", [530, 421]);
    }
    let banned = Client::connect(server.door()).try_read_reply();
    assert!(banned.is_none_or(|reply| reply.code == 421));
}

#[test]
fn unknown_users_and_wrong_passwords_look_the_same() {
    let server = Server::start("[server]\nauth_failed_delay = 0\nban_after = 0\n", BOB);
    let mut client = server.client();
    let known = (client.cmd("USER bob").text(), client.cmd("PASS wrong").text());
    let unknown = (client.cmd("USER nobody").text(), client.cmd("PASS wrong").text());
    assert_eq!(known, unknown);
}

#[test]
fn every_refusal_has_the_same_text_and_waits_for_the_same_delay() {
    let users = format!("{BOB}[carol]\npassword = secret\nperm = elr\nhome = home\nallow_from = 10.0.0.0/8\n");
    let server = Server::start("[server]\nauth_failed_delay = 2\n", &users);
    let mut other = server.login();
    let login = |(name, password): (&str, &str)| {
        let mut client = server.client();
        client.expect(format!("USER {name}"), 331);
        client.send(format!("PASS {password}"));
        client
    };
    let mut refused = [("bob", "wrong"), ("nobody", "wrong"), ("carol", "secret")].map(login);
    // A delay that was none would be over by now.
    for _ in 0..50 {
        other.expect("NOOP", 200);
    }
    assert!(refused.iter_mut().all(Client::is_silent), "nobody has heard anything yet");
    let mut texts = refused.map(|mut client| client.read_reply().expect(530).text()).to_vec();
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
}

#[test]
fn anonymous_where_it_is_off_is_refused_at_once_and_is_no_strike() {
    // A delay that held would be longer than a test's patience.
    let server = Server::start("[server]\nauth_failed_delay = 60\nban_after = 1\nmax_login_attempts = 1\n", BOB);
    for name in ["anonymous", "ftp", "Anonymous", "FTP"] {
        let mut client = server.client();
        client.expect(format!("USER {name}"), 331);
        client.expect("PASS me@example.org", 530);
        client.login("bob", "secret");
    }
    server.wait_log_times("refused: anonymous is off", 4);
    // No line that a filter for wrong passwords would count.
    assert!(server.log_lines("failed login").is_empty());
}

#[test]
fn the_tenth_anonymous_try_closes_the_connection_and_no_door() {
    let server = Server::start("[server]\nauth_failed_delay = 60\nban_after = 1\n", BOB);
    let mut client = server.client();
    for _ in 0..10 {
        client.expect("USER anonymous", 331);
        client.expect("PASS x", 530);
    }
    client.expect_closed();
    server.login();
}

#[test]
fn an_account_called_ftp_is_guarded_like_any_other() {
    let users = BOB.replace("[bob]", "[ftp]");
    let server = Server::start("[server]\nauth_failed_delay = 0\nmax_login_attempts = 2\nban_after = 3\n", &users);
    let mut client = server.client();
    client.login("ftp", "secret");
    client.expect("REIN", 220);
    for _ in 0..2 {
        client.expect("USER ftp", 331);
        client.expect("PASS wrong", 530);
    }
    client.expect_closed();
    let mut client = server.client();
    client.expect("USER ftp", 331);
    client.expect("PASS wrong", 530);
    expect_full(&server);
    server.wait_log_times("USER 'ftp' failed login.", 3);
}

#[test]
fn who_waits_for_a_refusal_holds_its_place() {
    let server = Server::start("[server]\nauth_failed_delay = 5\nmax_cons_per_ip = 1\n", BOB);
    let mut guesser = server.client();
    guesser.expect("USER bob", 331);
    guesser.send("PASS wrong");
    expect_full(&server);
    assert!(guesser.is_silent(), "the refusal is still to come");
}

#[test]
fn commands_behind_a_wrong_password_wait_and_are_answered_in_order() {
    let server = Server::start("[server]\nauth_failed_delay = 1\n", BOB);
    let mut client = server.client();
    client.send_raw("USER bob\r\nPASS wrong\r\nNOOP\r\nSYST\r\nUSER bob\r\nPASS secret\r\nPWD\r\n");
    for code in [331, 530, 200, 215, 331, 230, 257] {
        client.read_reply().expect(code);
    }
}

#[test]
fn a_delayed_refusal_holds_up_nobody_else() {
    let server = Server::start("[server]\nauth_failed_delay = 5\n", BOB);
    let mut guesser = server.client();
    guesser.expect("USER bob", 331);
    guesser.send("PASS wrong");
    let mut other = server.login();
    other.expect("PWD", 257);
    assert!(guesser.is_silent(), "the refusal is still to come");
}

#[test]
fn an_idle_session_is_told_421_and_closed() {
    let server = Server::start("[server]\ntimeout = 1\n", BOB);
    let mut client = server.login();
    client.read_reply().expect(421);
    client.expect_closed();
    server.wait_log("FTP session closed");
}

#[test]
fn bytes_without_a_line_end_do_not_keep_a_session_alive() {
    let server = Server::start("[server]\ntimeout = 1\n", BOB);
    expect_bytes_to_count_for_nothing(server.login());
}

/// Sends a byte now and then, and expects the 421 all the same.
#[track_caller]
fn expect_bytes_to_count_for_nothing(mut client: Client) {
    for _ in 0..1000 {
        client.try_send_raw("N");
        thread::sleep(Duration::from_millis(20));
        if !client.is_silent() {
            client.read_reply().expect(421);
            return;
        }
    }
    panic!("single bytes keep a session alive");
}

#[test]
fn a_client_that_says_nothing_is_closed_after_login_timeout() {
    let server = Server::start("[server]\nlogin_timeout = 1\n", BOB);
    let mut client = server.client();
    client.read_reply().expect(421);
    client.expect_closed();
}

#[test]
fn commands_do_not_extend_the_login_timeout() {
    let server = Server::start("[server]\nlogin_timeout = 1\n", BOB);
    let mut client = server.client();
    let mut answered = 0;
    let last = loop {
        client.try_send_raw("NOOP\r\n");
        match client.try_read_reply() {
            Some(reply) if reply.code == 200 => answered += 1,
            last => break last,
        }
        assert!(answered < 1000, "NOOP keeps a stranger in");
        thread::sleep(Duration::from_millis(20));
    };
    last.inspect(|reply| assert_eq!(reply.code, 421));
}

#[test]
fn bytes_do_not_extend_the_login_timeout() {
    let server = Server::start("[server]\nlogin_timeout = 1\n", BOB);
    expect_bytes_to_count_for_nothing(server.client());
}

#[test]
fn a_session_that_logged_in_outlives_the_login_timeout() {
    let server = Server::start("[server]\nlogin_timeout = 1\n", BOB);
    let mut silent = server.client();
    let mut client = server.login();
    silent.read_reply().expect(421);
    client.expect("NOOP", 200);
}

#[test]
fn a_refused_client_that_reads_nothing_blocks_nobody() {
    let server = Server::start("[server]\nmax_cons = 1\n", BOB);
    let mut only = server.login();
    let threads = server.threads();
    let refused: Vec<Client> = (0..50).map(|_| Client::connect(server.door())).collect();
    expect_full(&server);
    assert_eq!(server.threads(), threads, "a refused client costs no thread");
    only.expect("QUIT", 221);
    only.expect_closed();
    server.login();
    drop(refused);
}

#[test]
fn allow_from_keeps_an_account_to_its_networks() {
    let users = format!(
        "{BOB}allow_from = 127.0.0.2, 10.0.0.0/8\n[carol]\npassword = secret\nperm = elr\nhome = home\nallow_from = 127.0.0.0/30\n"
    );
    let server = Server::start("[server]\nauth_failed_delay = 0\nban_after = 0\n", &users);
    let mut stranger = server.client();
    stranger.expect("USER bob", 331);
    stranger.expect("PASS secret", 530);
    let mut welcome = Client::connect_from(OTHER_ADDRESS, server.door());
    welcome.read_reply().expect(220);
    welcome.login("bob", "secret");
    server.login_as("carol");
}
