//! The head of a request: its first line and its fields, found byte by byte and read once it is whole (RFC 9112).
//!
//! Strict, so that no proxy before us can see another request in the same bytes: lines end with CR LF, no field goes on in
//! the next line, no control byte is taken, and what can't be HTTP is refused at its first line.

use std::{fmt, ops::Range};

use crate::protocol::http::{
    error::HttpError,
    host::Authority,
    list::{is_token_byte, trim},
    method::Method,
    target::RequestTarget,
};

/// The most bytes that a head may have.
pub const MAX_HEAD: usize = 16 << 10;
/// The most fields that a head may have.
pub const MAX_FIELDS: usize = 100;
/// The longest method.
const MAX_METHOD: usize = 24;

/// The version of the protocol that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: one request for each connection, if nothing else is agreed; no chunks.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// A whole head.
#[derive(Clone, PartialEq, Eq)]
pub struct Head {
    /// What to do.
    pub method: Method,
    /// With what.
    pub target: RequestTarget,
    /// How the client speaks.
    pub version: Version,
    bytes: Box<[u8]>,
    fields: Vec<FieldLine>,
}

/// Where a field stands in the head.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldLine {
    name: Range<u16>,
    value: Range<u16>,
}

impl Head {
    /// Reads a whole head, from its first line to its empty one.
    fn parse(bytes: &[u8]) -> Result<Self, HttpError> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut request = httparse::Request::new(&mut fields);
        match request.parse(bytes).map_err(explain)? {
            httparse::Status::Complete(length) if length == bytes.len() => {}
            _ => return Err(HttpError::bad("The head does not end where its empty line is.")),
        }
        let (Some(method), Some(target)) = (request.method, request.path) else { return Err(NO_HTTP) };
        let version = if request.version == Some(0) { Version::Http10 } else { Version::Http11 };
        let place = |part: &[u8]| place(bytes, part);
        let fields = request
            .headers
            .iter()
            .map(|field| FieldLine { name: place(field.name.as_bytes()), value: place(trim(field.value)) });
        Ok(Self {
            method: Method::parse(method.as_bytes()),
            target: RequestTarget::parse(target.as_bytes())?,
            version,
            fields: fields.collect(),
            bytes: bytes.into(),
        })
    }

    /// All fields in their order: name and value without blanks around it.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| (self.part(&field.name), self.part(&field.value)))
    }

    /// The values of all fields of that name, in any case.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields().filter(move |(found, _)| found.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value of the first field of that name.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.all(name).next()
    }

    /// The value of the only field of that name.
    ///
    /// # Errors
    /// A 400 if there are several.
    pub fn only(&self, name: &str) -> Result<Option<&[u8]>, HttpError> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (_, Some(_)) => Err(HttpError::bad("A field that may be there once only is there again.")),
            (value, None) => Ok(value),
        }
    }

    /// The host that the client means: an absolute target's, otherwise that of the field `Host` (RFC 9112 §3.2.2). `None`
    /// in HTTP/1.0, which need not say it.
    ///
    /// # Errors
    /// A 400 if the field is there twice or is no host, or is missing in HTTP/1.1.
    pub fn authority(&self) -> Result<Option<Authority>, HttpError> {
        let field = match (self.only("host")?, self.version) {
            (Some(value), _) => Some(Authority::parse(value).ok_or(HttpError::bad("The field Host is no host."))?),
            (None, Version::Http10) => None,
            (None, Version::Http11) => return Err(HttpError::bad("The field Host is missing.")),
        };
        Ok(self.target.authority.clone().or(field))
    }

    fn part(&self, range: &Range<u16>) -> &[u8] {
        &self.bytes[usize::from(range.start)..usize::from(range.end)]
    }
}

/// Without the fields: passwords and cookies are among them.
impl fmt::Debug for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Head({} {} {:?})", self.method.as_str(), self.target.href(), self.version)
    }
}

const NO_HTTP: HttpError = HttpError::bad("This is no HTTP request.");
const LINE_END: HttpError = HttpError::bad("A line does not end with CR and LF.");
const CONTROL: HttpError = HttpError::bad("The head holds a control byte.");
const FOLDED: HttpError = HttpError::bad("A field goes on in the next line.");
const TOO_LONG: HttpError = HttpError::new(431, "The head is longer than 16 KiB.");
const TARGET_TOO_LONG: HttpError = HttpError::new(414, "The target is longer than 16 KiB.");
const VERSION: HttpError = HttpError::new(505, "This server speaks HTTP/1.1 and HTTP/1.0.");

/// Where a part of the head stands; the head is shorter than 64 KiB.
fn place(bytes: &[u8], part: &[u8]) -> Range<u16> {
    let start = part.as_ptr().addr().saturating_sub(bytes.as_ptr().addr());
    let number = |at: usize| u16::try_from(at.min(bytes.len())).unwrap_or(u16::MAX);
    number(start)..number(start + part.len())
}

fn explain(error: httparse::Error) -> HttpError {
    match error {
        httparse::Error::TooManyHeaders => HttpError::new(431, "The head has more than 100 fields."),
        httparse::Error::HeaderName => HttpError::bad("A field's name is none, or a blank stands before its colon."),
        httparse::Error::HeaderValue => HttpError::bad("A field's value holds a control byte."),
        httparse::Error::NewLine => LINE_END,
        httparse::Error::Status | httparse::Error::Token | httparse::Error::Version => NO_HTTP,
    }
}

/// Finds the end of a head as its bytes come in, and looks at each byte once.
#[derive(Debug, Default)]
pub struct HeadReader {
    /// How many bytes have been looked at.
    seen: usize,
    /// Where the head begins: an empty line may come before (RFC 9112 §2.2).
    start: usize,
    /// Where the line begins that is looked at.
    line: usize,
    /// How many lines have ended; the first one is the request line.
    lines: usize,
    after_cr: bool,
}

impl HeadReader {
    /// Looks at what a connection has sent so far, always from the same beginning. With the head comes its length, the
    /// reader is ready for the next one; `None` if more bytes are needed.
    ///
    /// # Errors
    /// The bytes are no head that may be served.
    pub fn read(&mut self, sent: &[u8]) -> Result<Option<(Head, usize)>, HttpError> {
        while let Some(&byte) = sent.get(self.seen) {
            if self.seen - self.start >= MAX_HEAD {
                return Err(if self.lines == 0 { TARGET_TOO_LONG } else { TOO_LONG });
            }
            self.seen += 1;
            if !self.take(byte, &sent[self.line..self.seen - 1])? {
                continue;
            }
            let (start, end) = (self.start, self.seen);
            *self = Self::default();
            return Ok(Some((Head::parse(&sent[start..end])?, end)));
        }
        Ok(None)
    }

    /// Takes the next byte of a line that has begun so; true at the end of the head.
    fn take(&mut self, byte: u8, line: &[u8]) -> Result<bool, HttpError> {
        match (self.after_cr, byte) {
            (true, b'\n') => return self.end_line(&line[..line.len() - 1]),
            (true, _) | (false, b'\n') => return Err(if self.lines == 0 { NO_HTTP } else { LINE_END }),
            (false, b'\r') => {
                if self.lines == 0 && !line.is_empty() {
                    whole_first_line(line)?;
                }
                self.after_cr = true;
            }
            (false, _) if self.lines == 0 => first_line(byte, line)?,
            (false, b' ' | b'\t') if line.is_empty() => return Err(FOLDED),
            (false, b'\t') => {}
            (false, byte) if byte.is_ascii_control() => return Err(CONTROL),
            (false, _) => {}
        }
        Ok(false)
    }

    fn end_line(&mut self, line: &[u8]) -> Result<bool, HttpError> {
        (self.after_cr, self.line) = (false, self.seen);
        match (self.lines, line) {
            (0, b"") if self.start == 0 => {
                self.start = self.seen;
                return Ok(false);
            }
            (0, b"") => return Err(NO_HTTP),
            (_, b"") => return Ok(true),
            _ => {}
        }
        self.lines += 1;
        Ok(false)
    }
}

/// Refuses what can't be a request line as early as possible: other protocols would wait for an answer.
fn first_line(byte: u8, line: &[u8]) -> Result<(), HttpError> {
    let Some(blank) = line.iter().take(MAX_METHOD + 1).position(|&byte| byte == b' ') else {
        let may_go_on = is_token_byte(byte) && line.len() < MAX_METHOD || byte == b' ' && !line.is_empty();
        return if may_go_on { Ok(()) } else { Err(NO_HTTP) };
    };
    let is_wrong = match line.len() - blank {
        // Only a path and an absolute target are served.
        1 => !matches!(byte, b'/' | b'h' | b'H'),
        _ => byte.is_ascii_control(),
    };
    if is_wrong { Err(NO_TARGET) } else { Ok(()) }
}

const NO_TARGET: HttpError = HttpError::bad("The target of the request is no path.");

/// Reads the end of the request line.
fn whole_first_line(line: &[u8]) -> Result<(), HttpError> {
    let mut words = line.split(|&byte| byte == b' ');
    let version = words.nth(2).filter(|_| words.next().is_none()).ok_or(NO_HTTP)?;
    match version {
        b"HTTP/1.1" | b"HTTP/1.0" => Ok(()),
        [b'H', b'T', b'T', b'P', b'/', major, b'.', minor] if major.is_ascii_digit() && minor.is_ascii_digit() => {
            Err(VERSION)
        }
        _ => Err(NO_HTTP),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Reads in pieces of that many bytes: the head with its length, or the error.
    fn read(sent: &[u8], piece: usize) -> Result<Option<(Head, usize)>, HttpError> {
        let mut reader = HeadReader::default();
        let ends = (0..sent.len()).step_by(piece.max(1)).skip(1).chain([sent.len()]);
        for end in ends {
            if let Some(found) = reader.read(&sent[..end])? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn whole(sent: &str) -> Result<Option<(Head, usize)>, u16> {
        read(sent.as_bytes(), usize::MAX).map_err(|error| error.status)
    }

    #[test]
    fn a_head_is_a_request_line_and_fields() {
        let text = "PUT /a%20b?x HTTP/1.1\r\nHost: nas:80\r\nX-a:\t b c \t\r\nx-A:\r\nY:\u{e9}\r\n\r\nGET";
        for piece in [1, 2, 3, 5, 1000] {
            let (head, length) = read(text.as_bytes(), piece).unwrap().unwrap();
            assert_eq!((head.method, head.version, length), (Method::Put, Version::Http11, text.len() - 3));
            assert_eq!((head.target.path.as_bytes(), head.target.query.has("x")), (&b"/a b"[..], true));
            let fields: Vec<(&[u8], &[u8])> = head.fields().collect();
            let expected: [(&[u8], &[u8]); 4] =
                [(b"Host", b"nas:80"), (b"X-a", b"b c"), (b"x-A", b""), (b"Y", "\u{e9}".as_bytes())];
            assert_eq!(fields, expected);
            assert_eq!(head.all("X-A").collect::<Vec<_>>(), [&b"b c"[..], b""]);
            assert_eq!((head.first("y"), head.first("z")), (Some("\u{e9}".as_bytes()), None));
            assert_eq!(head.only("x-a").map_err(|error| error.status), Err(400));
            assert_eq!((head.only("HOST"), head.only("z")), (Ok(Some(&b"nas:80"[..])), Ok(None)));
            assert_eq!(head.authority(), Ok(Authority::parse(b"nas:80")));
        }
    }

    #[test]
    fn debug_shows_no_field() {
        let (head, _) = whole("GET /a HTTP/1.0\r\nAuthorization: Basic YTpi\r\nCookie: a=b\r\n\r\n").unwrap().unwrap();
        assert_eq!(format!("{head:?}"), "Head(GET /a Http10)");
    }

    #[test]
    fn an_unfinished_head_waits_for_more() {
        for text in
            ["", "\r", "\r\n", "G", "GET", "GET ", "GET /", "GET /a HTTP/1.1", "GET / HTTP/1.1\r\nA: b\r\n\r", "GET h"]
        {
            assert_eq!(whole(text), Ok(None), "{text:?}");
        }
    }

    #[test]
    fn requests_that_follow_each_other_are_read_one_by_one() {
        let mut reader = HeadReader::default();
        let mut sent = b"GET /a HTTP/1.1\r\n\r\n\r\nGET /b HTTP/1.0\r\n\r\nGE".to_vec();
        let mut paths = Vec::new();
        while let Some((head, length)) = reader.read(&sent).unwrap() {
            paths.push(head.target.path);
            sent.drain(..length);
        }
        assert_eq!(paths, [&b"/a"[..], b"/b"].map(|name| crate::protocol::path::VirtualPath::root().join(name)));
    }

    #[test]
    fn what_is_no_strict_head_is_refused() {
        let line = |fields: &str| format!("GET / HTTP/1.1\r\n{fields}");
        let fields = [
            "A: b\rC: d\r\n\r\n",
            "A: b\nC: d\r\n\r\n",
            "A: b\r\n\n",
            "A: b\r\r\n\r\n",
            "A\rB: c\r\n\r\n",
            "\n",
            "A: b\r\n c\r\n\r\n",
            "A: b\r\n\tc\r\n\r\n",
            " A: b\r\n\r\n",
            "\tA: b\r\n\r\n",
            " \r\n\r\n",
            "A : b\r\n\r\n",
            "A\t: b\r\n\r\n",
            ": b\r\n\r\n",
            "A\r\n\r\n",
            "A b\r\n\r\n",
            "A b: c\r\n\r\n",
            "A(: b\r\n\r\n",
            "\u{e9}: b\r\n\r\n",
            "A: \0\r\n\r\n",
            "A\0: b\r\n\r\n",
            "A: \x07\r\n\r\n",
            "A: \x7f\r\n\r\n",
            "A@: b\r\n\r\n",
        ];
        for fields in fields {
            assert_eq!(whole(&line(fields)), Err(400), "{fields:?}");
        }
        for fields in ["A: b\r\n ", "A: b\r\n\t", " ", "A: \0", "A\x1f", "A: \x7f", "A: b\rC", "A: b\n"] {
            assert_eq!(whole(&line(fields)), Err(400), "without the rest: {fields:?}");
        }
        let first = [
            "GET /\r\n",
            "GET / \r\n",
            "GET  / HTTP/1.1\r\n",
            "GET /  HTTP/1.1\r\n",
            "GET / HTTP/1.1 \r\n",
            " GET /",
            "GET\t/",
            "GET / HTTP/1.1\n",
            "GET / HTTP/1.1\r\r",
            "GET /\rA HTTP/1.1",
            "GET /\0",
            "GET /\t",
            "GET / http/1.1\r\n",
            "GET / HTTP/1\r\n",
            "GET / HTTP/1.10\r\n",
            "GET / HTTP/01.1\r\n",
            "GET / HTTPS/1.1\r\n",
            "GET / HTTP 1.1\r\n",
            "GET / HTTP/1,1\r\n",
            "GET /a b HTTP/1.1\r\n",
            "GET / HTTP/1.x\r\n",
            "GET /../ HTTP/1.1\r\n\r\n",
            "OPTIONS *",
            "CONNECT 127",
            "GET a",
            "PRI *",
            "\r\n\r\n",
            "\n",
            "G\u{e9}T",
            "GET/ ",
            "(GET ",
            "hello world",
        ];
        let others = [
            "USER anon",
            "QUIT\r",
            "SSH-2.0-OpenSSH_9\r",
            "\x16\x03\x01",
            "\0",
            "EHLO x",
            "EHLO host\r\n",
            "HELP\r",
            "* OK",
            "<xml",
        ];
        for text in first.iter().chain(&others) {
            for piece in [1, 1000] {
                assert_eq!(read(text.as_bytes(), piece).map_err(|error| error.status), Err(400), "{text:?}");
            }
        }
        for version in ["2.0", "0.9", "1.2", "3.0", "9.9"] {
            assert_eq!(whole(&format!("GET / HTTP/{version}\r\n")), Err(505));
        }
    }

    #[test]
    fn heads_have_limits() {
        let with = |count: usize, size: usize| {
            format!("GET / HTTP/1.1\r\n{}X: {}\r\n\r\n", "A: b\r\n".repeat(count), "x".repeat(size))
        };
        assert!(whole(&with(99, 15 << 10)).unwrap().is_some());
        let whole_size = MAX_HEAD - with(0, 0).len();
        assert!(whole(&with(0, whole_size)).unwrap().is_some());
        let cases = [with(100, 0), with(0, whole_size + 1), with(0, 1 << 20), with(3000, 0)];
        assert_eq!(cases.map(|text| whole(&text)), [(); 4].map(|()| Err(431)));
        assert_eq!(whole(&format!("GET /{}", "a".repeat(20 << 10))), Err(414));
        assert_eq!(whole(&"A".repeat(25)), Err(400));
    }

    #[test]
    fn the_host_is_named_once_and_an_absolute_target_goes_before() {
        type Named<'a> = Result<Option<&'a str>, u16>;
        let cases: &[(&str, &str, Named)] = &[
            ("/ HTTP/1.1", "Host: a\r\n", Ok(Some("a"))),
            ("/ HTTP/1.1", "", Err(400)),
            ("/ HTTP/1.1", "Host:\r\n", Err(400)),
            ("/ HTTP/1.1", "Host: a b\r\n", Err(400)),
            ("/ HTTP/1.1", "Host: a, b\r\n", Err(400)),
            ("/ HTTP/1.1", "Host: a\r\nhost: a\r\n", Err(400)),
            ("/ HTTP/1.0", "", Ok(None)),
            ("/ HTTP/1.0", "Host: a\r\nHost: a\r\n", Err(400)),
            ("http://b/ HTTP/1.1", "Host: a\r\n", Ok(Some("b"))),
            ("http://b/ HTTP/1.1", "", Err(400)),
            ("http://b:81/ HTTP/1.0", "", Ok(Some("b:81"))),
        ];
        for (line, fields, expected) in cases {
            let (head, _) = whole(&format!("GET {line}\r\n{fields}\r\n")).unwrap().unwrap();
            let expected = expected.map(|host| host.map(|host| Authority::parse(host.as_bytes()).unwrap()));
            assert_eq!(head.authority().map_err(|error| error.status), expected, "{line} {fields:?}");
        }
    }

    proptest! {
        #[test]
        fn cutting_changes_nothing(
            text in "\r?(GET|PUT|G) ?(/[a%20. ]{0,3}|h) ?(HTTP/1.[01])?\r?\n?(([aB:\r\n \t\0]|a: b\r\n){0,8})(\r\n\r\n)?x?",
            piece in 1..9_usize,
        ) {
            prop_assert_eq!(read(text.as_bytes(), piece), read(text.as_bytes(), usize::MAX));
        }

        #[test]
        fn every_sound_head_is_read(
            name in "[A-Za-z0-9!#$%&'*+.^_`|~-]{1,10}",
            value in "([!-~\u{e0}-\u{ff}]([ -~\u{e0}-\u{ff}]{0,20}[!-~])?)?",
            rest in proptest::collection::vec(any::<u8>(), 0..9),
        ) {
            let mut text = format!("GET / HTTP/1.1\r\n{name}: {value}\r\n\r\n").into_bytes();
            let length = text.len();
            text.extend(rest);
            let (head, found) = read(&text, usize::MAX).unwrap().unwrap();
            prop_assert_eq!(found, length);
            prop_assert_eq!(head.fields().collect::<Vec<_>>(), [(name.as_bytes(), value.as_bytes())]);
        }
    }
}
