//! Renaming with the same outcome on every file system.

use std::io::{self, ErrorKind};

use crate::sys::meta::FileKind;
use crate::sys::place::Place;

impl Place<'_> {
    /// Moves what is here to `to`, in place of what was there. Two links of one file stay as they are (`AlreadyExists`): the
    /// system would say that it is done, and do nothing.
    pub fn rename_over(&self, to: &Self) -> io::Result<()> {
        match self.rename_to_free(to) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
            Err(_) if self.meta()?.id != to.meta()?.id => self.rename(to),
            other => other,
        }
    }

    /// Moves what is here to `to` if nothing is there (else `AlreadyExists`), or only the same file under another spelling (on
    /// a disk that folds case).
    pub fn rename_to_free(&self, to: &Self) -> io::Result<()> {
        match self.rename_without_replacing(to) {
            Err(error) => match error.kind() {
                ErrorKind::InvalidInput | ErrorKind::Unsupported => self.rename_gently(to),
                ErrorKind::AlreadyExists if self.is_respelled(to)? => self.rename(to),
                _ => Err(error),
            },
            Ok(()) => Ok(()),
        }
    }

    /// The same for a file system that has no call for it.
    fn rename_gently(&self, to: &Self) -> io::Result<()> {
        if self.meta()?.kind == FileKind::File {
            match self.link(to) {
                Ok(()) => return self.remove_file(),
                Err(error) if error.kind() == ErrorKind::AlreadyExists && !self.is_respelled(to)? => return Err(error),
                // No hard links here, or one file under two spellings.
                Err(_) => {}
            }
        }
        match to.meta() {
            Err(error) if error.kind() == ErrorKind::NotFound => self.rename(to),
            Ok(_) if self.is_respelled(to)? => self.rename(to),
            Ok(_) => Err(ErrorKind::AlreadyExists.into()),
            Err(error) => Err(error),
        }
    }

    /// Whether both names are one file that has but one name: two hard links are two files to a rename.
    fn is_respelled(&self, other: &Self) -> io::Result<bool> {
        let (this, other) = (self.meta()?, other.meta()?);
        Ok(this.id == other.id && (this.links == 1 || this.kind == FileKind::Folder))
    }
}
