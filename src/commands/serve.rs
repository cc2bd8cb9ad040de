//! `ftpd`: serves until asked to stop.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, after, never, select};

use crate::auth::users::Users;
use crate::cli::{Cli, Files};
use crate::commands::reach::out_of_reach;
use crate::config::Config;
use crate::ini::Findings;
use crate::logging::Logging;
use crate::server::Server;
use crate::server::control_socket::desk::{Errand, ErrandReply};
use crate::sys::local_socket::SocketName;
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
    let warnings = [config.warnings(), users.accounts().missing_homes(), of_accounts].concat();
    for warning in Findings::new(warnings) {
        log::warn!("{}", warning.message());
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
    end_on_second_wish(wishes, server.socket_name());
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
    /// Does what is asked, until the server is to stop or has been drained.
    fn until_stopped(&self, wishes: &Receiver<Wish>) {
        let (mut errands, mut emptied) = (self.server.errands().clone(), never());
        loop {
            let tick = service::watchdog().map_or_else(never, after);
            select! {
                recv(wishes) -> wish => match wish {
                    Ok(Wish::Reload) => drop(self.reload()),
                    Ok(Wish::Stop) | Err(_) => return,
                },
                recv(errands) -> errand => match errand {
                    Ok(Errand::Drain(reply)) => emptied = self.drain(reply),
                    Ok(Errand::Reload(reply)) => {
                        let (reloaded, lines) = self.reload();
                        reply.reloaded(reloaded, lines);
                    }
                    // There is no local socket, or its thread failed.
                    Err(_) => errands = never(),
                },
                recv(emptied) -> _ => return,
                recv(tick) -> _ => self.server.report_alive(),
            }
        }
    }

    /// Takes no new sessions any more; gives what says that the last one has left.
    fn drain(&self, reply: ErrandReply) -> Receiver<()> {
        match self.server.drain() {
            Ok((sessions, emptied)) => {
                reply.draining(sessions);
                emptied
            }
            Err(error) => {
                reply.failed(&format!("can't drain: {error}"));
                never()
            }
        }
    }

    /// Both files are sound and change together, or nothing changes: false then. With it come lines that the log has, too.
    fn reload(&self) -> (bool, Vec<String>) {
        service::reloading();
        let came_of_it = match self.files.reload(self.users, |config| self.server.prepare(config)) {
            Ok((config, tls)) => {
                self.logging.reopen(&config.log);
                let mut lines = self.server.reconfigure(config, tls);
                let line = format!("read again: {}", self.files.summary());
                log::info!("{line}");
                lines.push(line);
                (true, lines)
            }
            Err(problems) => {
                let lines = problems.to_string();
                let lines: Vec<String> = lines.lines().map(|line| format!("not read again: {line}")).collect();
                lines.iter().for_each(|line| log::error!("{line}"));
                (false, lines)
            }
        };
        service::ready();
        came_of_it
    }
}

fn end_on_second_wish(wishes: Receiver<Wish>, socket: Option<SocketName>) {
    let watch = move || {
        while let Ok(wish) = wishes.recv() {
            if wish == Wish::Stop {
                log::warn!("stopping at once");
                socket.iter().for_each(SocketName::remove);
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
