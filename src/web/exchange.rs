//! A request and its answer.

use std::fmt::Display;
use std::time::SystemTime;

use crate::copy::Error;
use crate::net::who::Who;
use crate::protocol::command::Representation;
use crate::protocol::http::accept::Accept;
use crate::protocol::http::chunks::{self, LAST_CHUNK};
use crate::protocol::http::framing::{Body, Framing};
use crate::protocol::http::head::{Head, Version};
use crate::protocol::http::method::Method;
use crate::protocol::http::response::Response;
use crate::protocol::path::VirtualPath;
use crate::reception::outcome::Subject;
use crate::reception::transfer_log::{Direction, Door};
use crate::web::Visitor;
use crate::web::guest::WebGuest;
use crate::web::link::LINGER;
use crate::web::page::language::Language;
use crate::web::refusal::WebRefusal;

/// A request whose head has come.
#[derive(Debug)]
pub struct WebRequest {
    /// What it asks for.
    pub head: Head,
    /// What follows it.
    pub framing: Framing,
}

/// A request that is being answered.
pub struct Exchange<'v> {
    /// Whose request it is.
    pub visitor: &'v mut Visitor,
    /// What it asks for.
    pub request: &'v WebRequest,
    /// Whether the connection goes on after the answer.
    pub keeps: bool,
    /// Whether the request has a body that is still on its way.
    pub has_body: bool,
    /// Whether it is known who asks.
    pub is_identified: bool,
}

/// Whether a browser may keep an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caching {
    /// Only if it asks each time: it depends on who asks.
    Revalidated,
    /// For good: another content has another path.
    Immutable,
}

/// What the server says: of a few bytes, and nothing that would have to be streamed.
#[derive(Debug)]
pub struct AnswerContent {
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A refused body that is no longer than this is taken, so that the next request can follow.
const MAX_DRAINED: u64 = 64 << 10;
/// What pages may do (Content Security Policy): nothing but what the server itself offers.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; \
    connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
pub const HTML: &str = "text/html; charset=utf-8";
pub const JSON: &str = "application/json; charset=utf-8";

impl WebRequest {
    /// The path that it is about.
    pub fn path(&self) -> &VirtualPath {
        &self.head.target.path
    }

    /// Whether a person is to see the answer in a browser.
    pub fn wants_page(&self) -> bool {
        Accept::of(&self.head).names_pages()
    }

    /// The language that its client wants.
    pub fn language(&self) -> Language {
        Language::accepted(&self.head)
    }

    /// Whether only the head of the answer is wanted.
    pub fn is_head(&self) -> bool {
        self.head.method == Method::Head
    }

    /// The transfer that it asks for, as both logs name it.
    pub fn transfer(&self, direction: Direction) -> Subject<'_> {
        let announced = match self.framing.body {
            Body::Length(length) if direction == Direction::Incoming => Some(length),
            Body::None | Body::Length(_) | Body::Chunked => None,
        };
        Subject {
            verb: self.head.method.as_str(),
            path: self.path(),
            direction,
            representation: Representation::Image,
            door: Door::Http,
            announced,
        }
    }

    /// Whether the client understands chunks.
    pub fn takes_chunks(&self) -> bool {
        self.head.version == Version::Http11
    }
}

/// Appends a block of a streamed answer as it goes over the connection, and empties it; after the last one, the end.
pub fn frame(block: &mut Vec<u8>, more: bool, is_chunked: bool, out: &mut Vec<u8>) {
    if is_chunked {
        chunks::write(block, out);
        out.extend_from_slice(if more { b"" } else { LAST_CHUNK });
    } else {
        out.extend_from_slice(block);
    }
    block.clear();
}

/// Adds what the content is; for a page, also what it may do.
fn of_type<'o>(response: Response<'o>, content_type: &str) -> Response<'o> {
    let policy = (content_type == HTML).then_some(PAGE_POLICY);
    response.optional("Content-Security-Policy", policy).field("Content-Type", content_type)
}

impl<'v> Exchange<'v> {
    /// A request whose answer is due.
    pub fn new(visitor: &'v mut Visitor, request: &'v WebRequest) -> Self {
        let Framing { body, keep_alive, .. } = request.framing;
        Self { visitor, request, keeps: keep_alive, has_body: !body.is_empty(), is_identified: false }
    }

    /// Who asks.
    pub fn who(&self) -> &Who {
        &self.visitor.link.who
    }

    /// The account.
    pub fn guest(&self) -> Result<&WebGuest, WebRefusal> {
        self.visitor.guest.as_ref().ok_or_else(WebRefusal::no_account)
    }

    /// Begins an answer.
    pub fn begin<'o>(&mut self, status: u16, caching: Caching, out: &'o mut Vec<u8>) -> Response<'o> {
        let is_asked = self.visitor.link.ending.is_asked();
        self.keeps &= !is_asked && (!self.has_body || self.may_drain());
        let connection = match (self.keeps, self.request.head.version) {
            (false, _) => Some("close"),
            (true, Version::Http10) => Some("keep-alive"),
            (true, Version::Http11) => None,
        };
        let response = Response::new(status, out)
            .field("Date", self.visitor.link.date.at(SystemTime::now()))
            .optional("Connection", connection)
            .field("X-Content-Type-Options", "nosniff")
            .field("Referrer-Policy", "same-origin");
        match caching {
            Caching::Immutable => response.field("Cache-Control", "public, max-age=31536000, immutable"),
            Caching::Revalidated => {
                response.field("Cache-Control", "no-cache").field("Vary", "Cookie, Authorization, Accept")
            }
        }
    }

    /// Answers without content.
    pub fn done(&mut self, status: u16, fields: &[(&str, &dyn Display)]) -> Result<(), WebRefusal> {
        let mut out = Vec::new();
        let mut response = self.begin(status, Caching::Revalidated, &mut out);
        for (name, value) in fields {
            response = response.field(name, value);
        }
        // RFC 9110 §8.6: no length where there can be no content.
        let length = (![204, 304].contains(&status)).then_some(0);
        response.optional("Content-Length", length).end();
        self.send(&out)
    }

    /// Answers with content.
    pub fn give(
        &mut self,
        status: u16,
        caching: Caching,
        content: &AnswerContent,
        fields: &[(&str, &dyn Display)],
    ) -> Result<(), WebRefusal> {
        let mut out = Vec::new();
        let mut response = self.begin(status, caching, &mut out);
        for (name, value) in fields {
            response = response.field(name, value);
        }
        of_type(response, content.content_type).field("Content-Length", content.bytes.len()).end();
        if !self.request.is_head() {
            out.extend_from_slice(&content.bytes);
        }
        self.send(&out)
    }

    /// Begins an answer of unknown length: without chunks, its end is the connection's.
    pub fn begin_stream<'o>(&mut self, content_type: &str, out: &'o mut Vec<u8>) -> Response<'o> {
        let is_chunked = self.request.takes_chunks();
        self.keeps &= is_chunked;
        let response = self.begin(200, Caching::Revalidated, out);
        of_type(response, content_type).optional("Transfer-Encoding", is_chunked.then_some("chunked"))
    }

    /// Sends an answer that is whole. If it can't be sent, the connection ends.
    pub fn send(&mut self, answer: &[u8]) -> Result<(), WebRefusal> {
        let sent = self.visitor.link.send(answer);
        self.sent(&sent);
        Ok(())
    }

    /// After an answer that did not reach its end, the connection can only end.
    pub fn sent<T>(&mut self, sent: &Result<T, Error>) {
        if sent.is_err() {
            self.keeps = false;
        }
    }

    /// Takes what is left of the body, so that the next request can follow.
    pub fn drain(&mut self) {
        let Body::Length(length) = self.request.framing.body else { return };
        if self.has_body && self.keeps {
            self.has_body = false;
            let taken = self.visitor.link.take_body(usize::try_from(length).unwrap_or(0), LINGER);
            self.keeps = taken.is_ok();
        }
    }

    fn may_drain(&self) -> bool {
        let Framing { body, expects_continue, .. } = self.request.framing;
        matches!(body, Body::Length(length) if length <= MAX_DRAINED && !expects_continue)
    }
}
