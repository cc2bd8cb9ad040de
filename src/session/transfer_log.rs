//! The transfer log: xferlog lines of 18 words, as wu-ftpd, vsftpd and ProFTPD write them.
//!
//! A thread of its own writes it: a disk or a reader that stands still costs lines, never a session.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use jiff::Zoned;
use rustix::fs::OFlags;

use crate::protocol::command::Representation;

/// The transfer log, if one is configured; shared by all sessions.
#[derive(Debug, Default)]
pub struct TransferLog {
    is_open: AtomicBool,
    /// From the first file on.
    writer: OnceLock<Sender<Message>>,
    /// The last line found no room.
    stands_still: AtomicBool,
}

#[derive(Debug)]
enum Message {
    /// From here on lines go to this file.
    File(Option<File>),
    Line(String),
    /// All before it is to be written; then it is dropped, which the other end notices.
    Flush(Sender<()>),
}

/// So many lines may wait to be written.
const MAX_WAITING: usize = 1024;
/// The writer is waited for no longer, where something has to be.
const PATIENCE: Duration = Duration::from_secs(1);

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
        let file = path.map(open).transpose()?;
        let is_open = file.is_some();
        if is_open && self.writer.get().is_none() {
            let (writer, messages) = bounded(MAX_WAITING);
            thread::Builder::new().name("transfer log".to_owned()).spawn(move || write_all(&messages))?;
            let _ = self.writer.set(writer);
        }
        if let Some(writer) = self.writer.get() {
            let handed_over = writer.send_timeout(Message::File(file), PATIENCE);
            handed_over.map_err(|_| io::Error::other("what came before it is still to be written"))?;
        }
        self.is_open.store(is_open, Ordering::Relaxed);
        Ok(())
    }

    /// True where transfers are recorded.
    pub fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// Appends one line, sooner or later; where that can't be, the log says so once.
    pub fn record(&self, record: &Record) {
        let Some(writer) = self.writer.get() else { return };
        let stands_still = writer.try_send(Message::Line(line(record))).is_err();
        if stands_still && !self.stands_still.swap(stands_still, Ordering::Relaxed) {
            log::error!("transfer_log: lines are lost, as nothing can be written to it at the moment");
        } else if !stands_still {
            self.stands_still.store(false, Ordering::Relaxed);
        }
    }

    /// Waits for a moment until all lines are written.
    pub fn flush(&self) {
        let (flush, flushed) = bounded(0);
        if self.writer.get().is_some_and(|writer| writer.send_timeout(Message::Flush(flush), PATIENCE).is_ok()) {
            let _ = flushed.recv_timeout(PATIENCE);
        }
    }
}

/// Without a wait for a FIFO's reader: one that nobody reads can't be opened.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o640).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
    let file = options.open(path)?;
    rustix::fs::fcntl_setfl(&file, OFlags::APPEND)?;
    Ok(file)
}

/// Errors are dropped: a full disk must not stop a transfer.
fn write_all(messages: &Receiver<Message>) {
    let mut file = None;
    for message in messages {
        match message {
            Message::File(other) => file = other,
            Message::Flush(flushed) => drop(flushed),
            Message::Line(line) => {
                let _ = file.as_mut().map(|file: &mut File| file.write_all(line.as_bytes()));
            }
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
