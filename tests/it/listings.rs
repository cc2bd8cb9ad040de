//! Listings of folders that want to be misunderstood.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    time::{Duration, SystemTime},
};

use crate::{
    client::lines_of,
    server::{BOB, Server},
};

const ODD_NAMES: &[&[u8]] = &[
    b"carriage\rreturn",
    b"line\nfeed",
    b"crlf\r\n226 forged",
    b"escape\x1b[2J",
    b"bell\x07",
    b"delete\x7f",
    b"tab\there",
    b"latin1 \xe4\xf6\xfc",
    b" leading blank",
    b"trailing blank ",
    b"quote\"quote",
    b"back\\slash",
    b"\xff\xf4telnet",
    b"-rf",
    b"semi;colon=1; x",
];

fn server_with_odd_names() -> Server {
    let server = Server::plain();
    for name in ODD_NAMES {
        fs::write(server.home().join(OsStr::from_bytes(name)), "x").unwrap();
    }
    server
}

/// No control byte but the CR LF of each line.
#[track_caller]
fn expect_clean(what: &str, bytes: &[u8]) {
    for line in bytes.split(|&byte| byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(!line.iter().any(|&byte| byte < 0x20 || byte == 0x7f), "{what}: {}", line.escape_ascii());
    }
}

#[test]
fn control_bytes_in_names_never_reach_a_listing() {
    let server = server_with_odd_names();
    let mut client = server.login();
    for command in ["LIST", "NLST", "MLSD"] {
        let listing = client.download(command);
        expect_clean(command, &listing);
        assert!(listing.ends_with(b"\r\n"));
        let lines = lines_of(&listing);
        let folders =
            lines.iter().filter(|line| line.starts_with("type=cdir") || line.starts_with("type=pdir")).count();
        assert!(lines.len() - folders <= ODD_NAMES.len(), "one line for an entry at most: {lines:?}");
        assert!(!lines.iter().any(|line| line.starts_with("226")), "{lines:?}");
    }
}

#[test]
fn control_bytes_in_names_never_reach_a_reply() {
    let server = server_with_odd_names();
    fs::create_dir(server.home().join(OsStr::from_bytes(b"dir\r\n226 forged"))).unwrap();
    let mut client = server.login();
    for command in ["STAT /", "STAT .", "MLST /"] {
        let reply = client.cmd(command);
        for line in &reply.lines {
            expect_clean(command, line);
        }
        let inner = &reply.lines[1..reply.lines.len() - 1];
        assert!(inner.iter().all(|line| line.starts_with(b" ")), "lines between begin with a blank: {reply:?}");
    }
}

#[test]
fn names_that_are_not_utf8_can_be_listed_and_fetched() {
    let server = Server::plain();
    let name = b"latin1 \xe4\xf6\xfc";
    fs::write(server.home().join(OsStr::from_bytes(name)), "content").unwrap();
    let mut client = server.login();
    assert_eq!(client.download("NLST"), [name.as_slice(), b"\r\n"].concat());
    assert_eq!(client.download([b"RETR ".as_slice(), name].concat()), b"content");
    client.expect([b"RNFR ".as_slice(), name].concat(), 350);
    client.expect(b"RNTO \xfc\xfe".as_slice(), 250);
    client.expect(b"DELE \xfc\xfe".as_slice(), 250);
}

#[test]
fn utf8_names_go_both_ways() {
    let server = Server::plain();
    let mut client = server.login();
    for name in ["gr\u{fc}\u{df}e", "\u{65e5}\u{672c}\u{8a9e}.txt", "\u{1f600}", "e\u{301}"] {
        client.stor(name, name);
        assert_eq!(server.read(name), name.as_bytes());
        assert!(client.lines("NLST").iter().any(|line| line == name));
        assert_eq!(client.retr(name), name.as_bytes());
    }
}

#[test]
fn five_thousand_entries_are_all_listed_in_order() {
    let server = Server::plain();
    let names: Vec<String> = (0..5000).map(|index| format!("file{index:05}")).collect();
    for name in &names {
        server.write(name, "");
    }
    let mut client = server.login();
    assert_eq!(client.lines("NLST"), names);
    let listed = |lines: Vec<String>| lines.iter().filter(|line| line.contains(" file")).count();
    assert_eq!(listed(client.lines("LIST")), 5000);
    assert_eq!(listed(client.lines("MLSD")), 5000);
    assert_eq!(client.lines("NLST file0000*").len(), 10);
    assert!(client.is_silent());
}

#[test]
fn twenty_thousand_entries_are_sorted_by_time_and_size() {
    const COUNT: usize = 20_000;
    let server = Server::plain();
    // Neither order is that of the names.
    let file = |index: usize| (format!("file{index:05}"), index * 7919 % COUNT);
    for (name, rank) in (0..COUNT).map(file) {
        let file = fs::File::create(server.home().join(name)).unwrap();
        file.set_len(u64::try_from(rank).unwrap()).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_millis(1_600_000_000_000 + rank as u64)).unwrap();
    }
    let mut expected: Vec<_> = (0..COUNT).map(file).collect();
    expected.sort_by_key(|(_, rank)| *rank);
    let ascending: Vec<String> = expected.into_iter().map(|(name, _)| name).collect();
    let descending: Vec<String> = ascending.iter().rev().cloned().collect();
    let mut client = server.login();
    let names = |lines: Vec<String>| -> Vec<String> {
        lines.into_iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect()
    };
    for (switches, order) in [("-t", &descending), ("-tr", &ascending), ("-S", &descending), ("-rS", &ascending)] {
        for verb in ["LIST", "NLST"] {
            assert!(names(client.lines(format!("{verb} {switches}"))) == *order, "{verb} {switches}");
        }
    }
}

#[test]
fn a_listing_nobody_reads_can_be_aborted() {
    let server = Server::plain();
    let name = "n".repeat(200);
    for index in 0..30_000 {
        server.write(format!("{name}{index}"), "");
    }
    let mut client = server.login();
    let mut data = client.narrow_passive();
    client.expect("LIST", 150);
    data.handshake();
    client.send("ABOR");
    client.read_reply().expect([426, 226]);
    client.read_reply().expect([225, 226]);
    client.expect("NOOP", 200);
}

#[test]
fn glob_bombs_are_harmless() {
    let server = Server::plain();
    server.write("a".repeat(200), "");
    let mut client = server.login();
    for _ in 0..20 {
        let bomb = format!("NLST {}b", "a*".repeat(100));
        let data = client.passive();
        if client.expect(bomb, [150, 550]).code == 150 {
            crate::data::read_all(data);
            client.read_reply().expect(226);
        }
    }
}

#[test]
fn a_list_line_looks_like_ls() {
    let server = Server::plain();
    server.write("name with blanks", "1234567890123456789");
    let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_934_245);
    server.write("old", "x");
    fs::File::options().write(true).open(server.home().join("old")).unwrap().set_modified(old).unwrap();
    server.write("future", "x");
    let future = SystemTime::now() + Duration::from_secs(3600 * 24 * 30);
    fs::File::options().write(true).open(server.home().join("future")).unwrap().set_modified(future).unwrap();
    let lines = server.login().lines("LIST");
    let line =
        |name: &str| lines.iter().find(|line| line.ends_with(name)).unwrap_or_else(|| panic!("{name} in {lines:?}"));
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let recent = words(line("name with blanks"));
    assert!(recent[0].len() == 10 && recent[0].starts_with("-rw"), "{recent:?}");
    assert_eq!((recent[1].as_str(), recent[4].as_str()), ("1", "19"), "{recent:?}");
    assert!(recent[7].contains(':'), "time of a recent file: {recent:?}");
    assert_eq!(&words(line(" old"))[5..8], &["Jan", "2", "2020"]);
    assert!(!words(line(" future"))[7].contains(':'), "{}", line(" future"));
    // `-rw-r--r--   1 owner    group           19 Nov 22 16:10 name`: the columns that clients cut by position.
    let recent = line("name with blanks");
    assert_eq!(&recent[10..15], "   1 ", "{recent:?}");
    assert_eq!(
        recent.find("name with blanks"),
        recent.find(" 19 ").map(|at| at + " 19 Nov 22 16:10 ".len()),
        "{recent:?}"
    );
}

#[test]
fn a_broken_entry_never_ends_a_listing() {
    let server = Server::plain();
    server.write("a", "x");
    server.write("z", "x");
    symlink("nowhere", server.home().join("m-dead")).unwrap();
    symlink("m-loop", server.home().join("m-loop")).unwrap();
    let mut client = server.login();
    for command in ["LIST", "NLST", "MLSD"] {
        let lines = client.lines(command);
        for name in ["a", "z"] {
            assert!(lines.iter().any(|line| line.ends_with(name)), "{command}: {lines:?}");
        }
    }
}

#[test]
fn entries_that_vanish_while_they_are_listed_do_no_harm() {
    let server = Server::plain();
    for index in 0..500 {
        server.write(format!("file{index}"), "");
    }
    let home = server.home();
    let remover = std::thread::spawn(move || {
        for index in 0..500 {
            fs::remove_file(home.join(format!("file{index}"))).unwrap();
        }
    });
    let mut client = server.login();
    for _ in 0..10 {
        client.lines("LIST");
        client.lines("MLSD");
    }
    remover.join().unwrap();
    assert!(client.lines("NLST").is_empty());
}

#[test]
fn times_are_gmt_unless_told_otherwise_and_mlsd_always() {
    let listing = |conf: &str| {
        let tree = crate::server::Tree::new(conf, BOB);
        let file = tree.home().join("file");
        fs::write(&file, "x").unwrap();
        let old = SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_923_200);
        fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
        let mut command = tree.command();
        command.env("TZ", "UTC+12");
        let server = tree.start_as(command);
        let mut client = server.login();
        let mlst = client.expect("MLST file", 250).text();
        assert!(mlst.contains("modify=20200102000000;"), "{mlst}");
        client.lines("LIST").swap_remove(0)
    };
    assert!(listing("").contains("Jan  2  2020"));
    assert!(listing("[transfer]\nuse_gmt_times = off\n").contains("Jan  1  2020"));
}

#[test]
fn the_perm_column_and_links_are_shown() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::plain();
    server.write("file", "x");
    fs::set_permissions(server.home().join("file"), fs::Permissions::from_mode(0o640)).unwrap();
    fs::create_dir(server.home().join("folder")).unwrap();
    symlink("file", server.home().join("link")).unwrap();
    let lines = server.login().lines("LIST");
    for (start, end) in [("-rw-r-----", " file"), ("drwx", " folder"), ("l", " link -> file")] {
        assert!(lines.iter().any(|line| line.starts_with(start) && line.ends_with(end)), "{start}…{end} in {lines:?}");
    }
}

// Large folders

const MANY: usize = 100_000;

/// One name of many, long enough that a listing of all is more than any socket buffer holds.
fn many_name(index: usize) -> String {
    format!("entry-{index:06}-of-a-folder-with-a-hundred-thousand-entries")
}

#[test]
fn a_folder_of_a_hundred_thousand_entries_is_listed_whole_in_bounded_memory_and_can_be_aborted() {
    let server = Server::plain();
    fs::create_dir(server.home().join("many")).unwrap();
    for index in 0..MANY {
        fs::File::create(server.home().join("many").join(many_name(index))).unwrap();
    }
    let expected: BTreeSet<String> = (0..MANY).map(many_name).collect();
    let mut client = server.login();
    client.lines("MLSD");
    let before = server.peak_memory();
    for command in ["LIST many", "MLSD many", "NLST many"] {
        let lines = client.lines(command);
        let files = lines.iter().filter(|line| !line.starts_with("type=cdir") && !line.starts_with("type=pdir"));
        let names: Vec<&str> = files.map(|line| line.rsplit(' ').next().unwrap()).collect();
        assert_eq!(names.len(), MANY, "{command}: each of them once");
        assert!(names.iter().all(|name| expected.contains(*name)), "{command}");
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), MANY, "{command}: all of them");
    }
    assert_eq!(client.expect("STAT many", 212).lines.len(), MANY + 2);
    let pattern = client.lines("LIST many/entry-0123[0-4]?-*");
    assert_eq!(pattern.len(), 50);
    let grown = server.peak_memory() - before;
    assert!(grown < 6 * 1024, "{before} KiB grew by {grown} KiB");
    for command in ["LIST many", "MLSD many"] {
        let mut data = client.narrow_passive();
        client.expect(command, 150);
        data.handshake();
        client.expect("NOOP", 200);
        client.send("ABOR");
        client.read_reply().expect(426);
        client.read_reply().expect(226);
        drop(data);
    }
    let mut vanishing = server.login();
    let mut data = vanishing.narrow_passive();
    vanishing.expect("LIST many", 150);
    data.handshake();
    drop(vanishing);
    server.wait_log("FTP session closed");
    // A client that does not read is a stalled transfer, in the same folder.
    let tree = server.kill();
    tree.write_conf("[transfer]\ndata_timeout = 1\n");
    let server = tree.start();
    let mut client = server.login();
    for command in ["LIST many", "MLSD many"] {
        let mut data = client.narrow_passive();
        client.expect(command, 150);
        data.handshake();
        client.read_reply().expect(426);
        client.expect("NOOP", 200);
    }
}
