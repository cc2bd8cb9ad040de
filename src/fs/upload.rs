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
use rustix::io::Errno;

use crate::fs::partial;
use crate::fs::place::Place;
use crate::fs::root::Root;
use crate::fs::writers::{Claim, Writers};
use crate::protocol::path::VirtualPath;
use crate::sys::meta::{FileKind, Meta};

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

impl Mode {
    /// True where every byte goes to the end of the file, wherever that is by then.
    pub fn appends(self) -> bool {
        matches!(self, Self::Append | Self::AppendToOld)
    }
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
    /// The whole file, under its name; only the disk's word for it is missing.
    Whole,
}

/// How an upload broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// The disk took no more after so many bytes of this upload: the room is given back.
    Full(u64),
    /// Anything else: what came is kept.
    Other,
}

/// A file opened for an upload. Dropped before [`Upload::begin`], it leaves everything as it was.
#[derive(Debug)]
pub struct Upload<'a> {
    /// Open for its lock until the upload is over.
    file: Option<File>,
    /// The file that is to be replaced, for its lock.
    _replaced: Option<File>,
    target: Place<'a>,
    /// What stood at the target when the upload was opened.
    old: Option<Meta>,
    mode: Mode,
    way: Way,
    policy: Policy,
    /// Closing the file can't fail.
    is_local: bool,
    /// An empty file was made and is to be removed when nothing comes of it.
    made: bool,
    _claim: Claim,
}

#[derive(Debug)]
enum Way {
    /// Bytes go to the target itself.
    InPlace,
    /// Bytes go to the partial of this name, behind those it holds already.
    Partial { name: Vec<u8>, held: u64 },
    /// The file is whole and has its name.
    Done,
}

/// What [`Upload::open`] found or made.
struct Opened {
    file: File,
    replaced: Option<File>,
    old: Option<Meta>,
    way: Way,
    made: bool,
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
        let partial = policy.atomic.then(|| partial::name(account, &target.name));
        let mut claim = Writers::claim(writers, &target, partial.as_deref())?;
        if policy.atomic {
            claim.sweep(&target.folder, policy.max_age);
        }
        let Opened { file, replaced, old, way, made } = open_file(&target, old, mode, partial)?;
        if let (Way::InPlace, Some(old)) = (&way, &old) {
            claim.extend_to_all_names(old)?;
        }
        let is_local = claim.device().is_some_and(|device| root.is_local(device));
        Ok(Self {
            file: Some(file),
            is_local,
            _replaced: replaced,
            target,
            old,
            mode,
            way,
            policy,
            made,
            _claim: claim,
        })
    }

    /// True where the old file is overwritten as the bytes come, although atomic uploads are on.
    pub fn falls_back(&self) -> bool {
        self.policy.atomic && self.mode == Mode::Replace && matches!(self.way, Way::InPlace)
    }

    /// The bytes of the whole file that is about to lose its name to this one.
    pub fn replaced(&self) -> Option<u64> {
        self.old.as_ref().filter(|_| matches!(self.way, Way::Partial { .. })).map(|old| old.size)
    }

    /// The data connection stands: brings the file to the state in which the first byte may be written.
    ///
    /// # Errors
    /// As the system says.
    pub fn begin(&mut self) -> io::Result<&mut File> {
        let made = std::mem::take(&mut self.made);
        let start = match (&self.way, self.mode) {
            (Way::Partial { held, .. }, _) => *held,
            (_, Mode::Resume(offset)) => offset,
            (_, Mode::Replace | Mode::Append | Mode::AppendToOld | Mode::New) => 0,
        };
        let file = self.file.as_mut().ok_or(Errno::BADF)?;
        if start > 0 {
            file.seek(SeekFrom::Start(start))?;
        } else if self.mode == Mode::Replace && !made {
            file.set_len(0)?;
        }
        Ok(file)
    }

    /// All bytes came: the file gets its name, and is on the disk if that is wanted.
    ///
    /// # Errors
    /// As the system says; [`Self::abandon`] tells what is there then.
    pub fn finish(&mut self) -> io::Result<()> {
        let file = self.file.take().ok_or(Errno::BADF)?;
        if !self.policy.durable {
            // The lock stays until the file has its name, where there is a descriptor for it.
            if self.is_local {
                self.file = Some(file);
            } else {
                self.file = file.try_clone().ok();
                // A network file system may say only now that it has no room.
                nix::unistd::close(file)?;
            }
            return give_name(&self.target, &mut self.way);
        }
        let file = self.file.insert(file);
        file.sync_data()?;
        let folder = self.target.folder.open_to_read();
        give_name(&self.target, &mut self.way)?;
        // A folder that takes files and shows none can only be written back with all else.
        Ok(folder.map_or_else(|_| rustix::fs::syncfs(file), rustix::fs::fsync)?)
    }

    /// The transfer broke: keeps what can be resumed, or gives the room back.
    ///
    /// # Errors
    /// As the system says.
    pub fn abandon(&mut self, how: Break) -> io::Result<Kept> {
        match &self.way {
            Way::Done => Ok(Kept::Whole),
            Way::InPlace => self.abandon_in_place(how),
            Way::Partial { name, held } => {
                let partial = self.target.beside(name);
                if matches!(how, Break::Full(_)) {
                    partial.open_for_write(OFlags::empty())?.0.set_len(*held)?;
                }
                let bytes = partial.meta()?.size;
                // Even an empty one stays beside an old file: a client that "resumes" must not write into that.
                if bytes == 0 && self.old.is_none() {
                    partial.unlink(AtFlags::empty())?;
                    return Ok(Kept::Nothing);
                }
                let shown = self.old.is_none() && how == Break::Other && partial.rename_to_free(&self.target).is_ok();
                Ok(if shown { Kept::Shown(bytes) } else { Kept::Hidden(bytes) })
            }
        }
    }

    fn abandon_in_place(&self, how: Break) -> io::Result<Kept> {
        let before = self.old.as_ref().map_or(0, |old| old.size);
        let size = self.target.meta()?.size;
        if size == 0 && self.old.is_none() {
            self.target.unlink(AtFlags::empty())?;
            return Ok(Kept::Nothing);
        }
        match how {
            // Another program may append, too: only what came last and is ours is cut off.
            Break::Full(written) if self.mode != Mode::Replace && size == before.saturating_add(written) => {
                self.target.open_for_write(OFlags::empty())?.0.set_len(before)?;
                Ok(Kept::Shown(before))
            }
            Break::Full(_) | Break::Other => Ok(Kept::Shown(size)),
        }
    }
}

impl Drop for Upload<'_> {
    fn drop(&mut self) {
        if self.made {
            // It is empty and ours; if it can't be removed, an empty file is all that stays.
            let _ = match &self.way {
                Way::InPlace | Way::Done => self.target.unlink(AtFlags::empty()),
                Way::Partial { name, .. } => self.target.beside(name).unlink(AtFlags::empty()),
            };
        }
    }
}

fn give_name(target: &Place, way: &mut Way) -> io::Result<()> {
    if let Way::Partial { name, .. } = way {
        target.beside(name).rename(target)?;
    }
    *way = Way::Done;
    Ok(())
}

fn open_file(target: &Place, old: Option<Meta>, mode: Mode, partial: Option<Vec<u8>>) -> Result<Opened, Refusal> {
    let pending = match (&partial, mode) {
        (Some(name), Mode::Resume(_) | Mode::Append | Mode::AppendToOld) => pending(&target.beside(name)),
        _ => None,
    };
    match (mode, partial, pending) {
        (Mode::Resume(offset), Some(name), Some(held)) if offset == held => {
            let partial = target.beside(&name);
            let (file, _) = partial.open_for_write(OFlags::empty())?;
            partial.lock(&file)?;
            let replaced = lock_replaced(target, old.as_ref())?;
            Ok(Opened { file, replaced, old, way: Way::Partial { name, held }, made: false })
        }
        (_, _, Some(held)) => Err(Refusal::Pending(held)),
        (Mode::Replace, Some(name), None) => match open_partial(target, &name, old.as_ref()) {
            Ok((file, replaced, made)) => Ok(Opened { file, replaced, old, way: Way::Partial { name, held: 0 }, made }),
            // The folder takes no new files, but this one may be written.
            Err(error) if old.is_some() && no_new_files(&error) => open_in_place(target, old, mode),
            Err(error) => Err(error.into()),
        },
        _ => open_in_place(target, old, mode),
    }
}

fn open_in_place(target: &Place, old: Option<Meta>, mode: Mode) -> Result<Opened, Refusal> {
    let position = match (mode, old) {
        (Mode::Resume(_), None) => return Err(Refusal::BehindTheEnd),
        (Mode::AppendToOld, None) => return Err(Refusal::File(ErrorKind::NotFound.into())),
        (_, None) | (Mode::New, _) => {
            let file = target.create_file(ANYBODY)?;
            target.lock_new(&file)?;
            return Ok(Opened { file, replaced: None, old: None, way: Way::InPlace, made: true });
        }
        (Mode::Append | Mode::AppendToOld, Some(_)) => OFlags::APPEND,
        (Mode::Replace | Mode::Resume(_), Some(_)) => OFlags::empty(),
    };
    // What was opened counts, not what was seen before.
    let (file, meta) = target.open_for_write(position)?;
    target.lock(&file)?;
    if matches!(mode, Mode::Resume(offset) if offset > meta.size) {
        return Err(Refusal::BehindTheEnd);
    }
    Ok(Opened { file, replaced: None, old: Some(meta), way: Way::InPlace, made: false })
}

/// A new partial, or the one of an earlier try, which the first byte will empty; for nobody's eyes who may not see the
/// old file.
fn open_partial(target: &Place, name: &[u8], old: Option<&Meta>) -> io::Result<(File, Option<File>, bool)> {
    if let Some(old) = old {
        if old.kind != FileKind::File {
            // Says why: a folder, a device.
            target.open_for_write(OFlags::empty())?;
        }
        target.may_replace(old)?;
    }
    let replaced = lock_replaced(target, old)?;
    let partial = target.beside(name);
    let (file, made) = match partial.create_file(old.map_or(ANYBODY, |old| old.mode & 0o777)) {
        Ok(file) => (file, true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => (partial.open_for_write(OFlags::empty())?.0, false),
        Err(error) => return Err(error),
    };
    if made {
        partial.lock_new(&file)?
    } else {
        partial.lock(&file)?
    }
    if let Some(old) = old {
        take_over(&file, old)?;
    }
    Ok((file, replaced, made))
}

/// Keeps other processes from writing what is to be replaced, where it can be opened for that.
fn lock_replaced(target: &Place, old: Option<&Meta>) -> io::Result<Option<File>> {
    let Some(Ok((file, _))) = old.map(|_| target.open_for_write(OFlags::empty())) else { return Ok(None) };
    target.lock(&file).map(|()| Some(file))
}

/// The bytes that wait to be resumed.
fn pending(partial: &Place) -> Option<u64> {
    partial.meta().ok().filter(|meta| meta.kind == FileKind::File).map(|meta| meta.size)
}

fn no_new_files(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem)
}

/// The new file gets the owner and the permission bits of the one it replaces, as far as this process may give them.
fn take_over(file: &File, old: &Meta) -> io::Result<()> {
    let new = Meta::from(rustix::fs::fstat(file)?);
    if (new.owner, new.group) != (old.owner, old.group) {
        let (owner, group) = (Uid::from_raw(old.owner), Gid::from_raw(old.group));
        let both = rustix::fs::fchown(file, Some(owner), Some(group));
        let _ = both.or_else(|_| rustix::fs::fchown(file, None, Some(group)));
    }
    if new.mode != old.mode & 0o777 {
        rustix::fs::fchmod(file, Bits::from_raw_mode(old.mode & 0o777))?;
    }
    Ok(())
}

/// The permission bits of a new file, before the umask.
const ANYBODY: u32 = 0o666;

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}
