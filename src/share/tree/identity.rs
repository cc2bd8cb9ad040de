//! Sections found by the identity of folders, for where a text deceives: another spelling, a mount of the system's, a folder that
//! two mounts of the account reach.

use std::io;
use std::sync::Arc;

use super::{Area, Mount, Spot, Tree, missing, there};
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
        let meta = there(root.link_meta(&place))?;
        let is_folder = meta.as_ref().is_some_and(|meta| meta.kind == FileKind::Folder);
        let folder = if is_folder { place.clone() } else { place.parent().unwrap_or_else(VirtualPath::root) };
        let mut levels = self.levels(&seen);
        let Ok(way) = root.way_down(&folder) else {
            // A folder on the way is not there, so nothing can be done below it.
            let is_gone = meta.is_none() && there(root.link_meta(&folder))?.is_none();
            return if is_gone { self.spot(mount, seen, None, &levels) } else { Err(missing()) };
        };
        let (present, covered) = (self.present(mount)?, self.covered(mount)?);
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
        if let (true, false, Some(id)) = (is_folder, place.is_root(), way.last()) {
            spot.is_fixed |= self.keeps_folder(*id)?;
        }
        Ok(spot)
    }

    /// The folders of the sections as they are now; of two sections for one folder, that of this mount is first.
    pub(super) fn present(&self, mount: &Mount) -> io::Result<Vec<(FileId, usize)>> {
        let id = |(number, section)| Ok(self.folder_of(section)?.map(|id| (id, number)));
        let mut found: Vec<(FileId, usize)> =
            self.areas.iter().enumerate().filter_map(|area| id(area).transpose()).collect::<io::Result<_>>()?;
        found.sort_by_key(|(_, number)| self.areas[*number].mount != self.areas[mount.area].mount);
        Ok(found)
    }

    /// The folder of a section as it is now, if it is there.
    pub(super) fn folder_of(&self, section: &Area) -> io::Result<Option<FileId>> {
        folder_at(self.root_of(section).map(AsRef::as_ref), Some(self.place_of(section)))
    }

    /// What other mounts cover in the folders of this one, or of any other.
    pub(super) fn covered(&self, inside: &Mount) -> io::Result<Vec<FileId>> {
        let own = inside.root.as_ref().map(|root| root.id());
        // What is covered may be the mount itself, or the one in which it is found now.
        let is_shown =
            |id: FileId| self.mounts.iter().any(|other| other.root.as_ref().is_some_and(|root| root.id() == id));
        let mut covered = Vec::new();
        for mount in self.mounts.iter().skip(1) {
            let Some(parent) = mount.path.parent() else { continue };
            let outer = &self.mounts[self.mount_of(&parent)];
            let below = folder_at(outer.root.as_deref(), mount.path.seen_from(&outer.path))?;
            covered.extend(below.filter(|id| !is_shown(*id) && Some(*id) != own));
        }
        Ok(covered)
    }

    /// Whether a folder belongs to a section, or is above one that does.
    fn keeps_folder(&self, id: FileId) -> io::Result<bool> {
        for section in self.areas.iter().skip(1) {
            if self.folder_of(section)? == Some(id) || self.folders_above(section)?.contains(&id) {
                return Ok(true);
            }
        }
        Ok(self.folders_to_mounts().contains(&id))
    }

    /// The folders of the home and the mounts, and those above them on the disk: another mount may show them.
    pub(super) fn folders_to_mounts(&self) -> Vec<FileId> {
        self.mounts.iter().filter_map(|mount| mount.root.as_ref()).flat_map(|root| root.handle().way_up()).collect()
    }

    /// The folders on the disk that lie above that of a section, in its mount or, for a mount, in the one around it.
    pub(super) fn folders_above(&self, section: &Area) -> io::Result<Vec<FileId>> {
        let above = std::iter::successors(section.path.parent(), VirtualPath::parent).filter(|path| !path.is_root());
        let id = |path: VirtualPath| {
            let mount = &self.mounts[self.mount_of(&path)];
            folder_at(mount.root.as_deref(), path.seen_from(&mount.path))
        };
        above.filter_map(|path| id(path).transpose()).collect()
    }

    /// The section that would hold for a folder that came to a place where none is: a rule may wait for it.
    pub fn section_of_folder_at(&self, spot: &Spot) -> io::Result<&Area> {
        let waits = |section: &&Area| section.written.as_ref().is_some_and(|written| written.home.is_none());
        let name = |path: &VirtualPath| path.file_name().map(|name| String::from_utf8_lossy(name).to_lowercase());
        let named = |section: &&Area| self.deceives && waits(section) && name(&section.path) == name(&spot.path);
        let around = |root: Option<&Arc<Root>>, place: &VirtualPath| folder_at(root.map(AsRef::as_ref), place.parent());
        let here = around(spot.root, &spot.path)?;
        for section in self.areas.iter().filter(named) {
            if here.is_some() && around(self.root_of(section), &self.place_of(section))? == here {
                return Ok(section);
            }
        }
        Ok(self.nearest(&spot.seen))
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

/// The folder at a place in a mount, if both are there.
fn folder_at(root: Option<&Root>, place: Option<VirtualPath>) -> io::Result<Option<FileId>> {
    let Some((root, place)) = root.zip(place) else { return Ok(None) };
    let found = there(root.link_meta(&place))?;
    Ok(found.filter(|meta| meta.kind == FileKind::Folder).map(|meta| meta.id))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::thread;

    use super::*;
    use crate::auth::user::Terms;
    use crate::auth::users::Users;
    use crate::fs::homes::Homes;
    use crate::fs::root::Links;
    use crate::share::tree::Last;
    use crate::share::tree::kept::KeptPlace;
    use crate::sys::access;
    use crate::sys::person::Person;

    #[test]
    fn behind_a_folder_that_is_closed_for_the_look_no_other_letters_hold() {
        let top = tempfile::tempdir().expect("a temporary folder");
        let text = "[bob]\npassword = secret\nperm = elradfmwMT\nhome = home\nkeep = 1s\n[bob /p/inbox]\nperm = e\nkeep = off\n";
        fs::create_dir_all(top.path().join("home/p/inbox")).expect("made");
        fs::write(top.path().join("user.ini"), text).expect("written");
        let mode = |name: &str, mode| fs::set_permissions(top.path().join(name), Permissions::from_mode(mode));
        mode("", 0o755).expect("set");
        let users = Users::load(Some(&top.path().join("user.ini")), Terms::default()).expect("accounts");
        let (accounts, homes) = (users.accounts(), Homes::default());
        let user = accounts.all().next().expect("bob");
        let home = homes.open(&user.home, Links::Never, None).expect("there");
        let mut tree = Tree::open(user, &home, &homes, Links::Inside);
        let closed_one = home.link_meta(&VirtualPath::root().join(b"p")).expect("there").id;
        let closed = || {
            if access::user_id() == 0 {
                Person::find("nobody", None).expect("a usual user").become_on_this_thread().expect("root may");
            }
            for deceives in [false, true] {
                tree.deceives = deceives;
                for last in [Last::AsIs, Last::Followed] {
                    for path in [&b"p/inbox"[..], b"p/inbox/file", b"p/INBOX"] {
                        let found = tree.find(&VirtualPath::root().join(path), last).map(|spot| spot.area.perms);
                        let is_closed = matches!(&found, Err(Denied::File(error)) if error.kind() == io::ErrorKind::PermissionDenied);
                        assert!(is_closed, "{deceives} {last:?} {}: {found:?}", path.escape_ascii());
                    }
                }
            }
            let spared = |place: &KeptPlace| (place.folder.keep.is_some(), place.spared.contains(&closed_one));
            KeptPlace::all_of(&accounts, &homes).iter().map(spared).collect::<Vec<_>>()
        };
        mode("home/p", 0o644).expect("set");
        let mut kept = thread::scope(|scope| scope.spawn(closed).join()).expect("no panic");
        mode("home/p", 0o755).expect("set");
        // The home, without `p`; and `p`, of which nothing goes.
        kept.sort_unstable();
        assert_eq!(kept, [(false, false), (true, true)]);
    }
}
