//! The transfer log: xferlog lines of 18 words, as wu-ftpd, vsftpd and ProFTPD write them.

use std::io::{self, Write};
use std::net::IpAddr;
use std::path::Path;
use std::sync::OnceLock;

use jiff::Zoned;

use crate::lines::{LineFile, Output};
use crate::protocol::command::Representation;
use crate::reception::outcome::{Outcome, Subject};

/// The transfer log, if one is configured; shared by all sessions.
#[derive(Debug, Default)]
pub struct TransferLog {
    /// Started with the first file.
    lines: OnceLock<LineFile<String>>,
}

/// Maximum number of lines that wait to be written.
const ROOM: usize = 1024;

impl TransferLog {
    /// Opens this file, or none, for the transfers that follow; a rotated file is opened again under its name. If this
    /// fails, the old file stays open.
    pub fn open(&self, path: Option<&Path>) -> io::Result<()> {
        if path.is_some() && self.lines.get().is_none() {
            // The lines go to the file and nowhere else.
            let output = Output::new(io::sink());
            let mut writer = output.clone();
            // Writing to an `Output` never fails.
            let write = move |line: String| drop(writer.write_all(line.as_bytes()));
            let _ = self.lines.set(LineFile::start("transfer_log", ROOM, output, write)?);
        }
        self.lines.get().map_or(Ok(()), |lines| lines.open(path))
    }

    /// Whether transfers are recorded.
    pub fn is_open(&self) -> bool {
        self.lines.get().is_some_and(LineFile::has_file)
    }

    /// Appends a line. If it can't be written at the moment it is lost, which the log says once.
    pub fn record(&self, transfer: &TransferRecord) {
        let Some(lines) = self.lines.get() else { return };
        if lines.append(line(transfer)) == Err(1) {
            log::error!("transfer_log: lines are lost, as nothing can be written to it at the moment");
        }
    }

    /// Waits until all lines are written, for a limited time.
    pub fn flush(&self) {
        self.lines.get().map(LineFile::flush);
    }
}

/// A transfer of one file.
pub struct TransferRecord<'a> {
    /// When it ended.
    pub ended: Zoned,
    /// How.
    pub outcome: &'a Outcome,
    /// The client.
    pub peer: IpAddr,
    /// The file's real path.
    pub path: &'a [u8],
    /// Which transfer it was.
    pub subject: &'a Subject<'a>,
    /// The account.
    pub user: &'a str,
    /// Whether the account needs no password.
    pub anonymous: bool,
}

/// Which way a file goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server.
    Incoming,
    /// From the server to the client.
    Outgoing,
}

/// The protocol of a transfer, as the line names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// FTP.
    Ftp,
    /// HTTP.
    Http,
}

fn line(transfer: &TransferRecord) -> String {
    format!(
        "{} {} {} {} {} {} _ {} {} {} {} 0 * {}\n",
        transfer.ended.strftime("%a %b %e %H:%M:%S %Y"),
        transfer.outcome.took.as_secs_f64().round(),
        transfer.peer,
        transfer.outcome.bytes,
        word(transfer.path),
        if transfer.subject.representation == Representation::Ascii { 'a' } else { 'b' },
        if transfer.subject.direction == Direction::Incoming { 'i' } else { 'o' },
        if transfer.anonymous { 'a' } else { 'r' },
        word(transfer.user.as_bytes()),
        match transfer.subject.door {
            Door::Ftp => "ftp",
            Door::Http => "http",
        },
        if transfer.outcome.is_complete() { 'c' } else { 'i' },
    )
}

/// A name as one word: every byte that is not printable ASCII becomes `_`, as in the older servers.
fn word(name: &[u8]) -> String {
    name.iter().map(|&byte| if byte.is_ascii_graphic() { char::from(byte) } else { '_' }).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fs::upload::Kept;
    use crate::protocol::path::VirtualPath;

    #[test]
    fn a_line_has_eighteen_words() {
        let took = Duration::from_millis(3501);
        let outcome = Outcome { result: Ok(()), bytes: 4_355_092, took, kept: Kept::Nothing };
        let subject = Subject {
            verb: "STOR",
            path: &VirtualPath::root(),
            direction: Direction::Incoming,
            representation: Representation::Image,
            door: Door::Ftp,
            announced: None,
        };
        let transfer = TransferRecord {
            ended: "2024-11-02T10:00:01[UTC]".parse().expect("a valid time"),
            outcome: &outcome,
            peer: IpAddr::from([192, 168, 1, 20]),
            path: b"/srv/a b\n\xff.mp4",
            subject: &subject,
            user: "bob",
            anonymous: false,
        };
        let line = line(&transfer);
        assert_eq!(line, "Sat Nov  2 10:00:01 2024 4 192.168.1.20 4355092 /srv/a_b__.mp4 b _ i r bob ftp 0 * c\n");
        assert_eq!(line.split_whitespace().count(), 18);
    }
}
