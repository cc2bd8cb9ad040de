//! Links, followed step by step in the tree: so they meet the mounts on their way, and none leads out of its mount.

use std::io::{self, ErrorKind};

use super::{Last, Tree};
use crate::fs::root::{LinkTarget, Links};
use crate::protocol::path::VirtualPath;
use crate::sys::files;
use crate::sys::meta::FileKind;

/// The kernel's own bound (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// A component of a path that is still to be gone.
struct Ahead {
    name: Vec<u8>,
    /// The mount that `..` does not leave.
    floor: usize,
}

impl Tree {
    /// The path in the tree that a path means once its links are followed; it need not exist.
    pub(super) fn follow(&self, path: &VirtualPath, last: Last) -> io::Result<VirtualPath> {
        let step = |name: &[u8]| Ahead { name: name.to_vec(), floor: 0 };
        let mut ahead: Vec<Ahead> = path.components().rev().map(step).collect();
        let (mut done, mut links) = (VirtualPath::root(), 0);
        while let Some(Ahead { name, floor }) = ahead.pop() {
            if name == b".." {
                done = self.above(&done, floor)?;
                continue;
            }
            let next = done.join(&name);
            let is_last = ahead.is_empty() && last == Last::AsIs;
            let target = if is_last { None } else { self.link_at(&next)? };
            let Some(target) = target else {
                done = next;
                continue;
            };
            links += 1;
            if links > MAX_LINKS || self.links == Links::Never {
                return Err(files::too_many_links());
            }
            let floor = self.mount_of(&next);
            if target.is_absolute {
                done = self.mounts[floor].path.clone();
            }
            ahead.extend(target.names.into_iter().rev().map(|name| Ahead { name, floor }));
        }
        Ok(done)
    }

    /// Where the link of this path leads, if it is one: what is covered by a mount is none.
    fn link_at(&self, path: &VirtualPath) -> io::Result<Option<LinkTarget>> {
        let mount = &self.mounts[self.mount_of(path)];
        let (Some(root), Some(place)) = (&mount.root, path.seen_from(&mount.path)) else { return Ok(None) };
        match root.link_at(&place) {
            // The act will say what is wrong.
            Err(error) if error.kind() != ErrorKind::PermissionDenied => Ok(None),
            found => found,
        }
    }

    /// The folder above one that has to be there.
    fn above(&self, folder: &VirtualPath, floor: usize) -> io::Result<VirtualPath> {
        let mount = &self.mounts[self.mount_of(folder)];
        let (root, place) = (mount.root.as_ref(), folder.seen_from(&mount.path));
        let meta = root.zip(place.as_ref()).map(|(root, place)| root.link_meta(place));
        match meta {
            _ if *folder == self.mounts[floor].path => {
                return Err(io::Error::new(ErrorKind::PermissionDenied, "leads outside the home"));
            }
            Some(Ok(meta)) if meta.kind == FileKind::Folder => {}
            Some(Ok(_)) => return Err(ErrorKind::NotADirectory.into()),
            Some(Err(_)) | None if self.leads_to_mount(folder) => {}
            Some(Err(error)) => return Err(error),
            None => return Err(ErrorKind::NotFound.into()),
        }
        folder.parent().ok_or_else(|| ErrorKind::PermissionDenied.into())
    }
}
