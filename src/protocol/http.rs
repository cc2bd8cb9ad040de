//! HTTP/1.1 as the web needs it (RFC 9110, 9112): requests taken apart strictly, answers put together. No I/O, no clock.
//!
//! A connection reads with [`head::HeadReader`] until there is a [`head::Head`], asks [`framing::Framing`] how its body
//! comes, passes a chunked one through [`chunks::Chunks`], and writes a [`response::Response`].

pub mod accept;
pub mod chunks;
pub mod cookies;
pub mod credentials;
pub mod date;
pub mod destination;
pub mod error;
pub mod etag;
pub mod form;
pub mod framing;
pub mod head;
pub mod host;
pub mod href;
mod list;
pub mod media_type;
pub mod method;
pub mod preconditions;
pub mod query;
pub mod range;
pub mod response;
pub mod structured;
pub mod target;
