//! Many sessions, few descriptors, sudden ends: nothing is lost, nothing is left behind.
//!
//! Each long run has a short version here; the long ones are `#[ignore]`d and belong to `make soak`.

use std::{io::Write, net::TcpStream, process::Command, thread};

use crate::{
    channel::leave_out,
    client::{Client, address_of_227},
    data::{read_all, reset},
    server::{BOB, Server, Tree, eventually},
};

const MANY: &str = "[server]\nmax_cons = 600\nmax_cons_per_ip = 0\n";
const MIB: usize = 1 << 20;

/// What the server holds once it is warm: it keeps the passive listeners that a crowd of this size needs, and not one more
/// for each client that comes after it.
struct Holdings {
    threads: usize,
    descriptors: usize,
}

impl Holdings {
    fn of_warm(server: &Server, sessions: usize) -> Holdings {
        let threads = server.threads();
        let mut crowd: Vec<Client> = (0..sessions).map(|_| server.login()).collect();
        for _ in 0..50_usize.div_ceil(sessions).max(4) {
            for client in &mut crowd {
                client.pasv();
            }
        }
        for client in &mut crowd {
            client.expect("QUIT", 221);
            client.expect_closed();
        }
        eventually("the warm-up's thread has ended", || server.threads() <= threads);
        Holdings { threads, descriptors: server.descriptors() }
    }

    #[track_caller]
    fn expect_no_more(&self, server: &Server) {
        eventually("all threads have ended", || server.threads() <= self.threads);
        let now = server.descriptors();
        assert!(now <= self.descriptors, "{} open descriptors grew to {now}", self.descriptors);
    }
}

/// `count` sessions at once, each with its own file there and back.
fn run_sessions(server: &Server, count: usize, length: usize) {
    let barrier = std::sync::Barrier::new(count);
    thread::scope(|scope| {
        let sessions: Vec<_> = (0..count)
            .map(|index| {
                let barrier = &barrier;
                scope.spawn(move || {
                    let content: Vec<u8> = (0..length).map(|at| ((at / 7 + index) % 251) as u8).collect();
                    let mut client = server.login();
                    barrier.wait();
                    let name = format!("file{index}");
                    client.stor(&name, &content);
                    assert!(client.retr(&name) == content, "{name} came back different");
                    client.expect("QUIT", 221);
                    client.expect_closed();
                    std::fs::remove_file(server.home().join(name)).unwrap();
                })
            })
            .collect();
        sessions.into_iter().for_each(|session| session.join().unwrap());
    });
}

#[track_caller]
fn sessions_leave_nothing_behind(count: usize, length: usize) {
    let server = Server::start(MANY, BOB);
    let before = Holdings::of_warm(&server, count);
    run_sessions(&server, count, length);
    before.expect_no_more(&server);
    // Every place is free again.
    let _clients: Vec<Client> = (0..200).map(|_| server.client()).collect();
}

#[test]
fn a_hundred_sessions_at_once_leave_nothing_behind() {
    sessions_leave_nothing_behind(100, MIB);
}

#[test]
#[ignore = "make soak"]
fn three_hundred_sessions_of_ten_mib_leave_nothing_behind() {
    sessions_leave_nothing_behind(300, 10 * MIB);
}

/// Connect, greet, quit, `rounds` times after a warm-up; memory must not follow the number.
#[track_caller]
fn rounds_leave_memory_flat(rounds: usize) {
    let server = Server::start(MANY, BOB);
    let run = |count: usize| {
        for _ in 0..count {
            let mut client = server.client();
            client.expect("QUIT", 221);
            client.expect_closed();
        }
    };
    run(300);
    let before = server.memory();
    let descriptors = server.descriptors();
    run(rounds);
    let after = server.memory();
    assert!(after < before + 1500, "{before} KiB grew to {after} KiB in {rounds} rounds");
    eventually("all descriptors are closed", || server.descriptors() <= descriptors);
}

#[test]
fn a_thousand_rounds_leave_memory_flat() {
    rounds_leave_memory_flat(1000);
}

#[test]
#[ignore = "make soak"]
fn ten_thousand_rounds_leave_memory_flat() {
    rounds_leave_memory_flat(10_000);
}

#[test]
fn logins_and_transfers_leave_memory_flat() {
    let server = Server::start(MANY, BOB);
    let run = |count: usize| {
        for _ in 0..count {
            let mut client = server.login();
            client.stor("file", b"content");
            client.lines("MLSD");
            client.expect("QUIT", 221);
            client.expect_closed();
        }
    };
    run(50);
    let (before, descriptors) = (server.memory(), server.descriptors());
    run(200);
    let after = server.memory();
    assert!(after < before + 1500, "{before} KiB grew to {after} KiB");
    eventually("all descriptors are closed", || server.descriptors() <= descriptors);
}

/// Of the release build: another one has deeper frames.
#[test]
#[ignore = "make soak"]
fn an_idle_session_holds_twelve_kib_at_most() {
    leave_out!(Explicit | Implicit: "TLS has buffers of its own");
    let server = Server::start(MANY, BOB);
    let crowd = |count: usize| -> Vec<Client> { (0..count).map(|_| server.login()).collect() };
    let _warm = crowd(50);
    let before = server.memory();
    let _crowd = crowd(500);
    let each = (server.memory() - before) as f64 / 500.0;
    assert!(each <= 12.0, "{each} KiB");
}

#[test]
fn clients_that_vanish_at_every_stage_leave_nothing_behind() {
    let server = Server::start(MANY, BOB);
    server.write_sparse("big", 64 << 20);
    let before = Holdings::of_warm(&server, 10);
    let vanish = |client: Client, round: usize| if round.is_multiple_of(2) { drop(client) } else { client.reset() };
    for round in 0..10 {
        drop(TcpStream::connect(server.address()));
        vanish(Client::connect(server.door()), round);
        vanish(server.client(), round);
        vanish(server.login(), round);
        let mut client = server.login();
        client.pasv();
        vanish(client, round);
        let mut client = server.login();
        client.pasv();
        client.send("RETR big");
        vanish(client, round);
        let mut client = server.login();
        let data = client.stalled_download("big");
        vanish(client, round);
        drop(data);
        let mut client = server.login();
        let data = client.stalled_upload(&format!("STOR new{round}"), b"x");
        if round.is_multiple_of(2) {
            reset(data)
        } else {
            drop(data)
        }
        vanish(client, round);
    }
    before.expect_no_more(&server);
}

/// The server with a hard limit of open files.
fn start_with_few_descriptors(tree: Tree, limit: u32) -> Server {
    start_with_limit(tree, &format!("-n {limit}"))
}

/// The server under a limit of the shell.
fn start_with_limit(tree: Tree, limit: &str) -> Server {
    let inner = tree.command();
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(format!("ulimit {limit}; exec \"$0\" \"$@\""))
        .arg(inner.get_program())
        .args(inner.get_args());
    command.env_remove("RUST_LOG");
    tree.start_as(command)
}

#[test]
fn a_file_beyond_the_size_limit_is_552_and_ends_no_session() {
    let server = start_with_limit(Tree::new("", BOB), "-f 256");
    let mut other = server.login();
    let mut client = server.login();
    client.stor("small", vec![b'x'; 10_000]);
    let mut data = client.passive();
    client.expect("STOR large", 150);
    // The server may hang up before it has taken everything.
    let _ = data.write_all(&vec![b'x'; 2 << 20]);
    drop(data);
    client.read_reply().expect(552);
    client.expect("NOOP", 200);
    other.expect("NOOP", 200);
}

#[test]
fn running_out_of_descriptors_is_survived() {
    let tree = Tree::new("[server]\nmax_cons = 500\nmax_cons_per_ip = 0\n", BOB);
    let mut server = start_with_few_descriptors(tree, 40);
    for _ in 0..3 {
        let crowd: Vec<Client> = (0..100).map(|_| Client::connect(server.door())).collect();
        // Those that are served are served while the others wait.
        let mut served = crowd.into_iter().next().unwrap();
        served.read_reply().expect(220);
        served.login("bob", "secret");
        drop(served);
        assert!(server.is_running());
        let mut client = server.login();
        client.stor("file", "content");
        assert_eq!(client.retr("file"), b"content");
    }
    assert!(server.log_lines("").len() < 3000, "the log is not flooded");
}

#[test]
fn too_few_descriptors_for_max_cons_are_warned_about() {
    let tree = Tree::new("[server]\nmax_cons = 500\n", BOB);
    let server = start_with_few_descriptors(tree, 40);
    server.wait_log("LimitNOFILE=");
}

#[test]
fn transfers_without_a_descriptor_to_spare_fail_politely() {
    let tree = Tree::new("[server]\nmax_cons = 500\nmax_cons_per_ip = 0\n[transfer]\nconnect_timeout = 1\n", BOB);
    let server = start_with_few_descriptors(tree, 40);
    server.write("file", "content");
    let mut client = server.login();
    let crowd: Vec<Client> = (0..60).map(|_| Client::connect(server.door())).collect();
    for command in ["PASV", "LIST", "RETR file", "STOR new", "MKD new", "SIZE file"] {
        let code = client.cmd(command).code;
        assert!((200..560).contains(&code), "{command}: {code}");
        if code == 150 {
            client.read_reply();
        }
    }
    drop(crowd);
    eventually("a transfer works again", || {
        let reply = client.cmd("PASV");
        if reply.code != 227 {
            return false;
        }
        let data = client.connect_data(address_of_227(&reply));
        if client.cmd("RETR file").code != 150 {
            return false;
        }
        assert_eq!(read_all(data), b"content");
        client.read_reply().expect(226);
        true
    });
}

#[test]
fn what_was_answered_226_is_there_after_kill_9_and_a_restart_on_the_same_port() {
    let server = Server::plain();
    let port = server.address().port();
    let mut client = server.login();
    let content: Vec<u8> = (0..MIB).map(|at| (at % 253) as u8).collect();
    for index in 0..5 {
        client.stor(&format!("file{index}"), &content);
    }
    client.upload("APPE file0", "more").expect(226);
    let _cut = client.stalled_upload("STOR cut", &content[..1000]);
    eventually("what was sent is on the disk", || server.arrived("cut").len() == 1000);
    let mut idle = server.login();
    let tree = server.kill();
    idle.expect_closed();
    tree.write_conf(&format!("[server]\nport = {port}\n"));
    let server = tree.start();
    assert_eq!(server.address().port(), port);
    assert_eq!(server.read("file0"), [&content[..], b"more"].concat());
    for index in 1..5 {
        assert!(server.read(format!("file{index}")) == content);
    }
    // Nobody could say any more that it is to be shown: the name is free, and what came is kept.
    assert!(!server.home().join("cut").exists());
    assert!(content.starts_with(&server.arrived("cut")));
    let mut client = server.login();
    client.expect("REST 1000", 350);
    client.stor("cut", &content[1000..]);
    assert!(server.read("cut") == content);
}

#[test]
fn kill_9_in_the_middle_of_uploads_leaves_clean_prefixes() {
    let mut tree = Some(Tree::new("", BOB));
    let content: Vec<u8> = (0..4 * MIB).map(|at| (at % 253) as u8).collect();
    for round in 0..5 {
        let server = tree.take().unwrap().start();
        let address = server.door();
        let (sender, started) = std::sync::mpsc::channel();
        let content = &content;
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut client = Client::greeted(address);
                client.login("bob", "secret");
                client.expect("TYPE I", 200);
                client.stor(&format!("whole{round}"), content);
                let mut data = client.passive();
                client.expect(format!("STOR cut{round}"), 150);
                sender.send(()).unwrap();
                let _ = data.write_all(content);
            });
            started.recv().unwrap();
            tree = Some(server.kill());
        });
        let home = tree.as_ref().unwrap().home();
        assert!(std::fs::read(home.join(format!("whole{round}"))).unwrap() == *content);
        let cut = std::fs::read(home.join(format!("cut{round}"))).unwrap_or_default();
        assert!(content.starts_with(&cut), "{} bytes that are no prefix", cut.len());
    }
}

#[test]
fn a_flood_of_pipelined_commands_is_answered_one_by_one() {
    let server = Server::plain();
    let mut client = server.login();
    let mut sender = client.sender();
    let writer = thread::spawn(move || sender("NOOP\r\n".repeat(20_000).as_bytes()));
    for _ in 0..20_000 {
        client.read_reply().expect(200);
    }
    writer.join().unwrap();
    assert!(client.is_silent());
}

#[test]
fn a_client_that_never_reads_its_replies_costs_no_memory_and_no_server() {
    let server = Server::plain();
    let client = server.login();
    let mut sender = client.sender();
    let before = server.memory();
    let writer = thread::spawn(move || sender("HELP\r\n".repeat(200_000).as_bytes()));
    let mut other = server.login();
    for _ in 0..100 {
        other.expect("NOOP", 200);
    }
    assert!(server.memory() < before + 8 * 1024, "{} KiB from {before}", server.memory());
    client.shut_down();
    writer.join().unwrap();
    other.expect("NOOP", 200);
}
