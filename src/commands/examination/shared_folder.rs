//! The folder of `ftpd DIR`, for people who have not thought of who will see it.

use std::env;
use std::path::Path;

use super::ServerUser;
use crate::auth::shared_folder::SharedFolder;
use crate::ini::{Finding, Source};
use crate::sys::{access, disk};

/// What is wrong with sharing it.
pub fn findings(folder: &SharedFolder, server: &ServerUser) -> Vec<Finding> {
    let found = [closed(folder, server), system(folder), logins(folder), open_to_all(folder)];
    found.into_iter().flatten().collect()
}

fn source(folder: &SharedFolder) -> Source {
    Source::command_line(format!("ftpd {}", folder.path.display()))
}

/// The server may not read it, so nobody would see anything.
fn closed(folder: &SharedFolder, server: &ServerUser) -> Option<Finding> {
    let path = &folder.path;
    let is_open = server.run(|| access::may_pass(path) && access::may_read(path)).unwrap_or(true);
    let finding = || Finding::error(&source(folder), format!("{} may not read this folder", server.name));
    (!is_open).then(|| finding().fix("share a folder of your own, or start as a user who may"))
}

/// Root would show everybody what only root may see.
fn system(folder: &SharedFolder) -> Option<Finding> {
    let is_system = folder.path.parent().is_none() || disk::unfit_to_share(&folder.path).is_some();
    let is_told = is_system && folder.member.is_none() && access::user_id() == 0;
    let reason = "root would show everybody all files of the system, those with passwords and keys among them";
    is_told.then(|| Finding::error(&source(folder), reason).fix("share a folder of it, or start as another user"))
}

/// With dot names, a home lets everybody in: keys of ssh, and what a shell runs at a login.
fn logins(folder: &SharedFolder) -> Option<Finding> {
    let home = env::var_os("HOME").filter(|home| Path::new(home).is_absolute())?;
    let is_home = folder.holds(&Path::new(&home).join(".profile"));
    let is_open = folder.shows_hidden && folder.is_writable && folder.member.is_none();
    let reason = "with --hidden and --write, everybody who is let in could change .ssh and .profile in your home, and so \
                  log in as you";
    let fix = "leave out --hidden, share a folder of it, or add --user";
    (is_home && is_open).then(|| Finding::error(&source(folder), reason).fix(fix))
}

/// The whole Internet may change it.
fn open_to_all(folder: &SharedFolder) -> Option<Finding> {
    let is_open = folder.is_writable && folder.is_public && folder.member.is_none();
    let source = Source::command_line("shared with --write and --public");
    let reason = "everybody who can reach this machine may change and delete files without a password";
    is_open.then(|| Finding::warning(&source, reason).fix("--user NAME shares it with one account"))
}
