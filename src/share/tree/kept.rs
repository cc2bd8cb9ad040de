//! Folders for which an account says how long files stay there (`keep`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use super::Tree;
use crate::auth::folders::Setting;
use crate::auth::user::User;
use crate::fs::homes::Homes;
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
            let (id, root) = (tree.folder_of(area)?, Arc::clone(tree.root_of(area)?));
            Some(KeptFolder {
                id,
                root,
                place,
                keep: setting.get().copied(),
                is_written: source.is_written(),
                line: source.to_string(),
            })
        });
        Ok(found.collect())
    }
}
