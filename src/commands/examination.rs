//! What keeps the server from working on this machine, found without starting it and without changing anything.
//!
//! `ftpd check` and the start run the same examination, after both files were read: what it calls an error keeps the server
//! from starting. Each subject has a file. What the server does as its own user is tried as that user.

use std::iter;
use std::sync::Arc;

use crate::auth::user::User;
use crate::auth::users::Users;
use crate::cli::Files;
use crate::config::Config;
use crate::ini::{Finding, Findings};
use crate::server::capacity;

mod certificates;
mod collisions;
mod folders;
mod homes;
mod kept;
mod logs;
mod own_files;
mod passive_ports;
mod ports;
mod programs;
mod quotas;
mod running;
mod server_user;
mod shared_folder;
mod sockets;

pub use kept::about as kept_by;
pub use own_files::{own_files, unsafe_files};
pub use server_user::ServerUser;

/// What is examined.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// The two files.
    pub files: &'a Files,
    /// The settings of ftpd.conf.
    pub config: &'a Config,
    /// The accounts of user.ini.
    pub users: &'a Users,
}

/// Why it is examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// `ftpd check`: the server may be running already.
    Check,
    /// `ftpd check --network`, which dials the ports of the running server.
    Network,
    /// The server is about to start.
    Start,
}

/// Everything that was found.
pub fn examine(subject: &Setup, occasion: Occasion) -> Findings {
    let Setup { config, users, .. } = subject;
    let (server, mut found) = ServerUser::of(subject);
    found.extend(server_user::zeros(subject));
    found.extend(config.warnings());
    let of_users = users.warnings(config.reachable_from_other_machines());
    found.extend(of_users.into_iter().map(|finding| own_files::kept_readable(finding, &server)));
    found.extend(capacity::warnings(config));
    let collisions = collisions::find(subject.files, config);
    let collide: Vec<&str> = collisions.iter().map(|collision| collision.key).collect();
    found.extend(logs::findings(subject, &server, &collide));
    found.extend(certificates::findings(subject, &server));
    found.extend(own_files::findings(subject, &server));
    found.extend(subject.files.shared.iter().flat_map(|folder| shared_folder::findings(folder, &server)));
    found.extend(homes::findings(users, &server));
    found.extend(programs::findings(subject, &server));
    found.extend(folders::unnoticed(&users.accounts()));
    found.extend(ports::findings(subject, &server, occasion));
    if !collide.contains(&"control_socket") {
        found.extend(sockets::findings(subject, &server, occasion));
    }
    found.extend(collisions.into_iter().map(|collision| collision.finding));
    let found = Findings::new(found);
    // A person who has to fix an error has no use for notes.
    if found.has_errors() {
        return found;
    }
    let accounts = users.accounts();
    let found = found.and(server_user::stays_root(subject));
    if occasion != Occasion::Check {
        // The server looks at all files by itself, and a start takes no time for it.
        return found;
    }
    let found = found.and(folders::notes(accounts.all().map(Arc::as_ref)));
    found.and(quotas::findings(accounts.all().map(Arc::as_ref), &server)).and(kept::notes(subject, &server))
}

/// What is found about one account alone, whose sessions are `who` to the file system, as the calling thread is.
pub fn about(subject: &Setup, server: &ServerUser, user: &User, who: &str) -> Findings {
    let found = [
        own_files::about(subject, user),
        homes::about(user, who),
        programs::about(user, server.number),
        folders::unnoticed_by(user),
        quotas::about(iter::once(user)),
        folders::notes(iter::once(user)),
    ];
    Findings::new(found.concat())
}

/// What `work` finds as the server's user; it finds nothing if that can't be tried.
fn tried(server: &ServerUser, work: impl FnOnce() -> Vec<Finding> + Send) -> Vec<Finding> {
    server.run(work).unwrap_or_default()
}
