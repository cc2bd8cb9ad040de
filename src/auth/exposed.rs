//! Files that the server trusts, although somebody else than the administrator could write them.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::ini::{Finding, Source, shell_word};
use crate::sys::disk;
use crate::sys::members::{self, Writers};
use crate::sys::meta::{FileKind, Meta};
use crate::sys::route::Route;

/// A file or folder that others than root, its owner and the server may write; prints as a sentence about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Exposed {
    path: PathBuf,
    writers: Writers,
    has_modes: bool,
}

impl Exposed {
    /// This file, the folders that it and the links to it lie in, and all folders above, as far as others than the user
    /// `server` may write them.
    pub fn on_the_way_to(file: &Path, server: u32) -> Vec<Exposed> {
        let route = Route::to(file).unwrap_or_default();
        let end = Meta::of(route.end()).ok().filter(|meta| meta.kind != FileKind::Other);
        // A device or a FIFO is refused when it is read, and its mode is the system's affair.
        let end = end.map(|meta| (route.end().to_owned(), meta));
        let folders = route.folders().into_iter().map(|folder| (folder.path, folder.meta));
        let exposed = |(path, meta): (PathBuf, Meta)| {
            let writers = members::writers(&meta, server)?;
            Some(Exposed { has_modes: disk::has_modes(&path), path, writers })
        };
        folders.chain(end).filter_map(exposed).collect()
    }

    /// What is wrong with the file; only a warning if its file system has no modes that could be changed.
    pub fn finding(&self, file: &Path) -> Finding {
        self.finding_at(&Source::file(file.display()), "make accounts and change settings")
    }

    /// The same at the line that names the file; who writes there can do what `power` says.
    pub fn finding_at(&self, source: &Source, power: &str) -> Finding {
        let reason = format!("{self}, and so could {power}");
        let finding = if self.has_modes { Finding::error(source, reason) } else { Finding::warning(source, reason) };
        finding.fix(self.fix())
    }

    /// The command that changes that, or another way to do it.
    fn fix(&self) -> String {
        let path = shell_word(&self.path);
        match &self.writers {
            _ if !self.has_modes => format!(
                "its file system may have no modes: if chmod go-w {path} changes nothing, keep the file elsewhere, or mount \
                 that with umask=022"
            ),
            Writers::All => format!("chmod o-w {path}"),
            Writers::Group { .. } => format!("chmod g-w {path}"),
        }
    }
}

impl fmt::Display for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.writers {
            Writers::All => f.write_str("everybody on this machine")?,
            Writers::Group { group, members } => write!(f, "the group {group} ({})", members.join(", "))?,
        }
        write!(f, " may write {}", self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_file_its_folders_and_those_of_links_to_it_are_looked_at() {
        let made = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(made.path()).unwrap();
        for folder in ["etc", "deep/er"] {
            fs::create_dir_all(top.join(folder)).unwrap();
        }
        fs::write(top.join("deep/er/user.ini"), "").unwrap();
        symlink("../deep/er/user.ini", top.join("etc/user.ini")).unwrap();
        let file = top.join("etc/user.ini");
        let told = || Exposed::on_the_way_to(&file, 0).iter().map(Exposed::fix).collect::<Vec<_>>();
        assert_eq!(told(), Vec::<String>::new());
        for (path, open, closed) in [
            ("etc", 0o777, 0o755),
            ("deep", 0o777, 0o755),
            ("deep/er", 0o757, 0o755),
            ("deep/er/user.ini", 0o646, 0o644),
        ] {
            let set = |mode| fs::set_permissions(top.join(path), PermissionsExt::from_mode(mode)).unwrap();
            set(open);
            assert_eq!(told(), [format!("chmod o-w {}", top.join(path).display())], "{path}");
            set(0o1777);
            assert_eq!(told().len(), usize::from(path.ends_with("ini")), "{path}");
            set(closed);
        }
    }
}
