//! Answers: status line and fields. The only writer of their line ends, and no value brings another one in.

use std::{fmt::Display, io::Write as _};

/// What ends each line of a head.
const LINE_END: &[u8] = b"\r\n";

/// The head of an answer, as it is written.
#[derive(Debug)]
pub struct Response<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Response<'a> {
    /// Begins an answer with its status line.
    pub fn new(status: u16, out: &'a mut Vec<u8>) -> Self {
        let _ = write!(out, "HTTP/1.1 {status} {}\r\n", reason(status)); // A Vec takes everything.
        Self { out }
    }

    /// Adds a field. A control byte in the value becomes a `?`, so that it can't end the line.
    #[must_use]
    pub fn field(self, name: &str, value: impl Display) -> Self {
        let _ = write!(self.out, "{name}: ");
        let start = self.out.len();
        let _ = write!(self.out, "{value}");
        for byte in self.out[start..].iter_mut().filter(|byte| byte.is_ascii_control()) {
            *byte = b'?';
        }
        self.out.extend_from_slice(LINE_END);
        self
    }

    /// Adds a field if it has a value.
    #[must_use]
    pub fn optional(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.field(name, value),
            None => self,
        }
    }

    /// Ends the head with its empty line. The body comes after it.
    pub fn end(self) {
        self.out.extend_from_slice(LINE_END);
    }
}

/// The interim answer to `Expect: 100-continue`.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// The value of `Content-Disposition` that makes a browser save the file under that name (RFC 6266, RFC 8187).
pub fn attachment(name: &[u8]) -> String {
    let is_plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic() && !b"\"\\%".contains(&byte);
    let plain: String = String::from_utf8_lossy(name)
        .chars()
        .map(|c| u8::try_from(c).ok().filter(|&byte| is_plain(byte)).map_or('_', char::from))
        .collect();
    if plain.as_bytes() == name {
        return format!("attachment; filename=\"{plain}\"");
    }
    let encoded = super::href::component_href(String::from_utf8_lossy(name).as_bytes());
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// What a status says in words (RFC 9110 §15, RFC 4918 §11, RFC 6585).
pub fn reason(status: u16) -> &'static str {
    REASONS.iter().find(|(number, _)| *number == status).map_or("Unknown", |(_, words)| words)
}

const REASONS: &[(u16, &str)] = &[
    (200, "OK"),
    (201, "Created"),
    (204, "No Content"),
    (206, "Partial Content"),
    (301, "Moved Permanently"),
    (303, "See Other"),
    (304, "Not Modified"),
    (308, "Permanent Redirect"),
    (400, "Bad Request"),
    (401, "Unauthorized"),
    (403, "Forbidden"),
    (404, "Not Found"),
    (405, "Method Not Allowed"),
    (408, "Request Timeout"),
    (409, "Conflict"),
    (411, "Length Required"),
    (412, "Precondition Failed"),
    (413, "Content Too Large"),
    (414, "URI Too Long"),
    (415, "Unsupported Media Type"),
    (416, "Range Not Satisfiable"),
    (417, "Expectation Failed"),
    (421, "Misdirected Request"),
    (423, "Locked"),
    (429, "Too Many Requests"),
    (431, "Request Header Fields Too Large"),
    (500, "Internal Server Error"),
    (501, "Not Implemented"),
    (503, "Service Unavailable"),
    (505, "HTTP Version Not Supported"),
    (507, "Insufficient Storage"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_is_a_status_line_and_fields() {
        let mut out = b"x".to_vec();
        let response = Response::new(206, &mut out).field("Content-Length", 5).optional("ETag", Some("\"a\""));
        response.optional("Allow", None::<&str>).field("Location", "/\u{e9}\r\nX: y\0\x7f").end();
        let expected =
            "xHTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\nETag: \"a\"\r\nLocation: /\u{e9}??X: y??\r\n\r\n";
        assert_eq!(out, expected.as_bytes());
    }

    #[test]
    fn a_name_is_offered_in_ascii_and_whole() {
        let cases: &[(&[u8], &str)] = &[
            (b"a b.txt", "attachment; filename=\"a b.txt\""),
            (b"a\"b\\c", "attachment; filename=\"a_b_c\"; filename*=UTF-8''a%22b%5Cc"),
            ("\u{e9}\u{65e5}.txt".as_bytes(), "attachment; filename=\"__.txt\"; filename*=UTF-8''%C3%A9%E6%97%A5.txt"),
            (b"\xff\r\nX: y", "attachment; filename=\"___X: y\"; filename*=UTF-8''%EF%BF%BD%0D%0AX%3A%20y"),
            (b"50%41", "attachment; filename=\"50_41\"; filename*=UTF-8''50%2541"),
        ];
        for (name, expected) in cases {
            assert_eq!(attachment(name), *expected);
        }
    }

    #[test]
    fn every_status_that_is_written_has_its_words() {
        assert_eq!([reason(200), reason(421), reason(507)], ["OK", "Misdirected Request", "Insufficient Storage"]);
        assert_eq!(reason(299), "Unknown");
        assert!(REASONS.is_sorted_by_key(|(status, _)| status));
    }

    proptest! {
        #[test]
        fn no_value_ends_its_line(value in any::<String>()) {
            let mut out = Vec::new();
            Response::new(200, &mut out).field("A", &value).end();
            prop_assert!(out.is_ascii() || !value.is_ascii());
            prop_assert_eq!(out.iter().filter(|byte| byte.is_ascii_control()).count(), 6);
        }
    }
}
