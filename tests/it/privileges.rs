//! Giving up root (`user`, `group`), and sessions that are somebody else to the file system (`system_user`). All of it
//! needs root, as whom the tests run in CI; elsewhere they are skipped.

use std::{
    fs,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Child, Command},
};

use crate::{
    channel::leave_out,
    client::Client,
    server::{BOB, Ended, Server, Tree, eventually, run_to_its_end},
};

/// The user that the server becomes: a system user with a group of its own everywhere.
pub const USER: &str = "daemon";
pub const SOMEBODY: &str = "nobody";

pub fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED: needs root");
    }
    root
}

/// User and primary group of a name of /etc/passwd.
pub fn ids(name: &str) -> (u32, u32) {
    let table = fs::read_to_string("/etc/passwd").unwrap();
    let line = table.lines().find(|line| line.split(':').next() == Some(name)).expect("a usual user");
    let fields: Vec<&str> = line.split(':').collect();
    (fields[2].parse().unwrap(), fields[3].parse().unwrap())
}

fn mode(path: impl AsRef<Path>, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A tree that `user` may enter and whose home is its own.
pub fn tree(conf: &str, users: &str, user: &str) -> Tree {
    let tree = Tree::new(conf, users);
    mode(tree.path(""), 0o755);
    let (user, group) = ids(user);
    chown(tree.home(), Some(user), Some(group)).unwrap();
    tree
}

fn conf(more: &str) -> String {
    format!("[server]\nuser = {USER}\n{more}")
}

/// The values of one key in the status of every thread, each value once.
pub fn of_all_threads(server: &Server, key: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    let values = tasks.map(|task| {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with(key)).expect("a known key");
        line[key.len()..].split_whitespace().collect::<Vec<_>>().join(" ")
    });
    let mut values: Vec<String> = values.collect();
    values.sort();
    values.dedup();
    values
}

/// A port below 1024 that is free at the moment.
pub fn privileged_port() -> u16 {
    let free = (900..1024).rev().find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok());
    free.expect("a free port below 1024")
}

#[test]
fn root_is_given_up_by_every_thread_once_the_port_is_bound() {
    if !is_root() {
        return;
    }
    let port = privileged_port();
    let server = tree(&conf(&format!("port = {port}\n[log]\nlog_file = ftpd.log\n")), BOB, USER).start();
    assert_eq!(server.address().port(), port);
    server.wait_log(&format!("root is given up: running as {USER}"));
    let (user, group) = ids(USER);
    let mut client = server.login();
    assert_eq!(of_all_threads(&server, "Uid:"), [format!("{user} {user} {user} {user}")]);
    assert_eq!(of_all_threads(&server, "Gid:"), [format!("{group} {group} {group} {group}")]);
    for key in ["CapPrm:", "CapEff:", "CapAmb:"] {
        assert_eq!(of_all_threads(&server, key), ["0000000000000000"], "{key}");
    }
    assert_eq!(of_all_threads(&server, "NoNewPrivs:"), ["1"]);
    let groups = of_all_threads(&server, "Groups:");
    assert!(groups.len() == 1 && !groups[0].split(' ').any(|group| group == "0"), "{groups:?}");
    client.stor("file", "x");
    let made = fs::metadata(server.home().join("file")).unwrap();
    assert_eq!((made.uid(), made.gid()), (user, group));
}

#[test]
fn the_groups_that_root_had_are_given_up_too() {
    if !is_root() {
        return;
    }
    let tree = tree(&conf(""), BOB, USER);
    let plain = tree.command();
    let mut command = std::process::Command::new("setpriv");
    command.args(["--groups", "0,4"]).arg(plain.get_program()).args(plain.get_args()).env_remove("RUST_LOG");
    let server = tree.start_as(command);
    // Its thread must not end while it is looked at.
    let _client = server.login();
    assert_eq!(of_all_threads(&server, "Groups:"), [ids(USER).1.to_string()]);
}

#[test]
fn the_group_may_be_another_one() {
    if !is_root() {
        return;
    }
    let server = tree(&conf("group = mail\n"), BOB, USER).start();
    server.login().stor("file", "x");
    let group = fs::read_to_string("/etc/group").unwrap();
    let mail = group.lines().find(|line| line.starts_with("mail:")).unwrap().split(':').nth(2).unwrap().to_owned();
    assert_eq!(fs::metadata(server.home().join("file")).unwrap().gid().to_string(), mail);
}

#[test]
fn what_the_new_user_cant_reach_is_told_with_the_mend_at_start_and_by_check() {
    if !is_root() {
        return;
    }
    let users = format!("{BOB}[eve]\npassword = secret\nperm = elr\nhome = closed\n");
    let tree = tree(&conf("[log]\nlog_file = ftpd.log\n"), &users, USER);
    fs::create_dir(tree.path("closed")).unwrap();
    fs::write(tree.path("ftpd.log"), "").unwrap();
    for (file, bits) in [("closed", 0o700), ("user.ini", 0o600), ("ftpd.log", 0o600)] {
        mode(tree.path(file), bits);
    }
    let path = |name: &str| tree.path(name).display().to_string();
    let expected = [
        format!("{USER} can't read {0}, so changes in it stay unseen; chown {USER} {0}", path("user.ini")),
        format!(
            "{USER} can't write {0}, so it can't be opened again after a SIGHUP; chown {USER} {0}",
            path("ftpd.log")
        ),
        format!("the home {} of eve can't be entered by {USER}; chown {USER}", path("closed")),
    ];
    let mut check = tree.command();
    check.args(["check", "--strict"]);
    let Ended { code, output } = run_to_its_end(check);
    assert_eq!(code, Some(1), "{output}");
    expected.iter().for_each(|line| assert!(output.contains(line), "{line}:\n{output}"));
    assert!(!output.contains("of bob can't") && !output.contains("ftpd.conf, so"), "{output}");
    let server = tree.start();
    expected.iter().for_each(|line| drop(server.wait_log(line)));
    server.login().stor("file", "x");
    let mut eve = server.client();
    eve.expect("USER eve", 331);
    eve.expect("PASS secret", 530);
    server.wait_log("USER 'eve' 530 '*closed belongs to uid *; the server is uid ");
}

#[test]
fn check_finds_nothing_wrong_where_all_is_in_reach() {
    if !is_root() {
        return;
    }
    let tree = tree(&conf(""), BOB, USER);
    let mut check = tree.command();
    check.arg("check");
    let Ended { code, output } = run_to_its_end(check);
    assert_eq!(code, Some(0), "{output}");
}

#[test]
fn an_unknown_user_or_group_and_root_itself_are_errors_at_start_and_for_check() {
    for (more, reason) in [
        ("user = no-such-user\n", "this system has no user 'no-such-user'"),
        ("user = daemon\ngroup = no-such-group\n", "this system has no group 'no-such-group'"),
        ("user = root\n", "'root' is root"),
    ] {
        let tree = Tree::new(&format!("[server]\n{more}"), BOB);
        let mut check = tree.command();
        check.arg("check");
        for Ended { code, output } in [tree.run(), run_to_its_end(check)] {
            assert_eq!(code, Some(1), "{output}");
            assert!(output.contains(reason), "{output}");
        }
    }
}

#[test]
fn without_root_nobody_else_can_be_become() {
    leave_out!(Explicit | Implicit: "who is not root can't keep a certificate beside this ftpd.conf");
    if !is_root() {
        return;
    }
    let tree = tree(&conf(""), BOB, SOMEBODY);
    let (user, group) = ids(SOMEBODY);
    // The binary lies where only root may look: it is copied to where all may.
    let binary = tree.path("ftpd");
    fs::copy(env!("CARGO_BIN_EXE_ftpd"), &binary).unwrap();
    mode(&binary, 0o755);
    let run = |users: &str| {
        tree.write_users(users);
        let mut command = Command::new(&binary);
        command.arg("-c").arg(tree.path("ftpd.conf")).arg("-u").arg(tree.path("user.ini"));
        command.uid(user).gid(group);
        run_to_its_end(command)
    };
    let Ended { code, output } = run(BOB);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains(&format!("only root can become the user {USER}")), "{output}");
    tree.write_conf("");
    let Ended { code, output } = run(&format!("{BOB}system_user = {USER}\n"));
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("user.ini:5: system_user: needs a server that runs as root"), "{output}");
}

#[test]
fn user_and_system_user_exclude_each_other() {
    let tree = Tree::new(&conf(""), &format!("{BOB}system_user = {SOMEBODY}\n"));
    let Ended { code, output } = tree.run();
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("user.ini:5: system_user: goes only without `user` in ftpd.conf"), "{output}");
}

/// Bob is nobody to the file system, eve is daemon, and zoe is the server itself.
fn system_users() -> String {
    format!(
        "{BOB}system_user = {SOMEBODY}\n\
        [eve]\npassword = secret\nperm = elradfmwMT\nhome = home\nsystem_user = {USER}\n\
        [zoe]\npassword = secret\nperm = elradfmwMT\nhome = home\n"
    )
}

#[test]
fn files_belong_to_the_system_user_and_the_kernel_checks_its_rights() {
    if !is_root() {
        return;
    }
    for sandbox in ["auto", "off"] {
        let server = tree(&format!("[server]\nsandbox = {sandbox}\n"), &system_users(), SOMEBODY).start();
        let home = server.home();
        let owner = |name: &str| {
            let meta = fs::metadata(home.join(name)).unwrap();
            (meta.uid(), meta.gid())
        };
        server.write("roots", "root's own");
        mode(home.join("roots"), 0o600);
        let mut bob = server.login();
        bob.stor("bobs", "x");
        bob.expect("MKD folder", 257);
        assert_eq!((owner("bobs"), owner("folder")), (ids(SOMEBODY), ids(SOMEBODY)));
        let _data = bob.passive();
        bob.expect("RETR roots", 550);
        bob.expect("SITE CHMOD 644 roots", 550);
        // On one connection: each login is somebody else, and so is nobody for long.
        bob.expect("USER eve", 331);
        bob.expect("PASS secret", 230);
        bob.expect("DELE bobs", 550);
        bob.expect("MKD eves", 550);
        bob.expect("USER zoe", 331);
        bob.expect("PASS secret", 230);
        bob.expect("TYPE I", 200);
        assert_eq!(bob.retr("roots"), b"root's own");
        bob.stor("zoes", "x");
        assert_eq!(owner("zoes"), (0, 0));
        bob.expect("DELE bobs", 250);
    }
}

#[test]
fn a_thread_that_was_somebody_serves_nobody_else() {
    if !is_root() {
        return;
    }
    let server = tree("[server]\nsandbox = off\nmax_cons = 1\n", &system_users(), SOMEBODY).start();
    for (user, readable) in [("bob", false), ("zoe", true), ("eve", false), ("zoe", true)] {
        server.write("roots", "root's own");
        mode(server.home().join("roots"), 0o600);
        let mut client = server.login_as(user);
        let _data = client.passive();
        if readable {
            assert_eq!(client.retr("roots"), b"root's own");
        } else {
            client.expect("RETR roots", 550);
        }
        client.expect("QUIT", 221);
    }
}

#[test]
fn a_login_that_fails_once_its_thread_was_somebody_leaves_nothing_of_that() {
    if !is_root() {
        return;
    }
    for sandbox in ["auto", "off"] {
        let server = tree(&format!("[server]\nsandbox = {sandbox}\n"), &system_users(), SOMEBODY).start();
        server.write("roots", "root's own");
        mode(server.home().join("roots"), 0o600);
        mode(server.home(), 0o700);
        let mut client = server.client();
        client.expect("USER eve", 331);
        client.expect("PASS secret", 530);
        client.expect("USER zoe", 331);
        client.expect("PASS secret", 230);
        client.expect("TYPE I", 200);
        assert_eq!(client.retr("roots"), b"root's own", "sandbox = {sandbox}");
    }
}

#[test]
fn such_a_session_has_no_capability_and_stays_out_of_reach_of_its_users_signals() {
    if !is_root() {
        return;
    }
    let server = tree("", &system_users(), SOMEBODY).start();
    let _bob = server.login();
    let (user, _) = ids(SOMEBODY);
    assert!(of_all_threads(&server, "CapEff:").contains(&"0000000000000000".to_owned()));
    assert!(of_all_threads(&server, "CapPrm:").contains(&"0000000000000000".to_owned()));
    let mut ids = of_all_threads(&server, "Uid:");
    ids.retain(|ids| ids != "0 0 0 0");
    assert_eq!(ids, [format!("0 0 0 {user}")], "for the file system alone");
}

#[test]
fn the_perm_facts_are_those_of_the_system_user() {
    if !is_root() {
        return;
    }
    let server = tree("", &system_users(), SOMEBODY).start();
    server.write("roots", "x");
    mode(server.home().join("roots"), 0o640);
    let perm = |user: &str| {
        let reply = server.login_as(user).expect("MLST roots", 250).text();
        reply.split_once("perm=").expect("a perm fact").1.split(';').next().unwrap().to_owned()
    };
    assert_eq!(["bob", "eve", "zoe"].map(perm), ["df", "", "adfrw"]);
}

#[test]
fn in_a_sticky_folder_an_overwrite_is_made_in_place_by_whom_the_system_lets() {
    if !is_root() {
        return;
    }
    let server = tree("", &system_users(), SOMEBODY).start();
    fs::create_dir(server.home().join("tmp")).unwrap();
    mode(server.home().join("tmp"), 0o1777);
    server.write("tmp/roots", "old");
    mode(server.home().join("tmp/roots"), 0o666);
    let mut eve = server.login_as("eve");
    eve.stor("tmp/roots", "new");
    assert_eq!(server.read("tmp/roots"), b"new");
    assert_eq!(fs::metadata(server.home().join("tmp/roots")).unwrap().uid(), 0);
    assert!(server.tree().partials("tmp").is_empty());
}

/// Processes that take up all that a user may have; gone with this.
struct Sleepers(Vec<Child>);

impl Sleepers {
    fn start(user: u32, group: u32) -> Sleepers {
        let sleeper = |_| Command::new("sleep").arg("60").uid(user).gid(group).spawn().unwrap();
        Sleepers((0..20).map(sleeper).collect())
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[test]
fn where_no_thread_can_be_started_a_session_that_moves_is_told_421_and_its_place_is_free() {
    if !is_root() {
        return;
    }
    // Root itself may always start one more; whom nobody else here is, so that the threads are told exactly.
    const LONER: &str = "games";
    let tree = tree(&format!("[server]\nuser = {LONER}\nmax_cons = 1\n"), BOB, LONER);
    let mut limited = Command::new("bash");
    limited.args(["-c", "ulimit -Su 20; exec \"$@\"", "bash"]);
    let command = tree.command();
    limited.arg(command.get_program()).args(command.get_args());
    let server = tree.start_as(limited);
    if server.wait_log("sandbox: ").contains("no landlock") {
        eprintln!("SKIPPED: this kernel has no Landlock, so no session ever moves");
        return;
    }
    let (user, group) = ids(LONER);
    let mut client = server.login();
    let others = Sleepers::start(user, group);
    client.expect("USER bob", 421);
    client.expect_closed();
    server.wait_log("can't start a session's thread");
    crate::limits::expect_full(&server);
    drop(others);
    eventually("a thread can be started again", || {
        let mut client = Client::connect(server.door());
        client.try_read_reply().is_some_and(|reply| reply.code == 220) && client.cmd("QUIT").code == 221
    });
    server.login().expect("PWD", 257);
}
