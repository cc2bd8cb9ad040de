//! Linux.

pub mod access;
pub mod beneath;
mod control_group;
pub mod disk;
pub mod files;
pub mod folder;
pub mod holder;
pub mod identity;
pub mod interfaces;
pub mod jail;
pub mod limits;
pub mod members;
pub mod meta;
pub mod owners;
pub mod person;
pub mod place;
pub mod privileges;
pub mod process;
pub mod route;
pub mod service;
pub mod signals;
pub mod sockets;
pub mod stamp;
pub mod ticker;
pub mod waker;
pub mod zero_copy;
