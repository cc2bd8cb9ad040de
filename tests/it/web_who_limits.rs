//! Connections of the web among all others: places, rates, kicks, changed accounts, drains, slow clients, many browsers.

use std::{
    io::{Read, Write},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use socket2::SockRef;

use crate::{
    channel::{Mode, leave_out},
    client::Client,
    server::{BOB, Server, eventually},
    web::{Answer, Web, ask, get, put, request, serve},
    web_who::{Cookie, EVE, form, log_in, page},
};

const BIG: u64 = 64 << 20;
const KIB: usize = 1 << 10;

/// A download that does not move because nobody reads it; its head has come.
#[track_caller]
fn stalled_get(server: &Server, cookie: &Cookie) -> Web {
    let mut web = Web::connect(server);
    web.send(get("/big").of(cookie).bytes());
    assert_eq!(web.answer_without_body().status, 200);
    web
}

/// What a client is told that finds no place: under TLS nothing.
#[track_caller]
fn refused(server: &Server) -> Option<Answer> {
    let mut web = Web::connect(server);
    if Mode::of_this_run() != Mode::Plain {
        assert!(web.is_over());
        return None;
    }
    let answer = web.ask(&get("/")).expect(503);
    assert_eq!(answer.value("Retry-After"), "2");
    assert!(!answer.keeps() && web.is_over());
    Some(answer)
}

/// A client of FTP that is let in as soon as the other connections are known to be idle.
#[track_caller]
fn ftp_gets_in(server: &Server) -> Client {
    let mut client = None;
    eventually("a client of FTP gets in", || {
        let mut candidate = Client::connect(server.door());
        let is_in = candidate.try_read_reply().is_some_and(|reply| reply.code == 220);
        client = Some(candidate);
        is_in
    });
    client.unwrap()
}

/// The same for a browser.
#[track_caller]
fn browser_gets_in(server: &Server) -> Web {
    let mut web = None;
    eventually("a browser gets in", || {
        let mut candidate = Web::connect(server);
        let is_in = candidate.try_ask(&get("/")).is_some_and(|answer| answer.status == 200);
        web = Some(candidate);
        is_in
    });
    web.unwrap()
}

#[test]
fn both_doors_share_the_places_and_idle_connections_of_the_web_give_theirs_up() {
    let server = serve("[server]\nmax_cons = 2\n", BOB);
    let (mut first, second) = (server.client(), server.client());
    for _ in 0..20 {
        if let Some(answer) = refused(&server) {
            assert!(answer.text().contains("All 2 sessions of this server are taken"), "{answer:?}");
        }
    }
    first.expect("QUIT", 221);
    first.expect_closed();
    let mut idle = browser_gets_in(&server);
    // Another client of the web has its place, and then one of FTP.
    let mut next = browser_gets_in(&server);
    assert!(idle.is_over());
    let _third = ftp_gets_in(&server);
    assert!(next.is_over());
    refused(&server);
    drop(second);
    browser_gets_in(&server);
}

#[test]
fn a_refusal_arrives_even_if_the_request_comes_late_or_is_long() {
    leave_out!(Explicit | Implicit: "under TLS nothing is said");
    let server = serve("[server]\nmax_cons = 1\n", BOB);
    let _only = server.client();
    for round in 0..60 {
        let mut web = Web::connect(&server);
        if round % 3 == 0 {
            // The answer is there before the request.
            web.socket().peek(&mut [0]).unwrap();
        }
        let long = put("/file", vec![0; if round % 2 == 0 { 10 } else { 200_000 }]);
        web.try_send(long.bytes());
        web.answer().expect(503);
    }
}

#[test]
fn at_a_full_server_a_client_in_clear_is_answered_and_one_of_tls_is_not() {
    leave_out!(Explicit | Implicit: "it has settings of its own");
    let server = serve("[server]\nmax_cons = 1\n[tls]\ntls = on\n", BOB);
    let _only = server.client();
    for pause in [0, 50] {
        let mut clear = Web::connect(&server);
        thread::sleep(Duration::from_millis(pause));
        clear.ask(&get("/")).expect(503);
        let mut hello = Web::connect(&server);
        thread::sleep(Duration::from_millis(pause));
        hello.send([22, 3, 1]);
        assert!(hello.is_over());
    }
}

#[test]
fn an_address_has_its_places_for_both_doors_and_other_addresses_their_own() {
    let server = serve("[server]\nmax_cons_per_ip = 2\n", BOB);
    server.write_sparse("big", BIG);
    let cookie = log_in(&server, "bob");
    let busy = stalled_get(&server, &cookie);
    let _client = ftp_gets_in(&server);
    if let Some(answer) = refused(&server) {
        assert!(answer.text().contains("Your address has its 2 sessions"), "{answer:?}");
    }
    Web::connect_from("127.0.0.2".parse().unwrap(), &server).ask(&get("/")).expect(200);
    drop(busy);
    browser_gets_in(&server);
}

#[test]
fn one_login_is_one_session_of_its_account_on_any_number_of_connections() {
    let server = serve("", &format!("{BOB}max_cons = 1\n"));
    server.write_sparse("big", BIG);
    let (one, other) = (log_in(&server, "bob"), log_in(&server, "bob"));
    let _busy = stalled_get(&server, &one);
    let mut idle = Web::connect(&server);
    idle.ask(&get("/").of(&one)).expect(200);
    let full = ask(&server, &get("/").of(&other)).expect(503);
    assert!(full.text().contains("only session") && full.field("Retry-After").is_some(), "{full:?}");
    let mut client = server.client();
    client.expect("USER bob", 331);
    client.expect("PASS secret", 421);
    drop(_busy);
    // A login that only has idle connections gives its place up.
    eventually("the place is free", || ask(&server, &get("/").of(&other)).status == 200);
    server.login().expect("NOOP", 200);
}

#[test]
fn rates_hold_for_a_session_and_for_an_account() {
    let conf = "[transfer]\nmax_download = 400K\nmax_upload = 400K\n";
    let server =
        serve(conf, &format!("{BOB}{EVE}max_download = 400K\n[free]\npassword = secret\nperm = elr\nhome = home\n"));
    server.write_sparse("file", 400 << 10);
    let (bob, eve, again) = (log_in(&server, "bob"), log_in(&server, "eve"), log_in(&server, "eve"));
    let took = |requests: &[crate::web::Request]| {
        let begin = Instant::now();
        thread::scope(|scope| {
            for request in requests {
                scope.spawn(|| ask(&server, request).expect([200, 201, 206]));
            }
        });
        begin.elapsed()
    };
    thread::scope(|scope| {
        // Lower bounds only: a slow machine makes everything later, nothing sooner.
        let at_least = |least: f64, requests: Vec<crate::web::Request>| {
            let took = &took;
            scope.spawn(move || {
                let took = took(&requests).as_secs_f64();
                assert!(took >= least, "{took} s, and it should be {least}");
            });
        };
        at_least(0.75, vec![get("/file").of(&log_in(&server, "bob"))]);
        at_least(0.75, vec![get("/file").with("Range", "bytes=0-").of(&log_in(&server, "bob"))]);
        at_least(0.75, vec![put("/put", vec![0; 400 * KIB]).of(&log_in(&server, "bob"))]);
        // Two connections of one session; two sessions of one account.
        at_least(1.5, vec![get("/file").of(&bob), get("/file").of(&bob)]);
        at_least(1.5, vec![get("/file").of(&eve), get("/file").of(&again)]);
    });
}

#[test]
fn a_kick_of_an_account_ends_its_connections_cookies_and_passwords_and_nobody_elses() {
    let server = serve("", &format!("{BOB}{EVE}"));
    server.write_sparse("big", BIG);
    let (bob, eve) = (log_in(&server, "bob"), log_in(&server, "eve"));
    let mut idle_eve = Web::connect(&server);
    idle_eve.ask(&get("/").of(&eve)).expect(200);
    let mut busy = stalled_get(&server, &bob);
    let seen = server.ask(r#"{"v":1,"do":"who"}"#);
    // Eve has her answer, but perhaps her session does not know yet that it is over.
    let session = seen["sessions"].as_array().unwrap().iter().find(|session| session["path"] == "/big").expect("busy");
    assert_eq!((&session["user"], &session["verb"], &session["total"]), (&"bob".into(), &"GET".into(), &BIG.into()));
    assert_eq!(session["address"], busy.channel().local().to_string());
    assert_eq!(session["tls"], Mode::of_this_run() != Mode::Plain);
    assert_eq!(server.administer("kick --user bob").code, Some(0));
    server.wait_log("GET * completed=0 *(kicked)");
    // What the machine has buffered may still come, and not one byte more.
    assert!((busy.rest().len() as u64) < BIG);
    ask(&server, &get("/").of(&bob)).expect(401);
    idle_eve.ask(&get("/").of(&eve)).expect(200);
    // Those that no connection uses at the moment, too.
    let idle = log_in(&server, "bob");
    eventually("nobody is here", || server.sessions().len() == 1);
    let ended = server.administer("kick --user bob");
    assert_eq!((ended.code, ended.output.as_str()), (Some(0), "1 session is told to end\n"));
    ask(&server, &get("/").of(&idle)).expect(401);
    assert_eq!(server.administer("kick --user bob").code, Some(1));
    ask(&server, &get("/").of(&eve)).expect(200);
}

#[test]
fn sessions_end_with_the_account_as_it_was_at_their_login() {
    let changes: [fn(&str) -> String; 4] = [
        |_| String::new(),
        |bob| format!("{bob}enabled = off\n"),
        |bob| bob.replace("secret", "other"),
        |bob| bob.replace("elradfmwMT", "elr"),
    ];
    for change in changes {
        let server = serve("[server]\nauth_failed_delay = 0\nban_after = 0\n", &format!("{BOB}{EVE}"));
        let (bob, eve) = (log_in(&server, "bob"), log_in(&server, "eve"));
        let mut idle = Web::connect(&server);
        idle.ask(&get("/").of(&bob)).expect(200);
        ask(&server, &get("/")).expect(200);
        server.tree().write_users(&format!("{}{EVE}", change(BOB)));
        server.signal(Signal::HUP);
        server.wait_log("read again: ");
        ask(&server, &get("/").of(&bob)).expect(401);
        ask(&server, &get("/").of(&eve)).expect(200);
        assert!(idle.is_over());
        // The password that was right a moment ago is not believed, either.
        let by_password = ask(&server, &put("/new", "x"));
        assert!([401, 403].contains(&by_password.status), "{by_password:?}");
    }
}

#[test]
fn limits_of_an_account_are_taken_over_and_its_sessions_go_on() {
    let server = serve("", BOB);
    let bob = log_in(&server, "bob");
    server.tree().write_users(&format!("{BOB}max_cons = 7\n"));
    server.signal(Signal::HUP);
    server.wait_log("read again: ");
    ask(&server, &get("/").of(&bob)).expect(200);
    server.tree().write_users(&format!("{BOB}allow_from = 192.0.2.1\n"));
    server.signal(Signal::HUP);
    server.wait_log_times("read again: ", 2);
    ask(&server, &get("/").of(&bob)).expect(401);
}

#[test]
fn a_server_that_drains_ends_what_is_idle_refuses_others_and_finishes_what_runs() {
    let mut server = serve("", BOB);
    server.write_sparse("big", BIG);
    let cookie = log_in(&server, "bob");
    let (mut idle, mut silent) = (Web::connect(&server), Web::connect(&server));
    idle.ask(&get("/").of(&cookie)).expect(200);
    let mut upload = Web::connect(&server);
    let whole = put("/new", vec![7; 100]).of(&cookie);
    upload.send(whole.head());
    upload.send([7; 50]);
    eventually("the upload runs", || server.arrived("new").len() == 50);
    let mut busy = stalled_get(&server, &cookie);
    assert_eq!(server.administer("drain").code, Some(0));
    assert!(idle.is_over());
    if Mode::of_this_run() == Mode::Plain {
        assert!(silent.is_over());
        let told = ask(&server, &get("/").of(&cookie)).expect(503);
        assert!(told.text().contains("stopping"), "{told:?}");
    } else {
        silent.try_send(b"x");
    }
    upload.send([7; 50]);
    assert!(!upload.answer().expect(201).keeps());
    assert_eq!(busy.rest().len() as u64, BIG);
    assert!(server.wait_exit().success());
    assert_eq!(server.read("new"), [7; 100]);
}

#[test]
fn a_server_that_stops_ends_idle_connections_at_once_and_keeps_what_came_of_an_upload() {
    let mut server = serve("", BOB);
    let cookie = log_in(&server, "bob");
    let mut idle = Web::connect(&server);
    idle.ask(&get("/").of(&cookie)).expect(200);
    let mut upload = Web::connect(&server);
    upload.send(put("/new", vec![7; 100]).of(&cookie).head());
    upload.send([7; 50]);
    eventually("the upload runs", || server.arrived("new").len() == 50);
    server.signal(Signal::TERM);
    assert!(idle.is_over());
    server.signal(Signal::TERM);
    assert_eq!(server.wait_exit().code().or(Some(0)), Some(0));
    assert!(!server.home().join("new").exists(), "a part is no file");
    assert_eq!(server.arrived("new"), [7; 50]);
}

#[test]
fn heads_that_do_not_come_in_time_end_their_connections() {
    let server = serve("", BOB);
    let begin = Instant::now();
    let ends = |mut stream: TcpStream| {
        stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        assert!(begin.elapsed() >= Duration::from_secs(9), "{:?} is too soon", begin.elapsed());
        assert!(all.is_empty(), "{:?}", all.escape_ascii().to_string());
    };
    let connect = || TcpStream::connect(server.web()).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| ends(connect()));
        let hello = if Mode::of_this_run() == Mode::Plain { &b"P"[..] } else { b"\x16\x03\x01" };
        for start in [&b"GET / HTTP/1.1\r\nHost: localhost\r\n"[..], b"G", hello] {
            let mut stream = connect();
            stream.write_all(start).unwrap();
            scope.spawn(move || ends(stream));
        }
        // A byte now and then does not prolong it.
        let mut stream = connect();
        let mut trickle = stream.try_clone().unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nA: ").unwrap();
        scope.spawn(move || {
            while trickle.write_all(b"a").is_ok() {
                thread::sleep(Duration::from_millis(300))
            }
        });
        scope.spawn(move || ends(stream));
        // Nobody else waits for them.
        ask(&server, &get("/")).expect(200);
        assert!(begin.elapsed() < Duration::from_secs(9));
    });
}

#[test]
fn a_body_that_stops_is_given_up_after_data_timeout() {
    let server = serve("[transfer]\ndata_timeout = 1\n", BOB);
    let mut web = Web::connect(&server);
    web.send(put("/file", vec![7; 100]).head());
    web.send([7; 50]);
    let told = web.answer().expect(408);
    assert!(!told.keeps() && told.value("Upload-Offset") == "50", "{told:?}");
    assert!(web.is_over());
}

#[test]
fn many_browsers_that_stay_connected_cost_little_and_leave_nothing() {
    let server = serve("[server]\nmax_cons_per_ip = 0\n", BOB);
    let cookie = log_in(&server, "bob");
    ask(&server, &page("/").of(&cookie)).expect(200);
    eventually("nobody is here", || server.sessions().is_empty());
    let (descriptors, memory) = (server.descriptors(), server.memory());
    let mut browsers: Vec<Web> = (0..150).map(|_| Web::connect(&server)).collect();
    browsers.iter_mut().for_each(|browser| drop(browser.ask(&page("/").of(&cookie)).expect(200)));
    let each = (server.memory() - memory) / 150;
    let most = if Mode::of_this_run() == Mode::Plain { 128 } else { 256 };
    assert!(each < most, "{each} KiB for each");
    let begin = Instant::now();
    ask(&server, &get("/").of(&cookie)).expect(200);
    assert!(begin.elapsed() < Duration::from_secs(5));
    drop(browsers);
    eventually("all have left", || server.sessions().is_empty() && server.descriptors() <= descriptors);
    // Their threads are free or have ended.
    eventually("the threads have ended", || server.threads() < 30);
    ask(&server, &form("bob", "secret")).expect(303);
}

#[test]
fn clients_that_do_not_read_cost_no_memory_and_leave_nothing() {
    let server = serve("[server]\nmax_cons_per_ip = 0\n", BOB);
    server.write_sparse("big", 1 << 30);
    for number in 0..3000 {
        server.write(format!("folder/{number:0100}"), "");
    }
    let cookie = log_in(&server, "bob");
    eventually("nobody is here", || server.sessions().is_empty());
    let (descriptors, memory) = (server.descriptors(), server.memory());
    let targets = ["/big", "/?zip", "/folder/?json", "/folder/", "/folder/?zip"];
    let stalled: Vec<Web> = (0..50)
        .map(|number| {
            let mut web = Web::connect(&server);
            SockRef::from(web.socket()).set_recv_buffer_size(4 * KIB).unwrap();
            web.send(page(targets[number % targets.len()]).of(&cookie).bytes());
            web.answer_without_body();
            web
        })
        .collect();
    let uploads: Vec<Web> = (0..20)
        .map(|number| {
            let mut web = Web::connect(&server);
            let whole = put(format!("/new{number}"), vec![7; 1 << 20]).of(&cookie);
            web.send(request(format!("PUT /new{number}")).of(&cookie).with("Content-Length", 64 << 20).head());
            web.send(whole.sent_body());
            web
        })
        .collect();
    eventually("all uploads run", || server.partials().len() == 20);
    let more = server.memory().saturating_sub(memory);
    // A transfer under TLS holds its block of 256 KiB a second time, encrypted.
    let most = if Mode::of_this_run() == Mode::Plain { 512 } else { 640 };
    assert!(more < 70 * most, "{more} KiB");
    drop((stalled, uploads));
    eventually("nothing is left", || server.sessions().is_empty() && server.descriptors() <= descriptors);
    // What came waits under its name, and nothing holds it.
    ask(&server, &put("/new0", "x").of(&cookie)).expect(201);
}
