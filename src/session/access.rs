//! Who you are: USER, PASS, REIN, QUIT.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use log::Level;

use crate::auth::limits::Counted;
use crate::auth::user::User;
use crate::auth::users::LoginRefusal;
use crate::config::Symlinks;
use crate::fs::listing::Facts;
use crate::fs::root::{Links, Root};
use crate::protocol::command::{Algorithm, Password};
use crate::protocol::path::Name;
use crate::protocol::reply::Reply;
use crate::session::login::Login;
use crate::session::step::{Answer, Step, refuse, reply};
use crate::session::{Access, Session};
use crate::sys::jail::Dialled;

/// A client that is told as often that anonymous is off does not listen.
const MAX_ANONYMOUS_TRIES: u32 = 10;

impl Session {
    /// Starts a login, also from within another one; whether the name exists is not told.
    pub(super) fn user(&mut self, name: Name) -> Answer {
        self.log_out();
        if self.config.tls.control_required && self.control.security().is_none() {
            return refuse(530, "Encrypt first: AUTH TLS.");
        }
        self.user = Some(name);
        reply(331, "Password, please.")
    }

    pub(super) fn pass(&mut self, user: Option<Name>, password: &Password) -> Answer {
        if self.access.login().is_some() {
            return refuse(503, "Already logged in.");
        }
        let name = user.ok_or_else(|| Reply::new(503, "USER comes before PASS."))?;
        let arrived = Instant::now();
        let from = self.control.who.peer.ip();
        if self.shared.bans.is_banned(from, self.config.server.ban_rule(), arrived) {
            return Err(Step::Close(banned()));
        }
        match self.shared.users.check_in(name.as_bytes(), &password.0, from, self.login_by) {
            Ok(user) => self.log_in(user),
            Err(LoginRefusal::Busy) => {
                Err(Step::Close(Reply::new(421, "Too many logins at the moment; try again later.")))
            }
            Err(LoginRefusal::NoAnonymous) => Err(self.refuse_anonymous(&name)),
            Err(refusal) => Err(self.refuse(&name, refusal, arrived)),
        }
    }

    pub(super) fn reinitialize(&mut self) -> Answer {
        self.log_out();
        reply(220, "Ready for a new user.")
    }

    pub(super) fn quit(&mut self) -> Answer {
        let text = self.access.login().and_then(|login| login.goodbye()).unwrap_or("Goodbye.").to_owned();
        Ok(Step::Close(Reply::new(221, text)))
    }

    #[inline(never)]
    fn log_in(&mut self, user: Arc<User>) -> Answer {
        let key = Counted::Account(user.name.clone());
        let place = self.shared.limits.take(key, user.max_cons).map_err(|full| {
            self.control.who.log(Level::Warn, format_args!("USER '{}': all {} sessions taken", user.name, full.max));
            Step::Close(Reply::new(421, format!("This account's {} sessions are all taken.", full.max)))
        })?;
        let links = match self.config.transfer.follow_symlinks {
            Symlinks::Inside => Links::Inside,
            Symlinks::Never => Links::Never,
        };
        let root = self.shared.homes.open(&user.home, links).map_err(|error| self.without_home(&user, &error))?;
        let locks_thread = self.lock_in(&user, &root).map_err(|error| self.unlocked(&user, &error))?;
        if locks_thread {
            // Until the login stands.
            self.access = Access::Stranded;
        }
        root.may_enter().map_err(|error| self.without_home(&user, &error))?;
        let (config, shared) = (Arc::clone(&self.config), Arc::clone(&self.shared));
        let settings = (self.facts, self.algorithm, self.security.protection());
        let login = Login::new((Arc::clone(&user), root, place), locks_thread, config, shared, settings);
        self.access = Access::Account(login);
        self.control.who.user.clone_from(&user.name);
        self.control.who.log(Level::Info, format_args!("USER '{}' logged in.", user.name));
        reply(230, user.msg_login.clone().unwrap_or_else(|| "Logged in.".to_owned()))
    }

    /// From here on this thread is the account's system user, and reaches its home and nothing else, as far as the
    /// account has the one and the kernel a jail for the other; true if it has either. If it fails halfway, nobody knows
    /// what the thread is still good for.
    #[inline(never)]
    fn lock_in(&self, user: &User, root: &Root) -> io::Result<bool> {
        let (person, jail) = (&user.system_user, &self.shared.jail);
        if let Some(person) = person {
            person.become_on_this_thread()?;
        }
        let Some(jail) = jail else { return Ok(person.is_some()) };
        let dialling = if self.config.active.enable_active { Dialled::Anywhere } else { Dialled::Never };
        let jailed = jail.lock_in(root.handle(), user.perms.rights(), dialling)?;
        Ok(person.is_some() || jailed)
    }

    #[cold]
    fn unlocked(&mut self, user: &User, error: &io::Error) -> Step {
        self.access = Access::Stranded;
        self.control
            .who
            .log(Level::Error, format_args!("USER '{}': the thread can't be locked in: {error}", user.name));
        Step::Close(short_of_resources())
    }

    #[cold]
    fn without_home(&self, user: &User, error: &io::Error) -> Reply {
        let home = user.home.display();
        self.control.who.log(Level::Error, format_args!("USER '{}': home {home}: {error}", user.name));
        Reply::new(
            530,
            match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => "This account's folder is not there at the moment.",
                ErrorKind::PermissionDenied => "The server may not enter this account's folder.",
                _ => "The server can't open this account's folder at the moment.",
            },
        )
    }

    /// Everything that belonged to the login goes; the time for the next one starts.
    pub(super) fn log_out(&mut self) {
        if self.access.login().is_some() {
            self.access.end();
            self.control.who.user.clear();
            self.facts = Facts::DEFAULT;
            self.algorithm = Algorithm::Sha256;
            self.login_by = Instant::now() + self.config.server.login_timeout;
        }
    }

    /// File managers try anonymous before they ask for a name: that is no guess at a password, so it costs neither time
    /// nor a strike.
    #[cold]
    fn refuse_anonymous(&mut self, name: &Name) -> Step {
        let shown = name.as_bytes().escape_ascii();
        self.control.who.log(Level::Info, format_args!("USER '{shown}' refused: {}", LoginRefusal::NoAnonymous));
        self.anonymous_tries += 1;
        let reply = Reply::new(530, "Anonymous logins are off here; log in with an account.");
        if self.anonymous_tries >= MAX_ANONYMOUS_TRIES { Step::Close(reply) } else { Step::Reply(reply) }
    }

    /// One text and one delay for every other refusal, counted from PASS whatever the check took.
    #[cold]
    fn refuse(&mut self, name: &Name, refusal: LoginRefusal, arrived: Instant) -> Step {
        let server = &self.config.server;
        let shown = name.as_bytes().escape_ascii();
        self.control.who.log(Level::Warn, format_args!("USER '{shown}' failed login. ({refusal})"));
        let peer = self.control.who.peer.ip();
        let banned = self.shared.bans.strike(peer, self.config.server.ban_rule(), arrived);
        if banned {
            let time = server.ban_time.map_or(0, |time| time.as_secs());
            self.control
                .who
                .log(Level::Warn, format_args!("{peer} is kept out for {time} s: too many wrong passwords"));
        }
        self.wrong_passwords += 1;
        self.pause_until(arrived, server.auth_failed_delay);
        let reply = Reply::new(530, "Name or password is wrong.");
        let is_last = banned || self.wrong_passwords >= self.config.server.max_login_attempts;
        if is_last { Step::Close(reply) } else { Step::Reply(reply) }
    }
}

/// What a client hears whose address is banned.
pub fn banned() -> Reply {
    Reply::new(421, "Too many wrong passwords from your address; try again later.")
}

/// What a client hears that there is no thread for.
pub fn short_of_resources() -> Reply {
    Reply::new(421, "The server is short of resources; try again later.")
}
