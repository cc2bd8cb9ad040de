//! One writer of a file among all processes, as far as its file system has locks.

use std::fs::File;
use std::io::{self, ErrorKind};

use crate::sys::files;
use crate::sys::meta::Meta;
use crate::sys::place::Place;

impl Place<'_> {
    /// Keeps other processes from writing the file that was opened here, as long as it is open. Fails with `ResourceBusy`
    /// while another one does so, or if it has given the file another name meanwhile.
    pub fn lock(&self, file: &File) -> io::Result<()> {
        lock_if(file, |opened| self.meta().is_ok_and(|named| named.id == opened.id))
    }

    /// The same for a file that was just made here: a process that locked it before would have written to it.
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
    use crate::sys::folder::FolderHandle;
    use crate::sys::place::Handle;

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
