//! The words of FTP: commands, replies, paths, addresses, times; and those of HTTP, in [`http`]. No I/O, no clock; beyond
//! std, nothing but encodings and parsers.

pub mod address;
mod arguments;
pub mod charset;
pub mod command;
pub mod content;
pub mod glob;
pub mod hidden;
pub mod http;
pub mod legible;
pub mod line;
pub mod path;
pub mod plural;
pub mod reply;
pub mod request;
pub mod timestamp;
pub mod verbs;
