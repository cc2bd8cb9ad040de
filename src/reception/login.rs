//! How a client becomes an account with its folder: the password, the bans, the place, and the thread that is locked in.

use std::io::{self, ErrorKind};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use log::Level;

use crate::auth::limits::Counted;
use crate::auth::live_user::LiveUser;
use crate::auth::user::User;
use crate::auth::users::LoginRefusal;
use crate::config::{Config, Fsync, Symlinks};
use crate::fs::root::Links;
use crate::fs::upload::UploadPolicy;
use crate::net::who::Who;
use crate::protocol::legible::Legible;
use crate::reception::Reception;
use crate::reception::rejection::{Grounds, Rejection};
use crate::share::denied::Closed;
use crate::share::obstacle::Obstacle;
use crate::share::tree::Absent;
use crate::share::{Conditions, Share, SharePlace};
use crate::sys::jail::ActiveMode;

/// What a client says of itself.
#[derive(Clone, Copy)]
pub struct NameAndPassword<'a> {
    /// The name of an account, as bytes.
    pub name: &'a [u8],
    /// Its password.
    pub password: &'a [u8],
}

impl Reception {
    /// The account that a name and a password open. Waits for its turn until `deadline` at most. A wrong password is a
    /// strike; the log has its line, and the caller makes the client wait.
    pub fn check_in(
        &self,
        credentials: NameAndPassword,
        who: &Who,
        config: &Config,
        deadline: Instant,
    ) -> Result<Arc<User>, Box<Rejection>> {
        let (from, arrived) = (who.peer.ip(), Instant::now());
        if let Some(reason) = self.bans.reason(from, config.server.ban, arrived) {
            return Err(Rejection::banned(reason, config));
        }
        let NameAndPassword { name, password } = credentials;
        self.users.check_in(name, password, from, deadline).map_err(|refusal| match refusal {
            LoginRefusal::Busy => {
                let text = "Too many logins at the moment; try again later.";
                Rejection::new(Grounds::Busy, text, refusal.to_string()).at(Level::Warn)
            }
            LoginRefusal::NoAnonymous | LoginRefusal::AnonymousElsewhere => {
                self.refuse_anonymous(name, &refusal, who, config)
            }
            _ => self.refuse(name, &refusal, who, config),
        })
    }

    /// Clients try anonymous before they ask for a name: that is no guess at a password, so it costs neither time nor a
    /// strike.
    #[cold]
    fn refuse_anonymous(&self, name: &[u8], refusal: &LoginRefusal, who: &Who, config: &Config) -> Box<Rejection> {
        let source = self.kept_out_by(name, refusal, config).unwrap_or_default();
        who.log(Level::Info, format_args!("USER '{}' refused: {refusal} ({source})", Legible(name)));
        let text = if *refusal == LoginRefusal::AnonymousElsewhere {
            "Anonymous logins are for the local network of this server."
        } else {
            "Anonymous logins are off here; log in with an account."
        };
        Rejection::new(Grounds::NoAnonymous, text, None)
    }

    /// One text for every other refusal.
    #[cold]
    fn refuse(&self, name: &[u8], refusal: &LoginRefusal, who: &Who, config: &Config) -> Box<Rejection> {
        let decided = self.kept_out_by(name, refusal, config).map(|line| format!("; {line}")).unwrap_or_default();
        who.log(Level::Warn, format_args!("USER '{}' failed login. ({refusal}{decided})", Legible(name)));
        let (peer, rule) = (who.peer.ip(), config.server.ban);
        let bans = self.bans.strike(peer, rule, Instant::now());
        if bans {
            let time = rule.time.as_secs();
            who.log(Level::Warn, format_args!("{peer} is kept out for {time} s: too many wrong passwords"));
        }
        Rejection::new(Grounds::WrongPassword { bans }, "Name or password is wrong.", None)
    }

    /// The line that keeps an account out, even with the right password.
    fn kept_out_by(&self, name: &[u8], refusal: &LoginRefusal, config: &Config) -> Option<String> {
        let key = match refusal {
            LoginRefusal::Address | LoginRefusal::AnonymousElsewhere => "allow_from",
            LoginRefusal::Disabled => "enabled",
            LoginRefusal::NoAnonymous => return Some(config.source("anonymous", "enable_anonymous").to_string()),
            LoginRefusal::Unknown | LoginRefusal::WrongPassword | LoginRefusal::Busy => return None,
        };
        self.users.accounts().find(name).map(|user| user.source(key).to_string())
    }

    /// A place for one more session of this account; idle connections give theirs to a client at this address.
    pub fn place_of(&self, user: &User, address: IpAddr) -> Result<SharePlace, Box<Rejection>> {
        loop {
            match SharePlace::take(user, &self.premises) {
                Ok(place) => return Ok(place),
                Err(_) if self.parking.free_one(&Counted::Account(user.name.clone()), address) => {}
                Err(closed) => return Err(self.not_let_in(user, &closed)),
            }
        }
    }

    /// Opens the account's folder and locks this thread into it. `locked_in` tells whether the thread can serve nobody else
    /// from now on; it may be true although this failed.
    #[inline(never)]
    pub fn let_in(
        &self,
        live: &Arc<LiveUser>,
        place: Option<SharePlace>,
        config: &Config,
        active: ActiveMode,
        locked_in: &mut bool,
    ) -> Result<Box<Share>, Box<Rejection>> {
        let closed = |closed: Closed| self.not_let_in(&live.now(), &closed);
        let share = Share::open(live, place, conditions(config), &self.premises).map_err(closed)?;
        // Even if the login fails after this, the thread can't be used again.
        *locked_in = true;
        *locked_in = share.lock_in(active).map_err(|error| not_locked_in(&error))?;
        share.may_enter().map_err(closed)?;
        Ok(share)
    }

    #[cold]
    fn not_let_in(&self, user: &User, closed: &Closed) -> Box<Rejection> {
        match closed {
            Closed::Full(max) => {
                let text = match max {
                    1 => "This account's only session is taken.".to_owned(),
                    max => format!("This account's {max} sessions are all taken."),
                };
                Rejection::new(Grounds::Full, text, user.source("max_cons").to_string())
            }
            Closed::Home(error) => {
                let obstacle = Obstacle::before_home(user, &self.premises.identity, error);
                let obstacle = obstacle.map_or_else(|| error.to_string(), |obstacle| obstacle.to_string());
                let decided = format!("{}; file system: {obstacle}", user.source("home"));
                let text = match error.kind() {
                    ErrorKind::NotFound | ErrorKind::NotADirectory => {
                        "This account's folder is not there at the moment."
                    }
                    ErrorKind::PermissionDenied => "The server may not enter this account's folder.",
                    _ => "The server can't open this account's folder at the moment.",
                };
                Rejection::new(Grounds::NoFolder, text, decided).at(Level::Error)
            }
        }
    }
}

#[cold]
fn not_locked_in(error: &io::Error) -> Box<Rejection> {
    Rejection::short_of_resources(format!("the thread can't be locked in: {error}")).at(Level::Error)
}

/// Writes into the log which folders of the account's tree are not there.
pub fn tell_absent(share: &Share, who: &Who) {
    for Absent { section, error } in share.absent() {
        let line = section.source("home");
        who.log(Level::Warn, format_args!("{}: its folder is not there: {error} ({line})", section.title()));
    }
}

/// What the administrator wants of all accounts.
pub fn conditions(config: &Config) -> Conditions {
    let config = &config.transfer;
    let links = match config.follow_symlinks {
        Symlinks::Inside => Links::Inside,
        Symlinks::Never => Links::Never,
    };
    let durable = config.fsync == Fsync::Close;
    let uploads = UploadPolicy { atomic: config.atomic_uploads, durable, max_age: config.partial_max_age };
    Conditions { links, uploads, max_upload: config.max_upload, max_download: config.max_download }
}
