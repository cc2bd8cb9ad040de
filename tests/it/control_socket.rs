//! The local socket of a running server: where it is, who is answered, and that no client of it holds anything up.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use rustix::{
    process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit},
    thread::{Uid, set_thread_res_uid},
};
use serde_json::Value;

use crate::{
    client::PATIENCE,
    privileges::{self, ids, is_root},
    server::{BOB, Ended, Server, Tree, bare_command, run_to_its_end},
};

const WHO: &str = r#"{"v":1,"do":"who"}"#;

impl Server {
    /// The path of its local socket.
    pub fn socket(&self) -> PathBuf {
        self.tree().runtime().join(format!("ftpd/{}.sock", self.address().port()))
    }

    /// What it answers at its local socket to one request.
    #[track_caller]
    pub fn ask(&self, request: &str) -> Value {
        Caller::of(&self.socket()).ask(request)
    }

    /// The sessions that are here, as its local socket tells.
    #[track_caller]
    pub fn sessions(&self) -> Vec<Value> {
        self.ask(WHO)["sessions"].as_array().expect("a list").clone()
    }

    /// Runs one of the commands that ask it.
    #[track_caller]
    pub fn administer(&self, words: &str) -> Ended {
        let port = self.address().port().to_string();
        run_to_its_end(self.administering(&format!("{words} -p {port}")))
    }

    /// The same, ready to run.
    pub fn administering(&self, words: &str) -> Command {
        let mut command = bare_command();
        command.args(words.split(' ')).env("XDG_RUNTIME_DIR", self.tree().runtime()).current_dir(self.home());
        command
    }
}

/// A client of a local socket.
pub struct Caller {
    stream: BufReader<UnixStream>,
}

impl Caller {
    #[track_caller]
    pub fn of(socket: &Path) -> Caller {
        let stream = UnixStream::connect(socket).expect("somebody listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Caller { stream: BufReader::new(stream) }
    }

    /// Sends what comes without an answer; it may have been hung up.
    pub fn say(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    /// The next line; empty once the server has hung up.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        let _ = self.stream.read_line(&mut line);
        line
    }

    #[track_caller]
    pub fn ask(&mut self, request: &str) -> Value {
        self.say(format!("{request}\n").as_bytes());
        let line = self.hear();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("{request}: {line:?} is no JSON"))
    }
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_socket_is_its_users_alone_and_gone_at_the_end() {
    let mut server = Server::plain();
    let socket = server.socket();
    assert_eq!((mode(&socket), mode(socket.parent().unwrap())), (0o600, 0o700));
    assert_eq!(server.ask(WHO)["server"]["pid"], server.id());
    server.signal(Signal::TERM);
    server.wait_exit();
    assert!(!socket.exists());
}

#[test]
fn a_second_signal_leaves_no_socket_either() {
    let mut server = Server::plain();
    server.write_sparse("big", 64 << 20);
    let mut busy = server.login();
    let _data = busy.stalled_download("big");
    let socket = server.socket();
    server.signal(Signal::TERM);
    server.wait_log("stopping: ");
    assert_eq!(server.ask(WHO)["sessions"][0]["verb"], "RETR", "a server that stops is still answered for");
    server.signal(Signal::TERM);
    server.wait_exit();
    assert!(!socket.exists());
}

#[test]
fn the_folder_that_systemd_gives_comes_first() {
    let tree = Tree::new("", BOB);
    let given = tree.path("given");
    fs::create_dir(&given).unwrap();
    let mut command = tree.command();
    command.env("RUNTIME_DIRECTORY", format!("{}:/elsewhere", given.display()));
    let server = tree.start_as(command);
    let socket = given.join(format!("{}.sock", server.address().port()));
    assert_eq!(Caller::of(&socket).ask(WHO)["ok"], true);
    assert!(!server.socket().exists());
}

#[test]
fn another_place_may_be_named_or_there_is_none() {
    let server = Server::start("[server]\ncontrol_socket = ctl\n", BOB);
    let socket = server.tree().path("ctl");
    assert_eq!(mode(&socket), 0o600);
    assert_eq!(Caller::of(&socket).ask(WHO)["ok"], true);
    let mut who = server.administering("who -c");
    who.arg(server.tree().path("ftpd.conf"));
    assert_eq!(run_to_its_end(who).code, Some(0), "ftpd.conf tells where");
    assert!(!server.socket().exists());

    let server = Server::start("[server]\ncontrol_socket = off\n", BOB);
    assert!(!server.socket().exists() && server.log_lines("control_socket").is_empty());
    let mut who = server.administering("who -c");
    who.arg(server.tree().path("ftpd.conf"));
    let ended = run_to_its_end(who);
    assert_eq!(ended.code, Some(1));
    assert!(ended.output.contains("control_socket = off"), "{}", ended.output);
}

#[test]
fn a_folder_that_is_missing_is_told_alike_at_start_and_by_check() {
    let tree = Tree::new("[server]\ncontrol_socket = none/ctl\n", BOB);
    let mut check = tree.command();
    check.arg("check");
    for ended in [tree.run(), run_to_its_end(check)] {
        assert_eq!(ended.code, Some(1), "{}", ended.output);
        for part in ["ftpd.conf:4: control_socket: ", "none/ctl", "mkdir -p "] {
            assert!(ended.output.contains(part), "{part}: {}", ended.output);
        }
    }
}

#[test]
fn a_folder_that_can_not_be_used_is_a_warning_and_another_one_is_taken() {
    let tree = Tree::new("", BOB);
    let mut command = tree.command();
    command.env("XDG_RUNTIME_DIR", tree.path("missing")).env("TMPDIR", tree.path("missing"));
    let server = tree.start_as(command);
    server.login().expect("NOOP", 200);
    let of_root = PathBuf::from(format!("/run/ftpd/{}.sock", server.address().port()));
    assert_ne!(of_root.exists(), !server.log_lines("can't make").is_empty());
}

#[test]
fn the_socket_of_a_killed_server_is_replaced_and_that_of_a_living_one_is_not() {
    let server = Server::start("[server]\ncontrol_socket = ctl\n", BOB);
    let tree = server.kill();
    assert!(tree.path("ctl").exists());
    let server = tree.start();
    let ended = server.tree().run();
    assert_eq!(ended.code, Some(1));
    assert!(ended.output.contains("another running ftpd listens there"), "{}", ended.output);
    assert_eq!(Caller::of(&server.tree().path("ctl")).ask(WHO)["server"]["pid"], server.id());
}

#[test]
fn a_file_that_is_no_socket_is_not_replaced() {
    let tree = Tree::new("[server]\ncontrol_socket = other\n", BOB);
    fs::write(tree.path("other"), "x").unwrap();
    let ended = tree.run();
    assert_eq!(ended.code, Some(1));
    assert!(ended.output.contains("a file that is no socket has that name"), "{}", ended.output);
    assert_eq!(fs::read_to_string(tree.path("other")).unwrap(), "x");
}

#[test]
fn another_user_is_refused_even_if_the_mode_lets_it_in() {
    if !is_root() {
        return;
    }
    let server = Server::plain();
    let socket = server.socket();
    for path in [server.tree().runtime(), socket.parent().unwrap(), &socket] {
        fs::set_permissions(path, PermissionsExt::from_mode(0o777)).unwrap();
    }
    let refused = as_user(65534, move || Caller::of(&socket).ask(WHO));
    assert_eq!(refused["ok"], false);
    assert!(refused["error"].as_str().unwrap().contains("root"), "{refused}");
    server.wait_log("control socket: user 65534 is refused");
    assert_eq!(server.ask(WHO)["ok"], true);
}

#[test]
fn a_server_that_gave_root_up_makes_its_socket_answers_root_and_removes_it() {
    if !is_root() {
        return;
    }
    let (user, group) = ids(privileges::USER);
    let tree = privileges::tree(&format!("[server]\nuser = {}\n", privileges::USER), BOB, privileges::USER);
    fs::set_permissions(tree.runtime(), PermissionsExt::from_mode(0o755)).unwrap();
    let mut server = tree.start();
    let socket = server.socket();
    let folder = fs::metadata(socket.parent().unwrap()).unwrap();
    let facts = std::os::unix::fs::MetadataExt::gid(&folder);
    assert_eq!((facts, mode(socket.parent().unwrap()), mode(&socket)), (group, 0o700, 0o600));
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(&socket).unwrap()), user);
    assert_eq!(server.ask(WHO)["ok"], true, "root is answered");
    server.signal(Signal::TERM);
    server.wait_exit();
    assert!(!socket.exists());
}

/// Does something as another user, on a thread that is that user.
fn as_user<T: Send + 'static>(user: u32, act: impl FnOnce() -> T + Send + 'static) -> T {
    let act = move || {
        let user = Uid::from_raw(user);
        set_thread_res_uid(user, user, user).expect("root may");
        act()
    };
    thread::spawn(act).join().expect("no panic")
}

#[test]
fn rubbish_is_told_so_and_hung_up_on_and_harms_nobody() {
    let server = Server::plain();
    let _client = server.login();
    let cases: [&[u8]; 9] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\n",
        b"\0\0\0\n",
        b"\xff\xfe{}\n",
        b"{\"v\":1}\n",
        b"{\"v\":2,\"do\":\"who\"}\n",
        b"{\"v\":1,\"do\":\"kick\"}\n",
        b"{\"v\":1,\"do\":\"kick\",\"ids\":[-1]}\n",
        &[&[b'['; 60_000][..], b"\n"].concat(),
    ];
    for rubbish in cases {
        let mut caller = Caller::of(&server.socket());
        caller.say(rubbish);
        let answer: Value = serde_json::from_str(&caller.hear()).expect("an answer");
        assert_eq!(answer["ok"], false, "{}", rubbish[..rubbish.len().min(40)].escape_ascii());
        assert!(answer["error"].as_str().is_some_and(|error| error.len() < 300));
        assert_eq!(caller.hear(), "", "it is hung up on");
    }
    assert_eq!(server.sessions().len(), 1);
}

#[test]
fn a_line_without_an_end_is_bounded() {
    let server = Server::plain();
    let before = server.memory();
    let mut caller = Caller::of(&server.socket());
    for _ in 0..512 {
        caller.say(&[b'x'; 64 * 1024]);
    }
    assert!(server.memory() < before + 4096, "32 MiB were not kept");
    assert_eq!(server.ask(WHO)["ok"], true);
}

#[test]
fn several_requests_may_come_at_once_and_cut_anywhere() {
    let server = Server::plain();
    let mut caller = Caller::of(&server.socket());
    caller.say(format!("{WHO}\n{WHO}\r\n{WHO}").as_bytes());
    for _ in 0..2 {
        assert!(caller.hear().contains("\"ok\":true"));
    }
    caller.say(b"\n");
    assert!(caller.hear().contains("\"ok\":true"));
    // One that has said all is answered before it is hung up on.
    caller.say(format!("{WHO}\n").as_bytes());
    caller.stream.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    assert!(caller.hear().contains("\"ok\":true"));
    assert_eq!(caller.hear(), "");
}

/// A thousand descriptors for clients of the test's own, beside the usual ones.
fn allow_many_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .expect("up to the hard limit");
}

#[test]
fn a_thousand_clients_that_say_nothing_or_rubbish_change_nothing() {
    allow_many_descriptors();
    let server = Server::plain();
    let mut client = server.login();
    let (descriptors, threads, memory) = (server.descriptors(), server.threads(), server.memory());
    let socket = server.socket();
    let mut callers: Vec<Caller> = Vec::new();
    for number in 0..1000 {
        let mut caller = Caller::of(&socket);
        match number % 3 {
            0 => {}
            1 => caller.say(b"{\"v\":1,\"do\":"),
            _ => caller.say(b"rubbish\n"),
        }
        callers.push(caller);
        if number % 100 == 99 {
            let who = server.administer("who");
            assert_eq!(who.code, Some(0), "{}", who.output);
            assert!(who.output.contains("bob"), "{}", who.output);
            client.expect("NOOP", 200);
        }
    }
    assert!(server.descriptors() <= descriptors + 32, "a bounded number is here at once");
    assert_eq!(server.threads(), threads);
    assert!(server.memory() < memory + 2048);
    // The most silent one had to go first.
    assert_eq!(callers[0].hear(), "");
    drop(callers);
    client.expect("NOOP", 200);
}

#[test]
fn a_client_that_asks_now_and_then_is_not_dropped_for_silent_ones() {
    allow_many_descriptors();
    let server = Server::plain();
    let mut faithful = Caller::of(&server.socket());
    let mut others = Vec::new();
    for _ in 0..200 {
        others.push(Caller::of(&server.socket()));
        assert_eq!(faithful.ask(WHO)["ok"], true);
    }
}

#[test]
fn a_client_that_reads_nothing_costs_nothing() {
    let server = Server::plain();
    let mut clients: Vec<_> = (0..20).map(|_| server.login()).collect();
    let before = server.memory();
    let stubborn: Vec<UnixStream> = (0..20)
        .map(|_| {
            let mut stream = UnixStream::connect(server.socket()).unwrap();
            stream.set_nonblocking(true).unwrap();
            let requests = format!("{WHO}\n").repeat(1000);
            while stream.write(requests.as_bytes()).is_ok() {}
            stream
        })
        .collect();
    assert_eq!(server.administer("who").code, Some(0));
    clients.iter_mut().for_each(|client| drop(client.expect("NOOP", 200)));
    let ticks = server.processor_ticks();
    clients.iter_mut().for_each(|client| drop(client.expect("NOOP", 200)));
    assert!(server.processor_ticks() <= ticks + 5, "nothing turns in circles");
    assert!(server.memory() < before + 4096, "one answer each");
    drop(stubborn);
}

#[test]
fn a_client_that_is_stopped_holds_nobody_up() {
    let server = Server::plain();
    let mut client = server.login();
    let script = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.connect(sys.argv[1])\n\
        while True:\n    s.sendall(b'{\"v\":1,\"do\":\"who\"}\\n')\n    print(len(s.recv(65536)), flush=True)\n";
    let mut command = Command::new("python3");
    command.arg("-c").arg(script).arg(server.socket()).stdout(Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        eprintln!("SKIPPED: needs python3");
        return;
    };
    // Its first answers have come: it is in full swing.
    child.stdout.as_mut().unwrap().read_exact(&mut [0; 16]).unwrap();
    kill_process(Pid::from_child(&child), Signal::STOP).unwrap();
    for _ in 0..20 {
        assert_eq!(server.sessions().len(), 1);
        client.expect("NOOP", 200);
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_documentation_has_each_request_and_each_member() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/control-socket.md")).unwrap();
    let server = Server::plain();
    let _client = server.login();
    for request in ["who", "status", "kick", "reload", "unban", "drain"] {
        assert!(text.contains(&format!("{{\"v\":1,\"do\":\"{request}\"")), "{request}");
    }
    let answers = [
        server.ask(WHO),
        server.sessions().remove(0),
        server.ask(r#"{"v":1,"do":"status"}"#),
        server.ask(r#"{"v":1,"do":"status"}"#)["limits"].clone(),
        server.ask(r#"{"v":1,"do":"kick","ids":[9]}"#),
        server.ask(r#"{"v":1,"do":"unban","address":"192.0.2.1"}"#),
        server.ask(r#"{"v":1,"do":"reload"}"#),
    ];
    for answer in answers {
        for member in answer.as_object().expect("an object").keys() {
            assert!(text.contains(&format!("\"{member}\"")), "{member} of {answer}");
        }
    }
}
