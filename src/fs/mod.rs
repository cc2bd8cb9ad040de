//! Files at rest: everything that touches the disk on behalf of a client, below one folder.

pub mod claims;
pub mod downloads;
pub mod expiry;
pub mod folder;
pub mod homes;
pub mod listing;
mod lock;
pub mod partial;
pub mod partials;
pub mod quota;
mod remove;
mod rename;
pub mod root;
pub mod upload;
