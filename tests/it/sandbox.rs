//! The jail of a session's thread: what it holds, and that nobody sees it from outside.

use std::{collections::BTreeSet, fs, os::unix::fs::symlink, thread};

use landlock::{AccessFs, Ruleset, RulesetAttr, RulesetCreatedAttr};

use crate::server::{BOB, Ended, Server, Tree, eventually};

/// Bob, and an account that may only look.
const BOTH: &str = "[bob]\npassword = secret\nperm = elradfmwMT\nhome = home\n\
    [eve]\npassword = secret\nperm = elr\nhome = eve\n";

fn conf(sandbox: &str, more: &str) -> String {
    format!("[server]\nsandbox = {sandbox}\n{more}")
}

/// A server with both accounts; without a Landlock that holds for all of them, the test is skipped.
fn server(sandbox: &str, more: &str) -> Option<Server> {
    let tree = Tree::new(&conf(sandbox, more), BOTH);
    fs::create_dir(tree.path("eve")).unwrap();
    fs::write(tree.path("eve/eve.txt"), "eve").unwrap();
    fs::write(tree.path("secret"), "outside").unwrap();
    let server = tree.start();
    if sandbox != "off" && server.wait_log("sandbox: ").contains("no landlock") {
        eprintln!("SKIPPED: this kernel has no Landlock");
        return None;
    }
    server.write("file", "inside");
    Some(server)
}

/// The ids of the threads that serve sessions, or wait for one.
fn session_threads(server: &Server) -> BTreeSet<u32> {
    let tasks = fs::read_dir(format!("/proc/{}/task", server.id())).unwrap().map(|task| task.unwrap().path());
    let of_sessions = tasks.filter(|task| fs::read_to_string(task.join("comm")).is_ok_and(|name| name == "session\n"));
    of_sessions.map(|task| task.file_name().unwrap().to_str().unwrap().parse().unwrap()).collect()
}

#[test]
fn the_log_says_at_start_what_is_enforced() {
    for (sandbox, said) in [("auto", "sandbox: *landlock*openat2"), ("off", "sandbox: off")] {
        Server::start(&conf(sandbox, ""), BOB).wait_log(said);
    }
}

#[test]
fn a_locked_thread_ends_with_its_session_and_a_free_one_stays() {
    // One place is one thread: a second client could come before the first one's is back.
    let Some(server) = server("auto", "max_cons = 1\n") else { return };
    let mut client = server.login();
    let thread = session_threads(&server);
    assert_eq!(thread.len(), 1);
    client.expect("QUIT", 221);
    eventually("the thread has ended", || session_threads(&server).is_empty());
    // Without a login there is nothing to lock: the next one has the same thread.
    let mut client = server.client();
    let fresh = session_threads(&server);
    assert!(fresh.is_disjoint(&thread));
    client.expect("QUIT", 221);
    let _client = server.client();
    assert_eq!(session_threads(&server), fresh);
}

#[test]
fn with_the_sandbox_off_threads_stay_warm() {
    let server = server("off", "max_cons = 1\n").unwrap();
    server.login().expect("QUIT", 221);
    let thread = session_threads(&server);
    let mut client = server.login();
    client.expect("USER eve", 331);
    client.expect("PASS secret", 230);
    assert_eq!((thread.len(), session_threads(&server)), (1, thread));
}

#[test]
fn user_and_rein_go_on_on_a_fresh_thread_with_the_same_place() {
    let Some(server) = server("auto", "max_cons = 1\n") else { return };
    let mut client = server.login();
    let mut seen = session_threads(&server);
    for (command, code, name, file) in
        [("USER eve", 331, "eve", "eve.txt"), ("REIN", 220, "bob", "file"), ("USER eve", 331, "eve", "eve.txt")]
    {
        client.expect(command, code);
        if command == "REIN" {
            client.expect("USER bob", 331);
        }
        client.expect("PASS secret", 230);
        assert_eq!(client.lines("NLST"), [file], "{name}");
        eventually("the old thread has ended", || session_threads(&server).len() == 1);
        let now = session_threads(&server);
        assert!(now.is_disjoint(&seen), "{command}");
        seen.extend(now);
        // The place is the same all the time: nobody else gets in between.
        crate::limits::expect_full(&server);
    }
    client.expect("QUIT", 221);
    assert_eq!((server.log_lines("session opened").len(), server.wait_log_times("session closed", 1).len()), (1, 1));
}

#[test]
fn what_was_sent_behind_user_and_rein_is_answered_in_order() {
    let Some(server) = server("auto", "max_cons = 1\n") else { return };
    let mut client = server.client();
    let turn = "USER bob\r\nPASS secret\r\nPWD\r\nUSER eve\r\nPASS secret\r\nSIZE eve.txt\r\nREIN\r\nNOOP\r\nPWD\r\n";
    client.send_raw(turn.repeat(20));
    for _ in 0..20 {
        for code in [331, 230, 257, 331, 230, 213, 220, 200, 530] {
            client.read_reply().expect(code);
        }
    }
    client.expect("QUIT", 221);
}

#[test]
fn a_wrong_password_after_user_is_counted_and_the_client_may_try_again() {
    let Some(server) = server("auto", "auth_failed_delay = 0\n") else { return };
    let mut client = server.login();
    client.expect("USER eve", 331);
    client.expect("PASS wrong", 530);
    client.expect("PWD", 530);
    client.expect("USER eve", 331);
    client.expect("PASS secret", 230);
    client.expect("PWD", 257);
}

#[test]
fn links_nested_homes_and_homes_that_are_links_work_inside() {
    let users = format!(
        "{BOB}[nested]\npassword = secret\nperm = elr\nhome = home/deep\n\
        [link]\npassword = secret\nperm = elrw\nhome = link\n[same]\npassword = secret\nperm = elr\nhome = home\n"
    );
    let tree = Tree::new(&conf("auto", ""), &users);
    fs::create_dir(tree.home().join("deep")).unwrap();
    fs::write(tree.home().join("deep/file"), "deep").unwrap();
    symlink(tree.home(), tree.path("link")).unwrap();
    symlink(tree.home().join("deep/file"), tree.home().join("absolute")).unwrap();
    symlink("deep", tree.home().join("relative")).unwrap();
    let server = tree.start();
    for (user, files) in [
        ("bob", &["deep/file", "absolute", "relative/file"][..]),
        ("nested", &["file"]),
        ("link", &["deep/file", "absolute", "relative/file"]),
        ("same", &["deep/file", "absolute"]),
    ] {
        let mut client = server.login_as(user);
        for file in files {
            assert_eq!(client.retr(file), b"deep", "{user} {file}");
        }
    }
    server.login_as("link").stor("new", "x");
    assert_eq!(server.read("new"), b"x");
}

/// Runs or starts what inherits that many layers of Landlock that the kernel refuses one more.
fn where_landlock_is_used_up<T: Send>(run: impl FnOnce() -> T + Send) -> T {
    let filled = || {
        for _ in 0..16 {
            let layer = Ruleset::default().handle_access(AccessFs::MakeChar).and_then(|ruleset| ruleset.create());
            let _ = layer.and_then(|layer| layer.no_new_privs(false).restrict_self());
        }
        run()
    };
    thread::scope(|scope| scope.spawn(filled).join().unwrap())
}

#[test]
fn where_the_kernel_has_no_jail_require_refuses_to_start() {
    let tree = Tree::new(&conf("require", ""), BOB);
    let Ended { code, output } = where_landlock_is_used_up(|| tree.run());
    assert_eq!(code, Some(1), "{output}");
    for text in ["sandbox = require", "no landlock", "sandbox = auto"] {
        assert!(output.contains(text), "{text}: {output}");
    }
}

#[test]
fn where_the_kernel_has_no_jail_auto_serves_and_says_so() {
    let tree = Tree::new(&conf("auto", ""), BOB);
    let server = where_landlock_is_used_up(|| tree.start());
    server.wait_log("sandbox: no landlock");
    let mut client = server.login();
    client.stor("file", "x");
    assert_eq!(client.retr("file"), b"x");
}

#[cfg(feature = "planted-bug")]
mod planted {
    use super::*;

    #[test]
    fn the_jail_holds_where_a_handler_does_not() {
        let Some(server) = server("auto", "") else { return };
        let path = |name: &str| server.tree().path(name).display().to_string();
        let mut bob = server.login();
        assert_eq!(bob.expect(format!("SITE READ {}", path("home/file")), 200).message(), b"inside");
        for outside in [
            path("secret"),
            path("user.ini"),
            path("eve/eve.txt"),
            "/etc/passwd".to_owned(),
            "/proc/self/maps".to_owned(),
        ] {
            assert_eq!(bob.expect(format!("SITE READ {outside}"), 550).message(), b"PermissionDenied", "{outside}");
        }
        bob.expect(format!("SITE WRITE {}", path("home/new")), 200);
        bob.expect(format!("SITE WRITE {}", path("new")), 550);
        // The letters of the next login hold, not those of the last.
        bob.expect("USER eve", 331);
        bob.expect("PASS secret", 230);
        assert_eq!(bob.expect(format!("SITE READ {}", path("eve/eve.txt")), 200).message(), b"eve");
        bob.expect(format!("SITE READ {}", path("home/file")), 550);
        bob.expect(format!("SITE WRITE {}", path("eve/new")), 550);
        assert!(!server.tree().path("new").exists() && !server.tree().path("eve/new").exists());
    }

    #[test]
    fn without_the_jail_the_planted_bug_is_one() {
        let server = server("off", "").unwrap();
        let path = |name: &str| server.tree().path(name).display().to_string();
        let mut eve = server.login_as("eve");
        assert_eq!(eve.expect(format!("SITE READ {}", path("secret")), 200).message(), b"outside");
        eve.expect(format!("SITE WRITE {}", path("new")), 200);
        assert!(server.tree().path("new").exists());
    }

    #[test]
    fn a_panic_ends_its_own_session_and_gives_everything_back() {
        let mut server = Server::start("[server]\nmax_cons = 2\n", BOB);
        server.may_panic();
        let mut other = server.login();
        let threads = server.threads();
        for round in 1..=5 {
            let mut client = server.login();
            client.expect("SITE PANIC", 421);
            client.expect_closed();
            other.expect("NOOP", 200);
            server.wait_log_times("[E *the session failed inside", round);
        }
        eventually("its threads have ended", || server.threads() <= threads);
    }
}
