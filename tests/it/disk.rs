//! What is on the disk, to be compared before and after.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Every entry below a folder, with all that a client could change.
#[derive(Debug, PartialEq, Eq)]
pub struct Snapshot(BTreeMap<PathBuf, Entry>);

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    mode: u32,
    modified: (i64, i64),
    content: Vec<u8>,
}

/// Reads a whole folder; links are not followed.
pub fn snapshot(folder: &Path) -> Snapshot {
    let mut entries = BTreeMap::new();
    collect(folder, &mut entries);
    Snapshot(entries)
}

fn collect(path: &Path, entries: &mut BTreeMap<PathBuf, Entry>) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let kind = metadata.file_type();
    let content = match () {
        _ if kind.is_file() => fs::read(path).unwrap(),
        _ if kind.is_symlink() => fs::read_link(path).unwrap().into_os_string().into_encoded_bytes(),
        _ => Vec::new(),
    };
    let modified = (metadata.mtime(), metadata.mtime_nsec());
    entries.insert(path.to_owned(), Entry { mode: metadata.mode(), modified, content });
    if kind.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), entries);
        }
    }
}
