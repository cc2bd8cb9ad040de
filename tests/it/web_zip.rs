//! GET of a folder as a zip, as it goes over the connection.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Cursor, Read},
    os::unix::fs::symlink,
    time::Instant,
};

use zip::ZipArchive;

use crate::{
    client::PATIENCE,
    server::{BOB, Server},
    web::{Answer, Web, get, request, serve},
};

/// More than a connection holds whose client reads nothing.
const MUCH: u64 = 256 << 20;

fn with_files() -> Server {
    let server = serve("", BOB);
    fs::create_dir_all(server.home().join("photos/día")).unwrap();
    server.write("photos/día/a.txt", "0123456789");
    server.write("photos/.b", vec![7; 1 << 20]);
    symlink("/etc/passwd", server.home().join("photos/link")).unwrap();
    server
}

/// The entries of a whole zip.
#[track_caller]
fn entries(answer: &Answer) -> BTreeMap<String, Vec<u8>> {
    assert!(answer.status == 200 && answer.is_whole, "{answer:?}");
    let mut archive = ZipArchive::new(Cursor::new(&answer.body)).expect("a zip");
    let count = archive.len();
    let entry = |index| {
        let mut entry = archive.by_index(index).unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).expect("the checksum is right");
        (entry.name().unwrap().into_owned(), content)
    };
    (0..count).map(entry).collect()
}

#[test]
fn a_folder_comes_as_a_zip_and_the_connection_goes_on() {
    let server = with_files();
    let mut web = Web::connect(&server);
    for _ in 0..2 {
        let answer = web.ask(&get("/photos/?zip"));
        assert_eq!(answer.value("content-type"), "application/zip");
        assert_eq!(answer.value("content-disposition"), "attachment; filename=\"photos.zip\"");
        assert_eq!(answer.value("transfer-encoding"), "chunked");
        let entries = entries(&answer);
        assert_eq!(entries.keys().collect::<Vec<_>>(), [".b", "día/", "día/a.txt"]);
        assert_eq!(entries["día/a.txt"], b"0123456789");
        assert!(entries[".b"] == vec![7; 1 << 20]);
    }
    let head = web.ask(&request("HEAD /?zip")).expect(200);
    assert_eq!(head.value("content-disposition"), "attachment; filename=\"share.zip\"");
    assert_eq!(web.ask(&get("/photos?zip")).expect(301).value("location"), "/photos/?zip");
    server.wait_log_times("photos completed=1", 2);
}

#[test]
fn a_client_without_chunks_gets_a_zip_that_ends_with_the_connection() {
    let server = with_files();
    let mut web = Web::connect(&server);
    let answer = web.ask(&request("GET /photos/d%C3%ADa/?zip HTTP/1.0").with("Connection", "keep-alive"));
    assert_eq!(entries(&answer).into_keys().collect::<Vec<_>>(), ["a.txt"]);
    assert!(!answer.keeps() && web.is_over());
}

#[test]
fn a_zip_takes_the_letters_l_and_r() {
    let users = "[bob]\npassword = secret\nperm = el\nhome = home\n[eve]\npassword = secret\nperm = er\nhome = home\n";
    let server = serve("", users);
    fs::create_dir(server.home().join("folder")).unwrap();
    server.write("folder/file", "");
    let mut web = Web::connect(&server);
    assert_eq!(entries(&web.ask(&get("/?zip"))).into_keys().collect::<Vec<_>>(), ["folder/"]);
    Web::connect(&server).ask(&get("/?zip").user("eve")).expect(403);
    web.ask(&get("/none/?zip")).expect(404);
}

#[test]
fn a_zip_of_a_file_that_became_shorter_is_broken() {
    let server = serve("", BOB);
    server.write_sparse("large", MUCH);
    let mut web = Web::connect(&server);
    web.send(get("/?zip").bytes());
    // It is open by then, and most of it can't have been read.
    web.wait_for_bytes();
    File::options().write(true).open(server.home().join("large")).unwrap().set_len(1).unwrap();
    let answer = web.answer().expect(200);
    assert!(!answer.is_whole && (answer.body.len() as u64) < MUCH, "{answer:?}");
    assert!(web.is_over());
    server.wait_log("became shorter while it was sent");
}

#[test]
fn a_zip_keeps_to_its_rate() {
    let server = serve("[transfer]\nmax_download = 1M", BOB);
    server.write("file", vec![7; 2 << 20]);
    let began = Instant::now();
    let answer = Web::connect(&server).ask(&get("/?zip"));
    assert_eq!(entries(&answer)["file"].len(), 2 << 20);
    let took = began.elapsed();
    assert!(took.as_secs_f64() > 1.5 && took < PATIENCE, "{took:?}");
}

#[test]
fn a_zip_does_not_hold_a_server_that_stops() {
    let mut server = serve("[server]\nshutdown_grace = 0", BOB);
    server.write_sparse("large", MUCH);
    let mut web = Web::connect(&server);
    web.send(get("/?zip").bytes());
    web.wait_for_bytes();
    server.signal(rustix::process::Signal::TERM);
    assert!(server.wait_exit().success());
    assert!(!web.answer().is_whole);
}

#[test]
fn what_the_web_keeps_for_itself_is_in_no_zip() {
    let server = serve("", BOB);
    fs::create_dir_all(server.home().join("below/~ftpd")).unwrap();
    fs::create_dir(server.home().join("~ftpd")).unwrap();
    for name in ["~ftpd/secret", "below/~ftpd/ordinary", "file"] {
        server.write(name, "x");
    }
    let mut web = Web::connect(&server);
    let names: Vec<String> = entries(&web.ask(&get("/?zip"))).into_keys().collect();
    assert_eq!(names, ["below/", "below/~ftpd/", "below/~ftpd/ordinary", "file"]);
}
