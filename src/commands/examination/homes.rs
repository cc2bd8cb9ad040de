//! Homes and other folders of accounts: whether they are there, and whether the file system gives what the letters promise.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use super::ServerUser;
use crate::auth::account_folders::AccountFolder;
use crate::auth::perm::{Perm, Perms};
use crate::auth::user::User;
use crate::auth::users::Users;
use crate::ini::{Finding, shell_word};
use crate::sys::route::{Route, stopped_at};
use crate::sys::{access, disk, files};

/// Letters whose commands make, replace or remove names.
const CHANGE_FOLDERS: [Perm; 4] = [Perm::Write, Perm::MakeDir, Perm::Delete, Perm::Rename];

/// Looks at each folder that an account is given as the user that its sessions are.
pub fn findings(users: &Users, server: &ServerUser) -> Vec<Finding> {
    let accounts = users.accounts();
    let mut by_user: BTreeMap<Option<&str>, Vec<&Arc<User>>> = BTreeMap::new();
    for user in accounts.all() {
        by_user.entry(user.system_user.as_ref().map(|person| person.name.as_str())).or_default().push(user);
    }
    let mut found = Vec::new();
    for (name, users) in by_user {
        let look = || users.iter().flat_map(|user| about(user, name.unwrap_or(&server.name))).collect();
        let looked: std::io::Result<Vec<Finding>> = server.run_for(users[0], look);
        found.extend(looked.into_iter().flatten());
    }
    found
}

/// The first thing that is wrong with the home of an account and with each of its other folders, for a session that is `who` to
/// the file system.
pub fn about(user: &User, who: &str) -> Vec<Finding> {
    let folders = user.all_folders();
    folders
        .iter()
        .filter_map(|folder| if folder.is_mount() { of_mount(folder, who) } else { of_rule(folder) })
        .collect()
}

/// The folder in words: `the home /srv/alex of alex`.
fn named(folder: &AccountFolder) -> String {
    match folder.section {
        None => format!("the home {} of {}", folder.real.display(), folder.user.name),
        Some(section) => format!("the folder {} of {}", folder.real.display(), section.title()),
    }
}

/// A rule is about a folder, which need not be there.
fn of_rule(folder: &AccountFolder) -> Option<Finding> {
    let is_file = fs::metadata(&folder.real).is_ok_and(|found| !found.is_dir());
    is_file.then(|| {
        let reason = format!("{} is a file, and the section of a folder holds for no file", folder.real.display());
        Finding::warning(&folder.source(), reason)
    })
}

fn of_mount(folder: &AccountFolder, who: &str) -> Option<Finding> {
    let warning = |reason: &str| Some(Finding::warning(&folder.source(), format!("{} {reason}", named(folder))));
    match fs::metadata(&folder.real) {
        Ok(found) if !found.is_dir() => warning("is a file, not a folder"),
        Ok(_) => usable(folder, who),
        Err(error) if error.kind() == ErrorKind::NotFound => missing(folder),
        Err(error) if error.kind() == ErrorKind::NotADirectory => warning("leads through a file that is no folder"),
        Err(error) if files::is_loop(&error) => {
            let finding = warning("is a link that leads back to itself")?;
            Some(finding.fix(format!("rm {0}, then mkdir {0} or link it to a folder", folder.real.display())))
        }
        Err(_) => Some(closed(folder, who)),
    }
}

fn missing(folder: &AccountFolder) -> Option<Finding> {
    let route = Route::to(&folder.real).ok()?;
    let end = route.end().display();
    let reason = match route.has_links() {
        true => format!("{} is a link to {end}, which does not exist", named(folder)),
        false => format!("{} does not exist", named(folder)),
    };
    let finding = Finding::warning(&folder.source(), reason).as_consequence();
    Some(finding.fix(format!("mkdir -p {}", shell_word(route.end()))))
}

/// A folder that can't be entered, or one above it.
fn closed(folder: &AccountFolder, who: &str) -> Finding {
    let finding = Finding::warning(&folder.source(), format!("{} can't be entered by {who}", named(folder)));
    // A folder that can't be looked at lies in one that can't be entered.
    let above = stopped_at(&folder.real).and_then(|(path, _)| Some(path.parent()?.to_owned()));
    match above {
        Some(above) => finding.fix(format!("chmod o+x {}", shell_word(&above))),
        None => {
            let real = shell_word(&folder.real);
            finding.fix(format!("chown {who} {real}, or chmod o+rx {real}"))
        }
    }
}

/// A folder that is there: whether it may be entered, changed and shared.
fn usable(folder: &AccountFolder, who: &str) -> Option<Finding> {
    let (real, perms) = (&folder.real, folder.perms);
    let route = Route::to(real).ok();
    let unfit = route.as_ref().and_then(|route| disk::unfit_to_share(route.end()));
    let is_readable = !perms.has(Perm::List) || access::may_read(real);
    let warning = |reason: String| Finding::warning(&folder.source(), reason);
    match () {
        () if !access::may_pass(real) => Some(closed(folder, who)),
        () if !is_readable => {
            let reason = format!("{} can't be listed by {who}, as perm = {perms} promises", named(folder));
            Some(warning(reason).fix(format!("chown {who} {0}, or chmod o+r {0}", shell_word(real))))
        }
        () if route.is_some_and(|route| route.end().parent().is_none()) => {
            let whose = folder.section.map_or_else(|| format!("the home of {}", folder.user.name), |_| named(folder));
            Some(warning(format!("{whose} is the whole disk")).as_consequence().fix("share a folder of it"))
        }
        () if unfit.is_some() => {
            Some(warning(format!("{} {}", named(folder), unfit.unwrap_or_default())).as_consequence())
        }
        () if !changes_folders(perms) => None,
        () => access::change(real).err().map(|error| unwritable(folder, who, error.kind())),
    }
}

fn changes_folders(perms: Perms) -> bool {
    CHANGE_FOLDERS.iter().any(|perm| perms.has(*perm))
}

/// Letters that promise more than the file system gives.
fn unwritable(folder: &AccountFolder, who: &str, kind: ErrorKind) -> Finding {
    let (real, perms) = (folder.real.display(), folder.perms);
    let finding = |reason: &str| {
        let change = match folder.section {
            None => format!("{perms} lets {} change files", folder.user.name),
            Some(section) => format!("{perms} lets clients change files in {}", section.title()),
        };
        Finding::warning(&folder.letters_from, format!("{change}, but {reason}"))
    };
    match kind {
        ErrorKind::ReadOnlyFilesystem => {
            finding(&format!("the disk of {real} is read-only")).fix("mount it to be written, or leave the letters out")
        }
        _ => finding(&format!("{who} may not write in {real}"))
            .fix(format!("chown {who} {}, or leave the letters out", shell_word(&folder.real))),
    }
}
