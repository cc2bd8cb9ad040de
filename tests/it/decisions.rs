//! What the log says of a refusal and of the end of a session: one line each, which names what decided.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    os::unix::fs::{PermissionsExt, symlink},
};

use rustix::process::Signal;

use crate::{
    channel::leave_out,
    client::{Client, connect_from},
    data::read_until_broken,
    data_connections::free_ports,
    glob,
    privileges::{SOMEBODY, ids, is_root, tree},
    server::{BOB, Server, Tree},
};

/// Letter, and a command that is refused without it.
const LETTERS: &[(char, &str)] = &[
    ('e', "CWD folder"),
    ('e', "CDUP"),
    ('l', "LIST"),
    ('l', "NLST"),
    ('l', "MLSD"),
    ('l', "MLST file"),
    ('l', "STAT file"),
    ('l', "SIZE file"),
    ('l', "MDTM file"),
    ('l', "AVBL"),
    ('r', "RETR file"),
    ('r', "HASH file"),
    ('r', "XCRC file"),
    ('a', "APPE file"),
    ('d', "DELE file"),
    ('d', "RMD folder"),
    ('f', "RNFR file"),
    ('m', "MKD new"),
    ('w', "STOR file"),
    ('w', "STOR new"),
    ('w', "STOU"),
    ('M', "SITE CHMOD 600 file"),
    ('M', "MFF UNIX.mode=0600; file"),
    ('T', "MFMT 20010203040506 file"),
    ('T', "MDTM 20010203040506 file"),
];

const OTHER_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));

/// Sends commands that are refused; each leaves one line, at level info, with this beginning and end.
#[track_caller]
fn each_leaves_its_line(server: &Server, client: &mut Client, user: &str, cases: &[(&str, u16, &str)]) {
    let from = client.local();
    for (number, (command, code, decided)) in cases.iter().enumerate() {
        client.expect(command, *code);
        let verb = command.split(' ').next().unwrap();
        let lines = server.wait_log_times(&format!("{from}-[{user}] *' ("), number + 1);
        assert_eq!(lines.len(), number + 1, "one line each: {lines:?}");
        let (line, wanted) = (&lines[number], format!("[I *] {from}-[{user}] {verb}*{code} '*{decided}"));
        assert!(glob::matches(wanted.as_bytes(), line.as_bytes()), "{wanted}: {line}");
    }
}

#[test]
fn a_refusal_for_lack_of_a_letter_names_the_line_of_perm() {
    for letter in "elradfmwMT".chars() {
        let perm = "elradfmwMT".replace(letter, "");
        let server = Server::start("", &BOB.replace("elradfmwMT", &perm));
        server.write("file", "content");
        fs::create_dir(server.home().join("folder")).unwrap();
        let mut client = server.login();
        let decided = format!(" (*user.ini:3: perm = {perm} has no '{letter}')");
        let commands = LETTERS.iter().filter(|(lacking, _)| *lacking == letter);
        let cases: Vec<(&str, u16, &str)> = commands.map(|(_, command)| (*command, 550, decided.as_str())).collect();
        each_leaves_its_line(&server, &mut client, "bob", &cases);
    }
}

#[test]
fn a_refusal_by_a_setting_names_its_line_or_that_it_is_a_default() {
    let conf = "[active]\npermit_privileged_ports = off\n[transfer]\nfollow_symlinks = never\n";
    let server = Server::start(conf, BOB);
    server.write("file", "content");
    symlink("file", server.home().join("link")).unwrap();
    let mut client = server.login();
    let _data = client.passive();
    let cases = [
        ("RETR link", 550, " (*ftpd.conf:*: follow_symlinks = never)"),
        ("PORT 192,0,2,1,200,1", 501, " (default: permit_foreign_addresses = off)"),
        ("EPRT |1|127.0.0.1|80|", 501, " (*ftpd.conf:*: permit_privileged_ports = off)"),
    ];
    each_leaves_its_line(&server, &mut client, "bob", &cases);
    server.wait_log("PORT 192.0.2.1:51201 501 'That is not your address.' (default");
    let server = Server::start("[active]\nenable_active = off\n", BOB);
    let cases = [("PORT 127,0,0,1,200,1", 502, " (*ftpd.conf:*: enable_active = off)")];
    each_leaves_its_line(&server, &mut server.login(), "bob", &cases);
}

#[test]
fn a_refusal_of_a_hidden_name_names_the_line_of_hide() {
    let server = Server::start("", &format!("{BOB}hide = .*, Thumbs.db\n"));
    for name in [".git/config", "file"] {
        server.write(name, "content");
    }
    for (target, link) in [(".git", "folder"), (".git/config", "link"), (".none", "dead")] {
        symlink(target, server.home().join(link)).unwrap();
    }
    let mut client = server.login();
    let _data = client.passive();
    let decided = " (*user.ini:5: hide = .*, Thumbs.db)";
    let missing: Vec<String> = [
        "CWD {}",
        "LIST {}",
        "NLST {}/*",
        "MLSD {}",
        "MLST {}/x",
        "STAT {}",
        "SIZE {}",
        "MDTM {}",
        "AVBL {}",
        "RETR {}",
        "HASH {}",
        "XCRC {}",
        "XMD5 {} 0 1",
        "DELE {}/x",
        "RMD {}/x",
        "RNFR {}/x",
        "SITE CHMOD 600 {}",
        "MFMT 20010203040506 {}",
    ]
    .iter()
    .flat_map(|command| {
        [".git", ".none", "THUMBS.db", "link", "folder", "dead"].map(|name| command.replace("{}", name))
    })
    .chain(["STOR link", "APPE dead", "STOR folder/new", "MKD folder/new"].map(str::to_owned))
    // A link that is seen is a file or folder that has nothing below it.
    .filter(|command| !command.contains("link/") && !command.contains("dead/"))
    .collect();
    let made = ["STOR .x", "APPE .git", "STOU .x", "MKD thumbs.db", "MKD .git/x"].map(str::to_owned);
    let cases: Vec<(&str, u16, &str)> = missing.iter().map(|command| (command.as_str(), 550, decided)).collect();
    let cases = [cases, made.iter().map(|command| (command.as_str(), 553, decided)).collect()].concat();
    each_leaves_its_line(&server, &mut client, "bob", &cases);
    client.expect("RNFR file", 350);
    client.expect("RNTO .file", 553);
    server.wait_log(&format!("RNTO {home}/file -> {home}/.file 553 '*'{decided}", home = server.home().display()));
}

#[test]
fn a_refusal_by_the_command_line_names_it() {
    let tree = Tree::new("", BOB);
    let (mut command, port) = (tree.command(), free_ports(1).start);
    command.args(["--set", &format!("passive.passive_ports={port}")]);
    let server = tree.start_as(command);
    let mut first = server.login();
    first.pasv();
    server.login().expect("EPSV", 425);
    let line = server.wait_log(" EPSV 425 '");
    assert!(line.contains("'The only passive port waits for connections from 127.0.0.1"), "{line}");
    assert!(line.ends_with(&format!(" (--set passive.passive_ports={port})")), "{line}");
}

#[test]
fn what_tls_is_required_for_names_its_line() {
    leave_out!(Implicit: "its connections are encrypted");
    let conf = "[tls]\ntls = on\ntls_control_required = on\n";
    let server = Server::start(conf, BOB);
    let mut client = Client::clear(server.address());
    client.read_reply().expect(220);
    let cases = [("USER bob", 530, " (*ftpd.conf:*: tls_control_required = on)")];
    each_leaves_its_line(&server, &mut client, "", &cases);
    let server = Server::start("[tls]\ntls = on\ntls_data_required = on\n", BOB);
    let mut client = Client::clear(server.address());
    client.read_reply().expect(220);
    client.login("bob", "secret");
    client.pasv();
    each_leaves_its_line(&server, &mut client, "bob", &[("LIST", 521, " (*ftpd.conf:*: tls_data_required = on)")]);
}

#[test]
fn a_refusal_by_the_file_system_names_what_is_in_the_way() {
    if !is_root() {
        return;
    }
    let server = tree("[server]\nsandbox = off\n", &format!("{BOB}system_user = {SOMEBODY}\n"), SOMEBODY).start();
    let home = server.home();
    let mode = |name: &str, mode| fs::set_permissions(home.join(name), fs::Permissions::from_mode(mode)).unwrap();
    for (name, bits) in [("closed", 0o700), ("fixed", 0o755)] {
        fs::create_dir(home.join(name)).unwrap();
        fs::write(home.join(name).join("file"), "x").unwrap();
        mode(name, bits);
    }
    server.write("roots", "x");
    mode("roots", 0o600);
    let mut client = server.login();
    let _data = client.passive();
    let actor = format!("; the account's system user is uid {})", ids(SOMEBODY).0);
    let closed = format!(" (file system: {}/closed belongs to uid 0, mode 700{actor}", home.display());
    let fixed = format!(" (file system: {}/fixed belongs to uid 0, mode 755{actor}", home.display());
    let roots = format!(" (file system: {}/roots belongs to uid 0, mode 600{actor}", home.display());
    let missing = format!(" (file system: {}/none is not there)", home.display());
    let cases = [
        ("CWD closed", 550, closed.as_str()),
        ("RETR closed/file", 550, &closed),
        ("LIST closed", 550, &closed),
        ("DELE fixed/file", 550, &fixed),
        ("STOR fixed/new", 550, &fixed),
        ("MKD fixed/new", 550, &fixed),
        ("RETR roots", 550, &roots),
        ("SITE CHMOD 644 roots", 550, &roots),
        ("SIZE none/file", 550, &missing),
        ("RMD none", 550, &missing),
    ];
    each_leaves_its_line(&server, &mut client, "bob", &cases);
    let line = server.wait_log("RMD ");
    assert!(line.contains(&format!("RMD {}/none 550 'No such file or folder.'", home.display())), "{line}");
}

#[test]
fn a_limit_names_its_file_line_and_key() {
    leave_out!(Implicit: "who is refused before the handshake hears no word");
    for key in ["max_cons", "max_cons_per_ip"] {
        let server = Server::start(&format!("[server]\n{key} = 1\n"), BOB);
        let _only = server.client();
        let mut refused = Client::connect(server.door());
        refused.read_reply().expect(421);
        let line = server.wait_log(&format!("{}-[] connection refused: ", refused.local()));
        assert!(line.ends_with(&format!(": {key} = 1)")) && line.contains("ftpd.conf:"), "{line}");
        assert!(!line.contains("1 sessions"), "{line}");
    }
    let server = Server::start("", &format!("{BOB}max_cons = 1\n"));
    let _only = server.login();
    let mut second = server.client();
    second.expect("USER bob", 331);
    second.expect("PASS secret", 421);
    server.wait_log("-[] USER 'bob' 421 'This account's only session is taken.' (*user.ini:5: max_cons = 1)");
    let server = Server::start("[server]\nauth_failed_delay = 0\n", &format!("{BOB}allow_from = 192.0.2.0/24\n"));
    let mut elsewhere = server.client();
    elsewhere.expect("USER bob", 331);
    elsewhere.expect("PASS secret", 530);
    let decided = "(address not in allow_from; *user.ini:5: allow_from = 192.0.2.0/24)";
    server.wait_log(&format!("USER 'bob' failed login. {decided}"));
}

#[test]
fn a_ban_names_its_line_for_the_session_and_for_the_connections_after_it() {
    leave_out!(Implicit: "who is refused before the handshake hears no word");
    let server = Server::start("[server]\nban_after = 2\nauth_failed_delay = 0\n", BOB);
    let mut waiting = server.client();
    let mut guessing = server.client();
    for _ in 0..2 {
        guessing.expect("USER bob", 331);
        guessing.expect("PASS wrong", 530);
    }
    guessing.expect_closed();
    waiting.expect("USER bob", 331);
    waiting.expect("PASS secret", 421);
    server.wait_log("USER 'bob' 421 'Too many wrong passwords from your address; try again later.' (*: ban_after = 2)");
    for client in [&waiting, &guessing] {
        server.wait_log(&format!("{}-[] FTP session closed (banned).", client.local()));
    }
    let mut refused = Client::connect(server.door());
    refused.read_reply().expect(421);
    let lines = server.wait_log_times("connection refused: Too many wrong passwords*: ban_after = 2)", 1);
    assert_eq!(lines.len(), 1);
}

/// How a session ends, and what the log calls it.
#[track_caller]
fn ends(conf: &str, reason: &str, end: impl FnOnce(&Server, &mut Client)) {
    let server = Server::start(conf, BOB);
    let mut client = server.client();
    end(&server, &mut client);
    let line = server.wait_log(&format!("{}-[*] FTP session closed", client.local()));
    assert!(line.ends_with(&format!(" FTP session closed ({reason}).")), "{line}");
}

#[test]
fn the_end_of_a_session_says_why() {
    let wrong = |client: &mut Client| {
        client.expect("USER bob", 331);
        client.expect("PASS wrong", 530);
    };
    ends("", "QUIT", |_, client| drop(client.expect("QUIT", 221)));
    ends("", "the client hung up", |_, client| client.shut_down());
    ends("[server]\nlogin_timeout = 1\n", "login timeout 1 s", |_, client| drop(client.read_reply().expect(421)));
    ends("[server]\ntimeout = 1\n", "timeout 1 s", |_, client| {
        client.login("bob", "secret");
        client.read_reply().expect(421);
    });
    let quick = "[server]\nauth_failed_delay = 0\nban_after = 0\nmax_login_attempts = ";
    ends(&format!("{quick}3\n"), "3 wrong passwords", |_, client| (0..3).for_each(|_| wrong(client)));
    ends(&format!("{quick}1\n"), "1 wrong password", |_, client| wrong(client));
    ends("", "the server is stopping", |server, client| {
        server.signal(Signal::TERM);
        client.read_reply().expect(421);
        server.wait_log("stopping: 1 session, ");
    });
}

#[test]
fn other_protocols_on_the_plain_port_leave_a_line() {
    leave_out!(Implicit: "its port is not plain");
    let hello = [&[22, 3, 1, 0, 5, 1, 0, 0, 1][..], b"\x01"].concat();
    for (sent, protocol) in [(&b"GET / HTTP/1.1\r\n\r\n"[..], "HTTP"), (b"EHLO me\r\n", "mail"), (&hello, "TLS")] {
        let server = Server::start("", BOB);
        let mut stranger = TcpStream::connect(server.address()).unwrap();
        stranger.write_all(sent).unwrap();
        stranger.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stranger.read_to_end(&mut Vec::new());
        let from = stranger.local_addr().unwrap();
        server.wait_log(&format!("{from}-[] FTP session closed (no FTP: {protocol})."));
        server.expect_log(&from.to_string(), 2);
    }
}

/// A client at another address, logged in.
fn client_at(server: &Server, source: IpAddr) -> Client {
    let mut client = Client::connect_from(source, server.door());
    client.read_reply().expect(220);
    client.login("bob", "secret");
    client.expect("TYPE I", 200);
    client
}

/// A server with one passive port.
fn narrow() -> Server {
    let port = free_ports(1).start;
    let conf = format!("[passive]\npassive_ports = {port}\n[transfer]\nconnect_timeout = 30\n");
    let server = Server::start(&conf, BOB);
    server.write("file", "content");
    server
}

/// Another session uses the port, and nobody is warned of anything.
#[track_caller]
fn nobody_is_warned(server: &Server, source: IpAddr) {
    let mut other = client_at(server, source);
    let address = other.pasv();
    let data = other.connect_data(address);
    other.expect("RETR file", 150);
    assert_eq!(crate::data::read_all(data), b"content");
    other.read_reply().expect(226);
    assert_eq!(server.log_lines("data connection"), Vec::<String>::new());
}

const REFUSED: [&str; 3] = ["RETR none", "STOR none/file", "LIST none"];

#[test]
fn a_data_connection_that_stands_when_its_transfer_is_refused_is_closed_and_no_warning() {
    for command in REFUSED {
        let server = narrow();
        let mut client = server.login();
        let address = client.pasv();
        let data = TcpStream::connect(address).unwrap();
        client.expect(command, 550);
        // The client waits for its end, and sends nothing until it has come.
        assert_eq!(read_until_broken(data), b"");
        client.expect("QUIT", 221);
        client.expect_closed();
        nobody_is_warned(&server, OTHER_ADDRESS);
    }
}

#[test]
fn a_data_connection_that_comes_after_its_transfer_was_refused_is_closed_and_no_warning() {
    for command in REFUSED {
        let server = narrow();
        let mut client = server.login();
        let address = client.pasv();
        client.expect(command, 550);
        assert_eq!(read_until_broken(TcpStream::connect(address).unwrap()), b"");
        // The port is kept, and so is the connection that comes with the next command.
        client.send("RETR file");
        let data = client.connect_data(address);
        client.read_reply().expect(150);
        assert_eq!(crate::data::read_all(data), b"content");
        client.read_reply().expect(226);
        client.expect("QUIT", 221);
        client.expect_closed();
        nobody_is_warned(&server, OTHER_ADDRESS);
    }
}

#[test]
fn a_data_connection_of_a_session_that_has_left_is_no_warning_for_the_next_one() {
    for (source, is_early) in [(OTHER_ADDRESS, true), (OTHER_ADDRESS, false), (Ipv4Addr::LOCALHOST.into(), true)] {
        let server = narrow();
        let mut client = client_at(&server, Ipv4Addr::LOCALHOST.into());
        let address: SocketAddr = client.pasv();
        let early = is_early.then(|| connect_from(Ipv4Addr::LOCALHOST.into(), address));
        client.expect("RETR none", 550);
        client.expect("QUIT", 221);
        client.expect_closed();
        let late = early.unwrap_or_else(|| connect_from(Ipv4Addr::LOCALHOST.into(), address));
        nobody_is_warned(&server, source);
        assert_eq!(read_until_broken(late), b"");
    }
}

#[test]
fn every_line_has_its_form() {
    let server = narrow();
    let mut client = server.login();
    for command in ["DELE it's", "RETR \"none\"", "CWD none", "PORT 192,0,2,1,1,1", "MLST none", "RNTO x"] {
        client.expect(command, [501, 503, 550]);
    }
    client.expect("QUIT", 221);
    client.expect_closed();
    server.wait_log("FTP session closed (QUIT).");
    server.wait_log("/it's 550 'No such file or folder.'");
    for line in server.log_lines("") {
        let stamp = line.get(..24).unwrap_or_default();
        let is_stamped = glob::matches(b"[* *-*-* *:*:*] ", stamp.as_bytes());
        let is_of_session = !line.contains("-[") || line[24..].starts_with("127.0.0.1:");
        assert!(is_stamped && is_of_session && !line.contains('\\'), "{line}");
    }
    let refused = server.log_lines("-[bob] *0* '");
    assert_eq!(refused.len(), 6, "{refused:?}");
}
