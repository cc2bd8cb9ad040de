//! Why an account is not let in, or something is not done for it: by types, which each door puts into its own words.

use std::io::{self, ErrorKind};

use crate::auth::perm::Perm;
use crate::fs::root::is_hidden;

/// Why an account is not let in.
#[derive(Debug)]
pub enum Closed {
    /// It has this number of sessions, all it may have.
    Full(usize),
    /// Its home can't be opened or entered.
    Home(io::Error),
}

/// Why something is not done.
#[derive(Debug)]
pub enum Denied {
    /// The account lacks this letter.
    Letter(Perm),
    /// The home itself is never removed or renamed.
    Home,
    /// A new name may hold no control bytes.
    ControlBytes,
    /// A folder that has a section of its own, or holds one, stays where it is; in one that is on no disk, nothing is made.
    Fixed,
    /// The folder holds nothing but what is hidden from clients.
    HoldsHidden,
    /// A new name has a form that is refused there.
    RefusedName,
    /// Nothing moves to where the account may do more with it.
    Wider,
    /// The folder came after the login, and the jail was made without what it widens.
    Late,
    /// A new name has a form that the server keeps for its own files.
    ServersOwn,
    /// A new name is hidden, or in a folder that is.
    HiddenName,
    /// Something has the new name already; with this letter, which the account lacks, it would have been replaced.
    Occupied(Option<Perm>),
    /// A transfer would begin after the end of the file.
    AfterTheEnd,
    /// A broken overwrite of this file waits to be resumed at exactly this byte.
    Pending(u64),
    /// What the file system said, or `NotFound` for a name that is hidden; `ResourceBusy` while another session writes the file.
    File(io::Error),
}

impl Denied {
    /// True if the name, or one that a link leads through, is hidden: it is as if it was missing.
    pub fn is_hidden(&self) -> bool {
        matches!(self, Self::HiddenName) || matches!(self, Self::File(error) if is_hidden(error))
    }

    /// True if there is nothing of that name.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::File(error) if error.kind() == ErrorKind::NotFound)
    }

    /// True while another session writes the file.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::File(error) if error.kind() == ErrorKind::ResourceBusy)
    }
}

impl Denied {
    /// What the file system would say.
    pub fn into_error(self) -> io::Error {
        match self {
            Self::File(error) => error,
            _ => ErrorKind::PermissionDenied.into(),
        }
    }
}

impl From<io::Error> for Denied {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}
