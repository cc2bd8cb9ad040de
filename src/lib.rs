//! An FTP server that shares folders with the accounts of an INI file.
//!
//! ```text
//!              main            cli · commands · logging          config · ini
//!                │                                               read once; plain values go down
//!              server          accept · places · threads · signals
//!                │
//!             session          the loop, and one file for each group of commands
//!      ┌─────────┼─────────┐
//!    copy        fs       auth        bytes in motion · files at rest · who may do what
//!      │         │         │
//!     net        │         │          control and data connections, TLS
//!      └─────────┼─────────┘
//!            protocol                 commands, replies, paths, addresses: no I/O, no clock, std only
//!                │
//!               sys                   what Linux alone has
//! ```
//!
//! Every arrow points down; a test reads the `use crate::…` lines against this picture. Where to begin: the loop in
//! [`session`], then the file named after the group of the command. [`firewall`] is not needed to read the server: only
//! `ftpd check --network` asks it.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod auth;
pub mod cli;
pub mod commands;
pub mod config;
pub mod copy;
pub mod firewall;
pub mod fs;
pub mod ini;
pub mod lines;
pub mod logging;
pub mod net;
pub mod protocol;
pub mod seen;
pub mod server;
pub mod session;
pub mod sys;
