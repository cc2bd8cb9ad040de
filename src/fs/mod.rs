//! Files at rest: everything that touches the disk on behalf of a client, below one folder.

pub mod folder;
pub mod glob;
pub mod homes;
pub mod listing;
pub mod partial;
pub mod place;
pub mod root;
pub mod upload;
pub mod writers;
