//! Home folders that are open: sessions of one account share one handle.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::fs::root::{Links, Root};
use crate::sys::meta::Meta;

/// The open homes, by path; one that no session uses is forgotten.
#[derive(Debug, Default)]
pub struct Homes(Mutex<HashMap<OsString, Weak<Root>>>);

impl Homes {
    /// The handle of a home by its absolute path: one that is open already, as long as the path still leads to that very
    /// folder (a drive may have been plugged in again).
    pub fn open(&self, home: &Path, links: Links) -> io::Result<Arc<Root>> {
        let open = self.0.lock().get(home.as_os_str()).and_then(Weak::upgrade);
        match open.filter(|root| root.links() == links) {
            Some(root) if root.id() == Meta::of(home)?.id => Ok(root),
            _ => self.open_again(home, links),
        }
    }

    #[cold]
    fn open_again(&self, home: &Path, links: Links) -> io::Result<Arc<Root>> {
        let root = Arc::new(Root::open(home, links)?);
        let mut homes = self.0.lock();
        homes.retain(|_, root| root.strong_count() > 0);
        homes.insert(home.as_os_str().to_owned(), Arc::downgrade(&root));
        Ok(root)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_home_is_shared_until_another_folder_has_its_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path().join("home");
        fs::create_dir(&home).expect("made");
        let homes = Homes::default();
        let one = homes.open(&home, Links::Inside).expect("there");
        let two = homes.open(&home, Links::Inside).expect("there");
        assert!(Arc::ptr_eq(&one, &two));
        assert!(!Arc::ptr_eq(&one, &homes.open(&home, Links::Never).expect("there")));
        fs::rename(&home, folder.path().join("unplugged")).expect("moved");
        assert_eq!(homes.open(&home, Links::Inside).map(drop).map_err(|e| e.kind()), Err(io::ErrorKind::NotFound));
        fs::create_dir(&home).expect("made");
        let three = homes.open(&home, Links::Inside).expect("there");
        assert!(!Arc::ptr_eq(&one, &three));
    }
}
