//! Whether a file is still as it was read, for user.ini and certificates, which are read again after a change.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::time::{Duration, SystemTime};

use crate::sys::stamp::Stamp;

/// Some disks keep times in steps of two seconds: within a step, a second change looks like the first.
const CLOCK_STEP: Duration = Duration::from_secs(2);

/// The state of a file that something was read from.
#[derive(Debug, Clone)]
pub struct Seen {
    stamp: Option<Stamp>,
    /// A digest of the content, or of the error.
    content: Option<u64>,
    /// Whether any later change has a stamp of its own.
    settled: bool,
}

impl Seen {
    /// Notes `stamp`, taken before `content` was read; both are `None` if there is no file.
    pub fn new(stamp: Option<Stamp>, content: Option<&io::Result<Vec<u8>>>) -> Seen {
        let age = stamp.as_ref().and_then(|stamp| SystemTime::now().duration_since(stamp.modified?).ok());
        let digest = |content: &io::Result<Vec<u8>>| {
            let mut hasher = DefaultHasher::new();
            content.as_ref().map_err(io::Error::kind).hash(&mut hasher);
            hasher.finish()
        };
        Seen { stamp, content: content.map(digest), settled: age.is_none_or(|age| age > CLOCK_STEP) }
    }

    /// Whether the file is certainly the same, so that it need not be read again.
    pub fn is_current(&self, stamp: &Option<Stamp>) -> bool {
        self.settled && self.stamp == *stamp
    }

    /// Whether both found the same bytes or the same error.
    pub fn same_content(&self, other: &Seen) -> bool {
        self.content == other.content
    }
}

impl PartialEq for Seen {
    fn eq(&self, other: &Seen) -> bool {
        self.stamp == other.stamp && self.content == other.content
    }
}
