//! Who may log in, and who may do what.
//!
//! An account ([`user`]) of user.ini ([`accounts`]) has a password ([`hash`]) and permission letters ([`perm`]), and
//! may have other [`folders`] than its home, and rules for them, which `folder_sections` reads; [`account_folders`] is the
//! list of them all. A rule may name a [`program`]; [`programs`]
//! says who could abuse it. [`users`] checks a login, [`live_user`] is the account of a session, and [`change`] says what happens to the session if
//! the account changes. Wrong passwords are counted for each address ([`bans`]), sessions for each account and address
//! ([`limits`]). [`made_up`] makes passwords, `first_account` lines to paste, and [`shared_folder`] the account of a folder
//! that the command line shares. Nothing here knows a socket or a reply.

pub mod account_folders;
pub mod accounts;
pub mod admission;
pub mod bans;
pub mod change;
pub mod exposed;
mod first_account;
mod folder_sections;
mod folder_titles;
pub mod folders;
pub mod hash;
pub mod limits;
pub mod live_user;
pub mod made_up;
pub mod own_files;
pub mod perm;
pub mod program;
pub mod programs;
#[cfg(test)]
mod samples;
pub mod shared_folder;
pub mod user;
pub mod users;
