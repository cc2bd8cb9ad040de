//! A client's session: read a line, parse it, run it, send the answer.
//!
//! [`Session`] holds what there is before login; `Login` all that needs one, so that without a login there is no root to
//! touch. The commands are grouped: `access` who you are, `browse` and `list` looking, `modify` changing, `parameters`,
//! `download` and `upload` moving bytes (`transfer` is what they have in common, `outcome` how they end), `verify` comparing,
//! `security` TLS, `info` the rest.

use std::io::{self, ErrorKind};
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;

use crate::config::Config;
use crate::net::control::{Control, Event};
use crate::net::tls::Tls;
use crate::protocol::command::Command;
use crate::protocol::line::Line;
use crate::protocol::path::Name;
use crate::protocol::reply::Reply;
use crate::protocol::request::{Malformed, Request};
use crate::protocol::verbs::Role;

mod access;
mod attention;
mod browse;
mod denied;
mod download;
mod explain;
mod handshake;
mod heartbeat;
mod info;
mod list;
mod login;
mod modify;
mod outcome;
mod parameters;
mod parting;
#[cfg(feature = "planted-bug")]
mod planted;
mod prepared;
mod security;
pub mod shared;
pub mod site;
mod step;
mod transfer;
pub mod transfer_log;
mod upload;
mod verify;

pub use access::{banned, short_of_resources};
use info::Preferences;
use login::Login;
pub use parting::{Moved, Parting};
use prepared::Prepared;
use security::Security;
use shared::Shared;
use step::{Answer, Step, refuse, reply};

/// One client, from the greeting to the goodbye.
pub struct Session {
    control: Control,
    entrance: Entrance,
    config: Arc<Config>,
    shared: Arc<Shared>,
    access: Access,
    /// The name of the USER before, until a command that does not keep it.
    user: Option<Name>,
    /// `None` if TLS is off.
    tls: Option<Arc<Tls>>,
    login_by: Instant,
    /// Of the whole connection: a right one in between forgives none.
    wrong_passwords: u32,
    anonymous_tries: u32,
    unknown_verbs: u8,
}

/// What the client and the server have agreed on, before login or after it.
#[derive(Default)]
struct Agreed {
    preferences: Preferences,
    security: Security,
}

/// Whether the client is logged in, and what its thread is good for.
enum Access {
    /// It is not, and the thread may be locked in for any account.
    Stranger(Agreed),
    /// It is, and the thread is perhaps locked in for this account.
    Account(Box<Login>),
    /// It is not any more, and the thread is locked in for an account and fit for no other one.
    Stranded(Agreed),
}

/// A command, and what earlier ones left for it.
struct Asked {
    command: Command,
    /// The name of a USER right before.
    user: Option<Name>,
    prepared: Prepared,
}

/// An accepted control connection.
#[derive(Clone)]
pub struct Accepted {
    /// The connection itself.
    pub stream: Arc<TcpStream>,
    /// Its client.
    pub peer: SocketAddr,
    /// How it begins.
    pub entrance: Entrance,
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// With the greeting.
    Greeting,
    /// With a TLS handshake (implicit FTPS).
    Tls,
}

/// Number of unknown verbs before login that end a session: its client speaks another protocol.
const MAX_UNKNOWN_VERBS: u8 = 3;

impl Session {
    /// Takes over an accepted connection.
    ///
    /// # Errors
    /// When the client is gone already.
    #[inline(never)]
    pub fn new(
        accepted: Accepted,
        config: Arc<Config>,
        tls: Option<Arc<Tls>>,
        shared: Arc<Shared>,
    ) -> io::Result<Box<Self>> {
        let control = Control::new(accepted.stream, accepted.peer, Arc::clone(&shared.stop))?;
        Ok(Box::new(Self {
            control,
            entrance: accepted.entrance,
            access: Access::Stranger(Agreed::default()),
            user: None,
            tls,
            login_by: Instant::now() + config.server.login_timeout,
            wrong_passwords: 0,
            anonymous_tries: 0,
            unknown_verbs: 0,
            config,
            shared,
        }))
    }

    /// The greeting, after the TLS handshake if the connection begins with one.
    #[inline(never)]
    fn begin(&mut self) -> Step {
        self.control.who.log(Level::Info, format_args!("FTP session opened (connect)"));
        match self.entrance {
            Entrance::Greeting => self.greeting().into(),
            Entrance::Tls => match self.begin_with_tls() {
                Ok(()) => self.greeting().into(),
                Err(step) => step,
            },
        }
    }

    /// A client that reads the goodbye may come back at once: by then nothing of this session is held.
    #[inline(never)]
    fn leave(&mut self) {
        self.control.who.log(Level::Info, format_args!("FTP session closed (disconnect)."));
        self.access.end();
    }

    /// Takes step by step, up to one that this thread can't take: the end of the session, or one of another login.
    // This frame stays on the stack while the session idles, so large parts of it are functions of their own.
    fn serve(&mut self, mut step: Step) -> io::Result<Box<Step>> {
        loop {
            if step.is_last() || matches!(self.access, Access::Stranded(_)) {
                return Ok(Box::new(step));
            }
            step = match self.take(step)? {
                Ok(()) => {
                    let event = self.next();
                    self.react(event)
                }
                Err(end) => end,
            };
        }
    }

    /// Sends the reply of a step, and does what it announced.
    #[inline(never)]
    fn take(&mut self, step: Step) -> io::Result<Result<(), Step>> {
        match step {
            Step::Reply(reply) => self.send(&reply).map(Ok),
            Step::Secure(reply) => self.send(&reply).map(|()| self.shake_hands()),
            Step::Clear(reply) => self.send(&reply).map(|()| self.go_on_in_clear()),
            end @ (Step::Close(_) | Step::Cut) => Ok(Err(end)),
        }
    }

    fn send(&mut self, reply: &Reply) -> io::Result<()> {
        match self.control.send(reply) {
            // A client that has closed without a look at its replies may have sent more before: that comes first.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
            sent => sent,
        }
    }

    /// The step that answers what came.
    #[inline(never)]
    fn react(&mut self, event: Event) -> Step {
        match event {
            Event::Line(Line::Text(line)) => match self.understand(&line) {
                Ok(asked) => self.run_command(asked).unwrap_or_else(|failure| failure),
                Err(step) => step,
            },
            Event::Line(long) => self.too_long(&long),
            Event::TimedOut => Step::Close(Reply::new(421, "Timeout, closing the connection.")),
            Event::Stopping => Step::Close(Reply::new(421, "The server is stopping.")),
            Event::Closed => Step::Cut,
        }
    }

    /// The next line. Under PROT P the client may shake hands on its data connection meanwhile.
    fn next(&mut self) -> Event {
        let idle = self.config.server.timeout;
        let Some(login) = self.access.login_mut() else { return self.control.next(idle, Some(self.login_by)) };
        if !login.may_begin_early() {
            return self.control.next(idle, None);
        }
        // One end for the whole wait, however often the data connection interrupts it.
        let deadline = idle.map(|idle| Instant::now() + idle);
        loop {
            login.advance(&self.control.who);
            if !login.data_readiness().is_some_and(|data| self.control.wait_beside(data, deadline)) {
                break;
            }
        }
        login.step_back();
        self.control.next(None, deadline)
    }

    #[cold]
    fn greeting(&self) -> Reply {
        match self.config.server.welcome_msg.as_slice() {
            [] => Reply::new(220, "ftpd ready."),
            [line] => Reply::new(220, line.clone()),
            [first, between @ .., last] => {
                let between = between.iter().map(|line| line.clone().into_bytes()).collect();
                Reply::lines(220, first.clone(), between, last.clone())
            }
        }
    }

    /// What a line asks for, or the step that answers one that asks for nothing.
    // Its frame is gone when the command runs, and each larger handler is a call: an idle session holds the stack that its
    // deepest call touched.
    #[inline(never)]
    fn understand(&mut self, line: &[u8]) -> Result<Asked, Step> {
        let request = Request::parse(line);
        let logged_in = self.access.login().is_some();
        self.log_received(request.loggable(logged_in));
        let role = request.role();
        let (user, prepared) = self.forget_previous(role);
        if !logged_in && request.is_foreign() {
            return Err(no_ftp());
        }
        if self.tls.is_none() && role == Role::Tls {
            return refuse(502, "TLS is off on this server.");
        }
        #[cfg(feature = "planted-bug")]
        if let Some(reply) = std::str::from_utf8(line).ok().filter(|_| logged_in).and_then(planted::answer) {
            return Err(reply.into());
        }
        match request.command {
            Ok(command) => Ok(Asked { command, user, prepared }),
            Err(malformed) => Err(self.misunderstood(malformed, role)),
        }
    }

    #[inline(never)]
    fn log_received(&self, line: &[u8]) {
        self.control.who.log(Level::Debug, format_args!("<- {}", line.escape_ascii()));
    }

    #[cold]
    fn too_long(&mut self, line: &Line) -> Step {
        self.control.who.log(Level::Debug, format_args!("<- (a line that is too long)"));
        if *line == Line::Flood {
            return no_ftp();
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
    fn run_command(&mut self, asked: Asked) -> Answer {
        let Asked { command, user, prepared } = asked;
        match command {
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
            Command::File(command) => match self.access.login_mut() {
                Some(login) => login.run(&command, prepared, &mut self.control),
                None => refuse(530, "Log in with USER and PASS first."),
            },
        }
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
                if self.unknown_verbs >= MAX_UNKNOWN_VERBS { Step::Close(reply) } else { Step::Reply(reply) }
            }
        }
    }

    fn pause_until(&self, since: Instant, delay: Duration) {
        self.control.pause(delay.saturating_sub(since.elapsed()));
    }
}

impl Access {
    fn login(&self) -> Option<&Login> {
        match self {
            Self::Account(login) => Some(login),
            Self::Stranger(_) | Self::Stranded(_) => None,
        }
    }

    fn login_mut(&mut self) -> Option<&mut Login> {
        match self {
            Self::Account(login) => Some(login),
            Self::Stranger(_) | Self::Stranded(_) => None,
        }
    }

    /// What is agreed on, before and after the login alike.
    fn agreed(&mut self) -> &mut Agreed {
        match self {
            Self::Account(login) => &mut login.agreed,
            Self::Stranger(agreed) | Self::Stranded(agreed) => agreed,
        }
    }

    /// Lets go of the account, if there is one.
    fn end(&mut self) {
        if let Self::Account(login) = self {
            let agreed = mem::take(&mut login.agreed);
            *self = if login.locks_thread { Self::Stranded(agreed) } else { Self::Stranger(agreed) };
        }
    }

    /// This thread is locked in for an account that is not logged in.
    fn strand(&mut self) {
        *self = Self::Stranded(mem::take(self.agreed()));
    }

    /// This thread is another one.
    fn find_thread(&mut self) {
        *self = Self::Stranger(mem::take(self.agreed()));
    }
}

fn no_ftp() -> Step {
    Step::Close(Reply::new(500, "That is no FTP."))
}
