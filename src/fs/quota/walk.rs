//! Every file below a folder, each once, also if it has several names.

use std::collections::HashSet;
use std::io::{self, ErrorKind};

use crate::fs::folder::Folder;
use crate::sys::folder::FolderHandle;
use crate::sys::meta::{FileId, FileKind};

/// A folder whose own folders are still to be gone through.
struct Level {
    handle: FolderHandle,
    folders: Vec<Vec<u8>>,
}

/// What was met already.
#[derive(Default)]
struct Met {
    folders: HashSet<FileId>,
    /// Files with more names than one.
    linked: HashSet<FileId>,
    /// Something can't be read.
    is_partly_closed: bool,
}

/// Hands the size of each file below a folder on. Partials are files, too; folders that are `apart` are left out, with all that
/// is in them. What vanishes meanwhile counts nothing, nor does what can't be read: false if there is such.
pub fn files(top: FolderHandle, apart: &[FileId], mut take: impl FnMut(u64) -> io::Result<()>) -> io::Result<bool> {
    let mut met = Met::default();
    met.folders.extend(apart);
    met.folders.insert(top.meta()?.id);
    let mut levels = vec![read(top, &mut met, &mut take)?];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.folders.pop() else {
            levels.pop();
            continue;
        };
        let Some(folder) = met.seen(level.handle.child(&name)) else { continue };
        // What the name led to a moment ago may be another by now.
        if folder.meta().is_ok_and(|meta| met.folders.insert(meta.id))
            && let Some(level) =
                read(folder, &mut met, &mut take).map_or_else(|error| met.skip(error), |level| Ok(Some(level)))?
        {
            levels.push(level);
        }
    }
    Ok(!met.is_partly_closed)
}

impl Met {
    /// What was found, if it was.
    fn seen<T>(&mut self, found: io::Result<T>) -> Option<T> {
        found.inspect_err(|error| self.is_partly_closed |= error.kind() == ErrorKind::PermissionDenied).ok()
    }

    /// Leaves a folder out that can't be read.
    fn skip<T>(&mut self, error: io::Error) -> io::Result<Option<T>> {
        match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::NotFound => Ok(self.seen(Err(error))),
            _ => Err(error),
        }
    }
}

/// Reads one folder: its files are handed on, its folders are kept.
fn read(handle: FolderHandle, met: &mut Met, take: &mut impl FnMut(u64) -> io::Result<()>) -> io::Result<Level> {
    let mut entries = Folder::with_partials(handle.open_to_read()?);
    let mut folders = Vec::new();
    while entries.advance()? {
        let Some(meta) = met.seen(entries.meta()) else { continue };
        match meta.kind {
            FileKind::File if meta.links < 2 || met.linked.insert(meta.id) => take(meta.size)?,
            FileKind::Folder if !met.folders.contains(&meta.id) => folders.push(entries.name().to_vec()),
            FileKind::File | FileKind::Folder | FileKind::Link | FileKind::Other => {}
        }
    }
    Ok(Level { handle, folders })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn each_file_counts_once_and_what_is_apart_not_at_all() {
        let outside = tempfile::tempdir().expect("a temporary folder");
        let top = outside.path().join("top");
        fs::create_dir_all(top.join("a/b/c")).expect("made");
        fs::create_dir_all(top.join("mount/deep")).expect("made");
        for (name, size) in [("one", 1), ("a/two", 2), ("a/b/.ftpd-0123456789abcdef.part", 4), ("a/b/c/four", 8)] {
            fs::write(top.join(name), vec![0; size]).expect("written");
        }
        fs::write(top.join("mount/deep/other"), [0; 100]).expect("written");
        fs::write(outside.path().join("outside"), [0; 1000]).expect("written");
        fs::hard_link(top.join("a/two"), top.join("a/b/twin")).expect("linked");
        symlink("../outside", top.join("out")).expect("linked");
        symlink("a", top.join("in")).expect("linked");
        let apart = FolderHandle::open(&top.join("mount")).and_then(|mount| mount.meta()).expect("there").id;
        let sum = |apart: &[FileId]| {
            let mut sum = 0;
            let top = FolderHandle::open(&top).expect("there");
            files(top, apart, |size| {
                sum += size;
                Ok(())
            })
            .expect("walked");
            sum
        };
        assert_eq!((sum(&[apart]), sum(&[])), (15, 115));
    }
}
