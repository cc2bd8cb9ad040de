//! Acts that write a file.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Premises, Share, letter};
use crate::auth::perm::{Perm, Perms};
use crate::auth::program::Program;
use crate::copy::sink::Allowance;
use crate::fs::quota::{QuotaChain, Reservation};
use crate::fs::root::Root;
use crate::fs::upload::{Opened, Placement, Refused, Upload};
use crate::protocol::path::{VirtualPath, has_control_bytes};
use crate::share::arrivals::NewFile;
use crate::share::denied::Denied;
use crate::share::tree::{Last, Spot};
use crate::sys::meta::Meta;

/// A file that the account may write in this way; only [`Share::writable`] makes one.
pub struct Writable<'p> {
    pub(super) root: Arc<Root>,
    pub(super) path: Cow<'p, VirtualPath>,
    placement: Placement,
    /// The letters for what is made there.
    perms: Perms,
    /// The program that is told of it.
    on_upload: Option<Arc<Program>>,
    quota: Option<QuotaChain>,
}

impl Share {
    /// A file to write, old or new, with the letter that its placement takes. An old one keeps its name, whatever bytes
    /// that holds.
    pub fn writable<'p>(&self, path: &'p VirtualPath, placement: Placement) -> Result<Writable<'p>, Denied> {
        let perm = if placement.appends() { Perm::Append } else { Perm::Write };
        let is_odd = placement != Placement::New && path.file_name().is_some_and(has_control_bytes);
        let odd = if is_odd { self.look(path, Last::Followed, perm).ok() } else { None };
        let at = match odd.filter(|at| at.root.link_meta(&at.path).is_ok() && !at.is_refused()) {
            Some(at) => at,
            None => self.make(path, Last::Followed, perm)?,
        };
        at.on_disk()?;
        let perms = at.spot.as_ref().map_or(self.at_login.perms, |spot| spot.around.perms);
        let on_upload = at.spot.as_ref().and_then(|spot| spot.around.on_upload.clone());
        let quota = self.quota_around(&at);
        let path = if at.spot.is_some() { Cow::Owned(at.path.into_owned()) } else { Cow::Borrowed(path) };
        Ok(Writable { root: Arc::clone(at.root), path, placement, perms, on_upload, quota })
    }

    /// The bytes that are kept of a broken upload of this file; `None` if nothing is.
    pub fn pending(&self, target: &Writable) -> Result<Option<u64>, Denied> {
        Ok(target.root.pending(&target.path, &self.at_login.name)?)
    }

    /// Drops what is kept of a broken upload of this file.
    pub fn forget(&self, target: &Writable) -> Result<(), Denied> {
        let bytes = self.pending(target)?.unwrap_or(0);
        let _held = target.quota.as_ref().map(QuotaChain::hold);
        target.root.forget(&target.path, &self.at_login.name)?;
        target.quota.as_ref().inspect(|quota| quota.credit(bytes));
        Ok(())
    }

    /// Whether the folder of this path is there. Takes no letter.
    pub fn find_folder_of(&self, path: &VirtualPath) -> Result<(), Denied> {
        match &self.tree {
            None => Ok(self.root.locate(path).map(drop)?),
            Some(tree) => match tree.find(path, Last::Followed)? {
                Spot { root: Some(root), path, .. } => Ok(root.locate(&path).map(drop)?),
                _ => Err(Denied::Fixed),
            },
        }
    }

    /// The old file to which [`Self::store`] would append, if it holds anything.
    pub fn old_file(&self, target: &Writable) -> Option<File> {
        let (file, meta) = target.appends().then(|| target.root.open_file(&target.path).ok())??;
        (meta.size > 0).then_some(file)
    }

    /// Whether a finished upload must be on the disk, not only in the page cache.
    pub fn is_durable(&self) -> bool {
        self.conditions.uploads.durable
    }

    /// Opens a target for an upload.
    pub fn store<'a>(&'a self, target: &'a Writable<'a>, now: SystemTime) -> Result<Opened<'a>, Denied> {
        let Writable { root, path, placement, perms, quota, .. } = target;
        let Premises { claims, partials, .. } = &*self.premises;
        let (account, policy) = (self.at_login.name.as_str(), self.conditions.uploads);
        let upload = Upload { root, path, account, policy, claims, partials, quota: quota.as_ref() };
        upload.open(*placement, now).map_err(|refused| match refused {
            Refused::AfterTheEnd => Denied::AfterTheEnd,
            Refused::Pending(kept) => Denied::Pending(kept),
            Refused::File(error) if error.kind() == ErrorKind::NotFound && *placement == Placement::AppendToOld => {
                letter(*perms, Perm::Write).err().unwrap_or(Denied::File(error))
            }
            Refused::File(error) => Denied::File(error),
        })
    }
}

impl Share {
    /// A finished upload to a path of the client's is to be told to the program of its folder, if there is one. Nobody waits
    /// for that. Returns the upload that nobody is told of, as too many wait.
    pub fn pass_on(&self, target: &Writable, seen: &VirtualPath, peer: SocketAddr) -> Option<NewFile> {
        let program = Arc::clone(target.on_upload.as_ref()?);
        self.premises.arrivals.add(NewFile {
            program,
            line: self.line(Some(seen), "on_upload"),
            person: self.at_login.system_user.clone(),
            path: target.root.real_path(&target.path),
            seen: seen.clone(),
            bytes: target.root.meta(&target.path).map_or(0, |meta| meta.size),
            user: self.at_login.name.clone(),
            peer,
            quota: target.quota.clone(),
        })
    }
}

impl Allowance for Reservation {
    fn take(&mut self, bytes: u64) -> io::Result<()> {
        self.take(bytes)
    }
}

impl Writable<'_> {
    /// True if what is kept stays, and the new bytes come after it.
    pub fn continues(&self) -> bool {
        matches!(self.placement, Placement::Continue(_))
    }

    /// What the file is that is there by now.
    pub fn state(&self) -> Option<Meta> {
        self.root.meta(&self.path).ok()
    }

    /// Bytes that may still be written there.
    pub fn room(&self) -> io::Result<u64> {
        let on_disk = self.root.free_space(&self.path.parent().unwrap_or_else(VirtualPath::root))?;
        Ok(self.quota.as_ref().map_or(on_disk, |quota| quota.rest().min(on_disk)))
    }

    /// True if the new bytes come after the old ones.
    pub fn appends(&self) -> bool {
        self.placement.appends()
    }
}
