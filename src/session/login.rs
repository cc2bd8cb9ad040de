//! A login: the account, its root and everything that only makes sense with them.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use log::Level;

use crate::config::Config;
use crate::net::control::Control;
use crate::net::data_port::DataPort;
use crate::net::tls::Protection;
use crate::net::who::Who;
use crate::protocol::charset::Charset;
use crate::protocol::command::{FileCommand, Representation};
use crate::protocol::legible::Legible;
use crate::protocol::path::{Name, VirtualPath};
use crate::reception::activity::Activity;
use crate::session::Session;
use crate::session::access::Agreed;
use crate::session::info;
use crate::session::prepared::Prepared;
use crate::session::refusal::log_reply;
use crate::session::shared::Shared;
use crate::session::step::{Answer, Step, reply};
use crate::share::Share;
use crate::share::throttles::Throttles;

/// An account that is logged in, its current folder, and its transfer parameters.
pub struct Login {
    pub(super) share: Box<Share>,
    pub(super) throttles: Throttles,
    pub(super) cwd: VirtualPath,
    /// In which its names come and go: see `names`.
    pub(super) charset: Option<Charset>,
    /// What was said in advance of commands to come.
    pub(super) prepared: Prepared,
    pub(super) representation: Representation,
    pub(super) data_port: Option<DataPort>,
    /// After EPSV ALL no other command opens a data port.
    pub(super) epsv_only: bool,
    /// A transfer was ended by an ABOR that is still to be answered.
    pub(super) aborted: bool,
    pub(super) agreed: Agreed,
    pub(super) activity: Arc<Activity>,
    pub(super) config: Arc<Config>,
    pub(super) shared: Arc<Shared>,
}

impl Login {
    /// Begins at the account's home, with what the session has agreed on so far.
    #[inline(never)]
    pub fn new(share: Box<Share>, session: &mut Session) -> Box<Self> {
        Box::new(Self {
            throttles: share.throttles(),
            charset: share.user_now().charset,
            share,
            cwd: VirtualPath::root(),
            prepared: Prepared::default(),
            representation: Representation::Ascii,
            data_port: None,
            epsv_only: false,
            aborted: false,
            agreed: mem::take(session.access.agreed()),
            activity: Arc::clone(&session.activity),
            config: Arc::clone(&session.config),
            shared: Arc::clone(&session.shared),
        })
    }

    /// Runs a command that needs a login, asked with this verb, with what was prepared for it.
    pub fn run(
        &mut self,
        verb: &'static str,
        command: &FileCommand,
        prepared: Prepared,
        control: &mut Control,
    ) -> Answer {
        match command {
            FileCommand::Pwd => Ok(self.current_folder(257).into()),
            FileCommand::Cwd(name) => self.cwd(name.as_ref()),
            FileCommand::Cdup => self.cdup(),
            FileCommand::List(format, switches, name) => self.list(verb, *format, *switches, name.as_ref(), control),
            FileCommand::Mlst(name) => self.mlst(name.as_ref()),
            FileCommand::StatPath(switches, name) => self.stat_path(*switches, name.as_ref(), control),
            FileCommand::Size(name) => self.size(name),
            FileCommand::Mdtm(name) => self.mdtm(name),
            FileCommand::MdtmOrSet(whole, change, name) => self.mdtm_or_set(whole, change, name, control),
            FileCommand::SetFacts(change, name) => self.set_facts(control, change, name),
            FileCommand::Retr(name) => self.retr(verb, name, &prepared, control),
            FileCommand::Stor(name) => self.stor(verb, name, &prepared, control),
            FileCommand::Appe(name) => self.appe(verb, name, &prepared, control),
            FileCommand::Stou(name) => self.stou(verb, name.as_ref(), &prepared, control),
            FileCommand::Rest(offset) => self.rest(*offset),
            FileCommand::Allo(bytes) => self.allo(*bytes),
            FileCommand::Dele(name) => self.changed(control, verb, name, self.dele(name)),
            FileCommand::Rmd(name) => self.changed(control, verb, name, self.rmd(name)),
            FileCommand::Mkd(name) => self.changed(control, verb, name, self.mkd(name)),
            FileCommand::Rnfr(name) => self.rename_from(name),
            FileCommand::Rnto(name) => self.rename_to(control, prepared.rename_from, name),
            FileCommand::SiteHelp => info::help_with(b"SITE"),
            FileCommand::Type(representation) => self.set_type(*representation),
            FileCommand::Structure => reply(200, "Ok."),
            FileCommand::Pasv => self.pasv(control),
            FileCommand::Epsv(kind) => self.epsv(*kind, control),
            FileCommand::Port(address) => self.port(*address, control),
            FileCommand::Abor => self.abor(),
            FileCommand::Hash(name) => self.hash(verb, name, prepared.window, control),
            FileCommand::Rang(window) => self.rang(*window),
            FileCommand::Checksum(algorithm, name) => self.checksum(verb, *algorithm, name, control),
            FileCommand::Avbl(name) => self.avbl(name.as_ref()),
        }
    }

    /// What the next data connection needs; `None` for one in clear.
    pub(super) fn protection(&self) -> Option<&Protection> {
        self.agreed.security.protection()
    }

    /// Lines for STAT.
    pub fn status(&self) -> Vec<String> {
        let representation = match self.representation {
            Representation::Ascii => "A (ASCII)",
            Representation::Image => "I (binary)",
        };
        let data = self.data_port.as_ref().map_or("none", DataPort::kind);
        let protection = if self.protection().is_some() { "encrypted" } else { "in clear" };
        vec![
            format!("Logged in as {}", self.share.user_now().name),
            format!("TYPE: {representation}, STRU: F, MODE: S"),
            format!("Data port: {data}, data connections: {protection}"),
        ]
    }

    /// Whether the client may connect and shake hands on its data connection before its command.
    pub(super) fn may_begin_early(&self) -> bool {
        self.protection().is_some() && self.data_port.as_ref().is_some_and(DataPort::may_begin_early)
    }

    /// Takes a data connection that begins before its command, and goes on with its handshake, until the next line comes or
    /// the deadline is over.
    #[inline(never)]
    pub(super) fn begin_early(&mut self, control: &mut Control, deadline: Option<Instant>) {
        while let (Some(port), Some(protection)) = (&mut self.data_port, self.agreed.security.protection()) {
            if let Err(error) = port.advance(&control.who, protection) {
                control.who.log(Level::Warn, format_args!("data connection: {error}"));
                self.data_port = None;
            } else if !port.readiness().is_some_and(|data| control.wait_beside(data, deadline)) {
                return port.step_back();
            }
        }
    }

    /// Closes the data connection that has come for a transfer that was refused.
    pub(super) fn close_spurned(&mut self, who: &Who) {
        self.data_port = self.data_port.take().and_then(|port| port.close_spurned(who));
    }

    /// The path of a name.
    pub(super) fn path(&self, name: &Name) -> VirtualPath {
        self.cwd.join(name.as_bytes())
    }

    /// The current folder, or the path of a name.
    pub(super) fn path_or_cwd(&self, name: Option<&Name>) -> VirtualPath {
        name.map_or_else(|| self.cwd.clone(), |name| self.path(name))
    }

    /// Where a path is on this machine, as the log shows it.
    pub(super) fn shown(&self, path: &VirtualPath) -> String {
        Legible(self.share.real_path(path).as_os_str().as_encoded_bytes()).to_string()
    }

    /// Writes the log line of a command that changed a file, and gives its answer back.
    pub(super) fn changed(&self, control: &Control, verb: &str, name: &Name, answer: Answer) -> Answer {
        if let Ok(Step::Reply(reply)) = &answer {
            let what = format!("{verb} {}", self.shown(&self.path(name)));
            log_reply(&control.who, Level::Info, &what, reply, None);
        }
        answer
    }
}
