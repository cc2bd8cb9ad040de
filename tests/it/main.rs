//! Black-box tests: the real binary, started on a free port in a temporary tree, talked to over sockets.
//!
//! `server`, `client`, `dice`, `disk`, `glob` and `trace` are the harness; every other file is one topic.

#![cfg(unix)]

mod client;
mod dice;
mod disk;
mod glob;
mod server;
mod trace;

mod accounts;
mod architecture;
mod ascii;
mod checksums;
mod clients;
mod configuration;
mod confinement;
mod data_connections;
mod durability;
mod endurance;
mod exhaustion;
mod hostile;
mod kills;
mod large;
mod limits;
mod listings;
mod logs;
mod partials;
mod permissions;
mod renames;
mod signals;
mod soak;
mod stacks;
mod throttle;
mod transcripts;
mod transfers;
mod uploads;
