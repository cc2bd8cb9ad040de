//! TYPE A (RFC 959 §3.1.1.1): lines end with CR LF on the wire and with LF on the disk.

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
            if std::mem::take(&mut self.held_cr) && byte != b'\n' {
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

    /// The end of the stream: a CR that was held back.
    pub fn finish(self) -> &'static [u8] {
        if self.held_cr { b"\r" } else { b"" }
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
        out.extend_from_slice(decoder.finish());
        out
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
        fn text_with_lf_line_ends_survives_both_ways(text in "[a-z\n]{0,60}") {
            prop_assert_eq!(decode(&[&encode(&[text.as_bytes()])]), text.as_bytes());
        }
    }
}
