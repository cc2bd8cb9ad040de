//! A line of the client, from its bytes to its answer.

use log::Level;

use crate::protocol::command::{Command, FileCommand};
use crate::protocol::legible::Legible;
use crate::protocol::line::Line;
use crate::protocol::path::Name;
use crate::protocol::reply::Reply;
use crate::protocol::request::{Malformed, Request};
use crate::protocol::verbs::{Role, Verb};
use crate::session::end::End;
#[cfg(feature = "planted-bug")]
use crate::session::planted;
use crate::session::prepared::Prepared;
use crate::session::refusal::Refusal;
use crate::session::step::{Step, reply};
use crate::session::{Session, info};

/// A command, and what earlier ones left for it.
struct Instruction {
    verb: &'static Verb,
    command: Command,
    /// The name of a USER right before.
    user: Option<Name>,
    prepared: Prepared,
}

/// Number of unknown verbs before login that end a session: its client speaks another protocol.
const MAX_UNKNOWN_VERBS: u8 = 3;

impl Session {
    /// Does what a line asks for.
    pub(super) fn answer(&mut self, line: &Line) -> Step {
        let Line::Text(text) = line else { return self.too_long(line) };
        match self.understand(text) {
            Ok(instruction) => self.carry_out(instruction),
            Err(step) => step,
        }
    }

    /// The command in a line, or the step that answers a line without one.
    // Its frame is gone when the command runs.
    #[inline(never)]
    fn understand(&mut self, line: &[u8]) -> Result<Instruction, Step> {
        let request = Request::parse(line);
        let logged_in = self.access.login().is_some();
        self.log_received(request.loggable(logged_in));
        let role = request.role();
        let (user, prepared) = self.forget_previous(role);
        if let Some(protocol) = request.foreign().filter(|_| !logged_in) {
            return Err(no_ftp(protocol));
        }
        if self.tls.is_none() && role == Role::Tls {
            return Err(self.tls_is_off(request.verb));
        }
        #[cfg(feature = "planted-bug")]
        if let Some(reply) = std::str::from_utf8(line).ok().filter(|_| logged_in).and_then(planted::answer) {
            return Err(Step::Reply(reply));
        }
        match request.command.and_then(|command| Ok((request.verb.ok_or(Malformed::Unknown)?, command))) {
            Ok((verb, command)) => Ok(Instruction { verb, command, user, prepared }),
            Err(malformed) => Err(self.misunderstood(malformed, role)),
        }
    }

    #[inline(never)]
    fn log_received(&self, line: &[u8]) {
        self.control.who.log(Level::Debug, format_args!("<- {}", Legible(line)));
    }

    #[cold]
    fn too_long(&mut self, line: &Line) -> Step {
        self.control.who.log(Level::Debug, format_args!("<- (a line that is too long)"));
        if *line == Line::Flood {
            return no_ftp("lines without end");
        }
        self.forget_previous(Role::Plain);
        Reply::new(500, "Line too long.").into()
    }

    /// Takes what earlier lines left for this one. The name of a USER is forgotten at any line, except at those that keep
    /// a connection alive while a person types the password.
    fn forget_previous(&mut self, role: Role) -> (Option<Name>, Prepared) {
        let user = self.user.take_if(|_| role != Role::KeepsUser);
        let prepared = self.access.login_mut().map(|login| login.prepared.take_for(role));
        (user, prepared.unwrap_or_default())
    }

    #[inline(never)]
    fn carry_out(&mut self, instruction: Instruction) -> Step {
        let Instruction { verb, command, user, prepared } = instruction;
        let answer = match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => self.pass(user, &password),
            Command::Acct => reply(202, "No account information is needed."),
            Command::Rein => self.reinitialize(),
            Command::Quit => self.quit(),
            Command::Noop => reply(200, "Ok."),
            Command::Syst => reply(215, "UNIX Type: L8"),
            Command::Feat => self.feat(),
            Command::Help(verb) => info::help(verb.as_ref(), self.tls.is_some()),
            Command::Opts(opts) => self.opts(opts),
            Command::Clnt => reply(200, "Noted."),
            Command::Host => self.host(),
            Command::Lang => reply(200, "Replies are in English."),
            Command::Stat => Ok(self.stat().into()),
            Command::Auth(level) => self.auth(level),
            Command::Pbsz => self.pbsz(),
            Command::Prot(level) => self.prot(level),
            Command::Ccc => self.ccc(),
            Command::File(mut command) => return self.carry_out_with_login(verb, &mut command, prepared),
        };
        answer.unwrap_or_else(|refusal| {
            self.note_refusal(verb.name, &refusal);
            refusal.step
        })
    }

    #[inline(never)]
    fn carry_out_with_login(&mut self, verb: &'static Verb, command: &mut FileCommand, prepared: Prepared) -> Step {
        let Some(login) = self.access.login_mut() else {
            return Reply::new(530, "Log in with USER and PASS first.").into();
        };
        let named = login.take_names(command);
        match named.and_then(|()| login.run(verb.name, command, prepared, &mut self.control)) {
            Ok(step) => step,
            Err(refusal) => {
                login.note_refusal(verb.name, command, &refusal, &self.control.who);
                if verb.role.is_transfer() {
                    login.spurn_data_port();
                }
                refusal.step
            }
        }
    }

    #[cold]
    fn tls_is_off(&self, verb: Option<&Verb>) -> Step {
        let reply = Reply::new(502, "TLS is off on this server.");
        let refusal = Refusal::by_setting(reply, "tls", "tls");
        self.note_refusal(verb.map_or("", |verb| verb.name), &refusal);
        refusal.step
    }

    fn misunderstood(&mut self, malformed: Malformed, role: Role) -> Step {
        let reply = Reply::from(malformed);
        match self.access.login_mut() {
            Some(login) => {
                // RFC 2577 §3: after an address that was refused, none is left to connect to.
                if role == Role::NamesPort {
                    login.data_port = None;
                }
                Step::Reply(reply)
            }
            // Before login, a client that keeps sending unknown verbs speaks another protocol.
            None => {
                self.unknown_verbs += u8::from(malformed == Malformed::Unknown);
                if self.unknown_verbs >= MAX_UNKNOWN_VERBS {
                    Step::Close(reply, End::OtherProtocol("unknown commands"))
                } else {
                    Step::Reply(reply)
                }
            }
        }
    }
}

fn no_ftp(what: &'static str) -> Step {
    Step::Close(Reply::new(500, "That is no FTP."), End::OtherProtocol(what))
}
