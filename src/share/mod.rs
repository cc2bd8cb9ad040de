//! An account at its folder: what it may do there, whatever protocol its client speaks.
//!
//! Each act names a file and asks for the letter it takes, in one call; the answer is what was asked for or a [`Denied`].
//! Nothing here knows a reply, a control connection or a line of a log. Used by `session`.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use crate::auth::limits::{Counted, Limits, Ticket};
use crate::auth::perm::Perm;
use crate::auth::user::User;
use crate::copy::pace::{SharedPaces, Throttle};
use crate::fs::claims::Claims;
use crate::fs::homes::Homes;
use crate::fs::partial::is_partial;
use crate::fs::partials::Partials;
use crate::fs::root::{Links, Root};
use crate::fs::upload::{Opened, Placement, Refused, Upload, UploadPolicy};
use crate::protocol::path::{VirtualPath, has_control_bytes};
use crate::share::denied::{Closed, Denied};
use crate::sys::identity::Identity;
use crate::sys::jail::{Dialled, Jail};
use crate::sys::meta::Meta;

pub mod denied;

/// What all accounts have in common.
pub struct Premises {
    /// How many sessions there are: in all, from an address, and of an account.
    pub limits: Arc<Limits>,
    /// Home folders that are open.
    pub homes: Homes,
    /// What threads lock themselves in with.
    pub jail: Option<Jail>,
    /// Files that are being written.
    pub claims: Arc<Claims>,
    /// What is kept of broken uploads.
    pub partials: Partials,
    /// Rates of accounts, from client to server.
    pub upload_rates: SharedPaces,
    /// Rates of accounts, from server to client.
    pub download_rates: SharedPaces,
    /// Who this process is to the file system.
    pub identity: Identity,
}

/// What the administrator wants of all accounts.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    /// Which links are followed.
    pub links: Links,
    /// What holds for all uploads.
    pub uploads: UploadPolicy,
    /// Bytes per second from client to server, for each session.
    pub max_upload: Option<u64>,
    /// Bytes per second from server to client, for each session.
    pub max_download: Option<u64>,
}

/// An account with its open home and its place among the account's sessions.
pub struct Share {
    /// The account.
    pub user: Arc<User>,
    root: Arc<Root>,
    conditions: Conditions,
    /// Who it is to the file system, if not the user of the process.
    identity: Option<Identity>,
    premises: Arc<Premises>,
    _place: Ticket,
}

/// A file that the account may write in this way; only [`Share::writable`] makes one.
#[derive(Debug, Clone, Copy)]
pub struct Writable<'p> {
    path: &'p VirtualPath,
    placement: Placement,
}

/// How fast one session may move bytes.
pub struct Throttles {
    /// From the client.
    pub upload: Throttle,
    /// To the client.
    pub download: Throttle,
}

impl Share {
    /// Takes a place and opens the home.
    #[inline(never)]
    pub fn open(user: &Arc<User>, conditions: Conditions, premises: &Arc<Premises>) -> Result<Box<Self>, Closed> {
        let place = premises.limits.take(Counted::Account(user.name.clone()), user.max_cons);
        let place = place.map_err(|full| Closed::Full(full.max))?;
        let root = premises.homes.open(&user.home, conditions.links).map_err(Closed::Home)?;
        let identity = user.system_user.as_ref().map(|person| {
            let groups = person.groups.iter().copied().chain([person.group]);
            Identity::of(person.user, groups.collect())
        });
        let (user, premises) = (Arc::clone(user), Arc::clone(premises));
        Ok(Box::new(Self { user, root, conditions, identity, premises, _place: place }))
    }

    /// Makes this thread the account's system user, if it has one, and locks it into the home, if the kernel has a jail;
    /// true if it did either. After an error, the thread may be changed already.
    #[inline(never)]
    pub fn lock_in(&self, dialled: Dialled) -> io::Result<bool> {
        let person = &self.user.system_user;
        if let Some(person) = person {
            person.become_on_this_thread()?;
        }
        let Some(jail) = &self.premises.jail else { return Ok(person.is_some()) };
        let jailed = jail.lock_in(self.root.handle(), self.user.perms.rights(), dialled)?;
        Ok(person.is_some() || jailed)
    }

    /// Whether the thread, which may be another user by now, may enter the home.
    pub fn may_enter(&self) -> Result<(), Closed> {
        self.root.may_enter().map_err(Closed::Home)
    }

    /// The rates of one session, and those of the account that all its sessions share.
    pub fn throttles(&self) -> Throttles {
        let Self { user, conditions, premises, .. } = self;
        let upload = user.max_upload.map(|rate| premises.upload_rates.join(&user.name, rate));
        let download = user.max_download.map(|rate| premises.download_rates.join(&user.name, rate));
        Throttles {
            upload: Throttle::new(conditions.max_upload, upload),
            download: Throttle::new(conditions.max_download, download),
        }
    }

    /// Who it is to the file system.
    pub fn identity(&self) -> &Identity {
        self.identity.as_ref().unwrap_or(&self.premises.identity)
    }

    /// Where a path is on this machine, for logs.
    pub fn real_path(&self, path: &VirtualPath) -> PathBuf {
        self.root.real_path(path)
    }

    /// Asks for a letter alone.
    pub fn permit(&self, perm: Perm) -> Result<(), Denied> {
        if self.user.perms.has(perm) { Ok(()) } else { Err(Denied::Letter(perm)) }
    }

    /// The home, to look at a path with this letter.
    pub fn look(&self, path: &VirtualPath, perm: Perm) -> Result<&Root, Denied> {
        self.permit(perm)?;
        // A partial is reached only through its target.
        if path.has_component(is_partial) { Err(Denied::File(ErrorKind::NotFound.into())) } else { Ok(&self.root) }
    }

    /// The same for a name that is made, which may hold no control byte.
    fn make(&self, path: &VirtualPath, perm: Perm) -> Result<&Root, Denied> {
        self.permit(perm)?;
        match path.file_name() {
            Some(name) if has_control_bytes(name) => Err(Denied::ControlBytes),
            _ if path.has_component(is_partial) => Err(Denied::ServersOwn),
            _ => Ok(&self.root),
        }
    }

    /// Whether the account may list something of that name.
    pub fn may_see(&self, path: &VirtualPath) -> bool {
        self.look(path, Perm::List).is_ok_and(|root| root.link_meta(path).is_ok())
    }

    /// Whether there is something of that name, a link that leads nowhere included.
    pub fn has(&self, path: &VirtualPath) -> io::Result<bool> {
        match self.root.link_meta(path) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens a file for reading.
    pub fn open_file(&self, path: &VirtualPath) -> Result<(File, Meta), Denied> {
        Ok(self.look(path, Perm::Read)?.open_file(path)?)
    }

    /// What a file or folder is, links followed.
    pub fn meta(&self, path: &VirtualPath) -> Result<Meta, Denied> {
        Ok(self.look(path, Perm::List)?.meta(path)?)
    }

    /// Whether a folder may be the current one.
    pub fn enter(&self, path: &VirtualPath) -> Result<(), Denied> {
        Ok(self.look(path, Perm::Enter)?.enter(path)?)
    }

    /// Bytes that may still be written into a folder.
    pub fn free_space(&self, folder: &VirtualPath) -> io::Result<u64> {
        self.root.free_space(folder)
    }

    /// Removes a file.
    pub fn remove_file(&self, path: &VirtualPath) -> Result<(), Denied> {
        let root = self.look(path, Perm::Delete)?;
        Ok(root.remove_file(not_home(path)?, &self.user.name, &self.premises.claims)?)
    }

    /// Removes a folder that is empty as far as a client can see.
    pub fn remove_folder(&self, path: &VirtualPath) -> Result<(), Denied> {
        let root = self.look(path, Perm::Delete)?;
        Ok(root.remove_folder(not_home(path)?, &self.premises.claims)?)
    }

    /// Makes a folder.
    pub fn create_folder(&self, path: &VirtualPath) -> Result<(), Denied> {
        Ok(self.make(path, Perm::MakeDir)?.create_folder(path)?)
    }

    /// Whether there is something of that name to be renamed.
    pub fn may_rename(&self, from: &VirtualPath) -> Result<(), Denied> {
        self.look(from, Perm::Rename)?.link_meta(not_home(from)?)?;
        Ok(())
    }

    /// Renames what [`Self::may_rename`] allowed. It replaces a file only if the account may overwrite and delete.
    pub fn rename(&self, from: &VirtualPath, to: &VirtualPath) -> Result<(), Denied> {
        let root = self.make(to, Perm::Rename)?;
        let replace = self.permit(Perm::Write).and_then(|()| self.permit(Perm::Delete)).is_ok();
        root.rename(from, not_home(to)?, replace).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Denied::Occupied,
            _ => Denied::File(error),
        })
    }

    /// Sets the permission bits and the modification time (in Unix seconds), those of the two that are given.
    pub fn change(&self, path: &VirtualPath, mode: Option<u16>, modified: Option<i64>) -> Result<(), Denied> {
        if modified.is_some() {
            self.permit(Perm::Time)?;
        }
        let root = self.look(path, if mode.is_some() { Perm::Mode } else { Perm::Time })?;
        if let Some(mode) = mode {
            root.set_mode(path, mode)?;
        }
        if let Some(unix) = modified {
            root.set_modified(path, unix)?;
        }
        Ok(())
    }

    /// A file to write, old or new, with the letter that its placement takes. An old one keeps its name, whatever bytes
    /// that holds.
    pub fn writable<'p>(&self, path: &'p VirtualPath, placement: Placement) -> Result<Writable<'p>, Denied> {
        let perm = if placement.appends() { Perm::Append } else { Perm::Write };
        let is_odd = placement != Placement::New && path.file_name().is_some_and(has_control_bytes);
        if !is_odd || self.look(path, perm).is_err() || self.root.link_meta(path).is_err() {
            self.make(path, perm)?;
        }
        Ok(Writable { path, placement })
    }

    /// Whether the folder of this path is there.
    pub fn find_folder_of(&self, path: &VirtualPath) -> io::Result<()> {
        self.root.locate(path).map(|_| ())
    }

    /// The old file to which [`Self::store`] would append, if it holds anything.
    pub fn old_file(&self, path: &VirtualPath) -> Option<File> {
        self.root.open_file(path).ok().filter(|(_, meta)| meta.size > 0).map(|(file, _)| file)
    }

    /// Opens a target for an upload.
    pub fn store<'a>(&'a self, target: Writable<'a>, now: SystemTime) -> Result<Opened<'a>, Denied> {
        let Writable { path, placement } = target;
        let Premises { claims, partials, .. } = &*self.premises;
        let (root, account, policy) = (&*self.root, self.user.name.as_str(), self.conditions.uploads);
        let upload = Upload { root, path, account, policy, claims, partials };
        upload.open(placement, now).map_err(|refused| match refused {
            Refused::AfterTheEnd => Denied::AfterTheEnd,
            Refused::Pending(kept) => Denied::Pending(kept),
            Refused::File(error) if error.kind() == ErrorKind::NotFound && placement == Placement::AppendToOld => {
                self.permit(Perm::Write).err().unwrap_or(Denied::File(error))
            }
            Refused::File(error) => Denied::File(error),
        })
    }
}

impl Writable<'_> {
    /// True if the new bytes come after the old ones.
    pub fn appends(&self) -> bool {
        self.placement.appends()
    }
}

/// An account's home itself is never removed or renamed.
fn not_home(path: &VirtualPath) -> Result<&VirtualPath, Denied> {
    if path.is_root() { Err(Denied::Home) } else { Ok(path) }
}
