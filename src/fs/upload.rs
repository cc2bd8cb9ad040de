//! A file that is being uploaded: one writer at a time, and the old file stays until the new one is whole.
//!
//! STOR writes to a hidden partial in the target's own folder ([`crate::fs::partial`]) and renames it at the end. When
//! a transfer breaks, what arrived of a *new* file appears under its name, so that every client can resume as it always
//! does; what arrived for an *existing* one stays hidden, the old file is untouched, and REST with exactly the number of
//! bytes that are kept goes on from there. Resuming an ordinary file, appending, STOU, and everything with atomic
//! uploads off is written in place.
//!
//! Each step is a type that consumes the one before: [`Upload`], [`Opened`], [`Receiving`], and then the file is in its
//! place ([`Receiving::finish`]) or the upload broke ([`Broken`], [`Kept`]).

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::fs::claims::{Claim, Claims};
use crate::fs::partial;
use crate::fs::partials::{Partials, Swept};
use crate::fs::quota::{QuotaChain, Reservation};
use crate::fs::root::Root;
use crate::fs::upload::found::{Found, Way};
use crate::protocol::path::VirtualPath;
use crate::sys::files;
use crate::sys::meta::Meta;
use crate::sys::place::Place;

mod broken;
mod found;

pub use broken::{Break, Broken, Kept};

/// An upload that was asked for.
#[derive(Debug)]
pub struct Upload<'a> {
    /// The account's home.
    pub root: &'a Root,
    /// The name of the file.
    pub path: &'a VirtualPath,
    /// Whose partials are resumed and replaced.
    pub account: &'a str,
    /// What holds for all uploads.
    pub policy: UploadPolicy,
    /// The files that are being written.
    pub claims: &'a Arc<Claims>,
    /// The partials of all accounts.
    pub partials: &'a Partials,
    /// The quotas that hold in its folder.
    pub quota: Option<&'a QuotaChain>,
}

/// What the administrator wants of all uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UploadPolicy {
    /// A file replaces another only when it is whole.
    pub atomic: bool,
    /// A finished upload is on the disk, not only in the page cache.
    pub durable: bool,
    /// Partials that were not touched for this time are removed.
    pub max_age: Duration,
}

/// How an upload meets the file that may be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// STOR: the new bytes are the whole file.
    Replace,
    /// REST n, STOR: the new bytes overwrite the file from there on.
    Resume(u64),
    /// APPE: the new bytes come after the old ones, even if others write, too.
    Append,
    /// The same, for an account that may not make files.
    AppendToOld,
    /// STOU: no file may be there.
    New,
    /// The rest of a whole file, of which exactly this number of bytes is kept.
    Continue(u64),
}

impl Placement {
    /// Whether every byte goes to the end of the file, wherever that is by then.
    pub fn appends(self) -> bool {
        matches!(self, Self::Append | Self::AppendToOld)
    }
}

/// Why an upload can't begin.
#[derive(Debug)]
pub enum Refused {
    /// The file system says no; `ResourceBusy` while another session writes the file.
    File(io::Error),
    /// A resume would begin after the end of the file.
    AfterTheEnd,
    /// A broken overwrite of this file waits to be resumed at exactly this byte.
    Pending(u64),
}

/// A file that is open for an upload. If it is dropped, all is as it was before.
#[derive(Debug)]
pub struct Opened<'a>(Writing<'a>);

/// A file into which the bytes of an upload are written.
#[derive(Debug)]
pub struct Receiving<'a>(Writing<'a>);

/// What both hold until the upload is over.
#[derive(Debug)]
struct Writing<'a> {
    target: Place<'a>,
    found: Found,
    placement: Placement,
    policy: UploadPolicy,
    /// It gets its name only if what has that is what was found, or nothing as before.
    is_guarded: bool,
    /// Closing the file can't fail.
    is_local: bool,
    /// What it takes of the quotas that hold there.
    room: Option<Reservation>,
    _claim: Claim,
}

impl<'a> Upload<'a> {
    /// Opens or makes the file; existing content is not touched yet.
    pub fn open(self, placement: Placement, now: SystemTime) -> Result<Opened<'a>, Refused> {
        let Self { root, path, account, policy, claims, partials, quota } = self;
        let (target, old) = root.locate(path)?;
        let partial = policy.atomic.then(|| partial::name(account, &target.name));
        let mut claim = claims.claim(&target, partial.as_deref())?;
        if policy.atomic {
            let _held = quota.map(QuotaChain::hold);
            let freed =
                partials.sweep(Swept { folder: &target.folder, id: claim.folder(), claims }, policy.max_age, now);
            quota.inspect(|quota| quota.credit(freed));
        }
        let found = Found::find(&target, old, placement, partial)?;
        if let (Way::InPlace, Some(old)) = (&found.way, &found.old) {
            claim.extend_to_all_names(old)?;
        }
        let is_local = root.is_local(claim.folder().device);
        let reserve = |quota: &QuotaChain| Ok::<_, io::Error>(quota.reserve(files::meta(&found.file)?.size));
        let room = quota.map(reserve).transpose()?;
        Ok(Opened(Writing { target, found, placement, policy, is_guarded: false, is_local, room, _claim: claim }))
    }
}

impl<'a> Opened<'a> {
    /// Whether the old file is overwritten as the bytes come, although atomic uploads are on.
    pub fn falls_back(&self) -> bool {
        let Writing { policy, placement, found, .. } = &self.0;
        policy.atomic && *placement == Placement::Replace && matches!(found.way, Way::InPlace)
    }

    /// The file that had the name when this was opened. Nobody else who writes by this server changes it meanwhile, but it
    /// can be renamed, removed, or replaced by another that is renamed: see [`Self::guard`].
    pub fn old(&self) -> Option<&Meta> {
        self.0.found.old.as_ref()
    }

    /// The whole file gets its name only while that belongs to the same state of the same file as now, or to none as now;
    /// otherwise the upload breaks with `AlreadyExists`.
    pub fn guard(&mut self) {
        self.0.is_guarded = true;
    }

    /// Whether a break leaves the old file as it is, and what came for later.
    pub fn is_resumable(&self) -> bool {
        matches!(self.0.found.way, Way::Partial { .. })
    }

    /// Bytes of an earlier try that are kept.
    pub fn held(&self) -> u64 {
        if let Way::Partial { held, .. } = &self.0.found.way { *held } else { 0 }
    }

    /// The bytes of the whole file that is about to lose its name to this one.
    pub fn replaced(&self) -> Option<u64> {
        let Found { old, way, .. } = &self.0.found;
        old.as_ref().filter(|_| matches!(way, Way::Partial { .. })).map(|old| old.size)
    }

    /// The data connection is open: prepares the file for the first byte. From here on Drop no longer removes it;
    /// [`Receiving::abandon`] decides.
    pub fn begin(mut self) -> io::Result<Receiving<'a>> {
        let Writing { found, placement, room, .. } = &mut self.0;
        let start = match (&found.way, *placement) {
            (Way::Partial { held, .. }, _) => *held,
            (_, Placement::Resume(offset)) => offset,
            (_, Placement::Replace | Placement::Append | Placement::AppendToOld) => 0,
            (_, Placement::New | Placement::Continue(_)) => 0,
        };
        if start > 0 {
            found.file.seek(SeekFrom::Start(start))?;
        } else if *placement == Placement::Replace && !found.made {
            found.file.set_len(0)?;
        }
        found.made = false;
        if let Some(room) = room {
            room.start((!placement.appends()).then_some(start));
        }
        Ok(Receiving(self.0))
    }
}

impl Receiving<'_> {
    /// The file to write to, and what it takes of quotas.
    pub fn file(&mut self) -> (&mut File, Option<&mut Reservation>) {
        (&mut self.0.found.file, self.0.room.as_mut())
    }

    /// All bytes of the upload are `written`: the file gets its name, and is on the disk if that is wanted.
    pub fn finish(self, written: u64) -> Result<(), Broken> {
        // The folder is opened before anything changes its name.
        let named = self.0.confirm().and_then(|()| {
            let folder = self.0.policy.durable.then(|| self.0.target.folder.open_to_read());
            self.0.give_name().map(|()| folder)
        });
        match named {
            // A folder that takes files and shows none can only be written back with all else.
            Ok(Some(folder)) => folder
                .map_or_else(|_| files::sync_file_system(&self.0.found.file), |folder| folder.sync())
                .map_err(|error| Broken { error, kept: Kept::Whole }),
            Ok(None) => Ok(()),
            Err(error) => {
                let kept = self.abandon(Break::of(&error, written));
                Err(Broken { error, kept })
            }
        }
    }

    /// The transfer broke: keeps what can be resumed, or gives the room back.
    pub fn abandon(self, how: Break) -> Kept {
        let kept = match &self.0.found.way {
            Way::InPlace => self.0.abandon_in_place(how),
            Way::Partial { name, held } => self.0.abandon_partial(&self.0.target.beside(name), *held, how),
        };
        kept.unwrap_or(Kept::Nothing)
    }
}

impl Writing<'_> {
    /// Makes sure that what was written is not lost, as far as that is wanted and can be known.
    fn confirm(&self) -> io::Result<()> {
        let file = &self.found.file;
        match () {
            () if self.policy.durable => file.sync_data(),
            () if self.is_local => Ok(()),
            // The lock stays until the file has its name, and so the file stays open.
            () => files::check(file),
        }
    }

    fn give_name(&self) -> io::Result<()> {
        match &self.found.way {
            Way::InPlace => Ok(()),
            Way::Partial { name, .. } => {
                let _held = self.room.as_ref().map(|room| room.chain().hold());
                let old = self.room.as_ref().and_then(|room| Some((room, self.target.meta().ok()?)));
                let partial = self.target.beside(name);
                match &self.found.old {
                    None if self.is_guarded => partial.rename_to_free(&self.target)?,
                    Some(old) if self.is_guarded && !self.is_still(old) => return Err(ErrorKind::AlreadyExists.into()),
                    _ => partial.rename(&self.target)?,
                }
                old.inspect(|(room, old)| room.chain().credit(old.sole_bytes()));
                Ok(())
            }
        }
    }

    /// Whether the name belongs to this state of this file. A change of its mode or its other names is none.
    fn is_still(&self, old: &Meta) -> bool {
        let state = |meta: &Meta| (meta.id, meta.size, meta.modified, meta.fraction);
        self.target.meta().is_ok_and(|now| state(&now) == state(old))
    }

    fn abandon_partial(&self, partial: &Place, held: u64, how: Break) -> io::Result<Kept> {
        if matches!(how, Break::Full(_)) {
            partial.open_to_write()?.0.set_len(held)?;
        }
        let (bytes, is_new) = (partial.meta()?.size, self.found.old.is_none());
        // Even an empty one stays beside an old file: a client that "resumes" must not write into that.
        if bytes == 0 && is_new && how != Break::Paused {
            partial.remove_file()?;
            return Ok(Kept::Nothing);
        }
        let shown = is_new && how == Break::Other && partial.rename_to_free(&self.target).is_ok();
        Ok(if shown { Kept::Shown(bytes) } else { Kept::Hidden(bytes) })
    }

    fn abandon_in_place(&self, how: Break) -> io::Result<Kept> {
        let old = &self.found.old;
        let before = old.as_ref().map_or(0, |old| old.size);
        let size = self.target.meta()?.size;
        if size == 0 && old.is_none() {
            self.target.remove_file()?;
            return Ok(Kept::Nothing);
        }
        match how {
            // Other bytes are another program's.
            Break::Full(written) if old.is_none() && size == written => {
                self.target.remove_file()?;
                Ok(Kept::Nothing)
            }
            // Another program may append, too: only what came last and is ours is cut off.
            Break::Full(written) if self.placement != Placement::Replace && size == before.saturating_add(written) => {
                self.target.open_to_write()?.0.set_len(before)?;
                Ok(Kept::Shown(before))
            }
            Break::Full(_) | Break::Other | Break::Interrupted | Break::Paused => Ok(Kept::Shown(size)),
        }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if self.found.made {
            // It is empty and ours; if it can't be removed, an empty file is all that stays.
            let _ = match &self.found.way {
                Way::InPlace => self.target.remove_file(),
                Way::Partial { name, .. } => self.target.beside(name).remove_file(),
            };
        }
        if let Some(room) = &mut self.room {
            // What has no name any more is gone when it is closed.
            let left = files::meta(&self.found.file).map(|file| if file.links == 0 { 0 } else { file.size });
            left.into_iter().for_each(|size| room.settle(size));
        }
    }
}

impl From<io::Error> for Refused {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}
