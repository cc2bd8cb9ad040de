//! user.ini: read live, hashed passwords, homes that come and go, anonymous.

use std::fs;

use crate::{
    client::Client,
    server::{BOB, Server, Tree},
};

const QUICK_REFUSAL: &str = "[server]\nauth_failed_delay = 0\nban_after = 0\nmax_login_attempts = 100\n";
const CAROL: &str = "[carol]\npassword = secret\nperm = elr\nhome = home\n";

fn password_is_right(client: &mut Client, user: &str, password: &str) -> bool {
    client.expect(format!("USER {user}"), 331);
    client.expect(format!("PASS {password}"), [230, 530]).code == 230
}

#[track_caller]
fn expect_login(server: &Server, user: &str, works: bool) {
    assert_eq!(password_is_right(&mut server.client(), user, "secret"), works, "login of {user}");
}

#[test]
fn an_account_added_with_an_editor_can_log_in_at_once() {
    let server = Server::start(QUICK_REFUSAL, BOB);
    expect_login(&server, "carol", false);
    server.tree().write_users(&format!("{BOB}{CAROL}"));
    expect_login(&server, "carol", true);
}

#[test]
fn an_editor_that_replaces_the_file_is_noticed_too() {
    let server = Server::start(QUICK_REFUSAL, BOB);
    fs::write(server.tree().path("user.ini.new"), format!("{BOB}{CAROL}")).unwrap();
    fs::rename(server.tree().path("user.ini.new"), server.tree().path("user.ini")).unwrap();
    expect_login(&server, "carol", true);
}

#[test]
fn a_change_of_the_same_length_is_noticed() {
    let server = Server::start(QUICK_REFUSAL, BOB);
    expect_login(&server, "bob", true);
    server.tree().write_users(&BOB.replace("secret", "terces"));
    assert!(password_is_right(&mut server.client(), "bob", "terces"));
    expect_login(&server, "bob", false);
}

#[test]
fn an_account_taken_out_cannot_log_in() {
    let server = Server::start(QUICK_REFUSAL, &format!("{BOB}{CAROL}"));
    expect_login(&server, "carol", true);
    server.tree().write_users(BOB);
    expect_login(&server, "carol", false);
}

#[test]
fn changed_letters_hold_for_the_next_login() {
    let server = Server::start("", BOB);
    server.login().expect("MKD new", 257);
    server.tree().write_users(&BOB.replace("elradfmwMT", "elr"));
    server.login().expect("MKD newer", 550);
}

#[test]
fn a_broken_file_changes_nothing_and_is_told_once() {
    let server = Server::start(QUICK_REFUSAL, BOB);
    server.tree().write_users(&format!("{BOB}{}", CAROL.replace("elr", "elrx")));
    for _ in 0..3 {
        expect_login(&server, "bob", true);
        expect_login(&server, "carol", false);
    }
    let lines = server.wait_log_times("user.ini:7:", 1);
    assert!(lines[0].contains("perm") && lines[0].contains("'x'"), "{lines:?}");
    server.expect_log("user.ini:7:", 1);
    server.tree().write_users(&format!("{BOB}{CAROL}"));
    expect_login(&server, "carol", true);
    server.tree().write_users(&format!("{BOB}{}", CAROL.replace("elr", "elry")));
    expect_login(&server, "carol", true);
    server.wait_log_times("user.ini:7:", 2);
}

#[test]
fn a_file_that_vanished_changes_nothing() {
    let server = Server::start(QUICK_REFUSAL, BOB);
    fs::remove_file(server.tree().path("user.ini")).unwrap();
    expect_login(&server, "bob", true);
    server.tree().write_users(&format!("{BOB}{CAROL}"));
    expect_login(&server, "carol", true);
}

/// The same password under every scheme, made by Python's crypt, bcrypt and argon2-cffi.
const HASHED_PASSWORD: &str = "correct horse; #battery";
const HASHES: &[(&str, &str)] = &[
    ("argon2id", "$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0MTIzNA$fTNJC8wo0r3DDdiBfQLcOi0Fpn8eMs5rWaZyOe8KDBo"),
    ("bcrypt", "$2b$04$abcdefghijklmnopqrstuusO8G9lOj7vCr.2PyrcIYgmp6wf.YI2W"),
    ("sha256", "$5$rounds=1000$saltstring$xh53B6lKHN7G2WOz/FRF1G/bxM0YWHNEty2JqQXIMmC"),
    ("sha256_default", "$5$saltstring$94BcfIVu75m07bHAeTZtKfjWHgxfAZSr5/3yZkY8YgC"),
    (
        "sha512",
        "$6$rounds=1000$saltstring$1/govMa.Ey8JJVyT8Mwt.YNyNFY3hSZlFeSqDBF2ThbGrI0KprUouHGCAXjUoT14syrhVGyTLKWjzcCm8Hrev1",
    ),
];

#[test]
fn hashed_passwords_of_every_scheme_are_checked() {
    let section = |(name, hash): &(&str, &str)| format!("[{name}]\npassword = {hash}\nperm = elr\nhome = home\n");
    let server = Server::start(QUICK_REFUSAL, &HASHES.iter().map(section).collect::<String>());
    for (name, hash) in HASHES {
        let mut client = server.client();
        assert!(!password_is_right(&mut client, name, hash), "the hash is not the password of {name}");
        assert!(!password_is_right(&mut client, name, "correct horse"), "{name}");
        assert!(password_is_right(&mut client, name, HASHED_PASSWORD), "{name}");
    }
}

#[test]
fn hash_password_prints_what_user_ini_takes() {
    use std::{
        io::Write,
        process::{Command, Stdio},
    };
    let mut command: Command = crate::server::bare_command();
    command.arg("hash-password").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{HASHED_PASSWORD}\n").as_bytes()).unwrap();
    let output = crate::server::finish(child);
    assert!(output.status.success(), "{output:?}");
    let hash = String::from_utf8(output.stdout).unwrap();
    assert_eq!(hash.lines().count(), 1, "{hash:?}");
    assert!(hash.starts_with('$') && !hash.contains("horse"));
    let users = format!("[bob]\npassword = {}\nperm = elr\nhome = home\n", hash.trim_end());
    let server = Server::start(QUICK_REFUSAL, &users);
    let mut client = server.client();
    assert!(!password_is_right(&mut client, "bob", "wrong"));
    assert!(password_is_right(&mut client, "bob", HASHED_PASSWORD));
}

#[test]
fn plain_passwords_may_hold_anything_a_line_can() {
    for password in
        ["a#b", "a;b", "a=b:c", "50%", "%(x)s", "two  words", "p\u{e4}ss\u{4e16}", "\"quoted\"", "$", "#x", "a$5$b"]
    {
        let server = Server::start(QUICK_REFUSAL, &format!("[bob]\npassword = {password}\nperm = elr\nhome = home\n"));
        assert!(password_is_right(&mut server.client(), "bob", password), "{password}");
    }
}

#[test]
fn account_names_are_case_sensitive() {
    let server = Server::start(QUICK_REFUSAL, &format!("{BOB}[BOB]\npassword = other\nperm = elr\nhome = home\n"));
    let mut client = server.client();
    assert!(!password_is_right(&mut client, "Bob", "secret"));
    assert!(!password_is_right(&mut client, "BOB", "secret"));
    assert!(password_is_right(&mut client, "BOB", "other"));
}

#[test]
fn default_gives_every_account_its_values_and_is_none() {
    let users = "[DEFAULT]\npassword = secret\nhome = home\nperm = elr\n[bob]\nperm = elrm\n[carol]\n";
    let server = Server::start(QUICK_REFUSAL, users);
    expect_login(&server, "DEFAULT", false);
    server.login_as("bob").expect("MKD new", 257);
    server.login_as("carol").expect("MKD other", 550);
}

#[test]
fn a_home_that_does_not_exist_yet_is_a_warning_then_530_then_works() {
    let users = format!("{BOB}[drive]\npassword = secret\nperm = elr\nhome = usb\n");
    let server = Server::start(QUICK_REFUSAL, &users);
    assert!(!server.log_lines("usb").is_empty(), "a warning at start");
    expect_login(&server, "drive", false);
    server.wait_log("[E *USER 'drive' 530 '*user.ini:*usb is not there)");
    fs::create_dir(server.tree().path("usb")).unwrap();
    expect_login(&server, "drive", true);
    fs::remove_dir(server.tree().path("usb")).unwrap();
    expect_login(&server, "drive", false);
    fs::write(server.tree().path("usb"), "a file").unwrap();
    expect_login(&server, "drive", false);
}

#[test]
fn a_home_that_is_gone_under_a_session_costs_nobody_anything_else() {
    let server = Server::plain();
    let mut client = server.login();
    fs::remove_dir(server.home()).unwrap();
    client.expect("MKD new", [550, 553]);
    client.expect("NOOP", 200);
    assert!(!server.home().exists());
}

#[test]
fn login_and_quit_texts_of_an_account_are_used() {
    let server = Server::start("", &format!("{BOB}msg_login = Hello Bob\nmsg_quit = See you\n"));
    let mut client = server.client();
    client.expect("USER bob", 331);
    assert!(client.expect("PASS secret", 230).text().contains("Hello Bob"));
    assert!(client.expect("QUIT", 221).text().contains("See you"));
}

#[test]
fn anonymous_is_off_unless_switched_on() {
    let server = Server::start(QUICK_REFUSAL, BOB);
    for name in ["anonymous", "ftp"] {
        assert!(!password_is_right(&mut server.client(), name, "me@example.org"));
    }
}

#[test]
fn anonymous_alone_needs_no_user_ini() {
    let tree = Tree::new("[anonymous]\nenable_anonymous = on\nanonymous_path = home\n", "");
    fs::remove_file(tree.path("user.ini")).unwrap();
    fs::write(tree.home().join("file"), "for all").unwrap();
    let mut command = crate::server::bare_command();
    command.arg("-c").arg(tree.path("ftpd.conf")).current_dir(tree.path(""));
    let server = tree.start_as(command);
    let mut client = server.client();
    client.login("Anonymous", "me@example.org");
    client.expect("TYPE I", 200);
    assert_eq!(client.retr("file"), b"for all");
    client.expect("MKD new", 550);
}

#[test]
fn anonymous_letters_can_be_set() {
    let conf = "[anonymous]\nenable_anonymous = on\nanonymous_path = home\nanonymous_perm = elrw\n";
    let server = Server::start(conf, BOB);
    assert!(!server.log_lines("anonymous").is_empty(), "write letters give a warning");
    let mut client = server.client();
    client.login("ftp", "x");
    client.stor("new", "x");
    client.expect("DELE new", 550);
}

#[test]
fn readable_plain_passwords_are_warned_about_with_the_command_that_mends_it() {
    use std::os::unix::fs::PermissionsExt;
    for (mode, users, warned) in
        [(0o644, BOB.to_owned(), true), (0o600, BOB.to_owned(), false), (0o644, hashed_account(), false)]
    {
        let tree = Tree::new("", &users);
        fs::set_permissions(tree.path("user.ini"), fs::Permissions::from_mode(mode)).unwrap();
        let server = tree.start();
        assert_eq!(!server.log_lines("chmod").is_empty(), warned, "mode {mode:o}: {users}");
    }
}

#[test]
fn short_plain_passwords_are_warned_about_where_other_machines_can_try_them() {
    let warnings = |ip: &str, users: &str| {
        let server = Server::start(&format!("[server]\nip = {ip}\n"), users);
        server.log_lines("[W ").len()
    };
    let long = BOB.replace("= secret", "= a long secret");
    assert!(warnings("0.0.0.0", BOB) > warnings("127.0.0.1", BOB));
    assert_eq!(warnings("0.0.0.0", &long), warnings("127.0.0.1", &long));
}

fn hashed_account() -> String {
    format!("[bob]\npassword = {}\nperm = elr\nhome = home\n", HASHES[1].1)
}
