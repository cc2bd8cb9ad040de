//! Bytes of the control connection in, lines out.
//!
//! A line ends with LF, with or without a CR before it. Telnet commands (RFC 854) are taken out wherever they stand, and a
//! client that sends no line end can't make the buffer grow. Used by [`crate::net::control`].

/// The longest line that is read as a command, without its line end.
pub const MAX_LINE: usize = 4096;
/// Bytes without a line end after which the client is no FTP client.
const MAX_UNENDED: usize = 64 * 1024;
/// Overlong lines in a row after which the client is no FTP client.
const MAX_LONG_LINES: u8 = 3;

/// What the next line of the control connection is.
#[derive(Debug, PartialEq, Eq)]
pub enum Line {
    /// A line without its end; bytes as sent, Telnet taken out.
    Text(Vec<u8>),
    /// A line over [`MAX_LINE`] bytes; its content is gone.
    TooLong,
    /// Too many overlong lines, or an endless one: the connection should be closed.
    Flood,
}

/// Collects received bytes and gives back lines; holds at most one unended line of [`MAX_LINE`] bytes plus the ended ones.
#[derive(Debug, Default)]
pub struct LineBuffer {
    /// Lines, each ended by LF, then the bytes of the line that is still coming.
    bytes: Vec<u8>,
    /// Where the next line begins.
    start: usize,
    /// Where the unended line begins.
    tail: usize,
    /// Bytes of the unended line that were dropped because it is too long.
    dropped: usize,
    /// Overlong lines since the last good one.
    long_lines: u8,
    telnet: Telnet,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Telnet {
    #[default]
    Text,
    /// An IAC was read.
    Command,
    /// WILL, WONT, DO or DONT was read: one option byte follows.
    Option,
}

const IAC: u8 = 255;

impl LineBuffer {
    /// Takes received bytes in; how they were cut into reads makes no difference.
    pub fn push(&mut self, received: &[u8]) {
        self.compact();
        let plain = self.telnet == Telnet::Text && !received.contains(&IAC);
        if plain && self.bytes.len() + received.len() - self.tail <= MAX_LINE {
            self.bytes.extend_from_slice(received);
            if let Some(end) = self.bytes[self.tail..].iter().rposition(|&byte| byte == b'\n') {
                self.tail += end + 1;
                self.dropped = 0;
            }
        } else {
            received.iter().for_each(|&byte| self.push_byte(byte));
        }
    }

    /// Takes the next whole line out, if there is one.
    pub fn take(&mut self) -> Option<Line> {
        let next = self.lines().next();
        let line = match next {
            None if self.is_flooded() => return Some(Line::Flood),
            None => return None,
            Some(line) if line.len() > MAX_LINE => {
                self.long_lines += 1;
                if self.long_lines < MAX_LONG_LINES { Line::TooLong } else { Line::Flood }
            }
            Some(line) => {
                let line = line.to_vec();
                self.long_lines = 0;
                Line::Text(line)
            }
        };
        self.start += self.bytes[self.start..self.tail].iter().position(|&byte| byte == b'\n')? + 1;
        Some(line)
    }

    /// All whole lines that wait, in order; one that is too long has one byte over [`MAX_LINE`].
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let waiting = &self.bytes[self.start..self.tail];
        waiting.split_inclusive(|&byte| byte == b'\n').map(|line| {
            let line = &line[..line.len() - 1];
            line.strip_suffix(b"\r").unwrap_or(line)
        })
    }

    /// The bytes of the line that is coming.
    pub fn unended(&self) -> &[u8] {
        &self.bytes[self.tail..]
    }

    /// Whether the line that is coming is far too long to end.
    pub fn is_flooded(&self) -> bool {
        self.dropped > MAX_UNENDED - MAX_LINE
    }

    /// How many bytes wait, ended or not.
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.start
    }

    fn push_byte(&mut self, byte: u8) {
        match (self.telnet, byte) {
            (Telnet::Text, IAC) => self.telnet = Telnet::Command,
            (Telnet::Text, byte) => self.append(byte),
            (Telnet::Command, IAC) => self.end_telnet(Some(IAC)),
            (Telnet::Command, 251..=254) => self.telnet = Telnet::Option,
            (Telnet::Command, 240..=250) | (Telnet::Option, _) => self.end_telnet(None),
            (Telnet::Command, byte) => {
                // No Telnet command at all: a name with a 0xFF that its client did not double.
                self.end_telnet(Some(IAC));
                self.append(byte);
            }
        }
    }

    fn end_telnet(&mut self, literal: Option<u8>) {
        self.telnet = Telnet::Text;
        if let Some(byte) = literal {
            self.append(byte);
        }
    }

    /// Keeps one byte more than a line may have (and its CR), so that [`Self::take`] sees that it is too long.
    fn append(&mut self, byte: u8) {
        if byte == b'\n' {
            self.bytes.push(byte);
            self.tail = self.bytes.len();
            self.dropped = 0;
        } else if self.bytes.len() - self.tail <= MAX_LINE + 1 {
            self.bytes.push(byte);
        } else {
            self.dropped += 1;
        }
    }

    /// Forgets the lines that were taken; an idle session keeps no more than a short line's room.
    fn compact(&mut self) {
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(512);
        } else {
            self.bytes.drain(..self.start);
        }
        self.tail -= self.start;
        self.start = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lines(chunks: &[&[u8]]) -> Vec<Line> {
        let mut buffer = LineBuffer::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            buffer.push(chunk);
            while let Some(line) = buffer.take() {
                let flood = line == Line::Flood;
                lines.push(line);
                if flood {
                    return lines;
                }
            }
        }
        lines
    }

    fn text(line: &[u8]) -> Line {
        Line::Text(line.to_vec())
    }

    #[test]
    fn lines_end_with_lf_and_lose_one_cr_and_all_telnet() {
        let cases: &[(&[u8], &[&[u8]])] = &[
            (b"NOOP\r\n", &[b"NOOP"]),
            (b"NOOP\n", &[b"NOOP"]),
            (b"\r\n", &[b""]),
            (b"A\rB\r\r\n", &[b"A\rB\r"]),
            (b"USER x\r\nPASS y\r\nNO", &[b"USER x", b"PASS y"]),
            (b"\xff\xf4\xff\xf2ABOR\r\n", &[b"ABOR"]),
            (b"AB\xff\xfb\x01OR\r\n", &[b"ABOR"]),
            (b"CWD \xff\xff\r\n", &[b"CWD \xff"]),
            (b"CWD \xffA\r\n", &[b"CWD \xffA"]),
            (b"CWD \xff\r\n", &[b"CWD \xff"]),
        ];
        for (input, expected) in cases {
            let expected: Vec<Line> = expected.iter().map(|line| text(line)).collect();
            assert_eq!(lines(&[input]), expected, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn a_line_of_4096_bytes_is_read_and_one_more_is_too_long() {
        for (length, end, fits) in
            [(4096, "\r\n", true), (4096, "\n", true), (4097, "\r\n", false), (60_000, "\n", false)]
        {
            let mut line = vec![b'a'; length];
            let expected = if fits { text(&line) } else { Line::TooLong };
            line.extend_from_slice(end.as_bytes());
            line.extend_from_slice(b"NOOP\r\n");
            assert_eq!(lines(&[&line]), [expected, text(b"NOOP")], "{length} bytes");
        }
    }

    #[test]
    fn three_long_lines_in_a_row_are_a_flood_and_a_good_one_starts_again() {
        let long = [&[b'a'; 5000][..], b"\n"].concat();
        let input = [&long[..], &long, b"NOOP\n", &long, &long, &long].concat();
        let expected = [Line::TooLong, Line::TooLong, text(b"NOOP"), Line::TooLong, Line::TooLong, Line::Flood];
        assert_eq!(lines(&[&input]), expected);
    }

    #[test]
    fn an_endless_line_is_a_flood_after_64_kib_and_takes_no_memory() {
        let mut buffer = LineBuffer::default();
        let mut pushed = 0;
        while buffer.take().is_none() {
            buffer.push(&[b'a'; 1000]);
            pushed += 1000;
            assert!(buffer.waiting() <= MAX_LINE + 2);
        }
        assert!((64_000..=68_000).contains(&pushed), "{pushed}");
    }

    proptest! {
        #[test]
        fn chunking_changes_nothing(
            input in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(255u8), 240u8.., any::<u8>()], 0..200),
            cut in 1usize..20,
        ) {
            let chunks: Vec<&[u8]> = input.chunks(cut).collect();
            prop_assert_eq!(lines(&chunks), lines(&[&input]));
        }
    }
}
