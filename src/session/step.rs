//! What a session does next: the one value that a handler gives back and the loop acts on.

use std::borrow::Cow;

use crate::protocol::reply::Reply;
use crate::session::end::End;
use crate::session::refusal::Refusal;

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
    Close(Reply, End),
    /// The end of the session at once.
    Cut(End),
}

impl Step {
    /// Whether the session ends with it.
    pub fn is_last(&self) -> bool {
        self.end().is_some()
    }

    /// Why the session ends, if it does.
    pub fn end(&self) -> Option<&End> {
        match self {
            Self::Close(_, end) | Self::Cut(end) => Some(end),
            Self::Reply(_) | Self::Secure(_) | Self::Clear(_) => None,
        }
    }
}

/// What a handler gives back; either way the session goes on with it.
pub(super) type Answer = Result<Step, Box<Refusal>>;

/// This reply of one line.
pub(super) fn reply(code: u16, text: impl Into<Cow<'static, str>>) -> Answer {
    Ok(Reply::new(code, text).into())
}

/// The same, as a reason not to go on.
pub(super) fn refuse<T>(code: u16, text: impl Into<Cow<'static, str>>) -> Result<T, Box<Refusal>> {
    Err(Reply::new(code, text).into())
}

impl From<Reply> for Step {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}
