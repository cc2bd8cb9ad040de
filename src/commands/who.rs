//! `ftpd who`: the sessions of a running server.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use ratatui::crossterm::terminal;
use serde_json::json;

use crate::cli::Files;
use crate::cli::running::WhoOptions;
use crate::commands::columns::{Columns, local_time, size, time};
use crate::commands::control_client::ControlClient;
use crate::commands::fail;
use crate::control::answer::{SessionFacts, WhoAnswer};
use crate::control::request::ControlRequest;
use crate::protocol::plural::Plural;

/// Prints the sessions as a table, or as JSON; the exit code is 1 if there is no server.
pub fn run(files: &Files, options: &WhoOptions) -> ExitCode {
    let asked = ControlClient::find(files, &options.running).and_then(|mut server| server.ask(&ControlRequest::Who));
    let answer: WhoAnswer = match asked {
        Ok(answer) => answer,
        Err(reason) => return fail(format_args!("ftpd who: {reason}")),
    };
    let text = if options.json { format!("{}\n", json!(answer.sessions)) } else { table(&answer, width()) };
    // A reader that has closed the pipe wants no more lines.
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// As wide as most terminals.
const USUAL: usize = 80;

/// How wide the lines may be; a pipe takes all of them.
fn width() -> usize {
    if !io::stdout().is_terminal() {
        return usize::MAX;
    }
    terminal::size().ok().map(|(columns, _)| usize::from(columns)).filter(|columns| *columns > 0).unwrap_or(USUAL)
}

fn table(WhoAnswer { server, sessions }: &WhoAnswer, width: usize) -> String {
    let count = Plural(sessions.len(), "session");
    let head = format!("{count} of {} on {}, pid {}\n", server.max_cons, server.address, server.pid);
    if sessions.is_empty() {
        return head;
    }
    let heads = [">ID", "ACCOUNT", "ADDRESS", "TLS", "SINCE", ">IDLE", "DOES", ">BYTES", ">OF", ">RATE", "FILE"];
    let mut table = Columns::new(heads);
    sessions.iter().for_each(|session| table.row(row(session)));
    head + &table.lines(width)
}

fn row(session: &SessionFacts) -> [String; 11] {
    let moves = session.verb.is_some();
    let if_moving = |text: String| if moves { text } else { String::new() };
    [
        session.id.to_string(),
        session.user.clone().unwrap_or_else(|| "-".to_owned()),
        session.address.to_string(),
        if session.tls { "yes" } else { "no" }.to_owned(),
        local_time(&session.since),
        time(session.idle),
        session.does().to_owned(),
        if_moving(size(session.bytes)),
        session.total.map(size).unwrap_or_default(),
        if_moving(format!("{}/s", size(session.rate))),
        session.path.clone().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::answer::ServerFacts;

    fn session(id: u64) -> SessionFacts {
        SessionFacts {
            id,
            user: Some("alex".to_owned()),
            address: "192.168.1.20:51542".parse().expect("an address"),
            tls: true,
            protocol: None,
            since: jiff::Timestamp::now().to_string(),
            idle: 3,
            verb: None,
            path: None,
            bytes: 0,
            total: None,
            rate: 0,
        }
    }

    #[test]
    fn the_table_fits_the_terminal_and_is_whole_in_a_pipe() {
        let busy = SessionFacts {
            verb: Some("RETR".to_owned()),
            path: Some("/films/a name that is much too long for what is left.iso".to_owned()),
            bytes: 5 << 30,
            total: Some(50 << 30),
            rate: 11 << 20,
            ..session(7)
        };
        let server = ServerFacts {
            version: "1".to_owned(),
            pid: 5,
            uptime: 9,
            address: "0.0.0.0:2121".to_owned(),
            max_cons: 100,
        };
        let browser = SessionFacts { protocol: Some("http".to_owned()), ..session(9) };
        let answer = WhoAnswer { server: server.clone(), sessions: vec![busy, session(8), browser] };
        let whole = table(&answer, usize::MAX);
        assert!(whole.contains("  /films/a name that is much too long for what is left.iso\n"), "{whole}");
        let text = table(&answer, 80);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "3 sessions of 100 on 0.0.0.0:2121, pid 5");
        for part in [" 7 alex", "192.168.1.20:51542", "RETR", "5.0G", "50G", "11M/s", "….iso"] {
            assert!(lines[2].contains(part.trim_start_matches('…')), "{part}: {text}");
        }
        assert!(lines[3].contains("idle") && lines[4].contains("web"), "{text}");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{text}");
        assert_eq!(table(&WhoAnswer { server, sessions: vec![] }, 80), "0 sessions of 100 on 0.0.0.0:2121, pid 5\n");
    }
}
