//! Why a client may not come in: what it is told, and what decided that, for the log.

use std::borrow::Cow;

use log::Level;

use crate::auth::bans::BanReason;
use crate::auth::limits::{Counted, Full};
use crate::config::Config;
use crate::net::stop::Stop;
use crate::protocol::plural::Plural;

/// Why a client may not come in.
#[derive(Debug)]
pub struct Rejection {
    /// What kind of reason it is.
    pub grounds: Grounds,
    /// What the client is told.
    pub text: Cow<'static, str>,
    /// What decided, for the log.
    pub decided: Option<String>,
    /// How much the administrator should notice it.
    pub level: Level,
}

/// The kinds of reasons. Each door answers them in its own protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grounds {
    /// The address is banned.
    Banned,
    /// No place is free.
    Full,
    /// The server or its machine can't do more at the moment.
    Busy,
    /// The server stops.
    Stopping,
    /// There is no anonymous account, or not for this address.
    NoAnonymous,
    /// The name or the password is wrong, or the account is not for this client. If `bans` is set, that was one too many.
    WrongPassword {
        /// The address is banned from now on.
        bans: bool,
    },
    /// The account's folder can't be had.
    NoFolder,
}

impl Rejection {
    /// A rejection that the administrator need not notice.
    pub fn new(grounds: Grounds, text: impl Into<Cow<'static, str>>, decided: impl Into<Option<String>>) -> Box<Self> {
        Box::new(Self { grounds, text: text.into(), decided: decided.into(), level: Level::Info })
    }

    /// The same as something to notice.
    #[must_use]
    pub fn at(mut self: Box<Self>, level: Level) -> Box<Self> {
        self.level = level;
        self
    }

    /// No client is let in any more, as the server stops or drains.
    pub fn stopping(is_draining: bool) -> Box<Self> {
        let decided = if is_draining { "draining" } else { "stopping" };
        Self::new(Grounds::Stopping, format!("{}.", Stop::FAREWELL.text), decided.to_owned())
    }

    /// There is no thread, or no memory, for one more client.
    pub fn short_of_resources(decided: impl Into<Option<String>>) -> Box<Self> {
        Self::new(Grounds::Busy, "The server is short of resources; try again later.", decided)
    }

    /// The address is banned.
    pub fn banned(reason: BanReason, config: &Config) -> Box<Self> {
        let (text, decided) = match reason {
            BanReason::WrongPasswords => (
                "Too many wrong passwords from your address; try again later.",
                config.source("server", "ban_after").to_string(),
            ),
            BanReason::Administrator => {
                ("Your address is kept out by the administrator.", "ftpd status --unban lets it in again".to_owned())
            }
        };
        Self::new(Grounds::Banned, text, decided)
    }

    /// A limit of the server, or of an address, is reached.
    pub fn full(full: &Full, config: &Config) -> Box<Self> {
        let (text, key) = match (&full.key, full.max) {
            (Counted::Address(_), max) => {
                (format!("Your address has its {}; close one first.", Plural(max, "session")), "max_cons_per_ip")
            }
            (Counted::Server | Counted::Account(_), 1) => {
                ("The only session of this server is taken; try again later.".to_owned(), "max_cons")
            }
            (Counted::Server | Counted::Account(_), max) => {
                (format!("All {max} sessions of this server are taken; try again later."), "max_cons")
            }
        };
        let source = config.source("server", key);
        let is_lowered = full.key == Counted::Server && full.max < config.server.max_cons;
        let decided = if is_lowered {
            format!("{source}, lowered to {} by the limits of this process", full.max)
        } else {
            source.to_string()
        };
        Self::new(Grounds::Full, text, decided)
    }
}
