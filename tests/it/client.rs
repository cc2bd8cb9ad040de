//! A bare FTP client: it sends what it is told to and hides nothing but AUTH TLS, PBSZ and PROT in a run over TLS.

use std::{
    fmt,
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustls::ClientConfig;
use socket2::{Domain, SockRef, Socket, Type};

use crate::{
    channel::{Channel, Mode, trusting},
    data::{Data, Listener, read_all},
};

/// How long a test waits for what must come; only a failing test ever waits that long.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// One reply, whole: the code and each line as it came, without its CR LF.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    pub lines: Vec<Vec<u8>>,
}

impl Reply {
    /// All lines as text, joined with `\n`.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.join(&b'\n')).into_owned()
    }

    /// The first line without its code.
    pub fn message(&self) -> &[u8] {
        self.lines[0].get(4..).unwrap_or_default()
    }

    #[track_caller]
    pub fn expect(self, codes: impl Codes) -> Reply {
        assert!(codes.hold(self.code), "expected {codes:?}, got {self:?}");
        self
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        write!(out, "\"{}\"", self.lines.join(&b'\n').escape_ascii())
    }
}

/// One code, or several that are all right.
pub trait Codes: fmt::Debug {
    fn hold(&self, code: u16) -> bool;
}

impl Codes for u16 {
    fn hold(&self, code: u16) -> bool {
        *self == code
    }
}

impl<const N: usize> Codes for [u16; N] {
    fn hold(&self, code: u16) -> bool {
        self.contains(&code)
    }
}

/// A control connection.
pub struct Client {
    channel: Channel,
    unread: Vec<u8>,
    /// What the client does by itself before it logs in.
    mode: Mode,
    /// The settings of all its handshakes: its data connections resume the session of its control connection.
    tls: Option<Arc<ClientConfig>>,
    is_protected: bool,
}

impl Client {
    /// Connects as all clients of this run do, and reads nothing.
    #[track_caller]
    pub fn connect(address: SocketAddr) -> Client {
        Client::of_this_run(TcpStream::connect(address).expect("the server accepts"))
    }

    /// Connects from an address of the client's choice.
    #[track_caller]
    pub fn connect_from(source: IpAddr, address: SocketAddr) -> Client {
        Client::of_this_run(connect_from(source, address))
    }

    fn of_this_run(stream: TcpStream) -> Client {
        match Mode::of_this_run() {
            Mode::Plain => Client::over(stream),
            Mode::Explicit => Client { mode: Mode::Explicit, tls: Some(trusting()), ..Client::over(stream) },
            Mode::Implicit => Client::over(stream).under_tls(&trusting()),
        }
    }

    /// Connects in clear whatever this run is.
    #[track_caller]
    pub fn clear(address: SocketAddr) -> Client {
        Client::over(TcpStream::connect(address).expect("the server accepts"))
    }

    /// Connects to a listener that starts with TLS; the first command or reply begins the handshake.
    #[track_caller]
    pub fn implicit(address: SocketAddr, config: &Arc<ClientConfig>) -> Client {
        Client::clear(address).under_tls(config)
    }

    fn over(stream: TcpStream) -> Client {
        be_patient(&stream);
        let channel = Channel::clear(stream);
        Client { channel, unread: Vec::new(), mode: Mode::Plain, tls: None, is_protected: false }
    }

    fn under_tls(mut self, config: &Arc<ClientConfig>) -> Client {
        self.channel.plan(config);
        Client { mode: Mode::Implicit, tls: Some(Arc::clone(config)), ..self }
    }

    /// Connects, reads the greeting, and is secure where this run wants it.
    #[track_caller]
    pub fn greeted(address: SocketAddr) -> Client {
        let mut client = Client::connect(address);
        client.read_reply().expect(220);
        client.secure();
        client
    }

    /// What a client of this run does before USER: TLS on both kinds of connections.
    #[track_caller]
    fn secure(&mut self) {
        if self.mode == Mode::Explicit && !self.channel.is_secure() {
            let config = self.tls.clone().expect("settings for TLS");
            self.auth(&config);
        }
        if self.mode != Mode::Plain && !self.is_protected {
            self.protect();
        }
    }

    /// AUTH TLS and the handshake.
    #[track_caller]
    pub fn auth(&mut self, config: &Arc<ClientConfig>) {
        self.expect("AUTH TLS", 234);
        self.handshake(config).expect("the server shakes hands");
    }

    /// The handshake after a 234.
    pub fn handshake(&mut self, config: &Arc<ClientConfig>) -> std::io::Result<()> {
        assert!(self.unread.is_empty(), "bytes in clear: \"{}\"", self.unread.escape_ascii());
        self.tls = Some(Arc::clone(config));
        self.channel.plan(config);
        self.channel.handshake()
    }

    /// PBSZ and PROT P: data connections are under TLS from now on.
    #[track_caller]
    pub fn protect(&mut self) {
        self.expect("PBSZ 0", 200);
        self.expect("PROT P", 200);
        self.is_protected = true;
    }

    /// The settings of its data connections where PROT P holds.
    fn protection(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.as_ref().filter(|_| self.is_protected)
    }

    pub fn channel(&mut self) -> &mut Channel {
        &mut self.channel
    }

    #[track_caller]
    pub fn login(&mut self, user: &str, password: &str) {
        self.secure();
        self.expect(format!("USER {user}"), 331);
        self.expect(format!("PASS {password}"), 230);
    }

    /// This side's address of the control connection.
    pub fn local(&self) -> SocketAddr {
        self.channel.local()
    }

    /// Sends one line with its CR LF.
    #[track_caller]
    pub fn send(&mut self, line: impl AsRef<[u8]>) {
        self.send_raw([line.as_ref(), b"\r\n"].concat());
    }

    #[track_caller]
    pub fn send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.open();
        self.channel.write_all(bytes.as_ref()).expect("the server takes the command");
    }

    /// Sends bytes that may meet a closed connection.
    pub fn try_send_raw(&mut self, bytes: impl AsRef<[u8]>) {
        self.open();
        let _ = self.channel.write_all(bytes.as_ref());
    }

    /// Does the handshake with a listener that starts with TLS. If it fails, what follows finds a broken connection.
    fn open(&mut self) {
        if let Err(error) = self.channel.handshake() {
            eprintln!("the TLS handshake failed: {error}");
        }
    }

    /// Sends one urgent byte (TCP out of band), as Telnet's Synch does; TLS knows no urgent data, there it is like others.
    pub fn send_urgent(&mut self, byte: u8) {
        if self.channel.is_secure() {
            return self.send_raw([byte]);
        }
        SockRef::from(self.channel.socket()).send_out_of_band(&[byte]).expect("an urgent byte goes out");
    }

    #[track_caller]
    pub fn read_reply(&mut self) -> Reply {
        self.try_read_reply().expect("a reply, not the end of the connection")
    }

    /// The next reply, or nothing when the server closed the connection.
    #[track_caller]
    pub fn try_read_reply(&mut self) -> Option<Reply> {
        let first = self.read_line()?;
        let code: u16 = first
            .get(..3)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse().ok())
            .unwrap_or_else(|| panic!("a reply begins with a code: \"{}\"", first.escape_ascii()));
        let last = [&first[..3], b" "].concat();
        let is_multi_line = first.get(3) == Some(&b'-');
        let mut lines = vec![first];
        while is_multi_line && !(lines.len() > 1 && lines.last().unwrap().starts_with(&last)) {
            lines.push(self.read_line().expect("the rest of a reply of several lines"));
        }
        Some(Reply { code, lines })
    }

    #[track_caller]
    fn read_line(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Some(end) = self.unread.iter().position(|&byte| byte == b'\n') {
                let mut line: Vec<u8> = self.unread.drain(..=end).collect();
                assert!(line.ends_with(b"\r\n"), "a reply line ends with CR LF: \"{}\"", line.escape_ascii());
                line.truncate(line.len() - 2);
                return Some(line);
            }
            let mut buffer = [0; 4096];
            self.open();
            match self.channel.read(&mut buffer) {
                Ok(0) => {
                    assert!(self.unread.is_empty(), "half a reply: \"{}\"", self.unread.escape_ascii());
                    return None;
                }
                Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
                // Under TLS an end without close_notify is that of a server that was killed.
                Err(error) if [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof].contains(&error.kind()) => {
                    return None;
                }
                Err(error) => panic!("no reply: {error}"),
            }
        }
    }

    #[track_caller]
    pub fn cmd(&mut self, line: impl AsRef<[u8]>) -> Reply {
        self.send(line);
        self.read_reply()
    }

    /// Sends a command and fails unless the reply has (one of) these codes.
    #[track_caller]
    pub fn expect(&mut self, line: impl AsRef<[u8]>, codes: impl Codes) -> Reply {
        let reply = self.cmd(line.as_ref());
        assert!(codes.hold(reply.code), "\"{}\": expected {codes:?}, got {reply:?}", line.as_ref().escape_ascii());
        reply
    }

    /// Fails unless the server closes the connection without another reply.
    #[track_caller]
    pub fn expect_closed(&mut self) {
        let reply = self.try_read_reply();
        assert!(reply.is_none(), "expected the connection to be closed, got {reply:?}");
    }

    /// Is there no reply waiting at this moment? (For what must come later, never for what must not be slow.)
    pub fn is_silent(&mut self) -> bool {
        let mut buffer = [0; 4096];
        self.channel.socket().set_nonblocking(true).unwrap();
        let read = self.channel.read(&mut buffer);
        self.channel.socket().set_nonblocking(false).unwrap();
        let is_silent = self.unread.is_empty() && read.as_ref().is_err_and(|e| e.kind() == ErrorKind::WouldBlock);
        self.unread.extend_from_slice(&buffer[..read.unwrap_or(0)]);
        is_silent
    }

    /// Closes with a reset.
    pub fn reset(self) {
        SockRef::from(self.channel.socket()).set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// The same connection for another thread that only sends, and does not mind when it breaks.
    pub fn sender(&self) -> impl FnMut(&[u8]) + Send + use<> {
        let mut channel = self.channel.clone();
        move |bytes| drop(channel.write_all(bytes))
    }

    /// Sends a command and reads its reply; nothing when the connection is gone.
    #[track_caller]
    pub fn ask(&mut self, line: impl AsRef<[u8]>) -> Option<Reply> {
        self.try_send_raw([line.as_ref(), b"\r\n"].concat());
        self.try_read_reply()
    }

    /// The connection for somebody who is to cut it.
    pub fn handle(&self) -> TcpStream {
        self.channel.socket().try_clone().unwrap()
    }

    /// Ends both directions, for every holder of the connection.
    pub fn shut_down(&self) {
        let _ = self.channel.socket().shutdown(Shutdown::Both);
    }

    // Data connections

    /// PASV: where the server listens.
    #[track_caller]
    pub fn pasv(&mut self) -> SocketAddr {
        address_of_227(&self.expect("PASV", 227))
    }

    /// EPSV: where the server listens.
    #[track_caller]
    pub fn epsv(&mut self) -> SocketAddr {
        let port = port_of_229(&self.expect("EPSV", 229));
        let mut address = self.channel.socket().peer_addr().unwrap();
        address.set_port(port);
        address
    }

    /// A passive data connection.
    #[track_caller]
    pub fn passive(&mut self) -> Data {
        let address = if self.local().is_ipv4() { self.pasv() } else { self.epsv() };
        self.connect_data(address)
    }

    /// A data connection to where the server listens, from the address of the control connection.
    #[track_caller]
    pub fn connect_data(&self, address: SocketAddr) -> Data {
        let mut own = self.local();
        own.set_port(0);
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&own.into()).unwrap();
        socket.connect(&address.into()).expect("the data port accepts");
        self.data_over(TcpStream::from(socket))
    }

    /// The same for a connection that was made in some other way.
    pub fn data_over(&self, stream: TcpStream) -> Data {
        Data::over(stream, self.protection())
    }

    /// A passive data connection whose receive buffer is small, so that a sender is soon blocked.
    #[track_caller]
    pub fn narrow_passive(&mut self) -> Data {
        let address = self.pasv();
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&address.into()).expect("the data port accepts");
        self.data_over(TcpStream::from(socket))
    }

    /// PORT (or EPRT over IPv6): a listener the server was told of.
    #[track_caller]
    pub fn active(&mut self) -> Listener {
        let listener = self.listen();
        let address = listener.address();
        let command = if address.is_ipv4() { port_command(address) } else { eprt_command(address) };
        self.expect(command, 200);
        listener
    }

    /// A listener the server was not told of yet.
    pub fn listen(&self) -> Listener {
        Listener::bind(self.local(), self.protection())
    }

    /// The same at another address.
    pub fn listen_at(&self, ip: IpAddr) -> Listener {
        Listener::bind(SocketAddr::new(ip, 0), self.protection())
    }

    /// Sends a download command over a fresh passive connection and returns the data.
    #[track_caller]
    pub fn download(&mut self, command: impl AsRef<[u8]>) -> Vec<u8> {
        let data = self.passive();
        self.expect(command, 150);
        let bytes = read_all(data);
        self.read_reply().expect(226);
        bytes
    }

    #[track_caller]
    pub fn retr(&mut self, name: &str) -> Vec<u8> {
        self.download(format!("RETR {name}"))
    }

    /// Sends an upload command over a fresh passive connection; the reply is the one after the data.
    #[track_caller]
    pub fn upload(&mut self, command: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Reply {
        let mut data = self.passive();
        self.expect(command, 150);
        data.handshake();
        data.write_all(content.as_ref()).expect("the server takes the data");
        drop(data);
        self.read_reply()
    }

    #[track_caller]
    pub fn stor(&mut self, name: &str, content: impl AsRef<[u8]>) {
        self.upload(format!("STOR {name}"), content).expect(226);
    }

    /// Lines of a listing command.
    #[track_caller]
    pub fn lines(&mut self, command: impl AsRef<[u8]>) -> Vec<String> {
        lines_of(&self.download(command))
    }

    /// A download that does not move because nothing reads it: the file must be far larger than the socket buffers.
    #[track_caller]
    pub fn stalled_download(&mut self, name: &str) -> Data {
        let mut data = self.narrow_passive();
        self.expect(format!("RETR {name}"), 150);
        data.handshake();
        data
    }

    /// An upload of which only `start` has been sent.
    #[track_caller]
    pub fn stalled_upload(&mut self, command: &str, start: &[u8]) -> Data {
        let mut data = self.passive();
        self.expect(command, 150);
        data.handshake();
        data.write_all(start).unwrap();
        data
    }
}

/// Lines that end with CR LF, each of them, as text.
#[track_caller]
pub fn lines_of(listing: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(listing);
    assert!(text.is_empty() || text.ends_with("\r\n"), "a listing ends with CR LF: {text:?}");
    text.split_terminator("\r\n").map(str::to_owned).collect()
}

/// A connection whose own end has the address `source`.
#[track_caller]
pub fn connect_from(source: IpAddr, address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::new(source, 0).into()).unwrap();
    socket.connect(&address.into()).expect("the server accepts");
    let stream = TcpStream::from(socket);
    be_patient(&stream);
    stream
}

/// Gives up if nothing comes or goes for long.
pub fn be_patient(stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
}

/// `227 Entering Passive Mode (h1,h2,h3,h4,p1,p2).`, letter for letter.
#[track_caller]
pub fn address_of_227(reply: &Reply) -> SocketAddr {
    let text = reply.text();
    let numbers: Vec<u8> = text
        .strip_prefix("227 Entering Passive Mode (")
        .and_then(|rest| rest.strip_suffix(")."))
        .map(|list| list.split(',').map_while(|number| number.parse().ok()).collect())
        .unwrap_or_default();
    let &[a, b, c, d, high, low] = &numbers[..] else { panic!("not a 227 as clients know it: {text:?}") };
    SocketAddr::from((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])))
}

/// `229 Entering Extended Passive Mode (|||port|)`, letter for letter.
#[track_caller]
pub fn port_of_229(reply: &Reply) -> u16 {
    let text = reply.text();
    text.strip_prefix("229 Entering Extended Passive Mode (|||")
        .and_then(|rest| rest.strip_suffix("|)"))
        .and_then(|port| port.parse().ok())
        .unwrap_or_else(|| panic!("not a 229 as clients know it: {text:?}"))
}

/// `PORT h1,h2,h3,h4,p1,p2`.
pub fn port_command(address: SocketAddr) -> String {
    let [high, low] = address.port().to_be_bytes();
    format!("PORT {},{high},{low}", address.ip().to_string().replace('.', ","))
}

/// `EPRT |family|address|port|`.
pub fn eprt_command(address: SocketAddr) -> String {
    let family = if address.is_ipv4() { 1 } else { 2 };
    format!("EPRT |{family}|{}|{}|", address.ip(), address.port())
}
