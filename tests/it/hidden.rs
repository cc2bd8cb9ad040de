//! Names that do not exist for the clients of an account (`hide`): no command shows, reads, enters, changes or makes them,
//! by whatever way it comes to them.

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use crate::{
    client::Client,
    data::reset,
    disk::{Snapshot, snapshot},
    server::{BOB, Server, eventually},
    trace::Trace,
};

const HIDE: &str = "hide = .*, Thumbs.db, ~?[a-c]*\n";

/// A home with hidden files and folders, links to them, and links to what is not hidden.
fn server() -> Server {
    let eve = BOB.replace("bob", "eve");
    let server = Server::start("", &format!("{BOB}{HIDE}{eve}"));
    for hidden in [".secret", ".git/config", ".git/deep/file", "sub/.env", "Thumbs.db", "sub/THUMBS.DB", "~$Beta.docx"]
    {
        server.write(hidden, "hidden");
    }
    fs::create_dir(server.home().join(".empty")).unwrap();
    fs::create_dir(server.home().join("plain")).unwrap();
    for seen in ["file", "sub/file", "Thumbs.db2", "~$delta"] {
        server.write(seen, "content");
    }
    let home = server.home();
    for (link, target) in LINKS_TO_HIDDEN.iter().chain(LINKS_TO_SEEN) {
        let target = match target.strip_prefix("HOME/") {
            Some(below) => home.join(below),
            None => PathBuf::from(target),
        };
        symlink(target, home.join(link)).unwrap();
    }
    server
}

/// Links, and where they lead: to a hidden name, or through one.
const LINKS_TO_HIDDEN: &[(&str, &str)] = &[
    ("to_file", ".secret"),
    ("to_file_by_path", "HOME/.secret"),
    ("to_folder", ".git"),
    ("to_folder_by_path", "HOME/.git"),
    ("through", ".git/../file"),
    ("through_by_path", "HOME/.git/deep/../../file"),
    ("chain", "to_file"),
    ("sub/up", "../.secret"),
    ("to_other_case", "Thumbs.db"),
    ("to_nothing", ".none"),
];
const LINKS_TO_SEEN: &[(&str, &str)] = &[
    ("shown", "file"),
    ("shown_by_path", "HOME/sub/file"),
    ("shown_folder", "sub"),
    ("sub/shown", "../shown_folder/../shown_by_path"),
];

/// A hidden name, and one that is missing in the same way.
const HIDDEN: &[(&str, &str)] = &[
    (".secret", "none"),
    ("/.secret", "/none"),
    ("./.secret", "./none"),
    ("sub/../.secret", "sub/../none"),
    (".SECRET", "none"),
    (".none", "none"),
    (".git", "none"),
    (".git/", "none/"),
    (".git/config", "none/config"),
    (".git/deep/file", "none/deep/file"),
    (".git/none", "none/none"),
    (".none/x", "none/x"),
    (".empty", "none"),
    ("sub/.env", "sub/none"),
    ("shown_folder/.env", "shown_folder/none"),
    ("Thumbs.db", "none"),
    ("thumbs.DB", "none"),
    ("sub/THUMBS.DB", "sub/none"),
    ("sub/thumbs.db", "sub/none"),
    ("~$Beta.docx", "none"),
    ("~$beta.docx", "none"),
    ("~xAy", "none"),
];

/// Commands that need a file or folder to be there.
const LOOK: &[&str] = &[
    "RETR {}",
    "SIZE {}",
    "MDTM {}",
    "CWD {}",
    "LIST {}",
    "NLST {}",
    "MLSD {}",
    "MLST {}",
    "STAT {}",
    "DELE {}",
    "RMD {}",
    "RNFR {}",
    "HASH {}",
    "XCRC {}",
    "XMD5 {} 0 1",
    "AVBL {}",
    "SITE CHMOD 600 {}",
    "SITE UTIME 20010203040506 {}",
    "MFMT 20010203040506 {}",
    "MDTM 20010203040506 {}",
    "MFF modify=20010203040506;UNIX.mode=0600; {}",
];

/// Commands that make what they name.
const MAKE: &[&str] = &["STOR {}", "APPE {}", "STOU {}", "MKD {}"];

/// Everything below the home, which nothing may have changed.
fn unchanged(server: &Server, before: &Snapshot, command: &str) {
    assert_eq!(snapshot(&server.home()), *before, "{command}");
}

#[test]
fn a_hidden_name_is_answered_as_a_missing_one() {
    let server = server();
    let before = snapshot(&server.home());
    let mut client = server.login();
    for (hidden, missing) in HIDDEN {
        for command in LOOK {
            let _data = client.passive();
            let expected = client.expect(command.replace("{}", missing), 550);
            let command = command.replace("{}", hidden);
            let told = client.cmd(&command);
            assert_eq!((told.code, told.text()), (expected.code, expected.text()), "{command}");
        }
    }
    unchanged(&server, &before, "all of them");
}

#[test]
fn no_command_makes_a_hidden_name() {
    let server = server();
    let before = snapshot(&server.home());
    let mut client = server.login();
    for (hidden, _) in HIDDEN {
        for command in MAKE {
            let _data = client.passive();
            let command = command.replace("{}", hidden);
            client.expect(&command, 553);
            unchanged(&server, &before, &command);
        }
        let _data = client.passive();
        client.expect("REST 3", 350);
        client.expect(format!("STOR {hidden}"), 553);
        for from in ["file", "sub", "shown"] {
            client.expect(format!("RNFR {from}"), 350);
            client.expect(format!("RNTO {hidden}"), 553);
        }
        unchanged(&server, &before, hidden);
    }
}

#[test]
fn a_folder_whose_name_is_hidden_gives_no_name_to_stou() {
    let server = Server::start("", &format!("{BOB}hide = upload*\n"));
    let mut client = server.login();
    let _data = client.passive();
    client.expect("STOU", 553);
    assert_eq!(fs::read_dir(server.home()).unwrap().count(), 0);
}

#[test]
fn no_link_leads_to_a_hidden_name() {
    for openat2 in [None, Some("openat2:error=ENOSYS"), Some("openat2:error=EPERM")] {
        let server = server();
        let trace = openat2.map(|fault| Trace::failing(&server, &[fault]));
        if matches!(trace, Some(None)) {
            return;
        }
        leads_to_nothing_hidden(&server);
    }
}

#[track_caller]
fn leads_to_nothing_hidden(server: &Server) {
    let before = snapshot(&server.home());
    let mut client = server.login();
    let through = ["to_folder/config", "to_folder_by_path/deep/file", "to_folder/deep/../config", "to_folder/none"];
    let links = LINKS_TO_HIDDEN.iter().map(|(link, _)| *link);
    for name in links.clone().chain(through) {
        // The link itself may be seen, renamed and removed.
        let is_link = !through.contains(&name);
        for command in LOOK.iter().chain(MAKE) {
            if is_link && ["MLST {}", "DELE {}", "RNFR {}", "STOU {}"].contains(command) {
                continue;
            }
            let _data = client.passive();
            let command = command.replace("{}", name);
            client.expect(&command, 550);
            unchanged(server, &before, &command);
        }
        client.expect("RNFR file", 350);
        if !is_link {
            client.expect(format!("RNTO {name}"), 550);
        }
        unchanged(server, &before, name);
    }
    for link in links {
        assert!(client.expect(format!("MLST {link}"), 250).text().contains("type=OS.unix=slink;"), "{link}");
    }
    for (seen, content) in [("shown", "content"), ("shown_by_path", "content"), ("sub/shown", "content")] {
        assert_eq!(client.retr(seen), content.as_bytes(), "{seen}");
    }
    client.stor("shown_folder/new", "new");
    assert_eq!(server.read("sub/new"), b"new");
    client.expect("DELE shown_folder/new", 250);
}

#[test]
fn a_link_to_a_hidden_name_is_removed_like_any_other() {
    let server = server();
    let mut client = server.login();
    client.expect("DELE to_file", 250);
    client.expect("RNFR to_folder", 350);
    client.expect("RNTO renamed", 250);
    assert!(fs::symlink_metadata(server.home().join("to_file")).is_err());
    assert!(fs::symlink_metadata(server.home().join("renamed")).unwrap().is_symlink());
    assert_eq!(server.read(".secret"), b"hidden");
}

/// The last word of each line, sorted.
fn names(lines: Vec<String>) -> Vec<String> {
    let mut names: Vec<String> = lines.iter().filter_map(|line| Some(line.rsplit(' ').next()?.to_owned())).collect();
    names.sort();
    names
}

#[test]
fn no_listing_shows_a_hidden_name() {
    let server = server();
    let in_home = [
        "Thumbs.db2",
        "chain",
        "file",
        "plain",
        "shown",
        "shown_by_path",
        "shown_folder",
        "sub",
        "through",
        "through_by_path",
        "to_file",
        "to_file_by_path",
        "to_folder",
        "to_folder_by_path",
        "to_nothing",
        "to_other_case",
        "~$delta",
    ];
    let in_sub = ["file", "shown", "up"];
    let mut client = server.login();
    client.expect("OPTS MLST size;", 200);
    for command in ["NLST", "NLST *", "NLST -t", "NLST -S", "NLST -r", "MLSD", "MLSD /"] {
        assert_eq!(names(client.lines(command)), in_home, "{command}");
    }
    for command in ["NLST sub", "MLSD sub", "NLST shown_folder", "MLSD shown_folder"] {
        assert_eq!(names(client.lines(command)), in_sub, "{command}");
    }
    assert_eq!(names(client.lines("NLST sub/*")), in_sub.map(|name| format!("sub/{name}")));
    for command in ["NLST .*", "LIST .*", "NLST .g*", "NLST [.]*", "NLST [Tt]humbs.d[b]", "NLST sub/.*", "LIST sub/.e*"]
    {
        assert_eq!(client.lines(command), Vec::<String>::new(), "{command}");
    }
    for command in ["LIST", "LIST -a", "LIST -t", "LIST *"] {
        let lines = client.lines(command);
        let shown: Vec<&String> = lines.iter().filter(|line| !line.ends_with(" .") && !line.ends_with(" ..")).collect();
        assert_eq!(shown.len(), in_home.len(), "{command}: {lines:?}");
        let mut arrows: Vec<_> =
            shown.iter().filter_map(|line| line.split_once(" -> ")?.0.rsplit(' ').next()).collect();
        arrows.sort_unstable();
        assert_eq!(arrows, ["shown", "shown_by_path", "shown_folder"], "{command}: {lines:?}");
    }
    for argument in ["", "*", "/"] {
        let told = client.expect(format!("STAT {}", if argument.is_empty() { "." } else { argument }), 212).text();
        for hidden in [".secret", ".git", ".env", "Thumbs.db\r", "~$B", "HOME"] {
            assert!(!told.contains(hidden), "STAT {argument}: {told}");
        }
    }
}

#[test]
fn an_account_without_the_key_sees_all_of_the_same_home() {
    let server = server();
    let (mut bob, mut eve) = (server.login(), server.login_as("eve"));
    assert_eq!(eve.retr(".git/config"), b"hidden");
    assert_eq!(eve.retr("to_file"), b"hidden");
    bob.expect("SIZE .git/config", 550);
    assert!(eve.lines("NLST").contains(&".git".to_owned()));
    let mut again = server.login();
    again.expect("SIZE to_file", 550);
}

#[test]
fn nothing_hidden_is_ever_removed_with_its_folder() {
    let server = server();
    for folder in ["sealed", "full"] {
        server.write(format!("{folder}/.hidden"), "hidden");
    }
    server.write("full/seen", "seen");
    let mut client = server.login();
    assert_eq!(client.lines("NLST sealed"), Vec::<String>::new());
    for (folder, why) in
        [("sealed", &b"The folder holds names that are not shown here."[..]), ("full", b"The folder is not empty.")]
    {
        let told = client.expect(format!("RMD {folder}"), 550);
        assert_eq!(told.message(), why);
    }
    client.expect("RNFR plain", 350);
    client.expect("RNTO sealed", [550, 553]);
    assert_eq!(server.read("sealed/.hidden"), b"hidden");
    client.expect("RNFR sealed", 350);
    client.expect("RNTO moved", 250);
    assert_eq!(server.read("moved/.hidden"), b"hidden");
    client.expect("RMD plain", 250);
}

#[test]
fn partials_go_on_working_where_dot_names_are_hidden() {
    let server = server();
    let mut client = server.login();
    let break_off = |client: &mut Client| {
        let data = client.stalled_upload("STOR file", b"new");
        eventually("the partial is written", || {
            server.partials().first().is_some_and(|path| fs::read(path).unwrap() == b"new")
        });
        reset(data);
        client.read_reply().expect(426);
    };
    break_off(&mut client);
    assert_eq!(server.read("file"), b"content");
    client.expect("REST 3", 350);
    client.upload("STOR file", " end").expect(226);
    assert_eq!(server.read("file"), b"new end");
    assert_eq!(server.partials(), Vec::<PathBuf>::new());
    client.expect("MKD box", 257);
    server.write("box/.ftpd-0123456789abcdef.part", "left over");
    client.expect("RMD box", 250);
}

/// How names are given to the kernel for some commands of this account: the calls, in their order.
fn calls(user: &str, act: fn(&mut Client)) -> Option<Vec<String>> {
    let eve = BOB.replace("bob", "eve");
    let server = Server::start("", &format!("{BOB}{HIDE}{eve}"));
    server.write("sub/file", "content");
    symlink("sub/file", server.home().join("link")).unwrap();
    let mut client = server.login_as(user);
    let trace = Trace::of(&server, "openat2,readlinkat,getdents64")?;
    act(&mut client);
    let lines = trace.lines(&mut client);
    let call = |line: &String| Some(line.split_once('(')?.0.rsplit(' ').next()?.to_owned());
    Some(lines.iter().filter(|line| !line.contains("resumed>")).filter_map(call).collect())
}

#[test]
fn only_links_cost_an_account_with_the_key_more_calls_and_nothing_costs_one_without() {
    let plain: fn(&mut Client) = |client| {
        client.expect("SIZE sub/file", 213);
        client.lines("MLSD sub");
        client.stor("sub/new", "new");
    };
    let of_a_link: fn(&mut Client) = |client| {
        client.expect("SIZE link", 213);
        client.lines("MLSD");
    };
    let (Some(eve), Some(bob)) = (calls("eve", plain), calls("bob", plain)) else { return };
    assert_eq!(eve, bob);
    let sweep = ["getdents64", "getdents64"];
    assert_eq!(eve, [&["openat2", "openat2", "getdents64", "getdents64", "openat2"][..], &sweep].concat());
    let (Some(eve), Some(bob)) = (calls("eve", of_a_link), calls("bob", of_a_link)) else { return };
    assert_eq!(eve, ["openat2", "openat2", "getdents64", "openat2", "getdents64"]);
    assert!(bob.contains(&"readlinkat".to_owned()), "a walk reads links: {bob:?}");
}

#[test]
fn the_home_itself_may_have_a_hidden_name() {
    let users = BOB.replace("= home", "= home/.bob") + HIDE;
    let server = Server::start("", &users);
    server.write(".bob/file", "content");
    symlink(server.home().join(".bob/file"), server.home().join(".bob/link")).unwrap();
    let mut client = server.login();
    assert_eq!(client.retr("link"), b"content");
    assert_eq!(names(client.lines("NLST")), ["file", "link"]);
}
