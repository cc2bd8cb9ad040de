//! GET and HEAD on the web: whole files and parts, conditions, folders as pages and lists.

use std::{
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt, symlink},
    },
    path::Path,
    time::{Duration, SystemTime},
};

use crate::{
    server::{BOB, Server},
    web::{Answer, Web, ask, get, request, serve},
};

const GIB: u64 = 1 << 30;

fn with_file() -> Server {
    let server = serve("", BOB);
    server.write("file.txt", "0123456789");
    server.write("empty", "");
    server
}

/// What a part is called in `Content-Range`, and its bytes.
#[track_caller]
fn expect_part(answer: Answer, range: &str, body: &[u8]) {
    let answer = answer.expect(206);
    assert_eq!(answer.value("content-range"), format!("bytes {range}"), "{answer:?}");
    assert_eq!(answer.value("content-length"), body.len().to_string());
    assert!(answer.is_whole && answer.body == body, "{range}: {answer:?}");
}

#[test]
fn one_range_is_a_part() {
    let server = with_file();
    let mut web = Web::connect(&server);
    for (range, named, body) in [
        ("bytes=0-0", "0-0/10", "0"),
        ("bytes=2-5", "2-5/10", "2345"),
        ("bytes=7-", "7-9/10", "789"),
        ("bytes=-3", "7-9/10", "789"),
        ("bytes=-300", "0-9/10", "0123456789"),
        ("bytes=8-1000", "8-9/10", "89"),
        ("BYTES=9-9", "9-9/10", "9"),
        ("bytes=0-99999999999999999999999", "0-9/10", "0123456789"),
    ] {
        let asked = get("/file.txt").with("Range", range);
        expect_part(web.ask(&asked), named, body.as_bytes());
        let head = web.ask(&request("HEAD /file.txt").with("Range", range));
        assert_eq!((head.status, head.value("content-range")), (206, format!("bytes {named}")), "{range}");
    }
}

#[test]
fn a_part_beyond_4_gib_is_right() {
    let server = serve("", BOB);
    server.write_sparse("large", 5 * GIB);
    let file = File::options().write(true).open(server.home().join("large")).unwrap();
    file.write_at(b"beyond", 4 * GIB + 7).unwrap();
    file.write_at(b"end", 5 * GIB - 3).unwrap();
    let mut web = Web::connect(&server);
    let first = 4 * GIB + 7;
    let size = 5 * GIB;
    let range = |range: String| get("/large").with("Range", format!("bytes={range}"));
    let (last, end) = (first + 5, size - 1);
    expect_part(web.ask(&range(format!("{first}-{last}"))), &format!("{first}-{last}/{size}"), b"beyond");
    expect_part(web.ask(&range("-3".into())), &format!("{}-{end}/{size}", size - 3), b"end");
    expect_part(web.ask(&range(format!("{}-", size - 3))), &format!("{}-{end}/{size}", size - 3), b"end");
    let head = web.ask(&request("HEAD /large")).expect(200);
    assert_eq!(head.value("content-length"), size.to_string());
}

#[test]
fn a_range_that_cannot_be_met_or_is_none_gives_no_other_bytes() {
    let server = with_file();
    let mut web = Web::connect(&server);

    for (target, range, size) in [
        ("/file.txt", "bytes=10-", 10),
        ("/file.txt", "bytes=10-12", 10),
        ("/file.txt", "bytes=-0", 10),
        ("/file.txt", "bytes=99999999999999999999999-", 10),
        ("/empty", "bytes=0-", 0),
        ("/empty", "bytes=0-0", 0),
        ("/empty", "bytes=-1", 0),
    ] {
        let answer = web.ask(&get(target).with("Range", range)).expect(416);
        assert_eq!(answer.value("content-range"), format!("bytes */{size}"), "{range}");
    }
    let many = format!("bytes={}", vec!["0-"; 1000].join(","));
    for range in [
        "bytes=5-2",
        "bytes=",
        "bytes=-",
        "bytes=a-b",
        "bytes=0x1-2",
        "bytes=+1-2",
        "bytes= 1-2",
        "bytes=1-2-3",
        "bytes 1-2",
        "lines=0-1",
        "0-1",
        "",
        "bytes=0-0,-1",
        "bytes=1-2,5-6",
        "bytes=--1",
        &many,
    ] {
        let answer = web.ask(&get("/file.txt").with("Range", range)).expect(200);
        assert_eq!((answer.field("content-range"), answer.text()), (None, "0123456789".into()), "{range}");
    }
    // Of two fields, the first one counts.
    let twice = web.ask(&get("/file.txt").with("Range", "bytes=0-0").with("Range", "bytes=5-5"));
    expect_part(twice, "0-0/10", b"0");
}

#[test]
fn if_range_gives_the_part_of_that_very_file_only() {
    let server = with_file();
    let mut web = Web::connect(&server);
    let whole = web.ask(&get("/file.txt"));
    let (tag, modified) = (whole.value("etag"), whole.value("last-modified"));
    assert!(tag.starts_with('"') && modified.ends_with(" GMT"), "{whole:?}");
    for (condition, status) in [
        (tag.clone(), 206),
        (modified, 206),
        (format!("W/{tag}"), 200),
        ("\"other\"".into(), 200),
        ("Thu, 01 Jan 1970 00:00:00 GMT".into(), 200),
        ("Fri, 31 Dec 2100 00:00:00 GMT".into(), 200),
        ("nonsense".into(), 200),
    ] {
        let answer = web.ask(&get("/file.txt").with("Range", "bytes=1-2").with("If-Range", &condition)).expect(status);
        assert_eq!(answer.text(), if status == 206 { "12" } else { "0123456789" }, "{condition}");
    }
    fs::write(server.home().join("file.txt"), "9876543210").unwrap();
    let answer = web.ask(&get("/file.txt").with("Range", "bytes=1-2").with("If-Range", &tag)).expect(200);
    assert_eq!(answer.text(), "9876543210");
    assert_ne!(answer.value("etag"), tag);
}

#[test]
fn conditions_of_get_hold() {
    let server = with_file();
    let stamp = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    File::options().write(true).open(server.home().join("file.txt")).unwrap().set_modified(stamp).unwrap();
    let mut web = Web::connect(&server);
    let whole = web.ask(&get("/file.txt"));
    let tag = whole.value("etag");
    assert_eq!(whole.value("last-modified"), "Tue, 14 Nov 2023 22:13:20 GMT");
    let (before, same) = ("Tue, 14 Nov 2023 22:13:19 GMT", "Tue, 14 Nov 2023 22:13:20 GMT");
    let listed = format!("\"a\", W/{tag} , \"b\"");
    let cases: &[(&[(&str, &str)], u16)] = &[
        (&[("If-None-Match", &tag)], 304),
        (&[("If-None-Match", &listed)], 304),
        (&[("If-None-Match", "*")], 304),
        (&[("If-None-Match", "\"other\"")], 200),
        (&[("If-None-Match", "garbage")], 200),
        (&[("If-None-Match", "")], 200),
        (&[("If-Modified-Since", same)], 304),
        (&[("If-Modified-Since", before)], 200),
        (&[("If-Modified-Since", "yesterday")], 200),
        (&[("If-Modified-Since", "1700000000")], 200),
        (&[("If-None-Match", "\"other\""), ("If-Modified-Since", same)], 200),
        (&[("If-None-Match", &tag), ("If-Modified-Since", before)], 304),
        (&[("If-Match", &tag)], 200),
        (&[("If-Match", "*")], 200),
        (&[("If-Match", "\"other\"")], 412),
        (&[("If-Unmodified-Since", same)], 200),
        (&[("If-Unmodified-Since", before)], 412),
        (&[("If-Match", &tag), ("If-Unmodified-Since", before)], 200),
        (&[("If-None-Match", &tag), ("Range", "bytes=1-2")], 304),
    ];
    for method in ["GET", "HEAD"] {
        for (fields, status) in cases {
            let request = fields
                .iter()
                .fold(request(format!("{method} /file.txt")), |request, (name, value)| request.with(name, value));
            let answer = web.ask(&request).expect(*status);
            match status {
                304 => {
                    assert_eq!((answer.value("etag"), &answer.body[..]), (tag.clone(), &b""[..]), "{fields:?}");
                    assert_eq!(answer.value("cache-control"), "no-cache");
                }
                200 if method == "GET" => assert_eq!(answer.text(), "0123456789", "{fields:?}"),
                _ => {}
            }
        }
    }
}

#[test]
fn a_path_that_is_no_such_thing_is_404_and_a_folder_without_slash_leads_to_the_one_with() {
    let server = with_file();
    server.write("sub dir/x", "x");
    let mut web = Web::connect(&server);
    for target in [
        "/no",
        "/no/",
        "/file.txt/",
        "/file.txt/x",
        "/empty/",
        "/sub%20dir/no",
        "/file.txt/?zip",
        "/no/?json",
        "/no?download",
    ] {
        for method in ["GET", "HEAD"] {
            let answer = web.ask(&request(format!("{method} {target}")));
            assert_eq!(answer.status, 404, "{method} {target}: {answer:?}");
        }
    }
    for (target, location) in
        [("/sub%20dir", "/sub%20dir/"), ("/sub%20dir?sort=size&order=desc", "/sub%20dir/?sort=size&order=desc")]
    {
        let answer = web.ask(&get(target)).expect(301);
        assert_eq!(answer.value("location"), location);
    }
    let list = web.ask(&get("/sub%20dir").with("Accept", "application/json")).expect(200);
    assert_eq!(list.json()[0]["href"], "/sub%20dir/x");
}

#[test]
fn head_says_what_get_says_without_its_body() {
    let server = with_file();
    server.write("sub/x", "x");
    for target in [
        "/",
        "/sub/",
        "/?json",
        "/file.txt",
        "/empty",
        "/no",
        "/sub",
        "/file.txt?download",
        "/~ftpd/no",
        "/~ftpd/login",
    ] {
        let mut web = Web::connect(&server);
        let names =
            |answer: &Answer| answer.fields.iter().filter(|(name, _)| name != "Date").cloned().collect::<Vec<_>>();
        let got = web.ask(&get(target));
        let head = web.ask(&request(format!("HEAD {target}")));
        assert_eq!((head.status, names(&head)), (got.status, names(&got)), "{target}");
        // What follows is the next answer, and no body.
        web.ask(&get("/file.txt")).expect(200);
    }
}

#[test]
fn http_1_0_gets_what_it_understands() {
    let server = with_file();
    server.write("sub/x", "x");
    let old = |target: &str| request(format!("GET {target} HTTP/1.0")).host(None);
    for target in ["/sub/", "/sub/?json"] {
        let mut web = Web::connect(&server);
        let answer = web.ask(&old(target)).expect(200);
        assert_eq!((answer.field("transfer-encoding"), answer.keeps()), (None, false), "{answer:?}");
        assert!(answer.text().contains("/sub/x") && web.is_over());
    }
    let mut web = Web::connect(&server);
    let answer = web.ask(&old("/file.txt")).expect(200);
    assert!(answer.text() == "0123456789" && !answer.keeps() && web.is_over());
    let mut web = Web::connect(&server);
    for _ in 0..2 {
        let answer = web.ask(&old("/file.txt").with("Connection", "keep-alive")).expect(200);
        assert_eq!((answer.text(), answer.value("connection")), ("0123456789".into(), "keep-alive".into()));
    }
}

#[test]
fn requests_that_come_at_once_are_answered_in_order() {
    let server = with_file();
    let mut web = Web::connect(&server);
    let names: Vec<String> = (0..50).map(|number| format!("/file.txt?{number}")).collect();
    let ranges = |number: usize| get(&names[number]).with("Range", format!("bytes={}-", number % 10));
    let mut bytes: Vec<u8> = (0..50).flat_map(|number| ranges(number).bytes()).collect();
    bytes.extend(crate::web::put("/new", "abc").bytes());
    bytes.extend(get("/new").with("Connection", "close").bytes());
    bytes.extend(get("/file.txt").bytes());
    web.send(bytes);
    for number in 0..50 {
        assert_eq!(web.answer().expect(206).text(), "0123456789"[number % 10..]);
    }
    web.answer().expect(201);
    assert_eq!(web.answer().expect(200).text(), "abc");
    assert!(web.is_over());
}

/// Names that a list has to survive.
const ODD: &[&[u8]] = &[
    b"plain.txt",
    b"with blank",
    b"quote\"'`.txt",
    b"back\\slash",
    b"amp&<b>&amp;.html",
    b"per%41cent",
    b"plus+and#hash?",
    b"line\nend",
    b"carriage\rreturn",
    b"tab\there",
    b"\xff\xfe not utf-8",
    b"\xe4\xb8\xad\xe6\x96\x87",
    b"<img src=x onerror=alert(1)>.txt",
    b"\xe2\x80\xaegnp.exe",
    b"semi;colon",
    b" leading",
    b"...",
    b"-rf",
    b"~ftpd-not",
];

#[test]
fn a_list_names_every_entry_once_with_its_facts() {
    let server = serve("", BOB);
    let home = server.home();
    for name in ODD {
        server.write(Path::new(std::ffi::OsStr::from_bytes(name)), name);
    }
    server.write("folder/inside", "x");
    symlink("plain.txt", home.join("inner")).unwrap();
    symlink("/etc/passwd", home.join("outer")).unwrap();
    symlink("nowhere", home.join("dangling")).unwrap();
    let mut web = Web::connect(&server);
    let by_query = web.ask(&get("/?json")).expect(200);
    assert_eq!(by_query.value("content-type"), "application/json; charset=utf-8");
    let by_accept = web.ask(&get("/").with("Accept", "application/json")).expect(200);
    assert_eq!(by_query.body, by_accept.body);
    assert_eq!(by_accept.value("vary"), "Cookie, Authorization, Accept");
    let list = by_query.json();
    let entries = list.as_array().unwrap();
    assert_eq!(entries.len(), ODD.len() + 4, "{list:#}");
    for name in ODD {
        let shown = String::from_utf8_lossy(name);
        let found: Vec<_> = entries.iter().filter(|entry| entry["name"] == *shown).collect();
        assert_eq!(found.len(), 1, "{shown}");
        let entry = found[0];
        assert_eq!((&entry["type"], &entry["size"]), (&"file".into(), &name.len().into()), "{entry}");
        let modified = fs::metadata(home.join(std::ffi::OsStr::from_bytes(name))).unwrap().mtime();
        let time: jiff::Timestamp = entry["modified"].as_str().unwrap().parse().expect("a time in UTC");
        assert_eq!(time.as_second(), modified);
        let href = entry["href"].as_str().unwrap();
        assert!(href.is_ascii() && !href.contains([' ', '"', '<', '\'', '\\']), "{href}");
        // A control byte in a target is refused, as everywhere on the web.
        let served = ask(&server, &get(href));
        if name.iter().any(u8::is_ascii_control) {
            served.expect(400);
        } else {
            assert_eq!(served.expect(200).body, *name, "{href}");
        }
    }
    let kind = |name: &str| {
        entries.iter().find(|entry| entry["name"] == name).map(|entry| entry["type"].as_str().unwrap()).unwrap()
    };
    assert_eq!([kind("folder"), kind("inner"), kind("outer"), kind("dangling")], ["folder", "file", "link", "link"]);
    let size = |name: &str| entries.iter().find(|entry| entry["name"] == name).unwrap()["size"].as_u64();
    assert_eq!(size("inner"), Some(9));
}

#[test]
fn the_letters_of_an_entry_are_those_that_hold_for_it() {
    let users = "[bob]\npassword = secret\nperm = elrw\nhome = home\n[bob /drop]\nperm = w\n[bob /quiet]\nperm = er\n\
                 [bob /list]\nperm = el\n[eve]\npassword = secret\nperm = er\nhome = home\n[joe]\npassword = secret\nperm = el\nhome = home\n";
    let tree = crate::server::Tree::new(&crate::web::with_web(""), users);
    for folder in ["drop", "quiet", "list"] {
        fs::create_dir(tree.home().join(folder)).unwrap();
        fs::write(tree.home().join(folder).join("file"), "inside").unwrap();
    }
    fs::write(tree.home().join("file"), "content").unwrap();
    let server = tree.start();
    let mut web = Web::connect(&server);
    let list = web.ask(&get("/?json")).expect(200).json();
    let letters = |name: &str| {
        let entry = list.as_array().unwrap().iter().find(|entry| entry["name"] == name).unwrap();
        entry["letters"].as_str().unwrap().to_owned()
    };
    assert!(letters("file").contains('r') && letters("file").contains('w') && !letters("file").contains('d'), "{list}");
    assert!(
        !letters("drop").contains(['r', 'l']) && letters("quiet").contains('r') && !letters("quiet").contains('l'),
        "{list}"
    );
    for (user, target, status) in [
        ("bob", "/drop/", 403),
        ("bob", "/drop/?json", 403),
        ("bob", "/drop/?zip", 403),
        ("bob", "/drop/file", 403),
        ("bob", "/quiet/", 403),
        ("bob", "/quiet/?json", 403),
        ("bob", "/quiet/?zip", 403),
        ("bob", "/quiet/file", 200),
        ("bob", "/list/", 200),
        ("bob", "/list/file", 403),
        ("eve", "/", 403),
        ("eve", "/?json", 403),
        ("eve", "/?zip", 403),
        ("eve", "/file", 200),
        ("eve", "/no", 404),
        ("joe", "/", 200),
        ("joe", "/file", 403),
        ("joe", "/no", 403),
    ] {
        let answer = ask(&server, &get(target).user(user));
        assert_eq!(answer.status, status, "{user} {target}: {answer:?}");
        assert!(
            status == 200 || !answer.text().contains("inside") && !answer.text().contains("content\n"),
            "{answer:?}"
        );
    }
}
