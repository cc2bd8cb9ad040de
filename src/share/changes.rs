//! Acts that remove, make and rename, and that change times and modes.

use std::io::ErrorKind;

use super::moved::QuotaMove;
use super::{At, Share};
use crate::auth::perm::Perm;
use crate::fs::folder::{Folder, Guise, Order};
use crate::fs::partials;
use crate::fs::quota::QuotaChain;
use crate::protocol::path::VirtualPath;
use crate::share::denied::Denied;
use crate::share::tree::Last;
use crate::sys::meta::FileKind;

/// A file or folder that the account may rename; only [`Share::renamable`] makes one.
#[derive(Debug)]
pub struct Renamable(VirtualPath);

impl Share {
    /// Removes a file.
    pub fn remove_file(&self, path: &VirtualPath) -> Result<(), Denied> {
        let at = self.look(path, Last::AsIs, Perm::Delete)?;
        not_home(path)?;
        let (root, account, claims) = (at.loose()?, self.at_login.name.as_str(), &self.premises.claims);
        let quota = self.quota_around(&at);
        let bytes = || quota.as_ref().and_then(|_| root.bytes_of(&at.path, account, claims));
        let before = bytes();
        let _held = quota.as_ref().map(QuotaChain::hold);
        root.remove_file(&at.path, account, claims)?;
        quota.as_ref().inspect(|quota| match before {
            Some(before) => quota.credit(before.saturating_sub(bytes().unwrap_or(0))),
            None => quota.doubt(),
        });
        Ok(())
    }

    /// Removes a folder that is empty as far as a client can see.
    pub fn remove_folder(&self, path: &VirtualPath) -> Result<(), Denied> {
        let at = self.look(path, Last::AsIs, Perm::Delete)?;
        not_home(path)?;
        let root = at.loose()?;
        let quota = self.premises.quotas.around(root, &at.path);
        let bytes = || quota.as_ref().map_or(0, |_| partials::bytes_in(root, &at.path));
        let before = bytes();
        let _held = quota.as_ref().map(QuotaChain::hold);
        let removed = root.remove_folder(&at.path, &self.premises.claims);
        match &removed {
            Ok(()) => quota.as_ref().inspect(|quota| quota.credit(before)),
            Err(_) => quota.as_ref().filter(|_| before > 0).inspect(|quota| quota.doubt()),
        };
        removed.map_err(|error| match error.kind() {
            ErrorKind::DirectoryNotEmpty if self.seems_empty(&at) => Denied::HoldsHidden,
            _ => Denied::File(error),
        })
    }

    /// Whether nothing of a folder is shown to clients, because names are hidden.
    #[cold]
    fn seems_empty(&self, at: &At) -> bool {
        let guise = match (&at.spot, &self.tree) {
            (Some(spot), Some(tree)) => tree.guise(spot),
            _ => Guise { hide: at.root.hidden_names().cloned(), ..Guise::default() },
        };
        let handle = if guise.hide.is_some() { at.root.open_folder(&at.path).ok() } else { None };
        let folder = handle.map(|handle| Folder::read(Some(handle), guise, Order::AsStored, None));
        folder.is_some_and(|folder| folder.and_then(|mut folder| folder.advance()).is_ok_and(|more| !more))
    }

    /// Makes a folder.
    pub fn create_folder(&self, path: &VirtualPath) -> Result<(), Denied> {
        let at = self.make(path, Last::AsIs, Perm::MakeDir)?;
        Ok(at.on_disk()?.create_folder(&at.path)?)
    }

    /// A file, folder or link that is there, to be renamed.
    pub fn renamable(&self, from: VirtualPath) -> Result<Renamable, Denied> {
        let at = self.look(&from, Last::AsIs, Perm::Rename)?;
        not_home(&from)?;
        at.loose()?.link_meta(&at.path)?;
        drop(at);
        Ok(Renamable(from))
    }

    /// Whether what is to be renamed is a folder, and no link to one.
    pub fn is_folder(&self, from: &Renamable) -> Result<bool, Denied> {
        let at = self.look(&from.0, Last::AsIs, Perm::Rename)?;
        Ok(self.meta_at(&at, Last::AsIs)?.kind == FileKind::Folder)
    }

    /// The letter without which it replaces no file by a rename, if it lacks one.
    pub(super) fn lacking_to_replace(&self, at: &At) -> Option<Perm> {
        let perms = at.spot.as_ref().map_or(self.at_login.perms, |spot| spot.around.perms);
        [Perm::Write, Perm::Delete].into_iter().find(|&perm| !perms.has(perm))
    }

    /// Renames it. It replaces a file only if the account may overwrite and delete, and if that is wanted.
    pub fn rename(&self, from: &Renamable, to: &VirtualPath, replaces: bool) -> Result<(), Denied> {
        let target = self.make(to, Last::AsIs, Perm::Rename)?;
        let old = self.look(&from.0, Last::AsIs, Perm::Rename)?;
        not_home(to)?;
        let (source, place) = (old.loose()?, target.loose()?);
        if let Some(tree) = &self.tree
            && old.is_narrower_than(&target, tree)?
        {
            return Err(Denied::Wider);
        }
        let lacking = if replaces { self.lacking_to_replace(&target) } else { None };
        let moved = QuotaMove::begin(self, (source, &old), (place, &target))?;
        source.rename(&old.path, (place, &target.path), replaces && lacking.is_none()).map_err(|error| match error
            .kind()
        {
            ErrorKind::AlreadyExists => Denied::Occupied(lacking),
            _ => Denied::File(error),
        })?;
        moved.into_iter().for_each(QuotaMove::end);
        Ok(())
    }

    /// Sets the permission bits and the modification time (in Unix seconds), those of the two that are given.
    pub fn change(&self, path: &VirtualPath, mode: Option<u16>, modified: Option<i64>) -> Result<(), Denied> {
        if modified.is_some() {
            self.permit(path, Perm::Time)?;
        }
        let at = self.look(path, Last::Followed, if mode.is_some() { Perm::Mode } else { Perm::Time })?;
        let root = at.on_disk()?;
        if let Some(mode) = mode {
            root.set_mode(&at.path, mode)?;
        }
        if let Some(unix) = modified {
            root.set_modified(&at.path, unix)?;
        }
        Ok(())
    }
}

impl Renamable {
    /// Where it is.
    pub fn path(&self) -> &VirtualPath {
        &self.0
    }
}

/// An account's home itself is never removed or renamed.
pub(super) fn not_home(path: &VirtualPath) -> Result<&VirtualPath, Denied> {
    if path.is_root() { Err(Denied::Home) } else { Ok(path) }
}

#[cfg(test)]
impl Renamable {
    pub(crate) fn for_tests() -> Self {
        Self(VirtualPath::root().join(b"a"))
    }
}
