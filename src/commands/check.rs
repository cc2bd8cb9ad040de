//! `ftpd check`: reports what would be wrong at start, without starting.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use crate::auth::users::Users;
use crate::cli::{Check, Files};
use crate::commands::finding;
use crate::commands::network;
use crate::commands::reach::{can_append, out_of_reach, out_of_reach_of};
use crate::commands::report;
use crate::config::Config;
use crate::ini::{Finding, Findings, Source};
use crate::net::source_port;
use crate::net::tls::Tickets;
use crate::server::{capacity, control_socket, encryption, listen, privileges};
use crate::sys::access;

/// Prints to `out` what is wrong with both files and what they name, and with `--network` also what is wrong on the way
/// to the running server; the exit code is 0 if nothing keeps the server from starting or a client from working (with
/// `--strict`: if nothing is doubtful), else 1.
pub fn run(files: &Files, options: Check, out: &mut impl Write) -> ExitCode {
    let (found, summary) = match files.load() {
        Ok((config, users)) => {
            let found = Findings::new(examine(files, options, &config, &users));
            let summary = (!found.has_errors()).then(|| summary(files, options, &users));
            (found, summary)
        }
        Err(found) => (found, None),
    };
    let report = if options.json { report::json(&found) } else { report::text(&found, summary) };
    // A reader that has closed the pipe wants no more lines; the exit code says enough.
    let _ = writeln!(out, "{report}");
    let fails = if options.strict { found.has_warnings() } else { found.has_errors() };
    if fails { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn examine(files: &Files, options: Check, config: &Config, users: &Users) -> Vec<Finding> {
    let mut findings = settings(config, users);
    if options.network {
        findings.extend(network::examine(config, users));
    } else {
        findings.extend(control_connections(config));
        findings.extend(passive_ports(config));
    }
    findings.extend(data_port(config));
    findings.extend(encryption(config));
    findings.extend(log_files(config));
    findings.extend(control_socket::problem(config));
    findings.extend(server_user(files, config, users));
    findings
}

/// What deserves a second look, and homes that are missing.
fn settings(config: &Config, users: &Users) -> Vec<Finding> {
    let warnings = users.warnings(config.reachable_from_other_machines());
    let mut findings: Vec<Finding> = config.warnings().into_iter().chain(warnings).collect();
    findings.extend(capacity::warnings(config).into_iter().map(|reason| Finding::warning(&Source::file(""), reason)));
    findings.extend(users.accounts().missing_homes());
    findings
}

/// Binds each address as the server would, all at once, and releases them.
fn control_connections(config: &Config) -> Vec<Finding> {
    let ips = &config.server.ip;
    let addresses = super::control_ports(config).flat_map(|port| ips.iter().map(move |ip| SocketAddr::new(*ip, port)));
    let tried: Vec<_> = addresses.map(|address| (address, listen::bind(address, ips))).collect();
    let lacks_family = |address: &SocketAddr, error: &io::Error| listen::lacks_family(error, address.ip());
    // As at start: one family may be missing as long as another one listens.
    let is_enough =
        tried.iter().any(|(address, bound)| !bound.as_ref().is_err_and(|error| lacks_family(address, error)));
    let failures = tried.iter().filter_map(|(address, bound)| Some((address, bound.as_ref().err()?)));
    let finding = |(address, error): (&SocketAddr, &io::Error)| match format!("can't listen on {address}: {error}") {
        _ if error.kind() == io::ErrorKind::AddrInUse => {
            finding::note(format!("{address} is in use: by a running ftpd?"))
        }
        text if is_enough && lacks_family(address, error) => finding::note(text),
        text => finding::wrong(text),
    };
    failures.map(finding).collect()
}

/// Says why active data connections can't come from the configured port.
fn data_port(config: &Config) -> Option<Finding> {
    let bound = source_port::may_be_bound(config.active.data_port?, listening(config));
    bound.err().map(|why| finding::wrong(listen::explain_data_port(&why)))
}

/// The addresses to listen on of the families that this machine has.
fn listening(config: &Config) -> impl Iterator<Item = IpAddr> {
    let lacks = |ip: &IpAddr| {
        listen::bind(SocketAddr::new(*ip, 0), &[*ip]).is_err_and(|error| listen::lacks_family(&error, *ip))
    };
    config.server.ip.iter().copied().filter(move |ip| !lacks(ip))
}

/// Counts the ports of the range that others hold, and names one that can't be bound for another reason.
fn passive_ports(config: &Config) -> Vec<Finding> {
    let Some(range) = &config.passive.passive_ports else { return Vec::new() };
    let mut findings = Vec::new();
    if range.contains(&config.server.port) {
        findings.push(finding::note(format!("passive_ports hold the control port {}", config.server.port)));
    }
    let ip = config.server.ip.first().copied().unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let tried = range.clone().map(|port| (port, listen::bind(SocketAddr::new(ip, port), &[ip])));
    let failures = tried.filter_map(|(port, listener)| Some((port, listener.err()?)));
    let (in_use, other): (Vec<_>, Vec<_>) = failures.partition(|(_, why)| why.kind() == io::ErrorKind::AddrInUse);
    if !in_use.is_empty() {
        let (busy, all) = (in_use.len(), range.len());
        findings.push(finding::note(format!("passive_ports: {busy} of {all} are in use: by a running ftpd?")));
    }
    if let Some((port, error)) = other.first() {
        findings.push(finding::wrong(format!("passive_ports: can't listen on {port}: {error}")));
    }
    findings
}

/// Reads certificate, key and authorities as the server would, but does not create the server's own pair.
fn encryption(config: &Config) -> Vec<Finding> {
    if let Some(pair) = encryption::missing(&config.tls) {
        let file = &pair.certificate;
        return vec![match can_append(file) {
            Ok(()) => finding::note(format!("tls: a self-signed certificate will be made: {}", file.display())),
            Err(error) => finding::wrong(format!(
                "tls: a certificate has to be made, but: can't write {}: {error}",
                file.display()
            )),
        }];
    }
    let tickets = match Tickets::new() {
        Ok(tickets) => tickets,
        Err(error) => return vec![finding::wrong(format!("tls: {error}"))],
    };
    match encryption::load(&config.tls, &tickets) {
        Ok(tls) => tls.as_deref().and_then(encryption::warning).map(finding::note).into_iter().collect(),
        Err(error) => vec![error],
    }
}

fn log_files(config: &Config) -> impl Iterator<Item = Finding> {
    let files = [("log_file", &config.log.log_file), ("transfer_log", &config.log.transfer_log)];
    files.into_iter().filter_map(|(key, path)| {
        let path = path.as_deref()?;
        let error = can_append(path).err()?;
        Some(finding::wrong(format!("{key}: can't write {}: {error}", path.display())))
    })
}

/// What the user that the server becomes can't reach, or why it can't be that user.
fn server_user(files: &Files, config: &Config, users: &Users) -> Vec<Finding> {
    let person = match privileges::wanted(&config.server) {
        Ok(None) => return Vec::new(),
        Ok(Some(person)) => person,
        Err(error) => return vec![finding::wrong(error.to_string())],
    };
    let lines = match access::user_id() {
        me if me == person.user => Ok(out_of_reach(files, config, users)),
        0 => out_of_reach_of(&person, files, config, users),
        _ => Err(privileges::only_root(&person)),
    };
    lines.unwrap_or_else(|reason| vec![reason]).into_iter().map(finding::wrong).collect()
}

fn summary(files: &Files, options: Check, users: &Users) -> String {
    let names = [files.config_file(), files.users_file()].into_iter().flatten();
    let names: Vec<String> = names.map(|file| file.display().to_string()).collect();
    let sound = match &names[..] {
        [] => "the defaults are sound".to_owned(),
        [name] => format!("{name} is sound"),
        names => format!("{} are sound", names.join(" and ")),
    };
    let count = users.accounts().count();
    let plural = if count == 1 { "" } else { "s" };
    let reached = if options.network { ", and all that was dialled answers" } else { "" };
    format!("ok: {count} account{plural}, {sound}{reached}")
}

#[cfg(test)]
mod tests {
    use std::fs;
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
        assert_eq!(lines.len(), 4, "{lines:?}");
        assert!(lines[0].starts_with("log_file: can't write none/a.log: "), "{lines:?}");
        assert_eq!(lines[1..3], ["warning: user.ini:4: home: the home gone of bob does not exist", "    home = gone"]);
    }

    #[test]
    fn errors_of_both_files_are_told() {
        let (sound, lines) = check("prot = 1\n", "[bob]\npassword = x\nperm = elr\n");
        let expected = [
            "ftpd.conf:4: prot: unknown key in [server], did you mean 'port'?",
            "    prot = 1",
            "    ^^^^",
            "user.ini:1: home: missing in [bob]",
            "    [bob]",
            "    ^^^^^",
        ];
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
        assert!(matches!(&control_connections(&config)[..], [finding] if !finding.is_error()));
    }

    #[test]
    fn an_address_of_another_machine_is_wrong() {
        let mut config = Config::default();
        config.server.ip = vec!["203.0.113.1".parse().unwrap()];
        assert!(matches!(&control_connections(&config)[..], [finding] if finding.is_error()));
    }
}
