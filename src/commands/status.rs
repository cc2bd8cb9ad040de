//! `ftpd status`: how a running server is, in words, as JSON or as metrics.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::net::IpAddr;
use std::process::ExitCode;

use serde_json::json;

use crate::cli::Files;
use crate::cli::running::StatusOptions;
use crate::commands::columns::{size, time, visible};
use crate::commands::control_client::ControlClient;
use crate::commands::fail;
use crate::control::answer::{BanFacts, StatusAnswer, UnbanAnswer};
use crate::control::request::ControlRequest;

/// Prints it, or lets an address in again; the exit code is 1 if there is no server, or no such ban.
pub fn run(files: &Files, options: &StatusOptions) -> ExitCode {
    let said = ControlClient::find(files, &options.running).and_then(|mut server| match options.unban {
        Some(address) => unban(&mut server, address),
        None => server.ask(&ControlRequest::Status).map(|answer| shown(options, &answer)),
    });
    match said {
        Ok(text) => {
            // A reader that has closed the pipe wants no more lines.
            let _ = io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(reason) => fail(format_args!("ftpd status: {reason}")),
    }
}

fn unban(server: &mut ControlClient, address: IpAddr) -> Result<String, String> {
    match server.ask(&ControlRequest::Unban { address })? {
        UnbanAnswer { unbanned: true } => Ok(format!("{address} is let in again\n")),
        UnbanAnswer { unbanned: false } => Err(format!("{address} is not banned")),
    }
}

fn shown(options: &StatusOptions, answer: &StatusAnswer) -> String {
    match (options.json, options.prometheus) {
        (true, _) => format!("{}\n", json!(answer)),
        (false, true) => metrics(answer),
        (false, false) => words(answer),
    }
}

fn words(answer: &StatusAnswer) -> String {
    let (server, limits) = (&answer.server, &answer.limits);
    let rate = |rate: Option<u64>| rate.map_or("no limit".to_owned(), |rate| format!("{}/s", size(rate)));
    let each = limits.max_cons_per_ip.map_or("any number".to_owned(), |max| format!("at most {max}"));
    let ports = limits.passive_ports.as_deref().unwrap_or("any");
    let rows = [
        ("server", format!("ftpd {}, pid {}, on {}", server.version, server.pid, server.address)),
        ("uptime", time(server.uptime) + if answer.draining { ", draining" } else { "" }),
        ("sessions", format!("{} of {}, {} since the start", answer.sessions, limits.max_cons, answer.sessions_total)),
        ("transfers", answer.transfers.to_string()),
        ("bytes", format!("{} received, {} sent", size(answer.received), size(answer.sent))),
        (
            "limits",
            format!(
                "{each} from one address; for each session upload {}, download {}; passive ports {ports}",
                rate(limits.max_upload),
                rate(limits.max_download)
            ),
        ),
        ("bans", bans(&answer.bans)),
        ("partials", format!("{} kept since the start", answer.partials)),
    ];
    let line = |(name, text): &(&str, String)| format!("{name:<11}{}\n", visible(text));
    rows.iter().map(line).collect()
}

fn bans(bans: &[BanFacts]) -> String {
    let one = |ban: &BanFacts| match ban.left {
        Some(left) => format!("{} ({} left)", ban.address, time(left)),
        None => format!("{} (until the server ends)", ban.address),
    };
    if bans.is_empty() { "none".to_owned() } else { bans.iter().map(one).collect::<Vec<_>>().join(", ") }
}

/// The text format of Prometheus, version 0.0.4.
fn metrics(answer: &StatusAnswer) -> String {
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let rows = [
        ("uptime_seconds", "gauge", "Time since the start.", answer.server.uptime),
        ("draining", "gauge", "1 if no new sessions are taken.", u64::from(answer.draining)),
        ("sessions", "gauge", "Sessions that are here.", number(answer.sessions)),
        ("sessions_max", "gauge", "Sessions at once (max_cons).", number(answer.limits.max_cons)),
        ("sessions_total", "counter", "Sessions since the start.", answer.sessions_total),
        ("transfers", "gauge", "Transfers and listings that run.", number(answer.transfers)),
        ("received_bytes_total", "counter", "Bytes from clients since the start.", answer.received),
        ("sent_bytes_total", "counter", "Bytes to clients since the start.", answer.sent),
        ("banned_addresses", "gauge", "Addresses that are kept out.", number(answer.bans.len())),
        ("partials_total", "counter", "Broken uploads that left a hidden part.", answer.partials),
    ];
    rows.iter().fold(String::new(), |mut text, (name, kind, help, value)| {
        // A String takes everything.
        let _ = write!(text, "# HELP ftpd_{name} {help}\n# TYPE ftpd_{name} {kind}\nftpd_{name} {value}\n");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::answer::{LimitFacts, ServerFacts};

    fn answer() -> StatusAnswer {
        StatusAnswer {
            server: ServerFacts {
                version: "0.1.0".to_owned(),
                pid: 5,
                uptime: 7200,
                address: "0.0.0.0:2121".to_owned(),
                max_cons: 100,
            },
            draining: false,
            sessions: 1,
            sessions_total: 57,
            transfers: 1,
            received: 3 << 20,
            sent: 1536,
            limits: LimitFacts {
                max_cons: 100,
                max_cons_per_ip: Some(10),
                max_upload: Some(2 << 20),
                max_download: None,
                passive_ports: Some("8300-8500".to_owned()),
            },
            bans: vec![BanFacts { address: "192.0.2.1".parse().expect("an address"), left: Some(540) }],
            partials: 3,
        }
    }

    #[test]
    fn in_words_it_tells_time_sessions_bytes_limits_and_bans() {
        let text = words(&answer());
        assert_eq!(
            text,
            "server     ftpd 0.1.0, pid 5, on 0.0.0.0:2121\n\
             uptime     2h00\n\
             sessions   1 of 100, 57 since the start\n\
             transfers  1\n\
             bytes      3.0M received, 1.5K sent\n\
             limits     at most 10 from one address; for each session upload 2.0M/s, download no limit; passive ports 8300-8500\n\
             bans       192.0.2.1 (9m left)\n\
             partials   3 kept since the start\n"
        );
    }

    #[test]
    fn each_metric_has_its_help_its_type_and_its_value() {
        let text = metrics(&answer());
        let lines: Vec<&str> = text.lines().collect();
        for metric in lines.chunks(3) {
            let [help, kind, value] = metric else { panic!("{metric:?}") };
            let name = value.split_once(' ').expect("a value").0;
            assert!(help.starts_with(&format!("# HELP {name} ")), "{help}");
            let kinds = [format!("# TYPE {name} gauge"), format!("# TYPE {name} counter")];
            assert!(kinds.contains(&(*kind).to_owned()), "{kind}");
            assert_eq!(kind.ends_with("counter"), name.ends_with("_total"), "{name}");
        }
        assert!(lines.contains(&"ftpd_sessions 1") && lines.contains(&"ftpd_received_bytes_total 3145728"));
    }
}
