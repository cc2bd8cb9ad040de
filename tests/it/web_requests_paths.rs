//! Nothing outside the home is reached by the web, and nothing that the server keeps for itself.

use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::{
    disk::{Snapshot, snapshot},
    server::{BOB, Server, Tree},
    web::{Request, Web, ask, get, put, request, serve, with_web},
};

/// A server whose home has a neighbour that nobody may reach.
fn with_secret(conf: &str) -> Server {
    let server = serve(conf, BOB);
    let outside = server.tree().path("outside");
    fs::create_dir_all(outside.join("folder")).unwrap();
    fs::write(outside.join("secret"), "outside").unwrap();
    server.write("sub/file", "inside");
    server
}

/// Each method, for this path.
fn all(path: &str) -> Vec<Request> {
    let part = request(format!("PATCH {path}?upload")).with("Content-Type", "application/partial-upload");
    vec![
        get(path),
        request(format!("HEAD {path}")),
        get(path).with("Range", "bytes=0-2"),
        get(format!("{path}?json")),
        get(format!("{path}?zip")),
        get(format!("{path}?download")),
        put(path, "changed"),
        put(path, "changed").with("If-None-Match", "*"),
        put(path, "changed").with("Upload-Complete", "?0"),
        request(format!("HEAD {path}?upload")),
        part.with("Upload-Offset", 0).with("Upload-Complete", "?1").body("changed"),
        request(format!("DELETE {path}?upload")),
        request(format!("DELETE {path}?recursive")),
        request(format!("MKCOL {path}")),
        request("MOVE /sub/file").with("Destination", path),
        request(format!("MOVE {path}")).with("Destination", "/taken"),
    ]
}

fn outside(server: &Server) -> Snapshot {
    snapshot(&server.tree().path("outside"))
}

/// Asks for a path in every way: it is refused, and nothing changes.
#[track_caller]
fn expect_nothing(server: &Server, path: &str) {
    let (outer, inner) = (outside(server), server.files());
    for request in all(path) {
        let answer = ask(server, &request);
        let asked = String::from_utf8_lossy(&request.head()).lines().next().unwrap().to_owned();
        assert!((400..500).contains(&answer.status), "{asked}: {answer:?}");
        assert!(!answer.text().contains("outside\n") && !answer.text().contains("root:"), "{asked}: {answer:?}");
        assert_eq!(outer, outside(server), "{asked}");
        assert_eq!(inner, server.files(), "{asked}");
    }
}

#[test]
fn no_way_to_write_a_path_leads_out() {
    let server = with_secret("");
    let secret = server.tree().path("outside/secret");
    let mut paths: Vec<String> = [
        "/../outside/secret",
        "/sub/../../outside/secret",
        "/./../outside/secret",
        "/%2e%2e/outside/secret",
        "/%2E%2E%2Foutside%2Fsecret",
        "/..%2foutside%2fsecret",
        "/.%2e/outside/secret",
        "/%2e./outside/secret",
        "//etc/passwd",
        "/sub//file",
        "/sub/./file",
        "/sub/../sub/file",
        "/..",
        "/.",
        "/sub/..",
        "/sub/.",
        "/../",
        "/sub/../",
        "/%00",
        "/sub/file%00",
        "/sub/file%00.txt",
        "/sub%2ffile",
        "/sub%2Ffile",
        "/sub/file/..",
        "/sub/%0d%0a",
        "/sub/fi%0ale",
        "/sub/%7f",
        "/sub/file%",
        "/sub/file%4",
        "/sub/file%zz",
        "//",
        "///",
        "/sub//",
        "/../../../../../../etc/passwd",
    ]
    .map(str::to_owned)
    .into();
    paths.push(format!("/{}", secret.display()));
    for path in &paths {
        expect_nothing(&server, path);
    }
    // What only looks like a way out is a name as any other, and there is none.
    for path in [
        "/..;/outside/secret",
        "/..;a=b/outside/secret",
        "/%252e%252e/outside/secret",
        "/%252e%252e%252foutside",
        "/..%5coutside%5csecret",
        "/..%5c..%5cetc",
        "/%c0%ae%c0%ae/outside/secret",
        "/%e0%80%ae%e0%80%ae/outside",
        "/%c0%af/etc/passwd",
        "/.../outside",
        "/....//outside",
        "/~/x",
        "/~root/x",
        "/$HOME/x",
        "/C:/x",
        "/%uff0e%uff0e/x",
        &secret.display().to_string(),
        "/etc/passwd",
        "/proc/self/environ",
    ] {
        let outer = outside(&server);
        let others = all(path).into_iter().filter(|request| {
            let head = request.head();
            !["PUT", "MKCOL", "MOVE /sub/"].iter().any(|made| head.starts_with(made.as_bytes()))
        });
        for request in others {
            let answer = ask(&server, &request);
            assert!((400..500).contains(&answer.status), "{path}: {answer:?}");
        }
        for request in all(path) {
            ask(&server, &request);
        }
        assert_eq!(outer, outside(&server), "{path}");
        server.write("sub/file", "inside");
    }
}

#[test]
fn links_lead_nowhere_outside() {
    let server = with_secret("");
    let (home, outer) = (server.home(), server.tree().path("outside"));
    for (target, link) in [
        (Path::new("../outside"), "climbing"),
        (&*outer, "absolute"),
        (Path::new("climbing"), "chain"),
        (Path::new("../../outside"), "sub/deep"),
        (Path::new("sub/../../outside"), "winding"),
        (Path::new("/proc/self/root"), "magic"),
        (Path::new("loop"), "loop"),
        (Path::new("/"), "root"),
    ] {
        symlink(target, home.join(link)).unwrap();
    }
    for (target, link) in [
        ("../outside/secret", "file"),
        ("../outside/new", "new"),
        ("/etc/passwd", "passwd"),
        ("nowhere/at/all", "dangling"),
    ] {
        symlink(target, home.join(link)).unwrap();
    }
    let before = outside(&server);
    for path in [
        "/climbing/secret",
        "/absolute/secret",
        "/chain/secret",
        "/sub/deep/secret",
        "/winding/secret",
        "/magic/etc/passwd",
        "/root/etc/passwd",
        "/loop/x",
        "/climbing/",
        "/absolute/",
        "/root/",
        "/loop/",
        "/magic/",
        "/climbing/folder/",
        "/climbing/new",
        "/dangling/x",
    ] {
        for request in all(path).into_iter().filter(|request| {
            !path.ends_with('/') || !request.head().starts_with(b"DELETE") && !request.head().starts_with(b"MOVE")
        }) {
            let answer = ask(&server, &request);
            assert!((400..500).contains(&answer.status), "{}: {answer:?}", request.head().escape_ascii());
            assert_eq!(before, outside(&server), "{path}");
        }
    }
    for link in ["/file", "/new", "/passwd"] {
        for request in [
            get(link),
            request(format!("HEAD {link}")),
            put(link, "x"),
            put(link, "x").with("Upload-Complete", "?0"),
            request(format!("MKCOL {link}")),
            get(format!("{link}/")),
            get(format!("{link}?zip")),
        ] {
            let answer = ask(&server, &request);
            assert!((400..500).contains(&answer.status), "{}: {answer:?}", request.head().escape_ascii());
        }
    }
    let list = ask(&server, &get("/?json")).expect(200).text();
    assert!(!list.contains("outside") && !list.contains("passwd\":"), "{list}");
    // They themselves are moved and removed, and what they lead to stays.
    for link in ["file", "climbing", "root", "loop", "dangling"] {
        ask(&server, &request(format!("MOVE /{link}")).with("Destination", "/moved")).expect(201);
        ask(&server, &request("DELETE /moved?recursive")).expect(204);
    }
    ask(&server, &request("DELETE /sub?recursive")).expect(204);
    assert_eq!(before, outside(&server));
}

#[test]
fn links_inside_work_unless_none_is_followed() {
    for (conf, follows) in [("", true), ("[transfer]\nfollow_symlinks = never\n", false)] {
        let server = with_secret(conf);
        let home = server.home();
        symlink("sub", home.join("folder")).unwrap();
        symlink("sub/file", home.join("link")).unwrap();
        symlink(home.join("sub/file"), home.join("absolute")).unwrap();
        for path in ["/folder/file", "/link", "/absolute"] {
            let answer = ask(&server, &get(path));
            assert_eq!((answer.status == 200, answer.text() == "inside"), (follows, follows), "{path}: {answer:?}");
        }
        for (request, status) in [
            (get("/folder/?json"), 200),
            (put("/folder/new", "x"), 201),
            (put("/link", "changed"), 204),
            (request("MKCOL /folder/made"), 201),
        ] {
            let answer = ask(&server, &request);
            assert_eq!(answer.status == status, follows, "{answer:?}");
        }
        assert_eq!(server.read("sub/file"), if follows { &b"changed"[..] } else { b"inside" });
        for link in ["folder", "link", "absolute"] {
            ask(&server, &request(format!("MOVE /{link}")).with("Destination", "/moved")).expect(201);
            ask(&server, &request("DELETE /moved")).expect(204);
        }
        assert!(home.join("sub/file").exists());
    }
}

#[test]
fn a_folder_swapped_for_a_link_in_a_race_never_leads_out() {
    let server = with_secret("");
    let home = server.home();
    fs::create_dir(home.join("place")).unwrap();
    fs::write(home.join("place/secret"), "inside").unwrap();
    symlink("../outside", home.join("link")).unwrap();
    let before = outside(&server);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                renameat_with(CWD, home.join("place"), CWD, home.join("link"), RenameFlags::EXCHANGE).unwrap();
            }
        });
        let mut web = Web::connect(&server);
        let mut reached = 0;
        for _ in 0..60 {
            for request in all("/place/secret").into_iter().chain(
                all("/place/")
                    .into_iter()
                    .filter(|request| !request.head().starts_with(b"MOVE") && !request.head().starts_with(b"DELETE")),
            ) {
                web.send(request.bytes());
                let answer = web.answer_to(&request);
                assert!(!answer.text().contains("outside"), "{answer:?}");
                reached += usize::from(answer.status < 300);
                if !answer.keeps() {
                    web = Web::connect(&server);
                }
            }
            let _ = ask(&server, &put("/place/secret", "inside"));
        }
        is_over.store(true, Ordering::Relaxed);
        assert!(reached > 0, "the folder itself was never there");
    });
    assert_eq!(before, outside(&server));
}

#[test]
fn an_entry_that_is_called_as_the_servers_own_is_reached_by_ftp_only() {
    let server = with_secret("");
    server.write("~ftpd/file", "hidden here");
    server.write("sub/~ftpd/file", "an ordinary name");
    let before = server.files();
    for path in [
        "/~ftpd",
        "/~ftpd/",
        "/~ftpd/file",
        "/%7eftpd/file",
        "/%7Eftpd/",
        "/~FTPD/file",
        "/~ftpd/new",
        "/~%66tpd/file",
        "/~Ftpd",
    ] {
        for request in all(path) {
            let answer = ask(&server, &request);
            assert!((400..500).contains(&answer.status), "{}: {answer:?}", request.head().escape_ascii());
            assert_eq!(before, server.files(), "{path}");
        }
    }
    for target in ["/?json", "/", "/?json&sort=size"] {
        assert!(!ask(&server, &get(target)).expect(200).text().contains("hidden here"));
    }
    let list = ask(&server, &get("/?json")).json();
    assert!(list.as_array().unwrap().iter().all(|entry| entry["name"] != "~ftpd"), "{list}");
    let mut ftp = server.login();
    assert_eq!(ftp.download("RETR ~ftpd/file"), b"hidden here");
    assert_eq!(ask(&server, &get("/sub/~ftpd/file")).expect(200).text(), "an ordinary name");
    ask(&server, &put("/sub/~ftpd/new", "x")).expect(201);
    ask(&server, &request("DELETE /sub/~ftpd?recursive")).expect(204);
}

#[test]
fn pages_bring_nothing_of_their_own_and_run_nothing() {
    let server = with_secret("");
    server.write("<img src=x onerror=alert(1)>.txt", "x");
    server.write("zz/x", "x");
    let page = |target: &str| get(target).with("Accept", "text/html");
    for (request, status) in [
        (page("/"), 200),
        (page("/sub/"), 200),
        (page("/no"), 404),
        (page("/sub/?sort=size&order=desc"), 200),
        (page("/~ftpd/login"), 200),
        (page("/").user("wrong"), 401),
        (page("/no/such/"), 404),
        (put("/sub", "x").with("Accept", "text/html"), 409),
        (page("/").nobody(), 200),
        (page("/sub/file").nobody(), 401),
    ] {
        let answer = ask(&server, &request);
        assert!(
            answer.status == status || status == 401 && answer.status == 200 || status == 200 && answer.status == 401,
            "{answer:?}"
        );
        let policy = answer.value("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "media-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ] {
            assert!(policy.split("; ").any(|found| found == part), "{policy}");
        }
        assert_eq!(
            (answer.value("x-content-type-options"), answer.value("referrer-policy")),
            ("nosniff".into(), "same-origin".into())
        );
        let text = answer.text();
        let lower = text.to_lowercase();
        assert!(
            !lower.contains("<style")
                && !lower.contains(" style=")
                && !lower.contains("javascript:")
                && !lower.contains("<img src=x"),
            "{text}"
        );
        assert!(
            !lower.replace("<script type=\"module\" src=", "").contains("<script")
                && !text.contains("http://")
                && !text.contains("https://"),
            "{text}"
        );
        assert!(!["onclick", "onload", "onerror=\"", "onsubmit"].iter().any(|inline| lower.contains(inline)), "{text}");
    }
    for (target, status) in [("/?json", 200), ("/no", 404)] {
        assert_eq!(ask(&server, &get(target)).expect(status).value("x-content-type-options"), "nosniff");
    }
    let text = ask(&server, &page("/")).text();
    assert!(
        text.contains("href=\"/sub/\"")
            && text.contains("zip")
            && text.contains("sort=size")
            && text.contains("sort=time"),
        "{text}"
    );
    assert!(text.find("/sub/").unwrap() < text.find("onerror").unwrap(), "folders come first");
    // Its own files: for good, of a type, small.
    let mut total = text.len();
    let own: Vec<&str> = text
        .split(['"', '\''])
        .filter(|word| word.starts_with("/~ftpd/") && !word.contains("log") && !word.contains("qr"))
        .collect();
    assert!(own.len() >= 2, "{text}");
    for target in own {
        let answer = ask(&server, &get(target).nobody()).expect(200);
        assert!(
            answer.value("cache-control").contains("immutable") && answer.field("content-type").is_some(),
            "{answer:?}"
        );
        total += answer.body.len();
    }
    assert!(total < 60 << 10, "{total}");
    for target in ["/~ftpd/", "/~ftpd/no", "/~ftpd/../ftpd.conf", "/~ftpd/app.js.map", "/~ftpd/page/mod.rs"] {
        ask(&server, &get(target)).expect([400, 404]);
    }
}

#[test]
fn a_file_of_a_user_never_runs_here() {
    let server = with_secret("");
    let shown = [
        ("photo.JPG", "image/jpeg"),
        ("movie.mp4", "video/mp4"),
        ("song.mp3", "audio/mpeg"),
        ("notes.txt", "text/plain; charset=utf-8"),
    ];
    let risky = [
        "a.html",
        "a.HTML",
        "a.htm",
        "a.svg",
        "a.SVGZ",
        "a.xml",
        "a.xhtml",
        "a.xht",
        "a.js",
        "a.mjs",
        "a.pdf",
        "a.swf",
        "a.mht",
        "a.mhtml",
        "a.shtml",
        "a.hta",
        "a.xsl",
        "a.wasm",
        "none",
        "a.html ",
        "a.html.",
        "a.jpg.html",
        "a.css",
        "a.json",
        ".html",
        "a.url",
        "a.txt%0.html",
    ];
    for name in risky.iter().chain(shown.iter().map(|(name, _)| name)) {
        server.write(name, "<script>alert(1)</script>");
    }
    let mut web = Web::connect(&server);
    for name in risky.iter().chain(shown.iter().map(|(name, _)| name)) {
        let target = format!("/{}", name.replace('%', "%25").replace(' ', "%20"));
        let whole = web.ask(&get(&target)).expect(200);
        let answers = [
            web.ask(&request(format!("HEAD {target}"))).expect(200),
            web.ask(&get(&target).with("Range", "bytes=0-7")).expect(206),
            web.ask(&get(&target).with("Accept", "text/html")).expect(200),
            web.ask(&get(format!("{target}?download"))).expect(200),
            whole.clone(),
        ];
        for answer in answers {
            let policy = answer.value("content-security-policy");
            assert!(
                policy.starts_with("sandbox") && !policy.contains("allow-") && policy.contains("default-src 'none'"),
                "{name}: {policy}"
            );
            assert_eq!(answer.value("x-content-type-options"), "nosniff");
            let kind = answer.value("content-type");
            let saved = answer.field("content-disposition").is_some_and(|value| value.starts_with("attachment"));
            match shown.iter().find(|(shown, _)| shown == name) {
                Some((_, expected)) => assert_eq!(kind, *expected),
                None => assert!(
                    kind == "text/plain; charset=utf-8" || saved && kind == "application/octet-stream",
                    "{name}: {answer:?}"
                ),
            }
        }
        assert!(web.ask(&get(format!("{target}?download"))).value("content-disposition").starts_with("attachment"));
        let unchanged = web.ask(&get(&target).with("If-None-Match", whole.value("etag"))).expect(304);
        assert_eq!(unchanged.value("x-content-type-options"), "nosniff");
        assert!(unchanged.field("content-type").is_none());
    }
}

#[test]
fn mounts_rules_and_hidden_names_hold() {
    let users = format!(
        "{BOB}hide = *.key\n[bob /photos]\nhome = photos\nperm = elr\n[bob /drop]\nperm = w\n[bob /work]\nperm = elradfmw\nrefuse = *.exe\n"
    );
    let tree = Tree::new(&with_web(""), &users);
    fs::create_dir(tree.path("photos")).unwrap();
    fs::write(tree.path("photos/one.jpg"), "jpeg").unwrap();
    for folder in ["drop", "work"] {
        fs::create_dir(tree.home().join(folder)).unwrap();
    }
    fs::write(tree.home().join("my.key"), "hidden").unwrap();
    fs::write(tree.home().join("work/file"), "x").unwrap();
    let server = tree.start();
    let list = ask(&server, &get("/?json")).expect(200).json();
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["drop", "photos", "work"]);
    assert_eq!(ask(&server, &get("/photos/one.jpg")).expect(200).text(), "jpeg");
    for (request, statuses) in [
        (put("/photos/two.jpg", "x"), vec![403]),
        (request("DELETE /photos/one.jpg"), vec![403]),
        (request("DELETE /photos"), vec![403]),
        (request("DELETE /photos?recursive"), vec![403]),
        (request("MOVE /photos").with("Destination", "/moved"), vec![403]),
        (request("MOVE /work/file").with("Destination", "/photos"), vec![403]),
        (request("MKCOL /photos"), vec![403, 405]),
        (get("/drop/"), vec![403]),
        (get("/my.key"), vec![404]),
        (request("DELETE /my.key"), vec![404]),
        (put("/my.key", "x"), vec![403]),
        (put("/other.key", "x"), vec![403]),
        (put("/work/setup.exe", "x"), vec![403]),
        (request("MOVE /work/file").with("Destination", "/work/a.exe"), vec![403]),
        (request("MKCOL /work/b.exe"), vec![403]),
        (request("HEAD /photos/one.jpg?upload"), vec![403]),
    ] {
        let answer = ask(&server, &request);
        assert!(statuses.contains(&answer.status), "{}: {answer:?}", request.head().escape_ascii());
    }
    ask(&server, &put("/drop/report", "secret")).expect(201);
    ask(&server, &get("/drop/report")).expect(403);
    ask(&server, &put("/work/ok", "x")).expect(201);
    assert_eq!(fs::read(server.tree().path("photos/one.jpg")).unwrap(), b"jpeg");
}
