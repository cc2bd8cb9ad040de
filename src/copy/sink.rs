//! Where an upload's bytes go.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, ErrorKind, Write};

use crate::copy::Error;

/// What says how much may be written.
pub trait Allowance: Debug {
    /// Takes room for bytes that are about to be written, or fails.
    fn take(&mut self, bytes: u64) -> io::Result<()>;
}

/// A file that is being written, and how much of it the disk does not have yet.
#[derive(Debug)]
pub struct Sink<'a> {
    /// The file.
    pub file: &'a mut File,
    /// The bytes since they were written back; `None` if that is left to the system.
    dirty: Option<usize>,
    /// The kernel does not splice into a file that is opened to append.
    appends: bool,
    written: u64,
    /// Without it, the disk alone says how much.
    room: Option<&'a mut dyn Allowance>,
}

/// With durable uploads, the bytes are written back as they come, so that the end is short.
const MAX_DIRTY: usize = 64 << 20;

impl<'a> Sink<'a> {
    /// Writes to this file; if the upload must be durable, never far ahead of the disk.
    pub fn new(file: &'a mut File, durable: bool, appends: bool) -> Self {
        Self { file, dirty: durable.then_some(0), appends, written: 0, room: None }
    }

    /// The same with as much room as this says.
    #[must_use]
    pub fn within(self, room: Option<&'a mut dyn Allowance>) -> Self {
        Self { room, ..self }
    }

    /// Whether the kernel can move bytes from a pipe into it.
    pub fn takes_splice(&self) -> bool {
        !self.appends
    }

    /// Bytes written so far.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Takes room for bytes that are about to be written.
    pub fn take(&mut self, bytes: usize) -> Result<(), Error> {
        let Some(room) = &mut self.room else { return Ok(()) };
        room.take(u64::try_from(bytes).unwrap_or(u64::MAX)).map_err(Error::File)
    }

    /// Writes all bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.take(bytes.len())?;
        self.write_taken(bytes)
    }

    /// Writes bytes for which room is taken.
    pub fn write_taken(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(Error::File(ErrorKind::WriteZero.into())),
                Ok(written) => {
                    bytes = &bytes[written..];
                    // Each piece on its own: what a disk took before it was full has to be given back.
                    self.wrote(written)?;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::File(error)),
            }
        }
        Ok(())
    }

    /// Notes that bytes were written.
    pub fn wrote(&mut self, bytes: usize) -> Result<(), Error> {
        self.written += u64::try_from(bytes).unwrap_or(0);
        let Some(dirty) = &mut self.dirty else { return Ok(()) };
        *dirty += bytes;
        if *dirty >= MAX_DIRTY {
            *dirty = 0;
            self.file.sync_data().map_err(Error::File)?;
        }
        Ok(())
    }
}
