//! What is on the disk: every entry by its real place, no link followed, and what became of it.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    Link,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub kind: Kind,
    /// Device and inode.
    pub id: (u64, u64),
    pub mode: u32,
    pub modified: (i64, i64),
    /// The bytes of a file, or where a link leads.
    pub content: Vec<u8>,
}

/// All entries below some folders, those included.
#[derive(Default)]
pub struct Disk(pub BTreeMap<PathBuf, Entry>);

/// What happened to a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Made,
    Removed,
    /// Another file, or other bytes.
    Content,
    Mode,
    Time,
}

impl Disk {
    pub fn read(folder: &Path) -> Disk {
        let mut disk = Disk::default();
        disk.collect(folder);
        disk
    }

    fn collect(&mut self, path: &Path) {
        let found = fs::symlink_metadata(path).unwrap();
        let (kind, content) = match found.file_type() {
            kind if kind.is_dir() => (Kind::Folder, Vec::new()),
            kind if kind.is_symlink() => (Kind::Link, fs::read_link(path).unwrap().as_os_str().as_bytes().to_vec()),
            _ => (Kind::File, fs::read(path).unwrap()),
        };
        let (id, modified) = ((found.dev(), found.ino()), (found.mtime(), found.mtime_nsec()));
        self.0.insert(path.to_owned(), Entry { kind, id, mode: found.mode() & 0o7777, modified, content });
        if kind == Kind::Folder {
            fs::read_dir(path).unwrap().for_each(|entry| self.collect(&entry.unwrap().path()));
        }
    }

    pub fn at(&self, place: &Path) -> Option<&Entry> {
        self.0.get(place)
    }

    pub fn is_folder(&self, place: &Path) -> bool {
        self.at(place).is_some_and(|entry| entry.kind == Kind::Folder)
    }

    /// The names of a folder's entries.
    pub fn names(&self, folder: &Path) -> Vec<String> {
        let children = self.0.keys().filter(|place| place.parent() == Some(folder));
        children.map(|place| name_of(place).to_owned()).collect()
    }

    /// Places with this property.
    pub fn places(&self, has: impl Fn(&Path, &Entry) -> bool) -> Vec<PathBuf> {
        self.0.iter().filter(|(place, entry)| has(place, entry)).map(|(place, _)| place.clone()).collect()
    }

    /// Every place that is not as it was. Of a folder that is gone or new, what lies in it is left out; so is the time of a
    /// folder in which entries came, went or were replaced.
    pub fn changes(&self, after: &Disk) -> Vec<(PathBuf, Change)> {
        let mut changes = Vec::new();
        let is_top = |disk: &Disk, place: &Path| place.parent().is_some_and(|parent| disk.at(parent).is_some());
        for (place, old) in &self.0 {
            match after.at(place) {
                None if is_top(after, place) => changes.push((place.clone(), Change::Removed)),
                None => {}
                Some(new) if new.kind != old.kind || new.content != old.content => {
                    changes.push((place.clone(), Change::Content));
                }
                Some(new) if new.id != old.id && new.kind == Kind::Folder => {
                    changes.extend([(place.clone(), Change::Removed), (place.clone(), Change::Made)]);
                }
                Some(new) if new.id != old.id => changes.push((place.clone(), Change::Content)),
                Some(new) => {
                    changes.extend((new.mode != old.mode).then(|| (place.clone(), Change::Mode)));
                    changes.extend((new.modified != old.modified).then(|| (place.clone(), Change::Time)));
                }
            }
        }
        let new = after.0.keys().filter(|place| self.at(place).is_none() && is_top(self, place));
        changes.extend(new.map(|place| (place.clone(), Change::Made)));
        let touched: Vec<PathBuf> = changes
            .iter()
            .filter(|(_, change)| matches!(change, Change::Made | Change::Removed | Change::Content))
            .filter_map(|(place, _)| Some(place.parent()?.to_owned()))
            .collect();
        changes.retain(|(place, change)| *change != Change::Time || !self.is_folder(place) || !touched.contains(place));
        changes
    }
}

/// The last component of a place whose names are all of this test.
pub fn name_of(place: &Path) -> &str {
    place.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
