//! `ftpd reload`: a running server reads both files again, as at SIGHUP.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::Files;
use crate::cli::running::ReloadOptions;
use crate::commands::columns::visible;
use crate::commands::control_client::ControlClient;
use crate::commands::fail;
use crate::control::answer::ReloadAnswer;
use crate::control::request::ControlRequest;

/// Has the files read, and says what came of it; the exit code is 1 if they are not in use now.
pub fn run(files: &Files, options: &ReloadOptions) -> ExitCode {
    let asked = ControlClient::find(files, &options.running).and_then(|mut server| server.ask(&ControlRequest::Reload));
    let ReloadAnswer { reloaded, lines } = match asked {
        Ok(answer) => answer,
        Err(reason) => return fail(format_args!("ftpd reload: {reason}")),
    };
    // A reader that has closed the pipe wants no more lines.
    for line in lines {
        let _ = writeln!(io::stdout(), "{}", visible(&line));
    }
    if reloaded { ExitCode::SUCCESS } else { fail("ftpd reload: nothing has changed") }
}
