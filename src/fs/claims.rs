//! Which files are being written: only one session writes a file, whatever name it uses.

use std::collections::HashSet;
use std::io;
use std::iter;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::sys::meta::{FileId, Meta};
use crate::sys::place::Place;

/// The files that are being written now; shared by all sessions.
#[derive(Debug, Default)]
pub struct Claims(Mutex<HashSet<Claimed>>);

/// A name in a folder; or a file, without a name, for all its names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Claimed {
    id: FileId,
    name: Vec<u8>,
}

/// A file that no other session may write; Drop gives it back.
#[derive(Debug)]
pub struct Claim {
    claims: Arc<Claims>,
    folder: FileId,
    held: Vec<Claimed>,
}

impl Claims {
    /// Makes a file this session's own, and the partial beside it. Fails with `ResourceBusy` while it is another's.
    pub fn claim(self: &Arc<Self>, target: &Place, partial: Option<&[u8]>) -> io::Result<Claim> {
        let mut claim = Claim { claims: Arc::clone(self), folder: target.folder_id()?, held: Vec::with_capacity(2) };
        for name in iter::once(target.name.as_ref()).chain(partial) {
            claim.add(claim.folder, name)?;
        }
        Ok(claim)
    }

    /// Whether any session writes the file of this name.
    pub fn has(&self, folder: FileId, name: &[u8]) -> bool {
        self.0.lock().contains(&Claimed { id: folder, name: name.to_vec() })
    }

    /// Whether any session writes a file in this folder.
    pub fn has_any_in(&self, folder: FileId) -> bool {
        self.0.lock().iter().any(|claimed| claimed.id == folder)
    }
}

impl Claim {
    /// The folder of the file.
    pub fn folder(&self) -> FileId {
        self.folder
    }

    /// Makes the other names of the file this session's own, too. Fails with `ResourceBusy` while it is written under one
    /// of them.
    pub fn extend_to_all_names(&mut self, file: &Meta) -> io::Result<()> {
        if file.links > 1 { self.add(file.id, b"") } else { Ok(()) }
    }

    fn add(&mut self, id: FileId, name: &[u8]) -> io::Result<()> {
        let claimed = Claimed { id, name: name.to_vec() };
        if !self.claims.0.lock().insert(claimed.clone()) {
            return Err(io::ErrorKind::ResourceBusy.into());
        }
        self.held.push(claimed);
        Ok(())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut claimed = self.claims.0.lock();
        for held in &self.held {
            claimed.remove(held);
        }
    }
}
