//! The part of an FTP client that a check needs.
//!
//! Errors are the system's, and `TimedOut` if nothing comes back.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

/// Dialling an address of this machine takes microseconds, unless a firewall drops the packets.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest line of a reply, in bytes: no FTP server sends more.
const MAX_LINE: u64 = 4096;
/// Most lines of a reply: no FTP server sends more.
const MAX_LINES: usize = 500;

/// Connects to an address of this machine.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT)?;
    // A check dials many ports, and must leave none of them in TIME_WAIT.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(stream)
}

/// The client's end of a control connection.
pub struct Client {
    stream: BufReader<TcpStream>,
}

/// A reply of the server; prints as its first line.
#[derive(Debug, PartialEq, Eq)]
pub struct ServerReply {
    /// The reply code.
    pub code: u16,
    /// The text of the first line.
    pub text: String,
}

impl Client {
    /// A client that waits for each line as long as `patience`.
    pub fn new(stream: TcpStream, patience: Duration) -> io::Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Names the client that the connection is for, as a load balancer does (PROXY protocol, version 1).
    pub fn introduce(&mut self, client: SocketAddr) -> io::Result<()> {
        let server = self.stream.get_ref().peer_addr()?;
        let family = if client.is_ipv4() { 4 } else { 6 };
        let ((from, from_port), (to, port)) = ((client.ip(), client.port()), (server.ip(), server.port()));
        self.stream.get_mut().write_all(format!("PROXY TCP{family} {from} {to} {from_port} {port}\r\n").as_bytes())
    }

    /// The address of this end.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.stream.get_ref().local_addr()
    }

    /// Sends a command and reads its reply.
    pub fn ask(&mut self, command: &str) -> io::Result<ServerReply> {
        self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        self.reply()
    }

    /// Sends bytes as they are, and reads the first line of the answer.
    pub fn request(&mut self, request: &str) -> io::Result<String> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        Ok(self.line()?.escape_debug().to_string())
    }

    /// The next reply (RFC 959 §4.2); the error is `InvalidData` if the server sends something else.
    pub fn reply(&mut self) -> io::Result<ServerReply> {
        let first = self.line()?;
        let code = first.get(..3).and_then(|digits| digits.parse().ok()).ok_or(ErrorKind::InvalidData)?;
        let reply = ServerReply { code, text: first.get(4..).unwrap_or_default().to_owned() };
        if first.as_bytes().get(3) != Some(&b'-') {
            return Ok(reply);
        }
        let last = format!("{} ", &first[..3]);
        for _ in 0..MAX_LINES {
            if self.line()?.starts_with(&last) {
                return Ok(reply);
            }
        }
        Err(ErrorKind::InvalidData.into())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        let late = |error: io::Error| match error.kind() {
            ErrorKind::WouldBlock => ErrorKind::TimedOut.into(),
            _ => error,
        };
        (&mut self.stream).take(MAX_LINE).read_until(b'\n', &mut line).map_err(late)?;
        let ended = line.strip_suffix(b"\n").ok_or(ErrorKind::InvalidData)?;
        Ok(String::from_utf8_lossy(ended.strip_suffix(b"\r").unwrap_or(ended)).into_owned())
    }
}

impl fmt::Display for ServerReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// How a client reads these bytes as a reply.
    fn read(bytes: &[u8]) -> Result<ServerReply, ErrorKind> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(bytes).unwrap();
        drop(peer);
        Client::new(stream, Duration::from_secs(5)).unwrap().reply().map_err(|error| error.kind())
    }

    #[test]
    fn replies_have_a_code_and_end_with_their_last_line() {
        let reply = |code, text: &str| Ok(ServerReply { code, text: text.to_owned() });
        let cases: [(&[u8], Result<ServerReply, ErrorKind>); 7] = [
            (b"220 ftpd ready.\r\n", reply(220, "ftpd ready.")),
            (b"220-Hello\r\n 220 not yet\r\n220 there\r\n", reply(220, "Hello")),
            (b"421\n", reply(421, "")),
            (b"SSH-2.0-OpenSSH_9.2\r\n", Err(ErrorKind::InvalidData)),
            (b"220-Hello\r\n", Err(ErrorKind::InvalidData)),
            (b"220 ", Err(ErrorKind::InvalidData)),
            (b"\xff\xfe\xfd\xfc\r\n", Err(ErrorKind::InvalidData)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(read(bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
