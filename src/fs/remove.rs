//! Removing files and folders, with the partials that no client sees.

use std::io::{self, ErrorKind};
use std::sync::Arc;

use crate::fs::claims::Claims;
use crate::fs::root::Root;
use crate::fs::{partial, partials};
use crate::protocol::path::VirtualPath;
use crate::sys::place::Place;

impl Root {
    /// Removes a file, and then what the account has kept of a broken overwrite of it; either alone will do.
    pub fn remove_file(&self, path: &VirtualPath, account: &str, claims: &Arc<Claims>) -> io::Result<()> {
        let place = self.place(path)?.ok_or(ErrorKind::IsADirectory)?;
        // A partial that is being written will replace the file anyway.
        let claim = claims.claim(&place, None);
        let removed = place.remove_file();
        let gone = removed.as_ref().err().is_none_or(|error| error.kind() == ErrorKind::NotFound);
        let forgotten = || place.beside(&partial::name(account, &place.name)).remove_idle_file().is_ok();
        if gone && claim.is_ok() && forgotten() { Ok(()) } else { removed }
    }

    /// The bytes that the account has kept of a broken upload of this file; `None` if nothing is kept.
    pub fn pending(&self, path: &VirtualPath, account: &str) -> io::Result<Option<u64>> {
        let (place, _) = self.locate(path)?;
        Ok(partials::pending(&place.beside(&partial::name(account, &place.name))))
    }

    /// Removes what the account has kept of a broken upload of this file. `ResourceBusy` while it is being written.
    pub fn forget(&self, path: &VirtualPath, account: &str) -> io::Result<()> {
        let (place, _) = self.locate(path)?;
        place.beside(&partial::name(account, &place.name)).remove_idle_file()
    }

    /// The bytes that [`Self::remove_file`] would free; `None` while it is being written.
    pub fn bytes_of(&self, path: &VirtualPath, account: &str, claims: &Claims) -> Option<u64> {
        let place = self.place(path).ok()??;
        let partial = partial::name(account, &place.name);
        let size = |place: &Place| place.meta().ok().map_or(0, |meta| meta.sole_bytes());
        let is_free = !claims.has(place.folder_id().ok()?, &place.name);
        is_free.then(|| size(&place).saturating_add(size(&place.beside(&partial))))
    }

    /// Removes a folder that is empty as far as a client can see; never the home itself.
    pub fn remove_folder(&self, path: &VirtualPath, claims: &Claims) -> io::Result<()> {
        match self.remove_empty_folder(path) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                if partials::clear(self, path, claims)? {
                    self.remove_empty_folder(path)
                } else {
                    Err(error)
                }
            }
            removed => removed,
        }
    }

    fn remove_empty_folder(&self, path: &VirtualPath) -> io::Result<()> {
        self.place(path)?.ok_or(ErrorKind::PermissionDenied)?.remove_folder()
    }
}
