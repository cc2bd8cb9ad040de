//! Clients that write names in another charset than UTF-8 (`charset` of user.ini): on the disk names are UTF-8, on the wire
//! they are in the charset, byte for byte, until the client says OPTS UTF8 ON.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs,
    os::unix::{ffi::OsStrExt, fs::symlink},
    path::PathBuf,
};

use crate::{
    client::Client,
    disk::snapshot,
    server::{BOB, Server, Tree},
};

/// bob's clients write names in this charset, those of eve, who has the same home, in UTF-8.
fn server(charset: &str) -> Server {
    Server::start("", &format!("{BOB}charset = {charset}\n{}", BOB.replace("bob", "eve")))
}

/// A file below the home, by the bytes of its name.
fn at(server: &Server, name: impl AsRef<[u8]>) -> PathBuf {
    server.home().join(OsStr::from_bytes(name.as_ref()))
}

#[track_caller]
fn write(server: &Server, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) {
    fs::write(at(server, name), content).unwrap();
}

/// A command with a name in it that need not be UTF-8.
fn with(command: &str, name: impl AsRef<[u8]>) -> Vec<u8> {
    let (before, after) = command.split_once("{}").expect("a place for the name");
    [before.as_bytes(), name.as_ref(), after.as_bytes()].concat()
}

/// Lines that end with CR LF, each of them.
#[track_caller]
fn lines(listing: &[u8]) -> Vec<&[u8]> {
    assert!(listing.is_empty() || listing.ends_with(b"\r\n"), "{}", listing.escape_ascii());
    let lines = listing.split_inclusive(|&byte| byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\r\n").expect("CR LF")).collect()
}

/// The names that NLST shows.
#[track_caller]
fn names(client: &mut Client) -> BTreeSet<Vec<u8>> {
    let listing = client.download("NLST");
    let names: Vec<Vec<u8>> = lines(&listing).into_iter().map(<[u8]>::to_vec).collect();
    let different: BTreeSet<Vec<u8>> = names.iter().cloned().collect();
    assert_eq!(names.len(), different.len(), "two names are shown alike: \"{}\"", listing.escape_ascii());
    different
}

/// Fails unless this ends with the name and all before it is ASCII.
#[track_caller]
fn ends_with(line: &[u8], name: &[u8]) {
    let before = line.strip_suffix(name).unwrap_or_else(|| panic!("\"{}\"", line.escape_ascii()));
    assert!(before.is_ascii() && before.ends_with(b" "), "\"{}\"", line.escape_ascii());
}

/// 目录 in GBK and gb18030; these bytes are valid UTF-8, too (Ŀ and U+00BC).
const FOLDER: &[u8] = b"\xc4\xbf\xc2\xbc";
/// 𠀀.txt and 新😀 in gb18030.
const RARE: &[u8] = b"\x95\x32\x82\x36.txt";
const SMILE: &[u8] = b"\xd0\xc2\x94\x39\xfc\x36";

#[test]
fn lists_are_in_the_charset_and_all_else_in_ascii() {
    let server = server("gb18030");
    fs::create_dir(server.home().join("目录")).unwrap();
    server.write("目录/𠀀.txt", "abc");
    server.write("目录/plain.txt", "abc");
    symlink("𠀀.txt", server.home().join("目录/新😀")).unwrap();
    let mut client = server.login();
    let inside = |name: &[u8]| [FOLDER, b"/", name].concat();

    assert_eq!(lines(&client.download("NLST")), [FOLDER]);
    let listing = client.download(with("NLST {}", FOLDER));
    assert_eq!(lines(&listing), [b"plain.txt", SMILE, RARE]);
    for pattern in ["*", "?????", "[\u{20000}]*"] {
        let pattern = if pattern.is_ascii() { pattern.as_bytes() } else { b"[\x95\x32\x82\x36]*" };
        let listing = client.download(with("NLST {}", inside(pattern)));
        assert!(lines(&listing).contains(&&inside(RARE)[..]), "\"{}\"", listing.escape_ascii());
    }
    assert_eq!(lines(&client.download(with("NLST {}", inside(RARE)))), [inside(RARE)]);

    let listing = client.download(with("LIST {}", FOLDER));
    let long = lines(&listing);
    ends_with(long[0], b"plain.txt");
    ends_with(long[1], &[SMILE, b" -> ", RARE].concat());
    ends_with(long[2], RARE);
    ends_with(lines(&client.download(with("LIST -d {}", FOLDER)))[0], FOLDER);

    let listing = client.download(with("MLSD {}", FOLDER));
    let facts = lines(&listing);
    for name in [&b"plain.txt"[..], SMILE, RARE] {
        let line = facts.iter().find(|line| line.ends_with(name)).expect("its line");
        ends_with(line, name);
        assert!(line.starts_with(b"type=file;size=3;"), "\"{}\"", line.escape_ascii());
    }
    let reply = client.expect(with("MLST {}", inside(RARE)), 250);
    ends_with(&reply.lines[1], &[b"/", &inside(RARE)[..]].concat());

    let reply = client.expect(with("STAT {}", FOLDER), 212);
    ends_with(&reply.lines[1], b"plain.txt");
    ends_with(&reply.lines[2], &[SMILE, b" -> ", RARE].concat());
    ends_with(&reply.lines[3], RARE);
    ends_with(&client.expect(with("STAT {}", inside(RARE)), 213).lines[1], RARE);
}

#[test]
fn files_are_utf8_on_the_disk_and_found_by_their_name_in_the_charset() {
    let server = server("gb18030");
    let mut client = server.login();
    for (sent, name) in [(FOLDER, "目录"), (RARE, "𠀀.txt"), (SMILE, "新😀"), (b"plain.txt", "plain.txt")] {
        client.upload(with("STOR {}", sent), "abc").expect(226);
        assert_eq!(server.read(name), b"abc");
        client.upload(with("APPE {}", sent), "def").expect(226);
        client.expect("REST 6", 350);
        client.upload(with("STOR {}", sent), "ghi").expect(226);
        assert_eq!(server.read(name), b"abcdefghi");
        assert_eq!(client.download(with("RETR {}", sent)), b"abcdefghi");
        assert_eq!(client.expect(with("SIZE {}", sent), 213).message(), b"9");
        client.expect(with("MDTM {}", sent), 213);
        let sum = "19CC02F26DF43CC571BC9ED7B0C4D29224A3EC229529221725EF76D021C8326F";
        let hash = with(&format!("SHA-256 0-8 {} {{}}", sum.to_lowercase()), sent);
        assert_eq!(client.expect(with("HASH {}", sent), 213).message(), hash);
        assert_eq!(client.expect(with("XSHA256 {}", sent), 250).message(), sum.as_bytes());
        assert_eq!(client.expect(with("XSHA256 {} 0 9", sent), 250).message(), sum.as_bytes());
        assert_eq!(client.expect(with("XSHA256 \"{}\" 0", sent), 250).message(), sum.as_bytes());
        for (command, said) in [
            ("MFMT 20010203040506 {}", "Modify=20010203040506; {}"),
            ("SITE CHMOD 640 {}", "Mode set: {}"),
            ("SITE UTIME {} 20200101000000 20010203040506 20200101000000 UTC", "Time set: {}"),
        ] {
            let reply = client.expect(with(command, sent), [200, 213]);
            assert_eq!(reply.message(), with(said, sent));
        }
        assert_eq!(client.expect(with("MDTM {}", sent), 213).message(), b"20010203040506");
        let mut data = client.passive();
        let reply = client.expect(with("STOU {}", sent), 150);
        data.handshake();
        drop(data);
        client.read_reply().expect(226);
        assert_eq!(reply.message(), with("FILE: {}.1", sent));
        assert!(server.read(format!("{name}.1")).is_empty());
        client.expect(with("DELE {}", sent), 250);
        client.expect(with("RNFR {}.1", sent), 350);
        client.expect(with("RNTO {}", sent), 250);
        client.expect(with("DELE {}", sent), 250);
        assert_eq!(fs::read_dir(server.home()).unwrap().count(), 0);
        server.wait_log(&format!("-[bob] DELE *{name} 250"));
    }
}

#[test]
fn folders_are_made_entered_told_and_removed_in_the_charset() {
    let server = server("gb18030");
    let mut client = server.login();
    let reply = client.expect(with("MKD {}", FOLDER), 257);
    assert_eq!(reply.message(), with("\"/{}\" created.", FOLDER));
    assert!(server.home().join("目录").is_dir());
    let told = |path: &[u8]| with("\"/{}\" is the current folder.", path);
    assert_eq!(client.expect(with("CWD {}", FOLDER), 250).message(), told(FOLDER));
    client.expect(with("MKD {}", SMILE), 257);
    assert_eq!(client.expect(with("CWD {}", SMILE), 250).message(), told(&[FOLDER, b"/", SMILE].concat()));
    assert_eq!(client.expect("PWD", 257).message(), told(&[FOLDER, b"/", SMILE].concat()));
    assert_eq!(client.expect("CDUP", 250).message(), told(FOLDER));
    client.expect(with("RMD {}", SMILE), 250);
    client.expect(with("CWD /{}", FOLDER), 250);
    client.expect("CWD ..", 250);
    client.expect(with("AVBL {}", FOLDER), 213);
    client.expect(with("RMD {}", FOLDER), 250);
    assert_eq!(fs::read_dir(server.home()).unwrap().count(), 0);
    server.wait_log("-[bob] MKD */目录/新😀 257");
}

/// What PWD says in a folder.
#[track_caller]
fn folder_of(client: &mut Client, folder: &[u8]) -> Vec<u8> {
    client.expect(with("CWD {}", folder), 250);
    let told = client.expect("PWD", 257).message().to_vec();
    client.expect("CWD /", 250);
    told
}

#[test]
fn opts_utf8_on_turns_one_session_to_utf8_before_its_login_or_after_it() {
    let server = server("gbk");
    fs::create_dir(server.home().join("目录")).unwrap();
    let (in_gbk, in_utf8) = (FOLDER, "目录".as_bytes());
    let told = |folder: &[u8]| with("\"/{}\" is the current folder.", folder);
    let mut stays = server.login();
    let mut early = server.client();
    early.expect("OPTS UTF8 ON", 200);
    early.login("bob", "secret");
    let mut late = server.login();
    for client in [&mut stays, &mut late] {
        assert_eq!(folder_of(client, in_gbk), told(in_gbk));
        client.expect(with("CWD {}", in_utf8), 550);
    }
    late.expect("opts utf-8 on", 200);
    for client in [&mut early, &mut late] {
        assert_eq!(folder_of(client, in_utf8), told(in_utf8));
        assert_eq!(client.download("NLST"), "目录\r\n".as_bytes());
        client.expect(with("CWD {}", in_gbk), 550);
    }
    assert_eq!(folder_of(&mut stays, in_gbk), told(in_gbk));
    assert_eq!(folder_of(&mut server.login(), in_gbk), told(in_gbk));

    late.expect("OPTS UTF8 OFF", 200);
    assert_eq!(folder_of(&mut late, in_gbk), told(in_gbk));
    late.expect("OPTS UTF8 MAYBE", 504);
    // A new login begins as the first one did.
    early.expect("REIN", 220);
    early.login("bob", "secret");
    assert_eq!(folder_of(&mut early, in_gbk), told(in_gbk));
    assert!(early.expect("FEAT", 211).text().contains("\n UTF8\n"));
}

#[test]
fn an_account_without_a_charset_speaks_bytes_and_has_utf8_always_on() {
    let server = server("gbk");
    let mut client = server.client();
    client.expect("OPTS UTF8 OFF", 504);
    client.login("eve", "secret");
    client.expect("OPTS UTF8 OFF", 504);
    client.expect("OPTS UTF8 ON", 200);
    for name in [b"\xc4\xe3", "目录".as_bytes(), b"?1F600?"] {
        client.expect(with("MKD {}", name), 257);
        assert!(at(&server, name).is_dir());
        assert_eq!(folder_of(&mut client, name), with("\"/{}\" is the current folder.", name));
    }
}

#[test]
fn utf8_is_the_charset_of_an_account_that_has_none() {
    for charset in ["utf-8", "UTF8", "off"] {
        let server = server(charset);
        let mut client = server.login();
        client.expect("OPTS UTF8 OFF", 504);
        client.expect("MKD \u{1F600}", 257);
        write(&server, b"\xc4\xe3", "");
        assert_eq!(client.download("NLST"), b"\xc4\xe3\r\n\xf0\x9f\x98\x80\r\n");
    }
}

#[test]
fn nothing_is_guessed_from_bytes_that_are_valid_utf8() {
    let server = server("gbk");
    let mut client = server.login();
    // Both are UTF-8; the second one was meant as such, but the client did not say so.
    client.upload(with("STOR {}", FOLDER), "one").expect(226);
    client.upload(with("STOR {}", "文件"), "two").expect(226);
    assert_eq!(server.read("目录"), b"one");
    assert_eq!(server.read("鏂囦欢"), b"two");
    client.expect("CLNT FileZilla", 200);
    client.expect("FEAT", 211);
    client.expect("OPTS MLST type;", 200);
    assert_eq!(names(&mut client), BTreeSet::from([FOLDER.to_vec(), "文件".into()]));
    client.expect("OPTS UTF8 ON", 200);
    assert_eq!(names(&mut client), BTreeSet::from(["目录".into(), "鏂囦欢".into()]));
    assert_eq!(client.retr("目录"), b"one");
}

/// Does with a name what clients do, and removes it.
#[track_caller]
fn is_a_file(server: &Server, clients: [&mut Client; 2], shown: &[u8], content: &[u8]) {
    assert!(shown.is_ascii() && !shown.iter().any(u8::is_ascii_control), "\"{}\"", shown.escape_ascii());
    let [client, other] = clients;
    assert_eq!(client.download(with("RETR {}", shown)), content, "{}", shown.escape_ascii());
    assert_eq!(other.download(with("RETR /./{}", shown)), content, "{}", shown.escape_ascii());
    assert_eq!(client.expect(with("SIZE {}", shown), 213).message(), content.len().to_string().as_bytes());
    client.expect(with("MDTM {}", shown), 213);
    ends_with(&client.expect(with("MLST {}", shown), 250).lines[1], &[b"/", shown].concat());
    ends_with(&client.expect(with("STAT {}", shown), 213).lines[1], shown);
    assert_eq!(client.download(with("NLST {}", shown)), [shown, b"\r\n"].concat());
    ends_with(lines(&client.download(with("LIST {}", shown)))[0], shown);
    assert!(client.expect(with("HASH {}", shown), 213).message().ends_with(shown));
    client.expect(with("XCRC {}", shown), 250);
    client.expect(with("XCRC {} 0 1", shown), 250);
    for command in ["MFMT 20010203040506 {}", "MDTM 20010203040506 {}", "MFF UNIX.mode=0640; {}"] {
        assert!(client.expect(with(command, shown), 213).message().ends_with(shown));
    }

    let files = || fs::read_dir(server.home()).unwrap().count();
    let before = files();
    client.upload(with("STOR {}", shown), content).expect(226);
    client.upload(with("APPE {}", shown), "").expect(226);
    assert_eq!(files(), before, "\"{}\": an upload replaces the file", shown.escape_ascii());
    client.expect(with("RNFR {}", shown), 350);
    client.expect("RNTO renamed", 250);
    assert_eq!(server.read("renamed"), content);
    client.expect("RNFR renamed", 350);
    // It can have its old name again, unless no client may make that.
    let again = client.cmd(with("RNTO {}", shown)).expect([250, 553]).code;
    client.expect(if again == 250 { with("DELE {}", shown) } else { b"DELE renamed".to_vec() }, 250);
    assert_eq!(files(), before - 1, "{}", shown.escape_ascii());
    other.expect(with("SIZE {}", shown), 550);
}

/// Names that are hard to tell apart, each a file with its name as content. Returns how often `?` is in what is shown.
#[track_caller]
fn each_is_a_file(charset: &str, hard: &[&[u8]]) {
    let server = server(charset);
    for name in hard {
        write(&server, name, name);
    }
    let (mut client, mut other) = (server.login(), server.login());
    let shown = names(&mut client);
    assert_eq!(shown.len(), hard.len(), "{charset}: {shown:?}");
    let mut contents = BTreeSet::new();
    for name in &shown {
        assert!(contents.insert(client.download(with("RETR {}", name))), "\"{}\"", name.escape_ascii());
    }
    assert_eq!(contents, hard.iter().map(|name| name.to_vec()).collect());
    for name in &shown {
        let content = client.download(with("RETR {}", name));
        is_a_file(&server, [&mut client, &mut other], name, &content);
    }
    assert_eq!(fs::read_dir(server.home()).unwrap().count(), 0);
}

#[test]
fn each_name_that_the_charset_lacks_is_shown_differently_and_found_as_it_is_shown() {
    let hard = ["😀", "😁", "😀.txt", "😀a", "\u{1F60}0", "\u{1F60}", "a😀", "é", "e\u{301}", "?1F60", "what?", "??"];
    let mut names: Vec<&[u8]> = hard.iter().map(|name| name.as_bytes()).collect();
    // Those that look like what others are shown as.
    names.extend([&b"?1F600"[..], b"?003F?", b"?003F?1F60?", b"?00E9", b"?E9", b"plain", b"\xe9", b"?E9\xe9"]);
    each_is_a_file("big5", &names);
    each_is_a_file("euc-kr", &names);
}

#[test]
fn names_that_are_no_utf8_or_hold_control_bytes_are_found_as_they_are_shown() {
    let raw: &[&[u8]] = &[
        b"\xc4\xe3",
        b"\xc4\xe3\xba\xc3.txt",
        b"\xc4",
        b"\xff",
        b"\xff\xff",
        b"a\x80b",
        b"\xe7\x9b",
        b"\xed\xa0\x80",
        b"C4",
        b"?C4",
        b"a\nb",
        b"a\r\nb",
        b"a\x7fb",
        b"a?b",
    ];
    each_is_a_file("gb18030", raw);
    each_is_a_file("koi8-r", raw);
}

#[test]
fn folders_that_the_charset_lacks_are_entered_and_told_as_they_are_shown() {
    let server = server("gbk");
    for (folder, inner) in [(&b"\xf0\x9f\x98\x80"[..], "😁"), (b"\xc4\xe3", "目录"), (b"a\nb", "x")] {
        fs::create_dir(at(&server, folder)).unwrap();
        fs::write(at(&server, folder).join(inner), "inside").unwrap();
    }
    let mut client = server.login();
    let shown = names(&mut client);
    for folder in &shown {
        assert_eq!(folder_of(&mut client, folder), with("\"/{}\" is the current folder.", folder));
        let listing = client.download(with("NLST {}", folder));
        let file = [folder, &b"/"[..], listing.trim_ascii_end()].concat();
        assert_eq!(client.download(with("RETR {}", &file)), b"inside", "{}", file.escape_ascii());
        assert_eq!(client.download(with("NLST {}/*", folder)), [&file[..], b"\r\n"].concat());
        let listing = client.download(with("MLSD {}", folder));
        assert!(lines(&listing).iter().any(|line| line.ends_with(file.rsplit(|&byte| byte == b'/').next().unwrap())));
        client.expect(with("DELE {}", &file), 250);
        client.expect(with("RMD {}", folder), 250);
    }
    assert_eq!((shown.len(), fs::read_dir(server.home()).unwrap().count()), (3, 0));
}

#[test]
fn a_name_comes_back_to_the_disk_as_it_was() {
    let server = server("gbk");
    for name in ["😀.txt".as_bytes(), b"\xc4\xe3.txt"] {
        write(&server, name, "old");
        let mut client = server.login();
        let shown = names(&mut client).pop_first().unwrap();
        client.expect(with("DELE {}", &shown), 250);
        client.upload(with("STOR {}", &shown), "new").expect(226);
        assert_eq!(fs::read(at(&server, name)).unwrap(), b"new");
        client.expect(with("RNFR {}", &shown), 350);
        client.expect(with("RNTO {}", [b"more ", &shown[..]].concat()), 250);
        let renamed = [b"more ", name].concat();
        assert_eq!(fs::read(at(&server, &renamed)).unwrap(), b"new");
        fs::remove_file(at(&server, renamed)).unwrap();
    }
}

#[test]
fn a_name_that_exists_as_it_stands_wins() {
    let server = server("gbk");
    write(&server, "😀", "the smile");
    let mut client = server.login();
    let shown = names(&mut client).pop_first().unwrap();
    write(&server, &shown, "as it stands");
    assert_eq!(client.download(with("RETR {}", &shown)), b"as it stands");
    // All the same they are shown differently.
    assert_eq!(names(&mut client).len(), 2);
    client.expect(with("DELE {}", &shown), 250);
    assert!(at(&server, "😀").exists() && !at(&server, &shown).exists());
    server.wait_log(&format!("-[bob] DELE *{} 250", String::from_utf8_lossy(&shown)));
    assert_eq!(client.download(with("RETR {}", &shown)), b"the smile");
    // As it is shown, it is found by a client of the account that speaks UTF-8, too.
    client.expect("OPTS UTF8 ON", 200);
    assert_eq!(client.download(with("RETR {}", &shown)), b"the smile");
    assert_eq!(client.retr("😀"), b"the smile");
}

#[test]
fn no_code_brings_in_what_no_name_holds() {
    let server = server("gbk");
    server.write("sub/file", "content");
    let before = snapshot(&server.home());
    let mut client = server.login();
    let codes = ["sub?002F?file", "?002E??002E?/x", "?0000?", "x?0000?/y", "?0041?/x", "?E7??9B??AE?/x", "?DC80?/x"];
    for name in codes {
        client.expect(with("SIZE {}", name), 550);
        client.expect(with("CWD {}", name), 550);
    }
    for name in ["a?000A?b", "a?000D??000A?b", "?007F?", "sub/?001B?"] {
        let _data = client.passive();
        for command in ["MKD {}", "STOR {}", "APPE {}", "STOU {}"] {
            client.expect(with(command, name), 553);
        }
        client.expect("RNFR sub", 350);
        client.expect(with("RNTO {}", name), 553);
    }
    assert_eq!(snapshot(&server.home()), before);
    // Those that name nothing that is spelled are names as they are.
    for name in ["?0000?", "?002E??002E?", "?0041?", "?1f600?"] {
        client.expect(with("MKD {}", name), 257);
        assert!(at(&server, name).is_dir(), "{name}");
        assert!(names(&mut client).contains(name.as_bytes()), "{name}");
    }
}

#[test]
fn bytes_that_are_no_text_in_the_charset_are_no_name() {
    let server = server("shift_jis");
    write(&server, b"\x95", "raw");
    let before = snapshot(&server.home());
    let mut client = server.login();
    let decided = "(*user.ini:5: charset = shift_jis)";
    for name in [&b"\x95"[..], b"a\xfd", b"\x85/x", b"x/\xe0", b"\x95\x0d\0x"] {
        for command in [
            "RETR {}", "LIST {}", "NLST {}*", "MLSD {}", "MLST {}", "STAT {}", "CWD {}", "SIZE {}", "DELE {}", "RMD {}",
        ] {
            let _data = client.passive();
            client.expect(with(command, name), 550);
        }
        for command in ["RNFR {}", "HASH {}", "XCRC {} 1", "AVBL {}", "MFMT 20010203040506 {}", "SITE CHMOD 600 {}"] {
            client.expect(with(command, name), 550);
        }
        for command in ["STOR {}", "STOU {}", "APPE {}", "MKD {}"] {
            let _data = client.passive();
            client.expect(with(command, name), 553);
        }
        client.expect(b"RNFR ?95?", 350);
        client.expect(with("RNTO {}", name), 553);
    }
    assert_eq!(snapshot(&server.home()), before);
    server.wait_log(&format!("-[bob] MKD */home/\\x95 553 'That name is not in Shift_JIS*' {decided}"));
    server.wait_log(&format!("-[bob] RETR */home/\\x95 550 'That name is not in Shift_JIS*' {decided}"));
    // What is no name is not looked at.
    client.expect(b"NOOP \x95", 200);
    client.expect(b"HELP \x95", 501);
    client.expect("OPTS UTF8 ON", 200);
    assert_eq!(client.download(b"RETR \x95"), b"raw");
}

/// Characters, their bytes, and what must not happen to them.
#[track_caller]
fn are_whole_characters(charset: &str, characters: &[(&str, &[u8])]) {
    let server = server(charset);
    server.write("decoy", "decoy");
    let mut client = server.login();
    for (name, sent) in characters {
        client.expect(with("MKD {}", sent), 257);
        assert!(server.home().join(name).is_dir(), "{charset}: {name}");
        client.expect(with("CWD {}", sent), 250);
        let path = [b"/", *sent, b"/", *sent, b".txt"].concat();
        client.upload(with("STOR {}.txt", sent), *name).expect(226);
        assert_eq!(server.read(format!("{name}/{name}.txt")), name.as_bytes());
        assert_eq!(client.download(with("RETR {}", &path)), name.as_bytes());
        assert_eq!(client.download("NLST"), [*sent, b".txt\r\n"].concat());
        let marks = "?".repeat(name.chars().count()) + ".txt";
        for pattern in [&b"*"[..], marks.as_bytes(), &[b"*", *sent, b"*"].concat(), &[b"[", *sent, b"]*.txt"].concat()]
        {
            let listing = client.download(with("NLST {}", pattern));
            assert_eq!(listing, [*sent, b".txt\r\n"].concat(), "{charset}: \"{}\"", pattern.escape_ascii());
        }
        for pattern in [&[*sent, b"*x"].concat(), &[b"?", *sent, b"*"].concat(), &[b"[!", *sent, b"]*.txt"].concat()] {
            assert_eq!(client.download(with("NLST {}", pattern)), b"", "{charset}: \"{}\"", pattern.escape_ascii());
        }
        client.expect(with("XCRC {}.txt 0 1", sent), 250);
        client.expect(with("DELE {}", &path), 250);
        client.expect("CDUP", 250);
        client.expect(with("RNFR {}", sent), 350);
        client.expect(
            with("RNTO {}{}", sent).iter().copied().filter(|byte| !b"{}".contains(byte)).collect::<Vec<_>>(),
            250,
        );
        client.expect(with("RMD {}", sent), 250);
    }
    assert_eq!(client.download("NLST"), b"decoy\r\n");
}

#[test]
fn shift_jis_has_whole_characters() {
    let characters: &[(&str, &[u8])] = &[
        ("表", b"\x95\x5c"),
        ("ポ", b"\x83\x7c"),
        ("ゼ", b"\x83\x5b"),
        ("ゾ", b"\x83\x5d"),
        ("Ａ", b"\x82\x60"),
        ("ア", b"\x83\x41"),
        ("ｱ", b"\xb1"),
        ("能ソ", b"\x94\x5c\x83\x5c"),
    ];
    are_whole_characters("shift_jis", characters);
    are_whole_characters("sjis", &characters[..2]);
}

#[test]
fn gbk_and_big5_have_whole_characters() {
    let characters: &[(&str, &[u8])] =
        &[("乗", b"\x81\x5c"), ("亅", b"\x81\x7c"), ("乕", b"\x81\x5b"), ("乚", b"\x81\x5d"), ("乣", b"\x81\x60")];
    for charset in ["gbk", "gb18030", "gb2312"] {
        are_whole_characters(charset, characters);
    }
    // Their second bytes are digits, too.
    are_whole_characters("gb18030", &[("𠀀", b"\x95\x32\x82\x36"), ("\u{a9}", b"\x81\x30\x84\x38")]);
    are_whole_characters("big5", &[("功", b"\xa5\x5c"), ("育", b"\xa8\x7c"), ("閱", b"\xbe\x5c"), ("崙", b"\xb1\x5b")]);
}

#[test]
fn other_charsets_work_both_ways() {
    are_whole_characters("euc-kr", &[("한글", b"\xc7\xd1\xb1\xdb"), ("똠", b"\x8c\x63")]);
    are_whole_characters("koi8-r", &[("привет", b"\xd0\xd2\xc9\xd7\xc5\xd4")]);
    are_whole_characters("windows-1251", &[("Привет", b"\xcf\xf0\xe8\xe2\xe5\xf2")]);
    are_whole_characters("cp1252", &[("café €", b"caf\xe9 \x80")]);
}

/// Telnet (RFC 854) writes the data byte 0xFF twice, on the control connection alone.
#[test]
fn the_byte_of_telnets_commands_is_doubled_in_commands_and_replies_alone() {
    for (charset, name) in [("windows-1251", "яр"), ("koi8-r", "Ър")] {
        let server = server(charset);
        let one: &[u8] = if charset == "koi8-r" { b"\xff\xd2" } else { b"\xff\xf0" };
        let two = [b"\xff", one].concat();
        let mut client = server.login();
        assert_eq!(client.expect(with("MKD {}", &two), 257).message(), with("\"/{}\" created.", &two));
        assert!(server.home().join(name).is_dir());
        assert_eq!(folder_of(&mut client, &two), with("\"/{}\" is the current folder.", &two));
        assert_eq!(client.download("NLST"), [one, b"\r\n"].concat());
        ends_with(lines(&client.download("LIST"))[0], one);
        ends_with(lines(&client.download("MLSD")).last().unwrap(), one);
        ends_with(&client.expect(with("MLST {}", &two), 250).lines[1], &[b"/", &two[..]].concat());
        ends_with(&client.expect("STAT /", 212).lines[1], &two);
        client.upload(with("STOR {}/file", &two), "x").expect(226);
        assert_eq!(client.download(with("NLST {}/*", &two)), [one, b"/file\r\n"].concat());
        assert!(client.expect(with("HASH {}/file", &two), 213).message().ends_with(&[&two[..], b"/file"].concat()));
        // A client that does not double it is understood, unless a Telnet command comes of it.
        client.expect(b"RNFR \xff\xff\xf0x", 550);
        server.write("я", "alone");
        if charset == "windows-1251" {
            assert_eq!(client.download(b"RETR \xff"), b"alone");
        }
    }
}

#[test]
fn hidden_names_are_hidden_in_every_charset() {
    let server = Server::start("", &format!("{BOB}charset = gbk\nhide = 目*, 😀*\n"));
    for name in ["目录", "😀.txt", "seen"] {
        server.write(name, "content");
    }
    let mut client = server.login();
    assert_eq!(client.download("NLST"), b"seen\r\n");
    for name in [FOLDER, b"?1F600?.txt"] {
        client.expect(with("SIZE {}", name), 550);
        client.expect(with("MKD {}", name), 553);
    }
}

#[test]
fn folders_with_a_section_of_their_own_are_named_in_every_charset() {
    let sections = "charset = gbk\n[bob /目录]\nhome = other\n[bob /😀]\nperm = el\n";
    let tree = Tree::new("", &format!("{BOB}{sections}"));
    fs::create_dir_all(tree.path("other/文件")).unwrap();
    fs::create_dir(tree.home().join("😀")).unwrap();
    let server = tree.start();
    let mut client = server.login();
    assert_eq!(names(&mut client), BTreeSet::from([FOLDER.to_vec(), b"?1F600?".to_vec()]));
    assert_eq!(folder_of(&mut client, FOLDER), with("\"/{}\" is the current folder.", FOLDER));
    assert_eq!(client.download(with("NLST {}", FOLDER)), b"\xce\xc4\xbc\xfe\r\n");
    client.upload(with("STOR {}/new", FOLDER), "x").expect(226);
    assert!(server.tree().path("other/new").exists());
    assert_eq!(folder_of(&mut client, b"?1F600?"), b"\"/?1F600?\" is the current folder.");
    client.expect(b"MKD ?1F600?/x", 550);
    client.expect(with("RMD {}", FOLDER), 550);
}

#[test]
fn the_log_is_in_utf8() {
    let server = server("gbk");
    let mut client = server.login();
    client.upload(with("STOR {}", FOLDER), "x").expect(226);
    server.wait_log("-[bob] STOR */home/目录 completed=1");
    client.expect(with("DELE {}x", FOLDER), 550);
    server.wait_log("-[bob] DELE */home/目录x 550");
    client.expect("RNFR ?1F600?", 550);
    server.wait_log("-[bob] RNFR */home/😀 550");
}
