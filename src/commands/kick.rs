//! `ftpd kick`: ends sessions of a running server.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::Files;
use crate::cli::running::KickOptions;
use crate::commands::columns::{time, visible};
use crate::commands::control_client::ControlClient;
use crate::commands::fail;
use crate::control::answer::KickAnswer;
use crate::control::request::{ControlRequest, KickTarget};

/// Ends them and says how many; the exit code is 1 if there was nobody to end and nobody to keep out, or if a number is no
/// session's.
pub fn run(files: &Files, options: &KickOptions) -> ExitCode {
    let request = ControlRequest::Kick(target(options));
    let asked = ControlClient::find(files, &options.running).and_then(|mut server| server.ask(&request));
    let answer: KickAnswer = match asked {
        Ok(answer) => answer,
        Err(reason) => return fail(format_args!("ftpd kick: {reason}")),
    };
    let said = said(options, &answer);
    if answer.kicked == 0 && !options.ban {
        return fail(format_args!("ftpd kick: {said}"));
    }
    // A reader that has closed the pipe wants no more lines.
    let _ = writeln!(io::stdout(), "{said}");
    if answer.unknown.is_empty() { ExitCode::SUCCESS } else { fail(format_args!("ftpd kick: {}", unknown(&answer))) }
}

fn target(options: &KickOptions) -> KickTarget {
    match (&options.user, options.address) {
        (Some(user), _) => KickTarget::User { user: user.clone() },
        (None, Some(address)) => KickTarget::Address { address, ban: options.ban },
        (None, None) => KickTarget::Ids { ids: options.ids.clone() },
    }
}

fn said(options: &KickOptions, answer: &KickAnswer) -> String {
    let ended = match (answer.kicked, target(options)) {
        (0, KickTarget::Ids { .. }) => unknown(answer),
        (0, KickTarget::User { user }) => format!("no session of {} is here", visible(&user)),
        (0, KickTarget::Address { address, .. }) => format!("no session from {address} is here"),
        (1, _) => "1 session is told to end".to_owned(),
        (count, _) => format!("{count} sessions are told to end"),
    };
    match (options.ban, answer.banned) {
        (false, _) => ended,
        (true, Some(seconds)) => format!("{ended}; the address is kept out for {}", time(seconds)),
        (true, None) => format!("{ended}; the address is kept out until the server ends (ban_time = off)"),
    }
}

fn unknown(answer: &KickAnswer) -> String {
    let ids: Vec<String> = answer.unknown.iter().map(u64::to_string).collect();
    format!("no session has the number {}: ftpd who shows them", ids.join(", "))
}
