//! Who you are: USER, PASS, REIN, QUIT.

use std::mem;
use std::sync::Arc;
use std::time::Instant;

use log::Level;

use crate::auth::live_user::LiveUser;
use crate::auth::user::User;
use crate::protocol::command::Password;
use crate::protocol::path::Name;
use crate::protocol::reply::Reply;
use crate::reception::login::{NameAndPassword, tell_absent};
use crate::reception::rejection::{Grounds, Rejection};
use crate::session::Session;
use crate::session::end::End;
use crate::session::info::Preferences;
use crate::session::login::Login;
use crate::session::refusal::{Refusal, Why, log_reply, quoted_name};
use crate::session::security::Security;
use crate::session::step::{Answer, Step, refuse, reply};
use crate::sys::jail::ActiveMode;

/// Whether the client is logged in.
pub(super) enum Access {
    /// It is not.
    Stranger(Agreed),
    /// It is.
    Account(Box<Login>),
}

/// What the client and the server have agreed on, logged in or not.
#[derive(Default)]
pub(super) struct Agreed {
    pub(super) preferences: Preferences,
    pub(super) security: Security,
}

/// Number of refused anonymous logins that end a session: its client is not going to stop.
const MAX_ANONYMOUS_TRIES: u32 = 10;

impl Session {
    /// Starts a login, also within another one. The reply does not tell whether the name exists.
    pub(super) fn user(&mut self, name: Name) -> Answer {
        self.log_out();
        if self.config.tls.control_required && self.control.security().is_none() {
            let reply = Reply::new(530, "Encrypt first: AUTH TLS.");
            return Err(Refusal::by_setting(reply, "tls", "tls_control_required").about(quoted_name(&name)));
        }
        self.user = Some(name);
        reply(331, "Password, please.")
    }

    pub(super) fn pass(&mut self, user: Option<Name>, password: &Password) -> Answer {
        let user = self.account(user, password)?;
        self.log_in(user)
    }

    /// The account that a name and a password open.
    // Its frame is gone when the home is opened.
    #[inline(never)]
    fn account(&mut self, name: Option<Name>, password: &Password) -> Result<Arc<User>, Box<Refusal>> {
        if self.access.login().is_some() {
            return refuse(503, "Already logged in.");
        }
        let name = name.ok_or_else(|| Reply::new(503, "USER comes before PASS."))?;
        let arrived = Instant::now();
        let credentials = NameAndPassword { name: name.as_bytes(), password: &password.0 };
        let checked = self.shared.reception.check_in(credentials, &self.control.who, &self.config, self.login_by);
        checked.map_err(|rejection| self.not_checked_in(&name, &rejection, arrived))
    }

    pub(super) fn reinitialize(&mut self) -> Answer {
        self.log_out();
        reply(220, "Ready for a new user.")
    }

    pub(super) fn quit(&mut self) -> Answer {
        let own = self.access.login().and_then(|login| login.share.user_now().msg_quit.clone());
        Ok(Step::Close(Reply::new(221, own.unwrap_or_else(|| "Goodbye.".to_owned())), End::Quit))
    }

    fn log_in(&mut self, user: Arc<User>) -> Answer {
        let live = Arc::new(LiveUser::new(Arc::clone(&user)));
        self.let_in(&user, &live)?;
        self.control.who.user.clone_from(&user.name);
        self.activity.belongs_to(Some(live));
        self.control.who.log(Level::Info, format_args!("USER '{}' logged in.", user.name));
        reply(230, user.msg_login.clone().unwrap_or_else(|| "Logged in.".to_owned()))
    }

    #[inline(never)]
    fn let_in(&mut self, user: &Arc<User>, live: &Arc<LiveUser>) -> Result<(), Box<Refusal>> {
        let active = if self.config.active.enable_active { ActiveMode::Anywhere } else { ActiveMode::Never };
        let (reception, address) = (&self.shared.reception, self.control.who.peer.ip());
        let share = reception
            .place_of(user, address)
            .and_then(|place| reception.let_in(live, Some(place), &self.config, active, &mut self.locked_in))
            .map_err(|rejection| self.not_let_in(user, &rejection))?;
        if !share.absent().is_empty() {
            tell_absent(&share, &self.control.who);
        }
        self.access = Access::Account(Login::new(share, self));
        Ok(())
    }

    #[cold]
    fn not_let_in(&self, user: &User, rejection: &Rejection) -> Box<Refusal> {
        let Rejection { grounds, text, decided, level } = rejection;
        let reply = Reply::new(if *grounds == Grounds::NoFolder { 530 } else { 421 }, text.clone());
        log_reply(&self.control.who, *level, &format!("USER '{}'", user.name), &reply, decided.as_deref());
        told(match grounds {
            Grounds::NoFolder => Step::Reply(reply),
            _ => Step::Close(reply, End::NotLetIn),
        })
    }

    /// Forgets all that belonged to the login; the time for the next one starts.
    pub(super) fn log_out(&mut self) {
        if self.access.login().is_some() {
            self.access.end();
            self.control.who.user.clear();
            self.activity.belongs_to(None);
            self.access.agreed().preferences = Preferences::default();
            self.login_by = Instant::now() + self.config.server.login_timeout;
        }
    }

    /// The step after a name and a password that open nothing. The delay is counted from PASS, however long the check took.
    #[cold]
    fn not_checked_in(&mut self, name: &Name, rejection: &Rejection, arrived: Instant) -> Box<Refusal> {
        let Rejection { grounds, text, decided, level } = rejection;
        let reply =
            Reply::new(if matches!(grounds, Grounds::Banned | Grounds::Busy) { 421 } else { 530 }, text.clone());
        if let Some(decided) = decided {
            log_reply(&self.control.who, *level, &format!("USER {}", quoted_name(name)), &reply, Some(decided));
        }
        told(match grounds {
            Grounds::WrongPassword { bans } => self.after_wrong_password(reply, *bans, arrived),
            Grounds::NoAnonymous => self.after_anonymous(reply),
            Grounds::Banned => Step::Close(reply, End::Banned),
            Grounds::Busy | Grounds::Full | Grounds::Stopping | Grounds::NoFolder => Step::Close(reply, End::NotLetIn),
        })
    }

    fn after_anonymous(&mut self, reply: Reply) -> Step {
        self.anonymous_tries += 1;
        if self.anonymous_tries >= MAX_ANONYMOUS_TRIES {
            Step::Close(reply, End::AnonymousLogins(self.anonymous_tries))
        } else {
            Step::Reply(reply)
        }
    }

    fn after_wrong_password(&mut self, reply: Reply, bans: bool, arrived: Instant) -> Step {
        let server = &self.config.server;
        self.wrong_passwords += 1;
        self.control.pause(server.auth_failed_delay.saturating_sub(arrived.elapsed()));
        if bans {
            Step::Close(reply, End::Banned)
        } else if self.wrong_passwords >= server.max_login_attempts {
            Step::Close(reply, End::WrongPasswords(self.wrong_passwords))
        } else {
            Step::Reply(reply)
        }
    }
}

impl Access {
    pub(super) fn login(&self) -> Option<&Login> {
        match self {
            Self::Account(login) => Some(login),
            Self::Stranger(_) => None,
        }
    }

    pub(super) fn login_mut(&mut self) -> Option<&mut Login> {
        match self {
            Self::Account(login) => Some(login),
            Self::Stranger(_) => None,
        }
    }

    /// What the client and the server have agreed on.
    pub(super) fn agreed(&mut self) -> &mut Agreed {
        match self {
            Self::Account(login) => &mut login.agreed,
            Self::Stranger(agreed) => agreed,
        }
    }

    /// Lets go of the account, if there is one.
    pub(super) fn end(&mut self) {
        *self = Self::Stranger(mem::take(self.agreed()));
    }
}

/// A refusal that has its line in the log already.
fn told(step: Step) -> Box<Refusal> {
    Refusal::new(step, Why::Told)
}
