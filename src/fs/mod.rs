//! Files at rest: everything that touches the disk on behalf of a client, below one folder.

pub mod claims;
pub mod folder;
pub mod glob;
pub mod homes;
pub mod listing;
pub mod partial;
pub mod partials;
pub mod place;
mod remove;
pub mod root;
pub mod upload;
