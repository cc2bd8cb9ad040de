//! The web under TLS, after a load balancer, at several addresses, and with accounts that are other users of the system.

use std::fs;

use crate::{
    channel::leave_out,
    privileges::{SOMEBODY, ids, is_root, tree},
    server::{BOB, eventually},
    web::{Web, ask, get, put, request, serve, with_web},
    web_who::{form, page},
};

#[test]
fn one_port_speaks_both_and_their_cookies_are_apart() {
    leave_out!(Explicit | Implicit: "it has settings of its own");
    let server = serve("[tls]\ntls = on\n", BOB);
    let cookie = |answer: crate::web::Answer| answer.value("Set-Cookie").split(';').next().unwrap().to_owned();
    let clear = cookie(Web::connect(&server).ask(&form("bob", "secret")).expect(303));
    let mut tls = Web::connect(&server).under_tls();
    let answer = tls.ask(&form("bob", "secret")).expect(303);
    assert!(answer.value("Set-Cookie").ends_with("; Secure"), "{answer:?}");
    let secured = cookie(answer);
    assert!(clear.starts_with("ftpd-") && secured.contains("-tls="));
    tls.ask(&put("/file", "x").nobody().with("Cookie", &secured)).expect(201);
    tls.ask(&get("/file").nobody().with("Cookie", &clear)).expect(401);
    Web::connect(&server).ask(&get("/file").nobody().with("Cookie", &secured)).expect(401);
}

#[test]
fn where_tls_is_required_plain_http_is_sent_there_before_anything_is_checked() {
    leave_out!(Explicit | Implicit: "it has settings of its own");
    let server = serve("[tls]\ntls = on\ntls_control_required = on\n", BOB);
    server.write("file", "content");
    let port = server.web().port();
    for line in ["GET /a%20b?x=1", "PUT /file", "DELETE /file", "POST /~ftpd/login", "MKCOL /a", "OPTIONS /file"] {
        let target = line.split(' ').nth(1).unwrap();
        for answer in [
            ask(&server, &request(line).user("nobody")),
            ask(&server, &request(line).host(Some(&format!("localhost:{port}")))),
        ] {
            assert_eq!(answer.status, 308, "{answer:?}");
            assert_eq!(answer.value("Location"), format!("https://localhost:{port}{target}"));
        }
    }
    ask(&server, &get("/").host(Some("evil.example"))).expect(421);
    assert!(server.log_lines("failed login").is_empty());
    assert_eq!(server.read("file"), b"content");
    Web::connect(&server).under_tls().ask(&get("/file")).expect(200);
}

#[test]
fn a_load_balancer_says_who_the_client_is_and_nobody_else_may() {
    leave_out!(Explicit | Implicit: "the header comes before TLS");
    let conf = "[server]\nproxy_protocol_from = 127.0.0.1\nauth_failed_delay = 0\nban_after = 1\n";
    let server = serve(conf, BOB);
    let balanced = |header: &str| {
        let mut web = Web::connect(&server);
        web.send(header);
        web
    };
    let client = |address: &str| format!("PROXY TCP4 {address} 127.0.0.1 50000 80\r\n");
    balanced(&client("192.0.2.7")).ask(&put("/file", "x")).expect(201);
    server.wait_log("192.0.2.7:50000-[bob] PUT * completed=1");
    balanced(&client("192.0.2.7")).ask(&form("bob", "wrong")).expect(401);
    balanced(&client("192.0.2.7")).ask(&get("/")).expect(429);
    balanced(&client("192.0.2.8")).ask(&get("/")).expect(200);
    for broken in ["", "PROXY x\r\n"] {
        let mut web = balanced(broken);
        web.try_send(get("/file").bytes());
        assert!(web.is_over());
    }
    server.wait_log_times("what came is no PROXY header", 2);
    let mut other = Web::connect_from("127.0.0.2".parse().unwrap(), &server);
    other.send(client("192.0.2.9"));
    other.answer().expect(400);
    assert!(server.log_lines("192.0.2.9").is_empty());
}

#[test]
fn a_qr_code_tells_addresses_of_this_machine_to_its_own_browsers_alone() {
    leave_out!(Explicit | Implicit: "the header comes before TLS");
    let server = serve("[server]\nproxy_protocol_from = 127.0.0.1\n", BOB);
    let code = |mut web: Web| web.ask(&get("/~ftpd/qr.svg").host(Some("localhost"))).expect(200).text();
    let here = code(Web::connect_from("127.0.0.2".parse().unwrap(), &server));
    let elsewhere = || {
        let mut web = Web::connect(&server);
        web.send("PROXY TCP4 192.0.2.7 127.0.0.1 50000 80\r\n");
        web
    };
    // A phone would find itself at localhost, so a browser of this machine gets the address of the listener.
    assert_eq!(here, elsewhere().ask(&get("/~ftpd/qr.svg").host(Some("127.0.0.1"))).text());
    assert_ne!(here, code(elsewhere()));
}

#[test]
fn each_account_is_its_own_user_whatever_came_before_on_the_connection() {
    if !is_root() {
        return;
    }
    let users = format!("{BOB}system_user = {SOMEBODY}\n[root]\npassword = secret\nperm = elradfmwMT\nhome = home\n");
    let server = tree(&with_web("[server]\nauth_failed_delay = 0\nban_after = 0\n"), &users, SOMEBODY).start();
    let owner = |name: &str| {
        use std::os::unix::fs::MetadataExt;
        fs::metadata(server.home().join(name)).unwrap().uid()
    };
    let mut web = Web::connect(&server);
    for round in 0..3 {
        web.ask(&put(format!("/bob{round}"), "x")).expect(201);
        web.ask(&form("bob", "wrong%zz")).expect(400);
        web.ask(&put(format!("/still{round}"), "x")).expect(201);
        web.ask(&form("bob", "wrong")).expect(401);
        web.ask(&form("bob", "secret")).expect(303);
        web.ask(&put(format!("/again{round}"), "x")).expect(201);
        web.ask(&put(format!("/root{round}"), "x").user("root")).expect(201);
        let names = ["bob", "still", "again", "root"].map(|name| owner(&format!("{name}{round}")));
        assert_eq!(names, [ids(SOMEBODY).0, ids(SOMEBODY).0, ids(SOMEBODY).0, 0]);
    }
    web.ask(&page("/").user("bob")).expect(200);
    drop(web);
    eventually("nobody is here", || server.sessions().is_empty());
}
