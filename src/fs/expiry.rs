//! Files that have been below a folder for longer than they may (`keep`).

use std::borrow::Cow;
use std::io::{self, ErrorKind};
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
    /// Files that are being written stay.
    pub claims: &'a Arc<Claims>,
    /// Files that are being read stay.
    pub downloads: &'a Downloads,
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
    pub fn enforce(&self, mut tell: impl FnMut(&VirtualPath, io::Result<u64>)) -> io::Result<()> {
        let (mut here, mut path) = (self.root.open_folder(self.folder)?, self.folder.clone());
        let mut way = vec![self.search(&here, &path, &mut tell)?];
        while let Some(folder) = way.last_mut() {
            if let Some(name) = folder.ahead.pop() {
                // What has vanished, is a link by now, or another mount.
                let Ok(below) = here.below(&name) else { continue };
                if self.spared.contains(&below.meta()?.id) {
                    continue;
                }
                path = path.join(&name);
                let found = self.search(&below, &path, &mut tell);
                let id = below.meta()?.id;
                way.push(found.unwrap_or_else(|error| {
                    tell(&path, Err(error));
                    FolderOnWay { id, ahead: Vec::new() }
                }));
                here = below;
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
        Ok(())
    }

    /// Removes files from one folder.
    fn search(
        &self,
        folder: &FolderHandle,
        path: &VirtualPath,
        tell: &mut impl FnMut(&VirtualPath, io::Result<u64>),
    ) -> io::Result<FolderOnWay> {
        let (mut on_way, readable) = (FolderOnWay { id: folder.meta()?.id, ahead: Vec::new() }, folder.open_to_read()?);
        let (mut block, mut more) = (Vec::with_capacity(BLOCK), true);
        while more {
            let mut names: Vec<Vec<u8>> = Vec::new();
            more = readable.read_names(&mut block, |name| names.push(name.to_vec()))?;
            for name in names {
                // What has vanished meanwhile needs nothing.
                let Ok((meta, arrived)) = folder.arrival_of(&name) else { continue };
                match meta.kind {
                    FileKind::Folder => on_way.ahead.push(name),
                    FileKind::File if arrived < self.before => {
                        let place = Place {
                            folder: Handle::Borrowed(folder),
                            name: Cow::Borrowed(&name),
                            known: Some(on_way.id),
                        };
                        match self.remove(&place) {
                            Ok(None) => {}
                            Ok(Some(freed)) => tell(&path.join(&name), Ok(freed)),
                            Err(error) => tell(&path.join(&name), Err(error)),
                        }
                    }
                    FileKind::File | FileKind::Link | FileKind::Other => {}
                }
            }
        }
        Ok(on_way)
    }

    /// Removes a file, unless it is in use or another one by now. Returns the bytes that are free then.
    fn remove(&self, file: &Place) -> io::Result<Option<u64>> {
        let removed = self.claims.claim(file, None).and_then(|mut claim| {
            // While it is claimed, no session puts another in its place.
            let (meta, arrived) = file.folder.arrival_of(&file.name)?;
            claim.extend_to_all_names(&meta)?;
            if meta.kind != FileKind::File || arrived >= self.before || self.downloads.has(meta.id) {
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
