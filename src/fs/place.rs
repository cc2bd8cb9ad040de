//! A name in an opened folder: what is made, renamed or removed is named once, against the folder's handle.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Deref;

use crate::sys::files;
use crate::sys::folder::FolderHandle;
use crate::sys::meta::{FileId, FileKind, Meta};

/// A folder's handle.
#[derive(Debug)]
pub enum Handle<'a> {
    /// One that is kept open elsewhere, such as the home's.
    Borrowed(&'a FolderHandle),
    /// One that was opened for this.
    Opened(FolderHandle),
}

/// A folder's handle and one name in it, which is never followed if it is a link.
#[derive(Debug)]
pub struct Place<'a> {
    /// The folder.
    pub folder: Handle<'a>,
    /// The name: one component.
    pub name: Cow<'a, [u8]>,
    /// Which folder it is, if that is known.
    pub known: Option<FileId>,
}

impl Place<'_> {
    /// Which folder it is.
    pub fn folder_id(&self) -> io::Result<FileId> {
        self.known.map_or_else(|| Ok(self.folder.meta()?.id), Ok)
    }

    /// What is here.
    pub fn meta(&self) -> io::Result<Meta> {
        self.folder.meta_of(&self.name)
    }

    /// Opens the regular file here to write from its beginning. Fails with `Unsupported` for a FIFO, socket or device, with
    /// `IsADirectory` for a folder; it never blocks.
    pub fn open_to_write(&self) -> io::Result<(File, Meta)> {
        self.folder.open_to_write(&self.name)
    }

    /// The same, to write to its end, wherever that is by then.
    pub fn open_to_append(&self) -> io::Result<(File, Meta)> {
        self.folder.open_to_append(&self.name)
    }

    /// Makes a new regular file here with these permission bits less the umask, opened to write. Fails with
    /// `AlreadyExists` if anything is here, even a broken link.
    pub fn create_file(&self, bits: u32) -> io::Result<File> {
        self.folder.create_file(&self.name, bits)
    }

    /// Keeps other processes from writing the file that was opened here, as long as it is open. Fails with `ResourceBusy`
    /// while another one does so, or if it has given the file another name meanwhile.
    pub fn lock(&self, file: &File) -> io::Result<()> {
        lock_if(file, |opened| self.meta().is_ok_and(|named| named.id == opened.id))
    }

    /// The same for a file that was just made here: another process that got hold of it before would have put something in.
    pub fn lock_new(&self, file: &File) -> io::Result<()> {
        lock_if(file, |opened| opened.size == 0)
    }

    /// Removes the file here, unless another process writes it (`ResourceBusy`).
    pub fn remove_idle_file(&self) -> io::Result<()> {
        let opened = match self.open_to_write() {
            Ok((file, _)) => Some(file),
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(error),
            // Nobody writes it through here either.
            Err(_) => None,
        };
        opened.as_ref().map_or(Ok(()), |file| self.lock(file))?;
        self.remove_file()
    }

    /// Removes the file or link here.
    pub fn remove_file(&self) -> io::Result<()> {
        self.folder.remove_file(&self.name)
    }

    /// Removes the empty folder here.
    pub fn remove_folder(&self) -> io::Result<()> {
        self.folder.remove_folder(&self.name)
    }

    /// Moves what is here to `to`, in place of what was there.
    pub fn rename(&self, to: &Self) -> io::Result<()> {
        self.folder.rename(&self.name, &to.folder, &to.name)
    }

    /// The same, but two links of one file stay as they are (`AlreadyExists`): the system would say that it is done, and do
    /// nothing.
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
        match self.folder.rename_to_free(&self.name, &to.folder, &to.name) {
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
            match self.folder.add_name(&self.name, &to.folder, &to.name) {
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

    /// Another name in the same folder.
    pub fn beside<'n>(&'n self, name: &'n [u8]) -> Place<'n> {
        Place { folder: Handle::Borrowed(&self.folder), name: Cow::Borrowed(name), known: self.known }
    }

    /// Fails if this thread may not replace the file here, of which `meta` is known.
    pub fn may_replace(&self, meta: &Meta) -> io::Result<()> {
        self.folder.may_replace(&self.name, meta)
    }

    /// Whether both names are one file that has but one name: two hard links are two files to a rename.
    fn is_respelled(&self, other: &Self) -> io::Result<bool> {
        let (this, other) = (self.meta()?, other.meta()?);
        Ok(this.id == other.id && (this.links == 1 || this.kind == FileKind::Folder))
    }
}

impl Deref for Handle<'_> {
    type Target = FolderHandle;

    fn deref(&self) -> &FolderHandle {
        match self {
            Self::Borrowed(handle) => handle,
            Self::Opened(handle) => handle,
        }
    }
}

fn lock_if(file: &File, is_ours: impl Fn(&Meta) -> bool) -> io::Result<()> {
    let busy = Err(ErrorKind::ResourceBusy.into());
    match files::lock(file) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::WouldBlock => return busy,
        // A file system without locks.
        Err(_) => return Ok(()),
    }
    if is_ours(&files::meta(file)?) { Ok(()) } else { busy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_locked_once_and_only_under_the_name_that_it_has() {
        let folder = tempfile::tempdir().expect("a folder");
        let handle = || Handle::Opened(FolderHandle::open(folder.path()).expect("opened"));
        let [place, other] =
            [&b"one"[..], b"other"].map(|name| Place { folder: handle(), name: name.into(), known: None });
        let busy = |file: &File| place.lock(file).is_err_and(|error| error.kind() == ErrorKind::ResourceBusy);
        let first = place.create_file(0o600).expect("made");
        let (second, _) = place.open_to_write().expect("opened");
        place.lock(&first).expect("free");
        assert!(busy(&second), "the first one has it");
        place.rename(&other).expect("renamed");
        drop(first);
        assert!(busy(&second), "it is another file by now");
        let third = place.create_file(0o600).expect("made");
        assert!(busy(&second));
        place.lock(&third).expect("free");
    }

    #[test]
    fn a_new_file_into_which_somebody_has_put_something_is_not_new() {
        let folder = tempfile::tempdir().expect("a folder");
        let handle = Handle::Opened(FolderHandle::open(folder.path()).expect("opened"));
        let place = Place { folder: handle, name: b"new"[..].into(), known: None };
        let file = place.create_file(0o600).expect("made");
        place.lock_new(&file).expect("free");
        file.set_len(1).expect("written");
        assert!(place.lock_new(&file).is_err());
    }
}
