//! An FTP server that shares folders with the accounts of an INI file.
//!
//! ```text
//!              main            cli · commands · logging          config · ini
//!                │                                               read at start and reload; plain values go down
//!              server          the gate · threads · the end
//!            ┌───┴───┐
//!         session   web        the two doors, FTP and HTTP: the loop, and one file for each group of commands
//!            └───┬───┘
//!            reception         what both have in common: how a client comes in, and what others see of it
//!                │
//!              share           an account at its folder: name + letter → act, or Denied
//!      ┌─────────┼─────────┐
//!    copy        fs       auth        bytes in motion · files at rest · who may do what
//!      │         │         │
//!     net        │         │          control and data connections, passive ports, TLS
//!      └─────────┼─────────┘
//!            protocol                 commands, replies, paths, charsets, addresses: no I/O, no clock
//!                │
//!               sys                   the one floor that names an operating system
//! ```
//!
//! Every arrow points down; a test reads the `use crate::…` lines against this picture. Where to begin: the loop in
//! [`session`], then the file named after the group of the command. Five modules stand apart: [`firewall`] reads a
//! firewall's rules for `ftpd check --network`, [`lines`] writes lines to the log and the transfer log, [`control`] is
//! what `ftpd who` and its like say to the running server, [`seen`] tells whether a file is still as it was read, and
//! [`qr`] draws QR codes. ARCHITECTURE.md says why all this is so.
//!
//! # How does a connection become a session?
//!
//! 1. `server::listeners` accepts it, and asks at the gate (`server::gate`): a banned address, or one too many, gets a 421.
//! 2. It becomes a `Visit` (`server::visit`), which a thread of `server::pool` takes up.
//! 3. The visit opens a [`session::Session`], and `run` takes step by step: a line comes from [`net::control::Control`],
//!    `session::answer` makes a [`protocol::request::Request`] of it, and its handler gives back the next `Step`
//!    (`session::step`).
//! 4. At PASS, [`reception::login`] checks the password, opens the account's folder and locks the thread into that
//!    ([`sys::jail`]); so the thread ends with the session, whose `Login` holds the folder.
//!
//! # How does DELE work?
//!
//! 1. [`protocol::verbs`] has a row for each verb. The line becomes a request with
//!    [`FileCommand::Dele`](protocol::command::FileCommand::Dele) and the name as bytes.
//! 2. `session::answer` finds that it needs a login, and `Login::run` (`session::login`), an exhaustive `match`, calls `dele`
//!    (`session::modify`) and logs what it did.
//! 3. `dele` makes a [`VirtualPath`](protocol::path::VirtualPath) of the name and calls [`share::Share::remove_file`],
//!    which asks for the letter, [`Perm::Delete`](auth::perm::Perm::Delete), and acts. If the act is refused, it
//!    returns a [`share::denied::Denied`], and `reception::denied` makes the reply of it.
//! 4. [`fs::root::Root::remove_file`] (in `fs/remove.rs`) removes the file below the home's handle, which no name
//!    leaves ([`sys::beneath`]).
//!
//! # How does a browser get a file?
//!
//! 1. The connection comes through the same gate and becomes a [`web::Visitor`]. `web::link` reads the head of the request,
//!    by the parsers of [`protocol::http`].
//! 2. `web::answering` checks the host; `web::identity` finds out who asks, and `web::guest` has the account's folder opened
//!    and the thread locked in, as after PASS.
//! 3. `web::files` calls [`share::Share::open_file`], which asks for the letter, and compares what the client knows of the file
//!    by its tag or time.
//! 4. Head and bytes go out by [`copy::transfer::Transfer`], and [`reception::outcome`] writes the lines in both logs.
//!
//! # How does an upload get to its place?
//!
//! 1. `session::upload` asks [`share::Share::writable`] for the letter, then calls [`share::Share::store`].
//!    [`fs::upload::Upload::open`] claims the name, so that no other session writes it, and opens a hidden partial
//!    file beside the target: [`fs::upload::Opened`].
//! 2. [`copy::connection::open`] opens the data connection, then sends the 150. A [`copy::transfer::Transfer`] moves the
//!    bytes over it, and hears the control connection meanwhile, by way of `session::attention`.
//! 3. When the data connection is open, the upload becomes [`fs::upload::Receiving`]. Its `finish` gives the file its
//!    name; if the transfer breaks, `abandon` decides what stays.
//! 4. `session::outcome` says how it ended by the 226 or the error, [`reception::outcome`] by the lines in both logs.
//!
//! # How does a passive port work?
//!
//! 1. PASV and EPSV (`session::parameters`) take a lease from [`net::passive::PassivePorts`]: a place at a listener, for
//!    connections of this client alone. The reply names its port.
//! 2. Several sessions may wait at one port (`net::listener`); one of them accepts for all.
//! 3. The command that transfers consumes the [`net::data_port::DataPort`] and gets a [`net::stream::Stream`] from it, in
//!    clear or under TLS.
//! 4. Dropping the lease gives the place back; the ports stay bound for the next one.
//!
//! # How does a key of ftpd.conf work?
//!
//! 1. It is a row in `config::keys`: name, type, default, and what it means. docs/ftpd.conf.md and the sample are made from that.
//! 2. [`ini`] reads the file with all its errors, and `ini::Section::take` gives the key's value, or its default.
//! 3. The section's file in [`config`] makes a field of it.
//! 4. `server`, the doors and `reception` hand the field down as a plain value: no module below knows [`config::Config`].

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod auth;
pub mod cli;
pub mod commands;
pub mod config;
pub mod control;
pub mod copy;
pub mod firewall;
pub mod fs;
pub mod ini;
pub mod lines;
pub mod logging;
pub mod net;
pub mod protocol;
pub mod qr;
pub mod reception;
pub mod seen;
pub mod server;
pub mod session;
pub mod share;
pub mod sys;
pub mod web;
