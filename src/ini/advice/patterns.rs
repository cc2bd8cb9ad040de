//! Patterns of names that probably hide something else than was meant.

use super::super::{Key, Mistake};
use super::decoration;

/// A comment, or blanks where commas were meant, would be part of a pattern.
pub(super) fn doubt(row: &Key, value: &str) -> Option<Mistake> {
    if let Some(at) = decoration::comment(value) {
        let fix = format!("write {} = {}", row.name, value[..at].trim_end());
        return Some(Mistake::new("a comment needs a line of its own").at(at..value.len()).fix(fix));
    }
    let separated = |part: &str| {
        let words: Vec<&str> = part.split_whitespace().collect();
        // `* - Copy.txt` may well be one name.
        (words.len() > 1 && words[0].contains('*') && words[0].contains('.')).then(|| words.join(", "))
    };
    let parts: Vec<&str> = value.split(',').map(str::trim).collect();
    let wrong = parts.iter().copied().find(|part| separated(part).is_some())?;
    let better: Vec<String> = parts.iter().map(|part| separated(part).unwrap_or_else(|| (*part).to_owned())).collect();
    let fix = format!("write {} = {}, with commas between patterns", row.name, better.join(", "));
    Some(Mistake::new(format!("'{wrong}' is one pattern")).fix(fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blanks_instead_of_commas_are_doubted() {
        let row = Key::new("hide", "patterns", "off", "");
        let cases = [
            (".*, Thumbs.db", None),
            ("my notes.txt, * - Copy.*", None),
            (".* # dots", Some("write hide = .*")),
            (".* Thumbs.db", Some("write hide = .*, Thumbs.db, with commas between patterns")),
            ("a b, *.tmp *.bak", Some("write hide = a b, *.tmp, *.bak, with commas between patterns")),
        ];
        for (value, fix) in cases {
            assert_eq!(doubt(&row, value).and_then(|mistake| mistake.fix).as_deref(), fix, "{value}");
        }
    }
}
