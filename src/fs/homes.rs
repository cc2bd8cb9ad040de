//! Home folders that are open: sessions that see the same of one share its handle.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::fs::root::{Links, Root};
use crate::protocol::hidden::HiddenNames;
use crate::sys::meta::Meta;

/// The open homes, by path; one that no session uses is forgotten.
#[derive(Debug, Default)]
pub struct Homes(Mutex<HashMap<OsString, Vec<Weak<Root>>>>);

impl Homes {
    /// The handle of a home by its absolute path: one that is open already, as long as the path still leads to that very
    /// folder (a drive may have been plugged in again).
    pub fn open(&self, home: &Path, links: Links, hide: Option<&Arc<HiddenNames>>) -> io::Result<Arc<Root>> {
        let open = self.0.lock().get(home.as_os_str()).and_then(|roots| {
            let mut roots = roots.iter().filter_map(Weak::upgrade);
            roots.find(|root| shows(root, links, hide))
        });
        match open {
            Some(root) if root.id() == Meta::of(home)?.id => Ok(root),
            _ => self.open_again(home, links, hide),
        }
    }

    #[cold]
    fn open_again(&self, home: &Path, links: Links, hide: Option<&Arc<HiddenNames>>) -> io::Result<Arc<Root>> {
        let root = Arc::new(Root::open(home, links)?.hiding(hide.cloned()));
        let mut homes = self.0.lock();
        homes.retain(|_, roots| {
            roots.retain(|root| root.strong_count() > 0);
            !roots.is_empty()
        });
        let roots = homes.entry(home.as_os_str().to_owned()).or_default();
        // What was opened before under these terms is another folder by now.
        roots.retain(|root| root.upgrade().is_some_and(|root| !shows(&root, links, hide)));
        roots.push(Arc::downgrade(&root));
        Ok(root)
    }
}

/// Whether this is what a session with these terms sees of a home.
fn shows(root: &Root, links: Links, hide: Option<&Arc<HiddenNames>>) -> bool {
    root.links() == links && root.hidden_names() == hide
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
        let open = |links, hide: Option<&str>| {
            let hide: Option<Arc<HiddenNames>> = hide.map(|hide| Arc::new(hide.parse().expect("patterns")));
            homes.open(&home, links, hide.as_ref())
        };
        let one = open(Links::Inside, None).expect("there");
        let dots = open(Links::Inside, Some(".*")).expect("there");
        for (links, hide) in [(Links::Never, None), (Links::Inside, Some("x")), (Links::Never, Some(".*"))] {
            let other = open(links, hide).expect("there");
            assert!(!Arc::ptr_eq(&one, &other) && !Arc::ptr_eq(&dots, &other), "{links:?} {hide:?}");
        }
        assert!(Arc::ptr_eq(&one, &open(Links::Inside, None).expect("there")));
        assert!(Arc::ptr_eq(&dots, &open(Links::Inside, Some(".*")).expect("there")));
        fs::rename(&home, folder.path().join("unplugged")).expect("moved");
        assert_eq!(open(Links::Inside, None).map(drop).map_err(|e| e.kind()), Err(io::ErrorKind::NotFound));
        fs::create_dir(&home).expect("made");
        let three = open(Links::Inside, None).expect("there");
        assert!(!Arc::ptr_eq(&one, &three));
        assert!(Arc::ptr_eq(&three, &open(Links::Inside, None).expect("there")));
    }
}
