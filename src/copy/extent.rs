//! How far an upload extends in what its stream brings.

use std::mem;

use crate::copy::Error;

/// What tells the content of an upload from what comes with it and after it.
pub trait Extent {
    /// What the stream must bring next.
    fn awaited(&self) -> Awaited;

    /// What was received before the upload began, which is handed over once.
    fn received_before(&mut self) -> Vec<u8>;

    /// Leaves only content in what came. What comes after the upload is kept.
    ///
    /// # Errors
    /// [`Error::Data`] if it is malformed.
    fn sift(&mut self, came: &mut Vec<u8>) -> Result<(), Error>;

    /// Counts content that came and is not sifted, no more than [`Self::awaited`] says.
    fn count(&mut self, content: usize);
}

/// What a stream must bring next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaited {
    /// Content alone, to the stream's end.
    ToTheEnd,
    /// This much content; after none, the upload is whole.
    Content(u64),
    /// Content, and among it what tells how long it is.
    Framed,
}

/// An upload that ends with its stream.
#[derive(Debug)]
pub struct ToTheEnd;

/// An upload of known length in a stream that goes on after it.
#[derive(Debug)]
pub struct Exactly<'c> {
    left: u64,
    /// What was received and not taken yet: at first what came before the upload began, then what came after it.
    beyond: &'c mut Vec<u8>,
}

impl<'c> Exactly<'c> {
    /// As many bytes, the first of which may be in `received` already; later it holds what came after them.
    pub fn new(length: u64, received: &'c mut Vec<u8>) -> Self {
        Self { left: length, beyond: received }
    }
}

impl Extent for ToTheEnd {
    fn awaited(&self) -> Awaited {
        Awaited::ToTheEnd
    }

    fn received_before(&mut self) -> Vec<u8> {
        Vec::new()
    }

    fn sift(&mut self, _: &mut Vec<u8>) -> Result<(), Error> {
        Ok(())
    }

    fn count(&mut self, _: usize) {}
}

impl Extent for Exactly<'_> {
    fn awaited(&self) -> Awaited {
        Awaited::Content(self.left)
    }

    fn received_before(&mut self) -> Vec<u8> {
        mem::take(self.beyond)
    }

    fn sift(&mut self, came: &mut Vec<u8>) -> Result<(), Error> {
        let content = came.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.beyond.extend_from_slice(&came[content..]);
        came.truncate(content);
        self.count(content);
        Ok(())
    }

    fn count(&mut self, content: usize) {
        self.left = self.left.saturating_sub(u64::try_from(content).unwrap_or(u64::MAX));
    }
}

impl Awaited {
    /// The most bytes to receive; 0 if the upload is whole.
    pub(super) fn most(self) -> usize {
        match self {
            Self::Content(left) => usize::try_from(left).unwrap_or(usize::MAX),
            Self::ToTheEnd | Self::Framed => usize::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_after_the_upload_is_kept() {
        let mut received = b"uploadGET / ".to_vec();
        let mut extent = Exactly::new(6, &mut received);
        let mut came = extent.received_before();
        extent.sift(&mut came).expect("well-formed");
        assert_eq!((&came[..], extent.awaited()), (&b"upload"[..], Awaited::Content(0)));
        assert_eq!(received, b"GET / ");
    }

    #[test]
    fn content_is_counted_however_it_comes() {
        let mut received = b"up".to_vec();
        let mut extent = Exactly::new(6, &mut received);
        let mut came = extent.received_before();
        extent.sift(&mut came).expect("well-formed");
        assert_eq!(extent.awaited(), Awaited::Content(4));
        extent.count(3);
        assert_eq!(extent.awaited(), Awaited::Content(1));
        let mut came = b"dHEAD".to_vec();
        extent.sift(&mut came).expect("well-formed");
        assert_eq!((&came[..], &received[..]), (&b"d"[..], &b"HEAD"[..]));
    }
}
