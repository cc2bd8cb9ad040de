//! The log: one thread formats records with `env_logger` and writes each as a line to stderr and to the log file.
//!
//! A session hands over what happened and goes on, so that it needs neither time nor stack for formatting. Sessions log
//! with the key-values `peer` and `user`, which a text line shows in front of the message as `192.168.1.20:51542-[bob]`
//! and a JSON line as fields.

use std::env;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use env_logger::{Builder, Logger, Target, WriteStyle};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use log::{LevelFilter, Metadata, Record};

use crate::config::{LogFormat, LogSection};
use crate::ini::{Finding, without_number};
use crate::lines::{LineFile, Output};

mod form;
mod log_line;

use log_line::LogLine;

/// Maximum number of lines that wait to be written.
const ROOM: usize = 4096;

/// The levels in the order of `-q` and `-v`.
const LEVELS: [LevelFilter; 4] = [LevelFilter::Error, LevelFilter::Warn, LevelFilter::Info, LevelFilter::Debug];

/// The running log.
pub struct Logging {
    lines: Arc<LineFile<Box<LogLine>>>,
    json: Arc<AtomicBool>,
    verbosity: i8,
    /// Whether the environment variable RUST_LOG says what is written.
    rust_log: bool,
}

impl Logging {
    /// Starts the log; `verbosity` moves `log_level` up or down by this number of steps. The environment
    /// variable RUST_LOG overrides both. To be called once; fails if the log file can't be opened.
    pub fn start(log: &LogSection, verbosity: i8) -> Result<Logging, Finding> {
        let filter = env::var("RUST_LOG").ok().filter(|filter| !filter.is_empty());
        let (json, output) = (Arc::new(AtomicBool::new(false)), Output::new(io::stderr()));
        let logger = Arc::new(logger(filter.as_deref(), Arc::clone(&json), output.clone()));
        let writer = Arc::clone(&logger);
        let lines = LineFile::start("log", ROOM, output, move |line: Box<LogLine>| line.write(&writer))
            .and_then(|lines| lines.open(log.log_file.as_deref()).map(|()| Arc::new(lines)))
            .map_err(|error| problem(log, error))?;
        log::set_max_level(logger.filter());
        let relay = Relay { logger, lines: Arc::clone(&lines) };
        log::set_boxed_logger(Box::new(relay)).map_err(|error| problem(log, io::Error::other(error)))?;
        let logging = Logging { lines, json, verbosity, rust_log: filter.is_some() };
        logging.adjust(log);
        Ok(logging)
    }

    /// Opens the log file again, after it was rotated or when `log` names another one, and applies level and format.
    /// If it can't be opened, the old file stays open, and the log has the line that is returned.
    pub fn reopen(&self, log: &LogSection) -> Option<String> {
        let opened = self.lines.open(log.log_file.as_deref());
        let failure = opened.err().map(|error| format!("{}; the old one stays open", problem(log, error)));
        failure.iter().for_each(|line| log::error!("{line}"));
        self.adjust(log);
        failure
    }

    fn adjust(&self, log: &LogSection) {
        self.json.store(log.log_format == LogFormat::Json, Ordering::Relaxed);
        if !self.rust_log {
            log::set_max_level(shifted(log.log_level, self.verbosity));
        }
    }
}

/// The last lines are written before the process ends.
impl Drop for Logging {
    fn drop(&mut self) {
        self.lines.flush();
    }
}

/// Formats records into `output`, as `json` says.
fn logger(filter: Option<&str>, json: Arc<AtomicBool>, output: Output) -> Logger {
    let mut builder = Builder::new();
    match filter {
        Some(filter) => builder.parse_filters(filter),
        // `log::set_max_level` decides which records of this crate are written.
        None => builder.filter_level(LevelFilter::Warn).filter_module("ftpd", LevelFilter::Debug),
    };
    let zone = TimeZone::system();
    builder.format(move |buffer, record| {
        let time = log_line::time_of(record).to_zoned(zone.clone());
        let form = if json.load(Ordering::Relaxed) { form::json } else { form::text };
        writeln!(buffer, "{}", form(record, &time))
    });
    builder.write_style(WriteStyle::Never).target(Target::Pipe(Box::new(output))).build()
}

/// The logger of all threads; never waits for a terminal or a disk.
struct Relay {
    logger: Arc<Logger>,
    lines: Arc<LineFile<Box<LogLine>>>,
}

impl log::Log for Relay {
    fn enabled(&self, metadata: &Metadata) -> bool {
        self.logger.enabled(metadata)
    }

    fn log(&self, record: &Record) {
        if self.logger.matches(record) {
            // A lost line is counted, and the count is logged once there is room again.
            let _ = self.lines.append(Box::new(LogLine::of(record, Timestamp::now())));
        }
    }

    fn flush(&self) {
        self.lines.flush();
    }
}

fn problem(log: &LogSection, error: io::Error) -> Finding {
    let path = log.log_file.as_deref().unwrap_or(Path::new("stderr")).display();
    let reason = format!("can't write {path}: {}", without_number(&error));
    Finding::error(&log.sources.of("log_file"), reason).about("log_file")
}

fn shifted(level: LevelFilter, by: i8) -> LevelFilter {
    let index = LEVELS.iter().position(|known| *known == level).unwrap_or_default();
    let index = index.saturating_add_signed(isize::from(by));
    LEVELS[index.min(LEVELS.len() - 1)]
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
