//! Files at rest: everything that touches the disk on behalf of a client, below one folder.

pub mod entry;
pub mod folder;
pub mod glob;
pub mod homes;
pub mod jail;
pub mod listing;
pub mod owners;
pub mod partial;
pub mod place;
pub mod root;
pub mod upload;
pub mod writers;
