//! What the machine lacks for the two files: homes, ports, certificates, logs, the server's user, and its own files. `ftpd
//! check` and the start find the same, and neither changes anything.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::Signal;
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::{
    channel::leave_out,
    privileges::{SOMEBODY, USER, ids, is_root, privileged_port},
    server::{BOB, Ended, Server, Tree, run_to_its_end},
    tls_certificates::{Pair, write_private},
    trial::{ALEX, CONF, Case, Doubted, Mentioned, Refused, Silent, run_all},
};

/// A hash that costs little, for accounts without a plain password.
const HASH: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

/// An account with these letters and this home.
fn account(perm: &str, home: &str) -> String {
    ALEX.replace("elr", perm).replace("home = home", &format!("home = {home}"))
}

/// The same with a hashed password.
fn hashed(perm: &str, home: &str) -> String {
    account(perm, home).replace("long-and-secret", HASH)
}

/// Settings with another port and more lines.
fn at_port(port: u16, more: &str) -> String {
    CONF.replace("port = 0", &format!("port = {port}")) + more
}

fn mode(path: impl AsRef<Path>, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}

/// A port that is free at the moment.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

// Homes

#[test]
fn a_home_that_cannot_be_used_is_a_warning_with_what_helps() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let all = "elradfmwMT";
    run_all(vec![
        Case::user("perm = elr", Silent),
        Case::user("perm = elr", Silent).by_nobody(),
        Case::users(account(all, "user.ini"), "a file", Doubted).at("user.ini:4", "home").says(&["is a file"]),
        Case::users(account(all, "gone"), "missing", Doubted).at("user.ini:4", "home").says(&["mkdir -p gone"]),
        Case::users(account(all, "link"), "a dangling link", Doubted)
            .at("user.ini:4", "home")
            .says(&["is a link to gone/deep", "mkdir -p gone/deep"])
            .prepared(|root| symlink("gone/deep", root.join("link")).unwrap()),
        Case::users(account(all, "closed"), "closed to the server's user", Doubted)
            .at("user.ini:4", "home")
            .says(&["can't be entered by nobody", "chown nobody closed"])
            .prepared(|root| {
                fs::create_dir(root.join("closed")).unwrap();
                mode(root.join("closed"), 0o700);
            })
            .by_nobody(),
        Case::users(account(all, "closed/home"), "below a closed folder", Doubted)
            .at("user.ini:4", "home")
            .says(&["can't be entered by nobody", "chmod o+x closed"])
            .prepared(|root| {
                fs::create_dir_all(root.join("closed/home")).unwrap();
                mode(root.join("closed"), 0o700);
            })
            .by_nobody(),
        Case::users(account(all, "shut"), "letters that the file system does not give", Doubted)
            .at("user.ini:3", "perm")
            .says(&["nobody may not write in shut", "chown nobody shut"])
            .prepared(|root| fs::create_dir(root.join("shut")).unwrap())
            .by_nobody(),
        Case::users(account("elr", "shut"), "a reader needs no right to write", Silent)
            .prepared(|root| fs::create_dir(root.join("shut")).unwrap())
            .by_nobody(),
        Case::users(
            account(all, "home") + &account("elr", "home").replace("[alex]", "[eve]"),
            "one home of two",
            Silent,
        ),
        Case::users(account(all, "/etc"), "/etc", Doubted).at("user.ini:4", "home").says(&["a folder of the system"]),
        Case::users(account(all, "/proc/self"), "/proc", Doubted)
            .at("user.ini:4", "home")
            .says(&["no folder to share"]),
        Case::users(account(all, "link"), "a link to a folder of the system", Doubted)
            .at("user.ini:4", "home")
            .says(&["a folder of the system"])
            .prepared(|root| symlink("/etc", root.join("link")).unwrap()),
        Case::users(account(all, "link"), "a link to what the kernel shows", Doubted)
            .at("user.ini:4", "home")
            .says(&["no folder to share"])
            .prepared(|root| symlink("/proc/self", root.join("link")).unwrap()),
        Case::conf("[anonymous]\nenable_anonymous = on\nanonymous_path = gone", Doubted)
            .at("ftpd.conf:6", "anonymous_path")
            .says(&["mkdir -p gone"]),
    ]);
}

#[test]
fn a_home_is_looked_at_as_the_system_user_of_its_account() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    if !is_root() {
        return;
    }
    run_all(vec![
        Case::users(format!("{ALEX}system_user = {USER}\n"), "closed to it", Doubted)
            .at("user.ini:4", "home")
            .says(&["can't be entered by daemon", "chown daemon home"])
            .prepared(|root| mode(root.join("home"), 0o700)),
        Case::conf("user = daemon", Doubted)
            .at("user.ini:4", "home")
            .says(&["can't be entered by daemon"])
            .prepared(|root| {
                mode(root.join("home"), 0o700);
                mode(root.join("user.ini"), 0o640);
                chown(root.join("user.ini"), None, Some(ids(USER).1)).unwrap();
            })
            .finds(2),
        Case::conf("user = daemon", Doubted).says(&["user.ini", "stay unseen", "chown daemon user.ini"]),
    ]);
}

// The server's own files

#[test]
fn an_account_that_reaches_the_servers_own_files_is_refused() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let own = |users: String, name: &'static str| {
        Case::users(users, name, Refused).at("user.ini:4", "home").says(&["alex", "user.ini"])
    };
    run_all(vec![
        own(account("elradfmwMT", "/"), "the whole disk"),
        own(account("elradfmwMT", "."), "the folder of both files"),
        own(account("elradfmwMT", ".."), "far above"),
        own(account("ela", "."), "append"),
        own(account("elT", "."), "times"),
        own(account("elm", "."), "make folders"),
        own(account("elradfmwMT", "link"), "by way of a link")
            .prepared(|root| symlink(".", root.join("link")).unwrap()),
        own(account("elradfmwMT", "home"), "user.ini is a link into the home").prepared(|root| {
            fs::rename(root.join("user.ini"), root.join("home/accounts")).unwrap();
            symlink("home/accounts", root.join("user.ini")).unwrap();
        }),
        own(account("elr", "."), "a reader of plain passwords"),
        Case::users(hashed("elr", "."), "a reader of hashes", Silent),
        Case::users(hashed("elr", "/"), "the whole disk for a reader", Doubted)
            .at("user.ini:4", "home")
            .says(&["the whole disk"]),
        Case::conf("[log]\nlog_file = home/a.log", Silent),
        Case { users: account("elrw", "home").into(), ..Case::conf("[log]\nlog_file = home/a.log", Refused) }
            .at("user.ini:4", "log_file")
            .says(&["alex", "home/a.log"]),
        Case { users: account("elrw", "home").into(), ..Case::conf("[log]\ntransfer_log = home/x.log", Refused) }
            .at("user.ini:4", "transfer_log")
            .says(&["alex"]),
        Case {
            users: hashed("elr", ".").into(),
            ..Case::conf("[tls]\ncertificate = cert.pem\nprivate_key = key.pem", Refused)
        }
        .at("user.ini:4", "private_key")
        .says(&["alex may read", "key.pem"])
        .prepared(pair),
        Case { users: hashed("elr", ".").into(), ..Case::conf("[tls]\ntls = on", Refused) }
            .at("user.ini:4", "private_key"),
        Case { users: account("elrw", "home").into(), ..Case::conf("control_socket = home/ctl", Refused) }
            .at("user.ini:4", "control_socket")
            .says(&["alex"]),
        Case::conf("[anonymous]\nenable_anonymous = on\nanonymous_path = .\nanonymous_perm = elrw", Refused)
            .at("ftpd.conf:6", "anonymous_path")
            .says(&["anonymous may change", "user.ini"])
            .finds(2),
    ]);
}

#[test]
fn files_that_others_could_write_are_refused_with_the_command_that_helps() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    run_all(vec![
        Case::users(hashed("elr", "home"), "user.ini with hashes", Refused)
            .says(&["everybody", "chmod o-w user.ini"])
            .prepared(|root| mode(root.join("user.ini"), 0o666)),
        Case::users(ALEX, "user.ini with plain passwords", Refused)
            .says(&["may write user.ini", "chmod o-w user.ini"])
            .prepared(|root| mode(root.join("user.ini"), 0o666))
            .finds(2),
        Case::conf("timeout = 5", Refused)
            .says(&["chmod o-w ftpd.conf"])
            .prepared(|root| mode(root.join("ftpd.conf"), 0o666)),
        Case::conf("timeout = 6", Refused).says(&["chmod o-w "]).prepared(|root| mode(root, 0o777)),
        Case::conf("timeout = 7", Silent).prepared(|root| mode(root, 0o1777)),
        Case::users(ALEX, "readable by all", Doubted)
            .says(&["plain passwords", "chmod 600 user.ini"])
            .prepared(|root| mode(root.join("user.ini"), 0o644)),
    ]);
}

#[test]
fn after_a_change_an_account_that_reaches_own_files_is_left_out_and_the_others_go_on() {
    let server = Server::plain();
    let eve = "[eve]\npassword = secret\nperm = elrw\nhome = .\n";
    let dan = "[dan]\npassword = secret\nperm = elr\nhome = home\n";
    server.tree().write_users(&format!("{BOB}{eve}{dan}"));
    server.login_as("dan");
    let told = "user.ini:8: home: eve may change files in *; the account is left out";
    server.wait_log(told);
    let refused = || {
        let mut client = server.client();
        client.expect("USER eve", 331);
        client.expect("PASS secret", 530);
    };
    refused();
    server.signal(Signal::HUP);
    server.wait_log("read again: ");
    server.expect_log(told, 2);
    refused();
    server.login();
    mode(server.tree().path("ftpd.conf"), 0o666);
    server.signal(Signal::HUP);
    server.wait_log("not read again: *chmod o-w ");
    server.login();
}

#[test]
fn what_is_no_regular_file_is_refused_without_waiting_for_it() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    fn fifo(root: &Path, name: &str) {
        let _ = fs::remove_file(root.join(name));
        mkfifoat(CWD, root.join(name), Mode::from_raw_mode(0o600)).unwrap();
    }
    run_all(vec![
        Case::users(ALEX, "user.ini is a FIFO", Refused)
            .says(&["user.ini: this is a FIFO; a regular file is expected"])
            .prepared(|root| fifo(root, "user.ini")),
        Case::conf("timeout = 5", Refused)
            .says(&["ftpd.conf: this is a FIFO"])
            .prepared(|root| fifo(root, "ftpd.conf")),
        Case::users(ALEX, "an endless user.ini", Refused)
            .says(&["/dev/zero: this is a device"])
            .with(&["-u", "/dev/zero"]),
        Case::users(ALEX, "an endless ftpd.conf", Refused)
            .says(&["/dev/zero: this is a device"])
            .with(&["-c", "/dev/zero"]),
        Case::users(ALEX, "a huge user.ini", Refused)
            .says(&["user.ini: it is larger than 64 MiB"])
            .prepared(|root| fs::File::create(root.join("user.ini")).unwrap().set_len(1 << 27).unwrap()),
        Case::conf(BOTH, Refused).at("ftpd.conf:5", "certificate").says(&["this is a FIFO"]).prepared(|root| {
            pair(root);
            fifo(root, "cert.pem");
        }),
        Case::conf(BOTH, Refused).at("ftpd.conf:6", "private_key").says(&["this is a FIFO"]).prepared(|root| {
            pair(root);
            fifo(root, "key.pem");
        }),
        Case::conf("[tls]\ncertificate = /dev/zero", Refused)
            .at("ftpd.conf:5", "certificate")
            .says(&["this is a device"]),
        Case::conf("[tls]\ntls = on\nclient_ca = ca.pem", Refused)
            .at("ftpd.conf:6", "client_ca")
            .says(&["this is a FIFO"])
            .prepared(|root| fifo(root, "ca.pem")),
    ]);
}

#[test]
fn a_running_server_waits_for_no_fifo() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let server = Server::plain();
    server.login();
    let path = server.tree().path("user.ini");
    // At once: a look in between would find no file.
    let fifo = server.tree().path("fifo");
    mkfifoat(CWD, &fifo, Mode::from_raw_mode(0o600)).unwrap();
    fs::rename(fifo, path).unwrap();
    server.login();
    server.wait_log("user.ini: this is a FIFO");
    server.signal(Signal::HUP);
    server.wait_log("not read again: *user.ini: this is a FIFO");
    server.login();
}

#[test]
fn a_log_or_socket_in_place_of_an_own_file_is_refused() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    run_all(vec![
        Case::conf("[log]\nlog_file = user.ini", Refused)
            .at("ftpd.conf:5", "log_file")
            .says(&["user.ini is the file of the accounts", "name another file"]),
        Case::conf("[log]\nlog_file = link", Refused)
            .at("ftpd.conf:5", "log_file")
            .prepared(|root| symlink("user.ini", root.join("link")).unwrap()),
        Case::conf("[log]\ntransfer_log = user.ini", Refused).at("ftpd.conf:5", "transfer_log"),
        Case::conf("[log]\nlog_file = ./ftpd.conf", Refused)
            .at("ftpd.conf:5", "log_file")
            .says(&["the file of the settings"]),
        Case::conf("[tls]\ncertificate = cert.pem\nprivate_key = key.pem\n[log]\nlog_file = key.pem", Refused)
            .at("ftpd.conf:8", "log_file")
            .says(&["the private key"])
            .prepared(pair),
        Case::conf("[tls]\ntls = on\n[log]\nlog_file = ftpd-certificate.pem", Refused)
            .at("ftpd.conf:7", "log_file")
            .says(&["the server's certificate"]),
        Case::conf("control_socket = user.ini", Refused).at("ftpd.conf:4", "control_socket"),
        Case::conf("control_socket = a.log\n[log]\nlog_file = a.log", Refused)
            .at("ftpd.conf:4", "control_socket")
            .says(&["log_file and control_socket are both a.log"]),
        Case::conf("control_socket = home", Refused).at("ftpd.conf:4", "control_socket").says(&["it is a folder"]),
        Case::conf("control_socket = other", Refused)
            .at("ftpd.conf:4", "control_socket")
            .says(&["a file that is no socket"])
            .prepared(|root| fs::write(root.join("other"), "").unwrap()),
        Case::conf(format!("control_socket = {}", "x".repeat(120)).leak(), Refused)
            .at("ftpd.conf:4", "control_socket")
            .says(&["longer than 107 bytes", "shorter path"]),
        Case::conf("[log]\nlog_file = logs/", Refused).at("ftpd.conf:5", "log_file").says(&["is a folder"]),
        Case::conf("[log]\ntransfer_log = logs/", Refused).at("ftpd.conf:5", "transfer_log").says(&["is a folder"]),
        Case::conf("[log]\nlog_file = /proc/x.log", Refused).at("ftpd.conf:5", "log_file").says(&["kernel"]),
        Case::conf("[log]\nlog_file = link", Refused)
            .at("ftpd.conf:5", "log_file")
            .says(&["mkdir -p ", "gone"])
            .prepared(|root| symlink("gone/a.log", root.join("link")).unwrap()),
        Case::conf("ip = 0.0.0.0, 127.0.0.1", Refused)
            .at("ftpd.conf:2", "ip")
            .says(&["0.0.0.0 means all IPv4 addresses", "leave out 127.0.0.1"]),
        Case::conf("ip = ::1, ::", Refused).at("ftpd.conf:2", "ip").says(&["leave out ::1"]),
    ]);
}

#[test]
fn an_own_file_with_another_name_is_refused_where_an_account_could_use_that() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let link = |root: &Path| fs::hard_link(root.join("user.ini"), root.join("home/x.ini")).unwrap();
    run_all(vec![
        Case::users(account("ela", "home"), "appends", Refused)
            .says(&[
                "user.ini: it has 2 names",
                "alex may change it",
                "find home -samefile user.ini",
                "mv user.ini.new",
            ])
            .prepared(link),
        Case::users(account("elr", "home"), "reads plain passwords", Refused)
            .says(&["alex may read it"])
            .prepared(link),
        Case::users(hashed("elr", "home"), "reads hashes", Silent).prepared(link),
        Case { users: account("elw", "home").into(), ..Case::conf("timeout = 5", Refused) }
            .says(&["ftpd.conf: it has 2 names"])
            .prepared(|root| fs::hard_link(root.join("ftpd.conf"), root.join("other")).unwrap()),
        Case { users: hashed("elr", ".").into(), ..Case::conf("timeout = 9", Refused) }
            .at("user.ini:4", "ftpd-private-key.pem")
            .says(&["alex may read"])
            .prepared(|root| write_private(&root.join("ftpd-private-key.pem"), "x")),
        Case {
            users: account("elw", "home").into(),
            ..Case::conf("[tls]\ncertificate = home/cert.pem\nprivate_key = key.pem", Refused)
        }
        .at("user.ini:4", "certificate")
        .prepared(|root| {
            pair(root);
            fs::rename(root.join("cert.pem"), root.join("home/cert.pem")).unwrap();
        }),
    ]);
}

#[test]
fn a_change_that_came_by_another_name_of_user_ini_is_not_believed() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let server = Server::plain();
    let path = server.tree().path("user.ini");
    fs::hard_link(&path, server.home().join("x.ini")).unwrap();
    server.login().upload("APPE x.ini", "[eve]\npassword = secret\nperm = elrw\nhome = /\n").expect(226);
    server.login();
    server.wait_log("user.ini: it has 2 names");
    let mut client = server.client();
    client.expect("USER eve", 331);
    client.expect("PASS secret", 530);
    server.signal(Signal::HUP);
    server.wait_log("not read again: *it has 2 names");
}

#[test]
fn what_the_server_trusts_is_written_and_owned_by_nobody_else() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let all = || {
        vec![
            Case::conf(BOTH, Refused)
                .at("ftpd.conf:5", "certificate")
                .says(&["chmod o-w cert.pem", "pass for"])
                .prepared(|root| {
                    pair(root);
                    mode(root.join("cert.pem"), 0o666);
                }),
            Case::conf("[tls]\ncertificate = cert.pem\nprivate_key = open/key.pem", Refused)
                .at("ftpd.conf:6", "private_key")
                .says(&["everybody", "chmod o-w "])
                .prepared(|root| {
                    pair(root);
                    fs::create_dir(root.join("open")).unwrap();
                    mode(root.join("open"), 0o777);
                    fs::rename(root.join("key.pem"), root.join("open/key.pem")).unwrap();
                }),
            Case::conf("control_socket = open/ctl", Refused)
                .at("ftpd.conf:4", "control_socket")
                .says(&["chmod o-w "])
                .prepared(|root| {
                    fs::create_dir(root.join("open")).unwrap();
                    mode(root.join("open"), 0o777);
                }),
        ]
    };
    run_all(all());
    if !is_root() {
        return;
    }
    run_all(vec![
        Case::users(ALEX, "user.ini of another user", Doubted)
            .says(&["daemon owns user.ini", "chown root user.ini"])
            .prepared(|root| chown(root.join("user.ini"), Some(ids(USER).0), None).unwrap()),
        Case::users(ALEX, "a folder of another user", Doubted)
            .says(&["daemon owns "])
            .prepared(|root| chown(root, Some(ids(USER).0), None).unwrap()),
        Case::conf("user = daemon\ngroup = root", Doubted)
            .at("ftpd.conf:5", "group")
            .says(&["that of root"])
            .prepared(|root| chown(root.join("user.ini"), Some(ids(USER).0), None).unwrap()),
        Case::conf("user = 0", Doubted).at("ftpd.conf:4", "user").says(&["0 means off here"]),
        Case::user("system_user = 0", Doubted).at("user.ini:5", "system_user").says(&["0 means off here"]),
        Case::conf("user = daemon", Doubted)
            .says(&["chown daemon user.ini && chmod 600 user.ini"])
            .prepared(|root| mode(root.join("user.ini"), 0o644)),
        Case::conf("user = daemon", Doubted)
            .says(&["daemon can't read", "chmod o+x "])
            .prepared(|root| {
                for file in ["user.ini", "ftpd.conf"] {
                    chown(root.join(file), Some(ids(USER).0), None).unwrap();
                }
                mode(root, 0o700);
            })
            .finds(3),
    ]);
}

#[test]
fn addresses_and_homes_that_no_client_reaches_are_told_with_what_helps() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    run_all(vec![
        Case::conf("ip = 224.0.0.1", Refused).at("ftpd.conf:2", "ip").says(&["no client can connect", "127.0.0.1"]),
        Case::conf("ip = 255.255.255.255", Refused).at("ftpd.conf:2", "ip").says(&["no client can connect"]),
        Case::users(account("elr", "loop"), "a loop", Doubted)
            .at("user.ini:4", "home")
            .says(&["leads back to itself"])
            .prepared(|root| symlink("loop", root.join("loop")).unwrap()),
        Case::users(account("elr", "shut"), "not to be listed", Doubted)
            .at("user.ini:4", "home")
            .says(&["can't be listed by nobody", "chmod o+r shut"])
            .prepared(|root| {
                fs::create_dir(root.join("shut")).unwrap();
                mode(root.join("shut"), 0o733);
            })
            .by_nobody(),
        Case::conf(BOTH, Silent).prepared(|root| {
            pair(root);
            for name in ["cert.pem", "key.pem"] {
                let text = fs::read(root.join(name)).unwrap();
                fs::write(root.join(name), [&b"\xef\xbb\xbf"[..], &text].concat()).unwrap();
            }
        }),
        Case::conf("[tls]\ncertificate = cert.pem\nprivate_key = cert.pem", Refused)
            .at("ftpd.conf:6", "private_key")
            .says(&["set private_key"])
            .prepared(pair),
        Case::conf(BOTH, Refused).at("ftpd.conf:5", "certificate").says(&["server's own certificate first"]).prepared(
            |root| {
                pair(root);
                let own = fs::read_to_string(root.join("cert.pem")).unwrap();
                fs::write(root.join("cert.pem"), Pair::new().certificate + &own).unwrap();
            },
        ),
        Case::conf("[tls]\ntls = on", Refused)
            .at("ftpd.conf:5", "tls")
            .says(&["rm -f ", "a new pair is made"])
            .prepared(|root| write_private(&root.join("ftpd-private-key.pem"), "")),
        Case::conf(BOTH, Refused)
            .at("ftpd.conf:6", "private_key")
            .says(&["nobody may not read it", "chown nobody key.pem"])
            .prepared(pair)
            .by_nobody(),
    ]);
}

// Ports

#[test]
fn a_port_that_the_server_cannot_have_is_told_with_who_has_it() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let held = taken.local_addr().unwrap().port();
    let free = free_port();
    let pid: &'static str = format!("(pid {})", std::process::id()).leak();
    let passive = |ports: String| at_port(0, &format!("[passive]\npassive_ports = {ports}\n"));
    let low = privileged_port();
    run_all(vec![
        Case::settings(at_port(held, ""), "held", Refused).at("ftpd.conf:3", "port").says(&[pid]),
        Case::settings(at_port(held, ""), "held by a stranger", Refused)
            .at("ftpd.conf:3", "port")
            .says(&["another program", "ss -ltnp"])
            .by_nobody(),
        Case::settings(at_port(low, ""), "low", Refused)
            .at("ftpd.conf:3", "port")
            .says(&["nobody may not", "CAP_NET_BIND_SERVICE", "user = ", "above 1023"])
            .by_nobody(),
        Case::conf("ip = 203.0.113.9", Refused).at("ftpd.conf:2", "ip").says(&["no address 203.0.113.9", "127.0.0.1"]),
        Case::settings(
            at_port(free, &format!("[tls]\ntls = on\nimplicit_tls_port = {free}\n")),
            "both on one port",
            Refused,
        )
        .at("ftpd.conf:6", "implicit_tls_port")
        .says(&["(port = "]),
        Case::settings(at_port(0, &format!("[web]\nweb_port = {held}\n")), "the port of the web held", Refused)
            .at("ftpd.conf:5", "web_port")
            .says(&[pid, &format!("another port, such as web_port = {}", held + 1).leak()[..]]),
        Case::settings(at_port(free, &format!("[web]\nweb_port = {free}\n")), "the web at the control port", Refused)
            .at("ftpd.conf:5", "web_port")
            .says(&["in use already (port)", "write web_port = 8080"]),
        Case::settings(at_port(0, &format!("[web]\nweb_port = {low}\n")), "a low port of the web", Refused)
            .at("ftpd.conf:5", "web_port")
            .says(&["nobody may not", "CAP_NET_BIND_SERVICE"])
            .by_nobody(),
        Case::settings(passive(held.to_string()), "all passive ports held", Refused)
            .at("ftpd.conf:5", "passive_ports")
            .says(&[pid, "none of 1 ports is left"]),
        Case::settings(passive(format!("{}-{held}", held - 1)), "a passive port held", Mentioned)
            .at("ftpd.conf:5", "passive_ports")
            .says(&[pid, "1 of 2 ports are left"]),
        Case::settings(passive("1010-1020".to_owned()), "low passive ports", Refused)
            .at("ftpd.conf:5", "passive_ports")
            .says(&["nobody may not listen on 1010-1020", "CAP_NET_BIND_SERVICE"])
            .by_nobody(),
        Case::settings(
            at_port(free, &format!("[passive]\npassive_ports = {}-{free}\n", free - 1)),
            "the control port",
            Mentioned,
        )
        .at("ftpd.conf:5", "passive_ports")
        .says(&["the server's own (port)"]),
        Case::settings(at_port(0, &format!("[active]\ndata_port = {held}\n")), "data_port held", Refused)
            .at("ftpd.conf:5", "data_port")
            .says(&[pid]),
        Case::conf("[active]\ndata_port = 20", Refused)
            .at("ftpd.conf:5", "data_port")
            .says(&["CAP_NET_BIND_SERVICE"])
            .by_nobody(),
    ]);
}

#[test]
fn the_running_server_of_the_same_files_is_a_note_for_check_and_an_error_for_a_second_start() {
    leave_out!(Implicit: "its port is that of implicit TLS");
    let (port, passive) = (free_port(), free_port());
    let tree = Tree::new(&format!("[server]\nport = {port}\n[passive]\npassive_ports = {passive}\n"), BOB);
    let second = tree.command();
    let server = tree.start();
    // It has its passive port, too.
    server.login().expect("PASV", 227);
    let again = |more: &[&str]| {
        let mut command = std::process::Command::new(second.get_program());
        command.args(second.get_args()).args(more).env_remove("RUST_LOG");
        run_to_its_end(command)
    };
    let pid = format!("pid {}", server.id());
    let Ended { code, output } = again(&["check"]);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains(&format!("running, {pid}")) && !output.contains("are left"), "{output}");
    let Ended { code, output } = again(&[]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains(&format!("already running, {pid}")) && !output.contains("os error"), "{output}");
    // The same program with other files is a program like any other.
    let other = Tree::new(&format!("[server]\nport = {port}\n"), BOB);
    let Ended { code, output } = other.run();
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains(&format!("is held by ftpd ({pid})")), "{output}");
}

#[test]
fn a_masquerade_name_that_cannot_be_looked_up_is_a_warning_of_check_and_in_the_log_of_the_start() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let tree = Tree::new("[passive]\nmasquerade_address = nowhere.invalid\n", BOB);
    mode(tree.path("user.ini"), 0o600);
    let mut check = tree.command();
    check.args(["check", "--strict"]);
    let Ended { code, output } = run_to_its_end(check);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("ftpd.conf:2: masquerade_address: nowhere.invalid can't be looked up"), "{output}");
    tree.start().wait_log(
        "[E *ftpd.conf:2: masquerade_address: nowhere.invalid can't be looked up, so clients are told the address",
    );
}

#[test]
fn a_local_socket_that_cannot_be_made_is_told_with_what_helps() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    run_all(vec![
        Case::conf("control_socket = off", Silent),
        Case::conf("control_socket = none/ctl", Refused)
            .at("ftpd.conf:4", "control_socket")
            .says(&["can't make the socket none/ctl", "mkdir -p none"]),
        Case::conf("control_socket = /etc/ctl", Refused)
            .at("ftpd.conf:4", "control_socket")
            .says(&["Permission denied", "/etc"])
            .by_nobody(),
    ]);
}

// Certificates

/// A certificate and its key, as cert.pem and key.pem.
fn pair(root: &Path) {
    let Pair { certificate, private_key } = Pair::new();
    fs::write(root.join("cert.pem"), certificate).unwrap();
    write_private(&root.join("key.pem"), &private_key);
}

const BOTH: &str = "[tls]\ncertificate = cert.pem\nprivate_key = key.pem";

#[test]
fn a_file_of_tls_that_is_no_good_is_told_with_what_helps() {
    leave_out!(Explicit | Implicit: "these are settings of TLS");
    run_all(vec![
        Case::conf(BOTH, Silent).prepared(pair),
        Case::conf("[tls]\ncertificate = cert.pem\nprivate_key = key.pem\n", Refused).at("ftpd.conf:5", "certificate"),
        Case::conf("[tls]\ncertificate = key.pem\nprivate_key = cert.pem", Refused)
            .at("ftpd.conf:5", "certificate")
            .says(&["swap certificate and private_key"])
            .prepared(pair),
        Case::conf("[tls]\ncertificate = cert.pem", Refused)
            .at("ftpd.conf:5", "certificate")
            .says(&["set private_key"])
            .prepared(pair),
        Case::conf(BOTH, Refused).at("ftpd.conf:5", "certificate").says(&["openssl x509 -inform der"]).prepared(
            |root| {
                pair(root);
                let pem = fs::read(root.join("cert.pem")).unwrap();
                fs::write(root.join("cert.pem"), CertificateDer::from_pem_slice(&pem).unwrap()).unwrap();
            },
        ),
        Case::conf(BOTH, Refused).at("ftpd.conf:5", "certificate").says(&["openssl pkcs12"]).prepared(|root| {
            pair(root);
            fs::write(root.join("cert.pem"), b"\x30\x82\x09\x4a\x02\x01\x03\x30\x82\x09\x10").unwrap();
        }),
        Case::conf(BOTH, Refused).at("ftpd.conf:5", "certificate").says(&["nothing in it"]).prepared(|root| {
            pair(root);
            fs::write(root.join("cert.pem"), "").unwrap();
        }),
        Case::conf(BOTH, Refused).at("ftpd.conf:6", "private_key").says(&["chmod o= key.pem"]).prepared(|root| {
            pair(root);
            mode(root.join("key.pem"), 0o644);
        }),
        Case::conf(BOTH, Refused).at("ftpd.conf:6", "private_key").prepared(pair).by_nobody(),
        Case::conf(BOTH, Doubted)
            .at("ftpd.conf:5", "certificate")
            .says(&["valid from 2050-01-01", "the clock"])
            .prepared(|root| of_the_time(root, 2050)),
        Case::conf(BOTH, Doubted)
            .at("ftpd.conf:5", "certificate")
            .says(&["has expired on 2001-01-01"])
            .prepared(|root| of_the_time(root, 2000)),
        Case::conf("[tls]\ntls = on\nclient_ca = none.pem", Refused).at("ftpd.conf:6", "client_ca"),
        Case::conf("[tls]\ntls = on", Refused)
            .at("ftpd.conf:5", "tls")
            .says(&["a certificate has to be made", "chown nobody"])
            .prepared(|root| chown(root, Some(0), Some(0)).unwrap())
            .by_nobody(),
    ]);
}

/// A pair that is valid for a year.
fn of_the_time(root: &Path, year: i32) {
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(year, 1, 1), date_time_ymd(year + 1, 1, 1));
    let key = KeyPair::generate().unwrap();
    fs::write(root.join("cert.pem"), params.self_signed(&key).unwrap().pem()).unwrap();
    write_private(&root.join("key.pem"), &key.serialize_pem());
}

// Logs and the server's user

#[test]
fn a_log_that_cannot_be_written_is_told_with_what_helps() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    run_all(vec![
        Case::conf("[log]\nlog_file = a.log\ntransfer_log = x.log", Silent),
        Case::conf("[log]\nlog_file = none/deep/a.log", Refused)
            .at("ftpd.conf:5", "log_file")
            .says(&["none/deep/a.log", "mkdir -p none/deep"]),
        Case::conf("[log]\ntransfer_log = none/x.log", Refused)
            .at("ftpd.conf:5", "transfer_log")
            .says(&["mkdir -p none"]),
        Case::conf("[log]\nlog_file = home", Refused).at("ftpd.conf:5", "log_file").says(&["is a folder"]),
        Case::conf("[log]\nlog_file = a.log", Refused)
            .at("ftpd.conf:5", "log_file")
            .says(&["nobody may not", "chown nobody a.log"])
            .prepared(|root| {
                fs::write(root.join("a.log"), "").unwrap();
                mode(root.join("a.log"), 0o644);
            })
            .by_nobody(),
        Case::conf("[log]\nlog_file = a.log\ntransfer_log = ./a.log", Refused)
            .at("ftpd.conf:6", "transfer_log")
            .says(&["log_file"]),
    ]);
}

#[test]
fn a_user_that_the_server_cannot_become_is_told_with_what_helps() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    run_all(vec![
        Case::conf("user = ftpdd", Refused).at("ftpd.conf:4", "user").says(&[
            "this system has no user 'ftpdd'",
            "useradd --system",
            " ftpdd",
        ]),
        Case::conf("user = daemon\ngroup = no-group-of-this-name", Refused)
            .at("ftpd.conf:5", "group")
            .says(&["groupadd --system no-group-of-this-name"]),
        Case::conf("user = daemon", Refused).at("ftpd.conf:4", "user").says(&["only root can become"]).by_nobody(),
    ]);
}

#[test]
fn a_server_that_stays_root_is_mentioned() {
    if !is_root() {
        return;
    }
    let tree = Tree::new("", BOB);
    let mut check = tree.command();
    check.arg("check");
    let Ended { code, output } = run_to_its_end(check);
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("ftpd.conf: user: not set, so the server is root"), "{output}");
    tree.start().wait_log("ftpd.conf: user: not set, so the server is root");
}

#[test]
fn an_examination_changes_nothing_on_the_disk() {
    leave_out!(Explicit | Implicit: "it has settings of its own");
    let tree = Tree::new("[tls]\ntls = on\n[log]\nlog_file = a.log\ntransfer_log = x.log\n", BOB);
    let names = || {
        let mut names: Vec<_> = fs::read_dir(tree.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = names();
    let mut check = tree.command();
    check.arg("check");
    assert_eq!(run_to_its_end(check).code, Some(0));
    // Nor does a start that is refused.
    tree.write_users(&account("elrw", "."));
    assert_eq!(tree.run().code, Some(1));
    assert_eq!(names(), before);
}

// One account

#[test]
fn check_shows_what_an_account_sees_and_says_what_it_may_do() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let users = format!("{ALEX}{}", account("elradfmwMT", "home").replace("[alex]", "[bob]"));
    let carl = account("elradfmwMT", "home").replace("[alex]", "[carl]");
    let tree = Tree::new("", &format!("{users}{carl}hide = .*\n"));
    fs::write(tree.home().join("a.txt"), "x").unwrap();
    symlink(".none/x", tree.home().join("to_hidden")).unwrap();
    symlink("/etc/passwd", tree.home().join("out")).unwrap();
    let home = tree.home().display().to_string();
    let has_w = "no: user.ini:3: perm = elr has no 'w'".to_owned();
    let cases: Vec<(&str, i32, String)> = vec![
        ("--user alex", 0, format!("/  is {home}, letters elr")),
        ("--user alxe", 2, "there is no account 'alxe'; did you mean 'alex'?".to_owned()),
        ("--can alex STOR /x.mp4", 1, has_w),
        ("--can alex RETR /a.txt", 0, "yes: user.ini:3: perm = elr has 'r'".to_owned()),
        ("--can alex retr /none.txt", 0, "does not exist at the moment".to_owned()),
        ("--can alex LIST -la /", 0, "has 'l'".to_owned()),
        ("--can bob STOR /x.mp4", 0, "yes: user.ini:7: perm = elradfmwMT has 'w'".to_owned()),
        ("--can bob STOR /none/x", 1, "no: the file system: ".to_owned()),
        ("--can bob RETR /out", 1, "is a link that leads out of the home".to_owned()),
        ("--can bob MKD /a.txt", 1, "is there already".to_owned()),
        ("--can bob DELE /", 1, "the home itself".to_owned()),
        ("--can bob PORT 127,0,0,1,200,1", 0, "yes: ".to_owned()),
        ("--user carl", 0, "     hide = .* (user.ini:13)".to_owned()),
        ("--can carl RETR /.x", 1, "no: user.ini:13: hide = .*".to_owned()),
        ("--can carl STOR /.x", 1, "no: user.ini:13: hide = .*".to_owned()),
        ("--can carl RNTO /a/.x/b", 1, "no: user.ini:13: hide = .*".to_owned()),
        ("--can carl RETR /to_hidden", 1, "no: user.ini:13: hide = .*".to_owned()),
        ("--can carl RETR /a.txt", 0, "yes: user.ini:11: perm = elradfmwMT has 'r'".to_owned()),
        ("--can alex FOO /x", 2, "FOO is no command; there is ABOR".to_owned()),
        ("--can alex STORE /x", 2, "did you mean STOR?".to_owned()),
    ];
    for (words, code, said) in cases {
        let mut command = tree.command();
        command.arg("check").args(words.split(' '));
        let ended = run_to_its_end(command);
        let output =
            ended.output.replace(&format!("{}/user.ini", tree.path("").display()).replace("//", "/"), "user.ini");
        assert_eq!(ended.code, Some(code), "{words}: {output}");
        assert!(output.contains(&said), "{words}: {said:?} is missing in {output}");
    }
    assert!(fs::read_dir(tree.home()).unwrap().count() == 3, "nothing was made");
}

#[test]
fn what_the_file_system_refuses_is_told_of_the_servers_user() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    if !is_root() {
        return;
    }
    let tree = Tree::new(&format!("[server]\nuser = {SOMEBODY}\n"), &account("elradfmwMT", "home"));
    mode(tree.path(""), 0o755);
    mode(tree.path("user.ini"), 0o644);
    let (user, group) = ids(SOMEBODY);
    chown(tree.home(), Some(user), Some(group)).unwrap();
    fs::create_dir(tree.home().join("roots")).unwrap();
    for (words, code, said) in [
        ("--can alex STOR /roots/x", 1, "roots belongs to root:root, mode 755; the session is nobody"),
        ("--can alex STOR /x", 0, "yes: "),
        ("--user alex", 0, "/roots  the file system refuses dfmw"),
    ] {
        let mut command = tree.command();
        command.arg("check").args(words.split(' '));
        let Ended { code: ended, output } = run_to_its_end(command);
        assert_eq!(ended, Some(code), "{words}: {output}");
        assert!(output.contains(said), "{words}: {output}");
    }
}
