//! Several servers share one folder: two processes on this machine, and two machines behind a load balancer.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Stdio},
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::SystemTime,
};

use rustix::process::Signal;

use crate::{
    channel::leave_out,
    client::{Client, PATIENCE, address_of_227},
    clients::program,
    namespaces::Networks,
    server::{Server, Tree, eventually},
};

/// Bob, whose home is that of another server.
fn guest_of(host: &Tree) -> String {
    format!("[bob]\npassword = secret\nperm = elradfmwMT\nhome = {}\n", host.home().display())
}

fn two_servers() -> (Server, Server) {
    let one = Server::plain();
    let other = Server::start("", &guest_of(one.tree()));
    one.write("old", "what was there");
    (one, other)
}

#[test]
fn a_file_that_one_server_writes_is_busy_for_the_other() {
    let (one, other) = two_servers();
    for command in ["STOR new", "STOR old", "APPE old", "APPE made"] {
        let mut client = one.login();
        let data = client.stalled_upload(command, b"first");
        eventually("the first bytes are there", || one.arrived(&command[5..]).ends_with(b"first"));
        let mut late = other.login();
        late.pasv();
        late.expect(command, 450);
        drop(data);
        client.read_reply().expect(226);
        late.upload(command, "second").expect(226);
    }
    assert_eq!(one.read("new"), b"second");
    assert_eq!(one.read("old"), b"secondfirstsecond");
    assert_eq!(one.read("made"), b"firstsecond");
}

#[test]
fn what_one_server_appends_to_the_other_does_not_replace() {
    let (one, other) = two_servers();
    let mut client = one.login();
    let data = client.stalled_upload("APPE old", b"first");
    let mut late = other.login();
    late.pasv();
    late.expect("STOR old", 450);
    drop(data);
    client.read_reply().expect(226);
    assert_eq!(one.read("old"), b"what was therefirst");
}

#[test]
fn what_one_server_writes_the_other_neither_deletes_nor_sweeps() {
    let (one, other) = two_servers();
    fs::create_dir(one.home().join("folder")).unwrap();
    for (name, commands) in [("new", &["DELE new"][..]), ("folder/new", &["DELE folder/new", "RMD folder"])] {
        let mut client = one.login();
        let data = client.stalled_upload(&format!("STOR {name}"), b"first");
        eventually("the first bytes are there", || one.arrived(name) == b"first" || name.contains('/'));
        let partial = one.tree().partials(name.trim_end_matches("new")).pop().unwrap();
        fs::File::open(&partial).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let mut late = other.login();
        commands.iter().for_each(|command| drop(late.expect(command, 550)));
        late.stor(&format!("{name}er"), "the first upload in this folder sweeps it");
        drop(data);
        client.read_reply().expect(226);
        assert_eq!(one.read(name), b"first");
    }
}

#[test]
fn what_one_server_kept_of_a_broken_upload_the_other_goes_on_with() {
    let (one, other) = two_servers();
    let mut client = one.login();
    let _data = client.stalled_upload("STOR old", b"new ");
    eventually("the first bytes are there", || one.arrived("old") == b"new ");
    client.expect("ABOR", 426);
    client.read_reply().expect(226);
    let mut client = other.login();
    client.upload("STOR other", "x").expect(226);
    client.pasv();
    client.expect("REST 3", 350);
    client.expect("STOR old", 554);
    assert_eq!(other.login().retr("old"), b"what was there");
    client.expect("REST 4", 350);
    client.upload("STOR old", "content").expect(226);
    assert_eq!(one.read("old"), b"new content");
}

/// Where the balancer listens. It is the client's router, too.
const DOOR: ([u8; 4], u16) = ([203, 0, 113, 1], 21);

const HAPROXY: &str = "
defaults
    mode tcp
    timeout connect 1s
    timeout client 1m
    timeout server 1m
    retries 3
    option redispatch
listen ftp
    bind 203.0.113.1:21
    default-server check inter 100ms fall 1 rise 1 on-marked-down shutdown-sessions send-proxy-v2
    server node1 192.168.1.2:2121
    server node2 192.168.2.2:2121
";

/// A node that the balancer reaches at 192.168.n.2, and clients, for their data connections, at 198.51.100.n.
fn node(number: u8) -> String {
    format!(
        "[server]\nip = 192.168.{number}.2\nport = 2121\nmax_cons_per_ip = 20\nproxy_protocol_from = 192.168.{number}.1\n\
         [passive]\npassive_ports = 8300-8349\nmasquerade_address = 198.51.100.{number}\nmasquerade_for = all\n"
    )
}

/// A client's network, the balancer, and two nodes behind it.
fn networks() -> Option<Networks> {
    let networks = Networks::new(&["client", "balancer", "node1", "node2"])?;
    networks.connect(("client", "203.0.113.9/24"), ("balancer", "203.0.113.1/24"));
    networks.run("client", "ip route add default via 203.0.113.1");
    networks.run("balancer", "sysctl -q -w net.ipv4.ip_forward=1");
    for (name, inner, outer, gateway) in [
        ("node1", "192.168.1.2/24", "198.51.100.1/32", "192.168.1.1/24"),
        ("node2", "192.168.2.2/24", "198.51.100.2/32", "192.168.2.1/24"),
    ] {
        networks.connect(("balancer", gateway), (name, inner));
        networks.run(name, &format!("ip addr add {outer} dev lo"));
        networks.run(name, &format!("ip route add default via {}", gateway.trim_end_matches("/24")));
        networks.run("balancer", &format!("ip route add {outer} via {}", inner.trim_end_matches("/24")));
    }
    Some(networks)
}

/// A running HAProxy; Drop ends it.
struct Balancer(Child);

impl Balancer {
    fn start(networks: &Networks, folder: &Tree) -> Balancer {
        let file = folder.path("haproxy.cfg");
        fs::write(&file, HAPROXY).unwrap();
        let mut command = networks.inside("balancer");
        command.args(["haproxy", "-db", "-f"]).arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        Balancer(command.spawn().expect("HAProxy starts"))
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What came of a session that may break at any moment: nothing unless it went well to its end.
type Done<T> = Option<T>;

fn ask(client: &mut Client, command: &str, code: u16) -> Done<()> {
    (client.ask(command)?.code == code).then_some(())
}

fn log_in() -> Done<Client> {
    let mut client = Client::connect(DOOR.into());
    (client.try_read_reply()?.code == 220).then_some(())?;
    for (command, code) in [("USER bob", 331), ("PASS secret", 230), ("TYPE I", 200)] {
        ask(&mut client, command, code)?;
    }
    Some(client)
}

fn begin(command: &str) -> Done<(Client, TcpStream)> {
    let mut client = log_in()?;
    let reply = client.ask("PASV").filter(|reply| reply.code == 227)?;
    let data = TcpStream::connect_timeout(&address_of_227(&reply), PATIENCE).ok()?;
    data.set_read_timeout(Some(PATIENCE)).unwrap();
    ask(&mut client, command, 150)?;
    Some((client, data))
}

fn store(name: &str, content: &[u8]) -> Done<()> {
    let (mut client, mut data) = begin(&format!("STOR {name}"))?;
    data.write_all(content).ok()?;
    drop(data);
    (client.try_read_reply()?.code == 226).then_some(())
}

fn fetch(name: &str) -> Done<Vec<u8>> {
    let (mut client, mut data) = begin(&format!("RETR {name}"))?;
    let mut content = Vec::new();
    data.read_to_end(&mut content).ok()?;
    (client.try_read_reply()?.code == 226).then_some(content)
}

/// Content that no other file or version has a line of.
fn content(seed: u64) -> Vec<u8> {
    format!("{seed:016x}\n").repeat(10_000 + seed as usize % 1000).into_bytes()
}

/// Fails when a file that came back is none of these.
fn assert_one_of(name: &str, seeds: &[u64], fetched: Done<Vec<u8>>) {
    let Some(fetched) = fetched else { return };
    assert!(seeds.iter().any(|seed| content(*seed) == fetched), "{name} is not what was acknowledged");
}

/// Clients that store and fetch all the time, and take note of what was acknowledged.
#[derive(Default)]
struct Load {
    acknowledged: AtomicUsize,
    over: AtomicBool,
    /// Files that must be there, with the seeds of what they may hold.
    stored: Mutex<Vec<(String, Vec<u64>)>>,
}

const WORKERS: u64 = 6;

/// Ends the work when it is dropped, also by a test that fails.
struct Over<'a>(&'a Load);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.over.store(true, Ordering::Relaxed);
    }
}

impl Load {
    /// New files, and one file of the worker's own in new versions.
    fn work(&self, worker: u64) {
        let own = format!("own{worker}");
        // The last version that was acknowledged, and those after it that were not.
        let mut versions = Vec::new();
        for round in 0.. {
            if self.over.load(Ordering::Relaxed) {
                break;
            }
            let seed = worker << 32 | round;
            let name = format!("file{worker}-{round}");
            if store(&name, &content(seed)).is_some() {
                self.acknowledged.fetch_add(1, Ordering::Relaxed);
                assert_one_of(&name, &[seed], fetch(&name));
                self.stored.lock().unwrap().push((name, vec![seed]));
            }
            if store(&own, &content(seed)).is_some() {
                versions.clear();
            }
            versions.push(seed);
            assert_one_of(&own, &versions, fetch(&own));
        }
        self.stored.lock().unwrap().push((own, versions));
    }

    /// Waits until more uploads were acknowledged.
    fn goes_on(&self, what: &str) {
        let before = self.acknowledged.load(Ordering::Relaxed);
        eventually(what, || self.acknowledged.load(Ordering::Relaxed) >= before + 40);
    }
}

#[test]
fn two_machines_behind_haproxy_lose_nothing_that_was_acknowledged_when_one_goes_down() {
    leave_out!(Explicit | Implicit: "HAProxy is told of the port of plain FTP");
    let (Some(_), Some(networks)) = (program("haproxy"), networks()) else { return };
    let disk = Tree::new("", "");
    let users = guest_of(&disk);
    let [one, other] = [1, 2].map(|number| Tree::new(&node(number), &users));
    let (mut one, other) = (networks.start("node1", one), networks.start("node2", other));
    let _balancer = Balancer::start(&networks, &disk);
    let load = Load::default();
    thread::scope(|scope| {
        let _over = Over(&load);
        networks
            .visit("client", || eventually("HAProxy listens", || TcpStream::connect(SocketAddr::from(DOOR)).is_ok()));
        for worker in 0..WORKERS {
            let (networks, load) = (&networks, &load);
            scope.spawn(move || networks.visit("client", || load.work(worker)));
        }
        let stored = "203.0.113.9:*-[bob] STOR *completed=1";
        one.wait_log_times(stored, 10);
        other.wait_log_times(stored, 10);
        load.goes_on("both nodes take uploads");
        let tree = other.kill();
        load.goes_on("one node takes them all");
        let other = networks.start("node2", tree);
        other.wait_log_times(stored, 10);
        one.signal(Signal::TERM);
        one.wait_exit();
        load.goes_on("the other node takes them all");
    });
    let stored = load.stored.into_inner().unwrap();
    assert!(stored.len() > 120);
    for (name, seeds) in stored {
        assert_one_of(&name, &seeds, Some(fs::read(disk.home().join(&name)).unwrap()));
    }
    let lines = one.log_lines("STOR *completed=1");
    assert!(lines.iter().all(|line| line.contains("203.0.113.9:")), "the log names the clients");
}
