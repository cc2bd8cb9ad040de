//! One TLS connection over a socket that its caller holds: the same steps for control and data connections.

use std::io::{self, BufRead, ErrorKind, Read, Write};

use rustls::{IoState, ServerConnection};

/// The server's side of a TLS connection. If its socket does not block, a step that would fails with `WouldBlock`.
#[derive(Debug)]
pub struct Secured {
    connection: ServerConnection,
    /// Encrypted bytes that were received in one go and not decrypted yet.
    encrypted: Vec<u8>,
    taken: usize,
    records: Records,
}

/// Where the records begin in the bytes that came (RFC 8446 §5.1), to tell an end between two of them from one inside.
#[derive(Debug, Default)]
struct Records {
    /// Bytes of the current record's header.
    header: Vec<u8>,
    /// Bytes of its content that are still to come.
    left: usize,
}

/// Type, version, length.
const RECORD_HEADER: usize = 5;

impl Secured {
    /// Before the handshake.
    pub fn new(connection: ServerConnection) -> Self {
        Self { connection, encrypted: Vec::new(), taken: 0, records: Records::default() }
    }

    /// What was negotiated.
    pub fn connection(&self) -> &ServerConnection {
        &self.connection
    }

    /// Goes on with the handshake to its end.
    ///
    /// # Errors
    /// `WouldBlock` when the socket has to be waited for, see [`Self::wants_write`]; `UnexpectedEof` when the client
    /// closed; `InvalidData` around rustls's error when it failed; the client was told.
    pub fn shake_hands(&mut self, socket: &mut (impl Read + Write)) -> io::Result<()> {
        loop {
            self.flush(socket)?;
            if !self.connection.is_handshaking() {
                return Ok(());
            }
            // The last read may bring the beginning of the first data.
            if self.connection.read_tls(&mut Followed { socket, records: &mut self.records })? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            if let Err(error) = self.process() {
                // The alert says why; a client that does not take it has gone.
                let _ = self.flush(socket);
                return Err(error);
            }
        }
    }

    /// Whether the socket must accept bytes before anything else can go on.
    pub fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Decrypts what has come, with one read at most; 0 at the end. Commands end with their line, so a stream of them need
    /// not end with close_notify.
    ///
    /// # Errors
    /// `Interrupted` when what was read holds no byte of the client's yet, so that the caller can check the clock.
    pub fn receive(&mut self, socket: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        if self.holds_nothing() {
            self.connection.read_tls(socket)?;
            self.process()?;
            if self.holds_nothing() {
                return Err(ErrorKind::Interrupted.into());
            }
        }
        match self.connection.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(0),
            other => other,
        }
    }

    /// Decrypts into the spare room of `buffer` as much as there is; 0 after close_notify. `fetch`, which is called once at
    /// most, receives encrypted bytes into the spare room of its buffer, which is as large.
    ///
    /// # Errors
    /// `WouldBlock` when what was fetched holds no byte of the client's yet; `UnexpectedEof` if the stream ended without
    /// close_notify.
    pub fn receive_much(
        &mut self,
        mut fetch: impl FnMut(&mut Vec<u8>) -> io::Result<usize>,
        buffer: &mut Vec<u8>,
    ) -> io::Result<usize> {
        let begin = buffer.len();
        let mut fetched = false;
        loop {
            let drained = self.drain(buffer);
            let received = buffer.len() - begin;
            match drained {
                Ok(()) => return Ok(received),
                Err(error) if error.kind() == ErrorKind::WouldBlock && self.holds_encrypted() => {}
                Err(_) if received > 0 => return Ok(received),
                Err(error) if error.kind() == ErrorKind::WouldBlock && !fetched => {
                    fetched = true;
                    self.encrypted.clear();
                    self.taken = 0;
                    self.encrypted.reserve_exact(buffer.capacity());
                    fetch(&mut self.encrypted)?;
                    self.records.follow(&self.encrypted);
                }
                Err(error) => return Err(error),
            }
            self.taken += self.connection.read_tls(&mut &self.encrypted[self.taken..])?;
            self.process()?;
        }
    }

    /// Takes what is decrypted until the buffer is full or the stream ends; `WouldBlock` if there is room for more.
    fn drain(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let mut reader = self.connection.reader();
        loop {
            let room = buffer.capacity() - buffer.len();
            let plain = reader.fill_buf()?;
            let taken = plain.len().min(room);
            buffer.extend_from_slice(&plain[..taken]);
            if plain.is_empty() || taken == room {
                reader.consume(taken);
                return Ok(());
            }
            reader.consume(taken);
        }
    }

    /// Takes in one record and not a byte more; true once the client has sent its close_notify.
    pub fn receive_record(&mut self, socket: &mut impl Read) -> io::Result<bool> {
        // RFC 8446 §5.1: type, version, length.
        let mut header = [0; RECORD_HEADER];
        socket.read_exact(&mut header)?;
        let mut record = header.to_vec();
        record.resize(header.len() + usize::from(u16::from_be_bytes([header[3], header[4]])), 0);
        socket.read_exact(&mut record[header.len()..])?;
        let mut left = &record[..];
        let mut closed = false;
        while !left.is_empty() && self.connection.read_tls(&mut left)? > 0 {
            closed = self.process()?.peer_has_closed();
        }
        Ok(closed)
    }

    /// Whether bytes are decrypted and not taken yet.
    pub fn holds_bytes(&mut self) -> bool {
        self.connection.reader().fill_buf().is_ok_and(|plain| !plain.is_empty())
    }

    /// Whether bytes were received that are not decrypted yet; see [`Self::receive_much`].
    pub fn holds_encrypted(&self) -> bool {
        self.taken < self.encrypted.len()
    }

    /// Gives back the memory for bytes that are not decrypted yet, if there are none.
    pub fn rest(&mut self) {
        if !self.holds_encrypted() {
            (self.encrypted, self.taken) = (Vec::new(), 0);
        }
    }

    /// Whether there is neither a byte nor an end.
    fn holds_nothing(&mut self) -> bool {
        self.connection.reader().fill_buf().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Encrypts and sends all bytes.
    pub fn send_all(&mut self, socket: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        self.connection.writer().write_all(bytes)?;
        self.flush(socket)
    }

    /// Encrypts and sends. All bytes count as sent as soon as they are encrypted; what the socket did not take yet goes
    /// before the next ones, or with [`Self::flush`].
    ///
    /// # Errors
    /// `WouldBlock` while earlier bytes have not gone.
    pub fn send(&mut self, socket: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
        self.flush(socket)?;
        let taken = self.connection.writer().write(bytes)?;
        match self.flush(socket) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(taken),
            other => other.map(|()| taken),
        }
    }

    /// Sends what is encrypted and has not gone yet.
    pub fn flush(&mut self, socket: &mut impl Write) -> io::Result<()> {
        while self.connection.wants_write() {
            match self.connection.write_tls(socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that nothing more comes (close_notify, RFC 8446 §6.1), once.
    pub fn close(&mut self, socket: &mut impl Write) -> io::Result<()> {
        self.connection.send_close_notify();
        self.flush(socket)
    }

    /// Whether what came last, by [`Self::receive_much`], is a part of a record.
    pub fn is_inside_record(&self) -> bool {
        self.records.left > 0 || !self.records.header.is_empty()
    }

    fn process(&mut self) -> io::Result<IoState> {
        self.connection.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }
}

/// A socket whose records are followed.
struct Followed<'a, S> {
    socket: &'a mut S,
    records: &'a mut Records,
}

impl<S: Read> Read for Followed<'_, S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.socket.read(buffer)?;
        self.records.follow(&buffer[..read]);
        Ok(read)
    }
}

impl Records {
    fn follow(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let content = self.left.min(bytes.len());
            self.left -= content;
            bytes = &bytes[content..];
            let wanted = (RECORD_HEADER - self.header.len()).min(bytes.len());
            self.header.extend_from_slice(&bytes[..wanted]);
            bytes = &bytes[wanted..];
            if let [_, _, _, high, low] = self.header[..] {
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.header.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_followed_however_they_are_cut() {
        let record = |length: u16| [&[23, 3, 3][..], &length.to_be_bytes(), &vec![0; length.into()]].concat();
        let stream = [record(0), record(1), record(300)].concat();
        let ends = [5, 11, 316];
        for cut in 1..12 {
            for end in 1..=stream.len() {
                let mut records = Records::default();
                stream[..end].chunks(cut).for_each(|chunk| records.follow(chunk));
                let is_whole = records.left == 0 && records.header.is_empty();
                assert_eq!(is_whole, ends.contains(&end), "{end} bytes in steps of {cut}");
            }
        }
    }
}
