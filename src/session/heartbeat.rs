//! Lines that keep a client patient while its answer takes long: many give up after 20 or 30 s of silence.

use std::io;
use std::time::{Duration, Instant};

use crate::net::control::Control;

/// An answer that is under way. Its first line may be sent long before its last.
#[derive(Debug)]
pub struct Heartbeat {
    code: u16,
    text: &'static str,
    due: Instant,
    spoken: bool,
}

impl Heartbeat {
    /// The time between two lines.
    pub const INTERVAL: Duration = Duration::from_secs(10);

    /// An answer that will have this code, and what the client is told meanwhile.
    pub fn new(code: u16, text: &'static str, now: Instant) -> Self {
        Self { code, text, due: now + Self::INTERVAL, spoken: false }
    }

    /// Sends a line if it is time.
    pub fn beat(&mut self, control: &mut Control, now: Instant) -> io::Result<()> {
        if now < self.due {
            return Ok(());
        }
        let first = !std::mem::replace(&mut self.spoken, true);
        self.due = now + Self::INTERVAL;
        control.send_preludes(self.code, [self.text.as_bytes()], first)
    }

    /// True once a line was sent: from then on no reply with another code may follow.
    pub fn has_spoken(&self) -> bool {
        self.spoken
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;

    use super::*;
    use crate::net::ending::Ending;
    use crate::protocol::reply::Reply;

    #[test]
    fn lines_come_every_ten_seconds_and_make_one_reply_with_the_last() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let mut client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (server, peer) = listener.accept().expect("accepted");
        let server = Arc::new(server);
        let ending = Arc::new(Ending::new(Arc::clone(&server), Arc::default()));
        let mut control = Control::new(server, peer, ending).expect("alive");
        let start = Instant::now();
        let mut heartbeat = Heartbeat::new(226, "Writing to the disk.", start);
        for seconds in [0, 9, 10, 11, 19, 20, 25] {
            heartbeat.beat(&mut control, start + Duration::from_secs(seconds)).expect("sent");
            assert_eq!(heartbeat.has_spoken(), seconds >= 10);
        }
        control.send(&Reply::new(226, "Done.")).expect("sent");
        drop(control);
        let mut received = String::new();
        client.read_to_string(&mut received).expect("text");
        assert_eq!(received, "226-Writing to the disk.\r\n Writing to the disk.\r\n226 Done.\r\n");
    }
}
