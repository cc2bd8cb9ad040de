//! Answers that need no request: to a client that is not let in, and to one that sends none.

use std::time::SystemTime;

use crate::protocol::http::date::DateText;
use crate::protocol::http::error::HttpError;
use crate::protocol::http::response::Response;
use crate::reception::rejection::Rejection;
use crate::web::refusal::{COME_AGAIN, json_of, status_of_rejection};

/// What a client is told that may not come in.
pub fn rejected(why: &Rejection) -> Vec<u8> {
    last_words(status_of_rejection(why.grounds), &why.text)
}

/// What a client is told whose bytes are no request.
pub fn malformed(HttpError { status, text }: HttpError) -> Vec<u8> {
    last_words(status, text)
}

fn last_words(status: u16, text: &str) -> Vec<u8> {
    let (content, mut out) = (json_of(status, text), Vec::new());
    Response::new(status, &mut out)
        .field("Date", DateText::default().at(SystemTime::now()))
        .field("Connection", "close")
        .optional("Retry-After", (status == 503).then_some(COME_AGAIN.as_secs()))
        .field("X-Content-Type-Options", "nosniff")
        .field("Content-Type", content.content_type)
        .field("Content-Length", content.bytes.len())
        .end();
    out.extend_from_slice(&content.bytes);
    out
}
