//! What an account with folder sections sees: its home, the folders that are mounted into it, and the sections that hold for
//! places in them.
//!
//! The nearest section wins, and nearness is by the real place. A client's path is looked up by its text as long as the way
//! there is plain, which one call of the kernel tells: no link, one mount of the system's, and a disk that has one spelling for
//! each name. Otherwise its links are followed step by step (`way`), and the sections are found by the identity of the folders
//! on the way down to it (`identity`).

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::auth::folders::FolderSection;
use crate::auth::perm::Perm;
use crate::auth::user::User;
use crate::fs::homes::Homes;
use crate::fs::root::{Links, Root, hidden};
use crate::protocol::path::VirtualPath;
use crate::share::denied::Denied;
use crate::sys::meta::{FileKind, Meta};

mod area;
pub mod fill;
mod identity;
mod jailed;
pub mod kept;
pub mod overlay;
mod quotas;
mod way;

pub use area::Area;

/// The folders of one account, as they were at its login.
pub struct Tree {
    /// The account's own is the first; one that lies in another comes after it.
    areas: Vec<Area>,
    /// The home is the first; one that lies in another comes after it.
    mounts: Vec<Mount>,
    absent: Vec<Absent>,
    links: Links,
    /// Whether a text may name a place for which another section is nearer.
    deceives: bool,
    /// Whether the jail lacks a rule, as a section's folder was not there when it was made.
    jail_lacks: AtomicBool,
}

/// A folder, and where the account sees it.
struct Mount {
    path: VirtualPath,
    /// `None` if it was not there at the login.
    root: Option<Arc<Root>>,
    area: usize,
}

/// Whether the link at the end of a path is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// The path means what the link leads to.
    Followed,
    /// The path means the link itself.
    AsIs,
}

/// Where a path of the client's really is.
pub struct Spot<'t> {
    /// The mount; `None` for a folder that is not on a disk, and only holds mounts.
    pub root: Option<&'t Arc<Root>>,
    /// The path in the mount; no component is a link, save perhaps the last.
    pub path: VirtualPath,
    /// The path in the tree, without links.
    pub seen: VirtualPath,
    /// What is there, if anything is.
    pub meta: Option<Meta>,
    /// The section that holds for it.
    pub area: &'t Area,
    /// The section that holds for the folder that it lies in.
    pub around: &'t Area,
    /// A section belongs to it, or to something below it.
    pub is_fixed: bool,
}

/// A mount that could not be opened.
pub struct Absent {
    /// Its section.
    pub section: Arc<FolderSection>,
    /// Why.
    pub error: io::Error,
}

impl Tree {
    /// Opens the mounts of an account below its home; those that can't be opened are not there.
    #[cold]
    #[inline(never)]
    pub fn open(user: &User, home: &Arc<Root>, homes: &Homes, links: Links) -> Box<Self> {
        let (areas, mounts, absent) = (vec![Area::own(user)], Vec::new(), Vec::new());
        let mut tree =
            Box::new(Self { areas, mounts, absent, links, deceives: false, jail_lacks: AtomicBool::new(false) });
        tree.mounts.push(Mount { path: VirtualPath::root(), root: Some(Arc::clone(home)), area: 0 });
        for written in &user.folders {
            if let Some(home) = &written.home {
                // Links are followed in the tree, and names are hidden by sections.
                let root = homes.open(home, Links::Never, None);
                let absent = &mut tree.absent;
                let root = root.map_err(|error| absent.push(Absent { section: Arc::clone(written), error })).ok();
                tree.mounts.push(Mount { path: written.path.clone(), root, area: tree.areas.len() });
            }
            let section = tree.section(written);
            tree.areas.push(section);
        }
        tree.deceives = tree.is_entangled() || tree.folds_case();
        tree
    }

    /// The mounts that are not there.
    pub fn absent(&self) -> &[Absent] {
        &self.absent
    }

    /// The section of user.ini with what it leaves to the one above it.
    fn section(&self, written: &Arc<FolderSection>) -> Area {
        let above = &self.areas[self.section_of(written.path.as_bytes())];
        let mount = self.mounts.len() - 1;
        let mount = if written.home.is_some() { mount } else { self.mount_of(&written.path) };
        let perms = written.perms.unwrap_or(above.perms);
        // Only the letters cross into a mount.
        let inherited = (above.mount == mount).then_some(above);
        let keys = &written.keys;
        Area {
            path: written.path.clone(),
            written: Some(Arc::clone(written)),
            perms,
            jailed: inherited.map_or(perms, |above| above.jailed.with(perms)),
            is_late: AtomicBool::new(false),
            mount,
            quota: keys.quota,
            hide: keys.hide.over(inherited.and_then(|above| above.hide.as_ref())).cloned(),
            refuse: keys.refuse.over(inherited.and_then(|above| above.refuse.as_ref())).cloned(),
            on_upload: keys.on_upload.over(inherited.and_then(|above| above.on_upload.as_ref())).cloned(),
        }
    }

    /// Every section, the account's own first.
    pub fn areas(&self) -> &[Area] {
        &self.areas
    }

    /// The mount that a section lies in, if that is there.
    pub fn root_of(&self, section: &Area) -> Option<&Arc<Root>> {
        self.mounts[section.mount].root.as_ref()
    }

    /// Where the folder of a section is in its mount.
    pub fn place_of(&self, section: &Area) -> VirtualPath {
        section.path.seen_from(&self.mounts[section.mount].path).unwrap_or_else(VirtualPath::root)
    }

    /// The section that is nearest to a path by its text.
    pub fn nearest(&self, path: &VirtualPath) -> &Area {
        &self.areas[self.section_of(path.as_bytes())]
    }

    /// An area and those that it lies in, the nearest first.
    pub fn areas_above<'t>(&'t self, area: &'t Area) -> impl Iterator<Item = &'t Area> {
        std::iter::successors(Some(area), |area| area.path.parent().map(|parent| self.nearest(&parent)))
    }

    /// The mount in which a path lies by its text, and its place there.
    pub fn mounted(&self, path: &VirtualPath) -> Option<(&Root, VirtualPath)> {
        let mount = &self.mounts[self.mount_of(path)];
        Some((mount.root.as_deref()?, path.seen_from(&mount.path)?))
    }

    /// Where a path would be by its text, if it lies in a mount that is not there.
    pub fn unmounted(&self, path: &VirtualPath) -> Option<(&FolderSection, PathBuf)> {
        let mount = &self.mounts[self.mount_of(path)];
        let section = self.areas[mount.area].written.as_deref().filter(|_| mount.root.is_none())?;
        let home = section.home.as_deref()?;
        let real = path.below(&mount.path).map(|below| home.join(String::from_utf8_lossy(below).as_ref()));
        Some((section, real.unwrap_or_else(|| home.to_owned())))
    }

    /// The section whose folder a path is by its text, or the first one that has its folder below it.
    pub fn keeper(&self, path: &VirtualPath) -> Option<&FolderSection> {
        let within = |folder: &VirtualPath| self.areas.iter().skip(1).find(|area| area.path.is_within(folder));
        // A folder that is on no disk only holds mounts.
        let area = within(path).or_else(|| within(&path.parent()?))?;
        area.written.as_deref()
    }

    /// Which links are followed.
    pub fn links(&self) -> Links {
        self.links
    }

    /// Finds what a path names.
    ///
    /// # Errors
    /// `NotFound` for a hidden name, `PermissionDenied` for a link that leads out of its mount.
    pub fn find(&self, path: &VirtualPath, last: Last) -> Result<Spot<'_>, Denied> {
        if !self.deceives
            && let Some(spot) = self.by_text(path, last)?
        {
            return Ok(spot);
        }
        let real = self.follow(path, last)?;
        match if self.deceives { None } else { self.by_text(&real, Last::AsIs)? } {
            Some(spot) => Ok(spot),
            None => self.by_identity(real),
        }
    }

    /// Finds it by its text; `None` if the way is not plain.
    fn by_text(&self, path: &VirtualPath, last: Last) -> Result<Option<Spot<'_>>, Denied> {
        let mount = &self.mounts[self.mount_of(path)];
        let place = path.seen_from(&mount.path).unwrap_or_else(VirtualPath::root);
        let root = mount.root.as_ref().ok_or_else(missing)?;
        let meta = match there(root.plain_meta(&place))? {
            Some(None) => return Ok(None),
            Some(Some(meta)) if meta.kind == FileKind::Link && last == Last::Followed => return Ok(None),
            found => found.flatten(),
        };
        let levels = self.levels(path);
        self.spot(mount, path.clone(), meta, &levels).map(Some)
    }

    /// Opens a file to read, without another call of the kernel to find it first. `None` if the way there is not plain, the letter
    /// is missing, or there is no such file: `find` says which.
    pub fn open_plain_file(&self, path: &VirtualPath, perm: Perm) -> Option<(File, Meta)> {
        let levels = self.levels(path);
        let around = &self.areas[*levels.iter().rev().nth(1)?];
        if self.deceives || !around.perms.has(perm) || self.hides(path, &levels) {
            return None;
        }
        let mount = &self.mounts[self.mount_of(path)];
        mount.root.as_ref()?.open_plain_file(&path.seen_from(&mount.path)?).ok()?
    }

    /// The sections of the root and of each folder on the way to a path, that included, by their text.
    fn levels(&self, path: &VirtualPath) -> Vec<usize> {
        let text = path.as_bytes();
        let ends = (1..text.len()).filter(|&at| text[at] == b'/').chain((!path.is_root()).then_some(text.len()));
        [0].into_iter().chain(ends.map(|end| self.section_of(&text[..end]))).collect()
    }

    /// The section that is nearest to a path with its leading `/`, by the text.
    fn section_of(&self, path: &[u8]) -> usize {
        self.areas.iter().rposition(|section| is_within(path, &section.path)).unwrap_or(0)
    }

    /// The mount that a path lies in.
    fn mount_of(&self, path: &VirtualPath) -> usize {
        self.mounts.iter().rposition(|mount| path.is_within(&mount.path)).unwrap_or(0)
    }

    /// Whether a mount that is there lies below a path.
    pub fn leads_to_mount(&self, path: &VirtualPath) -> bool {
        self.mounts.iter().any(|mount| mount.root.is_some() && mount.path != *path && mount.path.is_within(path))
    }

    /// Puts together what is known of a place: `levels` are the sections of the folders from the root down to itself.
    fn spot<'t>(
        &'t self,
        mount: &'t Mount,
        seen: VirtualPath,
        meta: Option<Meta>,
        levels: &[usize],
    ) -> Result<Spot<'t>, Denied> {
        if self.hides(&seen, levels) {
            return Err(hidden().into());
        }
        let own = levels.last().copied().unwrap_or(0);
        let around = levels.iter().rev().nth(1).copied().unwrap_or(own);
        let is_empty_folder = meta.is_none() && self.leads_to_mount(&seen);
        let is_folder = is_empty_folder || meta.as_ref().is_some_and(|meta| meta.kind == FileKind::Folder);
        // A rule is for a folder, not for a file that has its name.
        let area = if is_folder { own } else { around };
        let is_fixed = !seen.is_root() && self.keeps(&seen, is_folder);
        Ok(Spot {
            root: if is_empty_folder { None } else { mount.root.as_ref() },
            path: seen.seen_from(&mount.path).unwrap_or_else(VirtualPath::root),
            area: &self.areas[area],
            around: &self.areas[around],
            seen,
            meta,
            is_fixed,
        })
    }

    /// Whether some name on the way to a place is hidden there.
    fn hides(&self, seen: &VirtualPath, levels: &[usize]) -> bool {
        seen.components().zip(levels).any(|(name, level)| self.areas[*level].hides(name))
    }

    /// Whether a section belongs to a place, or to something below it.
    fn keeps(&self, seen: &VirtualPath, is_folder: bool) -> bool {
        let mut paths = self.areas.iter().map(|section| &section.path);
        paths.any(|path| path.is_within(seen) && (is_folder || path != seen))
    }
}

/// There is nothing of that name.
fn missing() -> Denied {
    Denied::File(ErrorKind::NotFound.into())
}

/// What a look has found; `None` if nothing is there. Any other error says nothing of what the act will find: a client can let a
/// folder be closed for just the look, by its mode.
fn there<T>(looked: io::Result<T>) -> io::Result<Option<T>> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename => Ok(None),
            _ => Err(error),
        },
    }
}

/// Whether an absolute path, empty for the root, is a folder or lies below it.
fn is_within(path: &[u8], folder: &VirtualPath) -> bool {
    let folder = if folder.is_root() { b"" } else { folder.as_bytes() };
    path.strip_prefix(folder).is_some_and(|rest| matches!(rest.first(), None | Some(b'/')))
}
