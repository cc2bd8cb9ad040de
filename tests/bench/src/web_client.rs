//! An HTTP client that costs less than any server: content is dropped in the kernel, uploads are sendfile from tmpfs, and
//! the connection is kept.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::Range;

use crate::client::{Content, send_file};
use crate::failure::Failure;
use crate::gulp::gulp;

/// A connection.
pub struct WebClient {
    socket: TcpStream,
    /// What came and is not yet read is at `unread`.
    input: Box<[u8]>,
    unread: Range<usize>,
}

/// What follows the head of an answer.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Framing {
    Length(u64),
    Chunks,
}

/// A head, and perhaps the small file after it, in one call.
const ROOM: usize = 16 << 10;

impl WebClient {
    pub fn connect(address: SocketAddr) -> Result<Self, Failure> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, input: vec![0; ROOM].into(), unread: 0..0 })
    }

    /// GET; how many bytes came.
    pub fn get(&mut self, path: &str) -> Result<u64, Failure> {
        self.ask("GET", path, "")?;
        self.answer(path, &[200], &mut None)
    }

    /// GET; what came.
    pub fn fetch(&mut self, path: &str) -> Result<Vec<u8>, Failure> {
        let mut kept = Some(Vec::new());
        self.ask("GET", path, "")?;
        self.answer(path, &[200], &mut kept)?;
        Ok(kept.unwrap_or_default())
    }

    /// PUT.
    pub fn put(&mut self, path: &str, content: Content) -> Result<(), Failure> {
        let length = match content {
            Content::Bytes(bytes) => u64::try_from(bytes.len()).map_err(Failure::broken)?,
            Content::File(_, length) | Content::Repeated(_, length) => length,
        };
        self.ask("PUT", path, &format!("Content-Length: {length}\r\n"))?;
        match content {
            Content::Bytes(bytes) => self.socket.write_all(bytes)?,
            Content::File(file, length) => send_file(&self.socket, file, length)?,
            Content::Repeated(..) => return Err(Failure::broken("no such upload over HTTP")),
        }
        self.answer(path, &[200, 201, 204], &mut None).map(drop)
    }

    fn ask(&mut self, method: &str, path: &str, fields: &str) -> Result<(), Failure> {
        let head = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{fields}\r\n");
        Ok(self.socket.write_all(head.as_bytes())?)
    }

    /// The answer to a request, to its end; how long its content was.
    fn answer(&mut self, path: &str, codes: &[u16], kept: &mut Option<Vec<u8>>) -> Result<u64, Failure> {
        let line = self.line()?;
        let status: u16 =
            text(&self.input[line.clone()]).split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        if !codes.contains(&status) {
            let what = format!("{path}: {}", text(&self.input[line]));
            return Err(if [405, 501].contains(&status) { Failure::Unsupported(what) } else { Failure::Broken(what) });
        }
        match self.framing(status)? {
            Framing::Length(length) => self.take(length, kept),
            Framing::Chunks => self.take_chunks(kept),
        }
    }

    /// Reads the fields of a head.
    fn framing(&mut self, status: u16) -> Result<Framing, Failure> {
        // RFC 9110 §15.3.5: 204 has no content and says no length.
        let mut framing = (status == 204).then_some(Framing::Length(0));
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return framing.ok_or_else(|| Failure::broken("an answer that ends with its connection"));
            }
            framing = Framing::of(&self.input[line]).or(framing);
        }
    }

    fn take_chunks(&mut self, kept: &mut Option<Vec<u8>>) -> Result<u64, Failure> {
        let mut total = 0;
        loop {
            let line = self.line()?;
            let length = u64::from_str_radix(text(&self.input[line]), 16).map_err(Failure::broken)?;
            total += self.take(length, kept)?;
            // After the last chunk this is the end of the trailer, which is empty.
            if !self.line()?.is_empty() {
                return Err(Failure::broken("a chunk is longer than it says"));
            }
            if length == 0 {
                return Ok(total);
            }
        }
    }

    /// Takes exactly this many bytes.
    fn take(&mut self, length: u64, kept: &mut Option<Vec<u8>>) -> Result<u64, Failure> {
        let here = self.unread.len().min(usize::try_from(length).unwrap_or(usize::MAX));
        let start = self.unread.start;
        self.unread.start += here;
        let mut rest = length - u64::try_from(here).map_err(Failure::broken)?;
        if let Some(kept) = kept {
            kept.extend_from_slice(&self.input[start..start + here]);
            if (&self.socket).take(rest).read_to_end(kept)? as u64 != rest {
                return Err(cut_off());
            }
            return Ok(length);
        }
        while rest > 0 {
            match gulp(&self.socket, rest)? {
                0 => return Err(cut_off()),
                count => rest -= count,
            }
        }
        Ok(length)
    }

    /// The next line, without its end.
    fn line(&mut self) -> Result<Range<usize>, Failure> {
        let mut searched = 0;
        loop {
            let unread = &self.input[self.unread.clone()];
            if let Some(length) = unread[searched..].iter().position(|&byte| byte == b'\n') {
                let (start, end) = (self.unread.start, self.unread.start + searched + length);
                self.unread.start = end + 1;
                let has_return = end > start && self.input[end - 1] == b'\r';
                return Ok(start..end - usize::from(has_return));
            }
            searched = unread.len();
            self.fill()?;
        }
    }

    fn fill(&mut self) -> Result<(), Failure> {
        self.input.copy_within(self.unread.clone(), 0);
        self.unread = 0..self.unread.len();
        match self.socket.read(&mut self.input[self.unread.end..])? {
            0 => Err(cut_off()),
            count => {
                self.unread.end += count;
                Ok(())
            }
        }
    }
}

impl Framing {
    /// What a field says of it, if it is one that does.
    fn of(field: &[u8]) -> Option<Self> {
        let (name, value) = text(field).split_once(':')?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            return value.parse().ok().map(Self::Length);
        }
        (name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked"))
            .then_some(Self::Chunks)
    }
}

/// Heads are ASCII; nothing else is looked for in them.
fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or_default()
}

fn cut_off() -> Failure {
    Failure::broken("the connection is closed in the middle, or instead, of an answer")
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Shutdown, TcpListener};

    use super::*;

    fn fetched(answer: &str) -> Result<Vec<u8>, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut client = WebClient::connect(listener.local_addr().unwrap()).unwrap();
        let mut server = listener.accept().unwrap().0;
        server.write_all(answer.as_bytes()).unwrap();
        server.shutdown(Shutdown::Write).unwrap();
        client.fetch("/")
    }

    #[test]
    fn content_has_a_length_or_chunks() {
        let long = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
        let chunks = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        assert_eq!([long, chunks].map(|answer| fetched(answer).unwrap()), [b"hello", b"hello"]);
    }

    #[test]
    fn an_answer_that_is_cut_off_is_none() {
        assert!(fetched("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell").is_err());
        assert!(fetched("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n").is_err());
    }

    #[test]
    fn what_a_server_does_not_know_is_not_its_failure() {
        assert!(matches!(fetched("HTTP/1.1 405 No\r\n\r\n"), Err(Failure::Unsupported(_))));
        assert!(matches!(fetched("HTTP/1.1 404 No\r\n\r\n"), Err(Failure::Broken(_))));
    }
}
