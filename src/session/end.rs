//! Why a session ends: the last step knows, and the session's last log line says.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use crate::protocol::plural::Plural;

/// Why a session ends.
#[derive(Debug)]
pub enum End {
    /// The client said QUIT.
    Quit,
    /// The client closed the connection, or it broke.
    HungUp,
    /// Nothing came for this time.
    Idle(Duration),
    /// Nobody logged in within this time.
    LateLogin(Duration),
    /// This number of wrong passwords, as many as are allowed.
    WrongPasswords(u32),
    /// This number of anonymous logins, which are off.
    AnonymousLogins(u32),
    /// The client's address is banned.
    Banned,
    /// There is no room for one more login, or it can't be made.
    NotLetIn,
    /// The client speaks another protocol.
    OtherProtocol(&'static str),
    /// TLS on the control connection could not begin, or not end.
    NoTls,
    /// It was asked to end, for this reason.
    Asked(&'static str),
    /// A reply was begun that can't be kept.
    HalfReply,
    /// The control connection broke when a reply was sent.
    Broken(io::Error),
    /// There is no thread to go on with.
    NoThread,
    /// The session failed inside.
    Failed,
}

impl End {
    /// Whether it may be only a consequence of the session being asked to end.
    pub(super) fn is_sudden(&self) -> bool {
        matches!(self, Self::HungUp | Self::Broken(_) | Self::HalfReply | Self::NoTls)
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Quit => "QUIT",
            Self::HungUp => "the client hung up",
            Self::Idle(time) => return write!(f, "timeout {} s", time.as_secs()),
            Self::LateLogin(time) => return write!(f, "login timeout {} s", time.as_secs()),
            Self::WrongPasswords(tries) => return write!(f, "{}", Plural(*tries, "wrong password")),
            Self::AnonymousLogins(tries) => return write!(f, "{}", Plural(*tries, "anonymous login")),
            Self::Banned => "banned",
            Self::NotLetIn => "not let in",
            Self::OtherProtocol(name) => return write!(f, "no FTP: {name}"),
            Self::NoTls => "TLS failed",
            Self::Asked(reason) => reason,
            Self::HalfReply => "a reply broke off",
            Self::Broken(error) => match error.kind() {
                ErrorKind::TimedOut | ErrorKind::WouldBlock => "the client took no reply in time",
                _ => "the client hung up",
            },
            Self::NoThread => "short of resources",
            Self::Failed => "it failed inside",
        };
        f.write_str(text)
    }
}
