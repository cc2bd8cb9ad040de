//! What is wrong with a request as such: it is answered, and the connection closed.

/// A request that is not served, since nobody can say for sure where it ends or what it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpError {
    /// The status of the answer, from 400.
    pub status: u16,
    /// What is wrong, as a sentence.
    pub text: &'static str,
}

impl HttpError {
    /// A 400 with this text.
    pub const fn bad(text: &'static str) -> Self {
        Self { status: 400, text }
    }

    /// Another status with this text.
    pub const fn new(status: u16, text: &'static str) -> Self {
        Self { status, text }
    }
}
