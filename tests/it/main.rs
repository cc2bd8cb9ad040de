//! Black-box tests: the real binary, started on a free port in a temporary tree, talked to over sockets.
//!
//! `server`, `client`, `data`, `channel`, `dice`, `disk`, `glob`, `machine`, `page`, `svg`, `terminal`, `trace` and `trial` are
//! the harness; every other file is one topic.
//! `FTPD_TEST_TLS=explicit` and `FTPD_TEST_TLS=implicit` run them over TLS.

#![cfg(unix)]

mod channel;
mod client;
mod data;
mod decisions;
mod dice;
mod disk;
mod glob;
mod machine;
mod page;
mod sections;
mod server;
mod svg;
mod terminal;
mod trace;
mod trial;

mod account_changes;
mod accounts;
mod administration;
mod announcement;
mod architecture;
mod ascii;
mod balancers;
mod charset;
mod checksums;
mod clients;
mod command_line;
mod configuration;
mod confinement;
mod control_socket;
mod data_connections;
mod durability;
mod endurance;
mod examination;
mod exhaustion;
mod hasty;
mod hidden;
mod hooks;
mod hostile;
mod init;
mod installation;
mod keeping;
mod kick;
mod kills;
mod large;
mod limits;
mod listings;
mod logs;
mod manual;
mod masquerade;
mod mistakes;
mod namespaces;
mod network_check;
mod nodes;
mod partials;
mod permissions;
mod pictures;
mod privileges;
mod quota;
mod random_trees;
mod readme;
mod renames;
mod sandbox;
mod service;
mod sharing;
mod signals;
mod small_transfers;
mod soak;
mod source_port;
mod stacks;
mod status;
mod throttle;
mod tls;
mod tls_certificates;
mod tls_client_certificates;
mod tls_clients;
mod tls_data;
mod tls_endings;
mod tls_handshakes;
mod tls_renewals;
mod tls_requirements;
mod tls_resumption;
mod tls_stalls;
mod top;
mod transcripts;
mod transfers;
mod tree;
mod uploads;
mod web_start;
mod who;
