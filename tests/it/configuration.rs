//! Both files and the command line: what is refused, how it is said, exit codes.

use std::{fs, process::Command};

use crate::channel::leave_out;
use crate::server::{BOB, Ended, Server, Tree, bare_command, run_to_its_end};

/// Starts with these files, expects exit code 1 and gives what was said.
#[track_caller]
fn refusal(conf: &str, users: &str) -> String {
    let Ended { code, output } = Tree::new(conf, users).run();
    assert_eq!(code, Some(1), "{output}");
    output
}

/// The same through `check`, which must say the same things.
#[track_caller]
fn checked(conf: &str, users: &str) -> Ended {
    let tree = Tree::new(conf, users);
    let mut command = bare_command();
    command.arg("check").arg("-c").arg(tree.path("ftpd.conf")).arg("-u").arg(tree.path("user.ini"));
    run_to_its_end(command)
}

#[track_caller]
fn expect_said(output: &str, parts: &[&str]) {
    for part in parts {
        assert!(output.contains(part), "{part:?} is missing in:\n{output}");
    }
}

#[test]
fn a_mapped_address_to_listen_on_is_its_ipv4_address() {
    let server = Server::start("[server]\nip = ::ffff:127.0.0.1\n", BOB);
    assert_eq!(server.address().ip().to_string(), "127.0.0.1");
    server.login();
}

#[test]
fn an_unknown_letter_is_named_with_file_and_line_and_those_that_exist() {
    let output = refusal("", "[bob]\npassword = secret\n# a comment\nperm = elx\nhome = home\n");
    expect_said(&output, &["user.ini:4: perm: unknown letter 'x' (known: e l r a d f m w M T)"]);
}

#[test]
fn all_errors_of_user_ini_are_told_at_once() {
    let users = "[bob]\npassword =\nperm = elz\nhome = home\n[carol]\npasword = secret\nperm = elr\nhome = home\n\
                 [carol]\nperm = elr\n[dan]\npassword = $1$salt$hash\nperm = elr\nhome = home\nmax_cons = many\nperm = elr\n";
    let output = refusal("", users);
    expect_said(
        &output,
        &["user.ini:2:", "user.ini:3:", "user.ini:6:", "user.ini:9:", "user.ini:12:", "user.ini:15:", "user.ini:16:"],
    );
    expect_said(&output, &["pasword", "did you mean", "password"]);
    expect_said(&output, &["argon2id"]);
}

#[test]
fn all_errors_of_ftpd_conf_are_told_at_once() {
    let conf = "[server]\nip = 127.0.0.1\nport = 99999\nmax_con = 5\ntimeout = soon\n[transfers]\nmax_upload = 1K\n\
                [transfer]\nmax_upload = 1Q\numask = 9\n[passive]\npassive_ports = 8500-8300\n[log]\nlog_level = loud\n\
                [active]\nenable_active = maybe\n";
    let output = refusal(conf, BOB);
    let lines = [3, 4, 5, 6, 9, 10, 12, 14, 16].map(|line| format!("ftpd.conf:{line}:"));
    expect_said(&output, &lines.each_ref().map(String::as_str));
    expect_said(&output, &["did you mean 'max_cons'", "did you mean 'transfer'"]);
}

#[test]
fn each_kind_of_broken_line_is_refused_with_its_line() {
    for (users, line) in [
        (format!("{BOB}[bob]\npassword = x\nperm = e\nhome = home\n"), "user.ini:5:"),
        (format!("{BOB}perm = elr\n"), "user.ini:5:"),
        (format!("{BOB}PERM = elr\n"), "user.ini:5:"),
        (format!("{BOB}max_cons\n"), "user.ini:5:"),
        (format!("{BOB}max_cons = -1\n"), "user.ini:5:"),
        (format!("{BOB}max_upload = fast\n"), "user.ini:5:"),
        (format!("{BOB}allow_from = here\n"), "user.ini:5:"),
        (format!("{BOB}allow_from = 10.0.0.0/99\n"), "user.ini:5:"),
        (format!("{BOB}ascii_conversion = maybe\n"), "user.ini:5: ascii_conversion: 'maybe' is none of: auto, on, off"),
        (format!("{BOB}hasty = very\n"), "user.ini:5: hasty: 'very' is neither on nor off"),
        (format!("{BOB}colour = blue\n"), "user.ini:5:"),
        (format!("stray = 1\n{BOB}"), "user.ini:1:"),
        (BOB.replace("password = secret", "password = "), "user.ini:2:"),
        (BOB.replace("password = secret", "password = $y$j9T$abc$def"), "user.ini:2:"),
        (BOB.replace("password = secret", "password = $apr1$abc$def"), "user.ini:2:"),
        (BOB.replace("perm = elradfmwMT\n", ""), "perm"),
        (BOB.replace("home = home\n", ""), "home"),
        (BOB.replace("password = secret\n", ""), "password"),
        (BOB.replace("[bob]", "[bob"), "user.ini:1:"),
    ] {
        let output = refusal("", &users);
        assert!(output.contains(line), "{users}\n→ {output}");
    }
}

#[test]
fn each_wrong_value_of_ftpd_conf_is_refused() {
    for (section, line) in [
        ("server", "ip = nowhere"),
        ("server", "ip ="),
        ("server", "max_cons = 0"),
        ("server", "max_cons = -5"),
        ("server", "timeout = 5 parsecs"),
        ("server", "max_login_attempts = x"),
        ("server", "ban_time = x"),
        ("transfer", "max_upload = 10X"),
        ("transfer", "umask = 99"),
        ("transfer", "follow_symlinks = always"),
        ("transfer", "atomic_uploads = sometimes"),
        ("transfer", "partial_max_age = 7 d d"),
        ("transfer", "fsync = on"),
        ("transfer", "use_gmt_times = perhaps"),
        ("transfer", "ascii_conversion = text"),
        ("passive", "passive_ports = 0-70000"),
        ("passive", "passive_ports = a-b"),
        ("active", "permit_foreign_addresses = 2"),
        ("anonymous", "anonymous_perm = elrq"),
        ("anonymous", "enable_anonymous = on"),
        ("log", "log_level = chatty"),
        ("log", "log_format = xml"),
        ("log", "logfile = x"),
    ] {
        let key = line.split(' ').next().unwrap();
        let output = refusal(&format!("[{section}]\n{line}\n"), BOB);
        assert!(
            output.contains("ftpd.conf") && (output.contains(key) || output.contains("anonymous_path")),
            "{line} → {output}"
        );
    }
}

#[test]
fn bom_and_crlf_and_odd_blanks_are_accepted() {
    leave_out!(Explicit | Implicit: "this ftpd.conf is the test's own, to the last byte");
    let conf = "\u{feff}[server]\r\n  Max_Cons : 5  \r\n; a comment\r\n# another\r\n\r\n\tTIMEOUT=5m\r\n";
    let tree = Tree::new("", &format!("\u{feff}{}", BOB.replace('\n', "\r\n")));
    fs::write(tree.path("ftpd.conf"), format!("{conf}ip = 127.0.0.1\r\nport = 0\r\n")).unwrap();
    tree.start().login();
}

#[test]
fn every_key_of_this_version_is_accepted() {
    let conf = "[server]\nwelcome_msg = one\\ntwo\nmax_cons = 100\nmax_cons_per_ip = 10\ntimeout = 5m\nlogin_timeout = 90s\n\
                max_login_attempts = 3\nauth_failed_delay = 3\nban_after = 0\nban_time = 10m\nshutdown_grace = 0\n\
                [transfer]\nmax_upload = 1G\nmax_download = off\ndata_timeout = 5m\nconnect_timeout = 30\numask = 027\n\
                follow_symlinks = inside\nuse_gmt_times = no\nascii_conversion = off\n\
                [passive]\npassive_ports = 28300-28310\n\
                [active]\nenable_active = yes\npermit_foreign_addresses = false\npermit_privileged_ports = 0\n\
                [anonymous]\nenable_anonymous = true\nanonymous_path = home\nanonymous_perm = elr\n\
                [log]\nlog_file = ftpd.log\nlog_level = debug\ntransfer_log = xferlog\nlog_format = text\n";
    let users = format!(
        "{BOB}max_cons = 3\nmax_upload = 10M\nmax_download = 0\nallow_from = 127.0.0.0/8, ::1\nmsg_login = hi\nmsg_quit = bye\n\
         ascii_conversion = auto\nhasty = on\n"
    );
    let server = Server::start(conf, &users);
    let mut client = crate::client::Client::connect(server.door());
    let greeting = client.read_reply().expect(220);
    assert!(greeting.lines.len() == 2 || greeting.lines.len() == 3, "\\n makes several lines: {greeting:?}");
    client.login("bob", "secret");
}

#[test]
fn check_of_good_files_is_0() {
    let ended = checked("", BOB);
    assert_eq!(ended.code, Some(0), "{}", ended.output);
}

#[test]
fn check_says_all_that_is_wrong_in_both_files() {
    let ended = checked("[server]\nip = 127.0.0.1\nmax_con = 5\n", &BOB.replace("elr", "elrx"));
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    expect_said(&ended.output, &["ftpd.conf:4:", "max_cons", "user.ini:3:", "'x'"]);
}

#[test]
fn check_says_that_a_home_is_missing() {
    let ended = checked("", &BOB.replace("home = home", "home = nowhere"));
    expect_said(&ended.output, &["nowhere"]);
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [&["--bogus"][..], &["check", "--bogus"], &["dance"], &["-c"], &["--set"]] {
        let mut command = bare_command();
        command.args(arguments);
        let ended = run_to_its_end(command);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.output);
    }
}

#[test]
fn help_and_version_are_0() {
    for argument in ["--help", "--version", "-h", "-V"] {
        let mut command = bare_command();
        command.arg(argument);
        let ended = run_to_its_end(command);
        assert_eq!(ended.code, Some(0), "{argument}: {}", ended.output);
        expect_said(&ended.output, &["ftpd"]);
    }
}

#[test]
fn a_missing_file_that_was_named_is_1() {
    let tree = Tree::new("", BOB);
    for (flag, other, file) in [("-c", "-u", "user.ini"), ("-u", "-c", "ftpd.conf")] {
        let mut command = bare_command();
        command.args([flag, "missing.ini", other]).arg(tree.path(file)).current_dir(tree.path(""));
        let ended = run_to_its_end(command);
        assert_eq!(ended.code, Some(1), "{}", ended.output);
        expect_said(&ended.output, &["missing.ini"]);
    }
}

#[test]
fn without_user_ini_it_does_not_start() {
    let tree = Tree::new("", BOB);
    fs::remove_file(tree.path("user.ini")).unwrap();
    let mut command = bare_command();
    command.arg("-c").arg(tree.path("ftpd.conf")).current_dir(tree.path(""));
    let ended = run_to_its_end(command);
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    expect_said(&ended.output, &["user.ini"]);
}

#[test]
fn without_ftpd_conf_here_it_serves_with_defaults_and_says_so() {
    leave_out!(Explicit | Implicit: "the defaults are without TLS");
    let tree = Tree::new("", BOB);
    fs::remove_file(tree.path("ftpd.conf")).unwrap();
    let mut command = bare_command();
    command.current_dir(tree.path("")).args(["--set", "server.port=0", "--set", "server.ip=127.0.0.1"]);
    let server = tree.start_as(command);
    assert!(!server.log_lines("ftpd.conf").is_empty(), "the log says so");
    server.login();
}

#[test]
fn set_overrides_the_file() {
    let tree = Tree::new("[server]\nwelcome_msg = from the file\n", BOB);
    let mut command = tree.command();
    command.args(["--set", "server.welcome_msg=from the command line", "--set", "server.max_cons=1"]);
    let server = tree.start_as(command);
    let mut client = crate::client::Client::connect(server.door());
    assert!(client.read_reply().expect(220).text().contains("from the command line"));
    let second = crate::client::Client::connect(server.door()).try_read_reply();
    assert!(second.is_none_or(|reply| reply.code == 421));
}

#[test]
fn set_of_an_unknown_key_or_a_wrong_value_does_not_start() {
    for (pair, said) in [("server.max_con=5", "max_con"), ("server.port=x", "port"), ("nonsense", "nonsense")] {
        let tree = Tree::new("", BOB);
        let mut command = tree.command();
        command.args(["--set", pair]);
        let ended = run_to_its_end(command);
        assert!([Some(1), Some(2)].contains(&ended.code), "{pair}: {}", ended.output);
        expect_said(&ended.output, &[said]);
    }
}

#[test]
fn v_and_q_change_how_much_is_logged() {
    let logged = |flag: &str| {
        let tree = Tree::new("", BOB);
        let mut command: Command = tree.command();
        command.arg(flag);
        let server = tree.start_as(command);
        let mut client = server.login();
        client.expect("NOOP", 200);
        client.expect("QUIT", 221);
        server.wait_log("FTP session closed");
        !server.log_lines("NOOP").is_empty()
    };
    assert!(logged("-v"), "-v shows every command");
}

#[test]
fn a_port_that_is_taken_is_1_with_a_reason() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = refusal(&format!("[server]\nport = {}\n", address.port()), BOB);
    expect_said(&output, &[&address.to_string()]);
}

#[test]
fn relative_homes_are_relative_to_user_ini() {
    let tree = Tree::new("", BOB);
    fs::write(tree.home().join("file"), "content").unwrap();
    let mut command = tree.command();
    command.current_dir("/");
    let server = tree.start_as(command);
    assert_eq!(server.login().retr("file"), b"content");
}

#[test]
fn the_sample_files_are_good() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = bare_command();
    command.arg("check").arg("-c").arg(root.join("ftpd.conf")).arg("-u").arg(root.join("user.ini"));
    let ended = run_to_its_end(command);
    assert!(!ended.output.contains("ftpd.conf:") || ended.code == Some(0), "{}", ended.output);
    assert!(!ended.output.contains("unknown"), "{}", ended.output);
}

#[test]
fn the_start_names_the_model_the_ports_and_the_accounts() {
    let users = format!("{BOB}[eve]\npassword = hidden\nperm = elr\nhome = gone\nenabled = off\n");
    let server = Server::start("[passive]\npassive_ports = 8300-8500\nmasquerade_address = 203.0.113.7\n", &users);
    let home = server.home();
    let gone = server.tree().path("gone");
    for line in [
        "concurrency model: a thread for each connection, 512 at most".to_owned(),
        "masquerade (NAT) address: 203.0.113.7, for clients outside".to_owned(),
        "passive ports: 8300-8500".to_owned(),
        format!("account bob: {}, elradfmwMT", home.display()),
        format!("account eve: {}, elr, disabled", gone.display()),
        format!("reachable as ftp://{}/", server.address()),
    ] {
        server.wait_log(&line);
    }
    assert!(server.log_lines("secret").is_empty() && server.log_lines("hidden").is_empty(), "no password is logged");
}
