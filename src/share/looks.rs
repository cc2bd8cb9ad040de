//! Acts that change nothing.

use std::fs::File;
use std::io::{self, ErrorKind};

use super::{At, Share};
use crate::auth::perm::{Perm, Perms};
use crate::fs::downloads::Download;
use crate::fs::folder::{Folder, Order};
use crate::fs::partial::is_partial;
use crate::fs::quota::{self, again::Reason};
use crate::fs::root::Root;
use crate::protocol::glob::Pattern;
use crate::protocol::path::VirtualPath;
use crate::share::denied::Denied;
use crate::share::tree::overlay::{EntryLetters, Letters};
use crate::share::tree::{Last, Spot};
use crate::sys::meta::{FileKind, Meta};

impl Share {
    /// Whether something has that name, including a link that leads nowhere. Takes no letter.
    pub fn has(&self, path: &VirtualPath) -> io::Result<bool> {
        let found = match &self.tree {
            None => self.root.link_meta(path),
            Some(tree) => match tree.find(path, Last::AsIs) {
                Ok(spot) if spot.root.is_none() => return Ok(true),
                Ok(Spot { root: Some(root), path, .. }) => root.link_meta(&path),
                Ok(_) => Err(ErrorKind::NotFound.into()),
                Err(denied) => Err(denied.into_error()),
            },
        };
        match found {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a file for reading.
    pub fn open_file(&self, path: &VirtualPath) -> Result<(File, Meta), Denied> {
        if let Some(tree) = &self.tree
            && !path.has_component(is_partial)
            && let Some(opened) = tree.open_plain_file(path, Perm::Read)
        {
            return Ok(opened);
        }
        let at = self.look(path, Last::Followed, Perm::Read)?;
        Ok(at.on_disk()?.open_file(&at.path)?)
    }

    /// Notes that an opened file is being read, as long as the result is there. To be called when others can see that the
    /// session is busy: a reading that is not noted must not be overlooked by those who begin to ask.
    pub fn download(&self, file: &Meta) -> Option<Download> {
        self.premises.downloads.begin(file.id)
    }

    /// The size of a file that is to be read.
    pub fn readable_size(&self, path: &VirtualPath) -> Result<u64, Denied> {
        let at = self.look(path, Last::Followed, Perm::Read)?;
        Ok(self.meta_at(&at, Last::Followed)?.size)
    }

    /// What a file or folder is, links followed.
    pub fn meta(&self, path: &VirtualPath) -> Result<Meta, Denied> {
        self.meta_at(&self.look(path, Last::Followed, Perm::List)?, Last::Followed)
    }

    /// What a file, folder or link is, the last link not followed.
    pub fn link_meta(&self, path: &VirtualPath) -> Result<Meta, Denied> {
        self.meta_at(&self.look(path, Last::AsIs, Perm::List)?, Last::AsIs)
    }

    /// What the folder is that a path lies in; `None` if it is on no disk. Takes no letter: it says what may be done there.
    pub fn meta_around(&self, path: &VirtualPath) -> Option<Meta> {
        let folder = path.parent()?;
        match &self.tree {
            None => self.root.meta(&folder).ok(),
            Some(tree) => {
                let Spot { root, path, meta, .. } = tree.find(&folder, Last::Followed).ok()?;
                meta.or_else(|| root?.meta(&path).ok())
            }
        }
    }

    pub(super) fn meta_at(&self, at: &At, last: Last) -> Result<Meta, Denied> {
        match (&at.spot, last) {
            (Some(spot), _) if spot.root.is_none() => self.bare_folder(spot),
            (Some(Spot { meta: Some(meta), .. }), _) => Ok(*meta),
            (_, Last::Followed) => Ok(at.root.meta(&at.path)?),
            (_, Last::AsIs) => Ok(at.root.link_meta(&at.path)?),
        }
    }

    fn bare_folder(&self, spot: &Spot) -> Result<Meta, Denied> {
        let meta = self.tree.as_ref().and_then(|tree| tree.bare_meta(&spot.seen));
        meta.ok_or_else(|| Denied::File(ErrorKind::NotFound.into()))
    }

    /// The facts to show for a path: those of the file that its last link leads to if that is inside, or of the link itself.
    pub fn followed(&self, path: &VirtualPath, own: Meta) -> Meta {
        if own.kind == FileKind::Link { self.meta(path).unwrap_or(own) } else { own }
    }

    /// Where a link leads, as it is written in it; fails if that is outside or nothing.
    pub fn link_target(&self, path: &VirtualPath) -> Result<Vec<u8>, Denied> {
        let at = self.look(path, Last::AsIs, Perm::List)?;
        self.meta(path)?;
        Ok(at.on_disk()?.link_target(&at.path)?)
    }

    /// Starts to read a folder; the pattern says which entries are of interest.
    pub fn list(&self, path: &VirtualPath, order: Order, pattern: Option<&Pattern>) -> Result<Folder, Denied> {
        let at = self.look(path, Last::Followed, Perm::List)?;
        let (Some(spot), Some(tree)) = (&at.spot, &self.tree) else {
            return Ok(at.root.list(&at.path, order, pattern)?);
        };
        let handle = spot.root.map(|root| root.open_folder(&at.path)).transpose()?;
        Ok(Folder::read(handle, tree.guise(spot), order, pattern)?)
    }

    /// The letters of the entries of a folder.
    pub fn letters_in(&self, folder: &VirtualPath) -> Letters {
        let found = self.tree.as_ref().map(|tree| (tree, tree.find(folder, Last::Followed)));
        match found {
            Some((tree, Ok(spot))) => tree.letters_in(&spot),
            Some(_) | None => Letters::all(self.at_login.perms),
        }
    }

    /// The letters of one path, links followed; those around it are around the link.
    pub fn letters_of(&self, path: &VirtualPath) -> EntryLetters {
        let Some(tree) = &self.tree else {
            return EntryLetters { perms: self.at_login.perms, around: self.at_login.perms, is_fixed: false };
        };
        let perms = tree.find(path, Last::Followed).map(|spot| spot.area.perms).unwrap_or_default();
        match tree.find(path, Last::AsIs) {
            Ok(spot) => EntryLetters { perms, around: spot.around.perms, is_fixed: spot.is_fixed },
            Err(_) => EntryLetters { perms, around: Perms::default(), is_fixed: true },
        }
    }

    /// Whether the account's entries may have different letters.
    pub fn has_sections(&self) -> bool {
        self.tree.is_some()
    }

    /// Whether a folder may be the current one.
    pub fn enter(&self, path: &VirtualPath) -> Result<(), Denied> {
        let at = self.look(path, Last::Followed, Perm::Enter)?;
        match &at.spot {
            Some(spot) if spot.root.is_none() => Ok(()),
            _ => Ok(at.root.enter(&at.path)?),
        }
    }

    /// Bytes that may still be written into a folder, or into that of a file. Takes no letter.
    pub fn free_space(&self, path: &VirtualPath) -> Result<u64, Denied> {
        let Some(tree) = &self.tree else { return Ok(free_on_disk(&self.root, path)?) };
        match tree.find(path, Last::Followed)? {
            Spot { root: Some(root), path, area, .. } => {
                let on_disk = free_on_disk(root, &path)?;
                Ok(self.quota_in(area).map_or(on_disk, |quota| quota.rest().min(on_disk)))
            }
            _ => Ok(0),
        }
    }

    /// The line of the quota that has no room at a path, if an error says that.
    pub fn full_quota(&self, path: Option<&VirtualPath>, error: &io::Error) -> Option<String> {
        let over = quota::over(error)?;
        let full = self.tree.as_ref().zip(path).and_then(|(tree, path)| {
            let found = tree.find(path, Last::Followed);
            tree.full(found.map_or_else(|_| tree.nearest(path), |spot| spot.area), over, &self.premises.quotas)
        });
        let line = match full.map(|area| &area.written) {
            Some(Some(section)) => section.source("quota").to_string(),
            Some(None) => self.user_now().source("quota").to_string(),
            None => self.line(path, "quota"),
        };
        Some(format!("{line}: no room for more"))
    }

    /// A file was refused before it came: the quotas of that folder are counted again.
    pub fn lacked_room(&self, folder: &VirtualPath) {
        let spot = self.tree.as_ref().and_then(|tree| tree.find(folder, Last::Followed).ok());
        let quota = spot.and_then(|spot| self.quota_in(spot.area));
        quota.inspect(|quota| quota.again(Reason::Refused));
    }
}

/// What the disk of a folder or file has room for.
fn free_on_disk(root: &Root, path: &VirtualPath) -> io::Result<u64> {
    match root.free_space(path) {
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            root.free_space(&path.parent().unwrap_or_else(VirtualPath::root))
        }
        free => free,
    }
}
