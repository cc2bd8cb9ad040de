//! The little of an FTP client that a check needs: dial, read replies, log in.

use std::fmt;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

/// Dialling an address of one's own machine takes microseconds, unless somebody drops the packets.
const TO_CONNECT: Duration = Duration::from_secs(2);
/// More is no FTP.
const LONGEST_LINE: u64 = 4096;
/// More is no FTP, either.
const MOST_LINES: usize = 500;

/// A connection to a local address.
///
/// # Errors
/// As the system says; `TimedOut` where nothing at all comes back.
pub fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, TO_CONNECT)?;
    // A check that dials every port leaves none of them in TIME_WAIT.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO))?;
    Ok(stream)
}

/// A control connection, the client's end.
pub struct Client {
    stream: BufReader<TcpStream>,
}

/// A reply; prints as its first line.
#[derive(Debug, PartialEq, Eq)]
pub struct Reply {
    /// The reply code.
    pub code: u16,
    /// The text of the first line.
    pub text: String,
}

impl Client {
    /// Speaks over `stream`, and waits so long for each line.
    ///
    /// # Errors
    /// As the system says.
    pub fn new(stream: TcpStream, patience: Duration) -> io::Result<Self> {
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    /// Says for whom the connection is made, as load balancers do (PROXY protocol, version 1).
    ///
    /// # Errors
    /// As the system says.
    pub fn introduce(&mut self, client: SocketAddr) -> io::Result<()> {
        let server = self.stream.get_ref().peer_addr()?;
        let family = if client.is_ipv4() { 4 } else { 6 };
        let ((from, from_port), (to, port)) = ((client.ip(), client.port()), (server.ip(), server.port()));
        self.stream.get_mut().write_all(format!("PROXY TCP{family} {from} {to} {from_port} {port}\r\n").as_bytes())
    }

    /// The own end of the connection.
    ///
    /// # Errors
    /// As the system says.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.stream.get_ref().local_addr()
    }

    /// Sends a command and reads its reply.
    ///
    /// # Errors
    /// As [`Client::reply`].
    pub fn ask(&mut self, command: &str) -> io::Result<Reply> {
        self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes())?;
        self.reply()
    }

    /// The next reply (RFC 959 §4.2).
    ///
    /// # Errors
    /// `InvalidData` where it is none, `TimedOut` where none comes; else as the system says.
    pub fn reply(&mut self) -> io::Result<Reply> {
        let first = self.line()?;
        let code = first.get(..3).and_then(|digits| digits.parse().ok()).ok_or(ErrorKind::InvalidData)?;
        let reply = Reply { code, text: first.get(4..).unwrap_or_default().to_owned() };
        if first.as_bytes().get(3) != Some(&b'-') {
            return Ok(reply);
        }
        let last = format!("{} ", &first[..3]);
        for _ in 0..MOST_LINES {
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
        (&mut self.stream).take(LONGEST_LINE).read_until(b'\n', &mut line).map_err(late)?;
        let ended = line.strip_suffix(b"\n").ok_or(ErrorKind::InvalidData)?;
        Ok(String::from_utf8_lossy(ended.strip_suffix(b"\r").unwrap_or(ended)).into_owned())
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.text.escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// What a client makes of these bytes as a reply.
    fn read(bytes: &[u8]) -> Result<Reply, ErrorKind> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        peer.write_all(bytes).unwrap();
        drop(peer);
        Client::new(stream, Duration::from_secs(5)).unwrap().reply().map_err(|error| error.kind())
    }

    #[test]
    fn replies_have_a_code_and_end_with_their_last_line() {
        let reply = |code, text: &str| Ok(Reply { code, text: text.to_owned() });
        let cases: [(&[u8], Result<Reply, ErrorKind>); 7] = [
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
