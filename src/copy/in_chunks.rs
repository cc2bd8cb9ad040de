//! An upload that comes in chunks, each with its length before it (RFC 9112 §7.1).

use std::io::{self, ErrorKind};
use std::mem;

use crate::copy::Error;
use crate::copy::extent::{Awaited, Extent};
use crate::protocol::http::chunks::Chunks;
use crate::protocol::http::error::HttpError;

/// An upload whose last chunk is its end, in a stream that goes on after it.
#[derive(Debug)]
pub struct InChunks<'c> {
    chunks: Chunks,
    /// What was received and not taken yet: at first what came before the upload began, then what came after it.
    beyond: &'c mut Vec<u8>,
}

impl<'c> InChunks<'c> {
    /// Chunks, the first of which may be in `received` already; later it holds what came after them.
    pub fn new(received: &'c mut Vec<u8>) -> Self {
        Self { chunks: Chunks::new(), beyond: received }
    }
}

impl Extent for InChunks<'_> {
    fn awaited(&self) -> Awaited {
        if self.chunks.is_over() { Awaited::Content(0) } else { Awaited::Framed }
    }

    fn received_before(&mut self) -> Vec<u8> {
        mem::take(self.beyond)
    }

    fn sift(&mut self, came: &mut Vec<u8>) -> Result<(), Error> {
        let malformed = |error: HttpError| Error::Data(io::Error::new(ErrorKind::InvalidData, error.text));
        let decoded = self.chunks.decode(came).map_err(malformed)?;
        self.beyond.extend_from_slice(&came[decoded.taken..]);
        came.truncate(decoded.data);
        Ok(())
    }

    fn count(&mut self, _: usize) {}
}
