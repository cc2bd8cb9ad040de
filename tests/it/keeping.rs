//! `keep`: files that do not stay for ever.

use std::{
    fs::{self, Permissions},
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use crate::{
    channel::leave_out,
    data::read_all,
    privileges,
    server::{BOB, Server, Tree, eventually, run_to_its_end},
};

/// A home with an inbox whose files stay for a second.
fn start(more: &str) -> Server {
    let tree = Tree::new("", &format!("{BOB}[bob /inbox]\nkeep = 1s\n{more}"));
    for folder in ["inbox/deep/deeper", "inbox/kept", "inbox/longer", "outside"] {
        fs::create_dir_all(tree.home().join(folder)).unwrap();
    }
    tree.start()
}

#[track_caller]
fn wait_gone(server: &Server, name: &str) {
    eventually(&format!("{name} is removed"), || fs::symlink_metadata(server.home().join(name)).is_err());
}

#[test]
fn a_file_is_removed_when_its_time_is_over_and_not_before() {
    let server = start("");
    let mut client = server.login();
    server.write("outside/old", "stays");
    client.stor("inbox/deep/deeper/two", "content");
    let begin = Instant::now();
    client.stor("inbox/one", "content");
    wait_gone(&server, "inbox/one");
    assert!(begin.elapsed() >= Duration::from_secs(1));
    wait_gone(&server, "inbox/deep/deeper/two");
    let line = server.wait_log("keep: *home/inbox/one removed, its time is over (*user.ini:6: [bob /inbox] keep = 1s)");
    assert!(line.starts_with("[I "), "{line}");
    assert!(server.home().join("inbox/deep/deeper").is_dir() && server.home().join("inbox/kept").is_dir());
    assert_eq!(server.read("outside/old"), b"stays");
    client.expect("SIZE inbox/one", 550);
}

#[test]
fn what_a_client_says_of_a_files_time_means_nothing() {
    let server = start("");
    let mut client = server.login();
    for (name, time) in [("future", "20990101000000"), ("old", "19700102000000")] {
        client.stor(&format!("outside/{name}"), "content");
        client.expect(format!("MFMT {time} outside/{name}"), 213);
        let begin = Instant::now();
        client.expect(format!("RNFR outside/{name}"), 350);
        client.expect(format!("RNTO inbox/{name}"), 250);
        wait_gone(&server, &format!("inbox/{name}"));
        assert!(begin.elapsed() >= Duration::from_secs(1), "{name}");
    }
}

#[test]
fn a_section_below_says_for_itself_and_links_and_folders_stay() {
    let server =
        start("[bob /inbox/kept]\nkeep = off\n[bob /inbox/longer]\nkeep = 30d\n[bob /inbox/plain]\nperm = elr\n");
    server.write("inbox/kept/deep/file", "stays");
    server.write("inbox/longer/file", "stays");
    server.write("outside/target", "stays");
    server.write("inbox/plain/file", "goes");
    symlink("../outside", server.home().join("inbox/link")).unwrap();
    symlink("../outside/target", server.home().join("inbox/file-link")).unwrap();
    server.write("inbox/last", "goes");
    wait_gone(&server, "inbox/last");
    wait_gone(&server, "inbox/plain/file");
    // A round that has begun after all of them were old.
    server.write("inbox/again", "goes");
    wait_gone(&server, "inbox/again");
    for stays in ["inbox/kept/deep/file", "inbox/longer/file", "outside/target", "inbox/file-link", "inbox/link/target"]
    {
        assert_eq!(server.read(stays), b"stays", "{stays}");
    }
    assert!(server.home().join("inbox/plain").is_dir());
}

#[test]
fn a_mount_of_the_machine_below_is_never_entered() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let tree = Tree::new("", &format!("{BOB}[bob /inbox]\nkeep = 1s\n"));
    for folder in ["home/inbox/disk", "home/inbox/deep/same", "elsewhere"] {
        fs::create_dir_all(tree.path(folder)).unwrap();
    }
    fs::write(tree.path("elsewhere/file"), "stays").unwrap();
    fs::write(tree.path("home/inbox/disk/covered"), "stays").unwrap();
    let server = tree.command();
    let mut command = Command::new("unshare");
    // One of another file system, and one that shows a folder of the same.
    let script = "cd \"$1\" && shift && mount -t tmpfs none home/inbox/disk && echo stays > home/inbox/disk/file && \
                  mount --bind elsewhere home/inbox/deep/same && exec \"$@\"";
    command.args(["--mount", "--propagation", "private", "sh", "-c", script, "sh"]).arg(tree.path(""));
    command.arg(server.get_program()).args(server.get_args());
    command.env_remove("RUST_LOG").env("XDG_RUNTIME_DIR", tree.runtime());
    let server = tree.start_as(command);
    let mut client = server.login();
    client.expect("SIZE /inbox/deep/same/file", 213);
    // When the second has gone, all that was there before the first was looked at.
    for name in ["inbox/deep/first", "inbox/deep/second"] {
        client.stor(name, "goes");
        wait_gone(&server, name);
    }
    for stays in ["disk/file", "deep/same/file"] {
        client.expect(format!("SIZE /inbox/{stays}"), 213);
    }
    for stays in ["elsewhere/file", "home/inbox/disk/covered"] {
        assert!(server.tree().path(stays).exists(), "{stays}");
    }
}

#[test]
fn an_accounts_own_holds_for_its_home_and_not_for_its_mounts() {
    let eve = "[eve]\npassword = secret\nperm = elradfmwMT\nhome = eve\n";
    let users =
        format!("{BOB}keep = 1s\n{eve}[bob /mount]\nhome = home/mount\n[bob /short]\nhome = short\nkeep = 1s\n");
    let tree = Tree::new("", &users);
    for (name, content) in [
        ("home/file", "goes"),
        ("home/deep/file", "goes"),
        ("short/file", "goes"),
        ("home/mount/file", "stays"),
        ("eve/file", "stays"),
    ] {
        fs::create_dir_all(tree.path(name).parent().unwrap()).unwrap();
        fs::write(tree.path(name), content).unwrap();
    }
    let server = tree.start();
    wait_gone(&server, "file");
    wait_gone(&server, "deep/file");
    wait_gone(&server, "../short/file");
    server.write("again", "goes");
    wait_gone(&server, "again");
    for stays in ["mount/file", "../eve/file"] {
        assert_eq!(server.read(stays), b"stays", "{stays}");
    }
}

#[test]
fn what_is_being_written_or_read_stays_until_that_ends() {
    let server = start("");
    let mut one = server.login();
    server.write_sparse("outside/large", 32 << 20);
    let reading = one.stalled_download("outside/large");
    fs::rename(server.home().join("outside/large"), server.home().join("inbox/large")).unwrap();
    let mut two = server.login();
    let mut writing = two.stalled_upload("APPE inbox/growing", b"first");
    // The second one came when they were old, and was removed by a later round.
    for _ in 0..2 {
        server.write("inbox/later", "goes");
        wait_gone(&server, "inbox/later");
    }
    assert!(server.home().join("inbox/large").exists() && server.home().join("inbox/growing").exists());
    writing.write_all(b" last").unwrap();
    drop(writing);
    two.read_reply().expect(226);
    assert_eq!(read_all(reading).len(), 32 << 20);
    one.read_reply().expect(226);
    wait_gone(&server, "inbox/large");
    wait_gone(&server, "inbox/growing");
}

#[test]
fn what_was_being_read_before_user_ini_named_a_keep_stays_until_that_ends() {
    let server = Server::plain();
    let (mut early, mut client) = (server.login(), server.login());
    server.write_sparse("large", 32 << 20);
    let reading = early.stalled_download("large");
    server.tree().write_users(&format!("{BOB}keep = 1s\n"));
    // The thread looks; what it must not remove is older than that.
    client.stor("small", "stays as long");
    eventually("a while has passed", || {
        let age = fs::metadata(server.home().join("small")).unwrap().modified().unwrap().elapsed();
        age.is_ok_and(|age| age > Duration::from_secs(6))
    });
    assert!(server.home().join("large").exists() && server.home().join("small").exists());
    assert_eq!(read_all(reading).len(), 32 << 20);
    early.read_reply().expect(226);
    wait_gone(&server, "large");
    wait_gone(&server, "small");
    // From now on each is noted: one that is read holds no other.
    server.write_sparse("outside", 32 << 20);
    let reading = client.stalled_download("outside");
    server.write("last", "goes");
    wait_gone(&server, "last");
    assert!(server.home().join("outside").exists());
    drop(reading);
}

#[test]
fn a_keep_that_user_ini_names_later_is_obeyed_and_one_that_goes_is_not() {
    let server = Server::plain();
    server.write("file", "goes");
    server.tree().write_users(&format!("{BOB}keep = 1s\n"));
    let client = server.login();
    wait_gone(&server, "file");
    drop(client);
    server.tree().write_users(BOB);
    let mut client = server.login();
    client.stor("file", "stays");
    eventually("a while has passed", || {
        let age = fs::metadata(server.home().join("file")).unwrap().modified().unwrap().elapsed();
        age.is_ok_and(|age| age > Duration::from_secs(4))
    });
    assert_eq!(server.read("file"), b"stays");
}

#[test]
fn a_folder_that_can_not_be_read_keeps_no_other_from_its_turn() {
    let is_root = rustix::process::geteuid().is_root();
    let tree = if is_root { privileges::tree("[server]\nuser = nobody\n", BOB, "nobody") } else { Tree::new("", BOB) };
    let closed: Vec<PathBuf> = (0..4).map(|number| tree.home().join(format!("closed-{number}"))).collect();
    for (number, folder) in closed.iter().enumerate() {
        fs::create_dir(folder).unwrap();
        // None, one that can be listed, and one that can be entered.
        fs::set_permissions(folder, Permissions::from_mode([0, 0o444, 0o111, 0][number])).unwrap();
    }
    tree.write_users(&format!("{BOB}keep = 1s\n"));
    let server = tree.start();
    let mut client = server.login();
    for name in ["1/file", "2/file", "3/file", "file"] {
        if let Some((folder, _)) = name.split_once('/') {
            client.expect(format!("MKD {folder}"), 257);
        }
        client.stor(name, "goes");
    }
    for name in ["1/file", "2/file", "3/file", "file"] {
        wait_gone(&server, name);
    }
    server.wait_log("keep: *home/closed-*: Permission denied (*keep = 1s)");
    for folder in closed {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn check_says_keep_in_words_and_doubts_a_short_one() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let tree = Tree::new("", &format!("{BOB}keep = 30d\n[bob /inbox]\nkeep = 1m\n[bob /inbox/deep]\nperm = elr\n"));
    let asked = |words: &[&str]| {
        let mut check = tree.command();
        check.arg("check").args(words);
        run_to_its_end(check).output
    };
    let output = asked(&["--user", "bob"]);
    for (line, count) in [("keep = 30d: 30 days (", 1), ("keep = 1m: 1 minute (", 2)] {
        assert_eq!(output.matches(line).count(), count, "{output}");
    }
    let output = asked(&[]);
    assert!(output.contains("user.ini:7: [bob /inbox] keep") || output.contains("user.ini:7: keep"), "{output}");
    assert!(output.contains("warning") && output.contains("files are removed 1 minute after they arrive"), "{output}");
}

/// What `ftpd check` says of the lines with `keep`.
fn told(tree: &Tree) -> Vec<String> {
    let mut check = tree.command();
    check.arg("check");
    let output = run_to_its_end(check).output;
    let lines = output.lines().filter_map(|line| line.strip_prefix("note: "));
    lines
        .filter_map(|line| line.split_once("user.ini:")?.1.split_once(": keep: "))
        .map(|(line, told)| format!("{line} {told}"))
        .collect()
}

#[test]
fn check_counts_the_files_that_would_be_removed_now() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let eve = "[eve]\npassword = secret\nperm = elr\nhome = eve\n";
    let tree = Tree::new("", &format!("{BOB}{eve}keep = 30d\n[* /inbox]\nkeep = 1s\n[bob /inbox/kept]\nkeep = off\n"));
    assert_eq!(told(&tree), Vec::<String>::new());
    for name in ["home/inbox/a", "home/inbox/deep/b", "home/inbox/kept/c", "home/d", "eve/inbox/e", "eve/f"] {
        fs::create_dir_all(tree.path(name).parent().unwrap()).unwrap();
        fs::write(tree.path(name), "").unwrap();
    }
    symlink("../d", tree.path("home/inbox/link")).unwrap();
    let all = ["9 no file would be removed now", "11 3 files arrived longer ago, and would be removed now"];
    eventually("the files are old", || told(&tree) == all);
    assert!(tree.path("home/inbox/a").exists() && tree.path("eve/inbox/e").exists());
    tree.write_users(&format!("{BOB}[bob /inbox]\nkeep = 2s\n{eve}[eve /x]\nhome = home/inbox\nkeep = 1h\n"));
    let longest = "[eve /x] keep = 1h is about the same folder, and files stay that long";
    let lines = told(&tree);
    assert!(lines[0].starts_with("6 ") && lines[0].ends_with(longest), "{lines:?}");
    assert_eq!(lines[1..], ["13 no file would be removed now"]);
}
