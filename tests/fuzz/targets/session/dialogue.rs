//! A client that says what it is told to and answers every data connection, on one thread.

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// What the client sends on every data connection.
const PAYLOAD: &[u8] = b"line\r\nlone\rcr\nend\r";

/// A session that is silent for this long hangs: the server is told to give up far earlier.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Dialogue {
    server: IpAddr,
    control: TcpStream,
    listener: TcpListener,
    data: Vec<TcpStream>,
    heard: Heard,
    /// How much of the replies has been looked at for ports.
    read: usize,
}

/// Everything that the server sent.
#[derive(Default)]
pub struct Heard {
    pub replies: Vec<u8>,
    pub data: Vec<u8>,
    /// It hung up before it had read everything, which may have cost its last replies on their way.
    pub reset: bool,
}

impl Heard {
    pub fn all(&self) -> Vec<u8> {
        [&self.replies[..], &self.data].concat()
    }
}

impl Dialogue {
    pub fn with(server: SocketAddr) -> Dialogue {
        let control = TcpStream::connect(server).unwrap();
        let listener = TcpListener::bind((server.ip(), 0)).unwrap();
        control.set_nonblocking(true).unwrap();
        listener.set_nonblocking(true).unwrap();
        Dialogue { server: server.ip(), control, listener, data: Vec::new(), heard: Heard::default(), read: 0 }
    }

    /// The input with the listener's address at the places for it.
    pub fn fill_in(&self, input: &[u8]) -> Vec<u8> {
        const MARK: &[u8] = b"@PORT";
        let [high, low] = self.listener.local_addr().unwrap().port().to_be_bytes();
        let address = format!("127,0,0,1,{high},{low}");
        let mut filled = Vec::new();
        let mut rest = input;
        while let Some(at) = rest.windows(MARK.len()).position(|part| part == MARK) {
            filled.extend_from_slice(&rest[..at]);
            filled.extend_from_slice(address.as_bytes());
            rest = &rest[at + MARK.len()..];
        }
        [&filled[..], rest].concat()
    }

    /// Says everything and listens until the server hangs up.
    pub fn run(mut self, mut said: &[u8]) -> Heard {
        while self.listen() {
            match self.control.write(said) {
                Ok(written) => said = &said[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                // What it said before is still to be read, and the next read may show an orderly end.
                Err(_) => (said, self.heard.reset) = (&[], true),
            }
            self.dial();
            self.accept();
            self.exchange();
            self.wait(!said.is_empty());
        }
        self.heard
    }

    /// Takes replies in; false at the end.
    fn listen(&mut self) -> bool {
        let mut buffer = [0; 4096];
        loop {
            match self.control.read(&mut buffer) {
                Ok(0) => return false,
                Ok(length) => self.heard.replies.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => {
                    self.heard.reset = true;
                    return false;
                }
            }
        }
    }

    /// Connects to every passive port that was named.
    fn dial(&mut self) {
        while let Some(length) = self.heard.replies[self.read..].iter().position(|&byte| byte == b'\n') {
            let line = String::from_utf8_lossy(&self.heard.replies[self.read..self.read + length]).into_owned();
            self.read += length + 1;
            let port = passive_port(&line);
            if let Some(Ok(data)) = port.map(|port| TcpStream::connect((self.server, port))) {
                self.begin(data);
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((data, _)) = self.listener.accept() {
            self.begin(data);
        }
    }

    fn begin(&mut self, mut data: TcpStream) {
        data.set_nonblocking(true).unwrap();
        let _ = data.write_all(PAYLOAD);
        let _ = data.shutdown(Shutdown::Write);
        self.data.push(data);
    }

    /// Reads from all data connections what there is.
    fn exchange(&mut self) {
        let heard = &mut self.heard.data;
        self.data.retain_mut(|data| {
            let ended = data.read_to_end(heard);
            ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
        });
    }

    fn wait(&self, has_more_to_say: bool) {
        let out = if has_more_to_say { PollFlags::OUT } else { PollFlags::empty() };
        let mut fds = vec![
            PollFd::from_borrowed_fd(self.control.as_fd(), PollFlags::IN | out),
            PollFd::from_borrowed_fd(self.listener.as_fd(), PollFlags::IN),
        ];
        fds.extend(self.data.iter().map(|data| PollFd::from_borrowed_fd(data.as_fd(), PollFlags::IN)));
        let timeout = Timespec::try_from(PATIENCE).unwrap();
        // The fuzzer's own clock interrupts it now and then.
        let woken = poll(&mut fds, Some(&timeout));
        assert!(woken != Ok(0), "the session hangs after {}", self.heard.replies.escape_ascii());
    }
}

/// The port of a 227 or 229.
fn passive_port(line: &str) -> Option<u16> {
    let line = line.trim_end();
    if let Some(rest) = line.strip_prefix("229 Entering Extended Passive Mode (|||") {
        return rest.strip_suffix("|)")?.parse().ok();
    }
    let list = line.strip_prefix("227 Entering Passive Mode (")?.strip_suffix(").")?;
    let numbers: Vec<u8> = list.split(',').map_while(|number| number.parse().ok()).collect();
    numbers.get(4..6).map(|port| u16::from_be_bytes([port[0], port[1]]))
}
