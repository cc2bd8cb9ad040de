//! `ftpd`: serve until asked to stop.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, RecvTimeoutError};

use crate::cli::{Cli, Files};
use crate::commands::reach::out_of_reach;
use crate::logging::Logging;
use crate::server::signals::{self, Wish};
use crate::server::{Server, privileges, service};

/// Serves; the exit code is 0 when stopped as asked, 1 when it could not start.
pub fn run(cli: &Cli) -> ExitCode {
    privileges::forbid_more();
    let (config, users) = match cli.files.load() {
        Ok(loaded) => loaded,
        Err(problems) => return fail(&problems.to_string()),
    };
    let logging = match Logging::start(&config.log, cli.verbosity()) {
        Ok(logging) => logging,
        Err(problem) => return fail(&problem.to_string()),
    };
    log::info!("{}", cli.files.summary());
    for warning in config.warnings().into_iter().chain(users.warnings(config.reachable_from_other_machines())) {
        log::warn!("{warning}");
    }
    let users = Arc::new(users);
    let started = signals::wishes().and_then(|wishes| Ok((Server::start(config.clone(), Arc::clone(&users))?, wishes)));
    let (server, wishes) = match started {
        Ok(started) => started,
        Err(error) => {
            log::error!("{error}");
            return ExitCode::FAILURE;
        }
    };
    for line in out_of_reach(&cli.files, &config, &users) {
        log::warn!("{line}");
    }
    loop {
        let wish = match service::watchdog() {
            Some(interval) => wishes.recv_timeout(interval),
            None => wishes.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match wish {
            Ok(Wish::Reload) => reload(&cli.files, &server, &users, &logging),
            Ok(Wish::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => server.look_around(),
        }
    }
    end_on_second_wish(wishes);
    server.stop();
    ExitCode::SUCCESS
}

/// Both files are sound and change together, or nothing changes.
fn reload(files: &Files, server: &Server, users: &crate::auth::users::Users, logging: &Logging) {
    service::reloading();
    match files.reload(users, |config| server.prepare(config)) {
        Ok((config, tls)) => {
            logging.reopen(&config.log);
            server.reconfigure(config, tls);
            log::info!("read again: {}", files.summary());
        }
        Err(problems) => {
            for line in problems.to_string().lines() {
                log::error!("not read again: {line}");
            }
        }
    }
    service::ready();
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
    // Without it, the grace is waited for: no reason to fail.
    let _ = thread::Builder::new().name("second signal".to_owned()).spawn(watch);
}

fn fail(message: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{message}");
    ExitCode::FAILURE
}
