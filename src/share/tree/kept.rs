//! Folders for which an account says how long files stay there (`keep`).

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Tree;
use crate::auth::accounts::Accounts;
use crate::auth::folders::Setting;
use crate::auth::user::User;
use crate::fs::expiry::Expiry;
pub use crate::fs::expiry::ExpiryCount;
pub use crate::fs::homes::Homes;
use crate::fs::root::{Links, Root};
use crate::protocol::path::VirtualPath;
use crate::sys::meta::FileId;

/// A folder that the files above it say nothing about.
pub struct KeptFolder {
    /// Which one it is.
    pub id: FileId,
    /// The home or mount that it lies in.
    pub root: Arc<Root>,
    /// Where it is in that.
    pub place: VirtualPath,
    /// How long files stay; `None` is for ever.
    pub keep: Option<Duration>,
    /// Whether the file says so.
    pub is_written: bool,
    /// Where it says so.
    pub line: String,
}

/// A folder for which some account says how long files stay, and what holds for it as all accounts have it.
pub struct KeptPlace {
    /// As the account has it that keeps them longest.
    pub folder: KeptFolder,
    /// Where others say less of the same folder.
    pub outdone: Vec<String>,
    /// Folders below it for which something else is said.
    pub spared: Vec<FileId>,
}

impl KeptFolder {
    /// Those of an account that are there now: its home, its mounts, and the folders of rules that say it.
    pub fn all_of(user: &User, homes: &Homes) -> io::Result<Vec<KeptFolder>> {
        let home = homes.open(&user.home, Links::Never, None)?;
        let tree = Tree::open(user, &home, homes, Links::Never);
        let found = tree.areas().iter().filter_map(|area| {
            let (setting, source) = match &area.written {
                None => (&user.keys.keep, user.source("keep")),
                Some(section) => (&section.keys.keep, section.source("keep")),
            };
            let place = tree.place_of(area);
            if *setting == Setting::Inherited && !place.is_root() {
                return None;
            }
            let (root, line) = (Arc::clone(tree.root_of(area)?), source.to_string());
            let (keep, is_written) = (setting.get().copied(), source.is_written());
            match tree.folder_of(area) {
                Ok(id) => Some(KeptFolder { id: id?, root, place, keep, is_written, line }),
                // It is there behind a folder that is closed just now, and may be opened before the walk comes by.
                Err(_) => {
                    let (id, place) = nearest(&root, &place)?;
                    Some(KeptFolder { id, root, place, keep: None, is_written: true, line })
                }
            }
        });
        Ok(found.collect())
    }
}

/// The nearest folder above a place that can be seen.
fn nearest(root: &Root, place: &VirtualPath) -> Option<(FileId, VirtualPath)> {
    let mut above = std::iter::successors(place.parent(), VirtualPath::parent);
    above.find_map(|place| Some((root.link_meta(&place).ok()?.id, place)))
}

impl KeptPlace {
    /// All of them, of all accounts. Accounts whose home can't be opened are left out.
    pub fn all_of(accounts: &Accounts, homes: &Homes) -> Vec<KeptPlace> {
        let found: Vec<Vec<KeptFolder>> =
            accounts.all().filter_map(|user| KeptFolder::all_of(user, homes).ok()).collect();
        let ids = |folders: &[KeptFolder]| folders.iter().map(|folder| folder.id).collect::<Vec<_>>();
        let written: Vec<FileId> =
            found.iter().flatten().filter(|folder| folder.is_written).map(|folder| folder.id).collect();
        let mut places: HashMap<FileId, Vec<(KeptFolder, Vec<FileId>)>> = HashMap::new();
        for of_account in found {
            let own = ids(&of_account);
            for folder in of_account.into_iter().filter(|folder| folder.is_written) {
                places.entry(folder.id).or_default().push((folder, own.clone()));
            }
        }
        places.into_iter().filter_map(|(id, folders)| KeptPlace::of(id, folders, &written)).collect()
    }

    /// Which files go at this time; `None` if all stay.
    pub fn expiry(&self, now: SystemTime) -> Option<Expiry<'_>> {
        let before = now.checked_sub(self.folder.keep?)?;
        Some(Expiry { root: &self.folder.root, folder: &self.folder.place, before, spared: &self.spared })
    }

    /// If accounts differ about a folder, files stay as long as any of them says.
    fn of(id: FileId, folders: Vec<(KeptFolder, Vec<FileId>)>, written: &[FileId]) -> Option<KeptPlace> {
        let (folders, own): (Vec<KeptFolder>, Vec<Vec<FileId>>) = folders.into_iter().unzip();
        let spared = written.iter().copied().chain(own.into_iter().flatten()).filter(|other| *other != id).collect();
        let time = |folder: &KeptFolder| folder.keep.unwrap_or(Duration::MAX);
        let longest = folders.iter().map(time).max();
        let (of_longest, others): (Vec<_>, Vec<_>) =
            folders.into_iter().partition(|folder| Some(time(folder)) == longest);
        let outdone = others.into_iter().map(|folder| folder.line).collect();
        Some(KeptPlace { folder: of_longest.into_iter().next()?, outdone, spared })
    }
}
