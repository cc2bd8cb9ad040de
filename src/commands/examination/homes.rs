//! Homes: whether they are there, and whether the file system gives what the letters promise.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use super::ServerUser;
use crate::auth::perm::{Perm, Perms};
use crate::auth::user::User;
use crate::auth::users::Users;
use crate::ini::{Finding, shell_word};
use crate::sys::route::{Route, stopped_at};
use crate::sys::{access, disk, files};

/// Letters whose commands make, replace or remove names.
const CHANGE_FOLDERS: [Perm; 4] = [Perm::Write, Perm::MakeDir, Perm::Delete, Perm::Rename];

/// Looks at each home as the user that its sessions are.
pub fn findings(users: &Users, server: &ServerUser) -> Vec<Finding> {
    let accounts = users.accounts();
    let mut by_user: BTreeMap<Option<&str>, Vec<&Arc<User>>> = BTreeMap::new();
    for user in accounts.all() {
        by_user.entry(user.system_user.as_ref().map(|person| person.name.as_str())).or_default().push(user);
    }
    let mut found = Vec::new();
    for (name, users) in by_user {
        let look = || users.iter().filter_map(|user| about(user, name.unwrap_or(&server.name))).collect();
        let looked: std::io::Result<Vec<Finding>> = server.run_for(users[0], look);
        found.extend(looked.into_iter().flatten());
    }
    found
}

/// The first thing that is wrong with a home, for a session that is `who` to the file system.
pub fn about(user: &User, who: &str) -> Option<Finding> {
    let (home, name) = (user.home.display(), &user.name);
    let at_home = user.source("home");
    let warning = |reason: String| Some(Finding::warning(&at_home, reason));
    match fs::metadata(&user.home) {
        Ok(found) if !found.is_dir() => warning(format!("the home {home} of {name} is a file, not a folder")),
        Ok(_) => usable(user, who),
        Err(error) if error.kind() == ErrorKind::NotFound => missing(user),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            warning(format!("the home {home} of {name} leads through a file that is no folder"))
        }
        Err(error) if files::is_loop(&error) => {
            let finding =
                Finding::warning(&at_home, format!("the home {home} of {name} is a link that leads back to itself"));
            Some(finding.fix(format!("rm {home}, then mkdir {home} or link it to a folder")))
        }
        Err(_) => Some(closed(user, who)),
    }
}

fn missing(user: &User) -> Option<Finding> {
    let (home, name) = (user.home.display(), &user.name);
    let route = Route::to(&user.home).ok()?;
    let end = route.end().display();
    let reason = match route.has_links() {
        true => format!("the home {home} of {name} is a link to {end}, which does not exist"),
        false => format!("the home {home} of {name} does not exist"),
    };
    Some(
        Finding::warning(&user.source("home"), reason)
            .as_consequence()
            .fix(format!("mkdir -p {}", shell_word(route.end()))),
    )
}

/// A home that can't be entered, or a folder above it.
fn closed(user: &User, who: &str) -> Finding {
    let (home, name) = (user.home.display(), &user.name);
    let reason = format!("the home {home} of {name} can't be entered by {who}");
    let finding = Finding::warning(&user.source("home"), reason);
    // A folder that can't be looked at lies in one that can't be entered.
    let above = stopped_at(&user.home).and_then(|(path, _)| Some(path.parent()?.to_owned()));
    match above {
        Some(folder) => finding.fix(format!("chmod o+x {}", shell_word(&folder))),
        None => {
            let home = shell_word(&user.home);
            finding.fix(format!("chown {who} {home}, or chmod o+rx {home}"))
        }
    }
}

/// A home that is there: whether it may be entered, changed and shared.
fn usable(user: &User, who: &str) -> Option<Finding> {
    let (home, name, perms) = (&user.home, &user.name, user.perms);
    let shown = home.display();
    let real = Route::to(home).ok();
    let unfit = real.as_ref().and_then(|route| disk::unfit_to_share(route.end()));
    let is_readable = !perms.has(Perm::List) || access::may_read(home);
    match () {
        () if !access::may_pass(home) => Some(closed(user, who)),
        () if !is_readable => {
            let reason = format!("the home {shown} of {name} can't be listed by {who}, as perm = {perms} promises");
            Some(
                Finding::warning(&user.source("home"), reason)
                    .fix(format!("chown {who} {0}, or chmod o+r {0}", shell_word(home))),
            )
        }
        () if real.is_some_and(|route| route.end().parent().is_none()) => {
            let finding = Finding::warning(&user.source("home"), format!("the home of {name} is the whole disk"));
            Some(finding.as_consequence().fix("share a folder of it"))
        }
        () if unfit.is_some() => {
            let reason = format!("the home {shown} of {name} {}", unfit.unwrap_or_default());
            Some(Finding::warning(&user.source("home"), reason).as_consequence())
        }
        () if !changes_folders(perms) => None,
        () => access::change(home).err().map(|error| unwritable(user, who, error.kind())),
    }
}

fn changes_folders(perms: Perms) -> bool {
    CHANGE_FOLDERS.iter().any(|perm| perms.has(*perm))
}

/// Letters that promise more than the file system gives.
fn unwritable(user: &User, who: &str, kind: ErrorKind) -> Finding {
    let (home, name, perms) = (user.home.display(), &user.name, user.perms);
    let finding = |reason: &str| {
        let reason = format!("{perms} lets {name} change files, but {reason}");
        Finding::warning(&user.source("perm"), reason)
    };
    match kind {
        ErrorKind::ReadOnlyFilesystem => {
            finding(&format!("the disk of {home} is read-only")).fix("mount it to be written, or leave the letters out")
        }
        _ => finding(&format!("{who} may not write in {home}"))
            .fix(format!("chown {who} {}, or leave the letters out", shell_word(&user.home))),
    }
}
