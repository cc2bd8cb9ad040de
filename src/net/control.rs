//! The control connection: lines in, replies out, each wait with its end.

use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::net::RecvFlags;

use crate::net::ending::{Ending, Notice};
use crate::net::outgoing::Outgoing;
use crate::net::secured::Secured;
use crate::net::tls::{Protection, Tls};
use crate::net::until::Until;
use crate::net::who::{Who, canonical};
use crate::protocol::legible::Legible;
use crate::protocol::line::{Line, LineBuffer};
use crate::protocol::reply::Reply;

/// What came, or why nothing came.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The next line.
    Line(Line),
    /// The client closed the connection, or it broke.
    Closed,
    /// Nothing came in time.
    TimedOut,
    /// The session is asked to end.
    Asked(Box<Notice>),
}

/// A client's control connection.
#[derive(Debug)]
pub struct Control {
    /// Shared with what may shut its reading side down to wake the session: see [`Ending`].
    stream: Arc<TcpStream>,
    /// From AUTH on, and until CCC.
    secured: Option<Box<Secured>>,
    local: SocketAddr,
    ending: Arc<Ending>,
    input: LineBuffer,
    /// Kept from reply to reply.
    output: Vec<u8>,
    armed: Armed,
    /// The client.
    pub who: Who,
}

/// The receive timeout that is set on the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Armed {
    Never,
    After(Duration),
    /// Another one was set meanwhile.
    Unknown,
}

/// How long a client may take to begin the end of TLS itself.
const COURTESY: Duration = Duration::from_millis(250);
/// How long a client may take to answer the end of TLS.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How much of what a client has sent is dropped after the last reply; a client that sends more may lose that reply.
const MAX_UNREAD: usize = 256 * 1024;
const UNREAD_STEP: usize = 1024;
/// The bytes of commands that may wait while a transfer runs; no more are read then.
const MAX_WAITING: usize = 16 * 1024;

impl Control {
    /// Takes over an accepted connection.
    pub fn new(stream: Arc<TcpStream>, peer: SocketAddr, ending: Arc<Ending>) -> io::Result<Self> {
        let local = canonical(stream.local_addr()?);
        let (input, output) = (LineBuffer::default(), Vec::new());
        Ok(Self { stream, secured: None, local, ending, input, output, armed: Armed::Never, who: Who::new(peer) })
    }

    /// The server's end of the connection; IPv4-mapped addresses are IPv4.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Waits for the next line until the deadline, and for no longer than `idle`, even if bytes come meanwhile.
    pub fn next(&mut self, idle: Option<Duration>, deadline: Option<Instant>) -> Event {
        let mut idle_end = None;
        loop {
            if self.ending.is_barred() {
                return self.end();
            }
            if let Some(line) = self.input.take() {
                return Event::Line(line);
            }
            if self.ending.is_asked() {
                return self.end();
            }
            // The first wait is for the whole of `idle`, which is set on the socket most times.
            let now = Instant::now();
            let end = *idle_end.get_or_insert(idle.map(|idle| now + idle));
            let left = [end, deadline].into_iter().flatten().min().map(|end| end.saturating_duration_since(now));
            if self.arm(left).is_err() {
                return Event::TimedOut;
            }
            match self.receive() {
                Ok(0) => return self.end(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Event::TimedOut,
                Err(_) => return Event::Closed,
            }
        }
    }

    /// Why nothing more comes.
    #[cold]
    fn end(&self) -> Event {
        self.ending.notice().map_or(Event::Closed, |notice| Event::Asked(Box::new(notice)))
    }

    /// Blocks until something comes. The buffer is on the stack, and small: an idle session holds no page for it.
    fn receive(&mut self) -> io::Result<usize> {
        let mut bytes = [0; 512];
        let received = match &mut self.secured {
            None => (&*self.stream).read(&mut bytes)?,
            Some(secured) => secured.receive(&mut &*self.stream, &mut bytes)?,
        };
        self.input.push(&bytes[..received]);
        Ok(received)
    }

    /// Waits for the next line until the deadline; true if something else is ready before.
    pub fn wait_beside(&mut self, (fd, events): (BorrowedFd, PollFlags), deadline: Option<Instant>) -> bool {
        if self.input.lines().next().is_some() || self.holds_bytes() {
            return false;
        }
        let mut fds = [PollFd::new(&self.stream, PollFlags::IN), PollFd::from_borrowed_fd(fd, events)];
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        let woken = rustix::event::poll(&mut fds, timeout.as_ref());
        woken.is_ok_and(|woken| woken > 0) && fds[0].revents().is_empty()
    }

    /// Sends a reply.
    pub fn send(&mut self, reply: &Reply) -> io::Result<()> {
        self.output.clear();
        reply.write_to(&mut self.output);
        self.flush()
    }

    /// Sends lines of a reply that goes on after them. If `first` is set, the first of them begins the reply.
    pub fn send_preludes<'l>(
        &mut self,
        code: u16,
        lines: impl IntoIterator<Item = &'l [u8]>,
        mut first: bool,
    ) -> io::Result<()> {
        self.output.clear();
        for line in lines {
            Reply::write_prelude(code, line, mem::take(&mut first), &mut self.output);
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.who.log(Level::Debug, format_args!("-> {}", Legible(self.output.trim_ascii_end())));
        let sent = match &mut self.secured {
            None => Outgoing(&self.stream).write_all(&self.output),
            Some(secured) => secured.send_all(&mut Outgoing(&self.stream), &self.output),
        };
        self.output.shrink_to(512);
        sent
    }

    /// Shakes hands as a TLS server, before the deadline; gives what data connections need. Nothing that came in clear is
    /// kept: it may have been added on the way.
    pub fn secure(&mut self, tls: &Arc<Tls>, deadline: Instant) -> io::Result<Protection> {
        self.input = LineBuffer::default();
        let (connection, protection) = tls.accept()?;
        let mut secured = Box::new(Secured::new(connection));
        secured.shake_hands(&mut self.until(deadline))?;
        self.secured = Some(secured);
        Ok(protection)
    }

    /// Ends TLS and goes on in clear (CCC, RFC 4217 §6), with the client's consent before the deadline: its close_notify,
    /// or a first byte that is none of TLS.
    pub fn unsecure(&mut self, deadline: Instant) -> io::Result<()> {
        let Some(mut secured) = self.secured.take() else { return Ok(()) };
        // To some clients (lftp) an end that comes before theirs is the end of the connection; others (curl) wait for it.
        let _ = self.until(Instant::now() + COURTESY).peek();
        secured.close(&mut &*self.stream)?;
        let mut until = self.until(deadline);
        // RFC 8446 §5.1: a record begins with a content type from 20 to 24.
        while (20..=24).contains(&until.peek()?.ok_or(ErrorKind::UnexpectedEof)?)
            && !secured.receive_record(&mut until)?
        {}
        Ok(())
    }

    /// What TLS negotiated; `None` in clear.
    pub fn security(&self) -> Option<&Secured> {
        self.secured.as_deref()
    }

    /// Ends the connection in a way that lets the last reply arrive: bytes left unread would reset it. Under TLS it sends
    /// close_notify and waits a moment for the client to close as well: an answer of its TLS must not meet a closed port.
    #[cold]
    pub fn close(&mut self) {
        let Some(mut secured) = self.secured.take() else { return drop_unread(&self.stream) };
        if secured.close(&mut &*self.stream).is_err() || self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let mut until = self.until(Instant::now() + LAST_WORDS);
        let mut rest = [0; 512];
        while until.read(&mut rest).is_ok_and(|read| read > 0) {}
    }

    fn until(&mut self, deadline: Instant) -> Until<'_> {
        self.armed = Armed::Unknown;
        Until::new(&self.stream, deadline)
    }

    /// Whether bytes have been decrypted that are not taken yet.
    pub fn holds_bytes(&mut self) -> bool {
        self.secured.as_mut().is_some_and(|secured| secured.holds_bytes())
    }

    /// Waits without reading: what the client sends meanwhile stays in the queue. Ends early when the client is gone.
    pub fn pause(&self, duration: Duration) {
        let deadline = Instant::now() + duration;
        // RDHUP shows half a close, or that the session is asked to end. After half a close only the whole one ends the wait.
        for events in [PollFlags::RDHUP, PollFlags::empty()] {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return };
            let mut fds = [PollFd::new(&self.stream, events)];
            let timeout = Timespec::try_from(left).ok();
            let gone = PollFlags::HUP | PollFlags::ERR;
            match rustix::event::poll(&mut fds, timeout.as_ref()) {
                Ok(woken) if woken > 0 && !fds[0].revents().intersects(gone) && !self.ending.is_asked() => {}
                _ => return,
            }
        }
    }

    /// Takes in what has arrived, without waiting, as far as there is room for it; false once the client has closed its
    /// side. It fails if the connection broke, or brings a line without end.
    pub fn receive_waiting(&mut self) -> io::Result<bool> {
        let mut bytes = [0; 512];
        // What is decrypted is taken in any case: the socket would not tell of it again.
        while self.has_room() || self.holds_bytes() {
            let read = match &mut self.secured {
                None => Arrived(&self.stream).read(&mut bytes),
                Some(secured) => secured.receive(&mut Arrived(&self.stream), &mut bytes),
            };
            match read {
                Ok(0) => return Ok(false),
                Ok(read) => self.input.push(&bytes[..read]),
                // Whatever is left wakes the next wait.
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => break,
                Err(error) => return Err(error),
            }
            if self.input.is_flooded() {
                return Err(ErrorKind::InvalidData.into());
            }
        }
        Ok(true)
    }

    /// The lines that have arrived and wait, in order.
    pub fn waiting(&self) -> impl Iterator<Item = &[u8]> {
        self.input.lines()
    }

    /// The bytes so far of a line that has not ended.
    pub fn unended(&self) -> &[u8] {
        self.input.unended()
    }

    /// Takes the first waiting line out, one that the log may show.
    pub fn skip(&mut self) {
        if let Some(Line::Text(line)) = self.input.take() {
            self.who.log(Level::Debug, format_args!("<- {}", Legible(&line)));
        }
    }

    /// Whether more commands are read: not while too many wait.
    pub fn has_room(&self) -> bool {
        self.input.waiting() < MAX_WAITING
    }

    /// Why and how soon the session must end; `None` as long as it may stay.
    pub fn notice(&self) -> Option<Notice> {
        self.ending.notice()
    }

    /// Whether nothing more is read from the client because the session is asked to end.
    pub fn is_shut(&self) -> bool {
        self.ending.is_shut()
    }

    /// Sets the receive timeout, unless the one that is set does (a quarter of a second early or late is no matter).
    fn arm(&mut self, wanted: Option<Duration>) -> io::Result<()> {
        if wanted.is_some_and(|wanted| wanted.is_zero()) {
            return Err(ErrorKind::TimedOut.into());
        }
        let fits = match (self.armed, wanted) {
            (Armed::After(armed), Some(wanted)) => armed.abs_diff(wanted) < Duration::from_millis(250),
            (armed, None) => armed == Armed::Never,
            (Armed::Never | Armed::Unknown, Some(_)) => false,
        };
        if !fits {
            self.stream.set_read_timeout(wanted)?;
            self.armed = wanted.map_or(Armed::Never, Armed::After);
        }
        Ok(())
    }
}

/// Drops what a client has sent, without a wait: bytes left unread would end its connection with a reset, and the last
/// reply might get lost.
pub fn drop_unread(stream: &TcpStream) {
    for _ in 0..MAX_UNREAD / UNREAD_STEP {
        if !Arrived(stream).read(&mut [0; UNREAD_STEP]).is_ok_and(|read| read == UNREAD_STEP) {
            return;
        }
    }
}

/// What has arrived on the control connection, without a wait.
struct Arrived<'a>(&'a TcpStream);

impl Read for Arrived<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (received, _) = rustix::net::recv(self.0, buffer, RecvFlags::DONTWAIT)?;
        Ok(received)
    }
}

impl AsFd for Control {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_timeout_that_somebody_else_has_set_is_set_again() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let _client = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
        let (stream, peer) = listener.accept().expect("accepted");
        let stream = Arc::new(stream);
        let ending = Arc::new(Ending::new(Arc::clone(&stream), Arc::default()));
        let mut control = Control::new(stream, peer, ending).expect("connected");
        for wanted in [Some(Duration::from_millis(100)), None] {
            control.arm(wanted).expect("set");
            control.until(Instant::now());
            control.stream.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
            control.arm(wanted).expect("set");
            assert_eq!(control.stream.read_timeout().expect("readable"), wanted);
        }
    }
}
