//! The section `[log]`: what is logged, and where.

use std::path::PathBuf;

use log::LevelFilter;

use crate::ini::{Section, Sources};

/// The section `[log]`.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSection {
    /// A file that gets the log, as stderr does.
    pub log_file: Option<PathBuf>,
    /// The least important level that is written: error, warn, info or debug.
    pub log_level: LevelFilter,
    /// A file that gets an xferlog line for each transfer.
    pub transfer_log: Option<PathBuf>,
    /// The form of a log line.
    pub log_format: LogFormat,
    /// Where its values come from.
    pub sources: Sources,
}

/// The form of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `[I 2024-11-22 10:00:01] message`.
    Text,
    /// A JSON object.
    Json,
}

impl LogSection {
    pub(super) fn read(section: &mut Section) -> LogSection {
        use LevelFilter::{Debug, Error, Info, Warn};
        LogSection {
            log_file: section.take("log_file"),
            log_level: section
                .take_word("log_level", &[("error", Error), ("warn", Warn), ("info", Info), ("debug", Debug)]),
            transfer_log: section.take("transfer_log"),
            log_format: section.take_word("log_format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
            sources: section.sources(),
        }
    }
}
