//! Linux.

pub mod access;
pub mod holder;
pub mod stamp;
