//! How full the folders of accounts with a quota are, counted for `ftpd check` within a time.

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::{Area, Tree};
use crate::auth::folders::FolderSection;
use crate::auth::user::User;
use crate::fs::homes::Homes;
use crate::fs::quota::walk;
use crate::fs::root::Links;
use crate::sys::meta::FileId;

/// Counts until a time, each folder once.
pub struct FillCount {
    deadline: Instant,
    known: HashMap<FileId, (u64, bool)>,
}

/// A folder with a quota.
pub struct Fill {
    /// Its section; `None` for the account's own.
    pub written: Option<Arc<FolderSection>>,
    /// Where it is on this machine.
    pub path: PathBuf,
    /// The bytes that it may hold.
    pub most: u64,
    /// The bytes that were counted.
    pub bytes: u64,
    /// All were counted in time.
    pub is_whole: bool,
}

impl FillCount {
    /// Counts until then.
    pub fn new(deadline: Instant) -> Self {
        Self { deadline, known: HashMap::new() }
    }

    /// The folders of an account with a quota of their own that are there.
    pub fn of(&mut self, user: &User) -> Vec<Fill> {
        let homes = Homes::default();
        // Others tell of a home that can't be opened.
        let Ok(home) = homes.open(&user.home, Links::Never, None) else { return Vec::new() };
        let tree = Tree::open(user, &home, &homes, Links::Never);
        tree.areas.iter().filter_map(|area| self.count(&tree, area).ok()?).collect()
    }

    /// The nearest quota that holds in an area and is used up.
    pub fn used_up(&mut self, tree: &Tree, area: &Area) -> Option<Fill> {
        let above = tree.areas_above(area).take_while(|above| above.mount == area.mount);
        let mut fills = above.filter_map(|area| self.count(tree, area).ok()?);
        fills.find(|fill| fill.bytes >= fill.most)
    }

    fn count(&mut self, tree: &Tree, area: &Area) -> io::Result<Option<Fill>> {
        let (Some(most), Some(root)) = (area.quota, tree.root_of(area)) else { return Ok(None) };
        let place = tree.place_of(area);
        let folder = root.handle_of(&place)?;
        let id = folder.meta()?.id;
        let (bytes, is_whole) = match self.known.get(&id) {
            Some(known) => *known,
            None => {
                let mut bytes = 0_u64;
                let walked = walk::files(folder.again()?, &tree.apart(&tree.mounts[area.mount]), |size| {
                    bytes = bytes.saturating_add(size);
                    if Instant::now() < self.deadline { Ok(()) } else { Err(ErrorKind::TimedOut.into()) }
                });
                let is_late = walked.as_ref().is_err_and(|error| error.kind() == ErrorKind::TimedOut);
                if !is_late {
                    walked?;
                }
                *self.known.entry(id).or_insert((bytes, !is_late))
            }
        };
        Ok(Some(Fill { written: area.written.clone(), path: root.real_path(&place), most, bytes, is_whole }))
    }
}
