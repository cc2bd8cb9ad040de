//! The words of FTP: commands, replies, paths, addresses, times. No I/O, no clock; std and encoding_rs alone.

pub mod address;
mod arguments;
pub mod charset;
pub mod command;
pub mod content;
pub mod glob;
pub mod hidden;
pub mod legible;
pub mod line;
pub mod path;
pub mod plural;
pub mod reply;
pub mod request;
pub mod timestamp;
pub mod verbs;
