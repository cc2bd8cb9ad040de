//! Why the file system refused an act: looked for afterwards, for the log alone.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::auth::user::User;
use crate::fs::root::Links;
use crate::protocol::legible::Legible;
use crate::protocol::path::VirtualPath;
use crate::share::Share;
use crate::sys::files;
use crate::sys::identity::{Identity, Rights};
use crate::sys::meta::{FileKind, Meta};
use crate::sys::person::Person;

/// What an act needs of the file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// To read a file, or to list a folder.
    Read,
    /// To use the entries of a folder.
    Enter,
    /// To change the entries of the folder that holds it.
    ChangeFolder,
    /// The same, or to write the file that is there.
    Store,
    /// To own it.
    Own,
}

/// A file or folder that is in the way.
#[derive(Debug)]
pub struct Obstacle {
    path: PathBuf,
    what: InTheWay,
}

#[derive(Debug)]
enum InTheWay {
    /// It is missing.
    Missing,
    /// It has this owner and these permission bits, and this user acts.
    Owned { owner: u32, mode: u32, actor: String },
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = Legible(self.path.as_os_str().as_encoded_bytes());
        match &self.what {
            InTheWay::Missing => write!(f, "{path} is not there"),
            InTheWay::Owned { owner, mode, actor } => {
                write!(f, "{path} belongs to uid {owner}, mode {mode:o}; {actor}")
            }
        }
    }
}

impl Share {
    /// Whether this error came of a link, and links are not followed.
    pub fn is_kept_from_links(&self, error: &io::Error) -> bool {
        self.conditions.links == Links::Never && files::is_loop(error)
    }

    /// What is in the way of an act at this path that failed with this error, if that can be seen.
    #[cold]
    pub fn obstacle(&self, path: &VirtualPath, need: Need, error: &io::Error) -> Option<Obstacle> {
        match error.kind() {
            ErrorKind::NotFound => self.missing(path),
            ErrorKind::PermissionDenied => self.forbidding(path, need),
            _ => None,
        }
    }

    /// The first part of the path that is missing.
    fn missing(&self, path: &VirtualPath) -> Option<Obstacle> {
        let part = self.first_missing(path)?;
        Some(Obstacle { path: self.real_path(&part), what: InTheWay::Missing })
    }

    /// The shortest part of a path at which there is nothing, by its text.
    pub(super) fn first_missing(&self, path: &VirtualPath) -> Option<VirtualPath> {
        let tree = self.tree.as_ref();
        let is_missing = |part: &VirtualPath| match self.meta_by_text(part) {
            Ok(_) => false,
            // A folder that holds mounts need not be on a disk.
            Err(error) => error.kind() == ErrorKind::NotFound && !tree.is_some_and(|tree| tree.leads_to_mount(part)),
        };
        prefixes(path).into_iter().find(is_missing)
    }

    /// The first part of the path whose mode forbids the act.
    fn forbidding(&self, path: &VirtualPath, need: Need) -> Option<Obstacle> {
        let mut seen: Vec<(VirtualPath, Meta)> = Vec::new();
        for part in prefixes(path) {
            match self.meta_by_text(&part) {
                Ok(meta) => seen.push((part, meta)),
                // The folder that holds it can't be entered.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    return seen.pop().map(|(folder, meta)| self.owned(&folder, &meta));
                }
                Err(_) => break,
            }
        }
        let (folders, last) = match seen.split_last() {
            Some((last, folders)) if last.0 == *path => (folders, Some(last)),
            _ => (&seen[..], None),
        };
        let closed = folders.iter().find(|(_, meta)| !self.rights(meta).enter);
        let (folder, meta) = closed.or_else(|| self.lacking(folders.last(), last, need))?;
        Some(self.owned(folder, meta))
    }

    /// Which of a folder and what it holds lacks what is needed.
    fn lacking<'m>(
        &self,
        folder: Option<&'m (VirtualPath, Meta)>,
        last: Option<&'m (VirtualPath, Meta)>,
        need: Need,
    ) -> Option<&'m (VirtualPath, Meta)> {
        let folder = folder.or(last);
        let is_closed = |meta: &Meta| !self.rights(meta).write || !self.rights(meta).enter;
        match need {
            Need::Own => last.filter(|(_, meta)| !self.identity().owns(meta)),
            Need::Read => last.filter(|(_, meta)| !self.rights(meta).read),
            Need::Enter => last.filter(|(_, meta)| !self.rights(meta).enter),
            Need::ChangeFolder => folder.filter(|(_, meta)| is_closed(meta)),
            Need::Store => last
                .filter(|(_, meta)| meta.kind == FileKind::File && !self.rights(meta).write)
                .or_else(|| folder.filter(|(_, meta)| is_closed(meta))),
        }
    }

    pub(super) fn meta_by_text(&self, path: &VirtualPath) -> io::Result<Meta> {
        if self.tree.as_ref().is_some_and(|tree| tree.unmounted(path).is_some()) {
            return Err(ErrorKind::NotFound.into());
        }
        let (root, path) = self.written(path);
        root.meta(&path)
    }

    fn rights(&self, meta: &Meta) -> Rights {
        self.identity().rights(meta)
    }

    fn owned(&self, path: &VirtualPath, meta: &Meta) -> Obstacle {
        Obstacle::owned(self.real_path(path), meta, self.identity(), self.identity.is_some())
    }
}

impl Obstacle {
    /// What keeps an account out of its home, if that can be seen.
    #[cold]
    pub fn before_home(user: &User, server: &Identity, error: &io::Error) -> Option<Self> {
        let own = user.system_user.as_ref().map(identity_of);
        let identity = own.as_ref().unwrap_or(server);
        let mut parts: Vec<&Path> = user.home.ancestors().collect();
        parts.reverse();
        if error.kind() == ErrorKind::NotFound {
            let part = parts.into_iter().find(|part| Meta::of(part).is_err())?;
            return Some(Self { path: part.to_owned(), what: InTheWay::Missing });
        }
        let seen = parts.into_iter().map_while(|part| Some((part, Meta::of(part).ok()?)));
        let (part, meta) = seen.into_iter().find(|(_, meta)| !identity.rights(meta).enter)?;
        Some(Self::owned(part.to_owned(), &meta, identity, own.is_some()))
    }

    fn owned(path: PathBuf, meta: &Meta, identity: &Identity, is_of_account: bool) -> Self {
        let who = if is_of_account { "the account's system user" } else { "the server" };
        let actor = format!("{who} is uid {}", identity.user());
        Self { path, what: InTheWay::Owned { owner: meta.owner, mode: meta.mode, actor } }
    }
}

/// Who a system user is to the file system.
pub(super) fn identity_of(person: &Person) -> Identity {
    Identity::of(person.user, person.groups.iter().copied().chain([person.group]).collect())
}

/// The home, and every part of a path down to the whole.
fn prefixes(path: &VirtualPath) -> Vec<VirtualPath> {
    let mut parts: Vec<VirtualPath> = std::iter::successors(Some(path.clone()), VirtualPath::parent).collect();
    parts.reverse();
    parts
}
