//! Nothing outside the home can be read, changed, or even told to exist.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, symlink},
        net::UnixListener,
    },
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with};

use crate::{
    client::Client,
    data::read_until_broken,
    disk::snapshot,
    server::{BOB, Server, Tree, eventually},
    trace::Trace,
};

/// `outside/secret` beside the home, links of every kind to it, and a folder `sub` inside.
fn server_with_a_secret_outside() -> Server {
    let server = Server::plain();
    let outside = server.tree().path("outside");
    fs::create_dir_all(outside.join("folder")).unwrap();
    fs::write(outside.join("secret"), "outside").unwrap();
    server.write("sub/file", "inside");
    let home = server.home();
    for (target, link) in [
        ("../outside".as_ref(), "climbing"),
        (outside.as_path(), "absolute"),
        ("climbing".as_ref(), "chain"),
        ("../../outside".as_ref(), "sub/deep"),
        ("sub/../../outside".as_ref(), "winding"),
        ("/proc/self/root".as_ref(), "magic"),
        ("loop".as_ref(), "loop"),
    ] {
        symlink::<&Path, _>(target, home.join(link)).unwrap();
    }
    for (target, link) in [("../outside/secret", "secret_link"), ("../outside/new", "new_link")] {
        symlink(target, home.join(link)).unwrap();
    }
    server
}

/// Names that would lead outside if anything did.
const NAMES: &[&str] = &[
    "../outside/secret",
    "/../outside/secret",
    "../../../../../../etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "sub/../../outside/secret",
    "climbing/secret",
    "absolute/secret",
    "chain/secret",
    "sub/deep/secret",
    "winding/secret",
    "magic/etc/passwd",
    "secret_link",
    "loop",
    "loop/secret",
    "~root",
    "~/secret",
    "..\\outside\\secret",
    "%2e%2e/outside/secret",
    "..%2foutside%2fsecret",
    "..\u{2215}outside/secret",
];

#[test]
fn no_name_reads_outside() {
    reads_nothing_outside(&server_with_a_secret_outside());
}

#[track_caller]
fn reads_nothing_outside(server: &Server) {
    let mut client = server.login();
    for name in NAMES {
        for verb in ["SIZE", "MDTM", "STAT", "CWD", "RETR", "MLSD"] {
            let _data = client.passive();
            client.expect(format!("{verb} {name}"), [550, 501]);
        }
        let mlst = client.expect(format!("MLST {name}"), [550, 501, 250]);
        if mlst.code == 250 {
            // Of a link that leads outside only the link itself is shown.
            let link = fs::symlink_metadata(server.home().join(name)).expect("it is an entry of the home");
            assert!(link.is_symlink(), "{mlst:?}");
            let unique = format!("unique={:x}g{:x};", link.dev(), link.ino());
            assert!(mlst.text().contains("type=OS.unix=slink;") && mlst.text().contains(&unique), "{mlst:?}");
        }
    }
}

#[test]
fn no_name_changes_anything_outside() {
    changes_nothing_outside(&server_with_a_secret_outside());
}

#[track_caller]
fn changes_nothing_outside(server: &Server) {
    let outside = server.tree().path("outside");
    let before = snapshot(&outside);
    let names = ["../outside", "climbing", "absolute", "chain", "sub/deep", "winding"];
    let mut client = server.login();
    for folder in names {
        for command in [
            "STOR {}/new",
            "APPE {}/new",
            "STOR {}/secret",
            "APPE {}/secret",
            "MKD {}/new",
            "DELE {}/secret",
            "RMD {}/folder",
            "RNFR {}/secret",
            "SITE CHMOD 777 {}/secret",
            "SITE CHMOD 777 {}",
            "MFMT 20010203040506 {}/secret",
            "MFMT 20010203040506 {}",
            "MDTM 20010203040506 {}/secret",
            "MFF modify=20010203040506; {}/secret",
            "SITE UTIME 20010203040506 {}/secret",
            "STOU {}/new",
        ] {
            let _data = client.passive();
            client.expect(command.replace("{}", folder), [550, 553, 501]);
            assert_eq!(snapshot(&outside), before, "{command} with {folder}");
        }
        client.expect("RNFR sub/file", 350);
        client.expect(format!("RNTO {folder}/stolen"), [550, 553]);
        assert_eq!(snapshot(&outside), before, "RNTO into {folder}");
    }
    assert_eq!(server.read("sub/file"), b"inside");
}

#[test]
fn a_link_is_not_written_through() {
    let server = server_with_a_secret_outside();
    let outside = server.tree().path("outside");
    let before = snapshot(&outside);
    let mut client = server.login();
    for link in ["secret_link", "new_link"] {
        for command in ["STOR", "APPE", "SITE CHMOD 777", "MFMT 20010203040506"] {
            let _data = client.passive();
            client.expect(format!("{command} {link}"), [550, 553]);
        }
    }
    assert_eq!(snapshot(&outside), before);
}

#[test]
fn removing_a_link_removes_the_link() {
    let server = server_with_a_secret_outside();
    let outside = server.tree().path("outside");
    let before = snapshot(&outside);
    let mut client = server.login();
    client.expect("DELE secret_link", 250);
    client.expect("DELE climbing", 250);
    client.expect("RNFR absolute", 350);
    client.expect("RNTO renamed", 250);
    assert!(fs::symlink_metadata(server.home().join("renamed")).unwrap().is_symlink());
    assert_eq!(snapshot(&outside), before);
}

#[test]
fn listings_of_links_that_lead_out_tell_nothing() {
    let server = server_with_a_secret_outside();
    let mut client = server.login();
    let real = server.tree().path("").to_str().unwrap().trim_end_matches('/').to_owned();
    for listing in [client.lines("LIST"), client.lines("MLSD"), client.lines("NLST")] {
        assert!(!listing.is_empty());
        assert!(!listing.iter().any(|line| line.contains("outside") || line.contains(&real)), "{listing:?}");
    }
}

/// Kernels before 5.6, and containers that forbid what they don't know.
#[test]
fn without_openat2_links_lead_no_further() {
    for error in ["ENOSYS", "EPERM"] {
        let server = server_with_a_secret_outside();
        let Some(_trace) = Trace::failing(&server, &[&format!("openat2:error={error}")]) else { return };
        reads_nothing_outside(&server);
        changes_nothing_outside(&server);
        let server = Server::plain();
        let Some(_trace) = Trace::failing(&server, &[&format!("openat2:error={error}")]) else { return };
        follows_links_inside(&server);
    }
}

/// The kernel says so while folders are renamed on the way.
#[test]
fn a_lookup_that_has_to_be_tried_again_is() {
    let server = Server::plain();
    server.write("sub/deep/file", "inside");
    let Some(_trace) = Trace::failing(&server, &["openat2:error=EAGAIN:when=1+2"]) else { return };
    let mut client = server.login();
    client.expect("CWD sub/deep", 250);
    assert_eq!(client.retr("file"), b"inside");
    client.expect("MKD new", 257);
}

#[test]
fn links_that_stay_inside_work_even_absolute_ones() {
    follows_links_inside(&Server::plain());
}

#[track_caller]
fn follows_links_inside(server: &Server) {
    server.write("sub/file", "inside");
    let home = server.home();
    fs::create_dir(home.join("a")).unwrap();
    symlink("../sub", home.join("a/relative")).unwrap();
    symlink(home.join("sub"), home.join("absolute")).unwrap();
    symlink("absolute/file", home.join("chain")).unwrap();
    symlink(home.join("sub/file"), home.join("a/file")).unwrap();
    let mut client = server.login();
    for name in ["a/relative/file", "absolute/file", "chain", "a/file", "a/relative/../file"] {
        assert_eq!(client.retr(name), b"inside", "{name}");
    }
    client.stor("absolute/new", "new");
    assert_eq!(server.read("sub/new"), b"new");
    client.expect("CWD absolute", 250);
    assert_eq!(client.retr("file"), b"inside");
}

#[test]
fn absolute_links_work_where_the_home_itself_is_reached_by_a_link() {
    let users = "[bob]\npassword = secret\nperm = elradfmwMT\nhome = by_link\n";
    let tree = Tree::new("", users);
    symlink(tree.home(), tree.path("by_link")).unwrap();
    fs::write(tree.home().join("file"), "inside").unwrap();
    symlink(tree.path("by_link/file"), tree.home().join("as_configured")).unwrap();
    symlink(tree.home().canonicalize().unwrap().join("file"), tree.home().join("canonical")).unwrap();
    let server = tree.start();
    let mut client = server.login();
    assert_eq!(client.retr("as_configured"), b"inside");
    assert_eq!(client.retr("canonical"), b"inside");
}

#[test]
fn with_follow_symlinks_never_no_link_works() {
    let server = Server::start("[transfer]\nfollow_symlinks = never\n", BOB);
    server.write("sub/file", "inside");
    symlink("sub", server.home().join("link")).unwrap();
    let mut client = server.login();
    client.expect("SIZE sub/file", 213);
    client.expect("SIZE link/file", 550);
    client.expect("CWD link", 550);
    client.expect("LIST link", 550);
    // As links that lead outside, it is shown as what it is.
    assert!(client.expect("MLST link", 250).text().contains("type=OS.unix=slink;"));
    assert!(
        client.lines("MLSD").iter().any(|line| line.starts_with("type=OS.unix=slink;") && line.ends_with("; link"))
    );
    assert!(client.lines("LIST").iter().any(|line| line.starts_with('l') && line.ends_with(" link")));
    client.expect("DELE link", 250);
}

#[test]
fn a_home_with_the_same_beginning_is_another_home() {
    let account = |name: &str| format!("[{name}]\npassword = secret\nperm = elradfmwMT\nhome = {name}\n");
    let tree = Tree::new("", &(account("al") + &account("alice")));
    for name in ["al", "alice"] {
        fs::create_dir(tree.path(name)).unwrap();
    }
    fs::write(tree.path("alice/file"), "hers").unwrap();
    symlink("../alice", tree.path("al/link")).unwrap();
    symlink(tree.path("alice"), tree.path("al/absolute")).unwrap();
    let server = tree.start();
    let mut client = server.login_as("al");
    for name in ["../alice/file", "link/file", "absolute/file", "/alice/file"] {
        client.expect(format!("SIZE {name}"), 550);
    }
}

#[test]
fn what_is_no_regular_file_is_refused_without_blocking() {
    let server = Server::plain();
    let home = server.home();
    let mode = Mode::from_raw_mode(0o666);
    mknodat(CWD, home.join("fifo"), FileType::Fifo, mode, 0).unwrap();
    let _socket = UnixListener::bind(home.join("socket")).unwrap();
    let mut names = vec!["fifo", "socket"];
    let zero = rustix::fs::makedev(1, 5);
    match mknodat(CWD, home.join("device"), FileType::CharacterDevice, mode, zero) {
        Ok(()) => names.push("device"),
        Err(_) => eprintln!("SKIPPED: only root can make a device"),
    }
    let mut client = server.login();
    for name in names {
        for verb in ["RETR", "STOR", "APPE", "HASH", "XCRC", "SITE CHMOD 600", "MFMT 20010203040506"] {
            let _data = client.passive();
            client.expect(format!("{verb} {name}"), [550, 553]);
        }
        assert!(client.lines("LIST").iter().any(|line| line.ends_with(name)), "LIST shows {name}");
        client.expect(format!("DELE {name}"), 250);
    }
}

#[test]
fn the_root_cannot_be_removed_or_renamed() {
    let server = Server::plain();
    let mut client = server.login();
    for name in ["/", ".", "..", "//", "/.", "sub/.."] {
        for verb in ["RMD", "DELE", "RNFR"] {
            client.expect(format!("{verb} {name}"), 550);
        }
    }
    assert!(server.home().is_dir());
}

#[test]
fn a_working_directory_that_vanished_gives_550_and_can_be_left() {
    let server = Server::plain();
    server.write("a/b/file", "x");
    let mut client = server.login();
    client.expect("CWD a/b", 250);
    fs::remove_dir_all(server.home().join("a")).unwrap();
    let _data = client.passive();
    for command in ["RETR file", "LIST", "STOR new", "MKD new", "SIZE file", "CWD c"] {
        client.expect(command, [550, 553]);
    }
    client.expect("PWD", [257, 550]);
    client.expect("CWD /", 250);
    client.expect("PWD", 257);
}

#[test]
fn a_working_directory_moved_out_of_the_home_leads_nowhere() {
    let server = Server::plain();
    server.write("a/b/file", "moved");
    let outside = server.tree().path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "outside").unwrap();
    let mut client = server.login();
    client.expect("CWD a/b", 250);
    fs::rename(server.home().join("a/b"), outside.join("b")).unwrap();
    let before = snapshot(&outside);
    let _data = client.passive();
    for command in
        ["RETR file", "RETR ../secret", "SIZE ../secret", "MLST ..//secret", "STOR new", "DELE file", "MKD new", "LIST"]
    {
        client.expect(command, [550, 553]);
    }
    assert_eq!(snapshot(&outside), before);
    client.expect("CWD ..", 250);
    assert!(client.expect("PWD", 257).text().starts_with("257 \"/a\""));
}

/// Exchanges two names as fast as it can until it is dropped.
fn swapping<R>(a: &Path, b: &Path, work: impl FnOnce() -> R) -> R {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Without the jail, which would hold by itself; then without openat2 either.
fn each_unjailed(race: impl Fn(&Server)) {
    let unjailed = || Server::start("[server]\nsandbox = off\n", BOB);
    race(&unjailed());
    let server = unjailed();
    if let Some(_trace) = Trace::failing(&server, &["openat2:error=ENOSYS"]) {
        race(&server);
    }
}

#[test]
fn a_folder_swapped_for_a_link_in_a_race_never_leads_out() {
    each_unjailed(swap_a_folder);
}

fn swap_a_folder(server: &Server) {
    let outside = server.tree().path("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("file"), "outside").unwrap();
    server.write("door/file", "inside");
    symlink(&outside, server.home().join("spare")).unwrap();
    let before = snapshot(&outside);
    let mut client = server.login();
    let (door, spare) = (server.home().join("door"), server.home().join("spare"));
    let mut inside = 0;
    swapping(&door, &spare, || {
        for _ in 0..150 {
            inside += usize::from(read_through(&mut client));
            change_through(&mut client);
        }
    });
    assert_eq!(snapshot(&outside), before);
    assert!(inside > 0, "the race was never won by the folder");
}

/// RETR through the swapped name; true when it gave the file inside.
fn read_through(client: &mut Client) -> bool {
    let data = client.passive();
    if client.expect("RETR door/file", [150, 550]).code == 550 {
        return false;
    }
    assert_eq!(read_until_broken(data), b"inside");
    client.read_reply().expect(226);
    true
}

fn change_through(client: &mut Client) {
    let mut data = client.passive();
    if client.expect("STOR door/new", [150, 550, 553]).code == 150 {
        data.handshake();
        drop(data);
        client.read_reply().expect([226, 550, 553]);
    }
    for command in
        ["MKD door/made", "RMD door/made", "SITE CHMOD 600 door/file", "MFMT 20010203040506 door/file", "DELE door/new"]
    {
        client.expect(command, [250, 257, 200, 213, 550, 553]);
    }
    client.expect("RNFR door/file", [350, 550]);
}

#[test]
fn a_file_swapped_for_a_link_in_a_race_never_leads_out() {
    each_unjailed(swap_a_file);
}

fn swap_a_file(server: &Server) {
    let secret = server.tree().path("secret");
    fs::write(&secret, "outside").unwrap();
    let before = snapshot(&secret);
    server.write("door", "inside");
    symlink(&secret, server.home().join("spare")).unwrap();
    let mut client = server.login();
    swapping(&server.home().join("door"), &server.home().join("spare"), || {
        for _ in 0..150 {
            let data = client.passive();
            if client.expect("RETR door", [150, 550]).code == 150 {
                assert_eq!(read_until_broken(data), b"inside");
                client.read_reply().expect(226);
            }
            for command in ["SITE CHMOD 640 door", "MFMT 20010203040506 door"] {
                client.expect(command, [200, 213, 550]);
            }
        }
    });
    assert_eq!(snapshot(&secret), before);
}

#[test]
fn a_partial_that_became_a_link_is_not_written_through() {
    let server = Server::start("[server]\nsandbox = off\n", BOB);
    let secret = server.tree().path("secret");
    fs::write(&secret, "outside").unwrap();
    server.write("file", "old");
    let mut client = server.login();
    let data = client.stalled_upload("STOR file", b"new");
    eventually("it arrived", || server.arrived("file") == b"new");
    client.expect("ABOR", 426);
    client.read_reply().expect(226);
    drop(data);
    let partial = server.partials().pop().unwrap();
    fs::remove_file(&partial).unwrap();
    symlink(&secret, &partial).unwrap();
    // The lock's own look at the name must not be what holds here.
    let Some(_trace) = Trace::failing(&server, &["flock:error=ENOLCK"]) else { return };
    client.pasv();
    client.expect("STOR file", 550);
    assert_eq!(fs::read(&secret).unwrap(), b"outside");
    assert_eq!(server.read("file"), b"old");
}

#[test]
fn names_that_are_too_long_are_refused_everywhere() {
    let server = Server::plain();
    let mut client = server.login();
    let long = "x".repeat(300);
    let deep = "d/".repeat(1500);
    for name in [long.as_str(), deep.as_str()] {
        for verb in ["CWD", "MKD", "SIZE", "DELE", "RNFR", "MLST", "STAT", "LIST", "RETR", "STOR"] {
            let _data = client.passive();
            client.expect(format!("{verb} {name}"), [550, 553]);
        }
    }
    client.expect("NOOP", 200);
}

#[test]
fn a_path_deeper_than_the_kernel_takes_costs_no_session() {
    let server = Server::plain();
    let mut client = server.login();
    let name = "n".repeat(200);
    for _ in 0..30 {
        client.expect(format!("MKD {name}"), [257, 550]);
        client.expect(format!("CWD {name}"), [250, 550]);
        client.expect("PWD", [257, 550]);
    }
    let data = client.passive();
    if client.expect("MLSD", [150, 550]).code == 150 {
        read_until_broken(data);
        client.read_reply();
    }
    client.expect("CWD /", 250);
    client.expect("NOOP", 200);
}
