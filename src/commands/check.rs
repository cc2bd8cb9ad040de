//! `ftpd check`: everything that would be wrong at start, told without starting.

use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::ExitCode;

use crate::auth::users::Users;
use crate::cli::{Check, Files};
use crate::commands::finding::Finding;
use crate::commands::network;
use crate::commands::reach::{out_of_reach, out_of_reach_of};
use crate::config::Config;
use crate::net::tls::Tickets;
use crate::server::{encryption, listen, privileges};

/// Prints to `out` all that is wrong with both files and what they name, and on wish with the way to the running
/// server; exit code 0 if nothing keeps the server, an account or a client from working, else 1.
pub fn run(files: &Files, wish: Check, out: &mut impl Write) -> ExitCode {
    let findings = match files.load() {
        Ok((config, users)) => examine(files, wish, &config, &users),
        Err(problems) => problems.0.iter().map(|problem| Finding::Wrong(problem.to_string())).collect(),
    };
    // Whoever closed the pipe does not want to read on; the exit code says it all.
    for finding in &findings {
        let _ = writeln!(out, "{finding}");
    }
    if findings.iter().any(Finding::is_wrong) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn examine(files: &Files, wish: Check, config: &Config, users: &Users) -> Vec<Finding> {
    let homes = users.missing_homes();
    let warnings = users.warnings(config.reachable_from_other_machines());
    let warnings = config.warnings().into_iter().chain(warnings.into_iter().filter(|line| !homes.contains(line)));
    let mut findings: Vec<Finding> = warnings.map(Finding::Note).collect();
    findings.extend(homes.into_iter().map(Finding::Wrong));
    if wish.network {
        findings.extend(network::examine(config, users));
    } else {
        findings.extend(control_ports(config));
        findings.extend(passive_ports(config));
    }
    findings.extend(encryption(config));
    for (key, path) in [("log_file", &config.log.log_file), ("transfer_log", &config.log.transfer_log)] {
        if let Some(Err(error)) = path.as_deref().map(can_append) {
            findings.push(Finding::Wrong(format!("{key}: {error}")));
        }
    }
    findings.extend(server_user(files, config, users));
    if !findings.iter().any(Finding::is_wrong) {
        let name = |file: Option<std::path::PathBuf>| file.map(|file| file.display().to_string());
        let names: Vec<String> = [name(files.config_file()), name(files.users_file())].into_iter().flatten().collect();
        let verb = match names.len() {
            0 => "the defaults are sound".to_owned(),
            1 => format!("{} is sound", names[0]),
            _ => format!("{} are sound", names.join(" and ")),
        };
        let (count, plural) = (users.count(), if users.count() == 1 { "" } else { "s" });
        let reached = if wish.network { ", and all that was dialled answers" } else { "" };
        findings.push(Finding::Sound(format!("ok: {count} account{plural}, {verb}{reached}")));
    }
    findings
}

/// What the user that the server becomes can't reach, or why it can't be that user.
fn server_user(files: &Files, config: &Config, users: &Users) -> Vec<Finding> {
    let person = match privileges::wanted(&config.server) {
        Ok(None) => return Vec::new(),
        Ok(Some(person)) => person,
        Err(error) => return vec![Finding::Wrong(error.to_string())],
    };
    let lines = match rustix::process::geteuid() {
        me if me.as_raw() == person.user => Ok(out_of_reach(files, config, users)),
        me if me.is_root() => out_of_reach_of(&person, files, config, users),
        _ => Err(privileges::only_root(&person)),
    };
    lines.unwrap_or_else(|reason| vec![reason]).into_iter().map(Finding::Wrong).collect()
}

/// Binds each address as the server would, and lets go again.
fn control_ports(config: &Config) -> Vec<Finding> {
    let server = &config.server;
    let mut bound = Vec::new();
    let mut findings = Vec::new();
    let mut lacking = Vec::new();
    let ports = [Some(server.port), config.tls.implicit_port];
    for (ip, port) in ports.into_iter().flatten().flat_map(|port| server.ip.iter().map(move |ip| (ip, port))) {
        let address = SocketAddr::new(*ip, port);
        match listen::bind(address, &server.ip) {
            Ok(listener) => bound.push(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                findings.push(Finding::Note(format!("{address} is in use: by a running ftpd?")));
            }
            Err(error) if listen::lacks_family(&error, *ip) => {
                lacking.push(format!("can't listen on {address}: {error}"));
            }
            Err(error) => findings.push(Finding::Wrong(format!("can't listen on {address}: {error}"))),
        }
    }
    // As at start: one family may be missing as long as another one listens.
    let enough = !bound.is_empty() || !findings.is_empty();
    findings.extend(lacking.into_iter().map(if enough { Finding::Note } else { Finding::Wrong }));
    findings
}

/// Reads certificate, key and authorities as the server would; the pair that it makes for itself is not made here.
fn encryption(config: &Config) -> Vec<Finding> {
    if let Some(pair) = encryption::missing(&config.tls) {
        let file = pair.certificate.display();
        return vec![match can_append(&pair.certificate) {
            Ok(()) => Finding::Note(format!("tls: a self-signed certificate will be made: {file}")),
            Err(error) => Finding::Wrong(format!("tls: a certificate has to be made, but: {error}")),
        }];
    }
    let tickets = match Tickets::new() {
        Ok(tickets) => tickets,
        Err(error) => return vec![Finding::Wrong(format!("tls: {error}"))],
    };
    match encryption::load(&config.tls, &tickets) {
        Ok(tls) => tls.as_deref().and_then(encryption::warning).map(Finding::Note).into_iter().collect(),
        Err(error) => vec![Finding::Wrong(error.to_string())],
    }
}

/// Counts the ports of the range that others hold, and tells of those that can't be had at all.
fn passive_ports(config: &Config) -> Vec<Finding> {
    let Some(range) = &config.passive.passive_ports else { return Vec::new() };
    let mut findings = Vec::new();
    if range.contains(&config.server.port) {
        findings.push(Finding::Note(format!("passive_ports hold the control port {}", config.server.port)));
    }
    let ip = config.server.ip.first().copied().unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let tried = range.clone().map(|port| (port, listen::bind(SocketAddr::new(ip, port), &[ip])));
    let failures = tried.filter_map(|(port, listener)| Some((port, listener.err()?)));
    let (in_use, other): (Vec<_>, Vec<_>) = failures.partition(|(_, why)| why.kind() == io::ErrorKind::AddrInUse);
    if !in_use.is_empty() {
        let (busy, all) = (in_use.len(), range.len());
        findings.push(Finding::Note(format!("passive_ports: {busy} of {all} are in use: by a running ftpd?")));
    }
    if let Some((port, error)) = other.first() {
        findings.push(Finding::Wrong(format!("passive_ports: can't listen on {port}: {error}")));
    }
    findings
}

/// Tries to write to the file, or to make one beside it where it does not exist yet.
fn can_append(path: &Path) -> Result<(), String> {
    let failed = |error: io::Error| format!("can't write {}: {error}", path.display());
    if path.exists() {
        return fs::OpenOptions::new().append(true).open(path).map(drop).map_err(failed);
    }
    let mut probe = path.as_os_str().to_owned();
    probe.push(format!(".{}.check", std::process::id()));
    fs::File::create_new(&probe).and_then(|_| fs::remove_file(&probe)).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn check(config: &str, users: &str) -> (bool, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let [conf, ini] = ["ftpd.conf", "user.ini"].map(|name| folder.path().join(name));
        fs::write(&conf, format!("[server]\nip = 127.0.0.1\nport = 0\n{config}")).unwrap();
        fs::write(&ini, users).unwrap();
        let mut out = Vec::new();
        let files = Files { config: Some(conf), users: Some(ini), overrides: Vec::new() };
        let code = run(&files, Check::default(), &mut out);
        let text = String::from_utf8(out).unwrap().replace(&format!("{}/", folder.path().display()), "");
        (
            code == ExitCode::SUCCESS,
            text.lines().filter(|line| !line.contains("chmod 600")).map(str::to_owned).collect(),
        )
    }

    const BOB: &str = "[bob]\npassword = x\nperm = elr\nhome = .\n";

    #[test]
    fn sound_files_end_with_ok() {
        let (sound, lines) = check("", BOB);
        assert_eq!((sound, lines), (true, vec!["ok: 1 account, ftpd.conf and user.ini are sound".to_owned()]));
    }

    #[test]
    fn all_that_is_wrong_is_told() {
        let (sound, lines) =
            check("[log]\nlog_file = none/a.log\ntransfer_log = b.log\n", &BOB.replace("= .", "= gone"));
        assert!(!sound);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0], "user.ini:4: the home gone of bob does not exist");
        assert!(lines[1].starts_with("log_file: can't write none/a.log: "), "{lines:?}");
    }

    #[test]
    fn errors_of_both_files_are_told() {
        let (sound, lines) = check("prot = 1\n", "[bob]\npassword = x\nperm = elr\n");
        let expected =
            ["ftpd.conf:4: prot: unknown key in [server], did you mean 'port'?", "user.ini:1: home: missing in [bob]"];
        assert_eq!((sound, lines), (false, expected.map(str::to_owned).to_vec()));
    }

    #[test]
    fn a_port_in_use_is_only_a_note() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let (sound, lines) = check(&format!("[passive]\npassive_ports = {port}\n"), BOB);
        assert!(sound);
        assert_eq!(lines[0], "note: passive_ports: 1 of 1 are in use: by a running ftpd?");
        let mut config = Config::default();
        config.server.ip = vec![Ipv4Addr::LOCALHOST.into()];
        config.server.port = port;
        assert!(matches!(&control_ports(&config)[..], [Finding::Note(text)] if text.contains("in use")));
    }

    #[test]
    fn an_address_of_another_machine_is_wrong() {
        let mut config = Config::default();
        config.server.ip = vec!["203.0.113.1".parse().unwrap()];
        assert!(matches!(&control_ports(&config)[..], [Finding::Wrong(_)]));
    }
}
