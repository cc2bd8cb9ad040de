//! The floor that names an operating system: its functions say what is wanted, not how a system calls it.
//!
//! - [`access`]: what the user of the calling thread may do; [`identity`] works it out from a file's facts ([`meta`])
//! - [`beneath`]: names below a folder that none of them can leave; [`folder`]: an opened folder; [`place`]: a name in it
//! - [`disk`]: what a file system is, and what a folder of the system is for
//! - [`files`]: files that are open, and how the server's own are opened; [`stamp`] tells one state of a file from the next
//! - [`holder`]: which program listens at a port
//! - [`interfaces`]: this machine as others see it
//! - [`jail`]: locks a thread into a folder
//! - [`local_socket`]: sockets of this machine alone; [`runtime_folder`]: where they are
//! - [`limits`], [`process`]: what holds for the whole process
//! - [`members`]: who else may write a file
//! - [`owners`]: the names of users and groups
//! - [`person`]: another user that a thread or the process can become
//! - [`privileges`]: what is left of root after the process has become another user
//! - [`program`]: a program that the server starts
//! - [`route`]: the folders that decide where a path leads
//! - [`service`]: what started the server, and wants to know how it is
//! - [`signals`]: what the administrator wants
//! - [`sockets`], [`zero_copy`]: what makes data connections fast
//! - [`state_folder`]: where a program keeps what it made
//! - [`terminal`]: how a terminal echoes what is typed
//! - [`waker`] ends a wait in `poll`, a [`ticker`] does so at regular intervals

mod linux;

pub use linux::{
    access, beneath, disk, files, folder, holder, identity, interfaces, jail, limits, local_socket, members, meta,
    own_file, owners, person, place, privileges, process, program, route, runtime_folder, service, signals, sockets,
    stamp, state_folder, terminal, ticker, waker, zero_copy,
};
