//! How an upload breaks, and what is left of it.

use std::io;

use crate::sys::files;

/// How an upload broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The disk took no more after this number of bytes of the upload: the room is given back.
    Full(u64),
    /// Anything else: what came is kept.
    Other,
    /// The same from a client that knows how to ask for hidden bytes: they stay hidden, also those of a new file.
    Interrupted,
    /// The client said that the rest comes later: even if nothing came, there is something to go on with.
    Paused,
}

/// What is left of an upload that broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing; what was there before is there still.
    Nothing,
    /// This number of bytes, under the file's name.
    Shown(u64),
    /// This number of bytes, hidden: the old file has its name.
    Hidden(u64),
    /// The whole file, under its name; only the disk's word for it is missing.
    Whole,
}

/// An upload that broke although all its bytes came.
#[derive(Debug)]
pub struct Broken {
    /// Why.
    pub error: io::Error,
    /// What is left of it.
    pub kept: Kept,
}

impl Break {
    /// What an error after this number of bytes means.
    pub fn of(error: &io::Error, written: u64) -> Self {
        if files::is_full(error) { Self::Full(written) } else { Self::Other }
    }
}
