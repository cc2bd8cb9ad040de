//! A file that is being uploaded: one writer at a time, and the old file stays until the new one is whole.
//!
//! STOR writes to a hidden partial in the target's own folder ([`crate::fs::partial`]) and renames it at the end. When
//! a transfer breaks, what arrived of a *new* file appears under its name, so that every client can resume as it always
//! does; what arrived for an *existing* one stays hidden, the old file is untouched, and REST with exactly the number of
//! bytes that are kept goes on from there. Resuming an ordinary file, appending, STOU, and everything with atomic
//! uploads off is written in place.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::{AtFlags, Gid, Mode as Bits, OFlags, Uid};

use crate::fs::entry::{Kind, Meta};
use crate::fs::partial;
use crate::fs::place::Place;
use crate::fs::root::Root;
use crate::fs::writers::{Claim, Writers};
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

/// What the administrator wants of all uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// A file replaces another only when it is whole.
    pub atomic: bool,
    /// A finished upload is on the disk, not only in the page cache.
    pub durable: bool,
    /// Partials that were not touched for so long are removed.
    pub max_age: Duration,
}

/// Why an upload can't begin.
#[derive(Debug)]
pub enum Refusal {
    /// The file system says no.
    File(io::Error),
    /// A resume would begin behind the end of the file.
    BehindTheEnd,
    /// A broken overwrite of this file waits to be resumed at exactly this byte.
    Pending(u64),
}

/// What is left of an upload that broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// Nothing; what was there before is there still.
    Nothing,
    /// So many bytes, under the file's name.
    Shown(u64),
    /// So many bytes, hidden: the old file has its name.
    Hidden(u64),
}

/// A file opened for an upload. Dropped before [`Upload::begin`], it leaves everything as it was.
#[derive(Debug)]
pub struct Upload<'a> {
    file: File,
    target: Place<'a>,
    /// What stood at the target when the upload was opened.
    old: Option<Meta>,
    mode: Mode,
    way: Way,
    policy: Policy,
    writers: Arc<Writers>,
    /// An empty file was made and is to be removed when nothing comes of it.
    made: bool,
    claim: Claim,
}

#[derive(Debug)]
enum Way {
    /// Bytes go to the target itself.
    InPlace,
    /// Bytes go to the partial of this name, behind those it holds already.
    Partial { name: Vec<u8>, held: u64 },
}

impl<'a> Upload<'a> {
    /// Opens or makes the file; existing content is not touched yet.
    ///
    /// # Errors
    /// [`Refusal`]; `ResourceBusy` while another session writes the file.
    pub fn open(
        root: &'a Root,
        (path, account): (&'a VirtualPath, &str),
        mode: Mode,
        policy: Policy,
        writers: &Arc<Writers>,
    ) -> Result<Self, Refusal> {
        let (target, old) = root.locate(path)?;
        let claim = Writers::claim(writers, target.identity()?)?;
        let opened =
            open_file(&target, old.as_ref(), mode, policy.atomic.then(|| partial::name(account, &target.name)))?;
        let (file, way, made) = opened;
        Ok(Self { file, target, old, mode, way, policy, writers: Arc::clone(writers), made, claim })
    }

    /// True where the old file is overwritten as the bytes come, although atomic uploads are on.
    pub fn falls_back(&self) -> bool {
        self.policy.atomic && self.mode == Mode::Replace && matches!(self.way, Way::InPlace)
    }

    /// The data connection stands: brings the file to the state in which the first byte may be written.
    ///
    /// # Errors
    /// As the system says.
    pub fn begin(&mut self) -> io::Result<&mut File> {
        let made = std::mem::take(&mut self.made);
        let start = match (&self.way, self.mode) {
            (Way::Partial { held, .. }, _) => *held,
            (Way::InPlace, Mode::Resume(offset)) => offset,
            (Way::InPlace, Mode::Replace | Mode::Append | Mode::AppendToOld | Mode::New) => 0,
        };
        if start > 0 {
            self.file.seek(SeekFrom::Start(start))?;
        } else if self.mode == Mode::Replace && !made {
            self.file.set_len(0)?;
        }
        Ok(&mut self.file)
    }

    /// All bytes came: the file gets its name, and is on the disk if that is wanted.
    ///
    /// # Errors
    /// As the system says; the old file is still there then.
    pub fn finish(&mut self) -> io::Result<()> {
        if let Way::Partial { name, .. } = &self.way {
            if let Some(old) = &self.old {
                take_over(&self.file, old)?;
            }
            self.sync()?;
            self.target.beside(name).rename(&self.target)?;
            self.writers.sweep(&self.target.folder, &self.claim, self.policy.max_age);
        } else {
            self.sync()?;
        }
        if self.policy.durable { self.target.sync_folder() } else { Ok(()) }
    }

    /// The transfer broke: keeps what can be resumed, or gives the room back where the disk is `full`.
    ///
    /// # Errors
    /// As the system says.
    pub fn abandon(&mut self, full: bool) -> io::Result<Kept> {
        let Way::Partial { name, held } = &self.way else { return self.abandon_in_place(full) };
        if full {
            self.file.set_len(*held)?;
        }
        let bytes = self.file.metadata()?.len();
        let partial = self.target.beside(name);
        if bytes == 0 {
            partial.unlink(AtFlags::empty())?;
            return Ok(Kept::Nothing);
        }
        let shown = self.old.is_none() && !full && partial.rename_to_free(&self.target).is_ok();
        Ok(if shown { Kept::Shown(bytes) } else { Kept::Hidden(bytes) })
    }

    fn abandon_in_place(&self, full: bool) -> io::Result<Kept> {
        let before = self.old.as_ref().map_or(0, |old| old.size);
        if full && self.mode != Mode::Replace && self.file.metadata()?.len() > before {
            self.file.set_len(before)?;
        }
        Ok(Kept::Shown(self.file.metadata()?.len()))
    }

    fn sync(&self) -> io::Result<()> {
        if self.policy.durable { self.file.sync_data() } else { Ok(()) }
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if self.made {
            let place = match &self.way {
                Way::InPlace => self.target.beside(&self.target.name),
                Way::Partial { name, .. } => self.target.beside(name),
            };
            // It is empty and ours; if it can't be removed, an empty file is all that stays.
            let _ = place.unlink(AtFlags::empty());
        }
    }
}

/// The file to write to, the way, and whether it was made just now.
fn open_file(
    target: &Place,
    old: Option<&Meta>,
    mode: Mode,
    partial: Option<Vec<u8>>,
) -> Result<(File, Way, bool), Refusal> {
    let pending = match (&partial, mode) {
        (Some(name), Mode::Resume(_) | Mode::Append | Mode::AppendToOld) => pending(&target.beside(name)),
        _ => None,
    };
    match (mode, partial, old) {
        (Mode::Resume(offset), Some(name), _) if pending == Some(offset) => {
            let (file, _) = target.beside(&name).open_for_write(OFlags::empty())?;
            Ok((file, Way::Partial { name, held: offset }, false))
        }
        (Mode::Resume(_) | Mode::Append | Mode::AppendToOld, ..) if pending.is_some() => {
            Err(Refusal::Pending(pending.unwrap_or(0)))
        }
        (Mode::Resume(offset), _, old) if old.is_none_or(|old| offset > old.size) => Err(Refusal::BehindTheEnd),
        (Mode::Replace, Some(name), old) => match open_partial(target, &name, old) {
            Ok((file, made)) => Ok((file, Way::Partial { name, held: 0 }, made)),
            // The folder takes no new files, but this one may be written.
            Err(error) if old.is_some() && no_new_files(&error) => open_in_place(target, old, mode),
            Err(error) => Err(error.into()),
        },
        _ => open_in_place(target, old, mode),
    }
}

fn open_in_place(target: &Place, old: Option<&Meta>, mode: Mode) -> Result<(File, Way, bool), Refusal> {
    match (old, mode) {
        (None, Mode::AppendToOld) => Err(Refusal::File(ErrorKind::NotFound.into())),
        (None, _) | (_, Mode::New) => Ok((target.create_file()?, Way::InPlace, true)),
        (Some(_), Mode::Append | Mode::AppendToOld) => {
            Ok((target.open_for_write(OFlags::APPEND)?.0, Way::InPlace, false))
        }
        (Some(_), Mode::Replace | Mode::Resume(_)) => {
            Ok((target.open_for_write(OFlags::empty())?.0, Way::InPlace, false))
        }
    }
}

/// A new partial, or the one of an earlier try, which the first byte will empty.
fn open_partial(target: &Place, name: &[u8], old: Option<&Meta>) -> io::Result<(File, bool)> {
    if old.is_some_and(|old| old.kind != Kind::File) {
        // Says why: a folder, a device.
        target.open_for_write(OFlags::empty())?;
    }
    if old.is_some() {
        // Who may not write the old file may not replace it by way of its folder.
        target.may_write()?;
    }
    let partial = target.beside(name);
    match partial.create_file() {
        Ok(file) => Ok((file, true)),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            Ok((partial.open_for_write(OFlags::empty())?.0, false))
        }
        Err(error) => Err(error),
    }
}

/// The bytes that wait to be resumed.
fn pending(partial: &Place) -> Option<u64> {
    partial.meta().ok().filter(|meta| meta.kind == Kind::File && meta.size > 0).map(|meta| meta.size)
}

fn no_new_files(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// The new file gets the owner and the permission bits of the one it replaces, as far as this process may give them.
fn take_over(file: &File, old: &Meta) -> io::Result<()> {
    let new = Meta::from(rustix::fs::fstat(file)?);
    if (new.owner, new.group) != (old.owner, old.group) {
        let (owner, group) = (Uid::from_raw(old.owner), Gid::from_raw(old.group));
        let _ =
            rustix::fs::fchown(file, Some(owner), Some(group)).or_else(|_| rustix::fs::fchown(file, None, Some(group)));
    }
    if new.mode != old.mode & 0o777 {
        rustix::fs::fchmod(file, Bits::from_raw_mode(old.mode & 0o777))?;
    }
    Ok(())
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}
