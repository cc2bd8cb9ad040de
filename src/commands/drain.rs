//! `ftpd drain`: a running server takes no new sessions, and stops after the last transfer.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::Files;
use crate::cli::running::DrainOptions;
use crate::commands::control_client::ControlClient;
use crate::commands::fail;
use crate::control::answer::DrainAnswer;
use crate::control::request::ControlRequest;

/// Has the server drained, and waits for its end if that is wanted; the exit code is 1 if there is no server, or if
/// it ends otherwise than by itself.
pub fn run(files: &Files, options: &DrainOptions) -> ExitCode {
    let asked = ControlClient::find(files, &options.running)
        .and_then(|mut server| server.ask(&ControlRequest::Drain).map(|answer: DrainAnswer| (server, answer)));
    let (mut server, DrainAnswer { sessions }) = match asked {
        Ok(asked) => asked,
        Err(reason) => return fail(format_args!("ftpd drain: {reason}")),
    };
    let plural = if sessions == 1 { "" } else { "s" };
    let text =
        format!("draining: no new sessions; the server stops after the last transfer ({sessions} session{plural} now)");
    // A reader that has closed the pipe wants no more lines.
    let _ = writeln!(io::stdout(), "{text}");
    if options.wait {
        if !server.wait_for_the_end() {
            return fail("ftpd drain: the server has ended without a goodbye: it was killed, or it failed");
        }
        let _ = writeln!(io::stdout(), "the server has stopped");
    }
    ExitCode::SUCCESS
}
