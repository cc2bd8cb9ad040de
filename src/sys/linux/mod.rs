//! Linux.

pub mod access;
pub mod holder;
pub mod identity;
pub mod jail;
pub mod meta;
pub mod owners;
pub mod person;
pub mod stamp;
