//! `ftpd DIR`: a folder is shared without any file.

use std::{fs, net::TcpListener, process::Command};

use rustix::process::Signal;

use crate::{
    client::Client,
    namespaces::Networks,
    server::{Ended, Server, Tree, bare_command, eventually, run_to_its_end},
    terminal::Terminal,
};

/// A shared folder, and what the person who shares it reads.
struct Shared {
    server: Server,
    banner: String,
}

/// Options of most tests: any free port, this machine alone, and no word about it on the network.
const HERE: &[&str] = &["-p", "0", "-i", "127.0.0.1"];

/// A tree whose home has a file to be shared.
fn tree() -> Tree {
    let tree = Tree::new("", "");
    fs::write(tree.home().join("file"), "content").unwrap();
    tree
}

/// `ftpd` in the tree, with these words; its state and its sockets are elsewhere.
fn command(tree: &Tree, words: &[&str]) -> Command {
    let mut command = bare_command();
    command.args(words).current_dir(tree.path("")).env("XDG_RUNTIME_DIR", tree.runtime());
    command.env("XDG_STATE_HOME", tree.path("state"));
    command
}

/// Starts it, and waits for the last line that it prints.
#[track_caller]
fn start(tree: Tree, command: &Command) -> Shared {
    let output = tree.path("banner");
    let mut shell = Command::new("sh");
    shell.args(["-c", "exec \"$@\" > \"$0\""]).arg(&output).arg(command.get_program()).args(command.get_args());
    shell.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env_remove("RUST_LOG").env_remove("RUNTIME_DIRECTORY").current_dir(command.get_current_dir().unwrap());
    let server = tree.start_as(shell);
    let banner = || fs::read_to_string(&output).unwrap_or_default();
    eventually("the last line is printed", || banner().ends_with("Stop with Ctrl-C.\n"));
    Shared { banner: banner(), server }
}

/// Shares `home` with these options, on this machine alone.
#[track_caller]
fn share(options: &[&str]) -> Shared {
    let tree = tree();
    let command = command(&tree, &[&["home"], HERE, options].concat());
    start(tree, &command)
}

fn run(tree: &Tree, words: &[&str]) -> Ended {
    run_to_its_end(command(tree, words))
}

impl Shared {
    fn client(&self, name: &str, password: &str) -> Client {
        let mut client = Client::clear(self.server.address());
        client.read_reply().expect(220);
        client.login(name, password);
        client.expect("TYPE I", 200);
        client
    }

    fn anonymous(&self) -> Client {
        self.client("anonymous", "me@")
    }
}

#[test]
fn the_way_to_it_is_examined_without_a_file() {
    let shared = share(&["--web", "0", "--set", "passive.passive_ports=41000-41003"]);
    let empty = tempfile::tempdir().unwrap();
    let checked = |words: &[&str]| {
        let mut check = command(shared.server.tree(), &[&["check", "--network"], words].concat());
        check.current_dir(empty.path());
        run_to_its_end(check)
    };
    let address = shared.server.address();
    for words in [&[][..], &["-p", &address.port().to_string()]] {
        let ended = checked(words);
        let found = format!("{address}: ftpd answers; passive ports in order: ");
        assert!(ended.code == Some(0) && ended.output.contains(&found), "{}", ended.output);
        let web = format!("http://{}/: ftpd answers (200", shared.server.web());
        assert!(ended.output.contains(&web), "{}", ended.output);
    }
    assert!(checked(&["-p", "9"]).output.contains("there is no user.ini"));
}

#[test]
fn a_folder_is_shared_read_only_with_anonymous() {
    let shared = share(&[]);
    let mut client = shared.anonymous();
    assert_eq!(client.retr("file"), b"content");
    assert_eq!(client.lines("NLST"), ["file"]);
    for refused in ["DELE file", "MKD new", "RNFR file", "SITE CHMOD 600 file", "MFMT 20240101000000 file"] {
        client.expect(refused, 550);
    }
    client.passive();
    client.expect("STOR new", 550);
    shared.server.wait_log("STOR *new 550 *(shared without --write)");
    assert!(shared.server.log_lines("ftpd.conf").is_empty(), "no file is missed");
    let port = shared.server.address().port();
    let home = shared.server.home().canonicalize().unwrap();
    let expected = format!(
        "Sharing {}, read-only, for everybody on this machine.\n  ftp://127.0.0.1:{port}/\n  Paste",
        home.display()
    );
    assert!(shared.banner.starts_with(&expected), "{}", shared.banner);
}

// The web

/// The lines of the banner with a URL of this scheme.
fn urls(shared: &Shared, scheme: &str) -> Vec<String> {
    let urls = shared.banner.lines().map(str::trim).filter(|line| line.starts_with(scheme));
    urls.map(str::to_owned).collect()
}

#[test]
fn browsers_are_served_unless_that_is_refused() {
    let shared = share(&["--web", "0"]);
    let web = shared.server.web();
    let shown = format!("  ftp://{}/\n", shared.server.address());
    assert!(shared.banner.contains(&shown), "{}", shared.banner);
    assert!(shared.banner.contains(&format!("  http://{web}/\n  Open it in any browser")), "{}", shared.banner);
    assert!(!shared.banner.contains('█'), "no code for a file: {}", shared.banner);
    let shared = share(&["--no-web"]);
    assert!(shared.server.web_addresses().is_empty());
    assert!(!shared.banner.contains("http") && !shared.banner.contains("browser"), "{}", shared.banner);
}

#[test]
fn without_a_word_browsers_are_served_at_the_usual_port_or_the_next_free_one() {
    // Others that run here may hold it, too.
    let _held = TcpListener::bind("127.0.0.1:8080");
    let shared = share(&[]);
    let web = shared.server.web();
    assert_ne!(web.port(), 8080);
    shared.server.wait_log(&format!("port 8080 is in use, so browsers are served at {}", web.port()));
    assert_eq!(urls(&shared, "http"), [format!("http://{web}/")]);
    // It keeps the port.
    shared.server.signal(Signal::HUP);
    shared.server.wait_log("read again: ");
    assert!(shared.server.log_lines("needs a restart").is_empty());
}

#[test]
fn a_port_for_browsers_that_was_chosen_is_no_other_one() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port();
    let tree = tree();
    let ended = run(&tree, &[&["home"], HERE, &["--web", &port.to_string()]].concat());
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let told = format!("web_port: 127.0.0.1:{port} is held by ");
    let fix = format!("or choose another port, such as --web {}", port + 1);
    assert!(ended.output.contains(&told) && ended.output.contains(&fix), "{}", ended.output);
    // The settings choose it, too.
    tree.write_conf("[web]\nweb_port = off\n");
    let command = command(&tree, &[&["home"], HERE, &["-c", "ftpd.conf"]].concat());
    assert!(start(tree, &command).server.web_addresses().is_empty());
}

#[test]
fn a_port_that_the_other_settings_need_is_left_to_them() {
    let words = ["--set", "passive.passive_ports=8080-8089"];
    let shared = share(&words);
    let port = shared.server.web().port();
    assert!(!(8080..8090).contains(&port), "{port}");
}

#[test]
fn with_tls_the_encrypted_url_comes_first() {
    let shared = share(&["--web", "0", "--tls"]);
    let web = shared.server.web();
    assert_eq!(urls(&shared, "http"), [format!("https://{web}/"), format!("http://{web}/")]);
    assert!(shared.banner.contains("Browsers warn of it"), "{}", shared.banner);
    assert!(!share(&["--no-web", "--tls"]).banner.contains("Browsers warn of it"));
    let shared = share(&["--web", "0", "--tls", "--set", "tls.tls_control_required=on"]);
    assert_eq!(urls(&shared, "http"), [format!("https://{}/", shared.server.web())]);
}

#[test]
fn the_qr_code_is_shown_if_it_is_asked_for() {
    let is_shown = |shared: &Shared| shared.banner.contains("\u{1b}[38;5;231;48;5;16m████");
    for (words, expected) in
        [(&["--qr"][..], true), (&["--qr", "off"], false), (&["--qr", "--no-web"], false), (&[], false)]
    {
        let shared = share(words);
        assert_eq!(is_shown(&shared), expected, "{words:?} {}", shared.banner);
    }
}

#[test]
fn a_terminal_shows_the_qr_code_of_an_address_that_phones_reach() {
    let Some(networks) = Networks::new(&["host"]) else { return };
    networks.run("host", "ip addr add 10.0.0.5/24 dev lo");
    let tree = tree();
    for (address, expected) in [("10.0.0.5", true), ("127.0.0.1", false)] {
        let words = ["home", "-p", "0", "--web", "0", "-i", address, "--set", "server.announce=off"];
        let inner = command(&tree, &words);
        let mut command = networks.inside("host");
        command.arg(inner.get_program()).args(inner.get_args()).current_dir(tree.path(""));
        command.env("XDG_RUNTIME_DIR", tree.runtime()).env_remove("RUST_LOG");
        let mut terminal = Terminal::run(&command, 80, 50);
        let screen = terminal.wait_for("Stop with Ctrl-C.");
        assert_eq!(screen.contains("████"), expected, "{address}\n{screen}");
        terminal.press("\x03");
        assert_eq!(terminal.ended(), Some(0));
    }
}

#[test]
fn dot_names_do_not_exist_unless_hidden_ones_are_wanted() {
    for (options, is_shown) in [(&["--write"][..], false), (&["--write", "--hidden"], true)] {
        let shared = share(options);
        shared.server.write(".secret", "secret");
        let mut client = shared.anonymous();
        assert_eq!(client.lines("NLST").contains(&".secret".to_owned()), is_shown, "{options:?}");
        if is_shown {
            assert_eq!(client.retr(".secret"), b"secret");
            client.stor(".new", "new");
            continue;
        }
        client.expect("SIZE .secret", 550);
        shared.server.wait_log("SIZE *.secret 550 'No such file or folder.' (shared without --hidden)");
        client.passive();
        client.expect("STOR .new", 553);
        shared.server.wait_log("STOR *.new 553 *(shared without --hidden)");
        client.expect("MKD .new", 553);
    }
}

#[test]
fn with_write_everything_may_be_changed() {
    let shared = share(&["--write"]);
    assert!(shared.banner.contains(", to read and write, for everybody"), "{}", shared.banner);
    let mut client = shared.anonymous();
    client.stor("new", "new");
    client.expect("RNFR new", 350);
    client.expect("RNTO newer", 250);
    client.expect("MKD folder", 257);
    client.expect("DELE newer", 250);
    client.expect("RMD folder", 250);
}

#[test]
fn an_account_without_a_password_gets_one_that_is_shown() {
    let shared = share(&["--user", "bob", "--write"]);
    let line = shared.banner.lines().find(|line| line.contains("password")).expect("a password");
    let password = line.split("password ").nth(1).unwrap().split_whitespace().next().unwrap();
    shared.client("bob", password).stor("new", "new");
    let mut client = Client::clear(shared.server.address());
    client.read_reply().expect(220);
    client.expect("USER anonymous", 331);
    client.expect("PASS me@", 530);
    assert!(shared.server.log_lines(password).is_empty(), "a log is kept longer than a password should be");
}

#[test]
fn a_password_that_is_given_is_not_shown() {
    let shared = share(&["--user", "bob:so secret"]);
    assert!(shared.banner.contains("for bob.") && !shared.banner.contains("so secret"), "{}", shared.banner);
    assert!(shared.banner.contains("  ftp://bob@127.0.0.1:"), "some clients try anonymous first: {}", shared.banner);
    assert!(shared.banner.contains("unencrypted"), "{}", shared.banner);
    assert_eq!(shared.client("bob", "so secret").retr("file"), b"content");
}

#[test]
fn a_folder_may_have_any_name() {
    let tree = tree();
    fs::create_dir(tree.path("check")).unwrap();
    fs::write(tree.path("check/file"), "of check").unwrap();
    let command = command(&tree, &[&["./check"], HERE].concat());
    assert_eq!(start(tree, &command).anonymous().retr("file"), b"of check");
    let tree = self::tree();
    let mut command = self::command(&tree, &[&["."], HERE].concat());
    command.current_dir(tree.home());
    assert_eq!(start(tree, &command).anonymous().retr("file"), b"content");
}

#[test]
fn what_can_not_be_shared_is_said() {
    let tree = tree();
    for (words, said) in [
        (&["home/file"][..], "it is a file; share the folder that it is in: ftpd home"),
        (&["nowhere"], "there is no folder of this name"),
        (&["chekc"], "did you mean: ftpd check"),
        (&["--write"], "<DIR>"),
        (&["--user", "bob"], "<DIR>"),
        (&["home", "-u", "user.ini"], "cannot be used with"),
        (&["home", "--user", "bob:"], "an empty password is not allowed"),
        (&["home", "--user", "anonymous"], "leave out --user"),
        (&["home", "who"], "takes no folder to share"),
    ] {
        let ended = run(&tree, words);
        assert!(ended.code == Some(2) && ended.output.contains(said), "{words:?}: {ended:?}");
    }
    let ended = run(&tree, &["home", "--user", "ftp:hunter2"]);
    assert!(ended.code == Some(2) && !ended.output.contains("hunter2"), "{ended:?}");
}

#[test]
fn settings_hold_and_files_beside_it_do_not() {
    let tree = tree();
    tree.write_conf("[server]\nwelcome_msg = from the file\nmax_cons = 7\n");
    tree.write_users("not an account");
    let words = [&["home"], HERE, &["--set", "server.welcome_msg=from the line"]].concat();
    let command = command(&tree, &words);
    let shared = start(tree, &command);
    assert!(Client::clear(shared.server.address()).read_reply().text().contains("from the line"));
    let tree = self::tree();
    tree.write_conf("[server]\nwelcome_msg = from the file\n");
    let command = self::command(&tree, &["home", "-c", "ftpd.conf"]);
    let shared = start(tree, &command);
    assert!(Client::clear(shared.server.address()).read_reply().text().contains("from the file"));
}

#[test]
fn the_key_of_its_certificate_is_not_shared() {
    let tree = tree();
    let state = tree.path("state/ftpd/ftpd-private-key.pem");
    let mut command = self::command(&tree, &[&["."], HERE, &["--tls", "--write", "--hidden"]].concat());
    command.current_dir(tree.home());
    let shared = start(tree, &command);
    assert!(state.exists(), "it is kept for the next start");
    let line = shared.server.wait_log("TLS certificate SHA-256 ");
    let fingerprint = line.split("SHA-256 ").nth(1).unwrap();
    assert!(shared.banner.contains("Encrypted for clients that ask"), "{}", shared.banner);
    assert!(shared.banner.contains(&format!("the SHA-256\n  {fingerprint}\n")), "{}", shared.banner);
    shared.anonymous().expect("FEAT", 211);
    assert_eq!(shared.anonymous().lines("NLST"), ["file"]);
    // Everything is shared, the folder for the state, too: nothing is left for a key.
    let tree = self::tree();
    let mut command = self::command(&tree, &[&["."], HERE, &["--tls", "--write", "--hidden"]].concat());
    command.current_dir(tree.home()).env("XDG_STATE_HOME", tree.home().join("state"));
    let shared = start(tree, &command);
    assert!(shared.banner.contains("SHA-256 (for this run only)"), "{}", shared.banner);
    assert_eq!(shared.anonymous().lines("NLST"), ["file"]);
    shared.anonymous().expect("AUTH TLS", 234);
    let fingerprints = |times| shared.server.wait_log_times("TLS certificate SHA-256 ", times);
    shared.server.signal(Signal::HUP);
    let both = fingerprints(2);
    assert_eq!(both[0].split("SHA-256").nth(1), both[1].split("SHA-256").nth(1), "a reload keeps the certificate");
}

#[test]
fn a_reload_changes_neither_folder_nor_password() {
    let shared = share(&["--user", "bob"]);
    let password = shared.banner.split("password ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    shared.server.signal(Signal::HUP);
    shared.server.wait_log("read again: sharing ");
    assert_eq!(shared.client("bob", &password).retr("file"), b"content");
}

#[test]
fn a_shared_folder_can_be_asked_who_is_there() {
    let shared = share(&[]);
    let _client = shared.anonymous();
    let port = shared.server.address().port().to_string();
    let ended = run(shared.server.tree(), &["who", "-p", &port]);
    assert!(ended.code == Some(0) && ended.output.contains("anonymous"), "{ended:?}");
}

#[test]
fn a_socket_in_the_folder_is_left_out() {
    let tree = tree();
    let mut command = command(&tree, &[&["."], HERE, &["--write"]].concat());
    command.env("XDG_RUNTIME_DIR", tree.path("home"));
    let shared = start(tree, &command);
    assert!(!shared.server.tree().path("home/ftpd").exists());
    shared.anonymous().stor("new", "new");
}

#[test]
fn ctrl_c_on_a_terminal_ends_it() {
    let tree = tree();
    let mut terminal = Terminal::run(&command(&tree, &[&["home"], HERE].concat()), 120, 40);
    let screen = terminal.wait_for("Stop with Ctrl-C.");
    assert!(screen.contains("read-only") && screen.contains("ftp://127.0.0.1:"), "{screen}");
    terminal.press("\x03");
    assert_eq!(terminal.ended(), Some(0));
}

#[test]
fn a_folder_that_seems_empty_and_is_not_says_so() {
    let shared = share(&["--write"]);
    fs::create_dir(shared.server.home().join("summer")).unwrap();
    fs::write(shared.server.home().join("summer/.DS_Store"), "x").unwrap();
    let mut client = shared.anonymous();
    assert!(client.lines("NLST summer").is_empty());
    assert!(client.expect("RMD summer", 550).text().contains("not shown here"));
    shared.server.wait_log("RMD *summer 550 *(shared without --hidden)");
    fs::write(shared.server.home().join("summer/shown"), "x").unwrap();
    assert!(client.expect("RMD summer", 550).text().contains("not empty"));
}

#[test]
fn a_closed_terminal_ends_it() {
    let tree = tree();
    let mut terminal = Terminal::run(&command(&tree, &[&["home"], HERE].concat()), 120, 40);
    terminal.wait_for("Stop with Ctrl-C.");
    rustix::process::kill_process(terminal.pid(), Signal::HUP).unwrap();
    assert_eq!(terminal.ended(), Some(0));
}

#[test]
fn what_should_not_be_shared_is_refused_with_a_way_out() {
    let tree = tree();
    fs::write(tree.home().join("user.ini"), "[bob]\npassword = 1\nperm = elr\nhome = .\n").unwrap();
    let refused = |words: &[&str], prepare: &dyn Fn(&mut Command)| {
        let mut command = command(&tree, &[words, HERE].concat());
        prepare(&mut command);
        let ended = run_to_its_end(command);
        assert_eq!(ended.code, Some(1), "{words:?}: {ended:?}");
        assert!(!ended.output.contains("Sharing ") && !ended.output.contains("mv ftpd"), "{words:?}: {ended:?}");
        ended.output
    };
    let said = refused(&["home"], &|_| ());
    assert!(said.contains("these are accounts with their passwords") && said.contains("ftpd -u "), "{said}");
    fs::remove_file(tree.home().join("user.ini")).unwrap();
    let said = refused(&["home", "--write", "--hidden"], &|command| {
        command.env("HOME", tree.home());
    });
    assert!(said.contains(".ssh") && said.contains("leave out --hidden"), "{said}");
    let program = tree.home().join("ftpd");
    fs::copy(env!("CARGO_BIN_EXE_ftpd"), &program).unwrap();
    let ended = run_to_its_end({
        let mut command = Command::new(&program);
        command.args(["home", "--write"]).args(HERE).current_dir(tree.path("")).env("XDG_RUNTIME_DIR", tree.runtime());
        command
    });
    assert!(ended.output.contains("share a folder inside it"), "{ended:?}");
    if rustix::process::geteuid().is_root() {
        let said = refused(&["/"], &|_| ());
        assert!(said.contains("root would show everybody"), "{said}");
    }
}

#[test]
fn everybody_who_may_change_everything_is_a_warning() {
    let shared = share(&["--write", "--public"]);
    shared.server.wait_log("[W *may change and delete files without a password");
}

/// Shares a folder on a machine of this name.
fn share_in(networks: &Networks, name: &str, options: &[&str]) -> Shared {
    let tree = tree();
    let inner = command(&tree, &[&["home", "-p", "2121"], options].concat());
    let mut outer = networks.inside(name);
    outer.arg(inner.get_program()).args(inner.get_args()).current_dir(tree.path(""));
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    start(tree, &outer)
}

/// The URLs that are shown there, in their order.
fn urls_in(networks: &Networks, name: &str, options: &[&str]) -> Vec<String> {
    let shared = share_in(networks, name, options);
    let words = shared.banner.split_whitespace().filter(|word| word.starts_with("ftp://"));
    words.map(str::to_owned).collect()
}

#[test]
fn without_a_network_it_names_the_loopback_address() {
    let Some(networks) = Networks::new(&["alone"]) else { return };
    assert_eq!(urls_in(&networks, "alone", &[]), ["ftp://127.0.0.1:2121/"]);
    assert_eq!(urls_in(&networks, "alone", &["-i", "::1"]), ["ftp://[::1]:2121/"]);
}

#[test]
fn with_ipv6_alone_it_names_that_address() {
    let Some(networks) = Networks::new(&["here", "there"]) else { return };
    networks.connect(("here", "fd00:5::2/64"), ("there", "fd00:5::1/64"));
    assert_eq!(urls_in(&networks, "here", &[]), ["ftp://[fd00:5::2]:2121/"]);
}

#[test]
fn of_several_interfaces_the_local_network_comes_first_and_containers_last() {
    let Some(networks) = Networks::new(&["here", "there"]) else { return };
    networks.connect(("here", "203.0.113.7/24"), ("there", "203.0.113.1/24"));
    for (name, address) in [("docker0", "172.17.0.1/16"), ("lan", "192.168.7.2/24"), ("unused", "192.168.8.2/24")] {
        networks.run("here", &format!("ip link add {name} type veth peer name peer-{name}"));
        networks.run("here", &format!("ip link set peer-{name} up"));
        networks.run("here", &format!("ip addr add {address} dev {name}"));
        if name != "unused" {
            networks.run("here", &format!("ip link set {name} up"));
        }
    }
    let expected = ["ftp://192.168.7.2:2121/", "ftp://203.0.113.7:2121/", "ftp://172.17.0.1:2121/"];
    assert_eq!(urls_in(&networks, "here", &["-i", "0.0.0.0"]), expected);
    assert_eq!(urls_in(&networks, "here", &["-i", "203.0.113.7"]), expected[1..2]);
}

#[test]
fn anonymous_is_for_the_local_network_unless_it_is_public() {
    let Some(networks) = Networks::new(&["here", "router", "far"]) else { return };
    networks.connect(("here", "203.0.113.7/24"), ("router", "203.0.113.1/24"));
    networks.connect(("router", "198.51.100.1/24"), ("far", "198.51.100.9/24"));
    networks.run("here", "ip route add default via 203.0.113.1");
    networks.run("far", "ip route add default via 198.51.100.1");
    networks.run("router", "sysctl -q -w net.ipv4.ip_forward=1");
    let log_in = || {
        let mut client = Client::clear("203.0.113.7:2121".parse().unwrap());
        client.read_reply().expect(220);
        client.expect("USER anonymous", 331);
        client.cmd("PASS me@").code
    };
    for (options, near, far) in [(&[][..], 230, 530), (&["--public"], 230, 230)] {
        let shared = share_in(&networks, "here", options);
        assert_eq!(networks.visit("router", log_in), near, "a network that is directly connected, {options:?}");
        assert_eq!(networks.visit("far", log_in), far, "the Internet, {options:?}");
        if far == 530 {
            shared
                .server
                .wait_log("USER 'anonymous' refused: anonymous is for the local network (shared without --public)");
        }
    }
}

#[test]
fn a_folder_that_others_can_reach_is_announced() {
    let Some(networks) = Networks::new(&["here", "there"]) else { return };
    networks.connect(("here", "192.168.7.2/24"), ("there", "192.168.7.1/24"));
    share_in(&networks, "here", &[]).server.wait_log("announced as * (_ftp._tcp) on the network");
    let quiet = share_in(&networks, "here", &["--set", "server.announce=off"]);
    assert!(quiet.server.log_lines("announce").is_empty());
}
