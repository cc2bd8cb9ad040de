//! A file that gets lines, written by a thread of its own: for the log and the transfer log.
//!
//! A full disk, a stopped terminal or a FIFO that nobody reads costs lines, which are counted, and never a session.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;

use crate::sys::files;

/// The sending side: any thread hands in an `L` and goes on; the thread that writes makes a line of it.
#[derive(Debug)]
pub struct LineFile<L> {
    waiting: Sender<Message<L>>,
    has_file: AtomicBool,
    lost: Arc<LostLines>,
}

#[derive(Debug)]
enum Message<L> {
    Line(L),
    /// From here on, lines go to this file, or to none.
    Reopen(Option<File>),
    /// Dropped once all before it is written, which its other end notices.
    Flush(Sender<()>),
}

/// How long [`LineFile::open`] and [`LineFile::flush`] wait for the thread.
const PATIENCE: Duration = Duration::from_secs(1);

impl<L: Send + 'static> LineFile<L> {
    /// Starts the thread, which gives each `L` to `write`, to be written to `output` as a line. At most `room` wait for
    /// it.
    pub fn start(
        name: &'static str,
        room: usize,
        output: Output,
        write: impl FnMut(L) + Send + 'static,
    ) -> io::Result<LineFile<L>> {
        let (waiting, messages) = bounded(room);
        let lost = Arc::new(LostLines { name, count: AtomicUsize::new(0) });
        let ours = Arc::clone(&lost);
        thread::Builder::new().name(name.to_owned()).spawn(move || run(&messages, &output, &ours, write))?;
        Ok(LineFile { waiting, has_file: AtomicBool::new(false), lost })
    }

    /// Opens this file, or none, for the lines that follow; a rotated file is opened again under its name. If this
    /// fails, the old file stays open.
    pub fn open(&self, path: Option<&Path>) -> io::Result<()> {
        let file = path.map(files::open_for_lines).transpose()?;
        let has_file = file.is_some();
        let handed_over = self.waiting.send_timeout(Message::Reopen(file), PATIENCE);
        handed_over.map_err(|_| io::Error::other("earlier lines are still to be written"))?;
        self.has_file.store(has_file, Ordering::Relaxed);
        Ok(())
    }

    /// Whether there is a file.
    pub fn has_file(&self) -> bool {
        self.has_file.load(Ordering::Relaxed)
    }

    /// Hands in one line. If there is no room, the line is lost; the error is the number of lines lost since the thread
    /// last kept up, this one included.
    pub fn append(&self, line: L) -> Result<(), usize> {
        self.waiting.try_send(Message::Line(line)).map_err(|_| self.lost.add())
    }

    /// Waits until all lines are written, for a limited time.
    pub fn flush(&self) {
        self.lost.report();
        let (flush, flushed) = bounded(0);
        if self.waiting.send_timeout(Message::Flush(flush), PATIENCE).is_ok() {
            let _ = flushed.recv_timeout(PATIENCE);
        }
    }
}

fn run<L>(messages: &Receiver<Message<L>>, output: &Output, lost: &LostLines, mut write: impl FnMut(L)) {
    for message in messages {
        match message {
            Message::Line(line) => write(line),
            Message::Reopen(file) => output.0.lock().file = file,
            Message::Flush(flushed) => drop(flushed),
        }
        if messages.is_empty() {
            lost.report();
        }
    }
}

/// Where the thread writes: to its file, and to another stream.
#[derive(Clone)]
pub struct Output(Arc<Mutex<Streams>>);

struct Streams {
    other: Box<dyn Write + Send>,
    file: Option<File>,
}

impl Output {
    /// Writes to `other`, and to the file as soon as there is one.
    pub fn new(other: impl Write + Send + 'static) -> Output {
        Output(Arc::new(Mutex::new(Streams { other: Box::new(other), file: None })))
    }
}

/// Errors are dropped: a full disk or a closed pipe must not stop the server, and there is nowhere to report it.
impl Write for Output {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut streams = self.0.lock();
        let _ = streams.other.write_all(line);
        if let Some(file) = &mut streams.file {
            let _ = file.write_all(line);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that found no room since the thread last kept up.
#[derive(Debug)]
struct LostLines {
    name: &'static str,
    count: AtomicUsize,
}

impl LostLines {
    fn add(&self) -> usize {
        self.count.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Reports the number in the log, even of the log's own lines: they were lost after those that waited, and the report
    /// is written after those, too.
    fn report(&self) {
        let lost = self.count.swap(0, Ordering::Relaxed);
        if lost > 0 {
            log::warn!("{}: lines are missing ({lost}): they came faster than they could be written", self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn started(room: usize, other: impl Write + Send + 'static) -> LineFile<&'static str> {
        let output = Output::new(other);
        let mut writer = output.clone();
        let write = move |line: &str| writer.write_all(line.as_bytes()).unwrap();
        LineFile::start("test", room, output, write).unwrap()
    }

    #[test]
    fn a_rotated_file_is_opened_again_and_a_missing_folder_keeps_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let [path, rotated] = ["ftpd.log", "ftpd.log.1"].map(|name| folder.path().join(name));
        let lines = started(9, io::sink());
        lines.open(Some(&path)).unwrap();
        lines.append("one\n").unwrap();
        fs::rename(&path, &rotated).unwrap();
        lines.open(Some(&path)).unwrap();
        lines.append("two\n").unwrap();
        assert!(lines.open(Some(&folder.path().join("none/ftpd.log"))).is_err());
        assert!(lines.has_file());
        lines.append("three\n").unwrap();
        lines.flush();
        let read = |path| fs::read_to_string(path).unwrap();
        assert_eq!((read(rotated), read(path)), ("one\n".to_owned(), "two\nthree\n".to_owned()));
    }

    /// Takes each write when the other end of the channel says so, as a terminal that is stopped.
    struct Stalled(Receiver<()>);

    impl Write for Stalled {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_without_room_are_counted_until_the_thread_has_kept_up() {
        let (go_on, stalled) = bounded::<()>(0);
        let lines = started(2, Stalled(stalled));
        // The thread has taken this one once the two places are free.
        lines.append("x\n").unwrap();
        while !lines.waiting.is_empty() {
            thread::yield_now();
        }
        assert_eq!([(); 4].map(|()| lines.append("x\n")), [Ok(()), Ok(()), Err(1), Err(2)]);
        drop(go_on);
        while lines.lost.count.load(Ordering::Relaxed) > 0 {
            thread::yield_now();
        }
        assert_eq!(lines.append("x\n"), Ok(()));
    }
}
