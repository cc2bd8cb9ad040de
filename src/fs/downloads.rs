//! Which files are being read, by downloads and for checksums.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::sys::meta::FileId;

/// How many downloads each file has; shared by all sessions. As long as nobody asks, none is noted, and one costs nothing.
#[derive(Debug, Default)]
pub struct Downloads {
    is_asked: AtomicBool,
    files: Mutex<HashMap<FileId, usize>>,
}

/// One download.
#[derive(Debug)]
pub struct Download {
    downloads: Arc<Downloads>,
    file: FileId,
}

impl Downloads {
    /// Says whether downloads that begin from now on are noted; true if those before were not.
    pub fn ask(&self, is_asked: bool) -> bool {
        !self.is_asked.swap(is_asked, Ordering::Relaxed) && is_asked
    }

    /// Notes a download if somebody asks for them; it lasts until the result is dropped.
    pub fn begin(self: &Arc<Self>, file: FileId) -> Option<Download> {
        self.is_asked.load(Ordering::Relaxed).then(|| {
            *self.files.lock().entry(file).or_default() += 1;
            Download { downloads: Arc::clone(self), file }
        })
    }

    /// Whether a file has a download that is noted.
    pub fn has(&self, file: FileId) -> bool {
        self.files.lock().contains_key(&file)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let mut downloads = self.downloads.files.lock();
        if let Some(count) = downloads.get_mut(&self.file) {
            *count -= 1;
            if *count == 0 {
                downloads.remove(&self.file);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_until_its_last_download_ends() {
        let (downloads, file) = (Arc::new(Downloads::default()), FileId { device: 1, inode: 2 });
        assert!(downloads.begin(file).is_none() && !downloads.has(file));
        assert_eq!([downloads.ask(true), downloads.ask(true)], [true, false]);
        let (one, two) = (downloads.begin(file), downloads.begin(file));
        assert!(!downloads.ask(false) && downloads.begin(file).is_none());
        drop(one);
        assert!(downloads.has(file) && !downloads.has(FileId { device: 1, inode: 3 }));
        drop(two);
        assert!(!downloads.has(file));
    }
}
