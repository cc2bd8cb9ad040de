//! What a session does next: the one value that a handler gives back and the loop acts on.

use std::borrow::Cow;
use std::io;

use crate::protocol::reply::Reply;

/// What follows a command. After the first three the session goes on with the next one, after the others it ends.
#[derive(Debug)]
pub enum Step {
    /// This reply.
    Reply(Reply),
    /// This reply, then a TLS handshake.
    Secure(Reply),
    /// This reply, then the end of TLS.
    Clear(Reply),
    /// This reply, then the end of the session.
    Close(Reply),
    /// The end of the session at once: a reply was begun that can't be kept, or TLS does not work.
    Cut,
    /// The same, as the control connection broke.
    Broken(io::Error),
}

impl Step {
    /// Whether the session ends with it.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Close(_) | Self::Cut | Self::Broken(_))
    }
}

/// What a handler gives back; either way the session goes on with it.
pub(super) type Answer = Result<Step, Step>;

/// This reply of one line.
pub(super) fn reply(code: u16, text: impl Into<Cow<'static, str>>) -> Answer {
    Ok(Reply::new(code, text).into())
}

/// The same, as a reason not to go on.
pub(super) fn refuse<T>(code: u16, text: impl Into<Cow<'static, str>>) -> Result<T, Step> {
    Err(Reply::new(code, text).into())
}

impl From<Reply> for Step {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<io::Error> for Step {
    fn from(error: io::Error) -> Self {
        Reply::from(error).into()
    }
}
