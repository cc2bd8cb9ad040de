//! An account's home as a directory handle: where a client's path meets the kernel.
//!
//! Every access goes from the home's handle down, by `openat2` with RESOLVE_BENEATH, so neither `..`, nor a symbolic link,
//! nor a name swapped between check and use can leave it. Where the kernel says EXDEV (an absolute link, which may well
//! lead inside) or lacks the call, [`Root::walk`] goes one component at a time. Nothing is named twice: what changes a
//! folder resolves its parent once and acts on that handle.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use crate::fs::entry::{Kind, Meta};
use crate::fs::place::{CAREFUL, Handle, Place, not_regular, regular};
use crate::protocol::path::VirtualPath;

/// Which symbolic links are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Those that lead to something inside the home.
    Inside,
    /// None.
    Never,
}

/// The handle of a home folder; it stays with the folder even when that is moved.
#[derive(Debug)]
pub struct Root {
    dir: OwnedFd,
    /// The home's path as configured and as the kernel names it: absolute links below either lead inside.
    bases: [PathBuf; 2],
    links: Links,
}

const FIND: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
const FIND_FOLDER: OFlags = FIND.union(OFlags::DIRECTORY);
/// The kernel's own bound (path_resolution(7)).
const MAX_LINKS: usize = 40;
/// RESOLVE_BENEATH may say EAGAIN when folders are renamed meanwhile.
const MAX_TRIES: usize = 16;

impl Root {
    /// Opens a home folder.
    ///
    /// # Errors
    /// As the system says when it is missing, no folder or not accessible.
    pub fn open(home: &Path, links: Links) -> io::Result<Self> {
        let dir = rustix::fs::open(home, FIND_FOLDER, Mode::empty())?;
        let bases = [std::path::absolute(home)?, home.canonicalize()?];
        Ok(Self { dir, bases, links })
    }

    /// The real path of a client's path, for the log alone.
    pub fn real_path(&self, path: &VirtualPath) -> PathBuf {
        match path.relative() {
            b"" => self.bases[0].clone(),
            relative => self.bases[0].join(OsStr::from_bytes(relative)),
        }
    }

    /// Opens a regular file for reading.
    ///
    /// # Errors
    /// `Unsupported` for a FIFO, socket or device, `IsADirectory` for a folder; it never blocks.
    pub fn open_file(&self, path: &VirtualPath) -> io::Result<(File, Meta)> {
        regular(self.resolve(path, OFlags::RDONLY | CAREFUL, Mode::empty())?)
    }

    /// Opens a folder to read its entries.
    ///
    /// # Errors
    /// `NotADirectory` where it is none.
    pub fn open_folder(&self, path: &VirtualPath) -> io::Result<OwnedFd> {
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY | CAREFUL, Mode::empty())
    }

    /// What a path is, its last link followed.
    ///
    /// # Errors
    /// A link that leads outside is `PermissionDenied`.
    pub fn meta(&self, path: &VirtualPath) -> io::Result<Meta> {
        match self.link_meta(path)? {
            meta if meta.kind == Kind::Link => Ok(rustix::fs::fstat(self.resolve(path, FIND, Mode::empty())?)?.into()),
            meta => Ok(meta),
        }
    }

    /// What a path is, its last link not followed.
    ///
    /// # Errors
    /// As the system says.
    pub fn link_meta(&self, path: &VirtualPath) -> io::Result<Meta> {
        match self.place(path)? {
            Some(place) => place.meta(),
            None => Ok(rustix::fs::fstat(&self.dir)?.into()),
        }
    }

    /// Where a symbolic link leads, as it is written in it.
    ///
    /// # Errors
    /// As the system says when it is none.
    pub fn link_target(&self, path: &VirtualPath) -> io::Result<Vec<u8>> {
        let place = self.place(path)?.ok_or(Errno::INVAL)?;
        Ok(rustix::fs::readlinkat(&place.folder, place.name.as_ref(), Vec::new())?.into_bytes())
    }

    /// Bytes that may still be written to the file system that holds a folder.
    ///
    /// # Errors
    /// As the system says.
    pub fn free_space(&self, folder: &VirtualPath) -> io::Result<u64> {
        let space = rustix::fs::fstatvfs(self.resolve(folder, FIND_FOLDER, Mode::empty())?)?;
        Ok(space.f_bavail.saturating_mul(space.f_frsize))
    }

    /// Makes a folder.
    ///
    /// # Errors
    /// As the system says.
    pub fn create_folder(&self, path: &VirtualPath) -> io::Result<()> {
        let place = self.place(path)?.ok_or(Errno::EXIST)?;
        Ok(rustix::fs::mkdirat(&place.folder, place.name.as_ref(), Mode::from_raw_mode(0o777))?)
    }

    /// Removes an empty folder; never the home itself.
    ///
    /// # Errors
    /// As the system says.
    pub fn remove_folder(&self, path: &VirtualPath) -> io::Result<()> {
        self.place(path)?.ok_or(Errno::ACCESS)?.unlink(AtFlags::REMOVEDIR)
    }

    /// Removes a file; of a link the link itself.
    ///
    /// # Errors
    /// As the system says.
    pub fn remove_file(&self, path: &VirtualPath) -> io::Result<()> {
        self.place(path)?.ok_or(Errno::ISDIR)?.unlink(AtFlags::empty())
    }

    /// Gives a file or folder another name; of a link the link itself.
    ///
    /// # Errors
    /// `AlreadyExists` where the target does and must not be replaced, `CrossesDevices` between file systems.
    pub fn rename(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> io::Result<()> {
        let from = self.place(from)?.ok_or(Errno::ACCESS)?;
        let to = self.place(to)?.ok_or(Errno::EXIST)?;
        if replace { from.rename(&to) } else { from.rename_to_free(&to) }
    }

    /// Sets a file's or folder's modification time in Unix seconds.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_modified(&self, path: &VirtualPath, unix: i64) -> io::Result<()> {
        let times = Timestamps {
            last_access: Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            last_modification: Timespec { tv_sec: unix, tv_nsec: 0 },
        };
        Ok(rustix::fs::futimens(self.open_for_facts(path)?, &times)?)
    }

    /// Sets a file's or folder's permission bits; no others.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_mode(&self, path: &VirtualPath, mode: u16) -> io::Result<()> {
        let mode = Mode::from_raw_mode(u32::from(mode & 0o777));
        Ok(rustix::fs::fchmod(self.open_for_facts(path)?, mode)?)
    }

    /// A handle that fchmod and futimens take: a regular file or a folder, readable or at least writable.
    fn open_for_facts(&self, path: &VirtualPath) -> io::Result<OwnedFd> {
        if !matches!(self.meta(path)?.kind, Kind::File | Kind::Folder) {
            return Err(not_regular());
        }
        match self.resolve(path, OFlags::RDONLY | CAREFUL, Mode::empty()) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.resolve(path, OFlags::WRONLY | CAREFUL, Mode::empty())
            }
            opened => opened,
        }
    }

    /// Where the bytes of a file are or will be: every link followed, the last one too.
    ///
    /// # Errors
    /// `IsADirectory` for the home, `PermissionDenied` for a link that leads outside.
    pub fn locate<'p>(&'p self, path: &'p VirtualPath) -> io::Result<(Place<'p>, Option<Meta>)> {
        let place = self.place(path)?.ok_or(Errno::ISDIR)?;
        match place.meta() {
            Ok(meta) if meta.kind == Kind::Link => {
                let spot = self.walk(path.relative()).map_err(explain)?;
                let folder = spot.folder.map_or(Handle::Home(self.dir.as_fd()), Handle::Opened);
                let place = Place { folder, name: Cow::Owned(spot.name.ok_or(Errno::ISDIR)?) };
                // A link to nothing is of no use: what it is meant to make is not for a client to say.
                let meta = place.meta()?;
                Ok((place, Some(meta)))
            }
            Ok(meta) => Ok((place, Some(meta))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((place, None)),
            Err(error) => Err(error),
        }
    }

    /// The folder that holds a path, and the name in it, not followed; `None` for the home itself.
    fn place<'p>(&'p self, path: &'p VirtualPath) -> io::Result<Option<Place<'p>>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
        let folder = if parent.is_root() {
            Handle::Home(self.dir.as_fd())
        } else {
            Handle::Opened(self.resolve(&parent, FIND_FOLDER, Mode::empty())?)
        };
        Ok(Some(Place { folder, name: Cow::Borrowed(name) }))
    }

    fn resolve(&self, path: &VirtualPath, flags: OFlags, mode: Mode) -> io::Result<OwnedFd> {
        let relative = if path.is_root() { b".".as_slice() } else { path.relative() };
        let how = match self.links {
            Links::Inside => ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
            Links::Never => ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        };
        for _ in 0..MAX_TRIES {
            match rustix::fs::openat2(&self.dir, relative, flags, mode, how) {
                Err(Errno::AGAIN) => {}
                Err(Errno::XDEV | Errno::NOSYS | Errno::PERM) => break,
                other => return Ok(other?),
            }
        }
        let spot = self.walk(relative).map_err(explain)?;
        let folder = spot.folder.as_ref().unwrap_or(&self.dir);
        let opened = match &spot.name {
            Some(name) => rustix::fs::openat(folder, name.as_slice(), flags | OFlags::NOFOLLOW, mode),
            None => rustix::fs::openat(folder, ".", flags - OFlags::CREATE - OFlags::EXCL, Mode::empty()),
        };
        Ok(opened?)
    }

    /// Resolves one component at a time, so that no link is followed by the kernel; EXDEV where the way leads outside.
    fn walk(&self, path: &[u8]) -> Result<Spot, Errno> {
        let mut ahead: Vec<Vec<u8>> = components(path);
        let mut behind: Vec<OwnedFd> = Vec::new();
        let mut links = 0;
        while let Some(component) = ahead.pop() {
            if component == b".." {
                behind.pop().ok_or(Errno::XDEV)?;
                continue;
            }
            let here = behind.last().unwrap_or(&self.dir);
            match rustix::fs::readlinkat(here, component.as_slice(), Vec::new()) {
                Ok(target) => {
                    links += 1;
                    if links > MAX_LINKS || self.links == Links::Never {
                        return Err(Errno::LOOP);
                    }
                    if target.to_bytes().first() == Some(&b'/') {
                        behind.clear();
                    }
                    ahead.extend(components(&self.inside(target.to_bytes())?));
                }
                Err(Errno::INVAL | Errno::NOENT) if ahead.is_empty() => {
                    return Ok(Spot { folder: behind.pop(), name: Some(component) });
                }
                Err(Errno::INVAL) => {
                    let flags = FIND_FOLDER | OFlags::NOFOLLOW;
                    behind.push(rustix::fs::openat(here, component.as_slice(), flags, Mode::empty())?);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(Spot { folder: behind.pop(), name: None })
    }

    /// A link's target, as a path from the home where it is absolute; EXDEV where it leads elsewhere.
    fn inside<'t>(&self, target: &'t [u8]) -> Result<Cow<'t, [u8]>, Errno> {
        if target.first() != Some(&b'/') {
            return Ok(Cow::Borrowed(target));
        }
        let path = Path::new(OsStr::from_bytes(target));
        let below = self.bases.iter().find_map(|base| path.strip_prefix(base).ok());
        below.map(|path| Cow::Borrowed(path.as_os_str().as_bytes())).ok_or(Errno::XDEV)
    }
}

/// Where [`Root::walk`] ends: in a folder (`None` is the home), at a name in it or at the folder itself.
struct Spot {
    folder: Option<OwnedFd>,
    name: Option<Vec<u8>>,
}

fn explain(error: Errno) -> io::Error {
    match error {
        Errno::XDEV => io::Error::new(io::ErrorKind::PermissionDenied, "leads outside the home"),
        error => error.into(),
    }
}

/// A path's components, the first one last; `.` and empty ones left out.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|&byte| byte == b'/').filter(|part| !matches!(*part, b"" | b"."));
    parts.rev().map(<[u8]>::to_vec).collect()
}
