//! How a request's body comes, and whether another request may follow (RFC 9112 §6, §9.3). Nothing here is guessed: a body
//! that two readers could find of different length is refused.

use crate::protocol::{
    address::decimal,
    http::{
        error::HttpError,
        head::{Head, Version},
        list::members,
    },
};

/// What follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// Nothing: no length is announced.
    None,
    /// This many bytes; may be 0.
    Length(u64),
    /// Chunks, see [`super::chunks::Chunks`].
    Chunked,
}

impl Body {
    /// Whether not a byte follows.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// What a head says of the bytes around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framing {
    /// What follows it.
    pub body: Body,
    /// Whether the client wants to send another request after this one.
    pub keep_alive: bool,
    /// Whether the client waits for a 100 before it sends the body.
    pub expects_continue: bool,
}

impl Framing {
    /// Reads what a head says.
    ///
    /// # Errors
    /// 400, 413, 417 or 501: the connection must be closed.
    pub fn of(head: &Head) -> Result<Self, HttpError> {
        let body = body(head)?;
        let expects = expectation(head)?;
        Ok(Self {
            body,
            keep_alive: keep_alive(head),
            // RFC 9110 §10.1.1: to be ignored in HTTP/1.0, and without a body.
            expects_continue: expects && head.version == Version::Http11 && !body.is_empty(),
        })
    }
}

fn body(head: &Head) -> Result<Body, HttpError> {
    let mut codings = head.all("transfer-encoding");
    let Some(coding) = codings.next() else { return length(head) };
    if head.version == Version::Http10 {
        return Err(HttpError::bad("HTTP/1.0 has no Transfer-Encoding."));
    }
    if head.first("content-length").is_some() {
        return Err(HttpError::bad("Transfer-Encoding and Content-Length are both there."));
    }
    if codings.next().is_some() || !coding.eq_ignore_ascii_case(b"chunked") {
        return Err(HttpError::new(501, "No Transfer-Encoding but chunked is known."));
    }
    Ok(Body::Chunked)
}

fn length(head: &Head) -> Result<Body, HttpError> {
    let Some(value) = head.only("content-length")? else { return Ok(Body::None) };
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(HttpError::bad("Content-Length is no number."));
    }
    // No file is longer.
    let length = decimal(value).filter(|&length| i64::try_from(length).is_ok());
    length.map(Body::Length).ok_or(HttpError::new(413, "Content-Length is larger than any file."))
}

fn expectation(head: &Head) -> Result<bool, HttpError> {
    let mut expects = false;
    for member in head.all("expect").flat_map(members) {
        if !member.eq_ignore_ascii_case(b"100-continue") {
            return Err(HttpError::new(417, "No expectation but 100-continue can be met."));
        }
        expects = true;
    }
    Ok(expects)
}

fn keep_alive(head: &Head) -> bool {
    let says = |option: &str| {
        head.all("connection").flat_map(members).any(|member| member.eq_ignore_ascii_case(option.as_bytes()))
    };
    match head.version {
        Version::Http11 => !says("close"),
        Version::Http10 => says("keep-alive") && !says("close"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http::head::HeadReader;

    fn framing(version: &str, fields: &str) -> Result<Framing, u16> {
        let head = format!("PUT /a HTTP/{version}\r\n{}\r\n", fields.replace('\n', "\r\n"));
        let (head, _) = HeadReader::default().read(head.as_bytes()).map_err(|error| error.status)?.unwrap();
        Framing::of(&head).map_err(|error| error.status)
    }

    #[test]
    fn a_body_has_one_length_or_chunks() {
        let cases: &[(&str, &str, Result<Body, u16>)] = &[
            ("1.1", "", Ok(Body::None)),
            ("1.1", "Content-Length: 0\n", Ok(Body::Length(0))),
            ("1.0", "content-LENGTH: 007 \n", Ok(Body::Length(7))),
            ("1.1", "Content-Length: 9223372036854775807\n", Ok(Body::Length(u64::MAX / 2))),
            ("1.1", "Content-Length: 9223372036854775808\n", Err(413)),
            ("1.1", "Content-Length: 99999999999999999999999\n", Err(413)),
            ("1.1", "Content-Length:\n", Err(400)),
            ("1.1", "Content-Length: +1\n", Err(400)),
            ("1.1", "Content-Length: -1\n", Err(400)),
            ("1.1", "Content-Length: 1 1\n", Err(400)),
            ("1.1", "Content-Length: 1,1\n", Err(400)),
            ("1.1", "Content-Length: 0x1\n", Err(400)),
            ("1.1", "Content-Length: 1a\n", Err(400)),
            ("1.1", "Content-Length: 1.0\n", Err(400)),
            ("1.1", "Content-Length: \u{661}\n", Err(400)),
            ("1.1", "Content-Length: 1\nContent-Length: 2\n", Err(400)),
            ("1.1", "Content-Length: 1\nContent-Length: 1\n", Err(400)),
            ("1.1", "Transfer-Encoding: chunked\n", Ok(Body::Chunked)),
            ("1.1", "transfer-encoding: CHUNKED \n", Ok(Body::Chunked)),
            ("1.1", "Transfer-Encoding: chunked\nContent-Length: 1\n", Err(400)),
            ("1.1", "Content-Length: 1\nTransfer-Encoding: chunked\n", Err(400)),
            ("1.1", "Transfer-Encoding: x\nContent-Length: 1\n", Err(400)),
            ("1.0", "Transfer-Encoding: chunked\n", Err(400)),
            ("1.1", "Transfer-Encoding: gzip\n", Err(501)),
            ("1.1", "Transfer-Encoding: gzip, chunked\n", Err(501)),
            ("1.1", "Transfer-Encoding: chunked, chunked\n", Err(501)),
            ("1.1", "Transfer-Encoding: chunked\nTransfer-Encoding: chunked\n", Err(501)),
            ("1.1", "Transfer-Encoding: identity\n", Err(501)),
            ("1.1", "Transfer-Encoding: xchunked\n", Err(501)),
            ("1.1", "Transfer-Encoding: chunked;q=1\n", Err(501)),
            ("1.1", "Transfer-Encoding: \"chunked\"\n", Err(501)),
            ("1.1", "Transfer-Encoding: \n", Err(501)),
            ("1.1", "Transfer-Encoding : chunked\n", Err(400)),
        ];
        for (version, fields, expected) in cases {
            assert_eq!(framing(version, fields).map(|framing| framing.body), *expected, "{version} {fields:?}");
        }
    }

    #[test]
    fn a_connection_stays_as_its_version_and_its_fields_say() {
        let cases: &[(&str, &str, bool)] = &[
            ("1.1", "", true),
            ("1.1", "Connection: keep-alive\n", true),
            ("1.1", "Connection: Close\n", false),
            ("1.1", "Connection: x, close\n", false),
            ("1.1", "Connection: x\nConnection: close\n", false),
            ("1.1", "Connection: closed\n", true),
            ("1.0", "", false),
            ("1.0", "Connection: Keep-Alive\n", true),
            ("1.0", "Connection: keep-alive, close\n", false),
            ("1.0", "Keep-Alive: 5\n", false),
        ];
        for (version, fields, expected) in cases {
            assert_eq!(
                framing(version, fields).map(|framing| framing.keep_alive),
                Ok(*expected),
                "{version} {fields:?}"
            );
        }
    }

    #[test]
    fn a_client_waits_for_100_only_with_a_body_in_1_1() {
        let cases: &[(&str, &str, Result<bool, u16>)] = &[
            ("1.1", "Content-Length: 1\n", Ok(false)),
            ("1.1", "Content-Length: 1\nExpect: 100-Continue\n", Ok(true)),
            ("1.1", "Transfer-Encoding: chunked\nExpect: 100-continue\n", Ok(true)),
            ("1.1", "Content-Length: 0\nExpect: 100-continue\n", Ok(false)),
            ("1.1", "Expect: 100-continue\n", Ok(false)),
            ("1.0", "Content-Length: 1\nExpect: 100-continue\n", Ok(false)),
            ("1.1", "Expect: 100-continue, tea\n", Err(417)),
            ("1.1", "Expect: tea\n", Err(417)),
        ];
        for (version, fields, expected) in cases {
            assert_eq!(
                framing(version, fields).map(|framing| framing.expects_continue),
                *expected,
                "{version} {fields:?}"
            );
        }
    }
}
