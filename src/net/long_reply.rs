//! A reply of several lines that may be too long for memory: its lines are sent while they are made (STAT of a folder).

use std::io;
use std::mem;

use crate::net::control::Control;
use crate::protocol::reply::Reply;

/// A reply that is under way.
#[derive(Debug)]
pub struct LongReply {
    code: u16,
    first: &'static str,
    /// True once the first line was sent.
    begun: bool,
    /// The lines that wait to be sent.
    lines: Vec<Vec<u8>>,
    /// Their bytes.
    held: usize,
}

/// How many bytes of lines are held until they are sent.
const BLOCK: usize = 16 << 10;

impl LongReply {
    /// A reply that will have this code and this first line.
    pub fn new(code: u16, first: &'static str) -> Self {
        Self { code, first, begun: false, lines: Vec::new(), held: 0 }
    }

    /// Adds a line. When many wait, they are sent, which takes as long as the client takes to receive them.
    pub fn add(&mut self, line: &[u8], control: &mut Control) -> io::Result<()> {
        self.held += line.len();
        self.lines.push(line.to_vec());
        if self.held < BLOCK { Ok(()) } else { self.send(control) }
    }

    /// The reply that ends it and is still to be sent: all of it, if no line was sent yet.
    pub fn end(&mut self, last: &'static str, control: &mut Control) -> io::Result<Reply> {
        if self.begun {
            self.send(control)?;
            return Ok(Reply::new(self.code, last));
        }
        Ok(Reply::lines(self.code, self.first, mem::take(&mut self.lines), last))
    }

    /// True once a line was sent: from then on no reply with another code may follow.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    fn send(&mut self, control: &mut Control) -> io::Result<()> {
        let first = (!self.begun).then_some(self.first.as_bytes());
        let lines = first.into_iter().chain(self.lines.iter().map(Vec::as_slice));
        let is_first = !mem::replace(&mut self.begun, true);
        control.send_preludes(self.code, lines, is_first)?;
        self.lines.clear();
        self.held = 0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::thread;

    use super::*;
    use crate::net::ending::Ending;

    /// What a client receives of a reply with this many lines, and whether it was sent in parts.
    fn received(lines: usize) -> (String, bool) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let mut client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (server, peer) = listener.accept().expect("accepted");
        let server = Arc::new(server);
        let ending = Arc::new(Ending::new(Arc::clone(&server), Arc::default()));
        let mut control = Control::new(server, peer, ending).expect("alive");
        let reader = thread::spawn(move || {
            let mut received = String::new();
            client.read_to_string(&mut received).map(|_| received)
        });
        let mut reply = LongReply::new(212, "Status:");
        for number in 0..lines {
            reply.add(format!("entry\r\n{number}").as_bytes(), &mut control).expect("sent");
        }
        let end = reply.end("End.", &mut control).expect("sent");
        control.send(&end).expect("sent");
        drop(control);
        (reader.join().expect("no panic").expect("text"), reply.has_begun())
    }

    #[test]
    fn short_or_long_it_is_one_reply() {
        for (lines, in_parts) in [(0, false), (3, false), (5000, true)] {
            let between: String = (0..lines).map(|number| format!(" entry??{number}\r\n")).collect();
            assert_eq!(received(lines), (format!("212-Status:\r\n{between}212 End.\r\n"), in_parts));
        }
    }
}
