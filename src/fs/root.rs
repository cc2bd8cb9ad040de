//! An account's home as a directory handle: where a client's path meets the kernel.
//!
//! Every access goes from the home's handle down, by `openat2` with RESOLVE_BENEATH, so neither `..`, nor a symbolic link,
//! nor a name swapped between check and use can leave it. Where the kernel says EXDEV (an absolute link, which may well
//! lead inside) or lacks the call, the path is walked one component at a time. Nothing is named twice: what changes a
//! folder resolves its parent once and acts on that handle.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{self, FsType};
use rustix::fs::{Access, AtFlags, Mode, OFlags, ResolveFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use crate::fs::place::{CAREFUL, Handle, Place, not_regular, regular};
use crate::protocol::path::VirtualPath;
use crate::sys::meta::{FileId, FileKind, Meta};

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
    /// The home's path as configured.
    home: PathBuf,
    links: Links,
    /// Its device and inode.
    id: FileId,
    is_local: bool,
}

const FIND: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);
const FIND_FOLDER: OFlags = FIND.union(OFlags::DIRECTORY);
/// Elsewhere (NFS, SMB, FUSE) closing a file may be what fails.
const LOCAL: [FsType; 7] = [
    statfs::EXT4_SUPER_MAGIC,
    statfs::XFS_SUPER_MAGIC,
    statfs::BTRFS_SUPER_MAGIC,
    statfs::F2FS_SUPER_MAGIC,
    statfs::TMPFS_MAGIC,
    statfs::OVERLAYFS_SUPER_MAGIC,
    statfs::MSDOS_SUPER_MAGIC,
];
/// The kernel's own bound (path_resolution(7)).
const MAX_LINKS: usize = 40;
/// RESOLVE_BENEATH may say EAGAIN when folders are renamed meanwhile.
const MAX_TRIES: usize = 16;

impl Root {
    /// Opens a home folder by its absolute path.
    ///
    /// # Errors
    /// As the system says when it is missing, no folder or not accessible.
    pub fn open(home: &Path, links: Links) -> io::Result<Self> {
        let dir = rustix::fs::open(home, FIND_FOLDER, Mode::empty())?;
        let id = Meta::from(rustix::fs::fstat(&dir)?).id;
        let is_local = statfs::fstatfs(&dir).is_ok_and(|disk| LOCAL.contains(&disk.filesystem_type()));
        Ok(Self { dir, home: home.to_owned(), links, id, is_local })
    }

    /// The home's device and inode.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// True for a folder on a disk that tells of all its errors before a file is closed: one of this machine's own.
    pub fn is_local(&self, device: u64) -> bool {
        self.is_local && device == self.id.device
    }

    /// Fails where this thread may not enter the home, which an O_PATH handle does not tell.
    ///
    /// # Errors
    /// `PermissionDenied`
    pub fn may_enter(&self) -> io::Result<()> {
        Ok(rustix::fs::accessat(&self.dir, ".", Access::EXEC_OK, AtFlags::EACCESS)?)
    }

    /// The folder itself, by an O_PATH handle.
    pub fn handle(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }

    /// Which links are followed.
    pub fn links(&self) -> Links {
        self.links
    }

    /// The real path of a client's path, for the log alone.
    pub fn real_path(&self, path: &VirtualPath) -> PathBuf {
        match path.relative() {
            b"" => self.home.clone(),
            relative => self.home.join(OsStr::from_bytes(relative)),
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

    /// Fails where a path is no folder that this process may enter.
    ///
    /// # Errors
    /// `NotADirectory`, `PermissionDenied`
    pub fn enter(&self, path: &VirtualPath) -> io::Result<()> {
        let folder = self.resolve(path, FIND_FOLDER, Mode::empty())?;
        Ok(rustix::fs::accessat(folder, ".", Access::EXEC_OK, AtFlags::EACCESS)?)
    }

    /// What a path is, its last link followed.
    ///
    /// # Errors
    /// A link that leads outside is `PermissionDenied`.
    pub fn meta(&self, path: &VirtualPath) -> io::Result<Meta> {
        match self.link_meta(path)? {
            meta if meta.kind == FileKind::Link => {
                Ok(rustix::fs::fstat(self.resolve(path, FIND, Mode::empty())?)?.into())
            }
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

    /// What a path whose own facts are known is shown as: what its last link leads to if that is inside, or the link itself.
    pub fn followed(&self, path: &VirtualPath, own: Meta) -> Meta {
        if own.kind == FileKind::Link { self.meta(path).unwrap_or(own) } else { own }
    }

    /// Where a symbolic link leads, as it is written in it, or from the home where it is absolute.
    ///
    /// # Errors
    /// As the system says when it is none.
    pub fn link_target(&self, path: &VirtualPath) -> io::Result<Vec<u8>> {
        let place = self.place(path)?.ok_or(Errno::INVAL)?;
        let target = rustix::fs::readlinkat(&place.folder, place.name.as_ref(), Vec::new())?.into_bytes();
        if target.first() != Some(&b'/') {
            return Ok(target);
        }
        let inside = self.inside(&target)?;
        Ok([b"/", inside.as_ref()].concat())
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

    /// Gives a file or folder another name; of a link the link itself.
    ///
    /// # Errors
    /// `AlreadyExists` where the target does and must not be replaced, `CrossesDevices` between file systems.
    pub fn rename(&self, from: &VirtualPath, to: &VirtualPath, replace: bool) -> io::Result<()> {
        let from = self.place(from)?.ok_or(Errno::ACCESS)?;
        let to = self.place(to)?.ok_or(Errno::EXIST)?;
        if replace { from.rename_over(&to) } else { from.rename_to_free(&to) }
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
        Ok(rustix::fs::futimens(self.open_for_facts(path)?.0, &times)?)
    }

    /// Sets a file's or folder's nine permission bits; setuid, setgid and sticky stay as they are.
    ///
    /// # Errors
    /// As the system says.
    pub fn set_mode(&self, path: &VirtualPath, mode: u16) -> io::Result<()> {
        let (opened, meta) = self.open_for_facts(path)?;
        let mode = Mode::from_raw_mode((meta.mode & 0o7000) | u32::from(mode & 0o777));
        Ok(rustix::fs::fchmod(opened, mode)?)
    }

    /// A handle that fchmod and futimens take: a regular file or a folder, readable or at least writable.
    fn open_for_facts(&self, path: &VirtualPath) -> io::Result<(OwnedFd, Meta)> {
        let opened = match self.resolve(path, OFlags::RDONLY | CAREFUL, Mode::empty()) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.resolve(path, OFlags::WRONLY | CAREFUL, Mode::empty())
            }
            opened => opened,
        }?;
        let meta = Meta::from(rustix::fs::fstat(&opened)?);
        match meta.kind {
            FileKind::File | FileKind::Folder => Ok((opened, meta)),
            FileKind::Link | FileKind::Other => Err(not_regular()),
        }
    }

    /// Where the bytes of a file are or will be: every link followed, the last one too.
    ///
    /// # Errors
    /// `IsADirectory` for the home, `PermissionDenied` for a link that leads outside.
    pub fn locate<'p>(&'p self, path: &'p VirtualPath) -> io::Result<(Place<'p>, Option<Meta>)> {
        let place = self.place(path)?.ok_or(Errno::ISDIR)?;
        match place.meta() {
            Ok(meta) if meta.kind == FileKind::Link => {
                let spot = self.walk(path.relative()).map_err(explain)?;
                let folder = spot.folder.map_or(Handle::Borrowed(self.dir.as_fd()), Handle::Opened);
                let place = Place { folder, name: Cow::Owned(spot.name.ok_or(Errno::ISDIR)?), known: None };
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
    ///
    /// # Errors
    /// As the system says of the folder.
    pub fn place<'p>(&'p self, path: &'p VirtualPath) -> io::Result<Option<Place<'p>>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
        let name = Cow::Borrowed(name);
        if parent.is_root() {
            let known = Some(self.id);
            return Ok(Some(Place { folder: Handle::Borrowed(self.dir.as_fd()), name, known }));
        }
        let folder = Handle::Opened(self.resolve(&parent, FIND_FOLDER, Mode::empty())?);
        Ok(Some(Place { folder, name, known: None }))
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

    /// A link's target, as a path from the home where it is absolute; EXDEV where it leads elsewhere. Absolute targets
    /// below the home's configured path lead inside, and so do those below the path by which the kernel knows it.
    fn inside<'t>(&self, target: &'t [u8]) -> Result<Cow<'t, [u8]>, Errno> {
        if target.first() != Some(&b'/') {
            return Ok(Cow::Borrowed(target));
        }
        let path = Path::new(OsStr::from_bytes(target));
        let below =
            path.strip_prefix(&self.home).ok().or_else(|| path.strip_prefix(self.home.canonicalize().ok()?).ok());
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use proptest::prelude::*;
    use tempfile::TempDir;

    use super::*;

    /// A home below a folder that also holds a secret.
    fn tree() -> (TempDir, PathBuf) {
        let outside = tempfile::tempdir().expect("a temporary folder");
        let home = outside.path().join("home");
        fs::create_dir_all(home.join("deep/er")).expect("made");
        fs::write(outside.path().join("secret"), "secret").expect("made");
        fs::write(home.join("deep/file"), "inside").expect("made");
        (outside, home)
    }

    fn path(text: &str) -> VirtualPath {
        VirtualPath::root().join(text.as_bytes())
    }

    fn content(root: &Root, name: &str) -> Result<String, io::ErrorKind> {
        let (file, _) = root.open_file(&path(name)).map_err(|error| error.kind())?;
        io::read_to_string(file).map_err(|error| error.kind())
    }

    #[test]
    fn links_inside_work_and_links_outside_do_not() {
        let (outside, home) = tree();
        let cases: &[(&str, PathBuf, Result<&str, io::ErrorKind>)] = &[
            ("relative", "deep/file".into(), Ok("inside")),
            ("absolute", home.join("deep/file"), Ok("inside")),
            ("up-and-in", "deep/../deep/file".into(), Ok("inside")),
            ("climbs", "../secret".into(), Err(io::ErrorKind::PermissionDenied)),
            ("climbs-and-returns", "../home/deep/file".into(), Err(io::ErrorKind::PermissionDenied)),
            ("absolute-out", outside.path().join("secret"), Err(io::ErrorKind::PermissionDenied)),
            ("sibling", PathBuf::from(format!("{}2/x", home.display())), Err(io::ErrorKind::PermissionDenied)),
            ("nowhere", "missing".into(), Err(io::ErrorKind::NotFound)),
            ("proc", "/proc/self/root/etc/passwd".into(), Err(io::ErrorKind::PermissionDenied)),
        ];
        for (name, target, _) in cases {
            symlink(target, home.join(name)).expect("made");
        }
        let root = Root::open(&home, Links::Inside).expect("a home");
        for (name, _, expected) in cases {
            assert_eq!(content(&root, name), expected.map(str::to_owned), "{name}");
        }
        let never = Root::open(&home, Links::Never).expect("a home");
        assert!(content(&never, "relative").is_err());
        assert_eq!(content(&never, "deep/file"), Ok("inside".to_owned()));
    }

    #[test]
    fn a_loop_of_links_ends() {
        let (_outside, home) = tree();
        symlink("loop", home.join("loop")).expect("made");
        symlink(home.join("b"), home.join("a")).expect("made");
        symlink(home.join("a"), home.join("b")).expect("made");
        let root = Root::open(&home, Links::Inside).expect("a home");
        for name in ["loop", "a", "a/x"] {
            assert!(content(&root, name).is_err(), "{name}");
        }
    }

    #[test]
    fn an_upload_through_a_link_finds_the_real_place() {
        let (_outside, home) = tree();
        symlink(home.join("deep"), home.join("folder-link")).expect("made");
        symlink("folder-link/file", home.join("file-link")).expect("made");
        symlink("../secret", home.join("out-link")).expect("made");
        let root = Root::open(&home, Links::Inside).expect("a home");
        let (target, linked) = (path("deep/file"), path("file-link"));
        let place = |path| {
            let (place, _) = root.locate(path).expect("inside");
            (place.folder.meta().expect("there").id, place.name.to_vec())
        };
        assert_eq!(place(&linked), place(&target));
        assert!(root.locate(&path("out-link")).is_err());
    }

    #[test]
    fn fifos_and_folders_are_no_files_and_nothing_blocks() {
        let (_outside, home) = tree();
        rustix::fs::mkfifoat(rustix::fs::CWD, home.join("fifo"), Mode::from_raw_mode(0o666)).expect("made");
        let root = Root::open(&home, Links::Inside).expect("a home");
        assert_eq!(content(&root, "fifo"), Err(io::ErrorKind::Unsupported));
        assert_eq!(content(&root, "deep"), Err(io::ErrorKind::IsADirectory));
        let fifo = path("fifo");
        let (place, _) = root.locate(&fifo).expect("there");
        assert_eq!(
            place.open_for_write(OFlags::empty()).map(drop).map_err(|e| e.kind()),
            Err(io::ErrorKind::Unsupported)
        );
    }

    #[test]
    fn a_new_file_is_never_one_that_was_there() {
        let (_outside, home) = tree();
        symlink("../new", home.join("dead")).expect("made");
        let root = Root::open(&home, Links::Inside).expect("a home");
        for name in ["deep/file", "deep", "dead"] {
            let path = path(name);
            let place = root.place(&path).expect("there").expect("not the root");
            let made = place.create_file(0o600).map(drop).map_err(|error| error.kind());
            assert_eq!(made, Err(io::ErrorKind::AlreadyExists), "{name}");
        }
        assert_eq!(content(&root, "deep/file"), Ok("inside".to_owned()));
    }

    #[test]
    fn a_rename_replaces_nothing_unless_it_may() {
        let (_outside, home) = tree();
        fs::write(home.join("old"), "old").expect("made");
        fs::write(home.join("new"), "new").expect("made");
        let root = Root::open(&home, Links::Inside).expect("a home");
        let refused = root.rename(&path("old"), &path("new"), false).map_err(|error| error.kind());
        assert_eq!(refused, Err(io::ErrorKind::AlreadyExists));
        assert_eq!(content(&root, "new"), Ok("new".to_owned()));
        root.rename(&path("old"), &path("free"), false).expect("free");
        root.rename(&path("free"), &path("new"), true).expect("replaced");
        assert_eq!(content(&root, "new"), Ok("old".to_owned()));
    }

    #[derive(Debug, Clone)]
    enum Node {
        File,
        Folder,
        Link(String),
    }

    fn node() -> impl Strategy<Value = Node> {
        prop_oneof![
            Just(Node::File),
            Just(Node::Folder),
            "(HOME/|OUT/|\\.\\./|/)?([abc]|\\.\\.|secret)(/([abc]|\\.\\.|secret)){0,3}".prop_map(Node::Link),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn no_tree_of_links_leads_outside(
            nodes in proptest::collection::vec(("[abc](/[abc]){0,2}", node()), 1..12),
            names in proptest::collection::vec("([abc]|\\.\\.)(/([abc]|\\.\\.|secret)){0,3}", 1..8),
        ) {
            let (outside, home) = tree();
            for (name, node) in &nodes {
                let at = home.join(name);
                // A node that doesn't fit into the tree so far is left out.
                let _ = match node {
                    Node::File => fs::write(&at, "inside"),
                    Node::Folder => fs::create_dir(&at),
                    Node::Link(target) => {
                        let target = target.replace("HOME", &home.to_string_lossy());
                        symlink(target.replace("OUT", &outside.path().to_string_lossy()), &at)
                    }
                };
            }
            let outside_now = || {
                let entries = fs::read_dir(outside.path()).expect("there").flatten();
                let mut entries: Vec<_> = entries.map(|entry| (entry.file_name(), fs::read(entry.path()).ok())).collect();
                entries.sort();
                entries
            };
            let before = outside_now();
            let root = Root::open(&home, Links::Inside).expect("a home");
            for name in &names {
                let path = path(name);
                let fast = content(&root, name);
                prop_assert_ne!(fast.as_deref(), Ok("secret"));
                // The walk finds the same file, so that old kernels behave alike.
                if fast.is_ok() {
                    prop_assert!(root.walk(path.relative()).is_ok_and(|spot| spot.name.is_some()));
                }
                if let Ok((place, _)) = root.locate(&path) {
                    let _ = place.create_file(0o600);
                }
                let _ = root.create_folder(&path);
                let _ = root.place(&path).map(|place| place.map(|place| place.unlink(AtFlags::empty())));
                let _ = root.set_mode(&path, 0o600);
            }
            prop_assert_eq!(outside_now(), before);
        }
    }
}
