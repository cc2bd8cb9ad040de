//! Why a cell of the table has no number.

use std::fmt;
use std::io;

/// The end of a cell without a number.
#[derive(Debug)]
pub enum Failure {
    /// The server doesn't know the command: not its fault.
    Unsupported(String),
    /// A wrong reply, a wrong byte count, a broken connection.
    Broken(String),
}

impl Failure {
    pub fn broken(what: impl fmt::Display) -> Self {
        Self::Broken(what.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::Broken(what) => f.write_str(what),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::broken(error)
    }
}

impl From<rustix::io::Errno> for Failure {
    fn from(error: rustix::io::Errno) -> Self {
        Self::broken(error)
    }
}
