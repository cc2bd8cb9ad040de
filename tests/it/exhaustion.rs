//! What the system has no more of: threads, room for the log.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
};

use rustix::process::Signal;
use socket2::{Domain, Socket, Type};

use crate::{
    channel::leave_out,
    client::Client,
    data_connections::free_ports,
    limits::expect_full,
    server::{BOB, Server, Tree, eventually, exit_code, run_to_its_end},
    trace::Trace,
};

/// A server of a user that nobody else is, and how that user runs a program: the limit of threads counts all of a user's,
/// and does not hold for root.
struct Lonely {
    server: Server,
    as_user: Vec<String>,
}

impl Lonely {
    fn start() -> Lonely {
        if !rustix::process::geteuid().is_root() {
            return Lonely { server: Server::plain(), as_user: Vec::new() };
        }
        let user = 1_000_000 + std::process::id();
        let as_user = format!("setpriv --reuid={user} --regid={user} --clear-groups");
        let as_user: Vec<String> = as_user.split(' ').map(str::to_owned).collect();
        let tree = Tree::new("", BOB);
        std::fs::set_permissions(tree.path(""), PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::set_permissions(tree.home(), PermissionsExt::from_mode(0o777)).unwrap();
        // Under TLS it keeps a certificate there.
        std::os::unix::fs::chown(tree.path(""), Some(user), None).unwrap();
        // Where the build lies, a stranger may have no way to it.
        let binary = tree.path("ftpd");
        std::fs::copy(env!("CARGO_BIN_EXE_ftpd"), &binary).unwrap();
        let mut command = Command::new(&as_user[0]);
        command.args(&as_user[1..]).arg(&binary).args(tree.command().get_args()).env_remove("RUST_LOG");
        Lonely { server: tree.start_as(command), as_user }
    }

    /// Sets how many threads the user may have from now on.
    fn limit_threads(&self, limit: &str) {
        let mut words = self.as_user.iter().map(String::as_str).chain(["prlimit"]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).args(["--pid", &self.server.id().to_string(), &format!("--nproc={limit}:")]);
        assert!(command.status().expect("prlimit is there").success());
    }
}

#[test]
fn without_a_thread_a_client_is_told_so_and_the_others_go_on() {
    leave_out!(Explicit | Implicit: "its user can't keep a certificate");
    if Command::new("prlimit").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED: prlimit and setpriv (util-linux) are not installed");
        return;
    }
    let mut lonely = Lonely::start();
    let mut first = lonely.server.login();
    lonely.limit_threads("1");
    for _ in 0..3 {
        expect_full(&lonely.server);
    }
    first.expect("NOOP", 200);
    first.expect("MKD folder", 257);
    lonely.server.expect_log("can't start a session's thread", 1);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", lonely.server.id())).unwrap();
    let hard =
        limits.lines().find(|line| line.starts_with("Max processes")).unwrap().split_whitespace().nth(3).unwrap();
    lonely.limit_threads(hard);
    eventually("there are threads again", || {
        Client::connect(lonely.server.door()).try_read_reply().is_some_and(|reply| reply.code == 220)
    });
    lonely.server.login().expect("RMD folder", 250);
    assert!(lonely.server.is_running());
}

/// A few clients are served to the end, the others are told so; and again, as what the first ones held is free.
#[test]
fn with_little_address_space_left_clients_are_refused_and_the_server_lives() {
    if Command::new("prlimit").arg("--version").stdout(Stdio::null()).status().is_err() {
        eprintln!("SKIPPED: prlimit (util-linux) is not installed");
        return;
    }
    let mut server = Server::start("[server]\nmax_cons_per_ip = 0\n", BOB);
    // By then all threads have their heaps.
    server.login().expect("QUIT", 221);
    let limit = format!("--as={}:", (server.address_space() + 20 * 1024) * 1024);
    let pid = server.id().to_string();
    assert!(Command::new("prlimit").args(["--pid", &pid, &limit]).status().unwrap().success());
    let content = vec![b'x'; 1 << 20];
    for round in 0..3 {
        let mut crowd: Vec<Client> = (0..80).map(|_| Client::connect(server.door())).collect();
        crowd.retain_mut(|client| client.try_read_reply().is_some_and(|reply| reply.code == 220));
        assert!((4..80).contains(&crowd.len()), "round {round}: {} of 80 are served", crowd.len());
        crowd.iter_mut().for_each(|client| client.login("bob", "secret"));
        for (number, client) in crowd.iter_mut().enumerate() {
            client.stor(&number.to_string(), &content);
            assert_eq!(client.retr(&number.to_string()).len(), content.len());
        }
        assert!(server.is_running());
        for client in &mut crowd {
            client.expect("QUIT", 221);
            client.expect_closed();
        }
    }
    server.login();
}

#[test]
fn sessions_that_the_address_space_has_no_room_for_are_warned_about_and_not_admitted() {
    let tree = Tree::new("[server]\nmax_cons_per_ip = 0\n", BOB);
    let limited = |arguments: &[&str]| {
        let inner = tree.command();
        let mut command = Command::new("sh");
        command.args(["-c", "ulimit -v 69632; exec \"$0\" \"$@\""]).arg(inner.get_program()).args(inner.get_args());
        command.args(arguments).env_remove("RUST_LOG");
        command
    };
    let warning = "max_cons = 512 may need 495616 KiB of address space, but the limit is 69632 KiB: 18 sessions";
    let checked = run_to_its_end(limited(&["check"]));
    assert!(checked.output.contains(warning), "{}", checked.output);
    let server = limited(&[]);
    let server = tree.start_as(server);
    server.wait_log(warning);
    let _crowd: Vec<Client> = (0..18).map(|_| server.login()).collect();
    expect_full(&server);
}

/// Killed when it is dropped.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_log_that_takes_no_more_stops_nobody() {
    leave_out!(Implicit: "nobody reads in this log which port begins with TLS");
    if !Path::new("/dev/full").exists() {
        eprintln!("SKIPPED: this system has no /dev/full");
        return;
    }
    let port = free_ports(1).start;
    let conf =
        format!("[server]\nport = {port}\n[log]\nlog_level = debug\nlog_file = /dev/full\ntransfer_log = /dev/full\n");
    let tree = Tree::new(&conf, BOB);
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = tree.command();
    command.stdin(Stdio::null()).stdout(full.try_clone().unwrap()).stderr(full);
    let mut process = Process(command.spawn().unwrap());
    eventually("it listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    for _ in 0..3 {
        let mut client = Client::greeted(([127, 0, 0, 1], port).into());
        client.login("bob", "secret");
        client.stor("file", "content");
        assert_eq!(client.retr("file"), b"content");
        client.expect("QUIT", 221);
    }
    assert!(matches!(process.0.try_wait(), Ok(None)));
}

/// The reader of its log is gone (`ftpd | head`): no SIGPIPE, no panic.
#[test]
fn a_log_that_nobody_reads_any_more_stops_nobody() {
    leave_out!(Implicit: "nobody reads in this log which port begins with TLS");
    let tree = Tree::new("[log]\nlog_level = debug\n", BOB);
    let mut command = tree.command();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut process = Process(command.spawn().unwrap());
    let mut log = BufReader::new(process.0.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("starting FTP server on ") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it starts");
    }
    drop(log);
    let address = line.split("server on ").nth(1).and_then(|rest| rest.split(',').next()).unwrap();
    for _ in 0..3 {
        let mut client = Client::greeted(address.parse().unwrap());
        client.login("bob", "secret");
        client.stor("file", "content");
        client.expect("QUIT", 221);
    }
    assert!(matches!(process.0.try_wait(), Ok(None)));
}

/// A client that has sent commands until the server took no more, and has read no reply.
fn never_reading(server: &Server) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    socket.connect(&server.address().into()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut client = TcpStream::from(socket);
    let mut refused = 0;
    eventually("the server takes no more, and not only because it is slow", || {
        refused = if client.write(&b"HELP\r\n".repeat(1000)).is_err() { refused + 1 } else { 0 };
        refused == 50
    });
    client
}

/// All replies lie unread, and the socket takes no more: its session waits, and only that.
#[test]
fn a_server_that_is_stopped_does_not_wait_for_clients_that_never_read() {
    let mut server = Server::start("[server]\nshutdown_grace = 0\n", BOB);
    let _client = never_reading(&server);
    server.signal(Signal::TERM);
    assert_eq!(exit_code(server.wait_exit()), 0);
}

/// It is gone after `timeout`, within the patience of a test: a minute would be more.
#[test]
fn a_client_that_never_reads_is_gone_after_the_timeout() {
    leave_out!(Explicit | Implicit: "it says nothing that begins TLS");
    let server = Server::start("[server]\ntimeout = 2\n", BOB);
    let _client = never_reading(&server);
    server.wait_log("FTP session closed");
    // A setting that is read again holds for clients that come then.
    server.tree().write_conf("[server]\ntimeout = 1\n");
    server.signal(Signal::HUP);
    server.wait_log("read again");
    let _another = never_reading(&server);
    server.wait_log_times("FTP session closed", 2);
}

#[test]
fn an_accept_that_fails_is_told_once_and_tried_again() {
    leave_out!(Implicit: "each of its two listeners tells");
    let server = Server::plain();
    let Some(_trace) = Trace::failing(&server, &["accept4:error=ENOMEM:when=1..4"]) else { return };
    // The accept that was under way when strace came takes one of them.
    for _ in 0..2 {
        server.login().expect("QUIT", 221);
    }
    server.wait_log("can't accept connections at the moment");
    server.wait_log_times("FTP session closed", 2);
    server.expect_log("can't accept connections at the moment", 1);
}
