//! What all sessions together know of uploads: which files are being written, and which folders were swept.

use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustix::fs::AtFlags;

use crate::fs::folder::Folder;
use crate::fs::partial;
use crate::fs::place::{Handle, Place};
use crate::fs::root::Root;
use crate::protocol::path::VirtualPath;

/// The files that are being written now; shared by all sessions.
#[derive(Debug, Default)]
pub struct Writers {
    claimed: Mutex<HashSet<Spot>>,
    swept: Mutex<HashMap<(u64, u64), Instant>>,
}

/// A folder's device and inode, and a name in it.
type Spot = (u64, u64, Vec<u8>);

/// A file that no other session may write; given back by Drop.
#[derive(Debug)]
pub struct Claim {
    writers: Arc<Writers>,
    spot: Spot,
}

/// A folder is looked through for old partials at most that often.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);
/// So many folders are remembered as swept.
const MAX_SWEPT: usize = 4096;

impl Writers {
    /// Makes a file this session's own.
    ///
    /// # Errors
    /// `ResourceBusy` while it is another's.
    pub fn claim(writers: &Arc<Self>, spot: Spot) -> io::Result<Claim> {
        if !writers.claimed().insert(spot.clone()) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        Ok(Claim { writers: Arc::clone(writers), spot })
    }

    /// Removes a file, and what the account has kept of a broken overwrite of it.
    ///
    /// # Errors
    /// As the system says of the file itself.
    pub fn remove(&self, root: &Root, path: &VirtualPath, account: &str) -> io::Result<()> {
        let place = root.place(path)?.ok_or(io::ErrorKind::IsADirectory)?;
        let spot = place.identity()?;
        let claimed = self.claimed();
        // A partial that is being written will replace the file anyway.
        if !claimed.contains(&spot) {
            let _ = place.beside(&partial::name(account, &place.name)).unlink(AtFlags::empty());
        }
        drop(claimed);
        place.unlink(AtFlags::empty())
    }

    /// Removes the partials of a folder that holds nothing else, so that it can be removed; false where it can't.
    ///
    /// # Errors
    /// As the system says.
    pub fn clear(&self, root: &Root, path: &VirtualPath) -> io::Result<bool> {
        let mut folder = Folder::with_partials(root.open_folder(path)?);
        let (device, inode) = folder.own_meta()?.identity();
        let claimed = self.claimed();
        let mut names = Vec::new();
        while folder.advance()? {
            names.push(folder.name().to_vec());
        }
        let only_partials = names.iter().all(|name| partial::is_partial(name));
        if !only_partials || claimed.iter().any(|(of, at, _)| (*of, *at) == (device, inode)) {
            return Ok(false);
        }
        for name in names {
            folder.place(&name).unlink(AtFlags::empty())?;
        }
        Ok(true)
    }

    /// Removes the partials that were not touched for `max_age` from the folder of a claimed file; does nothing where
    /// that was done lately.
    pub fn sweep(&self, folder: &Handle, claim: &Claim, max_age: Duration) {
        // A folder that can't be read is not swept; nothing depends on it.
        let _ = self.try_sweep(folder, (claim.spot.0, claim.spot.1), max_age);
    }

    fn try_sweep(&self, handle: &Handle, identity: (u64, u64), max_age: Duration) -> io::Result<()> {
        let now = Instant::now();
        {
            let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
            if swept.get(&identity).is_some_and(|last| now.duration_since(*last) < SWEEP_INTERVAL) {
                return Ok(());
            }
            if swept.len() >= MAX_SWEPT {
                swept.clear();
            }
            swept.insert(identity, now);
        }
        let oldest = SystemTime::now().checked_sub(max_age).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let oldest = oldest.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        let mut folder = Folder::with_partials(handle.open_to_read()?);
        while folder.advance()? {
            if partial::is_partial(folder.name()) && folder.meta().is_ok_and(|meta| meta.modified < oldest) {
                let _ = folder.place(folder.name()).unlink(AtFlags::empty());
            }
        }
        Ok(())
    }

    fn claimed(&self) -> MutexGuard<'_, HashSet<Spot>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.writers.claimed().remove(&self.spot);
    }
}

impl Folder {
    /// A name in the folder.
    fn place<'n>(&'n self, name: &'n [u8]) -> Place<'n> {
        Place { folder: Handle::Home(self.handle()), name: name.into() }
    }
}
