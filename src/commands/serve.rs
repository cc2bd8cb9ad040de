//! `ftpd`: serves until asked to stop.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use crossbeam_channel::{Receiver, after, never, select};

use crate::auth::users::Users;
use crate::cli::{Cli, Files};
use crate::commands::examination::{self, Occasion, Setup};
use crate::commands::introduction::{Introduction, ShownCertificate, Urls};
use crate::commands::{fail, introduction};
use crate::config::{Config, TlsFiles};
use crate::ini::{self, Findings, SHOWN, Severity};
use crate::logging::Logging;
use crate::net::tls::Tls;
use crate::server::Server;
use crate::server::control_socket::desk::{Errand, ErrandReply};
use crate::sys::local_socket::SocketName;
use crate::sys::signals::{self, Wish};
use crate::sys::{access, process, service};

/// Serves; the exit code is 0 if stopped as asked, 1 if it could not start.
pub fn run(cli: &Cli) -> ExitCode {
    process::forbid_more_rights();
    let (config, users) = match cli.files.load() {
        Ok(loaded) => loaded,
        Err(problems) => return fail(&problems),
    };
    let subject = Setup { files: &cli.files, config: &config, users: &users };
    let found = examination::examine(&subject, Occasion::Start);
    if found.has_errors() {
        return fail(&found);
    }
    let logging = match Logging::start(&config.log, cli.verbosity()) {
        Ok(logging) => logging,
        Err(problem) => return fail(&problem),
    };
    log::info!("{}", cli.files.summary());
    for finding in found.iter().take(SHOWN) {
        match finding.severity {
            Severity::Note => log::info!("{}", finding.message()),
            Severity::Error | Severity::Warning => log::warn!("{}", finding.message()),
        }
    }
    if found.iter().count() > SHOWN {
        log::warn!("and {} more, which ftpd check --json shows", found.iter().count() - SHOWN);
    }
    users.guard(examination::own_files(&cli.files, &config));
    match serve(cli, config, Arc::new(users), &logging) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{}", ini::without_number(&error));
            ExitCode::FAILURE
        }
    }
}

fn serve(cli: &Cli, config: Config, users: Arc<Users>, logging: &Logging) -> io::Result<()> {
    let files = &cli.files;
    let wishes = signals::wishes()?;
    let server = Server::start(config.clone(), Arc::clone(&users))?;
    introduce(cli, &config, &users, &server);
    let ends_with_terminal = files.shared.is_some() && io::stdin().is_terminal();
    Running { files, server: &server, users: &users, logging, ends_with_terminal }.until_stopped(&wishes);
    end_on_second_wish(wishes, server.socket_name());
    server.stop();
    Ok(())
}

/// Tells where the server is reached, and what it offers to whom: to the person who shares a folder, or in the log.
fn introduce(cli: &Cli, config: &Config, users: &Users, server: &Server) {
    let urls = Urls::of(config, &server.addresses(), &server.web_addresses());
    match &cli.files.shared {
        Some(folder) => {
            let is_passing = config.tls.files == Some(TlsFiles::InMemory);
            let is_own = !matches!(config.tls.files, Some(TlsFiles::Given { .. }));
            let certificate =
                server.fingerprint().map(|fingerprint| ShownCertificate { fingerprint, is_own, is_passing });
            let introduction = Introduction { folder, urls, certificate, qr_code: cli.sharing.qr_code() };
            let text = introduction.text(io::stdout().is_terminal());
            // What was logged before comes before. A closed output is no reason to stop.
            log::logger().flush();
            let _ = io::stdout().write_all(text.as_bytes());
        }
        None => introduction::lines(config, &users.accounts(), &urls).iter().for_each(|line| log::info!("{line}")),
    }
}

/// The server while it runs, with what a reload changes.
struct Running<'a> {
    files: &'a Files,
    server: &'a Server,
    users: &'a Users,
    logging: &'a Logging,
    /// A folder is shared from a terminal: when that is closed, SIGHUP says so.
    ends_with_terminal: bool,
}

impl Running<'_> {
    /// Does what is asked, until the server is to stop or has been drained.
    fn until_stopped(&self, wishes: &Receiver<Wish>) {
        let (mut errands, mut emptied) = (self.server.errands().clone(), never());
        loop {
            let tick = service::watchdog().map_or_else(never, after);
            select! {
                recv(wishes) -> wish => match wish {
                    Ok(Wish::Reload) if self.ends_with_terminal => return,
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

    /// Reads the files that the settings name, and leaves out the accounts that would reach the server's own, a line for
    /// each.
    fn prepare(&self, config: &Config, users: &Users) -> Result<(Option<Arc<Tls>>, Vec<String>), Findings> {
        let subject = Setup { files: self.files, config, users };
        let found = Findings::new(examination::unsafe_files(&subject, access::user_id()));
        if found.has_errors() {
            return Err(found);
        }
        let tls = self.server.prepare(config)?;
        Ok((tls, users.guard(examination::own_files(self.files, config))))
    }

    /// Takes no new sessions any more; the channel tells when the last one has left.
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

    /// If both files are valid, both are taken over; otherwise nothing changes, and the result is false. The lines are in the
    /// log, too.
    fn reload(&self) -> (bool, Vec<String>) {
        service::reloading();
        let came_of_it = match self.files.reload(self.users, |config, users| self.prepare(config, users)) {
            Ok((config, (tls, mut lines))) => {
                lines.extend(self.reopen_logs(&config));
                let accounts = self.users.accounts();
                for doubt in config.warnings().into_iter().chain(accounts.doubts()) {
                    log::warn!("{}", doubt.message());
                    lines.push(doubt.message());
                }
                lines.extend(self.server.reconfigure(config, tls));
                let line = format!("read again: {}", self.files.summary());
                log::info!("{line}");
                lines.push(line);
                (true, lines)
            }
            Err(problems) => {
                // A person may paste a line of the answer; each line of the log stands alone.
                let mut lines: Vec<String> = problems.to_string().lines().map(str::to_owned).collect();
                lines.iter().for_each(|line| log::error!("not read again: {line}"));
                // What rotates the logs knows nothing of that mistake.
                lines.extend(self.reopen_logs(&self.server.config()));
                (false, lines)
            }
        };
        service::ready();
        came_of_it
    }

    fn reopen_logs(&self, config: &Config) -> impl Iterator<Item = String> {
        [self.logging.reopen(&config.log), self.server.reopen_transfer_log(config)].into_iter().flatten()
    }
}

fn end_on_second_wish(wishes: Receiver<Wish>, socket: Option<SocketName>) {
    let watch = move || {
        while let Ok(wish) = wishes.recv() {
            if wish == Wish::Stop {
                log::warn!("stopping at once");
                log::logger().flush();
                socket.iter().for_each(SocketName::remove);
                std::process::exit(0);
            }
        }
    };
    // Without this thread, the server still stops after its grace.
    let _ = thread::Builder::new().name("second signal".to_owned()).spawn(watch);
}
