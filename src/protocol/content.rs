//! What is text: under TYPE A (RFC 959 §3.1.1.1) line ends are converted, which would spoil a picture.

/// Whose line ends are converted under TYPE A.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// Those of text.
    Auto,
    /// All.
    On,
    /// None.
    Off,
}

/// What a file holds, as far as line ends matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Lines of text, in any encoding that contains ASCII.
    Text,
    /// Anything else: pictures, archives, programs.
    NoText,
}

/// The number of bytes at the beginning that decide: what comes after them changes nothing.
pub const DECISIVE: usize = 8 << 10;
/// How a PDF begins. It may have no control byte for long, and offsets in it name its own bytes.
const PDF: &[u8] = b"%PDF";

impl Content {
    /// Judges by the beginning; `None` as long as more bytes may decide.
    pub fn judge(beginning: &[u8]) -> Option<Self> {
        let decisive = &beginning[..beginning.len().min(DECISIVE)];
        if decisive.starts_with(PDF) || decisive.iter().any(|&byte| is_foreign(byte)) {
            return Some(Self::NoText);
        }
        (decisive.len() == DECISIVE).then_some(Self::Text)
    }

    /// Judges a file that has no more bytes than these.
    pub fn judge_whole(beginning: &[u8]) -> Self {
        Self::judge(beginning).unwrap_or(Self::Text)
    }
}

/// True for control bytes that no text has.
fn is_foreign(byte: u8) -> bool {
    byte.is_ascii_control() && !matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b'\x1b')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_bytes_and_pdf_are_no_text_and_all_else_waits_for_the_end() {
        let cases: &[(&[u8], Option<Content>)] = &[
            (b"", None),
            (b"a\tb\r\nc\x0cd\x1b[1m\r", None),
            ("\u{fc}ber \u{65e5}\u{672c}".as_bytes(), None),
            (b"\xfcber", None),
            (b"a\0", Some(Content::NoText)),
            (b"a\x08", Some(Content::NoText)),
            (b"a\x0b", Some(Content::NoText)),
            (b"a\x7f", Some(Content::NoText)),
            (b"\x89PNG\r\n\x1a\n", Some(Content::NoText)),
            (b"%PDF-1.4\n", Some(Content::NoText)),
            (b"%PD", None),
            (b" %PDF", None),
        ];
        for (beginning, expected) in cases {
            assert_eq!(Content::judge(beginning), *expected, "{}", beginning.escape_ascii());
        }
        assert_eq!(Content::judge_whole(b""), Content::Text);
    }

    #[test]
    fn the_first_eight_kibibytes_alone_decide() {
        let mut bytes = vec![b'x'; DECISIVE - 1];
        assert_eq!(Content::judge(&bytes), None);
        bytes.push(0);
        assert_eq!(Content::judge(&bytes), Some(Content::NoText));
        bytes.insert(0, b'x');
        assert_eq!(Content::judge(&bytes), Some(Content::Text));
    }
}
