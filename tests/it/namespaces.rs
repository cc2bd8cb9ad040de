//! Networks of their own, with routers in between. They need root; without it they are skipped loudly.

use std::{
    env, fs,
    net::SocketAddr,
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{
    channel::leave_out,
    client::Client,
    data::read_all,
    server::{BOB, Server, Tree},
};

/// Network namespaces that are gone when the test is over.
pub struct Networks {
    prefix: String,
    names: Vec<&'static str>,
}

impl Networks {
    /// Namespaces of these names, or nothing (and a loud word).
    pub fn new(names: &[&'static str]) -> Option<Networks> {
        static CALLS: AtomicU32 = AtomicU32::new(0);
        let prefix = format!("ftpd-{}-{}-", std::process::id(), CALLS.fetch_add(1, Ordering::Relaxed));
        let mut networks = Networks { prefix, names: Vec::new() };
        for name in names {
            let added = Command::new("ip").args(["netns", "add", &networks.name(name)]).stderr(Stdio::null()).status();
            if !added.is_ok_and(|status| status.success()) {
                assert!(
                    env::var("FTPD_REQUIRE_CLIENTS").as_deref() != Ok("1") || !rustix::process::geteuid().is_root(),
                    "no network namespace can be made"
                );
                eprintln!("SKIPPED: network namespaces need root and iproute2");
                return None;
            }
            networks.names.push(name);
            networks.run(name, "ip link set lo up");
        }
        Some(networks)
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// A cable between two of them, with an address at each end.
    pub fn connect(&self, (one, one_address): (&str, &str), (other, other_address): (&str, &str)) {
        let (here, there) = (format!("to-{other}"), format!("to-{one}"));
        let ends =
            format!("link add {here} netns {} type veth peer name {there} netns {}", self.name(one), self.name(other));
        run(Command::new("ip").args(ends.split(' ')));
        for (name, device, address) in [(one, here, one_address), (other, there, other_address)] {
            self.run(name, &format!("ip link set {device} addrgenmode none"));
            self.run(
                name,
                &format!("ip addr add {address} dev {device}{}", if address.contains(':') { " nodad" } else { "" }),
            );
            self.run(name, &format!("ip link set {device} up"));
        }
    }

    #[track_caller]
    pub fn run(&self, name: &str, command: &str) {
        run(self.inside(name).args(command.split(' ')));
    }

    /// The beginning of a command in one of them.
    pub fn inside(&self, name: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name(name)]);
        command
    }

    /// Rules of nft in one of them; false (and a loud word) if it can't be used.
    pub fn rules(&self, name: &str, rules: &str) -> bool {
        let usable = self.inside(name).args(["nft", "list", "ruleset"]).stderr(Stdio::null()).status();
        if !usable.is_ok_and(|status| status.success()) {
            assert!(env::var("FTPD_REQUIRE_CLIENTS").as_deref() != Ok("1"), "nft does not work");
            eprintln!("SKIPPED: nft is not installed, or has no access to the kernel's tables");
            return false;
        }
        let file = env::temp_dir().join(self.name(name));
        fs::write(&file, rules).unwrap();
        run(self.inside(name).arg("nft").arg("-f").arg(&file));
        fs::remove_file(file).unwrap();
        true
    }

    /// A name that is known in one of them.
    fn teach(&self, name: &str, hosts: &str) {
        let folder = PathBuf::from("/etc/netns").join(self.name(name));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("hosts"), hosts).unwrap();
    }

    pub fn serve(&self, name: &str, conf: &str) -> Server {
        let server = self.start(name, Tree::new(conf, BOB));
        server.write("file", "content");
        server
    }

    /// Starts the server of a tree in one of them.
    pub fn start(&self, name: &str, tree: Tree) -> Server {
        let server = tree.command();
        let mut command = self.inside(name);
        command.arg(server.get_program()).args(server.get_args()).env_remove("RUST_LOG");
        tree.start_as(command)
    }

    /// Runs a client in one of them.
    pub fn visit<T: Send>(&self, name: &str, work: impl FnOnce() -> T + Send) -> T {
        let namespace = fs::File::open(format!("/var/run/netns/{}", self.name(name))).unwrap();
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                move_into_link_name_space(std::os::fd::AsFd::as_fd(&namespace), Some(LinkNameSpaceType::Network))
                    .unwrap();
                work()
            });
            inside.join().unwrap()
        })
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in &self.names {
            let _ = Command::new("ip").args(["netns", "del", &self.name(name)]).status();
            let _ = fs::remove_dir_all(PathBuf::from("/etc/netns").join(self.name(name)));
        }
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn log_in(address: &str) -> Client {
    let mut client = Client::greeted(address.parse().unwrap());
    client.login("bob", "secret");
    client.expect("TYPE I", 200);
    client
}

/// `client` on the Internet, `router`, and `server` behind it, to which the router forwards the control port and two
/// passive ones.
fn server_behind_a_router() -> Option<Networks> {
    let networks = Networks::new(&["client", "router", "server"])?;
    networks.connect(("client", "203.0.113.9/24"), ("router", "203.0.113.1/24"));
    networks.connect(("router", "192.168.9.1/24"), ("server", "192.168.9.2/24"));
    networks.run("server", "ip route add default via 192.168.9.1");
    networks.run("router", "sysctl -q -w net.ipv4.ip_forward=1");
    let rules = "table ip nat {
        chain in { type nat hook prerouting priority dstnat; iifname \"to-client\" tcp dport { 2121, 8300-8301 } dnat to 192.168.9.2; }
        chain out { type nat hook postrouting priority srcnat; oifname \"to-client\" masquerade; }
    }";
    networks.rules("router", rules).then_some(networks)
}

const BEHIND_A_ROUTER: &str = "[server]\nip = 0.0.0.0\nport = 2121\n[passive]\npassive_ports = 8300-8301\n";

#[test]
fn passive_and_active_clients_reach_a_server_behind_a_router() {
    leave_out!(Implicit: "these networks lead to the port of plain FTP");
    let Some(networks) = server_behind_a_router() else { return };
    networks.teach("server", "203.0.113.1 ftp.example.org\n");
    for masquerade in ["203.0.113.1", "ftp.example.org"] {
        let server = networks.serve("server", &format!("{BEHIND_A_ROUTER}masquerade_address = {masquerade}\n"));
        networks.visit("client", || {
            let mut client = log_in("203.0.113.1:2121");
            assert_eq!(client.pasv().ip().to_string(), "203.0.113.1");
            assert_eq!(client.retr("file"), b"content");
            client.stor("new", "new");
            let address = client.epsv();
            let data = client.connect_data(address);
            client.expect("RETR new", 150);
            assert_eq!(read_all(data), b"new");
            client.read_reply().expect(226);
            let listener = client.active();
            client.expect("RETR file", 150);
            assert_eq!(read_all(listener.accept()), b"content");
            client.read_reply().expect(226);
        });
        networks.visit("router", || {
            let mut client = log_in("192.168.9.2:2121");
            assert_eq!(client.pasv().ip().to_string(), "192.168.9.2", "a client inside gets the address it dialled");
            assert_eq!(client.retr("file"), b"content");
        });
        drop(server);
    }
}

#[test]
fn without_masquerade_the_log_says_what_to_do_once() {
    leave_out!(Implicit: "these networks lead to the port of plain FTP");
    let Some(networks) = server_behind_a_router() else { return };
    let server = networks.serve("server", &format!("{BEHIND_A_ROUTER}[transfer]\nconnect_timeout = 1\n"));
    networks.visit("client", || {
        let mut client = log_in("203.0.113.1:2121");
        for _ in 0..2 {
            assert_eq!(client.pasv().ip().to_string(), "192.168.9.2");
            let reply = client.expect("LIST", 425);
            assert!(reply.text().ends_with("open or publish ports 8300-8301 for TCP, or use EPSV."), "{reply:?}");
        }
    });
    let lines =
        server.wait_log_times("203.0.113.9:*-[bob] no connection reached port 830* within 1 s: open or publish", 2);
    assert!(lines[0].contains("-p 2121:2121 -p 8300-8301:8300-8301"), "{}", lines[0]);
    assert!(lines[0].contains("masquerade_for = all") && !lines[1].contains("masquerade_for"), "{lines:?}");
}

#[test]
fn a_client_behind_its_own_router_is_served_passively_and_its_inner_address_is_501() {
    leave_out!(Implicit: "these networks lead to the port of plain FTP");
    let Some(networks) = Networks::new(&["client", "router", "server"]) else { return };
    networks.connect(("client", "192.168.9.2/24"), ("router", "192.168.9.1/24"));
    networks.connect(("router", "203.0.113.1/24"), ("server", "203.0.113.9/24"));
    networks.run("client", "ip route add default via 192.168.9.1");
    networks.run("router", "sysctl -q -w net.ipv4.ip_forward=1");
    let rules = "table ip nat {
        chain out { type nat hook postrouting priority srcnat; oifname \"to-server\" masquerade; }
    }";
    if !networks.rules("router", rules) {
        return;
    }
    let _server = networks.serve("server", "[server]\nip = 0.0.0.0\nport = 2121\n");
    networks.visit("client", || {
        let mut client = log_in("203.0.113.9:2121");
        assert_eq!(client.retr("file"), b"content");
        // The address that the client knows is not the one that the server sees.
        client.expect("PORT 192,168,9,2,200,1", 501);
        assert_eq!(client.retr("file"), b"content");
    });
}

#[test]
fn link_local_addresses_keep_their_scope() {
    leave_out!(Implicit: "these networks lead to the port of plain FTP");
    let Some(networks) = Networks::new(&["one", "other", "server"]) else { return };
    // The same addresses on two links: only the scope tells them apart.
    networks.connect(("server", "fe80::1/64"), ("one", "fe80::2/64"));
    networks.connect(("server", "fe80::1/64"), ("other", "fe80::2/64"));
    let server = networks.serve("server", "[server]\nip = ::\nport = 2121\n[passive]\npassive_ports = 8300\n");
    let log_in = || {
        let address: SocketAddr = format!("[fe80::1%{}]:2121", index_of("to-server")).parse().unwrap();
        let mut client = Client::greeted(address);
        client.login("bob", "secret");
        let address = client.epsv();
        (client, address)
    };
    let waiting = ["one", "other"].map(|name| (name, networks.visit(name, log_in)));
    for (name, (mut client, address)) in waiting {
        networks.visit(name, || {
            let data = client.connect_data(address);
            client.expect("RETR file", 150);
            assert_eq!(read_all(data), b"content");
            client.read_reply().expect(226);
            client.stor(name, name);
            let listener = client.active();
            client.expect("RETR file", 150);
            assert_eq!(read_all(listener.accept()), b"content");
            client.read_reply().expect(226);
            client.expect("PASV", 425);
            client.expect("EPRT |2|fe80::3|50000|", 501);
        });
        assert_eq!(server.read(name), name.as_bytes());
    }
    server.wait_log_times("[fe80::2%*]:*-[bob] USER 'bob' logged in.", 2);
}

/// The number of a device in this thread's namespace.
fn index_of(device: &str) -> u32 {
    let output = Command::new("ip").args(["-o", "link", "show", "dev", device]).output().unwrap();
    String::from_utf8_lossy(&output.stdout).split(':').next().unwrap().parse().unwrap()
}
