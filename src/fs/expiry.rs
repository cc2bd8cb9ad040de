//! Files that have been below a folder for longer than they may (`keep`).

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::ops::AddAssign;
use std::sync::Arc;
use std::time::SystemTime;

use crate::fs::claims::Claims;
use crate::fs::downloads::Downloads;
use crate::fs::root::Root;
use crate::protocol::path::VirtualPath;
use crate::sys::folder::FolderHandle;
use crate::sys::meta::{FileId, FileKind};
use crate::sys::place::{Handle, Place};

/// Which files go.
pub struct Expiry<'a> {
    /// The home or mount.
    pub root: &'a Root,
    /// The folder in it.
    pub folder: &'a VirtualPath,
    /// Files that arrived before that go.
    pub before: SystemTime,
    /// Folders for which something else is said.
    pub spared: &'a [FileId],
}

/// What sessions do with files.
pub struct InUse<'a> {
    /// Files that are being written stay.
    pub claims: &'a Arc<Claims>,
    /// Files that are being read stay.
    pub downloads: &'a Downloads,
}

/// What would go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExpiryCount {
    /// Files.
    pub files: usize,
    /// Names that were looked at.
    pub names: usize,
    /// Folders that can't be read.
    pub unreadable: usize,
}

impl AddAssign for ExpiryCount {
    fn add_assign(&mut self, other: ExpiryCount) {
        *self = ExpiryCount {
            files: self.files + other.files,
            names: self.names + other.names,
            unreadable: self.unreadable + other.unreadable,
        };
    }
}

/// A folder on the way down to the one that is looked at.
struct FolderOnWay {
    id: FileId,
    /// Folders in it that are still to be looked at.
    ahead: Vec<Vec<u8>>,
}

const BLOCK: usize = 32 * 1024;

impl Expiry<'_> {
    /// Removes files, never folders, on this mount of the system's alone, and follows no link. Each one is told, with the
    /// bytes that are free now; so is a folder that can't be read.
    pub fn enforce(&self, in_use: &InUse, mut tell: impl FnMut(&VirtualPath, io::Result<u64>)) -> io::Result<()> {
        let remove =
            |path: &VirtualPath, found: io::Result<&Place>| match found.and_then(|file| self.remove(file, in_use)) {
                Ok(None) => {}
                Ok(Some(freed)) => tell(path, Ok(freed)),
                Err(error) => tell(path, Err(error)),
            };
        self.walk(usize::MAX, remove).map(drop)
    }

    /// Counts the files that would go; looks at `most` names at most.
    pub fn count(&self, most: usize) -> io::Result<ExpiryCount> {
        let mut count = ExpiryCount::default();
        let left = self.walk(most, |_, found| match found {
            Ok(_) => count.files += 1,
            Err(_) => count.unreadable += 1,
        })?;
        Ok(ExpiryCount { names: most - left, ..count })
    }

    /// Looks at no more than `names`, and tells of each file that is old, and of each folder below that can't be read. Returns
    /// how many names more it could have looked at.
    fn walk(&self, names: usize, mut found: impl FnMut(&VirtualPath, io::Result<&Place>)) -> io::Result<usize> {
        let (mut here, mut path) = (self.root.open_folder(self.folder)?, self.folder.clone());
        let mut left = names;
        let mut way = vec![self.search(&here, &path, &mut left, &mut found)?];
        while let Some(folder) = way.last_mut() {
            if left == 0 {
                break;
            }
            if let Some(name) = folder.ahead.pop() {
                // What has vanished, is a link by now, or another mount.
                let Ok(below) = here.below(&name) else { continue };
                if self.spared.contains(&below.meta()?.id) {
                    continue;
                }
                let inner = path.join(&name);
                // From some folders that can be opened no way leads back.
                match below.above().and_then(|_| self.search(&below, &inner, &mut left, &mut found)) {
                    Ok(folder) => {
                        way.push(folder);
                        (here, path) = (below, inner);
                    }
                    Err(error) => found(&inner, Err(error)),
                }
            } else {
                way.pop();
                let (Some(folder), Some(above)) = (way.last(), path.parent()) else { break };
                (here, path) = (here.above()?, above);
                if here.meta()?.id != folder.id {
                    // It was moved; the rest is for the next time.
                    break;
                }
            }
        }
        Ok(left)
    }

    /// Finds what is old in one folder.
    fn search(
        &self,
        folder: &FolderHandle,
        path: &VirtualPath,
        left: &mut usize,
        found: &mut impl FnMut(&VirtualPath, io::Result<&Place>),
    ) -> io::Result<FolderOnWay> {
        let (mut on_way, readable) = (FolderOnWay { id: folder.meta()?.id, ahead: Vec::new() }, folder.open_to_read()?);
        let (mut block, mut more) = (Vec::with_capacity(BLOCK), true);
        while more {
            let mut names: Vec<Vec<u8>> = Vec::new();
            more = readable.read_names(&mut block, |name| names.push(name.to_vec()))?;
            for name in names {
                if *left == 0 {
                    return Ok(on_way);
                }
                *left -= 1;
                // What has vanished meanwhile needs nothing.
                let Ok((meta, arrived)) = folder.arrival_of(&name) else { continue };
                match meta.kind {
                    FileKind::Folder => on_way.ahead.push(name),
                    FileKind::File if arrived < self.before => {
                        let known = Some(on_way.id);
                        let place = Place { folder: Handle::Borrowed(folder), name: Cow::Borrowed(&name), known };
                        found(&path.join(&name), Ok(&place));
                    }
                    FileKind::File | FileKind::Link | FileKind::Other => {}
                }
            }
        }
        Ok(on_way)
    }

    /// Removes a file, unless it is in use or another one by now. Returns the bytes that are free then.
    fn remove(&self, file: &Place, in_use: &InUse) -> io::Result<Option<u64>> {
        let removed = in_use.claims.claim(file, None).and_then(|mut claim| {
            // While it is claimed, no session puts another in its place.
            let (meta, arrived) = file.folder.arrival_of(&file.name)?;
            claim.extend_to_all_names(&meta)?;
            if meta.kind != FileKind::File || arrived >= self.before || in_use.downloads.has(meta.id) {
                return Ok(None);
            }
            file.remove_idle_file().map(|()| Some(meta.sole_bytes()))
        });
        match removed {
            Err(error) if matches!(error.kind(), ErrorKind::ResourceBusy | ErrorKind::NotFound) => Ok(None),
            removed => removed,
        }
    }
}
