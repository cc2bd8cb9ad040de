//! The replies of a session, and the rule that each command gets one.

use ftpd::protocol::command::Command;
use ftpd::protocol::line::{Line, LineBuffer};
use ftpd::protocol::request::Request;

/// The codes of all final replies after the greeting, in order.
pub struct Replies(Vec<u16>);

impl Replies {
    /// Reads the whole control connection; a reply that breaks the rules of RFC 959 §4.2 is a finding.
    pub fn read(mut wire: &[u8], reset: bool) -> Replies {
        if reset {
            let end = wire.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
            wire = &wire[..end];
        }
        assert!(wire.is_empty() || wire.ends_with(b"\r\n"), "half a reply: {}", wire.escape_ascii());
        let text = String::from_utf8_lossy(wire);
        let mut lines = text.split_terminator("\r\n");
        let mut codes = Vec::new();
        while let Some(first) = lines.next() {
            // Bytes from 0x80 on are a name's own business: they end no line.
            let forged = first.bytes().any(|byte| byte.is_ascii_control());
            assert!(first.is_char_boundary(4) && !forged, "a forged line: {first:?}");
            let code: u16 = first[..3].parse().expect("a reply begins with its code");
            assert!((100..600).contains(&code), "{first:?}");
            if first.as_bytes()[3] == b'-' {
                let last = format!("{code} ");
                let inner = lines.by_ref().take_while(|line| !line.starts_with(&last));
                inner.for_each(|line| {
                    assert!(line.starts_with(' '), "a line inside a reply begins with a blank: {line:?}")
                });
            }
            codes.extend((code >= 200).then_some(code));
        }
        assert!(codes.first() == Some(&220) || (reset && codes.is_empty()), "no greeting: {codes:?}");
        Replies(codes.split_off(1.min(codes.len())))
    }

    /// One reply for each line, but for those after one that ended the session, and those that a reset took away.
    pub fn expect_one_for_each_line_of(&self, said: &[u8], reset: bool) {
        let lines = lines_of(said);
        let answered = self.0.len();
        assert!(answered <= lines.len(), "{answered} replies to {} lines: {:?}", lines.len(), self.0);
        if reset {
            return;
        }
        assert!(answered > 0, "no reply to {lines:?}");
        let (code, line) = (self.0[answered - 1], &lines[answered - 1]);
        let may_end = match (code, line) {
            (221, Line::Text(text)) => Request::parse(text).command == Ok(Command::Quit),
            (530 | 421, Line::Text(text)) => matches!(Request::parse(text).command, Ok(Command::Pass(_))),
            (500, Line::Text(text)) => Request::parse(text).foreign().is_some() || Request::parse(text).command.is_err(),
            (500, Line::Flood) => true,
            _ => false,
        };
        assert!(may_end, "{code} to {line:?} ended the session; replies: {:?}", self.0);
    }
}

fn lines_of(said: &[u8]) -> Vec<Line> {
    let mut buffer = LineBuffer::default();
    let mut lines = Vec::new();
    // As they may arrive: the server's own way to cut them must make no difference.
    for bytes in said.chunks(100) {
        buffer.push(bytes);
        while let Some(line) = buffer.take() {
            let is_flood = line == Line::Flood;
            lines.push(line);
            if is_flood {
                return lines;
            }
        }
    }
    lines
}
