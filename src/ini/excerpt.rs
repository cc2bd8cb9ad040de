//! A line as a finding shows it: what can't be printed escaped, cut to fit, with a caret below what is wrong.

use std::fmt;
use std::ops::Range;

use unicode_width::UnicodeWidthStr;

/// Maximum width of what is shown of a line.
const WIDTH: usize = 72;

/// How much is shown in front of what is wrong if a line has to be cut there.
const BEFORE: usize = 24;

/// Bytes and characters around what is wrong that are looked at: more than can be shown.
const FAR: usize = 1000;

/// Two lines: a part of a file's line, and the caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineExcerpt {
    text: String,
    /// The columns that the caret marks, counted from 0.
    caret: Range<usize>,
}

impl LineExcerpt {
    /// The bytes `span` of `line` are what is wrong.
    pub(super) fn new(line: &str, span: Range<usize>) -> LineExcerpt {
        let mut near = span.start.saturating_sub(FAR)..=span.start;
        let begin = near.find(|at| line.is_char_boundary(*at)).unwrap_or(0);
        let seen = line[begin..].char_indices().take(2 * FAR).map(|(at, c)| (begin + at, visible(c)));
        let cells: Vec<(usize, String)> = seen.collect();
        let indent = cells.iter().take_while(|(_, cell)| cell == " " || cell.is_empty()).count();
        let first = cells.iter().position(|(at, _)| *at >= span.start).unwrap_or(cells.len());
        let before: usize = cells[indent.min(first)..first].iter().map(|(_, cell)| cell.width()).sum();
        let start = if before > WIDTH / 2 { first.saturating_sub(BEFORE).max(indent) } else { indent };
        let mut text = String::from(if start > indent || begin > 0 { "…" } else { "" });
        let mut caret = None;
        for (at, cell) in &cells[start..] {
            if text.width() + cell.width() >= WIDTH {
                text.push('…');
                break;
            }
            let column = text.width();
            text.push_str(cell);
            if span.contains(at) {
                caret = Some(caret.map_or(column, |caret: Range<usize>| caret.start)..text.width());
            }
        }
        let text = text.trim_end().to_owned();
        LineExcerpt { caret: caret.unwrap_or(text.width()..text.width() + 1), text }
    }
}

impl fmt::Display for LineExcerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let caret = "^".repeat(self.caret.len().max(1));
        write!(f, "    {}\n    {:2$}{caret}", self.text, "", self.caret.start)
    }
}

/// `text` without anything that controls a terminal or that it hides.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(visible).collect()
}

fn visible(c: char) -> String {
    match c {
        '\t' => " ".to_owned(),
        '\u{feff}' => String::new(),
        '\'' | '"' | '\\' => c.to_string(),
        c => c.escape_debug().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(line: &str, part: &str) -> Vec<String> {
        let at = line.find(part).unwrap();
        LineExcerpt::new(line, at..at + part.len()).to_string().lines().map(|line| line[4..].to_owned()).collect()
    }

    #[test]
    fn the_caret_is_below_what_is_wrong() {
        assert_eq!(shown("\tperm = elrx", "x"), ["perm = elrx", "          ^"]);
        assert_eq!(shown("  prot = 1", "prot"), ["prot = 1", "^^^^"]);
        assert_eq!(shown("home = /资料/x", "x"), ["home = /资料/x", "             ^"]);
        assert_eq!(LineExcerpt::new("key =", 5..5).to_string(), "    key =\n         ^");
    }

    #[test]
    fn nothing_reaches_the_terminal_that_it_would_obey() {
        assert_eq!(shown("a = \u{1b}[2J\0\u{202e}x", "x"), ["a = \\u{1b}[2J\\0\\u{202e}x", "                       ^"]);
    }

    #[test]
    fn long_lines_are_cut_around_what_is_wrong() {
        let long = format!("a = {}!{}", "x".repeat(5000), "y".repeat(5000));
        let [line, caret] = &shown(&long, "!")[..] else { panic!("two lines") };
        assert!(line.starts_with('…') && line.ends_with('…') && line.chars().count() <= 72, "{line}");
        assert_eq!(line.chars().nth(caret.len() - 1), Some('!'));
        assert_eq!(shown(&"k".repeat(5000), "k")[0].chars().count(), 72);
    }
}
