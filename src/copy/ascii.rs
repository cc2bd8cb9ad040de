//! TYPE A (RFC 959 §3.1.1.1): lines end with CR LF on the wire and with LF on the disk.

use std::fs::File;
use std::io::{self, Read};
use std::mem;

use crate::protocol::command::Representation;
use crate::protocol::content::{Content, Conversion, DECISIVE};

/// What becomes of the line ends of a file on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineEnds {
    /// They stay, and so does every byte.
    Kept,
    /// They are translated.
    Converted,
    /// Its beginning will tell: they are translated if it is text.
    Undecided,
}

/// An upload's bytes on their way to the disk.
#[derive(Debug)]
pub struct Incoming {
    line_ends: LineEnds,
    /// What came before its kind was known: no more than [`DECISIVE`] bytes and one buffer.
    held: Vec<u8>,
    decoder: Decoder,
}

/// Disk to wire: a LF without a CR before it gets one.
#[derive(Debug, Default)]
pub struct Encoder {
    after_cr: bool,
}

/// Wire to disk: CR LF becomes LF, a lone CR stays.
#[derive(Debug, Default)]
pub struct Decoder {
    held_cr: bool,
    decoded: Vec<u8>,
}

impl LineEnds {
    /// For files of unknown content.
    pub fn of(representation: Representation, conversion: Conversion) -> Self {
        match (representation, conversion) {
            (Representation::Image, _) | (Representation::Ascii, Conversion::Off) => Self::Kept,
            (Representation::Ascii, Conversion::On) => Self::Converted,
            (Representation::Ascii, Conversion::Auto) => Self::Undecided,
        }
    }

    /// What the beginning of this file decides, if that is still open; that moves the position in the file.
    pub fn decide(self, file: &File) -> io::Result<Self> {
        if self != Self::Undecided {
            return Ok(self);
        }
        let mut beginning = Vec::with_capacity(DECISIVE);
        file.take(u64::try_from(DECISIVE).unwrap_or(u64::MAX)).read_to_end(&mut beginning)?;
        Ok(Content::judge_whole(&beginning).into())
    }
}

impl From<Content> for LineEnds {
    fn from(content: Content) -> Self {
        match content {
            Content::Text => Self::Converted,
            Content::NoText => Self::Kept,
        }
    }
}

impl Incoming {
    /// An upload that begins.
    pub fn new(line_ends: LineEnds) -> Self {
        Self { line_ends, held: Vec::new(), decoder: Decoder::default() }
    }

    /// What is known of it by now.
    pub fn line_ends(&self) -> LineEnds {
        self.line_ends
    }

    /// Takes bytes that came, and gives those to be written; how they were cut makes no difference.
    pub fn pass<'a>(&'a mut self, bytes: &'a [u8]) -> &'a [u8] {
        match self.line_ends {
            LineEnds::Kept => bytes,
            LineEnds::Converted => self.decoder.decode(bytes),
            LineEnds::Undecided => {
                self.held.extend_from_slice(bytes);
                match Content::judge(&self.held) {
                    None => &[],
                    Some(Content::NoText) => {
                        self.line_ends = LineEnds::Kept;
                        &self.held
                    }
                    Some(Content::Text) => {
                        self.line_ends = LineEnds::Converted;
                        self.decoder.decode(&mem::take(&mut self.held))
                    }
                }
            }
        }
    }

    /// The end of the stream, in order or not: gives what was held back. If it is still undecided, it is text.
    pub fn finish(&mut self) -> &[u8] {
        match self.line_ends {
            LineEnds::Kept => &[],
            LineEnds::Converted | LineEnds::Undecided => self.decoder.finish(&mem::take(&mut self.held)),
        }
    }
}

impl Encoder {
    /// Appends the encoded bytes; how they were cut makes no difference.
    pub fn encode(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        out.reserve(bytes.len() + bytes.len() / 16);
        for line in bytes.split_inclusive(|&byte| byte == b'\n') {
            let Some(text) = line.strip_suffix(b"\n") else {
                out.extend_from_slice(line);
                continue;
            };
            let has_cr = text.last().map_or(self.after_cr, |&last| last == b'\r');
            out.extend_from_slice(text);
            out.extend_from_slice(if has_cr { b"\n" } else { b"\r\n" });
            self.after_cr = false;
        }
        if let Some(&last) = bytes.last() {
            self.after_cr = last == b'\r';
        }
    }
}

impl Decoder {
    /// The decoded bytes; how they were cut makes no difference.
    pub fn decode(&mut self, bytes: &[u8]) -> &[u8] {
        self.decoded.clear();
        for &byte in bytes {
            if mem::take(&mut self.held_cr) && byte != b'\n' {
                self.decoded.push(b'\r');
            }
            if byte == b'\r' {
                self.held_cr = true;
            } else {
                self.decoded.push(byte);
            }
        }
        &self.decoded
    }

    /// The last bytes, decoded, with a CR that was held back.
    pub fn finish(&mut self, bytes: &[u8]) -> &[u8] {
        self.decode(bytes);
        if mem::take(&mut self.held_cr) {
            self.decoded.push(b'\r');
        }
        &self.decoded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn encode(chunks: &[&[u8]]) -> Vec<u8> {
        let (mut encoder, mut out) = (Encoder::default(), Vec::new());
        chunks.iter().for_each(|chunk| encoder.encode(chunk, &mut out));
        out
    }

    fn decode(chunks: &[&[u8]]) -> Vec<u8> {
        let (mut decoder, mut out) = (Decoder::default(), Vec::new());
        chunks.iter().for_each(|chunk| out.extend_from_slice(decoder.decode(chunk)));
        out.extend_from_slice(decoder.finish(b""));
        out
    }

    fn receive(line_ends: LineEnds, chunks: &[&[u8]]) -> (Vec<u8>, LineEnds) {
        let (mut incoming, mut out) = (Incoming::new(line_ends), Vec::new());
        for chunk in chunks {
            out.extend_from_slice(incoming.pass(chunk));
            assert!(incoming.line_ends() != LineEnds::Undecided || incoming.held.len() < DECISIVE);
        }
        out.extend_from_slice(incoming.finish());
        (out, incoming.line_ends())
    }

    #[test]
    fn what_is_no_text_passes_as_it_is_and_text_is_decoded() {
        let picture = b"\x89PNG\r\n\x1a\n\0\r\n";
        assert_eq!(receive(LineEnds::Undecided, &[picture]), (picture.to_vec(), LineEnds::Kept));
        assert_eq!(receive(LineEnds::Kept, &[b"a\r\n"]), (b"a\r\n".to_vec(), LineEnds::Kept));
        let (decoded, _) = receive(LineEnds::Converted, &[picture]);
        assert_eq!(decoded, b"\x89PNG\n\x1a\n\0\n");
        for text in [&b""[..], b"\r\n", b"\r", b"a\r\nb\r"] {
            assert_eq!(receive(LineEnds::Undecided, &[text]).0, decode(&[text]), "{}", text.escape_ascii());
        }
    }

    #[test]
    fn line_ends_are_translated_and_lone_crs_stay() {
        let cases: &[(&[u8], &[u8], &[u8])] = &[
            // bytes, encoded, decoded
            (b"a\nb\n", b"a\r\nb\r\n", b"a\nb\n"),
            (b"a\r\nb", b"a\r\nb", b"a\nb"),
            (b"\n\n", b"\r\n\r\n", b"\n\n"),
            (b"a\rb\r", b"a\rb\r", b"a\rb\r"),
            (b"\r\r\n", b"\r\r\n", b"\r\n"),
            (b"", b"", b""),
        ];
        for (bytes, encoded, decoded) in cases {
            assert_eq!(encode(&[bytes]), *encoded, "{}", bytes.escape_ascii());
            assert_eq!(decode(&[bytes]), *decoded, "{}", bytes.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(
            bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), any::<u8>()], 0..60),
            cut in 1usize..6,
        ) {
            let chunks: Vec<&[u8]> = bytes.chunks(cut).collect();
            prop_assert_eq!(encode(&chunks), encode(&[&bytes]));
            prop_assert_eq!(decode(&chunks), decode(&[&bytes]));
        }

        #[test]
        fn the_edges_of_packets_decide_nothing(
            start in prop_oneof![Just(0), Just(DECISIVE - 3), Just(DECISIVE + 3), 0..2 * DECISIVE],
            bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'x'), Just(0)], 0..12),
            cuts in proptest::collection::vec(1usize..5000, 1..8),
        ) {
            let content = [&b"text\r\n".repeat(start / 6 + 1)[..start], &bytes].concat();
            let mut chunks: Vec<&[u8]> = Vec::new();
            let mut rest = &content[..];
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (chunk, left) = rest.split_at(rest.len().min(*cut));
                chunks.push(chunk);
                rest = left;
            }
            let (whole, line_ends) = receive(LineEnds::Undecided, &[&content]);
            let is_text = Content::judge_whole(&content) == Content::Text;
            prop_assert_eq!(line_ends == LineEnds::Kept, !is_text);
            let expected = if is_text { decode(&[&content]) } else { content.clone() };
            prop_assert!(whole == expected);
            prop_assert!(receive(LineEnds::Undecided, &chunks) == (whole, line_ends));
        }

        #[test]
        fn text_with_lf_line_ends_survives_both_ways(text in "[a-z\n]{0,60}") {
            prop_assert_eq!(decode(&[&encode(&[text.as_bytes()])]), text.as_bytes());
        }
    }
}
