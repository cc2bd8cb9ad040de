//! What an upload finds at its target: which file its bytes go to, opened or made, and locked.

use std::fs::File;
use std::io::{self, ErrorKind};

use crate::fs::partials;
use crate::fs::upload::{Placement, Refused};
use crate::sys::files;
use crate::sys::meta::{FileKind, Meta};
use crate::sys::place::Place;

/// The file that an upload's bytes go to.
#[derive(Debug)]
pub(super) struct Found {
    /// Open for its lock until the upload is over.
    pub(super) file: File,
    /// The file that is to be replaced, for its lock.
    _replaced: Option<File>,
    /// What stood at the target when the upload was opened.
    pub(super) old: Option<Meta>,
    pub(super) way: Way,
    /// It was made, empty, and is to be removed if nothing comes of it.
    pub(super) made: bool,
}

#[derive(Debug)]
pub(super) enum Way {
    /// Bytes go to the target itself.
    InPlace,
    /// Bytes go to the partial of this name, after those it holds already.
    Partial { name: Vec<u8>, held: u64 },
}

/// The permission bits of a new file, before the umask.
const ANYBODY: u32 = 0o666;

impl Found {
    /// Opens or makes the file; `partial` is the name of the account's partial, if atomic uploads are on.
    pub(super) fn find(
        target: &Place,
        old: Option<Meta>,
        placement: Placement,
        partial: Option<Vec<u8>>,
    ) -> Result<Self, Refused> {
        let Some(partial) = partial else { return Self::in_place(target, old, placement) };
        match placement {
            Placement::New => Self::in_place(target, old, placement),
            Placement::Continue(offset) => match partials::pending(&target.beside(&partial)) {
                None => Err(Refused::File(ErrorKind::NotFound.into())),
                Some(held) if held == offset => Ok(Self::resumed(target, old, partial, held)?),
                Some(held) => Err(Refused::Pending(held)),
            },
            Placement::Replace => match Self::partial(target, old, partial) {
                // The folder takes no new files, but this one may be written.
                Err(error) if old.is_some() && no_new_files(&error) => Self::in_place(target, old, placement),
                found => Ok(found?),
            },
            Placement::Resume(_) | Placement::Append | Placement::AppendToOld => {
                match partials::pending(&target.beside(&partial)) {
                    None => Self::in_place(target, old, placement),
                    Some(held) if placement == Placement::Resume(held) => {
                        Ok(Self::resumed(target, old, partial, held)?)
                    }
                    Some(held) => Err(Refused::Pending(held)),
                }
            }
        }
    }

    fn in_place(target: &Place, old: Option<Meta>, placement: Placement) -> Result<Self, Refused> {
        // What is opened counts, not what was seen before.
        let (file, meta) = match (placement, old) {
            (Placement::Resume(_), None) => return Err(Refused::AfterTheEnd),
            (Placement::AppendToOld, None) | (Placement::Continue(_), _) => {
                return Err(Refused::File(ErrorKind::NotFound.into()));
            }
            (_, None) | (Placement::New, _) => {
                let file = target.create_file(ANYBODY)?;
                target.lock_new(&file)?;
                return Ok(Self { file, _replaced: None, old: None, way: Way::InPlace, made: true });
            }
            (Placement::Append | Placement::AppendToOld, Some(_)) => target.open_to_append()?,
            (Placement::Replace | Placement::Resume(_), Some(_)) => target.open_to_write()?,
        };
        target.lock(&file)?;
        if matches!(placement, Placement::Resume(offset) if offset > meta.size) {
            return Err(Refused::AfterTheEnd);
        }
        Ok(Self { file, _replaced: None, old: Some(meta), way: Way::InPlace, made: false })
    }

    /// The partial of an earlier try, which is resumed at its end.
    fn resumed(target: &Place, old: Option<Meta>, name: Vec<u8>, held: u64) -> io::Result<Self> {
        let partial = target.beside(&name);
        let (file, _) = partial.open_to_write()?;
        partial.lock(&file)?;
        let replaced = lock_replaced(target, old.as_ref())?;
        Ok(Self { file, _replaced: replaced, old, way: Way::Partial { name, held }, made: false })
    }

    /// A new partial, or that of an earlier try, which is emptied before the first byte. Only those who may see the old file
    /// may see it.
    fn partial(target: &Place, old: Option<Meta>, name: Vec<u8>) -> io::Result<Self> {
        if let Some(old) = &old {
            if old.kind != FileKind::File {
                // Says why: a folder, a device.
                target.open_to_write()?;
            }
            target.may_replace(old)?;
        }
        let replaced = lock_replaced(target, old.as_ref())?;
        let partial = target.beside(&name);
        let (file, made) = match partial.create_file(old.map_or(ANYBODY, |old| old.mode & 0o777)) {
            Ok(file) => (file, true),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => (partial.open_to_write()?.0, false),
            Err(error) => return Err(error),
        };
        if made { partial.lock_new(&file) } else { partial.lock(&file) }?;
        if let Some(old) = &old {
            files::take_over(&file, old)?;
        }
        Ok(Self { file, _replaced: replaced, old, way: Way::Partial { name, held: 0 }, made })
    }
}

/// Keeps other processes from writing what is to be replaced, if it can be opened for that.
fn lock_replaced(target: &Place, old: Option<&Meta>) -> io::Result<Option<File>> {
    let Some(Ok((file, _))) = old.map(|_| target.open_to_write()) else { return Ok(None) };
    target.lock(&file).map(|()| Some(file))
}

fn no_new_files(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}
