//! More folders than one for an account: mounts, rules, and which of them holds where.

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command};

use crate::{
    client::{Client, Reply},
    privileges::is_root,
    server::{Server, Tree},
};

/// Where the folder of `[bob /photos]` is: beside the home, or in it, so that two ways lead there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Photos {
    Beside,
    Within,
}

const ALL: &str = "elradfmwMT";

/// A home with `photos` (covered), `inbox/deep`, `inbox/open`, `file` and links, and a mount with photos.
fn tree(photos: Photos, sandbox: &str) -> Tree {
    let place = if photos == Photos::Beside { "photos" } else { "home/real" };
    let users = format!(
        "[bob /photos]\nhome = {place}\nperm = elr\n[bob]\npassword = secret\nperm = {ALL}\nhome = home\n\
         [bob /inbox]\nperm = elw\nrefuse = *.exe, Setup?.msi\n[bob /inbox/open]\nperm = {ALL}\n\
         [bob /a/b/c]\nhome = {place}\nperm = el\n[* /public]\nhome = public\nperm = elr\n"
    );
    let tree = Tree::new(&format!("[server]\nsandbox = {sandbox}\n"), &users);
    let home = tree.home();
    for folder in ["photos", "inbox/deep", "inbox/open", "x"] {
        fs::create_dir_all(home.join(folder)).unwrap();
    }
    fs::create_dir_all(tree.path(place).join("2024")).unwrap();
    fs::create_dir(tree.path("public")).unwrap();
    let outside = tree.path("secret");
    for (path, content) in [
        (home.join("file"), "of home"),
        (home.join("photos/covered"), "covered"),
        (home.join("inbox/i"), "of inbox"),
        (home.join("inbox/deep/d"), "of deep"),
        (home.join("inbox/open/o"), "of open"),
        (tree.path(place).join("p.jpg"), "photo"),
        (tree.path("public/notice"), "for all"),
        (outside.clone(), "secret"),
    ] {
        fs::write(path, content).unwrap();
    }
    let absolute = home.join("photos");
    for (name, target) in [
        ("home/to-photos", PathBuf::from("photos")),
        ("home/x/up", "..".into()),
        ("home/absolute", absolute),
        ("home/to-inbox", "inbox".into()),
        ("home/to-file-of-inbox", "inbox/i".into()),
        ("home/inbox/to-home", "../x".into()),
        ("home/x/out", "../../secret".into()),
    ] {
        symlink(target, tree.path(name)).unwrap();
    }
    symlink(outside, tree.path(place).join("out")).unwrap();
    symlink(tree.home(), tree.path(place).join("to-home")).unwrap();
    symlink("2024", tree.path(place).join("latest")).unwrap();
    tree
}

fn start(photos: Photos) -> Server {
    tree(photos, "auto").start()
}

/// The kind and the letters of each entry of a folder.
fn facts(client: &mut Client, folder: &str) -> Vec<(String, String, String)> {
    let lines = client.lines(format!("MLSD {folder}"));
    let fact = |line: &str, name: &str| {
        let found = line.split(';').find_map(|fact| fact.strip_prefix(name));
        found.unwrap_or_default().to_owned()
    };
    let entry = |line: &String| {
        let name = line.split_once("; ").expect("a name").1.to_owned();
        (name, fact(line, "type="), fact(line, "perm="))
    };
    let mut entries: Vec<_> =
        lines.iter().map(entry).filter(|(_, kind, _)| !kind.ends_with("dir") || kind == "dir").collect();
    entries.sort();
    entries
}

fn names(client: &mut Client, folder: &str) -> Vec<String> {
    client.lines(format!("NLST {folder}"))
}

#[test]
fn a_mount_is_an_entry_of_its_parent_and_covers_what_lies_there() {
    for photos in [Photos::Beside, Photos::Within] {
        let server = start(photos);
        let mut client = server.login();
        let mut expected = vec!["a", "absolute", "file", "inbox", "photos", "public", "real", "to-file-of-inbox"];
        expected.extend(["to-inbox", "to-photos", "x"]);
        expected.retain(|name| photos == Photos::Within || *name != "real");
        assert_eq!(names(&mut client, "/"), expected, "{photos:?}");
        assert_eq!(names(&mut client, "ph*"), ["photos"]);
        for way in ["/photos", "/to-photos", "/x/up/photos", "/absolute", "/a/b/c"] {
            assert_eq!(names(&mut client, way), ["2024", "latest", "out", "p.jpg", "to-home"], "{photos:?} {way}");
            client.expect(format!("SIZE {way}/covered"), 550);
            client.expect(format!("MLST {way}/p.jpg"), 250);
            client.expect(format!("CWD {way}/latest"), 250);
            client.expect("CDUP", 250);
            client.expect("CWD /", 250);
        }
        assert_eq!(client.retr("/photos/p.jpg"), b"photo");
        for outside in ["/photos/out", "/photos/to-home", "/photos/to-home/file", "/x/out"] {
            client.expect(format!("SIZE {outside}"), 550);
            client.expect(format!("CWD {outside}"), 550);
        }
        assert_eq!(server.read("photos/covered"), b"covered");
    }
}

#[test]
fn a_folder_that_only_holds_a_mount_is_shown_and_nothing_is_made_there() {
    let server = start(Photos::Beside);
    let mut client = server.login();
    assert_eq!(names(&mut client, "/a"), ["b"]);
    assert_eq!(names(&mut client, "/a/b"), ["c"]);
    client.expect("CWD /a/b", 250);
    assert_eq!(client.expect("PWD", 257).text(), "257 \"/a/b\" is the current folder.");
    client.expect("CDUP", 250);
    assert_eq!(facts(&mut client, "/a"), [("b".to_owned(), "dir".to_owned(), "celmp".to_owned())]);
    // Two folders are not the same file, and these are none of the disk's.
    for shown in [client.lines("MLSD /a"), vec![client.expect("MLST /a/b", 250).text()]] {
        assert!(shown.iter().all(|line| !line.contains("unique=0g")), "{shown:?}");
    }
    for refused in ["MKD new", "MKD b", "RMD b", "RMD /a", "RNFR /a", "DELE /a", "MKD /a"] {
        client.expect(refused, 550);
    }
    client.passive();
    client.expect("STOR new", 550);
    assert!(!server.home().join("a").exists());
}

#[test]
fn a_mount_whose_home_is_missing_is_not_there_until_it_comes() {
    let tree = tree(Photos::Beside, "auto");
    fs::rename(tree.path("photos"), tree.path("away")).unwrap();
    let server = tree.start();
    let mut client = server.login();
    assert!(!names(&mut client, "/").contains(&"photos".to_owned()), "neither it nor what it covers");
    client.expect("CWD /photos", 550);
    client.expect("SIZE /photos/covered", 550);
    assert_eq!(client.retr("file"), b"of home");
    let line = server.wait_log("[bob /photos]: its folder is not there: * (*user.ini:2: [bob /photos] home = photos)");
    assert!(line.starts_with("[W "), "{line}");
    fs::rename(server.tree().path("away"), server.tree().path("photos")).unwrap();
    assert_eq!(server.login().retr("/photos/p.jpg"), b"photo");
}

#[test]
fn a_section_for_all_is_there_for_each_account_that_has_none_of_its_own() {
    let tree = tree(Photos::Beside, "auto");
    let users = fs::read_to_string(tree.path("user.ini")).unwrap();
    let eve = "[eve]\npassword = secret\nperm = elradfmwMT\nhome = eve\n[eve /public]\nhome = photos\nperm = el\n";
    tree.write_users(&(users + eve));
    fs::create_dir(tree.path("eve")).unwrap();
    let server = tree.start();
    assert_eq!(names(&mut server.login(), "/public"), ["notice"]);
    assert!(names(&mut server.login_as("eve"), "/public").contains(&"p.jpg".to_owned()));
}

/// Commands, the letter that each takes, and what it does to: a file or a folder of the place.
#[rustfmt::skip]
const COMMANDS: &[(&str, char)] = &[
    ("SIZE {file}", 'l'), ("MDTM {file}", 'l'), ("MLST {file}", 'l'), ("STAT {folder}", 'l'), ("AVBL {folder}", 'l'),
    ("CWD {folder}", 'e'), ("HASH {file}", 'r'), ("XCRC {file}", 'r'), ("DELE {file}", 'd'), ("RMD {folder}/none", 'd'),
    ("RNFR {file}", 'f'), ("MKD {folder}/made", 'm'), ("SITE CHMOD 644 {file}", 'M'), ("MFMT 20240101000000 {file}", 'T'),
];

#[test]
fn letters_are_those_of_the_nearest_section_whatever_the_way() {
    for photos in [Photos::Beside, Photos::Within] {
        let places = [
            ("/", "file", ALL),
            ("/inbox", "i", "elw"),
            ("/to-inbox", "i", "elw"),
            ("/x/up/inbox", "i", "elw"),
            ("/inbox/deep", "d", "elw"),
            ("/x/../to-inbox/deep", "d", "elw"),
            ("/inbox/open", "o", ALL),
            ("/to-inbox/open", "o", ALL),
            ("/photos", "p.jpg", "elr"),
            ("/absolute", "p.jpg", "elr"),
            ("/inbox/to-home", "f", ALL),
        ];
        for (folder, file, letters) in places {
            let server = start(photos);
            fs::write(server.home().join("x/f"), "f").unwrap();
            let mut client = server.login();
            let folder = folder.trim_end_matches('/');
            for (command, letter) in COMMANDS {
                // What is not there is another reason for a 550.
                let line = command.replace("{file}", &format!("{folder}/{file}")).replace("{folder}", folder);
                let line = if line.ends_with(' ') { format!("{line}/") } else { line };
                let reply = client.cmd(&line);
                let lacks = reply.text().contains(&format!("it lacks the letter '{letter}'"));
                assert_eq!(lacks, !letters.contains(*letter), "{photos:?} {line}: {reply:?}");
                if line.starts_with("DELE") && reply.code == 250 {
                    client.stor(&format!("{folder}/{file}"), "again");
                }
            }
            for (verb, letter) in [("STOR", 'w'), ("APPE", 'a')] {
                let line = format!("{verb} {folder}/{file}");
                client.passive();
                let reply = client.cmd(&line);
                let lacks = reply.text().contains(&format!("it lacks the letter '{letter}'"));
                assert_eq!(lacks, !letters.contains(letter), "{photos:?} {line}: {reply:?}");
                if reply.code == 150 {
                    client.read_reply();
                }
            }
        }
    }
}

#[test]
fn the_perm_fact_is_that_of_each_entry() {
    let server = start(Photos::Beside);
    let mut client = server.login();
    let letters = |client: &mut Client, folder: &str, name: &str| {
        facts(client, folder).into_iter().find(|(found, ..)| found == name).map(|(_, _, perm)| perm)
    };
    for (folder, name, perm) in [
        ("/", "file", "adfrw"),
        ("/", "x", "cdeflmp"),
        ("/", "photos", "el"),
        ("/", "inbox", "cel"),
        ("/", "a", "celmp"),
        ("/", "to-inbox", "cdefl"),
        ("/", "to-file-of-inbox", "dfw"),
        ("/inbox", "i", "w"),
        ("/inbox", "deep", "cel"),
        ("/inbox", "open", "celmp"),
        ("/inbox", "to-home", "celmp"),
        ("/inbox/open", "o", "adfrw"),
        ("/photos", "p.jpg", "r"),
    ] {
        assert_eq!(letters(&mut client, folder, name).as_deref(), Some(perm), "{folder} {name}");
        let reply = client.expect(format!("MLST {folder}/{name}"), 250);
        assert!(reply.text().contains(&format!(";perm={perm};")), "{folder} {name}: {reply:?}");
    }
}

#[test]
fn folders_of_the_tree_stay_where_they_are() {
    for photos in [Photos::Beside, Photos::Within] {
        let server = start(photos);
        let mut client = server.login();
        client.stor("new", "new");
        for refused in ["RMD /photos", "DELE /photos", "RNFR /inbox", "RMD /inbox", "RNFR /a/b", "RNFR /to-inbox/open"]
        {
            client.expect(refused, 550);
        }
        for to in ["/photos", "/inbox", "/inbox/open", "/a"] {
            client.expect("RNFR new", 350);
            client.expect(format!("RNTO {to}"), [550, 553]);
        }
        if photos == Photos::Within {
            // The folder of a mount, by its own name.
            client.expect("RNFR /real", 550);
            client.expect("RNFR /x/up/real", 550);
        }
        assert!(server.home().join("inbox/open/o").exists() && server.home().join("new").exists());
    }
}

#[test]
fn what_moves_needs_the_letters_at_both_ends_and_gains_none() {
    let server = start(Photos::Beside);
    let mut client = server.login();
    for (from, to, code) in [
        ("/file", "/x/moved", 250),
        ("/x/moved", "/inbox/moved", 550),
        ("/inbox/open/o", "/x/o", 250),
        ("/x/o", "/inbox/open/o", 250),
        ("/x/moved", "/photos/moved", 550),
    ] {
        client.expect(format!("RNFR {from}"), 350);
        client.expect(format!("RNTO {to}"), code);
    }
    let (home, users) = (server.home(), server.tree().path("user.ini"));
    fs::create_dir(home.join("poor")).unwrap();
    fs::write(home.join("poor/p"), "p").unwrap();
    let text =
        fs::read_to_string(&users).unwrap().replace(&format!("perm = {ALL}\nhome = home"), "perm = elf\nhome = home");
    fs::write(users, text).unwrap();
    let mut client = server.login();
    client.expect("RNFR /poor/p", 350);
    let reply = client.expect("RNTO /inbox/open/p", 553);
    assert!(reply.text().contains("copy it, then delete it"), "{reply:?}");
    assert!(home.join("poor/p").exists());
}

#[test]
fn no_folder_takes_the_place_of_a_wider_one_that_is_not_there_yet() {
    for (mount, to) in [("beside", "/drop"), ("home", "/again/drop")] {
        let users = format!(
            "[bob]\npassword = secret\nperm = elrmf\nhome = home\n[bob /drop]\nperm = {ALL}\n[bob /narrow]\nperm = el\n\
             [bob /again]\nhome = {mount}\nperm = elrmf\n"
        );
        let tree = Tree::new("", &users);
        fs::create_dir(tree.path("beside")).unwrap();
        let server = tree.start();
        server.write("kept/file", "stays");
        server.write("dull/file", "moves");
        let mut client = server.login();
        client.expect("RNFR /kept", 350);
        let reply = client.expect(format!("RNTO {to}"), 553);
        assert!(reply.text().contains("may do more there"), "{reply:?}");
        client.expect("RNFR /dull", 350);
        client.expect("RNTO /narrow", 250);
        client.expect("MKD /drop", 257);
        assert_eq!(server.read("kept/file"), b"stays");
    }
}

#[test]
fn refused_names_are_not_made_in_the_folder_and_below_it() {
    let server = start(Photos::Beside);
    let mut client = server.login();
    for (name, is_refused) in [
        ("/inbox/a.exe", true),
        ("/inbox/A.EXE. ", true),
        ("/inbox/deep/a.Exe", true),
        ("/to-inbox/setup1.MSI", true),
        ("/inbox/open/a.exe", true),
        ("/inbox/a.exe.txt", false),
        ("/x/a.exe", false),
    ] {
        client.passive();
        let reply = client.cmd(format!("STOR {name}"));
        assert_eq!(reply.code, if is_refused { 553 } else { 150 }, "{name}: {reply:?}");
        if !is_refused {
            client.read_reply();
        }
    }
    client.expect("RNFR /inbox/open/o", 350);
    client.expect("RNTO /inbox/open/o.exe", 553);
    server.wait_log("RNTO *: [bob /inbox] refuse = *.exe, Setup?.msi)");
}

#[test]
fn a_refusal_names_the_line_of_the_section() {
    let server = start(Photos::Beside);
    let mut client = server.login();
    let reply = client.expect("DELE /photos/p.jpg", 550);
    assert!(!reply.text().contains("tmp"), "no real path: {reply:?}");
    server.wait_log("DELE */photos/p.jpg 550 * (*user.ini:3: [bob /photos] perm = elr has no 'd')");
    client.expect("RETR /inbox/i", [550, 425]);
    server.wait_log("RETR */home/inbox/i 550 * (*user.ini:9: [bob /inbox] perm = elw has no 'r')");
    client.expect("MKD /inbox/deep/new", 550);
    server.wait_log("MKD */inbox/deep/new 550 * (*user.ini:9: [bob /inbox] perm = elw has no 'm')");
}

#[test]
fn the_jail_has_a_rule_for_each_mount_and_each_rule() {
    let tree = tree(Photos::Beside, "require");
    let users = fs::read_to_string(tree.path("user.ini")).unwrap();
    let users = users.replace(&format!("perm = {ALL}\nhome = home"), "perm = elr\nhome = home");
    tree.write_users(&users.replace("perm = elr\n[bob]", &format!("perm = {ALL}\n[bob]")));
    let server = tree.start();
    for _ in 0..2 {
        let mut client = server.login();
        client.stor("/photos/new", "new");
        client.stor("/inbox/new", "new");
        client.stor("/inbox/open/new", "new");
        assert_eq!(client.retr("/photos/new"), b"new");
        assert_eq!(client.retr("/inbox/open/new"), b"new");
        client.passive();
        client.expect("STOR /x/new", 550);
        client.expect("REIN", 220);
        client.login("bob", "secret");
        client.expect("TYPE I", 200);
        assert_eq!(client.retr("/public/notice"), b"for all");
        for name in ["/photos/new", "/inbox/open/new"] {
            client.expect(format!("DELE {name}"), 250);
        }
    }
}

/// The fact `perm` of an entry of a folder.
fn perm_of(client: &mut Client, folder: &str, name: &str) -> String {
    let found = facts(client, folder).into_iter().find(|(found, ..)| found == name);
    found.unwrap_or_else(|| panic!("{name} in {folder}")).2
}

#[test]
fn what_lies_above_the_folder_of_a_mount_stays_where_it_is_too() {
    let users = format!(
        "[bob]\npassword = secret\nperm = {ALL}\nhome = base/home\n\
         [bob /p]\nhome = base/home/deep/er/real\nperm = elr\n[bob /base]\nhome = base\nperm = {ALL}\n"
    );
    let tree = Tree::new("", &users);
    fs::create_dir_all(tree.path("base/home/deep/er/real")).unwrap();
    fs::create_dir(tree.path("base/free")).unwrap();
    let server = tree.start();
    let mut client = server.login();
    for fixed in ["/deep", "/deep/er", "/base/home", "/base/home/deep"] {
        for verb in ["RNFR", "RMD"] {
            let reply = client.expect(format!("{verb} {fixed}"), 550);
            assert!(reply.text().contains("stays as it is"), "{verb} {fixed}: {reply:?}");
        }
    }
    assert_eq!(perm_of(&mut client, "/", "deep"), "celmp");
    assert_eq!(perm_of(&mut client, "/base", "home"), "celmp");
    assert_eq!(perm_of(&mut client, "/base", "free"), "cdeflmp");
    client.expect("RNFR /base/free", 350);
    client.expect("RNTO /base/home/deep/free", 250);
}

#[test]
fn a_folder_that_two_mounts_show_has_the_letters_of_each_in_the_perm_fact() {
    let users = format!(
        "[bob]\npassword = secret\nperm = {ALL}\nhome = home\n[bob /a]\nhome = shared\nperm = er\n\
         [bob /b]\nhome = shared\nperm = elmd\n[bob /a/x]\nperm = el\n[bob /b/x]\nperm = em\n"
    );
    let tree = Tree::new("", &users);
    fs::create_dir_all(tree.path("shared/x")).unwrap();
    let server = tree.start();
    let mut client = server.login();
    for (folder, name, perm) in [("/", "a", "e"), ("/", "b", "elmp"), ("/b", "x", "em")] {
        assert_eq!(perm_of(&mut client, folder, name), perm, "{folder} {name}");
    }
    client.expect("NLST /a", 550);
}

#[test]
fn mlst_of_a_folder_takes_the_letter_of_that_folder_alone() {
    let users = format!("[bob]\npassword = secret\nperm = e\nhome = home\n[bob /open]\nperm = {ALL}\n");
    let tree = Tree::new("", &users);
    fs::create_dir(tree.home().join("open")).unwrap();
    let server = tree.start();
    let mut client = server.login();
    let reply = client.expect("MLST /open", 250);
    assert!(reply.text().contains("perm=celmp;"), "{reply:?}");
    client.expect("MLST /", 550);
}

#[test]
fn a_ruled_folder_that_a_bind_mount_shows_elsewhere_keeps_its_letters_in_the_jail() {
    if !is_root() {
        return;
    }
    let tree = Tree::new("[server]\nsandbox = require\n", "");
    for folder in ["home/wide/in", "home/narrow", "home/shown", "mount/shown"] {
        fs::create_dir_all(tree.path(folder)).unwrap();
    }
    tree.write_users(&format!(
        "[bob]\npassword = secret\nperm = elr\nhome = home\n[bob /wide]\nperm = {ALL}\n[bob /wide/in]\nrefuse = x\n\
         [bob /narrow]\nperm = elr\n[bob /mount]\nhome = mount\nperm = e\n"
    ));
    fs::write(tree.path("home/narrow/file"), "read").unwrap();
    let server = tree.command();
    let mut command = Command::new("unshare");
    let script = "cd \"$1\" && shift && mount --bind home/wide/in home/shown && mount --bind home/narrow mount/shown && exec \"$@\"";
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]).arg(tree.path(""));
    command.arg(server.get_program()).args(server.get_args());
    command.env_remove("RUST_LOG").env("XDG_RUNTIME_DIR", tree.runtime());
    let server = tree.start_as(command);
    let mut client = server.login();
    client.stor("/shown/new", "new");
    assert_eq!(client.retr("/shown/new"), b"new");
    assert_eq!(client.retr("/mount/shown/file"), b"read");
    client.expect("DELE /mount/shown/file", 550);
    client.expect("DELE /shown/new", 250);
}

#[test]
fn a_wider_folder_that_came_after_the_login_is_used_after_the_next_one() {
    for sandbox in ["require", "off"] {
        let tree = Tree::new(
            &format!("[server]\nsandbox = {sandbox}\n"),
            &format!(
                "[bob]\npassword = secret\nperm = el\nhome = home\n[bob /late]\nperm = {ALL}\n[bob /late/low]\nperm = elr\n"
            ),
        );
        let server = tree.start();
        let mut client = server.login();
        for name in ["late/folder", "late/low"] {
            fs::create_dir_all(server.home().join(name)).unwrap();
        }
        for name in ["late/file", "late/other", "late/low/file"] {
            server.write(name, "content");
        }
        let is_late = sandbox == "require";
        let told = |reply: &Reply| reply.code == 550 && reply.text().contains("log in again");
        assert!(client.lines("NLST late").contains(&"file".to_owned()));
        client.expect("CWD late", 250);
        for line in [
            "RETR file",
            "RETR low/file",
            "STOR new",
            "STOR file",
            "APPE file",
            "APPE newer",
            "STOU",
            "HASH file",
            "XCRC file",
            "MKD made",
            "RMD folder",
            "RNFR file",
            "RNFR other",
            "RNTO renamed",
            "MFMT 20200101000000 other",
            "SITE CHMOD 640 other",
            "DELE other",
        ] {
            let data = client.passive();
            let reply = client.cmd(line);
            drop(data);
            if [125, 150].contains(&reply.code) {
                client.read_reply();
            }
            // Without the first, the second has no place to begin.
            let expected = is_late && line != "RNTO renamed";
            assert_eq!(told(&reply), expected, "{sandbox} {line}: {reply:?}");
        }
        if is_late {
            server.wait_log("DELE *late/other 550 * (*user.ini:6: [bob /late] perm = elradfmwMT: the folder came after the login, and the jail has no rule for it)");
            let mut client = server.login();
            assert_eq!(client.retr("late/file"), b"content");
            client.expect("RNFR late/file", 350);
            client.expect("RNTO late/renamed", 250);
        }
    }
}
