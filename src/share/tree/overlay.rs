//! What a folder of the tree shows besides what is on its disk: mounts, and folders that only hold some.

use super::{Mount, Spot, Tree};
use crate::auth::perm::{Perm, Perms};
use crate::fs::folder::{Extra, Guise};
use crate::protocol::path::VirtualPath;
use crate::sys::meta::{FileId, FileKind, Meta};

/// The letters of a folder's entries.
#[derive(Debug, Clone, Default)]
pub struct Letters {
    /// Those of most.
    pub own: Perms,
    /// Those of mounts, by their names: more than one may show the same folder.
    mounts: Vec<(Vec<u8>, Perms)>,
    /// Folders that have a section of their own, or lie above one: they stay where they are. `None` if the letters are those of
    /// the others.
    special: Vec<(FileId, Option<Perms>)>,
}

/// The letters of one entry.
#[derive(Debug, Clone, Copy)]
pub struct EntryLetters {
    /// What may be done with it.
    pub perms: Perms,
    /// What may be done with the entries of the folder that it lies in.
    pub around: Perms,
    /// It stays where it is.
    pub is_fixed: bool,
}

impl Tree {
    /// How a folder differs from what is on its disk.
    pub fn guise(&self, folder: &Spot) -> Guise {
        let (hide, extras) = (folder.area.hidden_names().cloned(), self.extras(&folder.seen));
        Guise { hide, extras, folds_case: self.deceives }
    }

    /// The entries that a folder shows in place of what has their names on the disk.
    fn extras(&self, folder: &VirtualPath) -> Vec<Extra> {
        let mut extras: Vec<Extra> = Vec::new();
        for mount in self.mounts.iter().skip(1).filter(|mount| mount.path.is_within(folder) && mount.path != *folder) {
            let Some(child) = child_of(folder, &mount.path) else { continue };
            let is_mount = child == mount.path;
            let name = child.file_name().unwrap_or_default().to_vec();
            if extras.iter().any(|extra| extra.name == name) {
                continue;
            }
            let root = mount.root.as_deref();
            let meta = match root.map(|root| root.handle().meta()) {
                Some(Ok(meta)) if is_mount => Some(meta),
                // A folder that is on the disk, too, is shown as that.
                Some(Ok(meta)) if self.is_empty_folder(&child) => Some(bare_folder(meta)),
                _ if is_mount => None,
                _ => continue,
            };
            extras.push(Extra { name, meta });
        }
        extras
    }

    /// What a folder shows that is on no disk: one that only holds mounts.
    pub fn bare_meta(&self, folder: &VirtualPath) -> Option<Meta> {
        let mut below = self.mounts.iter().filter(|mount| mount.path.is_within(folder));
        below.find_map(|mount| Some(bare_folder(mount.root.as_ref()?.handle().meta().ok()?)))
    }

    fn is_empty_folder(&self, path: &VirtualPath) -> bool {
        let mount = &self.mounts[self.mount_of(path)];
        let place = path.seen_from(&mount.path).unwrap_or_else(VirtualPath::root);
        mount.root.as_ref().is_some_and(|root| root.link_meta(&place).is_err())
    }

    /// The letters of the entries of a folder.
    pub fn letters_in(&self, folder: &Spot) -> Letters {
        let mount = &self.mounts[self.mount_of(&folder.seen)];
        let mut special: Vec<(FileId, Option<Perms>)> = Vec::new();
        if self.deceives {
            // What another mount covers is not to be had this way, either.
            special.extend(self.covered(mount).unwrap_or_default().into_iter().map(|id| (id, Some(Perms::default()))));
        }
        // What can't be looked at now is not listed, either.
        let present = self.present(mount).unwrap_or_default();
        special.extend(present.into_iter().map(|(id, section)| (id, Some(self.areas[section].perms))));
        for section in self.areas.iter().skip(1) {
            special.extend(self.folders_above(section).unwrap_or_default().into_iter().map(|id| (id, None)));
        }
        if self.deceives {
            special.extend(self.folders_to_mounts().into_iter().map(|id| (id, None)));
        }
        special.push((FileId::NOWHERE, None));
        let mounts = self.mounts.iter().filter(|mount| mount.path.parent().as_ref() == Some(&folder.seen));
        let named = |mount: &Mount| Some((mount.path.file_name()?.to_vec(), self.areas[mount.area].perms));
        Letters { own: folder.area.perms, mounts: mounts.filter_map(named).collect(), special }
    }
}

impl EntryLetters {
    /// All that holds for the entry: to remove and to rename it are matters of the folder that it lies in.
    pub fn for_entry(self) -> Perms {
        let is_of_name = |perm| matches!(perm, Perm::Delete | Perm::Rename);
        let of_name = self.around.filter(|perm| is_of_name(perm) && !self.is_fixed);
        self.perms.filter(|perm| !is_of_name(perm)).with(of_name)
    }
}

impl Letters {
    /// Those of entries that all have the same.
    pub fn all(own: Perms) -> Self {
        Self { own, ..Self::default() }
    }

    /// Those of this entry, unless it is a link.
    pub fn of(&self, name: &[u8], meta: &Meta) -> EntryLetters {
        if let Some((_, perms)) = self.mounts.iter().find(|(mount, _)| mount == name) {
            return EntryLetters { perms: *perms, around: self.own, is_fixed: true };
        }
        let special = self.special.iter().find(|(id, _)| meta.kind == FileKind::Folder && *id == meta.id);
        let perms = special.and_then(|(_, perms)| *perms).unwrap_or(self.own);
        EntryLetters { perms, around: self.own, is_fixed: special.is_some() }
    }
}

/// The entry of a folder that a path below it begins with; `None` if it is not below it.
fn child_of(folder: &VirtualPath, path: &VirtualPath) -> Option<VirtualPath> {
    let inside = path.seen_from(folder)?;
    Some(folder.join(inside.components().next()?))
}

/// A folder that nobody can change, with the owner and the time of another.
fn bare_folder(like: Meta) -> Meta {
    Meta { mode: 0o555, size: 0, links: 2, kind: FileKind::Folder, id: FileId::NOWHERE, ..like }
}
