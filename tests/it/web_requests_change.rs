//! DELETE, MKCOL and MOVE on the web, and the methods that there are none of.

use std::{
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::Path,
};

use crate::{
    server::{BOB, Server, eventually},
    web::{Request, Web, ask, get, patch, put, request, serve},
};

const USERS: &str = "[eve]\npassword = secret\nperm = elrw\nhome = home\n[joe]\npassword = secret\nperm = elrf\nhome = home\n\
                     [fay]\npassword = secret\nperm = elrwf\nhome = home\n";

fn with_others() -> Server {
    serve("", &format!("{BOB}{USERS}"))
}

fn to(from: &str, destination: &str) -> Request {
    request(format!("MOVE {from}")).with("Destination", destination)
}

#[test]
fn each_method_takes_its_letter_and_changes_nothing_without_it() {
    let server = serve("", "[bob]\npassword = secret\nperm = el\nhome = home\n");
    server.write("file", "content");
    server.write("folder/x", "x");
    let before = server.files();
    for request in [
        get("/file"),
        request("HEAD /file"),
        put("/new", "x"),
        put("/file", "x"),
        put("/new", "x").with("If-None-Match", "*"),
        put("/new", "x").with("Upload-Complete", "?0"),
        request("HEAD /file?upload"),
        request("DELETE /file?upload"),
        request("DELETE /file"),
        request("DELETE /no"),
        request("DELETE /folder?recursive"),
        request("MKCOL /new"),
        to("/file", "/new"),
        to("/no", "/new"),
    ] {
        let answer = Web::connect(&server).ask(&request).expect(403);
        assert!(answer.field("www-authenticate").is_none());
        assert_eq!(before, server.files());
    }
    for line in [
        "OPTIONS /",
        "OPTIONS /file",
        "POST /file",
        "PATCH /file",
        "PROPFIND /",
        "COPY /file",
        "LOCK /file",
        "TRACE /",
        "BREW /file",
        "get /file",
        "SEARCH /",
    ] {
        for request in [request(line), request(line).body("x")] {
            let answer = ask(&server, &request).expect(405);
            assert_eq!(answer.value("allow"), "GET, HEAD, PUT, PATCH, DELETE, MKCOL, MOVE", "{line}");
        }
    }
    for (line, allowed) in [
        ("PUT /~ftpd/login", "GET, HEAD, POST"),
        ("GET /~ftpd/logout", "POST"),
        ("DELETE /~ftpd/login", "GET, HEAD, POST"),
        ("PUT /~ftpd/new", "GET, HEAD"),
        ("MKCOL /~ftpd", "GET, HEAD"),
    ] {
        let request = if line.starts_with("GET") { request(line) } else { request(line).body("") };
        let mut answer = Web::connect(&server).ask(&request);
        answer.status = if answer.status == 404 { 405 } else { answer.status };
        assert_eq!((answer.status, answer.field("allow")), (405, Some(allowed)), "{line}");
    }
    assert_eq!(before, server.files());
}

#[test]
fn delete_removes_files_links_and_empty_folders() {
    let server = with_others();
    let home = server.home();
    server.write("file", "x");
    server.write("full/x", "x");
    fs::create_dir(home.join("empty")).unwrap();
    symlink("full", home.join("to_folder")).unwrap();
    symlink("full/x", home.join("to_file")).unwrap();
    symlink("/etc/passwd", home.join("out")).unwrap();
    symlink("nowhere", home.join("dangling")).unwrap();
    ask(&server, &request("DELETE /full")).expect(409);
    ask(&server, &request("DELETE /full/")).expect(409);
    for target in ["/", "/?recursive"] {
        ask(&server, &request(format!("DELETE {target}"))).expect(403);
    }
    ask(&server, &request("DELETE /file/")).expect(404);
    for target in ["/file", "/empty", "/to_folder", "/to_file", "/out", "/dangling"] {
        ask(&server, &request(format!("DELETE {target}")).user("eve")).expect(403);
        let answer = ask(&server, &request(format!("DELETE {target}"))).expect(204);
        assert!(answer.field("content-length").is_none());
        ask(&server, &request(format!("DELETE {target}"))).expect(404);
    }
    assert_eq!(server.read("full/x"), b"x");
    assert!(Path::new("/etc/passwd").exists());
    // With a slash a link is asked to be what it leads to.
    symlink("full", home.join("to_folder")).unwrap();
    ask(&server, &request("DELETE /to_folder/?recursive")).expect(404);
    ask(&server, &request("DELETE /to_folder/")).expect(404);
    assert_eq!(server.read("full/x"), b"x");
    // A condition holds for what is removed, too.
    let tag = ask(&server, &get("/full/x")).value("etag");
    ask(&server, &request("DELETE /full/x").with("If-Match", "\"other\"")).expect(412);
    ask(&server, &request("DELETE /full/x").with("If-None-Match", &tag)).expect(412);
    ask(&server, &request("DELETE /full/x").with("If-Match", &tag)).expect(204);
    ask(&server, &request("DELETE /full/x").with("If-Match", &tag)).expect([404, 412]);
}

#[test]
fn a_tree_is_removed_whole_and_nothing_beside_it() {
    let server = serve("", BOB);
    let home = server.home();
    server.write("kept/file", "kept");
    let odd: &[&[u8]] =
        &[b"quote\"'", b"line\nend", b"\xff\xfe", b"back\\slash", b" ", b"...", b"-rf", b"~", b"%2e%2e"];
    for name in odd {
        server.write(Path::new("tree").join(std::ffi::OsStr::from_bytes(name)), "x");
        server.write(Path::new("tree/folders").join(std::ffi::OsStr::from_bytes(name)).join("deep"), "x");
    }
    for number in 0..2100 {
        server.write(format!("tree/many/{number}"), "");
    }
    symlink("../kept", home.join("tree/to_folder")).unwrap();
    symlink("../kept/file", home.join("tree/to_file")).unwrap();
    symlink(server.tree().path(""), home.join("tree/out")).unwrap();
    symlink("loop", home.join("tree/loop")).unwrap();
    ask(&server, &put("/tree/part", "abc").with("Upload-Complete", "?0")).expect(201);
    let mut deep = home.join("tree");
    for _ in 0..200 {
        deep.push("d");
    }
    fs::create_dir_all(deep).unwrap();
    ask(&server, &request("DELETE /tree/")).expect(409);
    ask(&server, &request("DELETE /tree/?recursive")).expect(204);
    assert!(!home.join("tree").exists());
    assert_eq!(server.read("kept/file"), b"kept");
    // A file is removed all the same; a link itself, with or without its slash.
    server.write("file", "x");
    symlink("kept", home.join("link")).unwrap();
    ask(&server, &request("DELETE /file?recursive")).expect(204);
    ask(&server, &request("DELETE /link?recursive")).expect(204);
    assert_eq!(server.read("kept/file"), b"kept");
}

#[test]
fn a_tree_stops_at_the_first_refusal_and_says_where() {
    let users = format!("{BOB}hide = *.key\n[bob /ruled/kept]\nperm = elr\n");
    let tree = crate::server::Tree::new(&crate::web::with_web(""), &users);
    for name in ["tree/inner/deep/my.key", "ruled/kept/file"] {
        fs::create_dir_all(tree.home().join(name).parent().unwrap()).unwrap();
        fs::write(tree.home().join(name), "x").unwrap();
    }
    let server = tree.start();
    let answer = ask(&server, &request("DELETE /tree?recursive")).expect(409);
    assert!(answer.text().contains("/tree/inner/deep:"), "{answer:?}");
    assert_eq!(server.read("tree/inner/deep/my.key"), b"x");
    for target in ["/ruled?recursive", "/ruled/?recursive", "/ruled/kept?recursive"] {
        ask(&server, &request(format!("DELETE {target}"))).expect(403);
    }
    assert_eq!(server.read("ruled/kept/file"), b"x");
}

#[test]
fn mkcol_makes_one_folder() {
    let server = with_others();
    server.write("file", "x");
    ask(&server, &request("MKCOL /new").user("eve")).expect(403);
    ask(&server, &request("MKCOL /new%20folder")).expect(201);
    ask(&server, &request("MKCOL /new%20folder/inner/")).expect(201);
    assert!(server.home().join("new folder/inner").is_dir());
    for target in ["/new%20folder", "/new%20folder/", "/file", "/"] {
        let allow = ask(&server, &request(format!("MKCOL {target}"))).expect(405).value("allow");
        assert!(!allow.contains("MKCOL") && allow.contains("GET"), "{target}: {allow}");
    }
    for (request, status) in [
        (request("MKCOL /no/such/folder"), 409),
        (request("MKCOL /file/folder"), 409),
        (request("MKCOL /x").body("<xml/>"), 415),
        (request("MKCOL /x").body("<xml/>").chunked(3), 415),
        (request(format!("MKCOL /{}", "n".repeat(256))), 400),
    ] {
        ask(&server, &request).expect(status);
    }
    assert!(!server.home().join("x").exists());
    ask(&server, &request("MKCOL /y").body("")).expect(201);
}

#[test]
fn move_follows_the_rules_of_rnto() {
    let server = with_others();
    server.write("file", "content");
    server.write("folder/x", "x");
    server.write("other/y", "y");
    symlink("file", server.home().join("link")).unwrap();
    let host = server.web();
    let moved = |from: &str, destination: &str, user: &str| ask(&server, &to(from, destination).user(user));
    moved("/file", "/moved", "eve").expect(403);
    moved("/file", "/moved", "joe").expect(201);
    moved("/no", "/x", "bob").expect(404);
    moved("/no", "/x", "joe").expect(404);
    let full_url = |path: &str| format!("http://{host}{path}");
    ask(&server, &to("/moved", &full_url("/folder/a%20b%2520")).host(Some(&host.to_string()))).expect(201);
    assert_eq!(server.read("folder/a b%20"), b"content");
    moved("/folder/a%20b%2520", "http://localhost/file", "bob").expect(201);
    moved("/link", "/renamed", "bob").expect(201);
    assert_eq!(fs::read_link(server.home().join("renamed")).unwrap(), Path::new("file"));
    moved("/folder", "/other/inner/", "bob").expect(201);
    assert_eq!(server.read("other/inner/x"), b"x");
    let before = server.files();
    for (from, destination, statuses) in [
        ("/", "/root", vec![403]),
        ("/file", "/", vec![403, 409, 412]),
        ("/other", "/other/inner/deep", vec![400, 403, 409]),
        ("/other", "/other", vec![201, 204, 403, 409, 412]),
        ("/file", "/file", vec![204, 403, 409, 412]),
        ("/file", "/other", vec![403, 409, 412]),
        ("/other", "/file", vec![403, 409, 412]),
        ("/other/inner", "/other", vec![403, 409, 412]),
        ("/file", "/new/", vec![409]),
        ("/renamed", "/new/", vec![409]),
        ("/file", "/no/such/folder", vec![409]),
        ("/file", "/renamed/x", vec![409]),
        ("/file", "http://evil.example/file", vec![400, 502]),
        ("/file", "//evil.example/file", vec![400]),
        ("/file", "relative", vec![400]),
        ("/file", "", vec![400]),
        ("/file", "/../out", vec![400]),
        ("/file", "/%2e%2e/out", vec![400]),
        ("/file", "/a%2fb", vec![400]),
        ("/file", "/a%00b", vec![400]),
        ("/file", "/new?query", vec![400]),
        ("/file", "/~ftpd/x", vec![403]),
        ("/file", "/~FTPD", vec![403]),
        ("/file", "/%7Eftpd", vec![403]),
        ("/file", "/.ftpd-0123456789abcdef.part", vec![403]),
        ("/~ftpd/login", "/x", vec![403, 404, 405]),
    ] {
        let answer = moved(from, destination, "bob");
        assert!(statuses.contains(&answer.status), "{from} to {destination}: {answer:?}");
        assert_eq!(before, server.files(), "{from} to {destination}");
    }
    assert!(moved("/other", "/other/inner/deep", "bob").text().contains("into itself"));
    ask(&server, &request("MOVE /file")).expect(400);
    ask(&server, &to("/file", "/a").with("Destination", "/b")).expect(400);
    assert_eq!(before, server.files());
}

#[test]
fn a_move_replaces_only_with_the_letters_and_if_that_is_wanted() {
    let server = with_others();
    server.write("from", "from");
    server.write("old", "old");
    let before = server.files();
    for (request, statuses) in [
        (to("/from", "/old").with("Overwrite", "F"), [412, 412]),
        (to("/from", "/old").with("Overwrite", "f"), [412, 412]),
        (to("/from", "/old").with("Overwrite", "maybe"), [400, 400]),
        (to("/from", "/old").with("Overwrite", "T").user("joe"), [403, 412]),
        (to("/from", "/old").user("fay"), [403, 412]),
        (to("/from", "/old").user("eve"), [403, 403]),
    ] {
        ask(&server, &request).expect(statuses);
        assert_eq!(before, server.files());
    }
    ask(&server, &to("/from", "/old").with("Overwrite", "T")).expect(204);
    assert_eq!(server.read("old"), b"from");
    server.write("from", "again");
    ask(&server, &to("/from", "/old")).expect(204);
    assert_eq!(server.read("old"), b"again");
    let tag = ask(&server, &get("/old")).value("etag");
    ask(&server, &to("/old", "/new").with("If-Match", "\"other\"")).expect(412);
    ask(&server, &to("/old", "/new").with("Overwrite", "F").with("If-Match", tag)).expect(201);
}

#[test]
fn what_ftp_changes_the_web_sees_and_the_other_way_round() {
    let server = serve("", BOB);
    let mut ftp = server.login();
    let mut web = Web::connect(&server);
    let list = |web: &mut Web| web.ask(&get("/?json")).expect(200).json();
    ftp.upload("STOR by_ftp", b"ftp").expect(226);
    ftp.expect("MFMT 20200102030405 by_ftp", 213);
    ftp.expect("MKD folder", 257);
    let seen = list(&mut web);
    assert_eq!(seen[0]["name"], "folder");
    assert_eq!((&seen[1]["name"], &seen[1]["modified"]), (&"by_ftp".into(), &"2020-01-02T03:04:05Z".into()));
    ftp.expect("RNFR by_ftp", 350);
    ftp.expect("RNTO folder/renamed", 250);
    web.ask(&get("/by_ftp")).expect(404);
    assert_eq!(web.ask(&get("/folder/renamed")).expect(200).text(), "ftp");
    web.ask(&put("/by_web", "web").with("X-Modified", 1_600_000_000)).expect(201);
    ftp.expect("SIZE by_web", 213);
    assert_eq!(ftp.expect("MDTM by_web", 213).message(), b"20200913122640");
    web.ask(&to("/by_web", "/folder/by_web")).expect(201);
    web.ask(&request("MKCOL /new")).expect(201);
    ftp.expect("CWD new", 250);
    web.ask(&request("DELETE /new")).expect(204);
    // What FTP is sending is removed, and comes whole all the same.
    server.write_sparse("large", 64 << 20);
    let data = ftp.passive();
    ftp.expect("CWD /", 250);
    ftp.expect("RETR large", 150);
    web.ask(&request("DELETE /large")).expect(204);
    assert!(!server.home().join("large").exists());
    assert_eq!(crate::data::read_all(data).len(), 64 << 20);
    ftp.read_reply().expect(226);
}

#[test]
fn a_file_that_shrinks_while_it_is_sent_is_never_taken_for_whole() {
    let server = serve("", BOB);
    server.write_sparse("large", 256 << 20);
    let mut web = Web::connect(&server);
    web.send(get("/large").bytes());
    let head = web.answer_without_body();
    assert_eq!(head.value("content-length"), (256 << 20).to_string());
    fs::File::options().write(true).open(server.home().join("large")).unwrap().set_len(1000).unwrap();
    let got = web.take(256 << 20);
    assert!(got.len() < 256 << 20, "it was padded");
    assert!(web.is_over());
    ask(&server, &get("/large")).expect(200);
}

#[test]
fn each_transfer_has_its_line_and_nothing_else_has() {
    let server = serve("[log]\ntransfer_log = transfers\n", BOB);
    server.write("file name", "content");
    let mut web = Web::connect(&server);
    let tag = web.ask(&get("/file%20name")).value("etag");
    web.ask(&get("/file%20name").with("Range", "bytes=0-2")).expect(206);
    web.ask(&put("/new", "12345")).expect(201);
    web.ask(&put("/new", "12345").with("If-None-Match", "*")).expect(412);
    web.ask(&put("/part", "").with("Upload-Complete", "?0")).expect(201);
    web.ask(&patch("/part", 0, "?0", "12")).expect(204);
    server.wait_log("/part completed=0 bytes=2 ");
    server.wait_log(" (the rest comes later)");
    web.ask(&patch("/part", 2, "?1", "345")).expect([201, 204]);
    web.ask(&get("/file%20name").with("If-None-Match", &tag)).expect(304);
    web.ask(&get("/no")).expect(404);
    web.ask(&get("/?json")).expect(200);
    web.ask(&request("HEAD /new")).expect(200);
    let log = || fs::read_to_string(server.tree().path("transfers")).unwrap_or_default();
    let expected = [
        ("7", "/file_name", "o", "c"),
        ("3", "/file_name", "o", "c"),
        ("5", "/new", "i", "c"),
        ("2", "/part", "i", "i"),
        ("3", "/part", "i", "c"),
    ];
    eventually("all is written down", || log().lines().count() >= expected.len());
    let lines = log();
    assert_eq!(lines.lines().count(), expected.len(), "{lines}");
    for (line, (bytes, name, direction, status)) in lines.lines().zip(expected) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words.len(), 18, "{line}");
        assert_eq!(
            (words[6], words[7], words[11], words[13], words[14], words[17]),
            ("127.0.0.1", bytes, direction, "bob", "http", status),
            "{line}"
        );
        assert!(words[8].ends_with(name), "{line}");
    }
}
