//! A client's session: read a line, parse it, run it, send the answer.
//!
//! [`Session`] holds what there is before login; `Login` all that needs one, so that without a login there is no root to
//! touch. The commands are grouped: `access` who you are, `browse` and `list` looking, `modify` changing, `parameters`,
//! `download` and `upload` moving bytes (`transfer` is what they have in common, `outcome` how they end), `verify` comparing,
//! `security` TLS, `info` the rest. What the client calls a file is the business of `names`.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;

use crate::config::Config;
use crate::net::control::{Control, Event};
use crate::net::data_port::DataPort;
use crate::net::ending::Notice;
use crate::net::tls::Tls;
use crate::protocol::path::Name;
use crate::protocol::reply::Reply;
use crate::protocol::request::{TLS, is_tls};

mod access;
mod answer;
mod attention;
mod browse;
mod download;
mod end;
mod explain;
mod facts;
mod heartbeat;
mod info;
mod list;
mod login;
mod modify;
mod names;
mod outcome;
mod parameters;
mod parting;
#[cfg(feature = "planted-bug")]
mod planted;
mod prepared;
mod refusal;
mod security;
pub mod shared;
pub mod site;
mod step;
mod transfer;
mod upload;
mod verify;

use crate::reception::activity::{Activity, Seat};
use crate::reception::{Accepted, Entrance};
use access::{Access, Agreed};
pub use end::End;
use shared::Shared;
use step::Step;

/// One client, from the greeting to the goodbye.
pub struct Session {
    control: Control,
    activity: Arc<Activity>,
    entrance: Entrance,
    config: Arc<Config>,
    shared: Arc<Shared>,
    access: Access,
    /// Its thread is locked in for an account, and can't serve another one.
    locked_in: bool,
    /// The name of the USER before, until a command that does not keep it.
    user: Option<Name>,
    /// `None` if TLS is off.
    tls: Option<Arc<Tls>>,
    login_by: Instant,
    /// Counted over the whole connection; a correct password does not reset it.
    wrong_passwords: u32,
    anonymous_tries: u32,
    unknown_verbs: u8,
}

impl Session {
    /// Takes over an accepted connection.
    ///
    /// # Errors
    /// When the client is gone already.
    #[inline(never)]
    pub fn new(
        accepted: Accepted,
        seat: Seat,
        config: Arc<Config>,
        tls: Option<Arc<Tls>>,
        shared: Arc<Shared>,
    ) -> io::Result<Box<Self>> {
        let control = Control::new(accepted.stream, accepted.peer, seat.ending)?;
        Ok(Box::new(Self {
            control,
            activity: seat.activity,
            entrance: accepted.entrance,
            access: Access::Stranger(Agreed::default()),
            locked_in: false,
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
        if self.entrance == Entrance::Tls
            && let Err(end) = self.begin_with_tls()
        {
            return end;
        }
        self.greeting().into()
    }

    #[cold]
    fn greeting(&self) -> Reply {
        match self.config.server.welcome_msg.as_slice() {
            [first, between @ .., last] => Reply::lines(220, first.clone(), between.to_vec(), last.clone()),
            line => Reply::new(220, line.concat()),
        }
    }

    /// Takes step by step, until the session ends or needs another thread.
    // An idle session holds the stack of this function and its callers, and all pages that the deepest call so far has
    // touched. What is marked `#[inline(never)]`, here and below, is needed to keep that within two pages.
    fn serve(&mut self, mut step: Step) -> Box<Step> {
        while !step.is_last() && !self.needs_another_thread() {
            step = match self.take(step) {
                Ok(()) => {
                    let event = self.next();
                    self.react(event)
                }
                Err(end) => end,
            };
        }
        Box::new(step)
    }

    fn needs_another_thread(&self) -> bool {
        self.locked_in && self.access.login().is_none()
    }

    /// Sends the reply of a step, and does what it announced.
    #[inline(never)]
    fn take(&mut self, step: Step) -> Result<(), Step> {
        match step {
            Step::Reply(reply) => self.send(&reply).map_err(broken),
            Step::Secure(reply) => self.send(&reply).map_err(broken).and_then(|()| self.shake_hands()),
            Step::Clear(reply) => self.send(&reply).map_err(broken).and_then(|()| self.go_on_in_clear()),
            Step::Close(..) | Step::Cut(_) => Err(step),
        }
    }

    fn send(&mut self, reply: &Reply) -> io::Result<()> {
        match self.control.send(reply) {
            // A client that has closed without a look at its replies may have sent more before: that comes first.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => Ok(()),
            sent => sent,
        }
    }

    /// The next line. Under PROT P the client may shake hands on its data connection meanwhile.
    fn next(&mut self) -> Event {
        let idle = self.config.server.timeout;
        self.activity.rest(Instant::now());
        let Some(login) = self.access.login_mut() else { return self.control.next(idle, Some(self.login_by)) };
        if !login.may_begin_early() {
            return match login.data_port.as_ref().and_then(DataPort::spurned) {
                None => self.control.next(idle, None),
                Some(until) => self.next_after_refusal(idle, until),
            };
        }
        // One end for the whole wait, however often the data connection interrupts it.
        let deadline = idle.map(|idle| Instant::now() + idle);
        login.begin_early(&mut self.control, deadline);
        self.control.next(None, deadline)
    }

    /// The next line after a refused transfer. Its data connection is kept for a while.
    #[cold]
    #[inline(never)]
    fn next_after_refusal(&mut self, idle: Option<Duration>, until: Instant) -> Event {
        let deadline = idle.map(|idle| Instant::now() + idle);
        let is_sooner = deadline.is_none_or(|deadline| until < deadline);
        let first = self.control.next(None, if is_sooner { Some(until) } else { deadline });
        if !is_sooner || first != Event::TimedOut {
            return first;
        }
        if let Some(login) = self.access.login_mut() {
            login.close_spurned(&self.control.who);
        }
        self.control.next(None, deadline)
    }

    /// The step that answers what came.
    #[inline(never)]
    fn react(&mut self, event: Event) -> Step {
        match event {
            Event::Line(line) => self.answer(&line),
            Event::TimedOut => Step::Close(Reply::new(421, "Timeout, closing the connection."), self.timeout()),
            Event::Asked(notice) => {
                let Notice { farewell, .. } = *notice;
                Step::Close(Reply::new(421, format!("{}.", farewell.text)), End::Asked(farewell.reason))
            }
            Event::Closed => Step::Cut(self.hung_up()),
        }
    }

    /// A client that wants to begin with TLS gets no answer that it understands.
    #[cold]
    fn hung_up(&self) -> End {
        let is_tls = self.control.security().is_none() && is_tls(self.control.unended());
        if is_tls { End::OtherProtocol(TLS) } else { End::HungUp }
    }

    /// Which time is over: the one for the login, or the one for the next command.
    #[cold]
    fn timeout(&self) -> End {
        let server = &self.config.server;
        match server.timeout {
            Some(idle) if self.access.login().is_some() || Instant::now() + SLACK < self.login_by => End::Idle(idle),
            _ => End::LateLogin(server.login_timeout),
        }
    }
}

/// How early a wait may end.
const SLACK: Duration = Duration::from_millis(500);

fn broken(error: io::Error) -> Step {
    Step::Cut(End::Broken(error))
}
