//! Uploads that are under way: a client that comes back, while its old connection only seems to live, takes over from it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::net::ending::{Ending, Farewell};
use crate::protocol::path::VirtualPath;

/// The account, and the file.
type UploadKey = (String, VirtualPath);

/// Who writes which file by which connection.
#[derive(Debug, Default)]
pub struct RunningUploads {
    uploads: Mutex<HashMap<UploadKey, Arc<Ending>>>,
    ended: Condvar,
}

/// An upload that is under way, until it is dropped.
#[derive(Debug)]
pub struct UploadEntry<'r> {
    running: &'r RunningUploads,
    key: UploadKey,
    ending: Arc<Ending>,
}

const TAKEN_OVER: Farewell =
    Farewell { text: "The upload goes on by another connection", reason: "the upload goes on by another connection" };
/// How long the old connection may still take in what has come: its client may have closed it a moment ago.
const TAKE_IN: Duration = Duration::from_millis(500);
/// How long it may take to let go.
const LET_GO: Duration = Duration::from_secs(3);

impl RunningUploads {
    /// Notes that an upload begins.
    pub fn begin(&self, uploader: &str, path: &VirtualPath, ending: &Arc<Ending>) -> UploadEntry<'_> {
        let key = (uploader.to_owned(), path.clone());
        self.uploads.lock().insert(key.clone(), Arc::clone(ending));
        UploadEntry { running: self, key, ending: Arc::clone(ending) }
    }

    /// Ends the same uploader's upload of that file by another connection, if there is one, and waits until it has let go.
    pub fn take_over(&self, uploader: &str, path: &VirtualPath) {
        let key = (uploader.to_owned(), path.clone());
        let mut uploads = self.uploads.lock();
        let Some(ending) = uploads.get(&key).cloned() else { return };
        let is_there = |uploads: &mut HashMap<UploadKey, Arc<Ending>>| {
            uploads.get(&key).is_some_and(|found| Arc::ptr_eq(found, &ending))
        };
        if self.ended.wait_while_for(&mut uploads, is_there, TAKE_IN).timed_out() {
            ending.ask(TAKEN_OVER);
            self.ended.wait_while_for(&mut uploads, is_there, LET_GO);
        }
    }
}

impl Drop for UploadEntry<'_> {
    fn drop(&mut self) {
        let mut uploads = self.running.uploads.lock();
        if uploads.get(&self.key).is_some_and(|found| Arc::ptr_eq(found, &self.ending)) {
            uploads.remove(&self.key);
        }
        self.running.ended.notify_all();
    }
}
