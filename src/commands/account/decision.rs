//! Whether an account may do something, and what decides.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::intent::Intent;
use crate::auth::perm::Perm;
use crate::auth::user::User;
use crate::config::{Config, Symlinks};
use crate::ini::{self, shell_word};
use crate::protocol::legible::Legible;
use crate::protocol::path::VirtualPath;
use crate::share::Share;
use crate::share::denied::{Closed, Denied};
use crate::share::trial::{Act, Links};
use crate::sys::identity::Identity;
use crate::sys::meta::Meta;
use crate::sys::owners::Owners;

/// An account, and who its sessions are.
pub struct Decision<'a> {
    /// The settings.
    pub config: &'a Config,
    /// The account.
    pub user: &'a Arc<User>,
    /// The server's user.
    pub identity: Identity,
    /// The name of the user that the calling thread is to the file system.
    pub who: &'a str,
}

/// How long folders with a quota are counted.
const PATIENCE: Duration = Duration::from_secs(5);

impl Decision<'_> {
    /// What allows a command, or what does not.
    pub fn decide(&self, asked: &Intent) -> Result<String, String> {
        let (acts, path) = match asked {
            Intent::Nothing => return Ok("it takes no letter".to_owned()),
            Intent::Dial if self.config.active.enable_active => return Ok("it takes no letter".to_owned()),
            Intent::Dial => return Err(self.config.source("active", "enable_active").to_string()),
            Intent::Acts(acts, path) => (acts, path),
        };
        let links = match self.config.transfer.follow_symlinks {
            Symlinks::Inside => Links::Inside,
            Symlinks::Never => Links::Never,
        };
        let share = match Share::to_try(self.user, links, self.identity.clone()) {
            Ok(share) => share,
            Err(Closed::Home(error)) => return Err(self.refused_at(&self.user.home, &error)),
            Err(Closed::Full(max)) => return Err(format!("all {max} sessions are taken")),
        };
        let real = share.real_path(path);
        let shown = Legible(real.as_os_str().as_encoded_bytes());
        let letters: String = acts.iter().map(|act| letter(*act).letter()).collect();
        let has = format!("{} has '{letters}'", share.line(Some(path), "perm"));
        for act in acts {
            match share.would(*act, path) {
                Ok(()) => {}
                Err(denied) if denied.is_hidden() => return Err(share.line(Some(path), "hide")),
                Err(denied) if denied.is_missing() => return self.of_missing(*act, &share, path, &has),
                Err(denied) => return Err(self.denied(&denied, &share, path, &real)),
            }
        }
        // In place, an old file makes room for the new one.
        let is_in_place = !self.config.transfer.atomic_uploads && acts.contains(&Act::Store) && real.is_file();
        if !is_in_place
            && acts.iter().any(|act| [Act::Store, Act::Append].contains(act))
            && let Some(full) = share.used_up(path, Instant::now() + PATIENCE)
        {
            return Err(full);
        }
        Ok(format!("{has}, and {} may do it with {shown}", self.who))
    }

    /// What is said of something that is not there: `has` if only that is in the way.
    fn of_missing(&self, act: Act, share: &Share, path: &VirtualPath, has: &str) -> Result<String, String> {
        let real = share.real_path(path);
        let perm = letter(act);
        let by_text = judged(act, path).and_then(|path| share.to_come(&path, perm)).transpose()?;
        if !is_only_missing(act, &real) || share.missing_mount(path).is_some() {
            return Err(self.refused_in(share, path, &real, &ErrorKind::NotFound.into()));
        }
        let has = by_text.map_or_else(|| has.to_owned(), |line| format!("{line} has '{}'", perm.letter()));
        Ok(format!("{has}, but {} does not exist at the moment", Legible(real.as_os_str().as_encoded_bytes())))
    }

    fn denied(&self, denied: &Denied, share: &Share, path: &VirtualPath, real: &Path) -> String {
        let shown = Legible(path.as_bytes());
        match denied {
            Denied::Letter(perm) => share.lacks(Some(path), *perm),
            Denied::Home => "the home itself is never removed or renamed".to_owned(),
            Denied::ControlBytes => format!("{shown} holds control bytes"),
            Denied::ServersOwn => format!("{shown} is a name that the server keeps for its own files"),
            Denied::Fixed => match share.keeper(path) {
                Some(line) => format!("{line} keeps {shown} as it is"),
                None => format!("{shown} belongs to the account's tree, or holds what does"),
            },
            Denied::HoldsHidden => format!("{shown} holds names that are hidden"),
            Denied::RefusedName => share.line(Some(path), "refuse"),
            Denied::Wider => format!("{shown} is where the account may do more"),
            Denied::Late => format!("{shown} is in a folder that came just now"),
            Denied::HiddenName => format!("{shown} is a hidden name"),
            Denied::Occupied(Some(perm)) => {
                format!("{shown} is there already, and {}", share.lacks(Some(path), *perm))
            }
            Denied::Occupied(None) => format!("{shown} is there already"),
            Denied::AfterTheEnd | Denied::Pending(_) => "the file has another length".to_owned(),
            Denied::File(error) => self.refused_in(share, path, real, error),
        }
    }

    /// What the file system says of a path, which may be that a folder on the way to it is missing.
    fn refused_in(&self, share: &Share, path: &VirtualPath, real: &Path, error: &io::Error) -> String {
        if let Some((line, home, error)) = share.missing_mount(path) {
            return format!("{line}: {}", self.refused_at(&home, error));
        }
        if let Some(line) = share.beside_mount(path) {
            return format!("{line}: the folder around it is on no disk, and holds nothing else");
        }
        let missing = share.missing_folder(path).filter(|_| error.kind() == ErrorKind::NotFound);
        let Some((folder, real)) = missing else { return self.refused_at(real, error) };
        let around = folder.parent().unwrap_or_else(VirtualPath::root);
        let shown = Legible(real.as_os_str().as_encoded_bytes());
        let fix = match share.permit(&around, Perm::MakeDir) {
            Ok(()) => format!("MKD {} makes it", Legible(folder.as_bytes())),
            Err(_) => {
                let lacks = share.lacks(Some(&around), Perm::MakeDir);
                format!("{lacks}, so the account can't make it: mkdir -p {}", shell_word(&real))
            }
        };
        format!("the file system: the folder {shown} does not exist; {fix}")
    }

    /// What the file system says of a path.
    fn refused_at(&self, real: &Path, error: &io::Error) -> String {
        let shown = Legible(real.as_os_str().as_encoded_bytes());
        let reason = match error.kind() {
            ErrorKind::NotFound => format!("{shown} does not exist"),
            ErrorKind::IsADirectory => format!("{shown} is a folder"),
            ErrorKind::NotADirectory => format!("{shown} is no folder"),
            ErrorKind::PermissionDenied => belonging(real, self.who),
            ErrorKind::ReadOnlyFilesystem => format!("the disk of {shown} is read-only"),
            _ => format!("{shown}: {}", ini::without_number(error)),
        };
        format!("the file system: {reason}")
    }
}

/// Whether an act fails only because its file is missing; the folder is there.
fn is_only_missing(act: Act, real: &Path) -> bool {
    let makes = [Act::Store, Act::Append, Act::MakeFolder, Act::RenameTo].contains(&act);
    !makes && real.parent().is_some_and(Path::is_dir)
}

/// The folder whose section decides of an act on something that is not there.
fn judged(act: Act, path: &VirtualPath) -> Option<VirtualPath> {
    match act {
        Act::Enter | Act::List | Act::RemoveFolder | Act::SetMode | Act::SetTime => Some(path.clone()),
        Act::Read | Act::Store | Act::Append | Act::Remove => path.parent(),
        Act::MakeFolder | Act::RenameFrom | Act::RenameTo => path.parent(),
    }
}

/// The letter that an act needs.
fn letter(act: Act) -> Perm {
    match act {
        Act::Enter => Perm::Enter,
        Act::List => Perm::List,
        Act::Read => Perm::Read,
        Act::Store => Perm::Write,
        Act::Append => Perm::Append,
        Act::Remove | Act::RemoveFolder => Perm::Delete,
        Act::MakeFolder => Perm::MakeDir,
        Act::RenameFrom | Act::RenameTo => Perm::Rename,
        Act::SetMode => Perm::Mode,
        Act::SetTime => Perm::Time,
    }
}

/// The owner and mode of a path, or of the folder that it would be in, to tell why it can't be used.
pub fn belonging(path: &Path, who: &str) -> String {
    let links_out = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    let known = path.ancestors().find_map(|path| Some((path, Meta::of(path).ok()?)));
    match known {
        _ if links_out => format!("{} is a link that leads out of the home, or is not followed", path.display()),
        None => format!("{} can't be looked at by {who}", path.display()),
        Some((path, meta)) => {
            let owners = Owners::of_system();
            let name = |name: Option<&str>, number: u32| name.map_or_else(|| number.to_string(), str::to_owned);
            let (owner, group) =
                (name(owners.user(meta.owner), meta.owner), name(owners.group(meta.group), meta.group));
            let shown = Legible(path.as_os_str().as_encoded_bytes());
            format!("{shown} belongs to {owner}:{group}, mode {:o}; the session is {who}", meta.mode)
        }
    }
}
