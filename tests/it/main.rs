//! Black-box tests: the real binary, started on a free port in a temporary tree, talked to over sockets.
//!
//! `server`, `client`, `disk` and `glob` are the harness; every other file is one topic.

#![cfg(unix)]

mod client;
mod disk;
mod glob;
mod server;

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
mod kills;
mod large;
mod limits;
mod listings;
mod logs;
mod masquerade;
mod namespaces;
mod partials;
mod permissions;
mod privileges;
mod renames;
mod sandbox;
mod signals;
mod stacks;
mod throttle;
mod transcripts;
mod transfers;
mod uploads;
