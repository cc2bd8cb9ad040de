//! Downloads: from a file to a connection.

use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom};
use std::ops::Range;

use rustix::buffer::spare_capacity;
use rustix::event::PollFlags;
use rustix::fd::AsFd;

use crate::copy::ascii::{Encoder, LineEnds};
use crate::copy::transfer::Transfer;
use crate::copy::{Error, LARGE_BUFFER, SMALL_BUFFER, STEP};
use crate::net::stream::Stream;
use crate::sys::sockets;
use crate::sys::zero_copy::{self, Unmoved};

/// Files of at least this size are sent in full segments only.
const MIN_CORKED: u64 = 1 << 20;
/// Content up to this size is copied to its head, to be sent with it at once.
const MAX_WITH_HEAD: usize = SMALL_BUFFER;

impl Transfer<'_, '_> {
    /// Sends a range of a file, which ends where the file ended when it was opened. A file that became shorter meanwhile is
    /// [`Error::File`].
    pub fn send(&mut self, file: &File, range: Range<u64>, line_ends: LineEnds) -> Result<(), Error> {
        let as_it_is = line_ends == LineEnds::Kept;
        if as_it_is && self.stream.is_plain() {
            if self.may_cork(&range) {
                // Closing flushes it.
                sockets::send_full_segments(self.stream.as_fd());
            }
            if self.send_without_copy(file, range.clone())? {
                return Ok(());
            }
        }
        self.send_by_buffer(Vec::new(), file, range, line_ends)
    }

    /// The same with a head before it, which does not count as moved, for a connection that goes on afterwards. No packet
    /// holds the head alone.
    pub fn send_with_head(&mut self, mut head: Vec<u8>, file: &File, range: Range<u64>) -> Result<(), Error> {
        let length = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        if length <= MAX_WITH_HEAD {
            let head_length = head.len();
            append_range(&mut head, file, range.start, length)?;
            return self.send_all(&head, head_length);
        }
        if !self.stream.is_plain() {
            return self.send_by_buffer(head, file, range, LineEnds::Kept);
        }
        let corked = self.may_cork(&range);
        if corked {
            sockets::send_full_segments(self.stream.as_fd());
        }
        self.send_by(Stream::send_before_more, &head, head.len())?;
        if !self.send_without_copy(file, range.clone())? {
            self.send_by_buffer(Vec::new(), file, range, LineEnds::Kept)?;
        }
        if corked {
            sockets::send_all_segments(self.stream.as_fd());
        }
        Ok(())
    }

    /// Whether full segments only would make it faster: a tenth less work for a large file, and one more call for a small one.
    fn may_cork(&self, range: &Range<u64>) -> bool {
        range.end.saturating_sub(range.start) >= MIN_CORKED && self.throttle.is_free()
    }

    /// The kernel moves the bytes from the page cache to the socket; false if it can't for this file system.
    fn send_without_copy(&mut self, file: &File, range: Range<u64>) -> Result<bool, Error> {
        let mut offset = range.start;
        let step = self.throttle.step(STEP);
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

    fn send_by_buffer(
        &mut self,
        head: Vec<u8>,
        mut file: &File,
        range: Range<u64>,
        line_ends: LineEnds,
    ) -> Result<(), Error> {
        let as_it_is = line_ends == LineEnds::Kept;
        file.seek(SeekFrom::Start(range.start)).map_err(Error::File)?;
        let mut encoder = Encoder::default();
        let mut left = usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX);
        let mut text = Vec::new();
        self.produce_after(head, |out| {
            if left == 0 {
                return Ok(false);
            }
            text.clear();
            let block = if as_it_is { &mut *out } else { &mut text };
            let begin = block.len();
            block.reserve(left.min(LARGE_BUFFER));
            rustix::io::read(file, spare_capacity(block)).map_err(|error| Error::File(error.into()))?;
            // The file may have grown.
            block.truncate(begin.saturating_add(left));
            let read = block.len() - begin;
            if read == 0 {
                return Err(shrunk());
            }
            left -= read;
            if !as_it_is {
                encoder.encode(&text, out);
            }
            Ok(left > 0)
        })
    }
}

/// Appends this much of a file.
fn append_range(buffer: &mut Vec<u8>, file: &File, mut offset: u64, mut left: usize) -> Result<(), Error> {
    buffer.reserve_exact(left);
    while left > 0 {
        let begin = buffer.len();
        rustix::io::pread(file, spare_capacity(buffer), offset).map_err(|error| Error::File(error.into()))?;
        buffer.truncate(begin + left);
        let read = buffer.len() - begin;
        if read == 0 {
            return Err(shrunk());
        }
        left -= read;
        offset = offset.saturating_add(u64::try_from(read).unwrap_or(0));
    }
    Ok(())
}

fn shrunk() -> Error {
    Error::File(io::Error::new(ErrorKind::UnexpectedEof, "the file became shorter while it was sent"))
}
