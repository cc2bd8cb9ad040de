//! Every file below a folder, each once: whatever names it has, and whatever ways lead to it.

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
}

/// Hands the size of each file below a folder on. Partials are files, too; folders that are `apart` are left out, with all that
/// is in them. What can't be read or vanishes meanwhile counts nothing.
pub fn files(top: FolderHandle, apart: &[FileId], mut take: impl FnMut(u64) -> io::Result<()>) -> io::Result<()> {
    let mut met = Met::default();
    met.folders.extend(apart);
    met.folders.insert(top.meta()?.id);
    let mut levels = vec![read(top, &mut met, &mut take)?];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.folders.pop() else {
            levels.pop();
            continue;
        };
        let Ok(folder) = level.handle.child(&name) else { continue };
        // What the name led to a moment ago may be another by now.
        if folder.meta().is_ok_and(|meta| met.folders.insert(meta.id))
            && let Some(level) = skipping(read(folder, &mut met, &mut take))?
        {
            levels.push(level);
        }
    }
    Ok(())
}

/// Reads one folder: its files are handed on, its folders are kept.
fn read(handle: FolderHandle, met: &mut Met, take: &mut impl FnMut(u64) -> io::Result<()>) -> io::Result<Level> {
    let mut entries = Folder::with_partials(handle.open_to_read()?);
    let mut folders = Vec::new();
    while entries.advance()? {
        let Ok(meta) = entries.meta() else { continue };
        match meta.kind {
            FileKind::File if meta.links < 2 || met.linked.insert(meta.id) => take(meta.size)?,
            FileKind::Folder if !met.folders.contains(&meta.id) => folders.push(entries.name().to_vec()),
            FileKind::File | FileKind::Folder | FileKind::Link | FileKind::Other => {}
        }
    }
    Ok(Level { handle, folders })
}

/// Leaves a folder out that can't be read.
fn skipping(level: io::Result<Level>) -> io::Result<Option<Level>> {
    match level {
        Err(error) if matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::NotFound) => Ok(None),
        other => other.map(Some),
    }
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
