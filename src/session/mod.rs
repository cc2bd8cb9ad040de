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
use crate::fs::listing::Facts;
use crate::net::control::{Control, Event};
use crate::net::tls::Tls;
use crate::protocol::command::{Algorithm, Command};
use crate::protocol::line::Line;
use crate::protocol::path::Name;
use crate::protocol::reply::Reply;
use crate::protocol::request::{Malformed, Request};
use crate::protocol::verbs::Role;

mod access;
mod attention;
mod browse;
mod download;
mod explain;
mod heartbeat;
mod info;
mod list;
mod login;
mod modify;
mod outcome;
mod parameters;
#[cfg(feature = "planted-bug")]
mod planted;
mod prepared;
mod security;
pub mod shared;
pub mod site;
mod transfer;
pub mod transfer_log;
mod upload;
mod verify;

pub use access::{banned, short_of_resources};
use login::Login;
use prepared::Prepared;
use security::Security;
use shared::Shared;

/// What a command's handler gives back: either way a reply for the client.
type Answer = Result<Reply, Reply>;

/// One client, from the greeting to the goodbye.
pub struct Session {
    control: Control,
    entrance: Entrance,
    config: Arc<Config>,
    shared: Arc<Shared>,
    login: Option<Box<Login>>,
    /// The reply that is to be sent next.
    due: Option<Reply>,
    /// The name of the USER before, until a command that does not keep it.
    user: Option<Name>,
    facts: Facts,
    algorithm: Algorithm,
    login_by: Instant,
    /// Of the whole connection: a right one in between forgives none.
    wrong_passwords: u32,
    anonymous_tries: u32,
    unknown_verbs: u8,
    security: Security,
    then: Then,
    /// This thread is locked in for the login it has, or had, and fit for no other one.
    locked: bool,
}

/// What follows a reply.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The next command.
    GoOn,
    /// A TLS handshake.
    ShakeHands,
    /// The end of TLS.
    Clear,
    /// The end of the session.
    Close,
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entrance {
    /// With the greeting.
    Greeting,
    /// With a TLS handshake (implicit FTPS).
    Tls,
}

/// Where a session stands when its thread is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It is over, but for the last reply if one is due.
    Over,
    /// It goes on, on a thread that is not locked in.
    Elsewhere,
}

/// So many unknown verbs before login, and the client is no FTP client.
const MAX_UNKNOWN_VERBS: u8 = 3;

impl Session {
    /// Takes over an accepted connection.
    ///
    /// # Errors
    /// When the client is gone already.
    #[inline(never)]
    pub fn new(
        (stream, peer, entrance): (Arc<TcpStream>, SocketAddr, Entrance),
        (config, tls): (Arc<Config>, Option<Arc<Tls>>),
        shared: Arc<Shared>,
    ) -> io::Result<Box<Self>> {
        let control = Control::new(stream, peer, Arc::clone(&shared.stop))?;
        Ok(Box::new(Self {
            control,
            entrance,
            login: None,
            due: None,
            user: None,
            facts: Facts::DEFAULT,
            algorithm: Algorithm::Sha256,
            login_by: Instant::now() + config.server.login_timeout,
            wrong_passwords: 0,
            anonymous_tries: 0,
            unknown_verbs: 0,
            security: Security::new(tls),
            then: Then::GoOn,
            locked: false,
            config,
            shared,
        }))
    }

    /// Serves the client until it or the server ends the session, the last reply left to [`Self::end`], or until it
    /// needs another thread, which is to call this again.
    ///
    /// # Errors
    /// When the control connection broke.
    pub fn run(&mut self) -> io::Result<Turn> {
        self.locked = false;
        // On a thread that goes on with a session, the answer to what made it change is due.
        let turn = if self.due.is_some() || self.begin() { self.serve() } else { Ok(Turn::Over) };
        if !matches!(turn, Ok(Turn::Elsewhere)) {
            self.leave();
        }
        turn
    }

    /// True once this thread can serve nobody else.
    pub fn is_locked(&self) -> bool {
        self.locked
    }

    /// Sends the last reply, if one is due, and closes the connection.
    ///
    /// # Errors
    /// When the client is gone.
    pub fn end(mut self: Box<Self>) -> io::Result<()> {
        self.login = None;
        self.send_due()?;
        self.control.close();
        Ok(())
    }

    /// The same with another last reply than the one that was due.
    ///
    /// # Errors
    /// When the client is gone.
    pub fn end_with(mut self: Box<Self>, reply: Reply) -> io::Result<()> {
        self.due = Some(reply);
        self.end()
    }

    /// Says why and lets go, without a wait for the client's end of TLS.
    pub fn break_off(mut self: Box<Self>, reply: Reply) {
        self.login = None;
        // A client that is gone by now misses nothing.
        let _ = self.control.send(&reply);
    }

    /// Makes the greeting due; false where TLS does not come to stand before it.
    #[inline(never)]
    fn begin(&mut self) -> bool {
        self.control.who.log(Level::Info, format_args!("FTP session opened (connect)"));
        let stands = self.entrance == Entrance::Greeting || self.begin_with_tls();
        self.due = stands.then(|| self.greeting());
        stands
    }

    /// A client that reads the goodbye may come back at once: by then nothing of this session is held.
    #[inline(never)]
    fn leave(&mut self) {
        self.control.who.log(Level::Info, format_args!("FTP session closed (disconnect)."));
        self.login = None;
    }

    // This frame stays while the session idles, and lies above all that its commands call: what it needs besides is called.
    fn serve(&mut self) -> io::Result<Turn> {
        loop {
            self.send_due()?;
            if !self.follow() {
                return Ok(Turn::Over);
            }
            let event = self.next();
            if !self.react(event) || self.then == Then::Close {
                return Ok(Turn::Over);
            }
            if self.locked && self.login.is_none() {
                return Ok(Turn::Elsewhere);
            }
        }
    }

    #[inline(never)]
    fn send_due(&mut self) -> io::Result<()> {
        let Some(reply) = self.due.take() else { return Ok(()) };
        match self.control.send(&reply) {
            // A client that has closed without a look at its replies may have sent more before: that comes first.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
            sent => sent,
        }
    }

    /// Makes the reply to what came due; false where there is nobody to get one.
    #[inline(never)]
    fn react(&mut self, event: Event) -> bool {
        let reply = match event {
            Event::Line(Line::Text(line)) => self.answer(&line),
            Event::Line(long) => self.too_long(&long),
            Event::TimedOut => self.close(Reply::new(421, "Timeout, closing the connection.")),
            Event::Stopping => self.close(Reply::new(421, "The server is stopping.")),
            Event::Closed => return false,
        };
        if self.login.as_ref().is_some_and(|login| login.hang_up) {
            return false;
        }
        self.due = Some(reply);
        true
    }

    /// What a reply announced; false where that ends the session.
    fn follow(&mut self) -> bool {
        match mem::replace(&mut self.then, Then::GoOn) {
            Then::GoOn | Then::Close => true,
            Then::ShakeHands => self.shake_hands(),
            Then::Clear => self.go_on_in_clear(),
        }
    }

    /// The next line. Under PROT P the client may shake hands on its data connection meanwhile.
    fn next(&mut self) -> Event {
        let idle = self.config.server.timeout;
        let Some(login) = &mut self.login else { return self.control.next(idle, Some(self.login_by)) };
        if !login.may_begin_early() {
            return self.control.next(idle, None);
        }
        // One end for the whole wait, however often the data connection interrupts it.
        let deadline = idle.map(|idle| Instant::now() + idle);
        loop {
            login.advance(&self.control.who);
            if !login.early().is_some_and(|early| self.control.wait_beside(early, deadline)) {
                break;
            }
        }
        login.turn_away();
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

    // Kept out of the loop, as are the other large handlers: an idle session holds the stack that its deepest call touched.
    #[inline(never)]
    fn answer(&mut self, line: &[u8]) -> Reply {
        let request = Request::parse(line);
        let shown = request.loggable(self.login.is_some()).escape_ascii();
        self.control.who.log(Level::Debug, format_args!("<- {shown}"));
        let (user, prepared) = self.forget_previous(request.role());
        if self.login.is_none() && request.is_foreign() {
            return self.close(Reply::new(500, "That is no FTP."));
        }
        if self.security.tls.is_none() && request.role() == Role::Tls {
            return Reply::new(502, "TLS is off on this server.");
        }
        #[cfg(feature = "planted-bug")]
        if let Some(reply) = std::str::from_utf8(line).ok().filter(|_| self.login.is_some()).and_then(planted::answer) {
            return reply;
        }
        let role = request.role();
        let answer = match request.command {
            Ok(command) => self.run_command(command, user, prepared),
            Err(malformed) => Err(self.misunderstood(malformed, role)),
        };
        answer.unwrap_or_else(|failure| failure)
    }

    #[cold]
    fn too_long(&mut self, line: &Line) -> Reply {
        self.control.who.log(Level::Debug, format_args!("<- (a line that is too long)"));
        if *line == Line::Flood {
            return self.close(Reply::new(500, "That is no FTP."));
        }
        self.forget_previous(Role::Plain);
        Reply::new(500, "Line too long.")
    }

    /// The name of a USER is forgotten by any line that follows, except by what keeps a connection alive while a person
    /// types the password; so is what was prepared for this line at the latest.
    fn forget_previous(&mut self, role: Role) -> (Option<Name>, Prepared) {
        let user = self.user.take_if(|_| role != Role::KeepsUser);
        let prepared = self.login.as_mut().map(|login| login.prepared.take_for(role));
        (user, prepared.unwrap_or_default())
    }

    fn run_command(&mut self, command: Command, user: Option<Name>, prepared: Prepared) -> Answer {
        match command {
            Command::User(name) => self.user(name),
            Command::Pass(password) => self.pass(user, &password),
            Command::Acct => Ok(Reply::new(202, "No account information is needed.")),
            Command::Rein => self.reinitialize(),
            Command::Quit => self.quit(),
            Command::Noop => Ok(Reply::new(200, "Ok.")),
            Command::Syst => Ok(Reply::new(215, "UNIX Type: L8")),
            Command::Feat => self.feat(),
            Command::Help(verb) => info::help(verb.as_ref(), self.security.tls.is_some()),
            Command::Opts(opts) => self.opts(opts),
            Command::Clnt => Ok(Reply::new(200, "Noted.")),
            Command::Host => self.host(),
            Command::Lang => Ok(Reply::new(200, "Replies are in English.")),
            Command::Stat => Ok(self.stat()),
            Command::Auth(level) => self.auth(level),
            Command::Pbsz => self.pbsz(),
            Command::Prot(level) => self.prot(level),
            Command::Ccc => self.ccc(),
            Command::File(command) => match &mut self.login {
                Some(login) => login.run(&command, prepared, &mut self.control),
                None => Err(Reply::new(530, "Log in with USER and PASS first.")),
            },
        }
    }

    /// Before login, a client that keeps sending unknown verbs speaks another protocol.
    fn misunderstood(&mut self, malformed: Malformed, role: Role) -> Reply {
        match &mut self.login {
            // RFC 2577 §3: an address that was refused leaves none behind.
            Some(login) if role == Role::NamesPort => login.data_port = None,
            None if malformed == Malformed::Unknown => {
                self.unknown_verbs += 1;
                if self.unknown_verbs >= MAX_UNKNOWN_VERBS {
                    return self.close(malformed.into());
                }
            }
            Some(_) | None => {}
        }
        malformed.into()
    }

    /// Makes this reply the last one.
    fn close(&mut self, reply: Reply) -> Reply {
        self.then = Then::Close;
        reply
    }

    fn pause_until(&self, since: Instant, delay: Duration) {
        self.control.pause(delay.saturating_sub(since.elapsed()));
    }
}
