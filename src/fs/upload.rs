//! A file that is being uploaded: one writer at a time, and nothing is changed or left behind before data can come.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{AtFlags, OFlags};

use crate::fs::place::Place;
use crate::fs::root::Root;
use crate::protocol::path::VirtualPath;

/// How an upload meets the file that may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// STOR: the new bytes are the whole file.
    Replace,
    /// REST n, STOR: the new bytes overwrite the file from there on.
    Resume(u64),
    /// APPE: the new bytes come behind the old ones, whoever else writes.
    Append,
    /// The same, for an account that may not make files.
    AppendToOld,
    /// STOU: no file may be there.
    New,
}

/// The files that are being written now; shared by all sessions.
#[derive(Debug, Default)]
pub struct Writers(Mutex<HashSet<Spot>>);

/// A folder's device and inode, and a name in it.
type Spot = (u64, u64, Vec<u8>);

/// A file opened for an upload. Dropped before [`Upload::begin`], it leaves everything as it was.
#[derive(Debug)]
pub struct Upload<'a> {
    file: File,
    mode: Mode,
    size: u64,
    /// The place of a file that was made for this upload and holds nothing yet.
    made: Option<Place<'a>>,
    _claim: Claim,
}

/// A file that no other session may write; given back by Drop.
#[derive(Debug)]
struct Claim {
    writers: Arc<Writers>,
    spot: Spot,
}

impl<'a> Upload<'a> {
    /// Opens or makes the file; existing content is not touched yet.
    ///
    /// # Errors
    /// `ResourceBusy` while another session writes it, `InvalidInput` where a resume begins behind its end, else as the
    /// system says.
    pub fn open(root: &'a Root, path: &'a VirtualPath, mode: Mode, writers: &Arc<Writers>) -> io::Result<Self> {
        let (place, existing) = root.locate(path)?;
        let claim = Claim::new(writers, place.identity()?)?;
        if existing.is_some() && mode != Mode::New {
            let position =
                if matches!(mode, Mode::Append | Mode::AppendToOld) { OFlags::APPEND } else { OFlags::empty() };
            let (file, meta) = place.open_for_write(position)?;
            if matches!(mode, Mode::Resume(offset) if offset > meta.size) {
                return Err(io::ErrorKind::InvalidInput.into());
            }
            return Ok(Self { file, mode, size: meta.size, made: None, _claim: claim });
        }
        match mode {
            Mode::Resume(_) => return Err(io::ErrorKind::InvalidInput.into()),
            Mode::AppendToOld => return Err(io::ErrorKind::NotFound.into()),
            Mode::Replace | Mode::Append | Mode::New => {}
        }
        let file = place.create_file()?;
        Ok(Self { file, mode, size: 0, made: Some(place), _claim: claim })
    }

    /// The data connection stands: brings the file to the state in which the first byte may be written.
    ///
    /// # Errors
    /// As the system says.
    pub fn begin(&mut self) -> io::Result<&mut File> {
        self.made = None;
        match self.mode {
            Mode::Replace if self.size > 0 => self.file.set_len(0)?,
            Mode::Resume(offset) => {
                self.file.seek(SeekFrom::Start(offset))?;
            }
            Mode::Replace | Mode::Append | Mode::AppendToOld | Mode::New => {}
        }
        Ok(&mut self.file)
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.made.take() {
            // It is empty and ours; if it can't be removed, an empty file is all that stays.
            let _ = place.unlink(AtFlags::empty());
        }
    }
}

impl Claim {
    fn new(writers: &Arc<Writers>, spot: Spot) -> io::Result<Self> {
        let mut spots = writers.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !spots.insert(spot.clone()) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        drop(spots);
        Ok(Self { writers: Arc::clone(writers), spot })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.writers.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.spot);
    }
}
