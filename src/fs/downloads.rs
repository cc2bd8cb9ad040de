//! Which files are being read by downloads.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::sys::meta::FileId;

/// How many downloads each file has; shared by all sessions.
#[derive(Debug, Default)]
pub struct Downloads(Mutex<HashMap<FileId, usize>>);

/// One download.
#[derive(Debug)]
pub struct Download {
    downloads: Arc<Downloads>,
    file: FileId,
}

impl Downloads {
    /// Notes a download, which lasts until the result is dropped.
    pub fn begin(self: &Arc<Self>, file: FileId) -> Download {
        *self.0.lock().entry(file).or_default() += 1;
        Download { downloads: Arc::clone(self), file }
    }

    /// Whether a file has a download.
    pub fn has(&self, file: FileId) -> bool {
        self.0.lock().contains_key(&file)
    }
}

impl Drop for Download {
    fn drop(&mut self) {
        let mut downloads = self.downloads.0.lock();
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
        let (one, two) = (downloads.begin(file), downloads.begin(file));
        drop(one);
        assert!(downloads.has(file) && !downloads.has(FileId { device: 1, inode: 3 }));
        drop(two);
        assert!(!downloads.has(file));
    }
}
