//! A command that is refused: what the client is told, and what decided it. Only the log names that.
//!
//! Each command of an account that is refused has one line, written here. Refused logins are logged in `access`. Lines that
//! are no command, commands before login and commands that need no login have none, unless a setting refuses them.

use std::io;
use std::time::Instant;

use log::Level;

use crate::net::who::Who;
use crate::protocol::command::FileCommand;
use crate::protocol::legible::Legible;
use crate::protocol::path::{Name, VirtualPath};
use crate::protocol::reply::Reply;
use crate::reception::decided::denied_by;
use crate::session::Session;
use crate::session::login::Login;
use crate::session::step::Step;
use crate::share::denied::Denied;
use crate::share::obstacle::Need;

/// Why a command is not done.
#[derive(Debug)]
pub struct Refusal {
    /// What the session does next.
    pub(super) step: Step,
    why: Why,
    /// What the command is about, if its argument alone does not tell.
    subject: Option<String>,
    level: Level,
}

/// What decided that a command is refused.
#[derive(Debug)]
pub enum Why {
    /// The command itself, or those before it: what the client is told says all.
    Command,
    /// A value of ftpd.conf, by its section and key.
    Setting(&'static str, &'static str),
    /// The account's letters, the file system, or what other sessions do.
    Denied(Denied),
    /// Another reason, in words.
    Reason(String),
    /// The log has a line about it already.
    Told,
}

impl Refusal {
    /// A refusal that ends in this step.
    pub fn new(step: impl Into<Step>, why: Why) -> Box<Self> {
        Box::new(Self { step: step.into(), why, subject: None, level: Level::Info })
    }

    /// The same, decided by this value of ftpd.conf.
    pub fn by_setting(reply: Reply, section: &'static str, key: &'static str) -> Box<Self> {
        Self::new(reply, Why::Setting(section, key))
    }

    /// The same about something else than the command's argument.
    #[must_use]
    pub fn about(mut self: Box<Self>, subject: String) -> Box<Self> {
        self.subject = Some(subject);
        self
    }

    /// The same as something that the administrator should notice.
    #[must_use]
    pub fn at(mut self: Box<Self>, level: Level) -> Box<Self> {
        self.level = level;
        self
    }

    /// Writes its line.
    fn log(&self, who: &Who, verb: &str, subject: Option<&str>, decided: Option<&str>) {
        let subject = self.subject.as_deref().or(subject).map(|subject| format!(" {subject}")).unwrap_or_default();
        match &self.step {
            Step::Reply(reply) | Step::Secure(reply) | Step::Clear(reply) | Step::Close(reply, _) => {
                log_reply(who, self.level, &format!("{verb}{subject}"), reply, decided);
            }
            Step::Cut(end) => {
                who.log(self.level, format_args!("{verb}{subject}: {}", decided.unwrap_or(&end.to_string())))
            }
        }
    }
}

impl From<Reply> for Box<Refusal> {
    fn from(reply: Reply) -> Self {
        Refusal::new(reply, Why::Command)
    }
}

impl From<Denied> for Box<Refusal> {
    fn from(denied: Denied) -> Self {
        Refusal::new(Reply::from(&denied), Why::Denied(denied))
    }
}

impl From<io::Error> for Box<Refusal> {
    fn from(error: io::Error) -> Self {
        Denied::File(error).into()
    }
}

impl Session {
    /// Writes the line of a command that needs no login; it has one only if a setting refuses it.
    #[cold]
    #[inline(never)]
    pub(super) fn note_refusal(&self, verb: &str, refusal: &Refusal) {
        if let Why::Setting(section, key) = refusal.why {
            let decided = self.config.source(section, key).to_string();
            refusal.log(&self.control.who, verb, None, Some(&decided));
        }
    }
}

impl Login {
    /// Writes the line of a command of the account.
    #[cold]
    #[inline(never)]
    pub(super) fn note_refusal(&self, verb: &str, command: &FileCommand, refusal: &Refusal, who: &Who) {
        if !matches!(refusal.why, Why::Told) {
            let (verb, path) = (logged_verb(verb, command), self.path_in(command));
            let decided = self.decided(&refusal.why, path.as_ref(), need(command));
            let subject = path.map(|path| self.shown(&path)).or_else(|| address_in(command));
            refusal.log(who, verb, subject.as_deref(), decided.as_deref());
        }
    }

    /// Remembers that the client may have opened a data connection for a transfer that is refused.
    #[cold]
    #[inline(never)]
    pub(super) fn spurn_data_port(&mut self) {
        self.data_port = self.data_port.take().map(|port| port.spurn(Instant::now()));
    }

    /// What decided, in the words of the log; `None` if that is what the client is told.
    fn decided(&self, why: &Why, path: Option<&VirtualPath>, need: Need) -> Option<String> {
        match why {
            Why::Command | Why::Told => None,
            Why::Setting(section, key) => Some(self.config.source(section, key).to_string()),
            Why::Reason(reason) => Some(reason.clone()),
            Why::Denied(denied) => denied_by(&self.share, &self.config, denied, path, need),
        }
    }

    /// The path that a command is about, if it is about one.
    fn path_in(&self, command: &FileCommand) -> Option<VirtualPath> {
        use FileCommand as F;
        Some(match command {
            F::Size(name) | F::Mdtm(name) | F::Retr(name) | F::Stor(name) | F::Appe(name) => self.path(name),
            F::Dele(name) | F::Rmd(name) | F::Mkd(name) | F::Rnfr(name) | F::Rnto(name) => self.path(name),
            F::Hash(name) | F::Checksum(_, name) | F::SetFacts(_, name) | F::MdtmOrSet(_, _, name) => self.path(name),
            F::List(_, _, name) | F::Mlst(name) | F::StatPath(_, name) | F::Avbl(name) => {
                self.path_or_cwd(name.as_ref())
            }
            F::Stou(name) => self.path_or_cwd(name.as_ref()),
            F::Cwd(name) => name.as_ref().map_or_else(VirtualPath::root, |name| self.path(name)),
            F::Cdup => self.cwd.parent().unwrap_or_else(VirtualPath::root),
            F::Allo(_) => self.cwd.clone(),
            F::Pwd | F::Rest(_) | F::SiteHelp | F::Type(_) | F::Structure | F::Pasv | F::Epsv(_) | F::Port(_) => {
                return None;
            }
            F::Abor | F::Rang(_) => return None,
        })
    }
}

/// Writes `VERB subject 550 'text' (what decided)`.
#[cold]
pub(super) fn log_reply(who: &Who, level: Level, what: &str, reply: &Reply, decided: Option<&str>) {
    let (code, text) = (reply.code(), Legible(reply.text()));
    let decided = decided.map(|decided| format!(" ({decided})")).unwrap_or_default();
    who.log(level, format_args!("{what} {code} '{text}'{decided}"));
}

/// A name in quotes.
pub(super) fn quoted_name(name: &Name) -> String {
    format!("'{}'", Legible(name.as_bytes()))
}

/// The verb in the log; a change of facts has its own.
fn logged_verb<'v>(verb: &'v str, command: &'v FileCommand) -> &'v str {
    match command {
        FileCommand::SetFacts(change, _) => change.verb,
        _ => verb,
    }
}

fn address_in(command: &FileCommand) -> Option<String> {
    if let FileCommand::Port(address) = command { Some(address.to_string()) } else { None }
}

/// What a command needs of the file system.
fn need(command: &FileCommand) -> Need {
    use FileCommand as F;
    match command {
        F::Stor(_) | F::Stou(_) | F::Appe(_) => Need::Store,
        F::Dele(_) | F::Rmd(_) | F::Mkd(_) | F::Rnfr(_) | F::Rnto(_) => Need::ChangeFolder,
        F::SetFacts(..) | F::MdtmOrSet(..) => Need::Own,
        F::Cwd(_) | F::Cdup => Need::Enter,
        F::Size(_) | F::Mdtm(_) | F::Retr(_) | F::Hash(_) | F::Checksum(..) => Need::Read,
        F::List(..) | F::Mlst(_) | F::StatPath(..) | F::Avbl(_) => Need::Read,
        F::Pwd | F::Rest(_) | F::Allo(_) | F::SiteHelp | F::Type(_) | F::Structure => Need::Read,
        F::Pasv | F::Epsv(_) | F::Port(_) | F::Abor | F::Rang(_) => Need::Read,
    }
}
