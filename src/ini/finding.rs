//! What is wrong with a file or a machine, in words for the person who has to fix it.

use std::error::Error;
use std::fmt;
use std::num::NonZeroUsize;
use std::ops::Range;

use super::excerpt::{LineExcerpt, printable};
use super::line::{Mark, WrittenLine};
use super::{Mistake, Source};

/// Longest key that is shown as a whole.
const LONGEST_KEY: usize = 40;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The server does not start.
    Error,
    /// The server starts; it is probably not what was meant.
    Warning,
    /// Good to know.
    Note,
}

/// One thing that was found, shown as `user.ini:3: perm: unknown letter 'x'; what to write instead`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file as it was named, or the `--set section.key` that is wrong; empty if it is about neither.
    pub file: String,
    /// The line in it, counted from 1.
    pub line: Option<NonZeroUsize>,
    /// The key; empty if no key is concerned.
    pub key: String,
    /// What is wrong.
    pub reason: String,
    /// What to write instead, or the command that fixes it.
    pub fix: Option<String>,
    marked: Option<Box<Marked>>,
    weight: Weight,
}

/// What a finding is to others about the same key in the same line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// It explains them, so that they don't count.
    Cause,
    /// Another mistake.
    OfItsOwn,
    /// It counts only without them.
    Consequence,
}

/// A line, and the part of it that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Marked {
    line: WrittenLine,
    mark: Mark,
}

impl Finding {
    /// Something that keeps the server from starting.
    pub fn error(source: &Source, reason: impl Into<String>) -> Finding {
        Finding::new(Severity::Error, source, reason.into())
    }

    /// Something that is probably not what was meant.
    pub fn warning(source: &Source, reason: impl Into<String>) -> Finding {
        Finding::new(Severity::Warning, source, reason.into())
    }

    /// Something that is good to know.
    pub fn note(source: &Source, reason: impl Into<String>) -> Finding {
        Finding::new(Severity::Note, source, reason.into())
    }

    fn new(severity: Severity, source: &Source, reason: String) -> Finding {
        let (file, line, key, marked) = match source {
            Source::Line { file, number, key, line, .. } => {
                let marked = Marked { line: line.clone(), mark: Mark::default() };
                (file.to_string(), NonZeroUsize::new(*number), key.as_str(), Some(Box::new(marked)))
            }
            Source::Override { .. } => (source.place(), None, "", None),
            Source::Default { key, .. } => (String::new(), None, *key, None),
            Source::File(text) | Source::CommandLine(text) => (text.to_string(), None, "", None),
        };
        let key = if key.chars().count() > LONGEST_KEY {
            key.chars().take(LONGEST_KEY).chain(['…']).collect()
        } else {
            key.to_owned()
        };
        Finding {
            severity,
            file: printable(&file),
            line,
            key: printable(&key),
            reason: printable(&reason),
            fix: None,
            marked,
            weight: Weight::OfItsOwn,
        }
    }

    /// A mistake in the value that is written at `source`.
    pub fn of_value(severity: Severity, source: &Source, mistake: Mistake) -> Finding {
        let Mistake { reason, fix, part: bytes } = mistake;
        let finding = Finding::new(severity, source, reason);
        let finding = Finding { fix: fix.map(|fix| printable_lines(&fix)), ..finding };
        match bytes {
            Some(bytes) => finding.at(Mark::Part(bytes)),
            None => finding,
        }
    }

    /// The same with what to write instead, or the command that fixes it.
    pub fn fix(self, fix: impl Into<String>) -> Finding {
        Finding { fix: Some(printable_lines(&fix.into())), ..self }
    }

    /// The same about another key than that of its line, or about a key that isn't written.
    pub fn about(self, key: impl Into<String>) -> Finding {
        Finding { key: printable(&key.into()), ..self }
    }

    /// The same with the caret below the key instead of the value.
    pub fn at_key(self) -> Finding {
        self.at(Mark::Key)
    }

    /// The same with the caret below these bytes of the value.
    pub fn at_part(self, part: Range<usize>) -> Finding {
        self.at(Mark::Part(part))
    }

    fn at(mut self, mark: Mark) -> Finding {
        self.marked.iter_mut().for_each(|marked| marked.mark = mark.clone());
        self
    }

    /// The same as what follows from another mistake: it counts only if no other finding is about its key in its line.
    pub fn as_consequence(self) -> Finding {
        Finding { weight: Weight::Consequence, ..self }
    }

    /// The same as what all others about its key in its line follow from.
    pub(super) fn into_cause(self) -> Finding {
        Finding { weight: Weight::Cause, ..self }
    }

    pub(super) fn with_severity(self, severity: Severity) -> Finding {
        Finding { severity, ..self }
    }

    pub(super) fn weight(&self) -> Weight {
        self.weight
    }

    /// Whether it keeps the server from starting.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The text of the finding without its severity: the lines of a log have a level.
    pub fn message(&self) -> String {
        let place = match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        };
        let parts = [place.as_str(), &self.key, &self.reason].into_iter().filter(|part| !part.is_empty());
        let message = parts.collect::<Vec<_>>().join(": ");
        self.fix.iter().fold(message, |message, fix| format!("{message}; {fix}"))
    }

    /// The line as it is written, with a caret; `None` if it is about no line.
    pub fn excerpt(&self) -> Option<LineExcerpt> {
        let Marked { line, mark } = &**self.marked.as_ref()?;
        Some(LineExcerpt::new(line.text(), line.span(mark)))
    }

    /// The character of the line at which it is wrong, counted from 1.
    pub fn column(&self) -> Option<usize> {
        let Marked { line, mark } = &**self.marked.as_ref()?;
        Some(line.text()[..line.span(mark).start].chars().count() + 1)
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.severity {
            Severity::Error => {}
            Severity::Warning => f.write_str("warning: ")?,
            Severity::Note => f.write_str("note: ")?,
        }
        f.write_str(&self.message())
    }
}

impl Error for Finding {}

/// Several lines that can be pasted.
fn printable_lines(text: &str) -> String {
    text.lines().map(printable).collect::<Vec<_>>().join("\n")
}
