//! Bytes of a name or a reply as a log line shows them.

use std::fmt::{self, Write};

/// Prints bytes once and for all: text as it is, control characters, backslashes and what is no UTF-8 escaped.
#[derive(Debug, Clone, Copy)]
pub struct Legible<'a>(pub &'a [u8]);

impl fmt::Display for Legible<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                if c == '\\' || c.is_control() { write!(f, "{}", c.escape_default())? } else { f.write_char(c)? }
            }
            write!(f, "{}", chunk.invalid().escape_ascii())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_letters_of_all_languages_stay_and_the_rest_is_escaped() {
        let cases: &[(&[u8], &str)] = &[
            (b"it's \"a\".mp4", "it's \"a\".mp4"),
            ("é 文".as_bytes(), "é 文"),
            (b"a\nb\x1b[31m\xff\\", r"a\nb\u{1b}[31m\xff\\"),
        ];
        for (bytes, shown) in cases {
            assert_eq!(Legible(bytes).to_string(), *shown);
        }
    }
}
