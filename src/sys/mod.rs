//! The floor that names an operating system: its functions say what is wanted, not how a system calls it.
//!
//! [`holder`] knows which program listens at a port, [`stamp`] tells one state of a file from the next, [`access`] is
//! what the user of the calling thread may do.

mod linux;

pub use linux::{access, holder, stamp};
