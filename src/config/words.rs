//! Values that only ftpd.conf has: words with a meaning, text of several lines, permission bits.

use std::path::Path;

use log::LevelFilter;

use crate::config::{Fsync, LogFormat, Sandbox, Symlinks};
use crate::ini::{Value, word};

/// Text in which `\n` begins a new line.
pub(super) struct Lines(pub(super) Vec<String>);

impl Value for Lines {
    fn parse(text: &str, _: &Path) -> Result<Lines, String> {
        Ok(Lines(text.split("\\n").map(str::to_owned).collect()))
    }
}

/// Permission bits in octal.
pub(super) struct Umask(pub(super) u32);

impl Value for Umask {
    fn parse(text: &str, _: &Path) -> Result<Umask, String> {
        let bits = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o777);
        bits.map(Umask).ok_or_else(|| format!("'{text}' is not an octal number from 000 to 777"))
    }
}

impl Value for Sandbox {
    fn parse(text: &str, _: &Path) -> Result<Sandbox, String> {
        word(text, &[("auto", Sandbox::Auto), ("require", Sandbox::Require), ("off", Sandbox::Off)])
    }
}

impl Value for Symlinks {
    fn parse(text: &str, _: &Path) -> Result<Symlinks, String> {
        word(text, &[("inside", Symlinks::Inside), ("never", Symlinks::Never)])
    }
}

impl Value for Fsync {
    fn parse(text: &str, _: &Path) -> Result<Fsync, String> {
        word(text, &[("off", Fsync::Off), ("close", Fsync::Close)])
    }
}

impl Value for LogFormat {
    fn parse(text: &str, _: &Path) -> Result<LogFormat, String> {
        word(text, &[("text", LogFormat::Text), ("json", LogFormat::Json)])
    }
}

impl Value for LevelFilter {
    fn parse(text: &str, _: &Path) -> Result<LevelFilter, String> {
        use LevelFilter::{Debug, Error, Info, Warn};
        word(text, &[("error", Error), ("warn", Warn), ("info", Info), ("debug", Debug)])
    }
}
