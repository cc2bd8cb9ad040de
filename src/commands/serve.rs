//! `ftpd`: serves until asked to stop.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::auth::users::Users;
use crate::cli::{Cli, Files};
use crate::commands::reach::out_of_reach;
use crate::config::Config;
use crate::logging::Logging;
use crate::server::Server;
use crate::sys::signals::{self, Wish};
use crate::sys::{process, service};

/// Serves; the exit code is 0 if stopped as asked, 1 if it could not start.
pub fn run(cli: &Cli) -> ExitCode {
    process::forbid_more_rights();
    let (config, users) = match cli.files.load() {
        Ok(loaded) => loaded,
        Err(problems) => return fail(&problems.to_string()),
    };
    let logging = match Logging::start(&config.log, cli.verbosity()) {
        Ok(logging) => logging,
        Err(problem) => return fail(&problem.to_string()),
    };
    log::info!("{}", cli.files.summary());
    let of_accounts = users.warnings(config.reachable_from_other_machines());
    for warning in [config.warnings(), users.accounts().missing_homes(), of_accounts].concat() {
        log::warn!("{warning}");
    }
    match serve(&cli.files, config, Arc::new(users), &logging) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(files: &Files, config: Config, users: Arc<Users>, logging: &Logging) -> io::Result<()> {
    let wishes = signals::wishes()?;
    let server = Server::start(config.clone(), Arc::clone(&users))?;
    for line in out_of_reach(files, &config, &users) {
        log::warn!("{line}");
    }
    Running { files, server: &server, users: &users, logging }.until_stopped(&wishes);
    end_on_second_wish(wishes);
    server.stop();
    Ok(())
}

/// The server while it runs, with what a reload changes.
struct Running<'a> {
    files: &'a Files,
    server: &'a Server,
    users: &'a Users,
    logging: &'a Logging,
}

impl Running<'_> {
    fn until_stopped(&self, wishes: &Receiver<Wish>) {
        loop {
            let wish = match service::watchdog() {
                Some(interval) => wishes.recv_timeout(interval),
                None => wishes.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match wish {
                Ok(Wish::Reload) => self.reload(),
                Ok(Wish::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => self.server.report_alive(),
            }
        }
    }

    /// Both files are sound and change together, or nothing changes.
    fn reload(&self) {
        service::reloading();
        match self.files.reload(self.users, |config| self.server.prepare(config)) {
            Ok((config, tls)) => {
                self.logging.reopen(&config.log);
                self.server.reconfigure(config, tls);
                log::info!("read again: {}", self.files.summary());
            }
            Err(problems) => {
                for line in problems.to_string().lines() {
                    log::error!("not read again: {line}");
                }
            }
        }
        service::ready();
    }
}

fn end_on_second_wish(wishes: Receiver<Wish>) {
    let watch = move || {
        while let Ok(wish) = wishes.recv() {
            if wish == Wish::Stop {
                log::warn!("stopping at once");
                std::process::exit(0);
            }
        }
    };
    // Without this thread, the server still stops after its grace.
    let _ = thread::Builder::new().name("second signal".to_owned()).spawn(watch);
}

fn fail(message: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{message}");
    ExitCode::FAILURE
}
