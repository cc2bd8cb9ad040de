//! What is wrong with a file, in words for the person who has to fix it.

use std::error::Error;
use std::fmt;

/// One thing that is wrong with a file, shown as `user.ini:14: perm: unknown letter 'x'`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The file as it was named, or the `--set section.key` that is wrong.
    pub file: String,
    /// The line in it, counted from 1.
    pub line: Option<usize>,
    /// The key; empty if no key is concerned.
    pub key: String,
    /// What is wrong, in words.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file)?;
        if let Some(line) = self.line {
            write!(f, "{line}:")?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}", self.reason)
    }
}

impl Error for Problem {}

/// All problems of one or more files, each once, sorted by file and line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Sorts `problems` and removes repeated ones.
    pub fn new(mut problems: Vec<Problem>) -> Problems {
        problems.sort();
        problems.dedup();
        Problems(problems)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl Error for Problems {}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Problems {
        Problems(vec![problem])
    }
}
