//! Where an upload's bytes go.

use std::fs::File;
use std::io::Write;

use crate::copy::Error;

/// A file that is being written, and how much of it the disk does not have yet.
#[derive(Debug)]
pub struct Sink<'a> {
    /// The file.
    pub file: &'a mut File,
    /// The bytes since they were written back; `None` where that is left to the system.
    dirty: Option<usize>,
}

/// With durable uploads, the bytes are written back as they come, so that the end is short.
const MAX_DIRTY: usize = 64 << 20;

impl<'a> Sink<'a> {
    /// Writes to this file; where the upload must be durable, never far ahead of the disk.
    pub fn new(file: &'a mut File, durable: bool) -> Self {
        Self { file, dirty: durable.then_some(0) }
    }

    /// Writes all bytes.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::File)?;
        self.wrote(bytes.len())
    }

    /// Notes that bytes were written.
    ///
    /// # Errors
    /// [`Error::File`] when they can't be written back.
    pub fn wrote(&mut self, bytes: usize) -> Result<(), Error> {
        let Some(dirty) = &mut self.dirty else { return Ok(()) };
        *dirty += bytes;
        if *dirty >= MAX_DIRTY {
            *dirty = 0;
            self.file.sync_data().map_err(Error::File)?;
        }
        Ok(())
    }
}
