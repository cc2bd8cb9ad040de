//! The folders above and below a [`Base`], whatever their names say: by identity.

use std::io::{self, ErrorKind};

use crate::sys::beneath::Base;
use crate::sys::folder::FolderHandle;
use crate::sys::meta::FileId;

/// More folders above each other than a path of the kernel's can name.
const MAX_DEPTH: usize = 4096;

impl Base {
    /// The folders on the way from this one down to the folder of this name, both included, as the disk has it, whatever the
    /// name says. Fails with `NotFound` if the way up does not lead here.
    pub fn way_down(&self, name: &[u8]) -> io::Result<Vec<FileId>> {
        let top = self.dir().meta()?.id;
        let mut folder = if name.is_empty() { self.dir().again()? } else { self.folder(name)? };
        let mut way = vec![folder.meta()?.id];
        while way.last() != Some(&top) {
            folder = folder.above()?;
            let id = folder.meta()?.id;
            // The folder above `/` is `/` itself.
            if way.last() == Some(&id) || way.len() >= MAX_DEPTH {
                return Err(ErrorKind::NotFound.into());
            }
            way.push(id);
        }
        way.reverse();
        Ok(way)
    }

    /// Whether the folder of this name, or the next one above that is there, finds entries under other spellings, too.
    pub fn folds_case(&self, name: &[u8]) -> bool {
        let mut name = name;
        loop {
            if let Ok(folder) = self.folder(name) {
                return folder.folds_case();
            }
            let Some(slash) = name.iter().rposition(|&byte| byte == b'/') else { return self.dir().folds_case() };
            name = &name[..slash];
        }
    }
}

impl FolderHandle {
    /// This folder and those above it up to `/`, as far as they can be entered.
    pub fn way_up(&self) -> Vec<FileId> {
        let (mut way, mut folder) = (Vec::new(), self.again());
        while let Ok(here) = folder
            && let Ok(meta) = here.meta()
            // The folder above `/` is `/` itself.
            && way.last() != Some(&meta.id)
            && way.len() < MAX_DEPTH
        {
            way.push(meta.id);
            folder = here.above();
        }
        way
    }
}
