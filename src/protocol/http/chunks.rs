//! A body in chunks (RFC 9112 §7.1), taken apart where it lies; and written.

use std::io::Write as _;

use crate::protocol::http::error::HttpError;

/// The longest extension of a chunk.
const MAX_EXTENSION: u64 = 1 << 10;
/// How many bytes of extensions may come beyond what the data justify: all of a body of tiny chunks would be extensions.
const MAX_EXCESS: u64 = 16 << 10;
/// All trailers together, which are dropped.
const MAX_TRAILERS: u64 = 4 << 10;
/// Digits that a `u64` has at most.
const MAX_DIGITS: u8 = 16;

/// The decoder of one body: it keeps its place between calls, and nothing else.
#[derive(Debug, Default)]
pub struct Chunks {
    place: ChunkPlace,
    /// The size of the chunk whose line is read.
    size: u64,
    /// All data so far, announced or passed on.
    total: u64,
    /// See [`MAX_EXCESS`].
    excess: u64,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum ChunkPlace {
    /// The size, after this many digits.
    Size(u8),
    /// An extension, after this many bytes.
    Extension(u64),
    /// The LF after the CR of the size's line.
    SizeEnd,
    /// This many bytes of data.
    Data(u64),
    /// The CR after the data.
    DataCr,
    /// The LF after that.
    DataLf,
    /// The beginning of a line of the trailers, after this many bytes of them.
    TrailerStart(u64),
    /// Such a line, after its first byte.
    Trailer(u64),
    /// The LF after the CR of such a line.
    TrailerLf(u64),
    /// The LF of the empty line at the end.
    LastLf,
    /// The end.
    Over,
    /// An error was found.
    #[default]
    Broken,
}

/// What a call of [`Chunks::decode`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decoded {
    /// This many bytes of data lie at the front now.
    pub data: usize,
    /// This many bytes were taken: all, unless the body is over. What lies from here on is the next request's.
    pub taken: usize,
}

impl Chunks {
    /// At the beginning of a body.
    pub fn new() -> Self {
        Self { place: ChunkPlace::Size(0), ..Self::default() }
    }

    /// Takes the next bytes of the body and moves its data to their front. The bytes between data and what was not taken
    /// mean nothing any more.
    ///
    /// # Errors
    /// A 400, or 413 for more bytes than any file has: the upload is broken, and the connection must be closed.
    pub fn decode(&mut self, raw: &mut [u8]) -> Result<Decoded, HttpError> {
        let (mut data, mut taken) = (0, 0);
        while taken < raw.len() && self.place != ChunkPlace::Over {
            if let ChunkPlace::Data(left) = self.place {
                let count = usize::try_from(left).unwrap_or(usize::MAX).min(raw.len() - taken);
                if data != taken {
                    raw.copy_within(taken..taken + count, data);
                }
                (data, taken) = (data + count, taken + count);
                self.place = match left - u64::try_from(count).unwrap_or(left) {
                    0 => ChunkPlace::DataCr,
                    left => ChunkPlace::Data(left),
                };
                continue;
            }
            self.place = self.step(raw[taken]).inspect_err(|_| self.place = ChunkPlace::Broken)?;
            taken += 1;
        }
        Ok(Decoded { data, taken })
    }

    /// Whether the body has ended, with its last chunk and the trailers. A connection that ends before has broken it.
    pub fn is_over(&self) -> bool {
        self.place == ChunkPlace::Over
    }

    fn step(&mut self, byte: u8) -> Result<ChunkPlace, HttpError> {
        use ChunkPlace::*;
        match (self.place, byte) {
            (Size(digits), byte) if byte.is_ascii_hexdigit() => self.digit(digits, byte),
            (Size(1..), b'\r') => Ok(SizeEnd),
            (Size(1..), b';') => Ok(Extension(1)),
            (Size(_), _) => Err(HttpError::bad("A chunk has no size.")),
            (Extension(length), b'\r') => self.extended(length),
            (Extension(length), byte) if length < MAX_EXTENSION && is_text(byte) => Ok(Extension(length + 1)),
            (Extension(_), _) => Err(HttpError::bad("A chunk has an extension that is broken or too long.")),
            (SizeEnd, b'\n') => self.begin(),
            (DataCr, b'\r') => Ok(DataLf),
            (DataLf, b'\n') => {
                self.size = 0;
                Ok(Size(0))
            }
            (TrailerStart(_), b'\r') => Ok(LastLf),
            (Trailer(length), b'\r') => Ok(TrailerLf(length)),
            (TrailerLf(length), b'\n') => Ok(TrailerStart(length)),
            (TrailerStart(length) | Trailer(length), byte) if length < MAX_TRAILERS && is_text(byte) => {
                Ok(Trailer(length + 1))
            }
            (TrailerStart(_) | Trailer(_), _) => Err(HttpError::bad("The trailers are broken or too long.")),
            (LastLf, b'\n') => Ok(Over),
            (SizeEnd | DataCr | DataLf | TrailerLf(_) | LastLf, _) => {
                Err(HttpError::bad("A chunk does not end with CR and LF where its size says."))
            }
            (Data(_) | Over | Broken, _) => Err(HttpError::bad("The body is broken.")),
        }
    }

    fn digit(&mut self, digits: u8, byte: u8) -> Result<ChunkPlace, HttpError> {
        if digits == MAX_DIGITS {
            return Err(HttpError::bad("A chunk's size has too many digits."));
        }
        let value = char::from(byte).to_digit(16).unwrap_or_default();
        self.size = self.size << 4 | u64::from(value);
        Ok(ChunkPlace::Size(digits + 1))
    }

    fn extended(&mut self, length: u64) -> Result<ChunkPlace, HttpError> {
        self.excess = (self.excess + length).saturating_sub(self.size);
        if self.excess > MAX_EXCESS {
            return Err(HttpError::bad("The extensions of the chunks are longer than the data."));
        }
        Ok(ChunkPlace::SizeEnd)
    }

    /// The line of the size has ended.
    fn begin(&mut self) -> Result<ChunkPlace, HttpError> {
        if self.size == 0 {
            return Ok(ChunkPlace::TrailerStart(0));
        }
        self.total = self.total.saturating_add(self.size);
        if i64::try_from(self.total).is_err() {
            return Err(HttpError::new(413, "The body is larger than any file."));
        }
        Ok(ChunkPlace::Data(self.size))
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || !byte.is_ascii_control()
}

/// The bytes that end a body in chunks.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Appends these bytes as one chunk; nothing if there are none, since an empty chunk would end the body.
pub fn write(data: &[u8], out: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    let _ = write!(out, "{:x}\r\n", data.len()); // A Vec takes everything.
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes in pieces of that many bytes: the data, and what is left of the input.
    fn decode(raw: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<u8>, bool), u16> {
        let (mut chunks, mut data) = (Chunks::new(), Vec::new());
        let mut taken = 0;
        for piece in raw.chunks(piece.max(1)) {
            let mut piece = piece.to_vec();
            let decoded = chunks.decode(&mut piece).map_err(|error| error.status)?;
            assert!(decoded.data <= decoded.taken && (decoded.taken == piece.len() || chunks.is_over()));
            data.extend_from_slice(&piece[..decoded.data]);
            taken += decoded.taken;
        }
        Ok((data, raw[taken..].to_vec(), chunks.is_over()))
    }

    #[test]
    fn data_come_out_and_the_next_request_stays() {
        let long = format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(1023));
        let cases: &[(&str, &str, &str, bool)] = &[
            ("", "", "", false),
            ("0\r\n\r\n", "", "", true),
            ("0\r\n\r\nGET /", "", "GET /", true),
            ("3\r\nabc\r\n0\r\n\r\n", "abc", "", true),
            ("0A\r\n0123456789\r\n00000000000000a\r\nabcdefghij\r\n000\r\n\r\nX", "0123456789abcdefghij", "X", true),
            ("1;x=\"y;\"\r\na\r\n0;z\r\nTrailer: v\r\nB: \tc\r\n\r\nX", "a", "X", true),
            (&long, "a", "", true),
            ("3\r\n\r\n\n\r\n0\r\n\r\n", "\r\n\n", "", true),
            ("5\r\nab", "ab", "", false),
            ("3\r\nabc\r\n0\r\n\r", "abc", "", false),
            ("3\r\nabc\r\n", "abc", "", false),
        ];
        for (raw, data, rest, is_over) in cases {
            for piece in [1, 2, 3, 7, 10_000] {
                let expected = (data.as_bytes().to_vec(), rest.as_bytes().to_vec(), *is_over);
                assert_eq!(decode(raw.as_bytes(), piece), Ok(expected), "{raw:?} in {piece}");
            }
        }
    }

    #[test]
    fn sizes_lines_and_trailers_are_strict() {
        let extension = format!("1;{}\r\na\r\n0\r\n\r\n", "e".repeat(1024));
        let trailers = format!("0\r\n{}\r\n", "a: b\r\n".repeat(2000));
        let trailer = format!("0\r\n{}", "a".repeat(5000));
        let tiny = "1;1234567890123456789012345678901234567890\r\na\r\n".repeat(500);
        let cases: &[(&str, u16)] = &[
            ("\r\n", 400),
            ("\n", 400),
            ("x\r\n", 400),
            ("+1\r\na\r\n", 400),
            ("-1\r\na\r\n", 400),
            ("0x1\r\na\r\n", 400),
            (" 1\r\na\r\n", 400),
            ("1 \r\na\r\n", 400),
            ("1 ;x\r\na\r\n", 400),
            (";x\r\na\r\n", 400),
            ("1_0\r\n", 400),
            ("1\na\r\n", 400),
            ("1\ra\r\n", 400),
            ("1\r\ra\r\n", 400),
            ("1\r\nab\r\n", 400),
            ("1\r\na\n0\r\n\r\n", 400),
            ("1\r\na\rb", 400),
            ("1\r\na0\r\n\r\n", 400),
            ("00000000000000001\r\na\r\n", 400),
            ("10000000000000000\r\na\r\n", 400),
            ("ffffffffffffffff\r\na\r\n", 413),
            ("8000000000000000\r\na\r\n", 413),
            ("1\r\na\r\n7fffffffffffffff\r\na", 413),
            ("1\r\na\r\nffffffffffffffff\r\na", 413),
            ("1;a\nb\r\na\r\n", 400),
            ("1;a\rb\r\na\r\n", 400),
            ("1;\0\r\na\r\n", 400),
            ("0\r\n\n", 400),
            ("0\r\n\r\r\n", 400),
            ("0\r\na: b\n\r\n", 400),
            ("0\r\na: b\rc\r\n\r\n", 400),
            ("0\r\na: \0\r\n\r\n", 400),
            (&extension, 400),
            (&trailers, 400),
            (&trailer, 400),
            (&tiny, 400),
        ];
        for (raw, status) in cases {
            for piece in [1, 5, 100_000] {
                assert_eq!(decode(raw.as_bytes(), piece), Err(*status), "{:?} in {piece}", &raw[..raw.len().min(60)]);
            }
        }
    }

    #[test]
    fn a_broken_body_stays_broken() {
        let mut chunks = Chunks::new();
        assert!(chunks.decode(&mut b"g".to_vec()).is_err());
        assert!(chunks.decode(&mut b"0\r\n\r\n".to_vec()).is_err());
        assert!(!chunks.is_over());
    }

    #[test]
    fn large_chunks_with_signed_extensions_may_go_on_for_ever() {
        let (mut chunks, size) = (Chunks::new(), 1000_usize);
        for _ in 0..1000 {
            let mut raw = format!("{size:x};chunk-signature={}\r\n", "0".repeat(64)).into_bytes();
            raw.resize(raw.len() + size, b'x');
            raw.extend_from_slice(b"\r\n");
            assert_eq!(chunks.decode(&mut raw).unwrap().data, size);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_however_it_is_cut(
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..6),
            rest in proptest::collection::vec(any::<u8>(), 0..10),
            piece in 1..40_usize,
        ) {
            let mut raw = Vec::new();
            parts.iter().for_each(|part| write(part, &mut raw));
            raw.extend_from_slice(LAST_CHUNK);
            raw.extend_from_slice(&rest);
            prop_assert_eq!(decode(&raw, piece), Ok((parts.concat(), rest, true)));
        }

        #[test]
        fn cutting_changes_nothing(raw in "([0-3a;\\r\\n]|\\r\\n|1\\r\\na\\r\\n|0\\r\\n){0,20}", piece in 1..9_usize) {
            prop_assert_eq!(decode(raw.as_bytes(), piece), decode(raw.as_bytes(), usize::MAX));
        }
    }
}
