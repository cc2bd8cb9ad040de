//! What an account may do with a file, found without doing it. Used by `ftpd check --can`, with nobody logged in.

use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::changes::not_home;
use super::{Conditions, Premises, Share};
use crate::auth::live_user::LiveUser;
use crate::auth::perm::Perm;
use crate::auth::user::User;
use crate::fs::folder::Order;
use crate::fs::upload::{Placement, UploadPolicy};
use crate::protocol::path::VirtualPath;
use crate::protocol::plural::Plural;
use crate::share::denied::{Closed, Denied};
use crate::share::tree::Last;
use crate::share::tree::fill::FillCount;
use crate::sys::identity::Identity;
use crate::sys::meta::FileKind;

pub use crate::fs::root::Links;

/// What a command does with the path that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Makes it the current folder.
    Enter,
    /// Lists it, or shows what it is.
    List,
    /// Reads the file.
    Read,
    /// Stores a file in its place.
    Store,
    /// Writes to its end.
    Append,
    /// Removes the file.
    Remove,
    /// Removes the folder.
    RemoveFolder,
    /// Makes the folder.
    MakeFolder,
    /// Takes its name away.
    RenameFrom,
    /// Gives it as a name.
    RenameTo,
    /// Changes its permission bits.
    SetMode,
    /// Changes its time.
    SetTime,
}

impl Share {
    /// An account at its home, for trials. The calling thread is `identity` to the file system, or the account's own system
    /// user.
    pub fn to_try(user: &Arc<User>, links: Links, identity: Identity) -> Result<Box<Self>, Closed> {
        let premises = Premises {
            limits: Arc::default(),
            homes: Default::default(),
            jail: None,
            claims: Arc::default(),
            partials: Default::default(),
            arrivals: Default::default(),
            downloads: Default::default(),
            quotas: Default::default(),
            upload_rates: Default::default(),
            download_rates: Default::default(),
            identity,
        };
        let uploads = UploadPolicy { atomic: true, durable: false, max_age: Duration::MAX };
        let conditions = Conditions { links, uploads, max_upload: None, max_download: None };
        Self::open(&Arc::new(LiveUser::new(Arc::clone(user))), None, conditions, &Arc::new(premises))
    }

    /// Whether the account may do this, as far as the letters and the file system tell. Nothing is changed.
    pub fn would(&self, act: Act, path: &VirtualPath) -> Result<(), Denied> {
        match act {
            Act::Enter => self.enter(path),
            Act::List => self.would_list(path),
            Act::Read => self.open_file(path).map(drop),
            Act::Store => self.would_store(path),
            Act::Append => self.would_append(path),
            Act::Remove => self.would_remove(path, FileKind::File),
            Act::RemoveFolder => self.would_remove(path, FileKind::Folder),
            Act::MakeFolder => {
                self.make(path, Last::AsIs, Perm::MakeDir)?.on_disk()?;
                if self.has(path)? { Err(Denied::Occupied(None)) } else { Ok(self.change_folder_of(path)?) }
            }
            Act::RenameFrom => {
                self.renamable(path.clone())?;
                Ok(self.change_folder_of(path)?)
            }
            Act::RenameTo => self.would_name(path),
            Act::SetMode | Act::SetTime => self.would_set(act, path),
        }
    }

    /// The line that gives or lacks a letter in a folder that is not there, if it lies below a section's that is not there: a
    /// session finds no such section, and says that the folder is missing.
    pub fn to_come(&self, path: &VirtualPath, perm: Perm) -> Option<Result<String, String>> {
        let (tree, missing) = (self.tree.as_ref()?, self.first_missing(path)?);
        let area = Some(tree.nearest(path)).filter(|area| area.path.is_within(&missing))?;
        let mut written = tree.areas_above(area).filter_map(|area| area.written.as_ref());
        let section = written.find(|section| section.says("perm"));
        let line = || section.map_or_else(|| self.user_now().source("perm"), |section| section.source("perm"));
        let lacks = || section.map_or_else(|| self.user_now().lacks(perm), |section| section.lacks(perm));
        Some(if area.perms.has(perm) { Ok(line().to_string()) } else { Err(lacks()) })
    }

    /// The folder that is missing on the way to a path: as clients see it, and where it would be.
    pub fn missing_folder(&self, path: &VirtualPath) -> Option<(VirtualPath, PathBuf)> {
        let missing = self.first_missing(path).filter(|missing| missing != path)?;
        let real = self.real_path(&missing);
        Some((missing, real))
    }

    /// The section of a mount, if a path is for something beside it in a folder that is on no disk and only holds it.
    pub fn beside_mount(&self, path: &VirtualPath) -> Option<String> {
        let (tree, folder) = (self.tree.as_ref()?, path.parent()?);
        let is_on_no_disk = tree.leads_to_mount(&folder) && self.meta_by_text(&folder).is_err();
        tree.keeper(&folder).filter(|_| is_on_no_disk).map(|section| section.begin().to_string())
    }

    /// The mount that a path lies in, if that is not there: the line that names its folder, the folder, and why.
    pub fn missing_mount(&self, path: &VirtualPath) -> Option<(String, PathBuf, &io::Error)> {
        let (section, _) = self.tree.as_ref()?.unmounted(path)?;
        let absent = self.absent().iter().find(|absent| absent.section.path == section.path)?;
        Some((section.source("home").to_string(), section.home.clone()?, &absent.error))
    }

    /// The section that keeps a folder where it is, by the text of its path.
    pub fn keeper(&self, path: &VirtualPath) -> Option<String> {
        self.tree.as_ref()?.keeper(path).map(|section| section.begin().to_string())
    }

    /// The line of a quota that has no room for a file at this path, if a count finds that until then.
    pub fn used_up(&self, path: &VirtualPath, deadline: Instant) -> Option<String> {
        let tree = self.tree.as_ref()?;
        let area = tree.find(path, Last::Followed).ok()?.around;
        let full = FillCount::new(deadline).used_up(tree, area)?;
        let source = full.written.map_or_else(|| self.at_login.source("quota"), |section| section.source("quota"));
        let least = if full.is_whole { "" } else { "at least " };
        Some(format!("{source} is used up ({least}{})", Plural(full.bytes, "byte")))
    }

    fn would_list(&self, path: &VirtualPath) -> Result<(), Denied> {
        match self.meta(path)?.kind {
            FileKind::Folder => Ok(self.list(path, Order::AsStored, None).map(drop)?),
            FileKind::File | FileKind::Link | FileKind::Other => Ok(()),
        }
    }

    /// A new file comes beside the old one, and then takes its name.
    fn would_store(&self, path: &VirtualPath) -> Result<(), Denied> {
        let target = self.writable(path, Placement::Replace)?;
        let (place, meta) = target.root.locate(&target.path)?;
        match meta {
            Some(meta) if meta.kind == FileKind::Folder => return Err(io::Error::from(ErrorKind::IsADirectory).into()),
            Some(meta) => place.may_replace(&meta)?,
            None => {}
        }
        Ok(place.folder.may_change()?)
    }

    fn would_append(&self, path: &VirtualPath) -> Result<(), Denied> {
        let target = self.writable(path, Placement::Append)?;
        let (place, meta) = target.root.locate(&target.path)?;
        match meta {
            Some(meta) if meta.kind == FileKind::Folder => Err(io::Error::from(ErrorKind::IsADirectory).into()),
            Some(meta) => Ok(place.may_replace(&meta)?),
            // A file that is not there yet is made, which takes another letter.
            None => self.permit(path, Perm::Write).and_then(|()| Ok(place.folder.may_change()?)),
        }
    }

    fn would_remove(&self, path: &VirtualPath, kind: FileKind) -> Result<(), Denied> {
        let at = self.look(path, Last::AsIs, Perm::Delete)?;
        not_home(path)?;
        let meta = at.loose()?.link_meta(&at.path)?;
        match (kind, meta.kind) {
            (FileKind::Folder, FileKind::Folder) => {}
            (FileKind::Folder, _) => return Err(io::Error::from(ErrorKind::NotADirectory).into()),
            (_, FileKind::Folder) => return Err(io::Error::from(ErrorKind::IsADirectory).into()),
            _ => {}
        }
        Ok(self.change_folder_of(path)?)
    }

    fn would_name(&self, path: &VirtualPath) -> Result<(), Denied> {
        let at = self.make(not_home(path)?, Last::AsIs, Perm::Rename)?;
        at.loose()?;
        let lacking = self.lacking_to_replace(&at);
        if lacking.is_some() && self.has(path)? {
            return Err(Denied::Occupied(lacking));
        }
        Ok(self.change_folder_of(path)?)
    }

    /// Modes and times are changed by the owner alone.
    fn would_set(&self, act: Act, path: &VirtualPath) -> Result<(), Denied> {
        let at = self.look(path, Last::Followed, if act == Act::SetMode { Perm::Mode } else { Perm::Time })?;
        let meta = self.meta_at(&at, Last::Followed)?;
        if self.identity().owns(&meta) { Ok(()) } else { Err(io::Error::from(ErrorKind::PermissionDenied).into()) }
    }

    /// Fails if the names in the folder of a path can't be changed.
    fn change_folder_of(&self, path: &VirtualPath) -> io::Result<()> {
        let (root, path) = self.written(path);
        let place = root.place(&path)?.ok_or(ErrorKind::PermissionDenied)?;
        place.folder.may_change()
    }
}
