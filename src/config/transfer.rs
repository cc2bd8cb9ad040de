//! The section `[transfer]`: rates, times to wait, and how files are made.

use std::path::Path;
use std::time::Duration;

use super::{DAY, SECOND};
use crate::ini::{Mistake, Section};
use crate::protocol::content::Conversion;

/// The section `[transfer]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TransferSection {
    /// Bytes per second from client to server, for each session.
    pub max_upload: Option<u64>,
    /// Bytes per second from server to client, for each session.
    pub max_download: Option<u64>,
    /// Time without a byte after which a transfer is given up.
    pub data_timeout: Duration,
    /// How long to wait for a data connection.
    pub connect_timeout: Duration,
    /// A file replaces another only when it is whole.
    pub atomic_uploads: bool,
    /// Hidden partials of broken uploads are removed when they are older.
    pub partial_max_age: Duration,
    /// When a finished upload is on the disk.
    pub fsync: Fsync,
    /// Permission bits that files and folders made by clients don't get, at most 0o777.
    pub umask: u32,
    /// Which symbolic links are followed.
    pub follow_symlinks: Symlinks,
    /// Whether listings show UTC instead of local time.
    pub use_gmt_times: bool,
    /// Which files are converted under TYPE A, for accounts without a setting of their own.
    pub ascii_conversion: Conversion,
}

/// Which symbolic links are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symlinks {
    /// Those that stay inside the home.
    Inside,
    /// None.
    Never,
}

/// When the bytes of a finished upload are on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fsync {
    /// When the system writes them.
    Off,
    /// Before the 226.
    Close,
}

impl TransferSection {
    pub(super) fn read(section: &mut Section) -> TransferSection {
        TransferSection {
            max_upload: section.take("max_upload"),
            max_download: section.take("max_download"),
            data_timeout: section.take_in("data_timeout", SECOND..=DAY),
            connect_timeout: section.take_in("connect_timeout", SECOND..=DAY),
            atomic_uploads: section.take("atomic_uploads"),
            partial_max_age: section.take_in("partial_max_age", SECOND..=365 * DAY),
            fsync: section.take_word("fsync", &[("off", Fsync::Off), ("close", Fsync::Close)]),
            umask: section.take_with("umask", umask),
            follow_symlinks: section
                .take_word("follow_symlinks", &[("inside", Symlinks::Inside), ("never", Symlinks::Never)]),
            use_gmt_times: section.take("use_gmt_times"),
            ascii_conversion: section.take("ascii_conversion"),
        }
    }
}

/// Permission bits in octal.
fn umask(text: &str, _: &Path) -> Result<u32, Mistake> {
    let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o777);
    bits.ok_or_else(|| Mistake::new(format!("'{text}' is not an octal number from 000 to 777")))
}
