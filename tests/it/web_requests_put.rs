//! PUT on the web: what replaces what, what is refused before it comes, and what a broken body leaves.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    sync::{Arc, Barrier},
    thread,
};

use crate::{
    durability::SmallDisk,
    server::{BOB, Server, Tree, eventually},
    web::{Answer, Request, Web, ask, get, patch, put, request, serve, with_web},
};

const MIB: usize = 1 << 20;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect()
}

#[test]
fn a_put_makes_and_replaces_by_length_and_in_chunks() {
    let server = serve("", BOB);
    let mut web = Web::connect(&server);
    for chunk in [None, Some(1000), Some(70_000)] {
        for length in [0, 1, 1000, 3 * MIB] {
            let body = content(length);
            let sent = |name: &str| {
                let plain = put(name, &*body);
                chunk.map_or(plain.clone(), |chunk| plain.chunked(chunk))
            };
            for status in [201, 204] {
                let answer = web.ask(&sent("/new%20file")).expect(status);
                assert!(server.read("new file") == body, "{chunk:?} {length}");
                assert_eq!(web.ask(&get("/new%20file")).value("etag"), answer.value("etag"));
            }
            fs::remove_file(server.home().join("new file")).unwrap();
        }
    }
    assert!(server.partials().is_empty());
}

#[test]
fn conditions_of_put_hold() {
    let server = serve("", BOB);
    server.write("old", "old");
    let mut web = Web::connect(&server);
    let tag = web.ask(&get("/old")).value("etag");
    let cases: &[(&str, &str, &str, u16)] = &[
        ("/old", "If-None-Match", "*", 412),
        ("/old", "If-None-Match", &tag, 412),
        ("/old", "If-None-Match", "garbage", 412),
        ("/old", "If-Match", "\"other\"", 412),
        ("/old", "If-Match", "garbage", 412),
        ("/old", "If-Match", &format!("W/{tag}"), 412),
        ("/old", "If-Unmodified-Since", "Thu, 01 Jan 1970 00:00:00 GMT", 412),
        ("/no", "If-Match", "*", 412),
        ("/no", "If-Match", &tag, 412),
        ("/new", "If-None-Match", "*", 201),
        ("/new2", "If-None-Match", &tag, 201),
        ("/old", "If-None-Match", "\"other\"", 204),
    ];
    for (target, field, value, status) in cases {
        for chunked in [false, true] {
            let before = server.files();
            let plain = put(*target, "new").with(field, value);
            let request = if chunked { plain.chunked(2) } else { plain };
            let answer = ask(&server, &request);
            if *status == 412 {
                assert_eq!(answer.status, 412, "{target} {field}: {value}: {answer:?}");
                assert_eq!(before, server.files(), "{target} {field}: {value}");
            } else {
                assert_eq!(answer.status, *status, "{target} {field}: {value}: {answer:?}");
                fs::remove_file(server.home().join(&target[1..])).unwrap();
                if *target == "/old" {
                    fs::write(server.home().join("old"), "old").unwrap();
                }
            }
        }
    }
    let tag = web.ask(&get("/old")).value("etag");
    let new = web.ask(&put("/old", "newer").with("If-Match", &tag)).expect(204).value("etag");
    assert_eq!(server.read("old"), b"newer");
    ask(&server, &put("/old", "newest").with("If-Match", &tag)).expect(412);
    ask(&server, &put("/old", "newest").with("If-Match", format!("\"a\", {new}"))).expect(204);
}

#[test]
fn of_ten_that_make_one_name_at_once_one_does() {
    let server = Arc::new(serve("", BOB));
    let start = Arc::new(Barrier::new(10));
    let makers = (0..10u8).map(|number| {
        let (server, start) = (Arc::clone(&server), Arc::clone(&start));
        thread::spawn(move || {
            let mut web = Web::connect(&server);
            let request = put("/one", vec![b'0' + number; 100_000]).with("If-None-Match", "*");
            start.wait();
            web.send(request.head());
            for part in request.sent_body().chunks(10_000) {
                if !web.try_send(part) {
                    break;
                }
            }
            web.answer().status
        })
    });
    let makers: Vec<_> = makers.collect();
    let statuses: Vec<u16> = makers.into_iter().map(|maker| maker.join().unwrap()).collect();
    let winners: Vec<usize> = (0..10).filter(|&at| statuses[at] == 201).collect();
    assert_eq!(winners.len(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [201, 412, 423].contains(status)), "{statuses:?}");
    assert_eq!(server.read("one"), vec![b'0' + u8::try_from(winners[0]).unwrap(); 100_000]);
}

#[test]
fn conditions_hold_until_the_last_byte() {
    let server = serve("", BOB);
    let appears = |server: &Server| server.write("late", "of another program");
    let moves_there = |server: &Server| {
        server.write("other", "of another program");
        ask(server, &request("MOVE /other").with("Destination", "/late")).expect([201, 204]);
    };
    let vanishes = |server: &Server| {
        ask(server, &request("DELETE /late")).expect(204);
    };
    type Happening = fn(&Server);
    let cases: [(&str, Happening); 5] = [
        ("If-None-Match", appears),
        ("If-None-Match", moves_there),
        ("If-Match", appears),
        ("If-Match", moves_there),
        ("If-Match", vanishes),
    ];
    for (field, happens) in cases {
        for in_parts in [false, true] {
            let condition = if field == "If-Match" {
                server.write("late", "old");
                ask(&server, &get("/late")).value("etag")
            } else {
                "*".to_owned()
            };
            let mut web = Web::connect(&server);
            let last = if in_parts {
                web.ask(&put("/late", "the ").with("Upload-Complete", "?0")).expect(201);
                patch("/late", 4, "?1", "whole")
            } else {
                put("/late", "whole")
            };
            web.send(last.with(field, &condition).head());
            web.send("who");
            let begun = if in_parts { "the who" } else { "who" };
            eventually("it is on its way", || {
                server.partials().iter().any(|part| fs::read(part).unwrap() == begun.as_bytes())
            });
            happens(&server);
            let now = || fs::read(server.home().join("late")).ok();
            let left = now();
            web.send("le");
            let told = web.answer();
            assert!(told.status == 412 && now() == left, "{field} in parts: {in_parts} {told:?}");
            ask(&server, &request("DELETE /late?upload")).expect(204);
            let _ = fs::remove_file(server.home().join("late"));
        }
    }
    assert!(server.partials().is_empty());
}

#[test]
fn one_name_is_written_by_one() {
    let server = serve("", &format!("{BOB}[eve]\npassword = secret\nperm = elrw\nhome = home\n"));
    server.write("file", "old");
    let mut web = Web::connect(&server);
    web.send(put("/file", "first").head());
    web.send("fi");
    eventually("the upload has begun", || server.partials().len() == 1);
    for user in ["bob", "eve"] {
        let answer = ask(&server, &put("/file", "second").user(user)).expect(423);
        assert!(answer.text().contains("error"), "{answer:?}");
        ask(&server, &get("/file").user(user)).expect(200);
    }
    let mut ftp = server.login_as("eve");
    let data = ftp.passive();
    ftp.expect("STOR file", [450, 550]);
    drop(data);
    web.send("rst");
    web.answer().expect(204);
    assert_eq!(server.read("file"), b"first");
    ask(&server, &put("/file", "second").user("eve")).expect(204);
}

#[test]
fn what_no_file_can_be_is_refused() {
    let server = serve("", BOB);
    server.write("folder/file", "x");
    let before = server.files();
    let long = format!("/{}", "n".repeat(256));
    for (request, statuses) in [
        (put("/folder", "x"), [409, 405]),
        (put("/folder/", "x"), [409, 405]),
        (put("/", "x"), [409, 405]),
        (put("/new/", "x"), [409, 405]),
        (put("/no/such/folder", "x"), [409, 404]),
        (put("/folder/file/x", "x"), [409, 404]),
        (put(long, "x"), [400, 414]),
        (request("PUT /new"), [411, 411]),
        (put("/new", "x").with("Content-Range", "bytes 0-0/1"), [400, 400]),
        (put("/folder/file", "x").with("Content-Range", "bytes 0-0/10"), [400, 400]),
        (put("/folder/file", "x").with("Content-Range", "nonsense"), [400, 400]),
        (put("/new", "x").with("Upload-Complete", "yes"), [400, 400]),
        (put("/.ftpd-0123456789abcdef.part", "x"), [403, 404]),
        (put("/.FTPD-0123456789ABCDEF.part", "x"), [403, 404]),
        (put("/%2eftpd-0123456789abcdef.part", "x"), [403, 404]),
    ] {
        let answer = ask(&server, &request).expect(statuses);
        assert_eq!(answer.value("content-type"), "application/json; charset=utf-8");
        assert_eq!(before, server.files(), "{answer:?}");
    }
}

#[test]
fn the_time_of_a_file_is_set_where_that_is_allowed() {
    let server = serve("", &format!("{BOB}[eve]\npassword = secret\nperm = elrw\nhome = home\n"));
    let now = fs::metadata(server.home()).unwrap().mtime();
    let mut number = 0;
    let mut modified = |user: &str, value: &str| {
        number += 1;
        let name = format!("file{number}");
        ask(&server, &put(format!("/{name}"), "abc").user(user).with("X-Modified", value)).expect(201);
        assert_eq!(server.read(&name), b"abc");
        fs::metadata(server.home().join(&name)).unwrap().mtime()
    };
    for (value, seconds) in [("1700000000", 1_700_000_000), ("1700000000.75", 1_700_000_000), ("0", 0)] {
        let found = modified("bob", value);
        assert_eq!(found, seconds, "{value}");
        assert!(modified("eve", value) >= now, "{value}");
    }
    for nonsense in [
        "",
        "yesterday",
        "99999999999999999999",
        "-1",
        "1700000000000",
        "1.x",
        "9223372036854775807",
        "-9223372036854775808",
        "0x10",
        "1e3",
        "NaN",
        "1,2",
    ] {
        let found = modified("bob", nonsense);
        assert!(found >= now, "{nonsense:?}: {found}");
    }
    let twice = put("/twice", "abc").with("X-Modified", "1").with("X-Modified", "2");
    ask(&server, &twice).expect([201, 400]);
    // One that is not whole has no time yet.
    ask(&server, &put("/part", "abc").with("Upload-Complete", "?0").with("X-Modified", "1700000000")).expect(201);
}

#[test]
fn a_100_comes_before_the_body_if_it_is_wanted_and_only_then() {
    let server = serve("", &format!("{BOB}[eve]\npassword = secret\nperm = elr\nhome = home\n"));
    server.write("old", "old");
    let expects = |request: Request| request.with("Expect", "100-Continue");
    for plain in [put("/a", "hello"), put("/b", "hello").chunked(3)] {
        let request = expects(plain);
        let mut web = Web::connect(&server);
        web.send(request.head());
        assert_eq!(web.answer().status, 100);
        web.send(request.sent_body());
        web.answer().expect(201);
        // One that does not wait is served, too.
        web.send(request.bytes());
        let mut answer = web.answer();
        if answer.status == 100 {
            answer = web.answer();
        }
        answer.expect(204);
        web.ask(&get("/a")).expect(200);
    }
    // HTTP/1.0 knows no such thing.
    let mut web = Web::connect(&server);
    web.send(expects(request("PUT /old10 HTTP/1.0").body("hello")).bytes());
    web.answer().expect(201);
    // Nobody asks for a body that is not wanted.
    for refused in [
        expects(put("/no", "hello").user("eve")),
        expects(put("/no", "hello").user("wrong")),
        expects(put("/no", "hello").nobody()),
        expects(put("/no/such/folder", "hello")),
        expects(put("/old", "hello").with("If-None-Match", "*")),
        expects(put("/old", "hello").with("If-Match", "\"x\"")),
        expects(put("/x", "hello").with("Content-Range", "bytes 0-4/9")),
        expects(put("/x/", "hello")),
        expects(put("/~ftpd/x", "hello")),
        expects(put("/x", "hello").host(Some("evil.example"))),
        expects(request("MKCOL /x").body("hello")),
        expects(request("POST /old").body("hello")),
    ] {
        let mut web = Web::connect(&server);
        web.send(refused.head());
        let answer = web.answer();
        assert!(answer.status >= 400 && !answer.keeps(), "{answer:?}");
        assert!(web.is_over());
    }
    let mut web = Web::connect(&server);
    web.send(put("/x", "hello").with("Expect", "a-miracle").head());
    web.answer().expect(417);
    assert_eq!(server.read("old"), b"old");
    assert!(!server.home().join("x").exists());
}

#[test]
fn a_body_that_is_refused_is_not_read() {
    let server = serve("", &format!("{BOB}[eve]\npassword = secret\nperm = elr\nhome = home\n"));
    let large = 50 * MIB;
    for target in ["/large", "/no/such/large"] {
        let user = if target == "/large" { "eve" } else { "bob" };
        let mut web = Web::connect(&server);
        web.send(request(format!("PUT {target}")).user(user).with("Content-Length", large).head());
        let answer = web.answer().expect([403, 409]);
        assert!(!answer.keeps(), "{answer:?}");
        // Some fits into the sockets; what is beyond that finds nobody.
        let piece = vec![0; MIB];
        let sent = (0..50).take_while(|_| web.try_send(&piece)).count();
        assert!(sent < 50, "all was taken");
    }
    // A small one is passed over, and the next request is served.
    let mut web = Web::connect(&server);
    web.send([put("/small", content(10_000)).user("eve").bytes(), get("/").user("eve").bytes()].concat());
    assert!(web.answer().expect(403).keeps());
    web.answer().expect(200);
}

/// What a client sent of a body of ten bytes before it left.
const BROKEN: &[u8] = b"12345";

#[test]
fn a_body_that_ends_early_is_no_upload() {
    let server = serve("[log]\ntransfer_log = transfers\n", BOB);
    for (target, chunked) in [("/old", false), ("/old", true), ("/new", false), ("/new", true)] {
        for how in ["close", "reset", "half-close"] {
            server.write("old", "old");
            let mut web = Web::connect(&server);
            let whole = put(target, "1234567890");
            match chunked {
                true => web.send([&whole.chunked(10).head(), &b"5\r\n12345\r\n"[..]].concat()),
                false => web.send([&whole.head(), BROKEN].concat()),
            }
            eventually("it came", || {
                server.partials().first().is_some_and(|partial| fs::read(partial).is_ok_and(|held| held == BROKEN))
            });
            match how {
                "close" => {}
                "reset" => socket2::SockRef::from(web.socket()).set_linger(Some(std::time::Duration::ZERO)).unwrap(),
                _ => {
                    web.shut();
                    web.answer().expect(400);
                    assert!(web.is_over());
                }
            }
            drop(web);
            let mut waiting = Web::connect(&server);
            let told = waiting.ask(&request(format!("HEAD {target}?upload"))).expect([200, 204]);
            assert_eq!(told.value("upload-offset"), "5", "{how}");
            assert_eq!(server.read("old"), b"old");
            assert!(!server.home().join("new").exists(), "{target} {how}");
            waiting.ask(&request(format!("DELETE {target}?upload"))).expect(204);
            assert!(server.partials().is_empty());
        }
    }
    eventually("all is written down", || transfers(&server).len() == 12);
    assert!(transfers(&server).iter().all(|line| line.ends_with(" i")), "{:?}", transfers(&server));
    // HTTP has no data connection.
    server.wait_log_times("PUT */new completed=0 bytes=5 *(connection: *)", 2);
}

fn transfers(server: &Server) -> Vec<String> {
    let log = fs::read_to_string(server.tree().path("transfers")).unwrap_or_default();
    log.lines().map(str::to_owned).collect()
}

#[test]
fn a_broken_chunk_breaks_the_upload() {
    let server = serve("", BOB);
    for (number, chunks) in [
        "+5\r\n12345\r\n0\r\n\r\n",
        "-5\r\n12345\r\n0\r\n\r\n",
        "0x5\r\n12345\r\n0\r\n\r\n",
        " 5\r\n12345\r\n0\r\n\r\n",
        "5 \r\n12345\r\n0\r\n\r\n",
        "\r\n12345\r\n0\r\n\r\n",
        "g\r\n",
        "00000000000000005\r\n12345\r\n0\r\n\r\n",
        "5\r12345\r\n0\r\n\r\n",
        "5\n12345\n0\n\n",
        "5\r\n12345\n0\r\n\r\n",
        "5\r\n123456\r\n0\r\n\r\n",
        "5\r\n1234\r\n0\r\n\r\n",
        "5;a\rb\r\n12345\r\n0\r\n\r\n",
        "5;a\nb\r\n12345\r\n0\r\n\r\n",
        "ffffffffffffffff\r\n",
        "8000000000000000\r\n",
        "5\r\n12345\r\n0\r\nA: b\nC: d\r\n\r\n",
        "5\r\n12345\r\n0\r\n\rX",
    ]
    .into_iter()
    .enumerate()
    {
        server.write("old", "old");
        let mut web = Web::connect(&server);
        web.send([put("/old", "").chunked(1).head(), chunks.as_bytes().to_vec()].concat());
        let answer = web.answer().expect([400, 413]);
        assert!(!answer.keeps() && web.is_over(), "{number}");
        assert!(!answer.text().contains("The upload broke"), "it says what is wrong: {number} {answer:?}");
        assert_eq!(server.read("old"), b"old", "{chunks:?}");
    }
    for endless in [
        format!("5;{}", "e".repeat(2000)),
        format!("0\r\nA: {}", "t".repeat(6000)),
        "0\r\n".to_owned() + &"A: b\r\n".repeat(2000),
    ] {
        let mut web = Web::connect(&server);
        web.send(put("/old", "").chunked(1).head());
        web.try_send(endless);
        web.answer().expect(400);
        assert_eq!(server.read("old"), b"old");
    }
    let extended = format!("5;name=\"{}\"\r\n12345\r\n0;last\r\nTrailer: dropped\r\n\r\n", "v".repeat(900));
    let mut web = Web::connect(&server);
    web.send([put("/old", "").chunked(1).head(), extended.into_bytes(), get("/old").bytes()].concat());
    web.answer().expect(204);
    assert_eq!(web.answer().expect(200).text(), "12345");
}

#[test]
fn a_replaced_file_keeps_its_mode_and_its_other_names_their_content() {
    let server = serve("", BOB);
    let home = server.home();
    server.write("old", "old");
    fs::set_permissions(home.join("old"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::hard_link(home.join("old"), home.join("other")).unwrap();
    ask(&server, &put("/old", "new")).expect(204);
    ask(&server, &put("/new", "new")).expect(201);
    ask(&server, &request("MKCOL /folder")).expect(201);
    let mode = |name: &str| fs::metadata(home.join(name)).unwrap().mode() & 0o7777;
    let umask = rustix::process::umask(rustix::fs::Mode::empty());
    rustix::process::umask(umask);
    let by_umask = |mode: u32| mode & !umask.bits();
    assert_eq!([mode("old"), mode("new"), mode("folder")], [0o640, by_umask(0o666), by_umask(0o777)]);
    assert_eq!((server.read("old"), server.read("other")), (b"new".to_vec(), b"old".to_vec()));
}

#[test]
fn without_atomic_uploads_a_put_writes_in_place() {
    let server = serve("[transfer]\natomic_uploads = off\n", BOB);
    server.write("old", "old content");
    ask(&server, &put("/old", "new")).expect(204);
    ask(&server, &put("/new", "new").with("If-None-Match", "*")).expect(201);
    ask(&server, &put("/new", "other").with("If-None-Match", "*")).expect(412);
    assert_eq!((server.read("old"), server.read("new")), (b"new".to_vec(), b"new".to_vec()));
    let mut web = Web::connect(&server);
    web.send([put("/new", "0123456789").head(), b"01234".to_vec()].concat());
    eventually("it came", || server.read("new") == b"01234");
    web.shut();
    web.answer().expect(400);
    assert!(server.partials().is_empty());
    ask(&server, &request("HEAD /new?upload")).expect(404);
}

#[test]
fn over_the_quota_is_507_before_it_comes_and_when_it_has_come() {
    let users = "[bob]\npassword = secret\nperm = elradfmwMT\nhome = home\nquota = 100000\n";
    let tree = Tree::new(&with_web(""), users);
    fs::write(tree.home().join("old"), vec![b'o'; 60_000]).unwrap();
    let server = tree.start();
    let old_is_there = || assert_eq!(server.read("old").len(), 60_000);
    let mut web = Web::connect(&server);
    // Before a 100, and so before the first byte.
    let announced = put("/new", vec![b'n'; 50_000]);
    web.send(announced.clone().with("Expect", "100-continue").head());
    web.answer().expect(507);
    refused(&server, &announced);
    refused(&server, &announced.clone().chunked(1000));
    refused(&server, &put("/old", vec![b'n'; 50_000]));
    old_is_there();
    // A part of it waits; the rest is too much.
    ask(&server, &put("/new", vec![b'n'; 30_000]).with("Upload-Complete", "?0")).expect(201);
    for rest in
        [patch("/new", 30_000, "?1", vec![b'r'; 20_000]), patch("/new", 30_000, "?1", vec![b'r'; 20_000]).chunked(1000)]
    {
        refused(&server, &rest);
        assert_eq!(ask(&server, &request("HEAD /new?upload")).value("upload-offset"), "30000");
    }
    ask(&server, &patch("/new", 30_000, "?1", vec![b'r'; 5000])).expect(201);
    assert_eq!(server.read("new").len(), 35_000);
    // What goes makes room.
    refused(&server, &put("/third", vec![b'3'; 40_000]));
    ask(&server, &request("DELETE /new")).expect(204);
    ask(&server, &put("/third", vec![b'3'; 40_000])).expect(201);
    old_is_there();
}

#[test]
fn what_the_disk_has_no_room_for_is_507_and_gives_the_room_back() {
    let Some(disk) = SmallDisk::mount() else { return };
    let server = disk.serve(&with_web(""));
    let old = content(100_000);
    fs::write(disk.path("old"), &old).unwrap();
    let free = disk.free();
    for target in ["/old", "/new"] {
        let large = put(target, content(3 * MIB));
        let mut web = Web::connect(&server);
        web.send(large.clone().with("Expect", "100-continue").head());
        web.answer().expect(507);
        refused(&server, &large.clone().chunked(10_000));
        assert!(fs::read(disk.path("old")).unwrap() == old && !disk.path("new").exists(), "{target}");
        eventually("the room is back", || disk.free() == free);
        ask(&server, &put("/small", content(50_000))).expect(201);
        ask(&server, &request("DELETE /small")).expect(204);
    }
}

#[track_caller]
fn refused(server: &Server, request: &Request) -> Answer {
    let mut web = Web::connect(server);
    web.send(request.head());
    web.try_send(request.sent_body());
    web.answer().expect(507)
}

#[test]
fn a_part_is_refused_where_nothing_can_be_kept_for_later_and_the_old_file_stays() {
    let server = serve("[transfer]\natomic_uploads = off\n", BOB);
    server.write("old", "old content");
    let mut web = Web::connect(&server);
    for name in ["/old", "/new"] {
        web.ask(&put(name, "").with("Upload-Complete", "?0")).expect(501);
        web.ask(&put(name, "part").with("Upload-Complete", "?0")).expect(501);
    }
    assert_eq!(fs::read(server.home().join("old")).unwrap(), b"old content");
    assert!(!server.home().join("new").exists());
}

#[test]
fn with_a_slash_at_its_end_a_path_is_no_files() {
    let server = serve("", BOB);
    server.write("f", "content");
    let mut web = Web::connect(&server);
    web.ask(&request("MOVE /f/").with("Destination", "/g")).expect(404);
    web.ask(&put("/q", "part").with("Upload-Complete", "?0")).expect(201);
    web.ask(&request("HEAD /q/?upload")).expect(409);
    web.ask(&request("DELETE /q/?upload")).expect(409);
    assert!(server.home().join("f").exists() && !server.home().join("g").exists() && server.partials().len() == 1);
}

#[test]
fn a_page_of_another_site_ends_no_upload() {
    let server = serve("", BOB);
    let mut slow = Web::connect(&server);
    let whole = put("/big", content(MIB));
    slow.send(whole.head());
    slow.send(&whole.sent_body()[..1000]);
    eventually("something has come", || {
        server.partials().iter().any(|partial| fs::metadata(partial).is_ok_and(|meta| meta.len() == 1000))
    });
    let asked = request("HEAD /big?upload").with("Sec-Fetch-Site", "cross-site");
    ask(&server, &asked).expect(204);
    slow.send(&whole.sent_body()[1000..]);
    slow.answer().expect(201);
}
