//! The log: `env_logger` set up to write one line an event to stderr and to the log file.
//!
//! Whoever logs hands over what happened and goes on: one thread formats and writes, so that a session pays neither with its
//! time nor with its stack. Sessions log with the key-values `peer` and `user`, which a text line shows in front as
//! `192.168.1.20:51542-[bob]` and a JSON line as fields. Control characters are escaped here, for every record, so nothing
//! that a client sends can forge a line or reach a terminal.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use env_logger::{Builder, Logger, Target, WriteStyle};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use log::kv::{self, Key, Source, VisitSource};
use log::{Level, LevelFilter, Log as _, Metadata, Record};
use serde_json::{Map, Value};

use crate::config::{Log, LogFormat};
use crate::ini::Problem;

/// A message is cut behind so many characters.
const LONGEST_MESSAGE: usize = 8192;

/// So many lines may wait to be written.
const MAX_WAITING: usize = 4096;

/// How long the end of the process waits for the last lines.
const LAST_LINES: Duration = Duration::from_secs(1);

/// The levels in the order of `-q` and `-v`.
const LEVELS: [LevelFilter; 4] = [LevelFilter::Error, LevelFilter::Warn, LevelFilter::Info, LevelFilter::Debug];

/// The running log.
pub struct Logging {
    output: Arc<Output>,
    messages: Sender<Message>,
    verbosity: i8,
    rust_log: bool,
}

impl Logging {
    /// Starts the log; `verbosity` moves `log_level` up or down by so many steps. The environment
    /// variable RUST_LOG wins over both. To be called once; fails if the log file can't be opened.
    pub fn start(log: &Log, verbosity: i8) -> Result<Logging, Problem> {
        let file = log.log_file.as_deref().map(open).transpose()?;
        let json = AtomicBool::new(log.log_format == LogFormat::Json);
        let output = Arc::new(Output { json, file: Mutex::new(file), lost: AtomicUsize::new(0) });
        let rust_log = std::env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
        let mut builder = Builder::new();
        match &rust_log {
            Some(filter) => builder.parse_filters(filter),
            // Which of our own records are written is up to `log::set_max_level`.
            None => builder.filter_level(LevelFilter::Warn).filter_module("ftpd", LevelFilter::Debug),
        };
        let zone = TimeZone::system();
        let form = Arc::clone(&output);
        builder.format(move |buffer, record| {
            let time = time_of(record).to_zoned(zone.clone());
            let json = form.json.load(Ordering::Relaxed);
            writeln!(buffer, "{}", if json { json_line(record, &time) } else { text_line(record, &time) })
        });
        builder.write_style(WriteStyle::Never).target(Target::Pipe(Box::new(Pipe(Arc::clone(&output)))));
        let logger = Arc::new(builder.build());
        log::set_max_level(logger.filter());
        let (messages, waiting) = bounded(MAX_WAITING);
        let (writer, ours) = (Arc::clone(&logger), Arc::clone(&output));
        let spawned = thread::Builder::new().name("log".to_owned()).spawn(move || write_all(&waiting, &writer, &ours));
        spawned.map_err(|error| problem(None, "log", error.to_string()))?;
        let relay = Relay { logger, output: Arc::clone(&output), messages: messages.clone() };
        log::set_boxed_logger(Box::new(relay)).map_err(|error| problem(None, "log", error.to_string()))?;
        let logging = Logging { output, messages, verbosity, rust_log: rust_log.is_some() };
        logging.set_level(log);
        Ok(logging)
    }

    /// Opens the log file anew, after it was rotated or when `log` names another one, and takes
    /// over level and format. If it can't be opened, the log says so and the old one is kept.
    pub fn reopen(&self, log: &Log) {
        // Where nothing can be written at the moment, not even the end of that is waited for.
        let _ = self.messages.try_send(Message::Reopen(log.log_file.clone()));
        self.output.json.store(log.log_format == LogFormat::Json, Ordering::Relaxed);
        self.set_level(log);
    }

    fn set_level(&self, log: &Log) {
        if !self.rust_log {
            log::set_max_level(shifted(log.log_level, self.verbosity));
        }
    }
}

/// Where lines go; shared by the relay, the writer and [`Logging::reopen`].
struct Output {
    json: AtomicBool,
    file: Mutex<Option<File>>,
    /// Lines that found no room.
    lost: AtomicUsize,
}

enum Message {
    /// From here on lines go to this file, too.
    Reopen(Option<PathBuf>),
    // In a box, as every place in the channel is there from the start.
    Event(Box<Event>),
    /// All lines before this one are to be written; then it is dropped, which the other end notices.
    Flush(Sender<()>),
}

/// A record on its way to the thread that writes.
struct Event {
    time: Timestamp,
    level: Level,
    target: String,
    message: String,
    fields: Vec<(String, String)>,
}

/// The key-value of an event that holds its time, in microseconds since 1970.
const TIME: &str = "time";

/// The logger of all threads: never waits for a terminal or a disk, least of all on the accept thread.
struct Relay {
    /// Knows what is to be written, and how.
    logger: Arc<Logger>,
    output: Arc<Output>,
    messages: Sender<Message>,
}

impl log::Log for Relay {
    fn enabled(&self, metadata: &Metadata) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record) {
        if !self.logger.matches(record) {
            return;
        }
        if self.messages.try_send(Message::Event(Box::new(Event::of(record, Timestamp::now())))).is_err() {
            self.output.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {}
}

impl Event {
    fn of(record: &Record, time: Timestamp) -> Event {
        let (target, message) = (record.target().to_owned(), record.args().to_string());
        Event { time, level: record.level(), target, message, fields: Fields::of(record).0 }
    }

    fn write(&self, logger: &Logger) {
        let mut record = Record::builder();
        record.level(self.level).target(&self.target).key_values(self);
        logger.log(&record.args(format_args!("{}", self.message)).build());
    }
}

impl Source for Event {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        visitor.visit_pair(Key::from_str(TIME), self.time.as_microsecond().into())?;
        self.fields.iter().try_for_each(|(key, value)| visitor.visit_pair(Key::from_str(key), value.as_str().into()))
    }
}

/// Writes lines as they come, on a thread of its own.
fn write_all(messages: &Receiver<Message>, logger: &Logger, output: &Output) {
    for message in messages {
        match message {
            Message::Reopen(path) => output.reopen(path.as_deref()),
            Message::Event(event) => event.write(logger),
            Message::Flush(flushed) => drop(flushed),
        }
        let lost = output.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let gap = format!("({lost} lines are missing here: they came faster than they could be written)\n");
            output.write(gap.as_bytes());
        }
    }
}

/// What the logger writes lines to.
struct Pipe(Arc<Output>);

impl Write for Pipe {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Output {
    fn reopen(&self, path: Option<&Path>) {
        match path.map(open).transpose() {
            Ok(file) => *self.file() = file,
            Err(problem) => log::error!("{problem}"),
        }
    }

    fn file(&self) -> MutexGuard<'_, Option<File>> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A full disk or a closed pipe must not stop the server: errors are dropped, there is nowhere to tell them.
    fn write(&self, line: &[u8]) {
        let _ = io::stderr().write_all(line);
        if let Some(file) = self.file().as_mut() {
            let _ = file.write_all(line);
        }
    }
}

/// The last lines are written before the process ends.
impl Drop for Logging {
    fn drop(&mut self) {
        let (flush, flushed) = bounded(0);
        if self.messages.send_timeout(Message::Flush(flush), LAST_LINES).is_ok() {
            let _ = flushed.recv_timeout(LAST_LINES);
        }
    }
}

fn open(path: &Path) -> Result<File, Problem> {
    let mut options = fs::OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    options.open(path).map_err(|error| problem(Some(path), "log_file", error.to_string()))
}

fn problem(path: Option<&Path>, key: &str, reason: String) -> Problem {
    let file = path.map_or("ftpd".to_owned(), |path| path.display().to_string());
    Problem { file, line: None, key: key.to_owned(), reason }
}

fn shifted(level: LevelFilter, by: i8) -> LevelFilter {
    let index = LEVELS.iter().position(|known| *known == level).unwrap_or_default();
    let index = index.saturating_add_signed(isize::from(by));
    LEVELS[index.min(LEVELS.len() - 1)]
}

/// `[I 2024-11-22 10:00:01] 192.168.1.20:51542-[bob] message`.
fn text_line(record: &Record, now: &Zoned) -> String {
    let letter = record.level().as_str().chars().next().unwrap_or(' ');
    let line = format!("[{letter} {}] ", now.strftime("%Y-%m-%d %H:%M:%S"));
    let field = |name: &str| record.key_values().get(Key::from_str(name)).map(|value| value.to_string());
    let prefix = field("peer").map(|peer| format!("{peer}-[{}] ", field("user").unwrap_or_default()));
    let message = prefix.unwrap_or_default() + &cut(record);
    line + &escape(&message, |c| match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        c => format!("\\x{:02x}", u32::from(c)),
    })
}

/// `{"time":"2024-11-22T10:00:01.000+01:00","level":"info","message":"…","peer":"…",…}`.
fn json_line(record: &Record, now: &Zoned) -> String {
    let level = match record.level() {
        Level::Error => "error",
        Level::Warn => "warn",
        Level::Info => "info",
        Level::Debug => "debug",
        Level::Trace => "trace",
    };
    let time = now.strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string();
    let message = cut(record);
    let fields = Fields::of(record).0.into_iter().map(|(key, value)| (key, Value::from(value)));
    let mut object: Map<String, Value> = fields.collect();
    for (key, value) in [("time", time.as_str()), ("level", level), ("message", &message)] {
        object.insert(key.to_owned(), Value::from(value));
    }
    // JSON escapes what is below 0x20; DEL and the C1 controls it leaves as they are.
    escape(&Value::Object(object).to_string(), |c| format!("\\u{:04x}", u32::from(c)))
}

fn cut(record: &Record) -> String {
    record.args().to_string().chars().take(LONGEST_MESSAGE).collect()
}

fn escape(text: &str, escaped: fn(char) -> String) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_control(c) { line.push_str(&escaped(c)) } else { line.push(c) }
    }
    line
}

/// What could end a line or command a terminal: C0, DEL, C1, and Unicode's own line ends.
fn is_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// The key-values of a record.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of(record: &Record) -> Fields {
        let mut fields = Fields(Vec::new());
        // Collecting never fails: `visit_pair` takes everything.
        let _ = record.key_values().visit(&mut fields);
        fields
    }
}

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        self.0.push((key.to_string(), value.to_string()));
        Ok(())
    }
}

fn time_of(record: &Record) -> Timestamp {
    let time = record.key_values().get(Key::from_str(TIME)).and_then(|time| time.to_i64());
    time.and_then(|time| Timestamp::from_microsecond(time).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;

    use super::*;

    const PEER: [(&str, &str); 2] = [("peer", "192.168.1.20:51542"), ("user", "bob")];

    fn line(form: fn(&Record, &Zoned) -> String, level: Level, pairs: &[(&str, &str)], message: &str) -> String {
        let hour = TimeZone::fixed(Offset::constant(1));
        let now = "2024-11-22T09:00:01.25Z".parse::<Timestamp>().unwrap().to_zoned(hour);
        form(&Record::builder().level(level).key_values(&pairs).args(format_args!("{message}")).build(), &now)
    }

    #[test]
    fn a_text_line_has_level_time_and_peer_in_front() {
        let cases = [
            (Level::Info, &PEER[..], "x", "[I 2024-11-22 10:00:01] 192.168.1.20:51542-[bob] x"),
            (Level::Error, &PEER[..1], "x", "[E 2024-11-22 10:00:01] 192.168.1.20:51542-[] x"),
            (Level::Warn, &[], "x", "[W 2024-11-22 10:00:01] x"),
            (Level::Debug, &[], "", "[D 2024-11-22 10:00:01] "),
        ];
        for (level, pairs, message, expected) in cases {
            assert_eq!(line(text_line, level, pairs, message), expected);
        }
    }

    #[test]
    fn a_json_line_is_an_object_with_the_pairs() {
        let line = line(json_line, Level::Info, &PEER, "a \"b\"\n");
        let expected = serde_json::json!({
            "time": "2024-11-22T10:00:01.250+01:00", "level": "info", "message": "a \"b\"\n",
            "peer": "192.168.1.20:51542", "user": "bob",
        });
        assert_eq!(line.parse::<Value>().unwrap(), expected);
    }

    #[test]
    fn no_control_character_reaches_the_log() {
        let evil = "a\r\n[I forged]\tb\0\u{1b}[2J\u{7f}\u{9b}c\u{2028}é✓";
        let pairs = [("peer", "1.2.3.4:5\n"), ("user", "\u{1b}")];
        let text = line(text_line, Level::Info, &pairs, evil);
        let (_, behind) = text.split_once("] ").unwrap();
        assert_eq!(behind, r"1.2.3.4:5\n-[\x1b] a\r\n[I forged]\tb\x00\x1b[2J\x7f\x9bc\x2028é✓");
        let json = line(json_line, Level::Info, &pairs, evil);
        assert!(!json.contains(is_control), "{json}");
        assert_eq!(json.parse::<Value>().unwrap()["message"], evil);
    }

    #[test]
    fn a_long_message_is_cut() {
        let text = line(text_line, Level::Info, &[], &"é".repeat(LONGEST_MESSAGE + 5));
        assert_eq!(text.chars().filter(|c| *c == 'é').count(), LONGEST_MESSAGE);
    }

    #[test]
    fn verbosity_moves_the_level_within_the_known_ones() {
        use LevelFilter::{Debug, Error, Info, Warn};
        for (level, by, expected) in [
            (Info, 0, Info),
            (Info, 1, Debug),
            (Info, 9, Debug),
            (Info, -1, Warn),
            (Warn, -5, Error),
            (Debug, i8::MIN, Error),
        ] {
            assert_eq!(shifted(level, by), expected, "{level} {by}");
        }
    }

    #[test]
    fn a_rotated_file_is_opened_anew_and_a_lost_folder_keeps_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let [path, rotated] = ["ftpd.log", "ftpd.log.1"].map(|name| folder.path().join(name));
        let output = Output {
            json: AtomicBool::new(false),
            file: Mutex::new(Some(open(&path).unwrap())),
            lost: AtomicUsize::new(0),
        };
        output.write(b"one\n");
        fs::rename(&path, &rotated).unwrap();
        output.reopen(Some(&path));
        output.write(b"two\n");
        output.reopen(Some(&folder.path().join("none/ftpd.log")));
        output.write(b"three\n");
        let read = |path| fs::read_to_string(path).unwrap();
        assert_eq!((read(rotated), read(path)), ("one\n".to_owned(), "two\nthree\n".to_owned()));
    }
}
