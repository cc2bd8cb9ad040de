//! The announcement on the local network, as a browser of services sees it: Python's zeroconf, on another machine.

use std::{
    path::Path,
    process::{Child, Stdio},
    sync::Arc,
};

use rustix::process::Signal;

use crate::{
    channel::leave_out,
    client::Client,
    namespaces::Networks,
    server::{BOB, Log, Server, Tree, eventually, exit_code},
    tls_clients::{installed_clients, is_installed},
};

/// The host's name of each server here; its first part is what others see.
const HOST: &str = "Ann-PC.example.org";

const EVERYWHERE: &str = "[server]\nip = 0.0.0.0, ::\nannounce = on\n";

/// Namespaces of these names, if zeroconf is there, too.
fn networks(names: &[&'static str]) -> Option<Networks> {
    is_installed(installed_clients().join("python/bin/python"), &["-c", "import zeroconf"]).then_some(())?;
    Networks::new(names)
}

/// Starts a server on a machine that is called [`HOST`].
fn serve(networks: &Networks, name: &str, conf: &str) -> Server {
    let tree = Tree::new(conf, BOB);
    let server = tree.command();
    let mut command = networks.inside(name);
    let call_it = format!("echo {HOST} >/proc/sys/kernel/hostname && exec \"$@\"");
    command.args(["unshare", "--uts", "sh", "-c", &call_it, "sh"]).arg(server.get_program()).args(server.get_args());
    command.env_remove("RUST_LOG").env("XDG_RUNTIME_DIR", tree.runtime());
    tree.start_as(command)
}

/// A browser that runs until it is dropped.
struct Browser {
    child: Child,
    log: Arc<Log>,
}

impl Browser {
    #[track_caller]
    fn start(networks: &Networks, name: &str) -> Browser {
        Browser::of(networks, name, &["_ftp._tcp"])
    }

    /// One that looks for services of these kinds.
    #[track_caller]
    fn of(networks: &Networks, name: &str, kinds: &[&str]) -> Browser {
        let mut command = networks.inside(name);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/zeroconf_browse.py");
        command.arg(installed_clients().join("python/bin/python")).arg(script).args(kinds);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let log = Log::follow(child.stdout.take().unwrap());
        let browser = Browser { child, log };
        browser.sees("browsing");
        browser
    }

    #[track_caller]
    fn sees(&self, pattern: &str) {
        assert!(self.log.wait(pattern, 1).is_some(), "no {pattern:?} among {:#?}", self.log.lines(""));
    }

    /// What it has found so far.
    fn found(&self) -> Vec<String> {
        self.log.lines("found ")
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_server_is_found_by_the_hosts_name_with_port_and_addresses_until_it_stops() {
    let Some(networks) = networks(&["server", "client"]) else { return };
    networks.connect(("server", "192.168.9.1/24"), ("client", "192.168.9.2/24"));
    networks.run("server", "ip addr add fd09::1/64 dev to-client nodad");
    networks.run("client", "ip addr add fd09::2/64 dev to-server nodad");
    // It was replaced by another one, and clients shall not begin to use it.
    networks.run("server", "ip addr add fd09::3/64 dev to-client nodad preferred_lft 0 valid_lft 1000");
    let browser = Browser::start(&networks, "client");
    for (signal, name) in [(Signal::TERM, "SIGTERM"), (Signal::INT, "Ctrl-C")] {
        let mut server = serve(&networks, "server", EVERYWHERE);
        server.wait_log("announced as Ann-PC (_ftp._tcp) on the network");
        let port = server.address().port();
        browser.sees(&format!("found Ann-PC._ftp._tcp.local. at Ann-PC.local.:{port}, 192.168.9.1 fd09::1"));
        server.signal(signal);
        let goodbyes = if signal == Signal::TERM { 1 } else { 2 };
        assert!(browser.log.wait("gone Ann-PC._ftp._tcp.local.", goodbyes).is_some(), "{name}");
        assert_eq!(exit_code(server.wait_exit()), 0);
        assert!(server.log_lines("the announcement on the network has failed").is_empty());
    }
    assert!(browser.log.lines("fd09::3").is_empty() && browser.log.lines("fe80").is_empty(), "{:?}", browser.found());
}

#[test]
fn the_web_is_found_with_its_path_and_under_tls_where_that_is_required() {
    leave_out!(Explicit | Implicit: "it has settings of its own");
    let Some(networks) = networks(&["server", "client"]) else { return };
    networks.connect(("server", "192.168.9.1/24"), ("client", "192.168.9.2/24"));
    let browser = Browser::of(&networks, "client", &["_ftp._tcp", "_http._tcp", "_https._tcp"]);
    for (settings, kind) in
        [("", "_http"), ("[tls]\ntls = on\n", "_http"), ("[tls]\ntls = on\ntls_control_required = on\n", "_https")]
    {
        let mut server = serve(&networks, "server", &format!("{EVERYWHERE}[web]\nweb_port = 0\n{settings}"));
        server.wait_log(&format!("announced as Ann-PC ({kind}._tcp) on the network"));
        server.wait_log("announced as Ann-PC (_ftp._tcp) on the network");
        let (ftp, web) = (server.address().port(), server.web().port());
        browser.sees(&format!("found Ann-PC._ftp._tcp.local. at Ann-PC.local.:{ftp}, 192.168.9.1"));
        browser.sees(&format!("found Ann-PC.{kind}._tcp.local. at Ann-PC.local.:{web}, 192.168.9.1 path=/"));
        server.signal(Signal::TERM);
        browser.sees(&format!("gone Ann-PC.{kind}._tcp.local."));
        server.wait_exit();
    }
}

#[test]
fn a_server_that_drains_is_gone_from_the_network_while_its_transfer_goes_on() {
    let Some(networks) = networks(&["server", "client"]) else { return };
    networks.connect(("server", "192.168.9.1/24"), ("client", "192.168.9.2/24"));
    let browser = Browser::start(&networks, "client");
    let mut server = serve(&networks, "server", EVERYWHERE);
    server.write_sparse("big", 1 << 30);
    browser.sees("found Ann-PC._ftp._tcp.local.");
    let mut door = server.door();
    door.set_ip("192.168.9.1".parse().unwrap());
    networks.visit("client", || {
        let mut client = Client::greeted(door);
        client.login("bob", "secret");
        let _data = client.stalled_download("big");
        assert_eq!(server.administer("drain").code, Some(0));
        browser.sees("gone Ann-PC._ftp._tcp.local.");
        assert!(server.is_running());
    });
}

#[test]
fn two_servers_on_one_host_are_both_found() {
    let Some(networks) = networks(&["server", "client"]) else { return };
    networks.connect(("server", "192.168.9.1/24"), ("client", "192.168.9.2/24"));
    let browser = Browser::start(&networks, "client");
    let serve = |name: &str, host: fn(u16) -> String| {
        let server = serve(&networks, "server", EVERYWHERE);
        server.wait_log(&format!("announced as {name} (_ftp._tcp) on the network"));
        let port = server.address().port();
        let found = format!("found {name}._ftp._tcp.local. at {}.local.:{port}, 192.168.9.1", host(port));
        browser.sees(&found);
        (server, found)
    };
    let (mut first, _) = serve("Ann-PC", |_| "Ann-PC".to_owned());
    // The host's name has an owner, which may be Avahi, too.
    let (_second, found) = serve("Ann-PC (2)", |port| format!("Ann-PC-{port}"));
    first.signal(Signal::TERM);
    browser.sees("gone Ann-PC._ftp._tcp.local.");
    first.wait_exit();
    // A browser that comes only now finds the other one.
    let late = Browser::start(&networks, "client");
    late.sees(&found);
    assert!(late.log.lines("found Ann-PC._ftp").is_empty(), "{:?}", late.found());
}

#[test]
fn only_networks_that_are_listened_on_are_told_and_none_of_containers() {
    let Some(networks) = networks(&["server", "one", "other", "container"]) else { return };
    networks.connect(("server", "192.168.9.1/24"), ("one", "192.168.9.2/24"));
    networks.connect(("server", "192.168.10.1/24"), ("other", "192.168.10.2/24"));
    networks.connect(("server", "172.17.0.1/16"), ("container", "172.17.0.2/16"));
    for command in ["down", "name docker0"] {
        networks.run("server", &format!("ip link set to-container {command}"));
    }
    networks.run("server", "ip link set docker0 up");
    let browsers = ["one", "other", "container"].map(|name| Browser::start(&networks, name));
    let everywhere = [true, true, false];
    for (ip, told) in [("192.168.9.1", [true, false, false]), ("0.0.0.0, ::", everywhere), ("::", everywhere)] {
        let mut server = serve(&networks, "server", &format!("[server]\nip = {ip}\nannounce = on\n"));
        let pattern = format!("at Ann-PC.local.:{}, ", server.address().port());
        let here = || browsers.iter().zip(told).filter(|(_, told)| *told).map(|(browser, _)| browser);
        here().for_each(|browser| browser.sees(&pattern));
        let before: Vec<usize> = browsers.iter().map(|browser| browser.log.lines("gone ").len()).collect();
        server.signal(Signal::TERM);
        for ((browser, told), before) in browsers.iter().zip(told).zip(before) {
            if told {
                assert!(browser.log.wait("gone ", before + 1).is_some());
            }
            assert_eq!(browser.log.lines(&pattern).is_empty(), !told, "{ip}: {:?}", browser.found());
            if !told {
                assert_eq!(browser.log.lines(""), ["browsing"], "{ip}");
            }
        }
        server.wait_exit();
    }
    for (browser, address) in browsers.iter().zip(["192.168.9.1", "192.168.10.1", "-"]) {
        let found = browser.found();
        assert!(found.iter().all(|line| line.ends_with(&format!(", {address}"))), "{address}: {found:?}");
    }
}

#[test]
fn without_a_network_the_server_starts_and_one_that_comes_later_is_told() {
    let Some(networks) = networks(&["server", "client"]) else { return };
    let server = serve(&networks, "server", EVERYWHERE);
    server.wait_log("[W *the server is not announced yet: no address");
    networks.connect(("server", "192.168.9.1/24"), ("client", "192.168.9.2/24"));
    let browser = Browser::start(&networks, "client");
    browser.sees(&format!("at Ann-PC.local.:{}, 192.168.9.1", server.address().port()));
    server.wait_log("[I *announced as Ann-PC (_ftp._tcp) on the network");
}

#[test]
fn without_the_key_nothing_listens_for_mdns_and_no_thread_waits() {
    let Some(networks) = Networks::new(&["server", "client"]) else { return };
    networks.connect(("server", "192.168.9.1/24"), ("client", "192.168.9.2/24"));
    let silent = serve(&networks, "server", "[server]\nip = 0.0.0.0, ::\n");
    assert_eq!(silent.udp_sockets(), Vec::<String>::new());
    let loud = serve(&networks, "server", EVERYWHERE);
    eventually("mDNS is listened for", || !loud.udp_sockets().is_empty());
    assert!(silent.threads() < loud.threads());
}

#[test]
fn a_server_on_loopback_only_announces_nothing_and_says_so() {
    let announced = Server::start("[server]\nip = 127.0.0.1\nannounce = on\n", BOB);
    announced.wait_log("[I *not announced on the network: the server listens on loopback only");
    assert_eq!(announced.udp_sockets(), Vec::<String>::new());
    assert_eq!(announced.threads(), Server::start("[server]\nip = 127.0.0.1\n", BOB).threads());
}
