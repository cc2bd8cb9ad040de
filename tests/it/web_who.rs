//! Who may do what by HTTP: the form and its cookie, HTTP Basic, anonymous, wrong passwords, foreign names and pages.

use std::{
    fmt,
    io::Write,
    net::Shutdown,
    thread,
    time::{Duration, Instant},
};

use crate::{
    channel::Mode,
    client::Client,
    server::{BOB, Server},
    web::{Answer, Request, Web, ask, base64, get, put, request, serve},
};

pub const EVE: &str = "[eve]\npassword = secret\nperm = elradfmwMT\nhome = home\n";
/// Wrong passwords cost nothing.
const PATIENT: &str = "[server]\nauth_failed_delay = 0\nban_after = 0\n";
const ANONYMOUS: &str = "[anonymous]\nenable_anonymous = on\nanonymous_path = home\n";
const CHALLENGE: &str = "Basic realm=\"ftpd\", charset=\"UTF-8\"";

/// What a browser says when a person follows a link.
pub fn page(target: &str) -> Request {
    get(target).nobody().with("Accept", "text/html,*/*;q=0.8").with("Sec-Fetch-Mode", "navigate")
}

/// The origin of the pages of this run.
fn origin() -> &'static str {
    if Mode::of_this_run() == Mode::Plain { "http://localhost" } else { "https://localhost" }
}

/// The form of the page, sent.
pub fn form(user: &str, password: &str) -> Request {
    post("/~ftpd/login", &format!("user={user}&password={password}&next=/folder/")).with("Origin", origin())
}

fn post(target: &str, body: &str) -> Request {
    let typed = request(format!("POST {target}")).nobody().with("Content-Type", "application/x-www-form-urlencoded");
    typed.body(body)
}

fn log_out() -> Request {
    post("/~ftpd/logout", "").with("Origin", origin())
}

/// A cookie that the server gave.
#[derive(Clone, PartialEq)]
pub struct Cookie(pub String);

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Request {
    /// From the browser that has this cookie.
    pub fn of(self, cookie: &Cookie) -> Request {
        self.nobody().with("Cookie", cookie)
    }
}

/// The cookie in an answer.
#[track_caller]
fn cookie_in(answer: &Answer) -> Cookie {
    Cookie(answer.value("Set-Cookie").split(';').next().unwrap().to_owned())
}

/// Logs in by the form.
#[track_caller]
pub fn log_in(server: &Server, user: &str) -> Cookie {
    cookie_in(&ask(server, &form(user, "secret")).expect(303))
}

fn is_login_page(answer: &Answer) -> bool {
    answer.text().contains("type=\"password\"")
}

#[test]
fn the_cookie_of_the_form_opens_everything_on_any_connection_until_logout() {
    let server = serve("", BOB);
    server.write("file", "content");
    let answer = ask(&server, &form("bob", "secret")).expect(303);
    assert_eq!(answer.value("Location"), "/folder/");
    let cookie = cookie_in(&answer);
    let mut other = Web::connect(&server);
    assert_eq!(other.ask(&get("/file").of(&cookie)).expect(200).body, b"content");
    ask(&server, &put("/new", "x").of(&cookie)).expect(201);
    let shown = ask(&server, &page("/").of(&cookie)).expect(200);
    assert!(!is_login_page(&shown) && shown.text().contains("file"));
    let gone = ask(&server, &log_out().of(&cookie)).expect(303);
    assert!(gone.value("Set-Cookie").contains("Max-Age=0"), "{gone:?}");
    // Also on a connection where it was worth something.
    other.ask(&get("/file").of(&cookie)).expect(401);
    other.ask(&put("/other", "x").of(&cookie)).expect(401);
    assert!(is_login_page(&ask(&server, &page("/").of(&cookie)).expect(200)));
    server.wait_log("-[] USER 'bob' logged in.");
    assert!(!server.home().join("other").exists());
}

#[test]
fn the_cookie_is_for_nobody_else() {
    let server = serve("", BOB);
    let of_attacker = format!("ftpd-{}={}", server.web().port(), "ab".repeat(32));
    let answer = ask(&server, &form("bob", "secret").with("Cookie", &of_attacker)).expect(303);
    let whole = answer.value("Set-Cookie");
    let (name, rest) = whole.split_once('=').unwrap();
    let (value, attributes) = rest.split_once(';').unwrap();
    let secured = if Mode::of_this_run() == Mode::Plain { "" } else { "; Secure" };
    let suffix = if secured.is_empty() { "" } else { "-tls" };
    assert_eq!(name, format!("ftpd-{}{suffix}", server.web().port()));
    assert_eq!(attributes, format!(" Path=/; Max-Age=43200; HttpOnly; SameSite=Lax{secured}"));
    assert!(value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()) && !of_attacker.contains(value));
    assert!(log_in(&server, "bob") != Cookie(format!("{name}={value}")));
    for wrong in [of_attacker, format!("{name}={}", &value[1..]), format!("{name}="), format!("other={value}")] {
        ask(&server, &get("/").of(&Cookie(wrong))).expect(401);
    }
    ask(&server, &get("/").of(&Cookie(format!("a=b; {name}={value}; c=d")))).expect(200);
}

#[test]
fn a_new_login_ends_the_session_that_the_browser_had() {
    let server = serve("", &format!("{BOB}{EVE}"));
    let old = log_in(&server, "bob");
    let new = cookie_in(&ask(&server, &form("eve", "secret").of(&old)).expect(303));
    ask(&server, &get("/").of(&old)).expect(401);
    ask(&server, &get("/").of(&new)).expect(200);
}

#[test]
fn a_restart_ends_all_sessions() {
    let server = serve("", BOB);
    let cookie = log_in(&server, "bob");
    let tree = server.kill();
    let server = tree.start();
    let (_, value) = cookie.0.split_once('=').unwrap();
    let suffix = if Mode::of_this_run() == Mode::Plain { "" } else { "-tls" };
    ask(&server, &get("/").of(&Cookie(format!("ftpd-{}{suffix}={value}", server.web().port())))).expect(401);
}

#[test]
fn each_refused_login_gets_the_same_answer() {
    let server =
        serve(PATIENT, &format!("{BOB}[far]\npassword = secret\nperm = elr\nhome = home\nallow_from = 192.0.2.1\n"));
    let refused = |user: &str, password: &str| {
        let answer = ask(&server, &form(user, password)).expect(401);
        assert!(is_login_page(&answer), "{answer:?}");
        assert_eq!((answer.field("WWW-Authenticate"), answer.field("Set-Cookie")), (None, None));
        answer.body
    };
    let first = refused("bob", "wrong");
    assert!(String::from_utf8_lossy(&first).contains("Name or password is wrong."));
    let long = "a".repeat(3000);
    for (user, password) in [
        ("nobody", "secret"),
        ("far", "secret"),
        ("", ""),
        ("bob", ""),
        ("bob", &long),
        (&*long, "secret"),
        ("bob%00", "secret"),
        ("bob", "secret%00"),
        ("bob%0d%0a[I forged", "secret"),
        ("%ff%fe", "secret"),
        ("BOB", "secret"),
    ] {
        assert!(refused(user, password) == first, "{user:?} {password:?}");
    }
    let answer = ask(&server, &post("/~ftpd/login", &"x".repeat(100_000)).with("Origin", origin())).expect([401, 413]);
    assert_eq!(answer.field("Set-Cookie"), None);
    server.wait_log("127.0.0.1:*-[] USER 'bob' failed login. (wrong password)");
    server.wait_log("127.0.0.1:*-[] USER 'nobody' failed login. (unknown name)");
    server.wait_log("USER 'far' failed login. (address not in allow_from");
    assert!(server.log_lines("").iter().all(|line| line.starts_with('[') && !line.starts_with("[I forged")));
}

#[test]
fn a_wrong_password_costs_its_delay_however_it_comes() {
    let server = serve("[server]\nauth_failed_delay = 2\nban_after = 0\n", BOB);
    let wrong = |user: &str| get("/").nobody().with("Authorization", format!("Basic {}", base64(&format!("{user}:x"))));
    let at_least = |request: Request, half_closed: bool| {
        let mut web = Web::connect(&server);
        let begin = Instant::now();
        web.send(request.bytes());
        if half_closed {
            web.shut();
        }
        web.answer().expect(401);
        assert!(begin.elapsed() >= Duration::from_secs(2), "{:?} is too early", begin.elapsed());
    };
    let clear = Mode::of_this_run() == Mode::Plain;
    thread::scope(|scope| {
        for (request, half_closed) in [
            (wrong("bob"), false),
            (wrong("nobody"), false),
            (form("bob", "x"), false),
            (form("nobody", "x"), false),
            // One that has said all gets nothing sooner.
            (wrong("bob"), clear),
            (form("bob", "x"), clear),
        ] {
            scope.spawn(move || at_least(request, half_closed));
        }
        // Beside them, a right one is served; the log says whether that was before they were.
        scope.spawn(|| ask(&server, &get("/")).expect(200));
    });
}

#[test]
fn strikes_in_ftp_and_on_the_web_count_together_and_close_both_to_that_address() {
    let server = serve("[server]\nauth_failed_delay = 0\nban_after = 3\n", BOB);
    let mut web = Web::connect(&server);
    let old = Cookie(format!("ftpd-{}={}", server.web().port(), "ab".repeat(32)));
    // None of these is a strike.
    for request in [
        get("/").nobody(),
        page("/"),
        page("/~ftpd/login"),
        get("/").of(&old),
        get("/"),
        get("/").nobody().with("Authorization", "Basic"),
        form("bob", "secret"),
    ] {
        web.ask(&request).expect([200, 303, 401]);
    }
    let mut client = server.client();
    for _ in 0..2 {
        client.expect("USER bob", 331);
        client.expect("PASS wrong", 530);
    }
    web.ask(&get("/")).expect(200);
    let last = web.ask(&form("bob", "wrong")).expect(401);
    assert!(!last.keeps() && web.is_over());
    server.wait_log("127.0.0.1 is kept out for 600 s: too many wrong passwords");
    if Mode::of_this_run() == Mode::Plain {
        let banned = ask(&server, &get("/")).expect(429);
        assert_eq!(banned.field("Retry-After"), None, "nobody knows how long");
        assert!(banned.text().contains("Too many wrong passwords"), "{banned:?}");
    } else {
        assert!(Web::connect(&server).is_over());
    }
    let mut other = Web::connect_from("127.0.0.2".parse().unwrap(), &server);
    other.ask(&get("/")).expect(200);
    let mut refused = Client::connect(server.door());
    if Mode::of_this_run() != Mode::Implicit {
        refused.read_reply().expect(421);
    }
    refused.expect_closed();
}

#[test]
fn basic_is_read_strictly_and_its_scheme_in_any_case() {
    let server = serve(PATIENT, &format!("{BOB}[anna]\npassword = a:b:ü\nperm = elr\nhome = home\n"));
    let mut web = Web::connect(&server);
    let mut with = |value: &str| web.ask(&get("/").nobody().with("Authorization", value));
    let (bob, anna) = (base64("bob:secret"), base64("anna:a:b:ü"));
    for right in [format!("Basic {bob}"), format!("basic {bob}"), format!("BASIC {anna}"), format!("Basic   {bob}")] {
        with(&right).expect(200);
    }
    for wrong in [
        "Basic",
        "Basic !!!!",
        "Basic Ym9i",
        &format!("Basic {bob}x"),
        &format!("Basic {}", base64("bob:secret\0")),
        &format!("Basic {}", base64(":")),
        &format!("Basic {}", base64("bob:")),
        "Bearer token",
        "Digest username=\"bob\"",
        "",
    ] {
        let answer = with(wrong).expect(401);
        assert_eq!(answer.value("WWW-Authenticate"), CHALLENGE, "{wrong}");
        assert_eq!(answer.field("Set-Cookie"), None);
    }
    // A browser has the form, and its scripts have their own.
    for fields in [("Accept", "text/html"), ("Sec-Fetch-Mode", "cors")] {
        let answer = web.ask(&get("/").nobody().with("Authorization", "Basic Ym9iOng=").with(fields.0, fields.1));
        assert_eq!((answer.status, answer.field("WWW-Authenticate")), (401, None));
    }
    let twice = get("/").with("Authorization", format!("Basic {bob}"));
    web.ask(&twice).expect(400);
}

#[test]
fn without_anonymous_browsers_get_the_form_and_others_a_challenge() {
    let server = serve("", BOB);
    server.write("file", "what is inside");
    for target in ["/", "/file", "/nothing", "/nothing/at/all/"] {
        let answer = ask(&server, &page(target)).expect(200);
        assert!(is_login_page(&answer) && !answer.text().contains("what is inside"), "{answer:?}");
        let told = ask(&server, &get(target).nobody()).expect(401);
        assert_eq!(told.value("WWW-Authenticate"), CHALLENGE);
        assert_eq!(ask(&server, &get(target).nobody().with("Sec-Fetch-Mode", "cors")).field("WWW-Authenticate"), None);
    }
    for line in ["DELETE /file", "MKCOL /made", "MOVE /file", "PATCH /file?upload", "DELETE /file?recursive", "POST /"]
    {
        ask(&server, &request(line).nobody().with("Destination", "/other")).expect(401);
    }
    ask(&server, &put("/file", "other").nobody()).expect(401);
    // To a form of a browser 200 would say that something was done.
    assert!(is_login_page(&ask(&server, &post("/", "").with("Accept", "text/html")).expect(401)));
    assert_eq!(server.read("file"), b"what is inside");
    assert_eq!(std::fs::read_dir(server.home()).unwrap().count(), 1);
}

#[test]
fn one_connection_may_change_its_account_with_each_request() {
    let users = format!("{BOB}[eve]\npassword = secret\nperm = elr\nhome = home\n");
    let server = serve(&format!("{ANONYMOUS}{PATIENT}"), &users);
    let mut web = Web::connect(&server);
    let bob = log_in(&server, "bob");
    for round in 0..3 {
        let name = |who: &str| format!("/{who}{round}");
        web.ask(&put(name("bob"), "x")).expect(201);
        web.ask(&put(name("eve"), "x").user("eve")).expect(403);
        web.ask(&put(name("anonymous"), "x").nobody()).expect(403);
        web.ask(&get("/bob0").nobody()).expect(200);
        web.ask(&form("bob", "wrong")).expect(401);
        web.ask(&put(name("nobody"), "x").nobody()).expect(403);
        web.ask(&put(name("cookie"), "x").of(&bob)).expect(201);
        web.ask(&form("bob", "secret")).expect(303);
        web.ask(&put(name("after"), "x").nobody()).expect(403);
    }
    assert_eq!(std::fs::read_dir(server.home()).unwrap().count(), 6);
}

#[test]
fn anonymous_sees_the_pages_and_may_log_in() {
    let server = serve(ANONYMOUS, BOB);
    server.write("file", "content");
    let shown = ask(&server, &page("/")).expect(200);
    assert!(!is_login_page(&shown) && shown.text().contains("/~ftpd/login"), "{shown:?}");
    assert_eq!(ask(&server, &get("/file").nobody()).expect(200).body, b"content");
    ask(&server, &put("/file", "x").nobody()).expect(403);
    let cookie = log_in(&server, "bob");
    ask(&server, &put("/file", "x").of(&cookie)).expect(204);
    assert!(ask(&server, &page("/").of(&cookie)).expect(200).text().contains("/~ftpd/logout"));
}

#[test]
fn an_account_without_its_folder_is_refused_and_others_are_served() {
    let server = serve(PATIENT, &format!("{BOB}[gone]\npassword = secret\nperm = elr\nhome = elsewhere\n"));
    let refused = ask(&server, &get("/").user("gone")).expect(403);
    assert!(refused.text().contains("folder is not there"), "{refused:?}");
    let cookie = log_in(&server, "gone");
    ask(&server, &page("/").of(&cookie)).expect(403);
    ask(&server, &get("/")).expect(200);
}

#[test]
fn a_folder_that_is_not_there_is_told_once_for_each_login() {
    let server = serve("", &format!("{BOB}[bob /gone]\nhome = gone\nperm = elr\n"));
    let cookie = log_in(&server, "bob");
    for _ in 0..3 {
        ask(&server, &get("/")).expect(200);
        ask(&server, &get("/").of(&cookie)).expect(200);
    }
    ask(&server, &get("/no")).expect(404);
    server.wait_log("GET */no 404");
    server.expect_log("[bob /gone]: its folder is not there", 2);
}

#[test]
fn only_a_page_of_this_server_may_send_the_form() {
    let server = serve("", BOB);
    let secret = "user=bob&password=secret";
    let sent = |fields: &[(&str, &str)]| {
        let request =
            fields.iter().fold(post("/~ftpd/login", secret), |request, (name, value)| request.with(name, value));
        ask(&server, &request)
    };
    let own = origin();
    sent(&[("Origin", own), ("Sec-Fetch-Site", "same-origin")]).expect(303);
    for foreign in [
        &[][..],
        &[("Origin", "null")],
        &[("Origin", "http://evil.example")],
        &[("Origin", &format!("{own}.evil.example"))],
        &[("Origin", &format!("{own}:1"))],
        &[("Origin", own), ("Sec-Fetch-Site", "cross-site")],
        &[("Origin", own), ("Sec-Fetch-Site", "same-site")],
        &[("Origin", own), ("Origin", own)],
        &[("Referer", own)],
    ] {
        let answer = sent(foreign).expect([400, 403]);
        assert_eq!(answer.field("Set-Cookie"), None, "{foreign:?}");
    }
    let cookie = log_in(&server, "bob");
    ask(&server, &post("/~ftpd/logout", "").of(&cookie).with("Origin", "http://evil.example")).expect(403);
    ask(&server, &get("/~ftpd/logout").of(&cookie)).expect([404, 405]);
    ask(&server, &get("/").of(&cookie)).expect(200);
}

#[test]
fn only_names_of_this_server_are_served() {
    let server = serve("", BOB);
    server.tree().write_conf(&crate::web::with_web("").replace("[web]", "[web]\nweb_hosts = nas, files.example.org"));
    server.signal(rustix::process::Signal::HUP);
    server.wait_log("read again: ");
    let to = |host: Option<&str>| ask(&server, &put("/file", "x").host(host));
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let ours = [
        "localhost",
        "LOCALHOST:1",
        "localhost.",
        "127.0.0.1",
        "[::1]:8080",
        "192.0.2.1",
        "nas.local",
        "nas",
        "files.example.org:80",
        &name,
    ];
    for host in ours {
        to(Some(host)).expect([201, 204]);
    }
    std::fs::remove_file(server.home().join("file")).unwrap();
    for host in
        ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "example.org", "2130706433", "0x7f.1"]
    {
        let told = to(Some(host)).expect(421);
        assert!(told.text().contains("web_hosts"), "{told:?}");
        let password = get("/").user("nobody").host(Some(host));
        ask(&server, &password).expect(421);
    }
    for host in [None, Some(""), Some("a b"), Some("user@localhost"), Some("localhost:x")] {
        to(host).expect(400);
    }
    ask(&server, &get("/").with("Host", "localhost")).expect(400);
    assert!(!server.home().join("file").exists() && server.log_lines("failed login").is_empty());
}

#[test]
fn no_answer_lets_another_site_read_it() {
    let server = serve("", BOB);
    server.write("file", "content");
    let preflight = request("OPTIONS /file").nobody().with("Access-Control-Request-Method", "PUT");
    let requests = [
        get("/"),
        page("/"),
        get("/?json"),
        get("/file"),
        get("/file").with("Range", "bytes=0-1"),
        get("/file").with("Range", "bytes=99-"),
        get("/file").with("If-None-Match", "*"),
        get("/nothing"),
        get("/").nobody(),
        get("/folder"),
        request("POST /file").body(""),
        request("OPTIONS /file"),
        preflight.clone(),
        preflight.with("Access-Control-Request-Private-Network", "true"),
        form("bob", "secret"),
    ];
    for request in requests {
        let answer = ask(&server, &request.with("Origin", "https://evil.example"));
        let telling = |(name, _): &&(String, String)| name.to_ascii_lowercase().starts_with("access-control");
        assert_eq!(answer.fields.iter().find(telling), None, "{answer:?}");
    }
}

#[test]
fn no_secret_and_no_forged_line_comes_into_the_log() {
    let server = serve(&format!("[log]\nlog_level = debug\n{PATIENT}"), BOB);
    let cookie = log_in(&server, "bob");
    let basic = |text: &str| get("/").nobody().with("Authorization", format!("Basic {}", base64(text)));
    for request in [
        get("/").of(&cookie),
        basic("bob:S3CRET"),
        basic("bob\x1b[31m:S3CRET"),
        form("bob", "S3CRET"),
        form("S3CRET%0d%0a[I forged]%1b[31m", "S3CRET"),
        get("/a%0d%0a[I%20forged]"),
        get("/?q=%0d%0a[I%20forged]"),
        get("/%1b[31m"),
        log_out().of(&cookie),
    ] {
        ask(&server, &request);
    }
    for raw in ["S3CRET", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: S3CRET\r\nbroken\r\n\r\n"] {
        let mut web = Web::clear(&server);
        web.send(format!("{raw}\r\n\r\n"));
        web.socket().flush().unwrap();
        let _ = web.socket().shutdown(Shutdown::Write);
        web.answer().expect(400);
    }
    let value = cookie.0.split_once('=').unwrap().1;
    for line in server.log_lines("") {
        for secret in ["S3CRET", value, &base64("bob:S3CRET"), &base64("bob:secret"), "\x1b"] {
            assert!(!line.contains(secret), "{line}");
        }
        assert!(line.starts_with('[') && !line.contains("] [I forged") && !line.starts_with("[I forged"), "{line}");
    }
}

#[test]
fn what_was_meant_for_an_account_lands_in_nobody_elses_folder_when_its_session_is_over() {
    let server = serve(&format!("{ANONYMOUS}anonymous_perm = elradfmw\n"), BOB);
    let cookie = log_in(&server, "bob");
    ask(&server, &log_out().of(&cookie)).expect(303);
    for request in [put("/late", "x"), request("MKCOL /late"), request("HEAD /late?upload")] {
        let answer = ask(&server, &request.of(&cookie)).expect(401);
        assert!(answer.value("Set-Cookie").contains("Max-Age=0"), "{answer:?}");
    }
    assert!(!server.home().join("late").exists());
    ask(&server, &get("/").of(&cookie)).expect(200);
    ask(&server, &put("/late", "x").nobody()).expect(201);
}

#[test]
fn the_account_of_an_earlier_request_is_not_named_to_those_who_come_after_it() {
    let server = serve("", BOB);
    let mut web = Web::connect(&server);
    assert!(web.ask(&page("/").user("bob")).expect(200).text().contains("bob"));
    let missing = web.ask(&page("/~ftpd/missing")).expect(404);
    assert!(!missing.text().contains("bob"), "{missing:?}");
}
