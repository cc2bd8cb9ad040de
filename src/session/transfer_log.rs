//! The transfer log: xferlog lines of 18 words, as wu-ftpd, vsftpd and ProFTPD write them.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Zoned;

use crate::protocol::command::Representation;

/// The open transfer log, if one is configured; shared by all sessions.
#[derive(Debug, Default)]
pub struct TransferLog(Mutex<Option<File>>);

/// One transfer of a file.
#[derive(Debug)]
pub struct Record<'a> {
    /// When it ended.
    pub ended: Zoned,
    /// How long it took.
    pub took: Duration,
    /// The client.
    pub peer: IpAddr,
    /// Bytes moved.
    pub bytes: u64,
    /// The file's real path.
    pub path: &'a [u8],
    /// How bytes were represented.
    pub representation: Representation,
    /// True for client to server.
    pub incoming: bool,
    /// The account; `anonymous` for guests.
    pub user: &'a str,
    /// True for a guest.
    pub anonymous: bool,
    /// True when it came to its end.
    pub complete: bool,
}

impl TransferLog {
    /// Opens this file from now on, or none; also after it was rotated.
    ///
    /// # Errors
    /// As the system says; the old file is kept then.
    pub fn open(&self, path: Option<&Path>) -> io::Result<()> {
        let file = path.map(|path| OpenOptions::new().create(true).append(true).mode(0o640).open(path)).transpose()?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = file;
        Ok(())
    }

    /// True where transfers are recorded.
    pub fn is_open(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Appends one line; a full disk must not stop a transfer, so errors are dropped.
    pub fn record(&self, record: &Record) {
        let line = line(record);
        if let Some(file) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let _ = file.write_all(line.as_bytes());
        }
    }
}

fn line(record: &Record) -> String {
    format!(
        "{} {} {} {} {} {} _ {} {} {} ftp 0 * {}\n",
        record.ended.strftime("%a %b %e %H:%M:%S %Y"),
        record.took.as_secs_f64().round(),
        record.peer,
        record.bytes,
        word(record.path),
        if record.representation == Representation::Ascii { 'a' } else { 'b' },
        if record.incoming { 'i' } else { 'o' },
        if record.anonymous { 'a' } else { 'r' },
        word(record.user.as_bytes()),
        if record.complete { 'c' } else { 'i' },
    )
}

/// A name as one word: what is no printable ASCII byte becomes `_`, as the old servers do.
fn word(name: &[u8]) -> String {
    name.iter().map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_eighteen_words() {
        let record = Record {
            ended: "2024-11-02T10:00:01[UTC]".parse().expect("a valid time"),
            took: Duration::from_millis(3501),
            peer: IpAddr::from([192, 168, 1, 20]),
            bytes: 4_355_092,
            path: b"/srv/a b\n\xff.mp4",
            representation: Representation::Image,
            incoming: true,
            user: "bob",
            anonymous: false,
            complete: true,
        };
        let line = line(&record);
        assert_eq!(line, "Sat Nov  2 10:00:01 2024 4 192.168.1.20 4355092 /srv/a_b__.mp4 b _ i r bob ftp 0 * c\n");
        assert_eq!(line.split_whitespace().count(), 18);
    }
}
