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
use crate::sys::meta::{FileId, Meta};

/// The files that are being written now; shared by all sessions.
#[derive(Debug, Default)]
pub struct Writers {
    claimed: Mutex<HashSet<Spot>>,
    swept: Mutex<HashMap<(u64, u64), Instant>>,
}

/// A folder's device and inode and a name in it; or a file's own, without a name, for all its names.
type Spot = (u64, u64, Vec<u8>);

/// Names that no other session may write; given back by Drop.
#[derive(Debug)]
pub struct Claim {
    writers: Arc<Writers>,
    /// The first one is that of the target.
    spots: Vec<Spot>,
}

/// A folder is looked through for old partials at most that often.
const SWEEP_INTERVAL: Duration = Duration::from_secs(3600);
/// So many folders are remembered as swept.
const MAX_SWEPT: usize = 4096;

impl Writers {
    /// Makes a file this session's own, and the partial beside it.
    ///
    /// # Errors
    /// `ResourceBusy` while it is another's.
    pub fn claim(writers: &Arc<Self>, target: &Place, partial: Option<&[u8]>) -> io::Result<Claim> {
        let FileId { device, inode } = target.folder_id()?;
        let mut claim = Claim { writers: Arc::clone(writers), spots: Vec::with_capacity(2) };
        for name in std::iter::once(target.name.as_ref()).chain(partial) {
            claim.extend((device, inode, name.to_vec()))?;
        }
        Ok(claim)
    }

    /// Removes a file, and then what the account has kept of a broken overwrite of it; either alone will do.
    ///
    /// # Errors
    /// As the system says of the file itself.
    pub fn remove(writers: &Arc<Self>, root: &Root, path: &VirtualPath, account: &str) -> io::Result<()> {
        let place = root.place(path)?.ok_or(io::ErrorKind::IsADirectory)?;
        // A partial that is being written will replace the file anyway.
        let claim = Self::claim(writers, &place, None);
        let removed = place.unlink(AtFlags::empty());
        let gone = removed.as_ref().err().is_none_or(|error| error.kind() == io::ErrorKind::NotFound);
        let forgotten = || place.beside(&partial::name(account, &place.name)).unlink_idle().is_ok();
        if gone && claim.is_ok() && forgotten() { Ok(()) } else { removed }
    }

    /// Removes the partials of a folder that holds nothing else, so that it can be removed; false where it can't.
    ///
    /// # Errors
    /// As the system says.
    pub fn clear(&self, root: &Root, path: &VirtualPath) -> io::Result<bool> {
        let mut folder = Folder::with_partials(root.open_folder(path)?);
        let FileId { device, inode } = folder.own_meta()?.id;
        let mut names = Vec::new();
        while folder.advance()? {
            if !partial::is_partial(folder.name()) {
                return Ok(false);
            }
            names.push(folder.name().to_vec());
        }
        if self.claimed().iter().any(|(of, at, _)| (*of, *at) == (device, inode)) {
            return Ok(false);
        }
        for name in names {
            match folder.place(&name).unlink_idle() {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => return Ok(false),
                other => other?,
            }
        }
        Ok(true)
    }

    /// True for the first session that asks within the interval.
    fn may_sweep(&self, folder: (u64, u64), now: Instant) -> bool {
        let mut swept = self.swept.lock().unwrap_or_else(PoisonError::into_inner);
        if swept.get(&folder).is_some_and(|last| now.duration_since(*last) < SWEEP_INTERVAL) {
            return false;
        }
        if swept.len() >= MAX_SWEPT {
            swept.clear();
        }
        swept.insert(folder, now);
        true
    }

    fn claimed(&self) -> MutexGuard<'_, HashSet<Spot>> {
        self.claimed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The device of the target's folder.
    pub fn device(&self) -> Option<u64> {
        self.spots.first().map(|(device, ..)| *device)
    }

    /// Makes the other names of a file this session's own, too.
    ///
    /// # Errors
    /// `ResourceBusy` while it is written under one of them.
    pub fn extend_to_all_names(&mut self, file: &Meta) -> io::Result<()> {
        let FileId { device, inode } = file.id;
        if file.links > 1 { self.extend((device, inode, Vec::new())) } else { Ok(()) }
    }

    /// Removes the partials that were not touched for `max_age` and that nobody writes from the folder of the claimed
    /// file; does nothing where that was done lately.
    pub fn sweep(&self, folder: &Handle, max_age: Duration) {
        // A folder that can't be read is not swept; nothing depends on it.
        let _ = self.try_sweep(folder, max_age);
    }

    fn try_sweep(&self, handle: &Handle, max_age: Duration) -> io::Result<()> {
        let Some(&(device, inode, _)) = self.spots.first() else { return Ok(()) };
        if !self.writers.may_sweep((device, inode), Instant::now()) {
            return Ok(());
        }
        let oldest = SystemTime::now().checked_sub(max_age).and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let oldest = oldest.map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
        let mut folder = Folder::with_partials(handle.open_to_read()?);
        while folder.advance()? {
            let is_old = partial::is_partial(folder.name()) && folder.meta().is_ok_and(|meta| meta.modified < oldest);
            if is_old && !self.writers.claimed().contains(&(device, inode, folder.name().to_vec())) {
                let _ = folder.place(folder.name()).unlink_idle();
            }
        }
        Ok(())
    }

    fn extend(&mut self, spot: Spot) -> io::Result<()> {
        if !self.writers.claimed().insert(spot.clone()) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        self.spots.push(spot);
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = self.writers.claimed();
        for spot in &self.spots {
            claimed.remove(spot);
        }
    }
}

impl Folder {
    /// A name in the folder.
    fn place<'n>(&'n self, name: &'n [u8]) -> Place<'n> {
        Place { folder: Handle::Borrowed(self.handle()), name: name.into(), known: None }
    }
}
