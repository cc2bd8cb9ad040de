//! Replies (RFC 959 §4.2): the only writer of CR LF on the control connection, so nothing that a name holds can forge one.

use std::borrow::Cow;

type Text = Cow<'static, [u8]>;

/// A reply: its code and its lines. A failure the client must hear of is also a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    first: Text,
    rest: Vec<Text>,
}

impl Reply {
    /// A reply of one line.
    pub fn new(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        let first = match text.into() {
            Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
            Cow::Owned(text) => Cow::Owned(text.into_bytes()),
        };
        Self { code, first, rest: Vec::new() }
    }

    /// A reply of one line that holds names: bytes as they are, control bytes are shown as `?`.
    pub fn raw(code: u16, text: impl Into<Vec<u8>>) -> Self {
        Self { code, first: Cow::Owned(text.into()), rest: Vec::new() }
    }

    /// A reply of several lines: the first, those between (each is sent with one leading blank), and the last.
    pub fn lines(
        code: u16,
        first: impl Into<Cow<'static, str>>,
        between: impl IntoIterator<Item = impl Into<Vec<u8>>>,
        last: impl Into<Cow<'static, str>>,
    ) -> Self {
        let mut reply = Self::new(code, first);
        reply.rest = between.into_iter().map(|line| Cow::Owned(line.into())).collect();
        reply.rest.push(Self::new(code, last).first);
        reply
    }

    /// The same reply with more text at the end of its first line.
    #[must_use]
    pub fn with(mut self, more: &str) -> Self {
        self.first.to_mut().extend_from_slice(more.as_bytes());
        self
    }

    /// The reply code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The text of the first line, for the log.
    pub fn text(&self) -> &[u8] {
        &self.first
    }

    /// Appends the reply as it goes over the wire.
    pub fn write_to(&self, wire: &mut Vec<u8>) {
        let between = self.rest.len().saturating_sub(1);
        if let Some(last) = self.rest.last() {
            self.write_line(wire, b'-', &self.first);
            for line in &self.rest[..between] {
                wire.push(b' ');
                write_text(wire, line);
            }
            self.write_line(wire, b' ', last);
        } else {
            self.write_line(wire, b' ', &self.first);
        }
    }

    /// Appends a line that comes before a reply with this code: `first` opens a reply of several lines (RFC 959 §4.2), the
    /// next ones go on with it, and the reply itself ends it.
    pub fn write_prelude(code: u16, text: &[u8], first: bool, wire: &mut Vec<u8>) {
        if first {
            Self::new(code, "").write_line(wire, b'-', text);
        } else {
            wire.push(b' ');
            write_text(wire, text);
        }
    }

    fn write_line(&self, wire: &mut Vec<u8>, separator: u8, text: &[u8]) {
        let digit = |value: u16| b'0' + u8::try_from(value % 10).unwrap_or(0);
        wire.extend_from_slice(&[digit(self.code / 100), digit(self.code / 10), digit(self.code), separator]);
        write_text(wire, text);
    }
}

fn write_text(wire: &mut Vec<u8>, text: &[u8]) {
    wire.extend(text.iter().map(|&byte| printable(byte)));
    wire.extend_from_slice(b"\r\n");
}

/// The byte itself, or `?` for a control byte (below 0x20, or 0x7F), which no client must receive raw.
pub fn printable(byte: u8) -> u8 {
    if byte.is_ascii_control() { b'?' } else { byte }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(reply: &Reply) -> Vec<u8> {
        let mut wire = Vec::new();
        reply.write_to(&mut wire);
        wire
    }

    #[test]
    fn one_line_and_several_lines_are_written_as_rfc_959_says() {
        assert_eq!(wire(&Reply::new(200, "Ok.")), b"200 Ok.\r\n");
        let feat = Reply::lines(211, "Features:", vec![b"SIZE".to_vec(), b"123".to_vec()], "End.");
        assert_eq!(wire(&feat), b"211-Features:\r\n SIZE\r\n 123\r\n211 End.\r\n");
        assert_eq!(wire(&Reply::lines(220, "a", [""; 0], "b")), b"220-a\r\n220 b\r\n");
    }

    #[test]
    fn no_name_can_forge_a_line() {
        assert_eq!(wire(&Reply::raw(257, *b"\"/a\r\n230 b\x1b\x7f\xff\"")), b"257 \"/a??230 b??\xff\"\r\n");
        let lines = Reply::lines(213, "x", vec![b"a\r\n213 End.".to_vec()], "End.");
        assert_eq!(wire(&lines), b"213-x\r\n a??213 End.\r\n213 End.\r\n");
    }
}
