//! Uploads that go on after a break, by either door.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use crate::{
    data::reset,
    server::{BOB, Server, Tree, eventually},
    web::{Answer, Request, Web, ask, get, patch, put, request, serve, with_web},
};

/// Where the upload of a file stands; `None` if nothing waits.
#[track_caller]
fn offset(server: &Server, target: &str) -> Option<u64> {
    let answer = ask(server, &request(format!("HEAD {target}?upload")));
    match answer.status {
        200 | 204 => {
            assert_eq!(answer.value("upload-complete"), "?0");
            Some(answer.value("upload-offset").parse().expect("a number"))
        }
        404 => None,
        _ => panic!("{answer:?}"),
    }
}

fn begin(target: &str, body: impl Into<Vec<u8>>) -> Request {
    put(target, body).with("Upload-Complete", "?0")
}

/// An upload of which this much arrives before its connection breaks.
#[track_caller]
fn break_off(server: &Server, request: &Request, sent: &[u8]) {
    let mut web = Web::connect(server);
    web.send([request.head(), sent.to_vec()].concat());
    let came = |path: &PathBuf| fs::read(path).is_ok_and(|held| held.ends_with(body_of(sent)));
    eventually("it came", || server.partials().iter().any(came));
}

/// What a first chunk holds, or all.
fn body_of(sent: &[u8]) -> &[u8] {
    match sent.windows(2).position(|pair| pair == b"\r\n") {
        Some(end) => sent[end + 2..].strip_suffix(b"\r\n").unwrap_or(&sent[end + 2..]),
        None => sent,
    }
}

#[test]
fn an_upload_in_parts_is_whole_with_its_last_one() {
    let server = serve("", BOB);
    server.write("folder/old", "old");
    let mut web = Web::connect(&server);
    for (target, status) in [("/folder/old", 204), ("/folder/new%20file", 201)] {
        assert_eq!(offset(&server, target), None);
        let answer = web.ask(&begin(target, "01")).expect(201);
        assert_eq!(answer.value("location"), format!("{target}?upload"));
        assert_eq!((answer.value("upload-offset"), answer.value("upload-complete")), ("2".into(), "?0".into()));
        assert_eq!(offset(&server, target), Some(2));
        let answer = web.ask(&patch(target, 2, "?0", "234")).expect(204);
        assert_eq!((answer.value("upload-offset"), answer.value("upload-complete")), ("5".into(), "?0".into()));
        let answer = web.ask(&patch(target, 5, "?0", "56").chunked(1)).expect(204);
        assert_eq!(answer.value("upload-offset"), "7");
        assert_eq!(server.read("folder/old"), b"old");
        assert!(!server.home().join("folder/new file").exists());
        let list = web.ask(&get("/folder/?json")).expect(200).json();
        assert!(list.as_array().unwrap().len() < 3 && !list.to_string().contains(".ftpd-"), "{list}");
        let answer = web.ask(&patch(target, 7, "?1", "89")).expect(status);
        assert_eq!(answer.value("upload-complete"), "?1");
        assert_eq!(web.ask(&get(target)).expect(200).text(), "012345689");
        assert_eq!(offset(&server, target), None);
        web.ask(&patch(target, 9, "?1", "x")).expect(404);
        if status == 204 {
            server.write("folder/old", "old");
        }
    }
    assert!(server.tree().partials("folder").is_empty());
}

#[test]
fn an_empty_part_begins_and_ends_an_upload() {
    let server = serve("", BOB);
    for (first, last) in [("", ""), ("", "abc"), ("abc", "")] {
        for chunked in [false, true] {
            let sent = |request: Request| if chunked { request.chunked(2) } else { request };
            let answer = ask(&server, &sent(begin("/new", first))).expect(201);
            assert_eq!(answer.value("upload-offset"), first.len().to_string());
            assert_eq!(offset(&server, "/new"), Some(first.len() as u64));
            ask(&server, &sent(patch("/new", first.len(), "?1", last))).expect(201);
            assert_eq!(server.read("new"), format!("{first}{last}").as_bytes());
            fs::remove_file(server.home().join("new")).unwrap();
        }
    }
    // No content at all, and no word about its length, is none, too.
    let without = request("PATCH /new?upload").with("Content-Type", "application/partial-upload");
    ask(&server, &begin("/new", "abc")).expect(201);
    ask(&server, &without.with("Upload-Offset", 3).with("Upload-Complete", "?1")).expect([201, 411]);
}

#[test]
fn what_arrived_of_a_broken_put_goes_on() {
    let server = serve("", BOB);
    for target in ["/old", "/new"] {
        for chunked in [false, true] {
            server.write("old", "old");
            let whole = put(target, "0123456789");
            match chunked {
                false => break_off(&server, &whole, b"01234"),
                true => break_off(&server, &whole.chunked(10), b"5\r\n01234\r\n"),
            }
            assert_eq!(offset(&server, target), Some(5), "{target} {chunked}");
            assert_eq!(server.read("old"), b"old");
            assert!(!server.home().join("new").exists());
            // The next part breaks, too, and what came of it counts.
            break_off_patch(&server, &patch(target, 5, "?1", "56789"), b"567", 8);
            assert_eq!(offset(&server, target), Some(8));
            ask(&server, &patch(target, 8, "?1", "89")).expect([201, 204]);
            assert_eq!(server.read(&target[1..]), b"0123456789");
            let _ = fs::remove_file(server.home().join("new"));
        }
    }
    assert!(server.partials().is_empty());
}

/// The same for a part: its partial is there already.
#[track_caller]
fn break_off_patch(server: &Server, request: &Request, sent: &[u8], held: u64) {
    let mut web = Web::connect(server);
    web.send([request.head(), sent.to_vec()].concat());
    eventually("it came", || {
        server.partials().iter().any(|path| fs::metadata(path).is_ok_and(|meta| meta.len() == held))
    });
}

#[test]
fn a_client_that_comes_back_takes_over_from_its_dead_connection() {
    let server = serve("", BOB);
    let mut dead = Web::connect(&server);
    dead.send([put("/new", "0123456789").head(), b"0123".to_vec()].concat());
    eventually("it came", || server.arrived("new") == b"0123");
    assert_eq!(offset(&server, "/new"), Some(4));
    ask(&server, &patch("/new", 4, "?1", "456789")).expect(201);
    assert_eq!(server.read("new"), b"0123456789");
}

#[test]
fn what_is_on_the_way_when_a_client_comes_back_is_not_lost() {
    let server = serve("", BOB);
    let body = vec![7; 400_000];
    for target in ["/new", "/other"] {
        let mut broken = Web::connect(&server);
        broken.send([put(target, vec![7; 800_000]).head(), body.clone()].concat());
        // Its end, and not a reset, which takes away what is on the way.
        broken.shut();
        eventually("the upload has begun", || server.partials().len() == 1);
        assert_eq!(offset(&server, target), Some(400_000));
        ask(&server, &patch(target, 400_000, "?1", body.clone())).expect(201);
        assert_eq!(server.read(&target[1..]).len(), 800_000);
    }
}

#[test]
fn a_wrong_offset_is_told_the_right_one_and_changes_nothing() {
    let server = serve("", BOB);
    server.write("old", "old");
    for target in ["/old", "/new"] {
        ask(&server, &begin(target, "01234")).expect(201);
        let before = server.files();
        for wrong in ["0", "4", "6", "10", "999999999999999"] {
            let answer = ask(&server, &patch(target, wrong, "?1", "x")).expect(409);
            assert_eq!(answer.value("upload-offset"), "5", "{wrong}");
        }
        for nonsense in ["", "-5", "+5", "5.0", "0x5", "five", "5, 5", "99999999999999999999", "5;a"] {
            ask(&server, &patch(target, nonsense, "?1", "x")).expect(400);
        }
        let twice = patch(target, 5, "?1", "x").with("Upload-Offset", 5);
        ask(&server, &twice).expect(400);
        for nonsense in ["", "1", "true", "?2", "?1 ?1"] {
            ask(&server, &patch(target, 5, nonsense, "x")).expect(400);
        }
        assert_eq!(before, server.files());
        ask(&server, &patch(target, 5, "?1", "56789")).expect([201, 204]);
        assert_eq!(server.read(&target[1..]), b"0123456789");
    }
}

#[test]
fn a_patch_of_another_shape_is_refused() {
    let server = serve("", &format!("{BOB}[eve]\npassword = secret\nperm = elr\nhome = home\n"));
    server.write("file", "content");
    server.write("folder/x", "x");
    ask(&server, &begin("/file", "012")).expect(201);
    let before = server.files();
    let part = |line: &str, kind: &str| {
        request(line).with("Content-Type", kind).with("Upload-Offset", 3).with("Upload-Complete", "?1").body("3")
    };
    let partial = "application/partial-upload";
    let allows = ask(&server, &part("PATCH /file", partial)).expect(405).value("allow");
    assert!(allows.contains("PUT") && allows.contains("DELETE"), "{allows}");
    for (request, status) in [
        (part("PATCH /file?upload", "application/octet-stream"), 415),
        (part("PATCH /file?upload", "text/plain"), 415),
        (part("PATCH /file?upload", ""), 415),
        (request("PATCH /file?upload").with("Upload-Offset", 3).with("Upload-Complete", "?1").body("3"), 415),
        (request("PATCH /file?upload").with("Content-Type", partial).with("Upload-Complete", "?1").body("3"), 400),
        (request("PATCH /file?upload").with("Content-Type", partial).with("Upload-Offset", 3).body("3"), 400),
        (part("PATCH /no?upload", partial), 404),
        (part("PATCH /folder?upload", partial), 404),
        (part("PATCH /no/such/folder?upload", partial), 404),
        (part("PATCH /file?upload", partial).user("eve"), 403),
        (part("PATCH /file?upload", partial).nobody(), 401),
        (request("HEAD /file?upload").user("eve"), 403),
        (request("DELETE /file?upload").user("eve"), 403),
        (request("HEAD /no?upload"), 404),
        (request("HEAD /folder?upload"), 404),
        (request("DELETE /no?upload"), 404),
        (request("DELETE /folder/x?upload"), 404),
        (request("POST /file?upload").body("3"), 405),
    ] {
        let answer = if request.bytes().starts_with(b"HEAD") {
            Web::connect(&server).ask(&request)
        } else {
            ask(&server, &request)
        };
        assert_eq!(answer.status, status, "{} {answer:?}", String::from_utf8_lossy(&request.bytes()));
        assert_eq!(before, server.files());
    }
    ask(&server, &part("PATCH /file?upload", "Application/Partial-Upload; x=y")).expect(204);
    assert_eq!(server.read("file"), b"0123");
}

#[test]
fn what_waits_is_dropped_with_its_upload_or_its_file_or_by_a_put() {
    let server = serve("", &format!("{BOB}[eve]\npassword = secret\nperm = elrw\nhome = home\n"));
    server.write("file", "content");
    ask(&server, &begin("/file", "012").user("eve")).expect(201);
    ask(&server, &begin("/file", "01")).expect(201);
    assert_eq!(server.partials().len(), 2, "each account has its own");
    ask(&server, &request("DELETE /file").user("eve")).expect(403);
    ask(&server, &request("DELETE /file?upload").user("eve")).expect(204);
    assert_eq!((server.read("file"), server.partials().len()), (b"content".to_vec(), 1));
    assert_eq!(offset(&server, "/file"), Some(2));
    ask(&server, &request("DELETE /file")).expect(204);
    assert!(server.partials().is_empty() && !server.home().join("file").exists());
    ask(&server, &begin("/file", "01")).expect(201);
    ask(&server, &put("/file", "whole")).expect(201);
    assert_eq!((server.read("file"), offset(&server, "/file")), (b"whole".to_vec(), None));
    // A new beginning forgets the old one.
    ask(&server, &begin("/file", "0123")).expect(201);
    ask(&server, &begin("/file", "9")).expect(201);
    assert_eq!(offset(&server, "/file"), Some(1));
    ask(&server, &patch("/file", 1, "?1", "8")).expect(204);
    assert_eq!(server.read("file"), b"98");
}

#[test]
fn an_upload_survives_the_death_of_the_server() {
    for target in ["/old", "/new"] {
        let server = serve("", BOB);
        server.write("old", "old");
        let mut web = Web::connect(&server);
        web.send([put(target, "0123456789").head(), b"0123".to_vec()].concat());
        eventually("it came", || server.arrived("none") == b"0123");
        let tree = server.kill();
        assert_eq!(fs::read(tree.home().join("old")).unwrap(), b"old");
        assert!(!tree.home().join("new").exists());
        let server = tree.start();
        assert_eq!(offset(&server, target), Some(4));
        ask(&server, &patch(target, 4, "?1", "456789")).expect([201, 204]);
        assert_eq!(server.read(&target[1..]), b"0123456789");
        assert!(server.partials().is_empty());
    }
}

#[test]
fn what_broke_in_ftp_goes_on_on_the_web() {
    let server = serve("", BOB);
    server.write("file", "old");
    let mut ftp = server.login();
    let data = ftp.stalled_upload("STOR file", b"0123");
    eventually("it came", || server.arrived("file") == b"0123");
    // While FTP still writes, nobody else does.
    ask(&server, &put("/file", "x")).expect(423);
    reset(data);
    ftp.read_reply().expect(426);
    assert_eq!(offset(&server, "/file"), Some(4));
    assert_eq!(server.read("file"), b"old");
    ask(&server, &patch("/file", 4, "?0", "45")).expect(204);
    assert_eq!(server.read("file"), b"old");
    ask(&server, &patch("/file", 6, "?1", "6789")).expect(204);
    assert_eq!(server.read("file"), b"0123456789");
    // What FTP left of a new name is a file.
    let data = ftp.stalled_upload("STOR fresh", b"abc");
    eventually("it came", || server.arrived("fresh") == b"abc");
    reset(data);
    ftp.read_reply().expect(426);
    assert_eq!((offset(&server, "/fresh"), ask(&server, &get("/fresh")).text()), (None, "abc".into()));
}

#[test]
fn what_broke_on_the_web_goes_on_in_ftp() {
    let server = serve("", BOB);
    for name in ["old", "new"] {
        server.write("old", "old");
        let target = format!("/{name}");
        break_off(&server, &put(&target, "0123456789"), b"01234");
        assert_eq!(offset(&server, &target), Some(5));
        let before = server.files();
        let mut ftp = server.login();
        for wrong in [3, 4, 6] {
            ftp.expect(format!("REST {wrong}"), 350);
            let data = ftp.passive();
            let reply = ftp.cmd(format!("STOR {name}"));
            assert!(reply.code >= 500, "{wrong}: {reply:?}");
            drop(data);
            assert_eq!(before, server.files(), "{wrong}");
        }
        ftp.expect("REST 5", 350);
        ftp.upload(format!("STOR {name}"), b"56789").expect(226);
        assert_eq!(server.read(name), b"0123456789");
        assert_eq!(offset(&server, &target), None);
        assert!(server.partials().is_empty());
    }
}

#[test]
fn nobody_reaches_what_waits_by_a_name_of_its_own() {
    let server = serve("", BOB);
    fs::create_dir_all(server.home().join("folder/empty")).unwrap();
    ask(&server, &begin("/folder/file", "0123")).expect(201);
    ask(&server, &begin("/folder/empty/file", "0123")).expect(201);
    let hidden = server.tree().partials("folder").pop().expect("a partial");
    let name = hidden.file_name().unwrap().to_str().unwrap().to_owned();
    let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
    server.write("plain", "plain");
    let before = server.files();
    for spelling in [name.clone(), name.to_uppercase(), name.replace("part", "PaRt"), encoded] {
        let path = format!("/folder/{spelling}");
        for request in [
            get(&path),
            request(format!("HEAD {path}")),
            get(format!("{path}/")),
            get(format!("{path}?json")),
            get(format!("{path}?zip")),
            put(&path, "x"),
            request(format!("DELETE {path}")),
            request(format!("DELETE {path}?recursive")),
            request(format!("MKCOL {path}")),
            request(format!("MOVE {path}")).with("Destination", "/taken"),
            request("MOVE /plain").with("Destination", &path),
            request(format!("HEAD {path}?upload")),
            request(format!("DELETE {path}?upload")),
            patch(&path, 4, "?1", "x"),
            put(format!("{path}/x"), "x"),
        ] {
            let answer: Answer = ask(&server, &request);
            assert!((400..500).contains(&answer.status), "{} {answer:?}", String::from_utf8_lossy(&request.bytes()));
            assert_eq!(before, server.files());
        }
    }
    for target in ["/folder/", "/folder/?json", "/folder/empty/?json"] {
        assert!(!ask(&server, &get(target)).expect(200).text().contains("ftpd-0"), "{target}");
    }
    // A folder that holds nothing else is empty.
    ask(&server, &request("DELETE /folder/empty/")).expect(204);
    ask(&server, &request("DELETE /folder")).expect(204);
    assert!(!Path::new(&hidden).exists());
}

#[test]
fn a_part_over_the_limits_of_a_number_or_of_the_name_costs_nothing() {
    let tree = Tree::new(&with_web(""), BOB);
    let server = tree.start();
    let long = "n".repeat(240);
    ask(&server, &begin(&format!("/{long}"), "01")).expect(201);
    ask(&server, &patch(&format!("/{long}"), 2, "?1", "23")).expect(201);
    assert_eq!(server.read(&long), b"0123");
    ask(&server, &begin(&format!("/{}", "n".repeat(256)), "01")).expect(400);
    assert!(server.partials().is_empty());
    let mut web = Web::connect(&server);
    let _ = web.socket().flush();
    web.ask(&get("/")).expect(200);
}
