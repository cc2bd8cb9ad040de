//! The folders that decide where a path leads.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use crate::sys::meta::Meta;

/// The way from `/` to the end of a path, every link followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// The real places of the links on it; each could be made to lead elsewhere.
    links: Vec<PathBuf>,
    /// The real place of its end, which need not exist.
    end: PathBuf,
}

/// A folder on a [`Route`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// Its real path.
    pub path: PathBuf,
    /// What it is.
    pub meta: Meta,
}

/// The kernel's own bound (path_resolution(7)).
const MAX_LINKS: usize = 40;

impl Route {
    /// Follows a path as far as this thread may look; the rest is taken as it is written.
    ///
    /// # Errors
    /// More links than the kernel follows.
    pub fn to(path: &Path) -> io::Result<Self> {
        let mut links = Vec::new();
        let mut real = PathBuf::from("/");
        let mut rest: VecDeque<OsString> = components(&std::path::absolute(path)?).collect();
        while let Some(name) = rest.pop_front() {
            if name == ".." {
                real.pop();
                continue;
            }
            real.push(name);
            let Ok(target) = fs::read_link(&real) else { continue };
            links.push(real.clone());
            if links.len() > MAX_LINKS {
                return Err(Errno::LOOP.into());
            }
            real.pop();
            if target.is_absolute() {
                real = PathBuf::from("/");
            }
            components(&target).rev().for_each(|name| rest.push_front(name));
        }
        Ok(Self { links, end: real })
    }

    /// Whether there is a link on it.
    pub fn has_links(&self) -> bool {
        !self.links.is_empty()
    }

    /// Where it ends.
    pub fn end(&self) -> &Path {
        &self.end
    }

    /// Every folder that holds a link of it or its end, and those above, each once.
    pub fn folders(&self) -> Vec<Station> {
        let places = self.links.iter().chain([&self.end]);
        let paths: BTreeSet<&Path> = places.flat_map(|place| place.ancestors().skip(1)).collect();
        let station = |path: &Path| Some(Station { path: path.to_owned(), meta: Meta::of(path).ok()? });
        paths.into_iter().filter_map(station).collect()
    }
}

/// The folder on the way to a path, or the path itself, that is not there or that this thread can't look into; `None` if
/// there is none.
pub fn stopped_at(path: &Path) -> Option<(PathBuf, ErrorKind)> {
    let real = Route::to(path).ok()?.end;
    let mut above: Vec<&Path> = real.ancestors().collect();
    above.reverse();
    above.into_iter().find_map(|path| Some((path.to_owned(), fs::symlink_metadata(path).err()?.kind())))
}

/// The names in a path, and `..`.
fn components(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A real folder, as the temporary one may be a link.
    fn folder() -> (tempfile::TempDir, PathBuf) {
        let made = tempfile::tempdir().expect("a folder");
        let real = fs::canonicalize(made.path()).expect("there");
        (made, real)
    }

    #[test]
    fn the_folders_of_every_link_and_of_the_end_are_on_the_way() {
        let (_made, top) = folder();
        for name in ["etc", "data/deep", "home"] {
            fs::create_dir_all(top.join(name)).expect("made");
        }
        fs::write(top.join("data/deep/user.ini"), "").expect("made");
        symlink("../data/deep", top.join("home/folder")).expect("made");
        symlink(top.join("home/folder/user.ini"), top.join("etc/user.ini")).expect("made");
        let route = Route::to(&top.join("etc/user.ini")).expect("no loop");
        assert_eq!(route.end(), top.join("data/deep/user.ini"));
        let folders: Vec<PathBuf> = route.folders().into_iter().map(|station| station.path).collect();
        for name in ["etc", "home", "data", "data/deep", ""] {
            assert!(folders.contains(&fs::canonicalize(top.join(name)).expect("there")), "{name}");
        }
        assert!(folders.contains(&PathBuf::from("/")));
    }

    #[test]
    fn what_is_not_there_yet_has_its_place_and_a_loop_is_an_error() {
        let (_made, top) = folder();
        let route = Route::to(&top.join("none/../a.log")).expect("no loop");
        assert_eq!(route.end(), top.join("a.log"));
        assert_eq!(stopped_at(&top.join("none/a.log")), Some((top.join("none"), ErrorKind::NotFound)));
        assert_eq!(stopped_at(&top), None);
        symlink("loop", top.join("loop")).expect("made");
        assert!(Route::to(&top.join("loop")).is_err());
    }
}
