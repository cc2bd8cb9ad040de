//! Downloads: from a file to a data connection.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::ops::Range;

use rustix::buffer::spare_capacity;
use rustix::event::PollFlags;
use rustix::fd::AsFd;

use crate::copy::ascii::{Encoder, LineEnds};
use crate::copy::transfer::Transfer;
use crate::copy::{Error, LARGE_BUFFER, STEP};
use crate::sys::sockets;
use crate::sys::zero_copy::{self, Unmoved};

/// Files of at least this size are sent in full segments only.
const MIN_CORKED: u64 = 1 << 20;

impl Transfer<'_, '_> {
    /// Sends a range of a file, which ends where the file ended when it was opened. A file that became shorter meanwhile is
    /// [`Error::File`].
    pub fn send(&mut self, mut file: File, range: Range<u64>, line_ends: LineEnds) -> Result<(), Error> {
        let as_it_is = line_ends == LineEnds::Kept;
        if as_it_is && self.stream.is_plain() && self.send_without_copy(&file, range.clone())? {
            return Ok(());
        }
        file.seek(SeekFrom::Start(range.start)).map_err(Error::File)?;
        let mut encoder = Encoder::default();
        let mut left = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut text = Vec::new();
        self.produce(|out| {
            if left == 0 {
                return Ok(false);
            }
            let block = if as_it_is { &mut *out } else { &mut text };
            block.clear();
            block.reserve(left.min(LARGE_BUFFER));
            rustix::io::read(&file, spare_capacity(block)).map_err(|error| Error::File(error.into()))?;
            // The file may have grown.
            block.truncate(left);
            if block.is_empty() {
                return Err(shrunk());
            }
            left -= block.len();
            if !as_it_is {
                encoder.encode(&text, out);
            }
            Ok(left > 0)
        })
    }

    /// The kernel moves the bytes from the page cache to the socket; false if it can't for this file system.
    fn send_without_copy(&mut self, file: &File, range: Range<u64>) -> Result<bool, Error> {
        let mut offset = range.start;
        let step = self.throttle.step(STEP);
        if range.end.saturating_sub(range.start) >= MIN_CORKED && self.throttle.is_free() {
            // Full segments only: a tenth less work for a large file, and one more call for a small one. Closing flushes it.
            sockets::send_full_segments(self.stream.as_fd());
        }
        while offset < range.end {
            let wanted = usize::try_from(range.end - offset).unwrap_or(usize::MAX).min(step);
            match zero_copy::send_file(self.stream.as_fd(), file, &mut offset, wanted) {
                Ok(0) => return Err(shrunk()),
                Ok(sent) => self.moved(sent)?,
                Err(Unmoved::NotReady) => self.ready(PollFlags::OUT)?,
                Err(Unmoved::Unsupported) if offset == range.start => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(true)
    }
}

fn shrunk() -> Error {
    Error::File(io::Error::new(ErrorKind::UnexpectedEof, "the file became shorter while it was sent"))
}
