//! The floor that names an operating system: its functions say what is wanted, not how a system calls it.
//!
//! [`holder`] knows which program listens at a port, [`stamp`] tells one state of a file from the next, [`access`] is
//! what the user of the calling thread may do, [`person`] another user that a thread or the process can become,
//! [`identity`] reckons what it may do from a file's facts ([`meta`]), [`owners`] are the names of users and groups, and [`jail`] locks a thread into a folder.

mod linux;

pub use linux::{access, holder, identity, jail, meta, owners, person, stamp};
