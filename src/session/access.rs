//! Who you are: USER, PASS, REIN, QUIT.

use std::io::{self, ErrorKind};
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use log::Level;

use crate::auth::bans::BanReason;
use crate::auth::live_user::LiveUser;
use crate::auth::user::User;
use crate::auth::users::LoginRefusal;
use crate::config::{Config, Fsync, Symlinks};
use crate::fs::root::Links;
use crate::fs::upload::UploadPolicy;
use crate::protocol::command::Password;
use crate::protocol::path::Name;
use crate::protocol::reply::Reply;
use crate::session::Session;
use crate::session::end::End;
use crate::session::info::Preferences;
use crate::session::login::Login;
use crate::session::refusal::{Refusal, Why, log_reply, quoted_name};
use crate::session::security::Security;
use crate::session::step::{Answer, Step, refuse, reply};
use crate::share::denied::Closed;
use crate::share::obstacle::Obstacle;
use crate::share::tree::Absent;
use crate::share::{Conditions, Share};
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
        let from = self.control.who.peer.ip();
        if let Some(reason) = self.shared.bans.reason(from, self.config.server.ban, arrived) {
            return Err(self.refuse_banned(&name, reason));
        }
        match self.shared.users.check_in(name.as_bytes(), &password.0, from, self.login_by) {
            Ok(user) => Ok(user),
            Err(LoginRefusal::Busy) => Err(self.refuse_busy(&name)),
            Err(refusal @ (LoginRefusal::NoAnonymous | LoginRefusal::AnonymousElsewhere)) => {
                Err(told(self.refuse_anonymous(&name, &refusal)))
            }
            Err(refusal) => Err(told(self.refuse(&name, &refusal, arrived))),
        }
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
        let share = Share::open(live, self.conditions(), &self.shared.premises)
            .map_err(|closed| self.not_let_in(user, closed))?;
        let active = if self.config.active.enable_active { ActiveMode::Anywhere } else { ActiveMode::Never };
        // Even if the login fails after this, the thread can't be used again.
        self.locked_in = true;
        self.locked_in = share.lock_in(active).map_err(|error| self.not_locked_in(user, &error))?;
        share.may_enter().map_err(|closed| self.not_let_in(user, closed))?;
        share.absent().iter().for_each(|mount| self.tell_absent(mount));
        self.access = Access::Account(Login::new(share, self));
        Ok(())
    }

    fn conditions(&self) -> Conditions {
        let config = &self.config.transfer;
        let links = match config.follow_symlinks {
            Symlinks::Inside => Links::Inside,
            Symlinks::Never => Links::Never,
        };
        let durable = config.fsync == Fsync::Close;
        let uploads = UploadPolicy { atomic: config.atomic_uploads, durable, max_age: config.partial_max_age };
        Conditions { links, uploads, max_upload: config.max_upload, max_download: config.max_download }
    }

    #[cold]
    fn not_let_in(&self, user: &User, closed: Closed) -> Box<Refusal> {
        let (who, what) = (&self.control.who, format!("USER '{}'", user.name));
        match closed {
            Closed::Full(max) => {
                let text = match max {
                    1 => "This account's only session is taken.".to_owned(),
                    max => format!("This account's {max} sessions are all taken."),
                };
                let (reply, decided) = (Reply::new(421, text), user.source("max_cons").to_string());
                log_reply(who, Level::Info, &what, &reply, Some(&decided));
                told(Step::Close(reply, End::NotLetIn))
            }
            Closed::Home(error) => {
                let obstacle = Obstacle::before_home(user, &self.shared.premises.identity, &error);
                let obstacle = obstacle.map_or_else(|| error.to_string(), |obstacle| obstacle.to_string());
                let decided = format!("{}; file system: {obstacle}", user.source("home"));
                let text = match error.kind() {
                    ErrorKind::NotFound | ErrorKind::NotADirectory => {
                        "This account's folder is not there at the moment."
                    }
                    ErrorKind::PermissionDenied => "The server may not enter this account's folder.",
                    _ => "The server can't open this account's folder at the moment.",
                };
                let reply = Reply::new(530, text);
                log_reply(who, Level::Error, &what, &reply, Some(&decided));
                told(Step::Reply(reply))
            }
        }
    }

    /// A folder of the account's tree is not there.
    #[cold]
    fn tell_absent(&self, Absent { section, error }: &Absent) {
        let line = section.source("home");
        self.control
            .who
            .log(Level::Warn, format_args!("{}: its folder is not there: {error} ({line})", section.title()));
    }

    #[cold]
    fn not_locked_in(&self, user: &User, error: &io::Error) -> Box<Refusal> {
        self.control
            .who
            .log(Level::Error, format_args!("USER '{}': the thread can't be locked in: {error}", user.name));
        told(Step::Close(short_of_resources(), End::NotLetIn))
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

    /// The line that keeps an account out, even with the right password.
    fn kept_out_by(&self, name: &[u8], refusal: &LoginRefusal) -> Option<String> {
        let key = match refusal {
            LoginRefusal::Address | LoginRefusal::AnonymousElsewhere => "allow_from",
            LoginRefusal::Disabled => "enabled",
            LoginRefusal::NoAnonymous => {
                return Some(self.config.source("anonymous", "enable_anonymous").to_string());
            }
            LoginRefusal::Unknown | LoginRefusal::WrongPassword | LoginRefusal::Busy => return None,
        };
        self.shared.users.accounts().find(name).map(|user| user.source(key).to_string())
    }

    #[cold]
    fn refuse_banned(&self, name: &Name, reason: BanReason) -> Box<Refusal> {
        let (reply, decided) = banned(reason, &self.config);
        log_reply(&self.control.who, Level::Info, &format!("USER {}", quoted_name(name)), &reply, Some(&decided));
        told(Step::Close(reply, End::Banned))
    }

    #[cold]
    fn refuse_busy(&self, name: &Name) -> Box<Refusal> {
        let reply = Reply::new(421, "Too many logins at the moment; try again later.");
        let decided = LoginRefusal::Busy.to_string();
        log_reply(&self.control.who, Level::Warn, &format!("USER {}", quoted_name(name)), &reply, Some(&decided));
        told(Step::Close(reply, End::NotLetIn))
    }

    /// File managers try anonymous before they ask for a name: that is no guess at a password, so it costs neither time
    /// nor a strike.
    #[cold]
    fn refuse_anonymous(&mut self, name: &Name, refusal: &LoginRefusal) -> Step {
        let source = self.kept_out_by(name.as_bytes(), refusal).unwrap_or_default();
        self.control.who.log(Level::Info, format_args!("USER {} refused: {refusal} ({source})", quoted_name(name)));
        self.anonymous_tries += 1;
        let reply = Reply::new(
            530,
            if *refusal == LoginRefusal::AnonymousElsewhere {
                "Anonymous logins are for the local network of this server."
            } else {
                "Anonymous logins are off here; log in with an account."
            },
        );
        if self.anonymous_tries >= MAX_ANONYMOUS_TRIES {
            Step::Close(reply, End::AnonymousLogins(self.anonymous_tries))
        } else {
            Step::Reply(reply)
        }
    }

    /// One text and one delay for every other refusal. The delay is counted from PASS, however long the check took.
    #[cold]
    fn refuse(&mut self, name: &Name, refusal: &LoginRefusal, arrived: Instant) -> Step {
        let server = &self.config.server;
        let decided = self.kept_out_by(name.as_bytes(), refusal).map(|line| format!("; {line}")).unwrap_or_default();
        let name = quoted_name(name);
        self.control.who.log(Level::Warn, format_args!("USER {name} failed login. ({refusal}{decided})"));
        let peer = self.control.who.peer.ip();
        let banned = self.shared.bans.strike(peer, self.config.server.ban, arrived);
        if banned {
            let time = server.ban.time.as_secs();
            self.control
                .who
                .log(Level::Warn, format_args!("{peer} is kept out for {time} s: too many wrong passwords"));
        }
        self.wrong_passwords += 1;
        self.control.pause(server.auth_failed_delay.saturating_sub(arrived.elapsed()));
        let reply = Reply::new(530, "Name or password is wrong.");
        if banned {
            Step::Close(reply, End::Banned)
        } else if self.wrong_passwords >= self.config.server.max_login_attempts {
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

/// The reply to a client whose address is banned, and what decided that.
pub fn banned(reason: BanReason, config: &Config) -> (Reply, String) {
    let (text, decided) = match reason {
        BanReason::WrongPasswords => (
            "Too many wrong passwords from your address; try again later.",
            config.source("server", "ban_after").to_string(),
        ),
        BanReason::Administrator => {
            ("Your address is kept out by the administrator.", "ftpd status --unban lets it in again".to_owned())
        }
    };
    (Reply::new(421, text), decided)
}

/// The reply to a client for which there is no thread.
pub fn short_of_resources() -> Reply {
    Reply::new(421, "The server is short of resources; try again later.")
}
