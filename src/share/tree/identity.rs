//! Sections found by the identity of folders, for where a text deceives: another spelling, a mount of the system's, a folder that
//! two mounts of the account reach.

use super::{Area, Mount, Spot, Tree, missing};
use crate::fs::root::Root;
use crate::protocol::path::VirtualPath;
use crate::share::denied::Denied;
use crate::sys::meta::{FileId, FileKind};

impl Tree {
    /// Finds a path without links by the folders on the way down to it.
    pub(super) fn by_identity(&self, seen: VirtualPath) -> Result<Spot<'_>, Denied> {
        let mount = &self.mounts[self.mount_of(&seen)];
        let root = mount.root.as_ref().ok_or_else(missing)?;
        let place = seen.seen_from(&mount.path).unwrap_or_else(VirtualPath::root);
        let meta = root.link_meta(&place).ok();
        let is_folder = meta.as_ref().is_some_and(|meta| meta.kind == FileKind::Folder);
        let folder = if is_folder { place.clone() } else { place.parent().unwrap_or_else(VirtualPath::root) };
        let mut levels = self.levels(&seen);
        let Ok(way) = root.way_down(&folder) else {
            // A folder on the way is not there, so nothing can be done below it.
            let is_gone = meta.is_none() && root.link_meta(&folder).is_err();
            return if is_gone { self.spot(mount, seen, None, &levels) } else { Err(missing()) };
        };
        let (present, covered) = (self.present(mount), self.covered(mount));
        let outer = mount.path.components().count();
        let mut at = mount.area;
        for (depth, id) in way.iter().enumerate().skip(1) {
            if covered.contains(id) {
                return Err(missing());
            }
            at = present.iter().find(|(known, _)| known == id).map_or(at, |(_, section)| *section);
            if let Some(level) = levels.get_mut(outer + depth) {
                *level = at;
            }
        }
        // What is no folder lies in the last one.
        if !is_folder
            && !place.is_root()
            && let Some(level) = levels.last_mut()
        {
            *level = at;
        }
        let mut spot = self.spot(mount, seen, meta, &levels)?;
        spot.is_fixed |= is_folder && !place.is_root() && way.last().is_some_and(|id| self.keeps_folder(*id));
        Ok(spot)
    }

    /// The folders of the sections as they are now; of two sections for one folder, that of this mount is first.
    pub(super) fn present(&self, mount: &Mount) -> Vec<(FileId, usize)> {
        let id = |(number, section): (usize, &Area)| Some((self.folder_of(section)?, number));
        let mut found: Vec<(FileId, usize)> = self.areas.iter().enumerate().filter_map(id).collect();
        found.sort_by_key(|(_, number)| self.areas[*number].mount != self.areas[mount.area].mount);
        found
    }

    /// The folder of a section as it is now.
    pub(super) fn folder_of(&self, section: &Area) -> Option<FileId> {
        let root = self.root_of(section)?;
        let meta = root.link_meta(&self.place_of(section)).ok()?;
        (meta.kind == FileKind::Folder).then_some(meta.id)
    }

    /// What other mounts cover in the folders of this one, or of any other.
    pub(super) fn covered(&self, inside: &Mount) -> Vec<FileId> {
        let below = self.mounts.iter().skip(1).filter_map(|mount| {
            let outer = &self.mounts[self.mount_of(&mount.path.parent()?)];
            let meta = outer.root.as_ref()?.link_meta(&mount.path.seen_from(&outer.path)?).ok()?;
            // What is covered may be the mount itself, or the one in which it is found now.
            let is_shown = self.mounts.iter().any(|other| other.root.as_ref().is_some_and(|root| root.id() == meta.id));
            (meta.kind == FileKind::Folder && !is_shown).then_some(meta.id)
        });
        let own = inside.root.as_ref().map(|root| root.id());
        below.filter(|id| Some(*id) != own).collect()
    }

    /// Whether a folder belongs to a section, or is above one that does.
    fn keeps_folder(&self, id: FileId) -> bool {
        let mut sections = self.areas.iter().skip(1);
        sections.any(|section| self.folder_of(section) == Some(id) || self.folders_above(section).contains(&id))
            || self.folders_to_mounts().contains(&id)
    }

    /// The folders of the home and the mounts, and those above them on the disk: another mount may show them.
    pub(super) fn folders_to_mounts(&self) -> Vec<FileId> {
        self.mounts.iter().filter_map(|mount| mount.root.as_ref()).flat_map(|root| root.handle().way_up()).collect()
    }

    /// The folders on the disk that lie above that of a section, in its mount or, for a mount, in the one around it.
    pub(super) fn folders_above(&self, section: &Area) -> Vec<FileId> {
        let above = std::iter::successors(section.path.parent(), VirtualPath::parent).filter(|path| !path.is_root());
        let id = |path: VirtualPath| {
            let mount = &self.mounts[self.mount_of(&path)];
            let meta = mount.root.as_ref()?.link_meta(&path.seen_from(&mount.path)?).ok()?;
            (meta.kind == FileKind::Folder).then_some(meta.id)
        };
        above.filter_map(id).collect()
    }

    /// Whether the folder of a mount is that of another one, or lies in it.
    pub(super) fn is_entangled(&self) -> bool {
        let roots: Vec<&Root> = self.mounts.iter().filter_map(|mount| mount.root.as_deref()).collect();
        roots.iter().enumerate().any(|(number, root)| {
            let others = roots.iter().enumerate().filter(|(other, _)| *other != number);
            let others: Vec<FileId> = others.map(|(_, other)| other.id()).collect();
            !others.is_empty() && root.handle().way_up().iter().any(|above| others.contains(above))
        })
    }

    /// Whether a section's folder has another spelling on its disk.
    pub(super) fn folds_case(&self) -> bool {
        self.areas.iter().skip(1).any(|section| {
            // A mount is named in the one around it.
            let Some(parent) = section.path.parent() else { return false };
            let around = &self.mounts[self.mount_of(&parent)];
            let place = parent.seen_from(&around.path).unwrap_or_else(VirtualPath::root);
            around.root.as_ref().is_some_and(|root| root.folds_case(&place))
        })
    }
}
