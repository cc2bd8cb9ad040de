//! Names below a folder that none of them can leave.
//!
//! The kernel resolves with RESOLVE_BENEATH, so neither `..`, nor a symbolic link, nor a name swapped between check and
//! use leads out. If it says EXDEV (an absolute link, which may well lead inside) or lacks the call, the path is walked
//! one component at a time. So it is if there are [`Unseen`] names and a link is met, because only a walk sees what names
//! a link leads through.

use std::borrow::Cow;
use std::error::Error;
use std::ffi::OsStr;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use crate::sys::folder::{CAREFUL, FIND_FOLDER, FolderHandle, regular};
use crate::sys::meta::{FileKind, Meta};
use crate::sys::place::{Handle, Place};

/// Which symbolic links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Those that lead to something inside.
    Inside,
    /// None.
    Never,
}

/// Names that are not there, whatever the disk holds.
pub trait Unseen: fmt::Debug + Send + Sync {
    /// Whether this name is one of them: one component.
    fn has(&self, name: &[u8]) -> bool;
}

/// A folder with all that is below it, less the unseen names. Names are relative to it; an empty one is the folder itself.
#[derive(Debug)]
pub struct Base {
    dir: FolderHandle,
    /// Its path, as configured.
    path: PathBuf,
    links: Links,
    unseen: Option<Arc<dyn Unseen>>,
}

/// Where a link leads.
#[derive(Debug)]
pub struct LinkTarget {
    /// The components, the first one first; `..` may be among them.
    pub names: Vec<Vec<u8>>,
    /// They count from the base, not from the link's folder.
    pub is_absolute: bool,
}

/// Where a name ends once every link is followed.
#[derive(Debug)]
pub struct WayEnd<'b> {
    /// The folder.
    pub folder: Handle<'b>,
    /// The name in it; `None` if it is the folder itself.
    pub name: Option<Vec<u8>>,
}

const FIND: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
/// The kernel's own bound (path_resolution(7)).
const MAX_LINKS: usize = 40;
/// RESOLVE_BENEATH may say EAGAIN when folders are renamed meanwhile.
const MAX_TRIES: usize = 16;

impl Base {
    /// Opens a folder by its absolute path.
    pub fn open(path: &Path, links: Links) -> io::Result<Self> {
        Ok(Self { dir: FolderHandle::open(path)?, path: path.to_owned(), links, unseen: None })
    }

    /// The same without these names.
    #[must_use]
    pub fn without(self, unseen: Option<Arc<dyn Unseen>>) -> Self {
        Self { unseen, ..self }
    }

    /// Whether some component of this path is an unseen name.
    pub fn hides(&self, path: &[u8]) -> bool {
        let hides = |unseen: &Arc<dyn Unseen>| path.split(|&byte| byte == b'/').any(|name| unseen.has(name));
        self.unseen.as_ref().is_some_and(hides)
    }

    /// Fails with `NotFound`, as for a name that is missing, if some component of this path is an unseen name.
    pub fn see(&self, path: &[u8]) -> io::Result<()> {
        if self.hides(path) { Err(hidden()) } else { Ok(()) }
    }

    /// The folder itself.
    pub fn dir(&self) -> &FolderHandle {
        &self.dir
    }

    /// Which links are followed.
    pub fn links(&self) -> Links {
        self.links
    }

    /// The path of a name, for people alone.
    pub fn path_of(&self, name: &[u8]) -> PathBuf {
        if name.is_empty() { self.path.clone() } else { self.path.join(OsStr::from_bytes(name)) }
    }

    /// Opens a regular file to read, without waiting. Fails with `IsADirectory` for a folder, with `Unsupported` for a FIFO,
    /// socket or device.
    pub fn file(&self, name: &[u8]) -> io::Result<(File, Meta)> {
        regular(self.resolve(name, OFlags::RDONLY | CAREFUL)?)
    }

    /// Opens a folder to name what is in it.
    pub fn folder(&self, name: &[u8]) -> io::Result<FolderHandle> {
        Ok(self.resolve(name, FIND_FOLDER)?.into())
    }

    /// Opens a folder to read its entries.
    pub fn folder_to_read(&self, name: &[u8]) -> io::Result<FolderHandle> {
        Ok(self.resolve(name, OFlags::RDONLY | OFlags::DIRECTORY | CAREFUL)?.into())
    }

    /// What has this name, its last link followed. A link that leads outside is `PermissionDenied`.
    pub fn meta(&self, name: &[u8]) -> io::Result<Meta> {
        Ok(rustix::fs::fstat(self.resolve(name, FIND)?)?.into())
    }

    /// Sets a file's or folder's modification time in Unix seconds.
    pub fn set_modified(&self, name: &[u8], unix: i64) -> io::Result<()> {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: unix, tv_nsec: 0 },
        };
        Ok(rustix::fs::futimens(self.open_for_facts(name)?.0, &times)?)
    }

    /// Sets a file's or folder's nine permission bits; setuid, setgid and sticky stay as they are.
    pub fn set_mode(&self, name: &[u8], mode: u16) -> io::Result<()> {
        let (opened, meta) = self.open_for_facts(name)?;
        let mode = Mode::from_raw_mode((meta.mode & 0o7000) | u32::from(mode & 0o777));
        Ok(rustix::fs::fchmod(opened, mode)?)
    }

    /// Follows every link, the last one, too. Fails with `PermissionDenied` for one that leads outside.
    pub fn end_of(&self, name: &[u8]) -> io::Result<WayEnd<'_>> {
        self.walk(name).map_err(explain)
    }

    /// Where a link leads, as it is written in it, or from the base if it is absolute.
    pub fn link_target(&self, link: &Place) -> io::Result<Vec<u8>> {
        let target = link.link_target()?;
        if target.first() != Some(&b'/') {
            return Ok(target);
        }
        Ok([b"/", self.inside(&target)?.as_ref()].concat())
    }

    /// What has this name, its last link not followed, if the way there is plain: it meets no link and stays in one mount.
    /// `None` if it is not, or if the kernel can't tell.
    pub fn plain_meta(&self, name: &[u8]) -> io::Result<Option<Meta>> {
        match self.plainly(name, FIND | OFlags::NOFOLLOW)? {
            Some(found) => Ok(Some(rustix::fs::fstat(found)?.into())),
            None => Ok(None),
        }
    }

    /// Opens a regular file to read, as `file` does, if the way there is plain.
    pub fn plain_file(&self, name: &[u8]) -> io::Result<Option<(File, Meta)>> {
        self.plainly(name, OFlags::RDONLY | CAREFUL)?.map(regular).transpose()
    }

    fn plainly(&self, name: &[u8], flags: OFlags) -> io::Result<Option<OwnedFd>> {
        let name = if name.is_empty() { b"." } else { name };
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        for _ in 0..MAX_TRIES {
            match rustix::fs::openat2(&self.dir, name, flags, Mode::empty(), how) {
                Err(Errno::AGAIN) => {}
                Err(Errno::LOOP | Errno::XDEV | Errno::NOSYS | Errno::PERM) => return Ok(None),
                found => return Ok(Some(found?)),
            }
        }
        Ok(None)
    }

    /// Where a link leads, component by component.
    pub fn target_of(&self, link: &Place) -> io::Result<LinkTarget> {
        let target = link.link_target()?;
        let is_absolute = target.first() == Some(&b'/');
        let mut names = components(&self.inside(&target).map_err(|error| explain(error.into()))?);
        names.reverse();
        Ok(LinkTarget { names, is_absolute })
    }

    /// A handle that fchmod and futimens take: a regular file or a folder, readable or at least writable.
    fn open_for_facts(&self, name: &[u8]) -> io::Result<(OwnedFd, Meta)> {
        let opened = match self.resolve(name, OFlags::RDONLY | CAREFUL) {
            // A folder that may not be read can't be opened to write.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                self.resolve(name, OFlags::WRONLY | CAREFUL).map_err(|_| error)
            }
            opened => opened,
        }?;
        let meta = Meta::from(rustix::fs::fstat(&opened)?);
        match meta.kind {
            FileKind::File | FileKind::Folder => Ok((opened, meta)),
            FileKind::Link | FileKind::Other => Err(ErrorKind::Unsupported.into()),
        }
    }

    fn resolve(&self, name: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
        self.see(name)?;
        let name = if name.is_empty() { b"." } else { name };
        let walks_links = self.links == Links::Inside && self.unseen.is_some();
        let how = match self.links {
            Links::Inside if !walks_links => ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
            Links::Inside | Links::Never => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        };
        for _ in 0..MAX_TRIES {
            match rustix::fs::openat2(&self.dir, name, flags, Mode::empty(), how) {
                Err(Errno::AGAIN) => {}
                Err(Errno::XDEV | Errno::NOSYS | Errno::PERM) => break,
                Err(Errno::LOOP) if walks_links => break,
                other => return Ok(other?),
            }
        }
        let end = self.end_of(name)?;
        let last = end.name.as_deref().unwrap_or(b".");
        Ok(rustix::fs::openat(&*end.folder, last, flags | OFlags::NOFOLLOW, Mode::empty())?)
    }

    /// Resolves one component at a time, so that the kernel follows no link; EXDEV if the way leads outside.
    fn walk(&self, name: &[u8]) -> io::Result<WayEnd<'_>> {
        let mut ahead: Vec<Vec<u8>> = components(name);
        let mut passed: Vec<FolderHandle> = Vec::new();
        let (mut links, mut last) = (0, None);
        while let Some(component) = ahead.pop() {
            if component == b".." {
                passed.pop().ok_or(Errno::XDEV)?;
                continue;
            }
            self.see(&component)?;
            let here = passed.last().unwrap_or(&self.dir);
            match rustix::fs::readlinkat(here, component.as_slice(), Vec::new()) {
                Ok(target) => {
                    links += 1;
                    if links > MAX_LINKS || self.links == Links::Never {
                        return Err(Errno::LOOP.into());
                    }
                    if target.to_bytes().first() == Some(&b'/') {
                        passed.clear();
                    }
                    ahead.extend(components(&self.inside(target.to_bytes())?));
                }
                Err(Errno::INVAL | Errno::NOENT) if ahead.is_empty() => last = Some(component),
                Err(Errno::INVAL) => {
                    let flags = FIND_FOLDER | OFlags::NOFOLLOW;
                    passed.push(rustix::fs::openat(here, component.as_slice(), flags, Mode::empty())?.into());
                }
                Err(error) => return Err(error.into()),
            }
        }
        let folder = passed.pop().map_or(Handle::Borrowed(&self.dir), Handle::Opened);
        Ok(WayEnd { folder, name: last })
    }

    /// A link's target, as a path from the base if it is absolute; EXDEV if it leads elsewhere. An absolute target leads
    /// inside if it is below the configured path, or below the path that this one resolves to.
    fn inside<'t>(&self, target: &'t [u8]) -> Result<Cow<'t, [u8]>, Errno> {
        if target.first() != Some(&b'/') {
            return Ok(Cow::Borrowed(target));
        }
        let path = Path::new(OsStr::from_bytes(target));
        let below =
            path.strip_prefix(&self.path).ok().or_else(|| path.strip_prefix(self.path.canonicalize().ok()?).ok());
        below.map(|path| Cow::Borrowed(path.as_os_str().as_bytes())).ok_or(Errno::XDEV)
    }
}

fn explain(error: io::Error) -> io::Error {
    match error.kind() {
        ErrorKind::CrossesDevices => io::Error::new(ErrorKind::PermissionDenied, "leads outside the home"),
        _ => error,
    }
}

/// Whether this `NotFound` is one of an unseen name, which the disk may well hold.
pub fn is_hidden(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|source| source.is::<HiddenName>())
}

/// The name is not there for clients.
#[cold]
pub fn hidden() -> io::Error {
    io::Error::new(ErrorKind::NotFound, HiddenName)
}

#[derive(Debug)]
struct HiddenName;

impl fmt::Display for HiddenName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name is hidden")
    }
}

impl Error for HiddenName {}

/// A path's components, the first one last; `.` and empty ones left out.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.rev().map(<[u8]>::to_vec).collect()
}
