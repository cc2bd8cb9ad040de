//! An account's home: the only way from a client's path to a place on the disk.
//!
//! What changes a folder resolves the parent once ([`crate::sys::beneath`], which no name leaves) and acts on that handle
//! ([`Place`]).

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::fs::folder::{Folder, Guise, Order};
use crate::protocol::glob::Pattern;
use crate::protocol::hidden::HiddenNames;
use crate::protocol::path::VirtualPath;
use crate::sys::beneath::{Base, Unseen};
use crate::sys::folder::FolderHandle;
use crate::sys::meta::{FileId, FileKind, Meta};
use crate::sys::place::{Handle, Place};

pub use crate::sys::beneath::{LinkTarget, Links, hidden, is_hidden};

/// The handle of a home folder; it stays with the folder even when that is moved.
#[derive(Debug)]
pub struct Root {
    base: Base,
    hide: Option<Arc<HiddenNames>>,
    id: FileId,
    is_local: bool,
}

impl Root {
    /// Opens a home folder by its absolute path.
    pub fn open(home: &Path, links: Links) -> io::Result<Self> {
        let base = Base::open(home, links)?;
        let (id, is_local) = (base.dir().meta()?.id, base.dir().is_local());
        Ok(Self { base, hide: None, id, is_local })
    }

    /// The same without the names that are hidden: each act finds them missing, by whatever way it comes to them.
    #[must_use]
    pub fn hiding(self, hide: Option<Arc<HiddenNames>>) -> Self {
        let unseen = hide.clone().map(|hide| hide as Arc<dyn Unseen>);
        Self { base: self.base.without(unseen), hide, ..self }
    }

    /// Which folder it is.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Whether closing a file of this device tells nothing new: it is the home's own, on a disk of this machine.
    pub fn is_local(&self, device: u64) -> bool {
        self.is_local && device == self.id.device
    }

    /// The folder itself.
    pub fn handle(&self) -> &FolderHandle {
        self.base.dir()
    }

    /// Which links are followed.
    pub fn links(&self) -> Links {
        self.base.links()
    }

    /// Which names are hidden.
    pub fn hidden_names(&self) -> Option<&Arc<HiddenNames>> {
        self.hide.as_ref()
    }

    /// Whether a path has a hidden name in it.
    pub fn hides(&self, path: &VirtualPath) -> bool {
        self.base.hides(path.relative())
    }

    /// The real path of a client's path, for the log alone.
    pub fn real_path(&self, path: &VirtualPath) -> PathBuf {
        self.base.path_of(path.relative())
    }

    /// Opens a regular file for reading. Fails with `Unsupported` for a FIFO, socket or device, with `IsADirectory` for a
    /// folder; it never blocks.
    pub fn open_file(&self, path: &VirtualPath) -> io::Result<(File, Meta)> {
        self.base.file(path.relative())
    }

    /// Opens a folder to read its entries.
    pub fn open_folder(&self, path: &VirtualPath) -> io::Result<FolderHandle> {
        self.base.folder_to_read(path.relative())
    }

    /// Starts to read a folder; the pattern says which entries are of interest.
    pub fn list(&self, path: &VirtualPath, order: Order, pattern: Option<&Pattern>) -> io::Result<Folder> {
        let guise = Guise { hide: self.hide.clone(), ..Guise::default() };
        Folder::read(Some(self.open_folder(path)?), guise, order, pattern)
    }

    /// A folder, to name what is in it.
    pub fn handle_of(&self, path: &VirtualPath) -> io::Result<Handle<'_>> {
        if path.is_root() {
            return Ok(Handle::Borrowed(self.base.dir()));
        }
        self.base.folder(path.relative()).map(Handle::Opened)
    }

    /// Fails if a path is no folder that this thread may enter.
    pub fn enter(&self, path: &VirtualPath) -> io::Result<()> {
        self.base.folder(path.relative())?.may_enter()
    }

    /// What a path is, its last link followed. A link that leads outside is `PermissionDenied`.
    pub fn meta(&self, path: &VirtualPath) -> io::Result<Meta> {
        match self.link_meta(path)? {
            meta if meta.kind == FileKind::Link => self.base.meta(path.relative()),
            meta => Ok(meta),
        }
    }

    /// What a path is, its last link not followed.
    pub fn link_meta(&self, path: &VirtualPath) -> io::Result<Meta> {
        match self.place(path)? {
            Some(place) => place.meta(),
            None => self.base.dir().meta(),
        }
    }

    /// What a path is, its last link not followed, if the way there is plain: no link, and one mount of the system's. `None` if
    /// it is not, or if that can't be known.
    pub fn plain_meta(&self, path: &VirtualPath) -> io::Result<Option<Meta>> {
        if path.is_root() { Ok(Some(self.base.dir().meta()?)) } else { self.base.plain_meta(path.relative()) }
    }

    /// Opens a regular file for reading if the way there is plain. `None` if it is not, or if that can't be known.
    pub fn open_plain_file(&self, path: &VirtualPath) -> io::Result<Option<(File, Meta)>> {
        self.base.plain_file(path.relative())
    }

    /// The folders on the way down to a folder, as the disk has them: the home first. Fails with `NotFound` if the way up from
    /// it does not lead to the home.
    pub fn way_down(&self, folder: &VirtualPath) -> io::Result<Vec<FileId>> {
        self.base.way_down(folder.relative())
    }

    /// Whether a folder, or the next one above that is there, finds names under other spellings, too.
    pub fn folds_case(&self, folder: &VirtualPath) -> bool {
        self.base.folds_case(folder.relative())
    }

    /// Where the link of this path leads: the components of a relative path, or those below the home if it is absolute; `None`
    /// if there is no link. Fails with `PermissionDenied` for an absolute path that leads outside.
    pub fn link_at(&self, path: &VirtualPath) -> io::Result<Option<LinkTarget>> {
        let Some(place) = self.place(path)? else { return Ok(None) };
        if place.meta()?.kind != FileKind::Link {
            return Ok(None);
        }
        self.base.target_of(&place).map(Some)
    }

    /// Where a symbolic link leads, as it is written in it, or from the home if it is absolute.
    pub fn link_target(&self, path: &VirtualPath) -> io::Result<Vec<u8>> {
        let place = self.place(path)?.ok_or(ErrorKind::InvalidInput)?;
        self.base.link_target(&place)
    }

    /// Bytes that may still be written to the file system that holds a folder.
    pub fn free_space(&self, folder: &VirtualPath) -> io::Result<u64> {
        self.base.folder(folder.relative())?.free_space()
    }

    /// Makes a folder.
    pub fn create_folder(&self, path: &VirtualPath) -> io::Result<()> {
        self.place(path)?.ok_or(ErrorKind::AlreadyExists)?.create_folder()
    }

    /// Gives a file or folder another name, perhaps in another home; of a link the link itself. Fails with `AlreadyExists` if the target does and
    /// must not be replaced, with `CrossesDevices` between file systems.
    pub fn rename(&self, from: &VirtualPath, to: (&Self, &VirtualPath), replace: bool) -> io::Result<()> {
        let from = self.place(from)?.ok_or(ErrorKind::PermissionDenied)?;
        let to = to.0.place(to.1)?.ok_or(ErrorKind::AlreadyExists)?;
        if replace { from.rename_over(&to) } else { from.rename_to_free(&to) }
    }

    /// Sets a file's or folder's modification time in Unix seconds.
    pub fn set_modified(&self, path: &VirtualPath, unix: i64) -> io::Result<()> {
        self.base.set_modified(path.relative(), unix)
    }

    /// Sets a file's or folder's nine permission bits; setuid, setgid and sticky stay as they are.
    pub fn set_mode(&self, path: &VirtualPath, mode: u16) -> io::Result<()> {
        self.base.set_mode(path.relative(), mode)
    }

    /// Where the bytes of a file are or will be, with every link followed, even the last one. Fails with `IsADirectory` for
    /// the home, with `PermissionDenied` for a link that leads outside.
    pub fn locate<'p>(&'p self, path: &'p VirtualPath) -> io::Result<(Place<'p>, Option<Meta>)> {
        let place = self.place(path)?.ok_or(ErrorKind::IsADirectory)?;
        match place.meta() {
            Ok(meta) if meta.kind == FileKind::Link => {
                let end = self.base.end_of(path.relative())?;
                let name = Cow::Owned(end.name.ok_or(ErrorKind::IsADirectory)?);
                let place = Place { folder: end.folder, name, known: None };
                // A link to nothing is of no use: what it is meant to make is not for a client to say.
                let meta = place.meta()?;
                Ok((place, Some(meta)))
            }
            Ok(meta) => Ok((place, Some(meta))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok((place, None)),
            Err(error) => Err(error),
        }
    }

    /// The folder that holds a path, and the name in it, not followed; `None` for the home itself.
    pub fn place<'p>(&'p self, path: &'p VirtualPath) -> io::Result<Option<Place<'p>>> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(None) };
        self.base.see(name)?;
        let name = Cow::Borrowed(name);
        if parent.is_root() {
            return Ok(Some(Place { folder: Handle::Borrowed(self.base.dir()), name, known: Some(self.id) }));
        }
        let folder = Handle::Opened(self.base.folder(parent.relative())?);
        Ok(Some(Place { folder, name, known: None }))
    }
}

impl Unseen for HiddenNames {
    fn has(&self, name: &[u8]) -> bool {
        self.hides(name)
    }
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
        rustix::fs::mkfifoat(rustix::fs::CWD, home.join("fifo"), rustix::fs::Mode::from_raw_mode(0o666)).expect("made");
        let root = Root::open(&home, Links::Inside).expect("a home");
        assert_eq!(content(&root, "fifo"), Err(io::ErrorKind::Unsupported));
        assert_eq!(content(&root, "deep"), Err(io::ErrorKind::IsADirectory));
        let fifo = path("fifo");
        let (place, _) = root.locate(&fifo).expect("there");
        assert_eq!(place.open_to_write().map(drop).map_err(|e| e.kind()), Err(io::ErrorKind::Unsupported));
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
        let refused = root.rename(&path("old"), (&root, &path("new")), false).map_err(|error| error.kind());
        assert_eq!(refused, Err(io::ErrorKind::AlreadyExists));
        assert_eq!(content(&root, "new"), Ok("new".to_owned()));
        root.rename(&path("old"), (&root, &path("free")), false).expect("free");
        root.rename(&path("free"), (&root, &path("new")), true).expect("replaced");
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
                    prop_assert!(root.base.end_of(path.relative()).is_ok_and(|end| end.name.is_some()));
                }
                if let Ok((place, _)) = root.locate(&path) {
                    let _ = place.create_file(0o600);
                }
                let _ = root.create_folder(&path);
                let _ = root.place(&path).map(|place| place.map(|place| place.remove_file()));
                let _ = root.set_mode(&path, 0o600);
            }
            prop_assert_eq!(outside_now(), before);
        }
    }
}
