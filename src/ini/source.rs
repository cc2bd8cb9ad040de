//! Where a value comes from, for log lines and findings.

use std::fmt;
use std::sync::Arc;

use super::Key;
use super::line::WrittenLine;
use super::secrecy::HIDDEN;

/// Where a value comes from; prints what a log line quotes, such as `user.ini:14: perm = elr` or
/// `user.ini:22: [alex /inbox] perm = elw`. A password in it is `***`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A line of a file.
    Line {
        /// The file as it was named.
        file: Arc<str>,
        /// The line, counted from 1.
        number: usize,
        /// The key; empty if the line has none.
        key: String,
        /// What is written there.
        line: WrittenLine,
        /// The name of the section, if the line does not tell enough without it.
        section: Option<Arc<str>>,
    },
    /// The command line.
    Override {
        /// The section.
        section: String,
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
    /// The command line, which says it in other words than a key's, such as `shared without --write`.
    CommandLine(Arc<str>),
    /// Nowhere: the value is the default.
    Default {
        /// The key.
        key: &'static str,
        /// The default, as it could be written.
        value: &'static str,
    },
    /// A file as a whole.
    File(Arc<str>),
}

impl Source {
    /// A file as a whole.
    pub fn file(name: impl fmt::Display) -> Source {
        Source::File(name.to_string().into())
    }

    /// The command line, in these words.
    pub fn command_line(words: impl fmt::Display) -> Source {
        Source::CommandLine(words.to_string().into())
    }

    /// The same, which names the section, too.
    pub(super) fn in_section(mut self, name: &str) -> Source {
        if let Source::Line { section, .. } = &mut self {
            *section = Some(name.into());
        }
        self
    }

    /// What holds for a key that isn't written.
    pub(super) fn default(key: &Key) -> Source {
        Source::Default { key: key.name, value: key.default().unwrap_or("not set") }
    }

    /// Whether the value is written anywhere.
    pub fn is_written(&self) -> bool {
        matches!(self, Source::Line { .. } | Source::Override { .. } | Source::CommandLine(_))
    }

    /// What is written of the value, if a part of it is not shown.
    pub fn partly_hidden(&self) -> Option<&str> {
        let Source::Line { line, .. } = self else { return None };
        let shown = line.trimmed().strip_suffix(HIDDEN).is_some().then(|| line.trimmed())?;
        Some(shown.split_once(['=', ':']).map_or(shown, |(_, value)| value.trim()))
    }

    /// What is written there, without the place: `perm = elr`; the place if that says it all.
    pub fn text(&self) -> String {
        match self {
            Source::Line { line, .. } => line.trimmed().to_owned(),
            Source::Override { key, value, .. } => format!("{key}={value}"),
            Source::Default { key, value } => format!("{key} = {value}"),
            Source::File(text) | Source::CommandLine(text) => text.to_string(),
        }
    }

    /// The place alone: `user.ini:14`, `--set server.port`, `default`, `user.ini`, or the words of the command line.
    pub fn place(&self) -> String {
        match self {
            Source::Line { file, number, .. } => format!("{file}:{number}"),
            Source::Override { section, key, .. } => format!("--set {section}.{key}"),
            Source::Default { .. } => "default".to_owned(),
            Source::File(text) | Source::CommandLine(text) => text.to_string(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())?;
        match self {
            Source::Line { line, section: Some(section), key, .. } if !key.is_empty() => {
                write!(f, ": [{section}] {}", line.trimmed())
            }
            Source::Line { line, .. } => write!(f, ": {}", line.trimmed()),
            Source::Override { value, .. } => write!(f, "={value}"),
            Source::Default { key, value } => write!(f, ": {key} = {value}"),
            Source::File(_) | Source::CommandLine(_) => Ok(()),
        }
    }
}

/// Where the values of one section come from. Two of these are always equal: the same values may be written elsewhere.
#[derive(Clone, Default)]
pub struct Sources {
    written: Vec<(&'static str, Source)>,
    keys: &'static [Key],
    begin: Option<Source>,
}

impl Sources {
    /// The sources of the keys that are written; all others of the table have their defaults.
    pub fn new(keys: &'static [Key], written: Vec<(&'static str, Source)>) -> Sources {
        Sources { written, keys, begin: None }
    }

    /// The same sources of a section that begins there.
    pub(super) fn beginning(self, begin: Source) -> Sources {
        Sources { begin: Some(begin), ..self }
    }

    /// Where the section begins.
    pub fn begin(&self) -> Source {
        self.begin.clone().unwrap_or_else(|| Source::file(""))
    }

    /// Where the value of `key` comes from.
    pub fn of(&self, key: &str) -> Source {
        let written = self.written.iter().find(|(known, _)| *known == key).map(|(_, source)| source.clone());
        written.unwrap_or_else(|| {
            let row = self.keys.iter().find(|row| row.name == key);
            row.map_or_else(|| Source::file(""), Source::default)
        })
    }

    /// The same sources, which also have that of `key` under another name.
    pub fn renamed(mut self, key: &str, name: &'static str) -> Sources {
        self.written.push((name, self.of(key)));
        self
    }
}

impl fmt::Debug for Sources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl PartialEq for Sources {
    fn eq(&self, _: &Sources) -> bool {
        true
    }
}
