//! One line of a file as it is written, and the parts of it that a finding points at.

use std::ops::Range;

use super::secrecy::{self, HIDDEN, Secret};

/// A line of a file, without its line end. What could be a password was taken out of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WrittenLine(Box<str>);

/// The part of a line that a finding is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Mark {
    /// The key, or all of a line that has none.
    Key,
    /// The value.
    #[default]
    Value,
    /// These bytes of the value.
    Part(Range<usize>),
}

impl WrittenLine {
    pub(super) fn new(text: &str, secret: Secret) -> WrittenLine {
        let (text, parts) = (text.trim_end(), Parts::of(text));
        let blanks = text.len() - text.trim_start_matches(is_blank).len();
        let kept = match secret {
            Secret::Nothing => text.len(),
            Secret::ValueFrom(_) if parts.value.is_empty() => text.len(),
            Secret::ValueFrom(end) => parts.value.start + end,
            Secret::AllButFirstWord => parts.first_word,
            Secret::AllButSection => blanks + secrecy::section_end(&text[blanks..]),
            Secret::All => blanks,
        };
        match text.get(..kept) {
            Some(shown) if kept < text.len() => WrittenLine(format!("{shown}{HIDDEN}").into()),
            _ => WrittenLine(text.into()),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// The line without the blanks around it.
    pub fn trimmed(&self) -> &str {
        self.0.trim_start_matches(is_blank)
    }

    /// The bytes of the line that a mark stands for.
    pub(super) fn span(&self, mark: &Mark) -> Range<usize> {
        let parts = Parts::of(&self.0);
        let value = parts.value.clone();
        match mark {
            Mark::Key => parts.key,
            Mark::Value if value.is_empty() => parts.key,
            Mark::Value => value,
            Mark::Part(part) => {
                let [start, end] = [part.start, part.end].map(|at| value.start + at);
                let end = end.min(value.end);
                if self.0.get(start..end).is_some_and(|part| !part.is_empty()) { start..end } else { value }
            }
        }
    }
}

/// Where the key and the value of a line are, in bytes.
struct Parts {
    key: Range<usize>,
    value: Range<usize>,
    /// Where the first word ends.
    first_word: usize,
}

impl Parts {
    fn of(text: &str) -> Parts {
        let start = text.len() - text.trim_start_matches(is_blank).len();
        let end = text.trim_end().len().max(start);
        let line = &text[start..end];
        let word = line.find(|c: char| !c.is_ascii_alphanumeric() && !"_.-[".contains(c)).unwrap_or(line.len());
        let separator = if line.starts_with('[') { None } else { line.find(['=', ':']) };
        let Some(at) = separator else { return Parts { key: start..end, value: end..end, first_word: start + word } };
        let value = line[at + 1..].trim_start();
        Parts {
            key: start..start + line[..at].trim_end().len(),
            value: end - value.len()..end,
            first_word: start + word,
        }
    }
}

fn is_blank(c: char) -> bool {
    c.is_whitespace() || c == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_a_key_and_a_value_that_can_be_pointed_at() {
        let cases = [
            ("  perm = elrx ", Mark::Key, "perm"),
            ("  perm = elrx ", Mark::Value, "elrx"),
            ("\u{feff}perm:elrx", Mark::Part(3..4), "x"),
            ("perm = elrx", Mark::Part(3..9), "x"),
            ("perm = elrx", Mark::Part(7..9), "elrx"),
            ("perm =", Mark::Value, "perm"),
            ("perm", Mark::Value, "perm"),
            ("[alex", Mark::Value, "[alex"),
            ("home = D:/", Mark::Value, "D:/"),
            ("", Mark::Value, ""),
        ];
        for (text, mark, marked) in cases {
            let line = WrittenLine::new(text, Secret::Nothing);
            assert_eq!(&line.text()[line.span(&mark)], marked, "{text}");
        }
    }

    #[test]
    fn what_could_be_a_password_is_taken_out() {
        let cases = [
            ("  password = a = b", Secret::VALUE, "  password = ***"),
            ("password", Secret::VALUE, "password"),
            ("perm = elr # x", Secret::ValueFrom(5), "perm = elr #***"),
            (" [alex] ; secret", Secret::AllButSection, " [alex]***"),
            ("secret", Secret::All, "***"),
            ("password secret", Secret::AllButFirstWord, "password***"),
            ("add_user(\"alex\", \"123\", home=\"/\")", Secret::AllButFirstWord, "add_user***"),
            ("[alex", Secret::AllButFirstWord, "[alex"),
            ("", Secret::AllButFirstWord, ""),
        ];
        for (text, secret, shown) in cases {
            assert_eq!(WrittenLine::new(text, secret).text(), shown);
        }
    }
}
