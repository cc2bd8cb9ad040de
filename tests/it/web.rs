//! A bare HTTP client: it sends what it is told to, whatever that is, and takes apart what comes back, strictly.

use std::{
    fmt,
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Shutdown, TcpStream},
};

use crate::{
    channel::{Channel, Mode, trusting},
    client::{Codes, PATIENCE, connect_from},
    server::Server,
};

/// A request as it is sent. Without a word about the account it comes from bob, by HTTP Basic.
#[derive(Clone)]
pub struct Request {
    line: String,
    fields: Vec<(String, String)>,
    account: Option<String>,
    host: Option<String>,
    body: Option<Vec<u8>>,
    chunk: Option<usize>,
}

/// `request("MKCOL /a")`: any method and target, without a body.
pub fn request(line: impl AsRef<str>) -> Request {
    let line = line.as_ref();
    let line = if line.contains(" HTTP/") { line.to_owned() } else { format!("{line} HTTP/1.1") };
    let (account, host) = (Some("bob:secret".into()), Some("localhost".into()));
    Request { line, fields: Vec::new(), account, host, body: None, chunk: None }
}

pub fn get(target: impl AsRef<str>) -> Request {
    request(format!("GET {}", target.as_ref()))
}

pub fn put(target: impl AsRef<str>, body: impl Into<Vec<u8>>) -> Request {
    request(format!("PUT {}", target.as_ref())).body(body)
}

/// The next part of an upload, of which `complete` says whether it is the last.
pub fn patch(target: &str, offset: impl fmt::Display, complete: &str, body: impl Into<Vec<u8>>) -> Request {
    let request = request(format!("PATCH {target}?upload")).with("Content-Type", "application/partial-upload");
    request.with("Upload-Offset", offset).with("Upload-Complete", complete).body(body)
}

impl Request {
    #[must_use]
    pub fn with(mut self, name: &str, value: impl fmt::Display) -> Request {
        self.fields.push((name.to_owned(), value.to_string()));
        self
    }

    /// Its body, announced by its length.
    #[must_use]
    pub fn body(self, body: impl Into<Vec<u8>>) -> Request {
        Request { body: Some(body.into()), ..self }
    }

    /// The same body in chunks of that many bytes.
    #[must_use]
    pub fn chunked(self, chunk: usize) -> Request {
        Request { chunk: Some(chunk), ..self }
    }

    /// From another account; all test accounts have the same password.
    #[must_use]
    pub fn user(self, user: &str) -> Request {
        Request { account: Some(format!("{user}:secret")), ..self }
    }

    /// From nobody.
    #[must_use]
    pub fn nobody(self) -> Request {
        Request { account: None, ..self }
    }

    /// To a server of another name; `None` leaves the field out.
    #[must_use]
    pub fn host(self, host: Option<&str>) -> Request {
        Request { host: host.map(str::to_owned), ..self }
    }

    /// All before the body.
    pub fn head(&self) -> Vec<u8> {
        let mut head = format!("{}\r\n", self.line);
        let mut field = |name: &str, value: &str| head.push_str(&format!("{name}: {value}\r\n"));
        self.host.as_ref().inspect(|host| field("Host", host));
        self.account.as_ref().inspect(|account| field("Authorization", &format!("Basic {}", base64(account))));
        for (name, value) in &self.fields {
            field(name, value);
        }
        match (&self.body, self.chunk) {
            (Some(_), Some(_)) => field("Transfer-Encoding", "chunked"),
            (Some(body), None) => field("Content-Length", &body.len().to_string()),
            (None, _) => {}
        }
        head.push_str("\r\n");
        head.into_bytes()
    }

    /// The body as it goes over the connection.
    pub fn sent_body(&self) -> Vec<u8> {
        match (&self.body, self.chunk) {
            (Some(body), Some(size)) => {
                let chunks = body
                    .chunks(size)
                    .map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
                chunks.chain([b"0\r\n\r\n".to_vec()]).collect::<Vec<_>>().concat()
            }
            (Some(body), None) => body.clone(),
            (None, _) => Vec::new(),
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        [self.head(), self.sent_body()].concat()
    }

    fn is_head(&self) -> bool {
        self.line.starts_with("HEAD ")
    }
}

/// An answer, taken apart.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Whether the body is as long as it was said to be, or ended with its last chunk.
    pub is_whole: bool,
}

impl Answer {
    /// The value of the only field of that name.
    #[track_caller]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values =
            self.fields.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| &**value);
        let value = values.next();
        assert!(values.next().is_none(), "{name} is there twice: {self:?}");
        value
    }

    /// The value of a field that must be there.
    #[track_caller]
    pub fn value(&self, name: &str) -> String {
        self.field(name).unwrap_or_else(|| panic!("no {name}: {self:?}")).to_owned()
    }

    /// Whether the connection goes on.
    pub fn keeps(&self) -> bool {
        self.field("connection") != Some("close")
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    #[track_caller]
    pub fn expect(self, codes: impl Codes) -> Answer {
        assert!(codes.hold(self.status), "expected {codes:?}, got {self:?}");
        self
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        let body = &self.body[..self.body.len().min(300)];
        write!(out, "{} {:?} {} bytes \"{}\"", self.status, self.fields, self.body.len(), body.escape_ascii())?;
        if self.is_whole { Ok(()) } else { out.write_str(" … broken") }
    }
}

/// A connection to the web. In runs over TLS it is under TLS.
pub struct Web {
    channel: Channel,
    unread: Vec<u8>,
}

impl Web {
    #[track_caller]
    pub fn connect(server: &Server) -> Web {
        let mut web = Web::clear(server);
        if Mode::of_this_run() != Mode::Plain {
            web.channel.plan(&trusting());
        }
        web
    }

    /// From an address of the client's choice.
    #[track_caller]
    pub fn connect_from(source: IpAddr, server: &Server) -> Web {
        let web = Web::over(connect_from(source, server.web()));
        if Mode::of_this_run() == Mode::Plain { web } else { web.under_tls() }
    }

    /// In clear whatever this run is.
    #[track_caller]
    pub fn clear(server: &Server) -> Web {
        let stream = TcpStream::connect(server.web()).expect("the server accepts");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Web::over(stream)
    }

    /// Over a connection that was made in some other way.
    pub fn over(stream: TcpStream) -> Web {
        Web { channel: Channel::clear(stream), unread: Vec::new() }
    }

    /// Its next byte begins a handshake.
    #[must_use]
    pub fn under_tls(mut self) -> Web {
        self.channel.plan(&trusting());
        self
    }

    pub fn channel(&mut self) -> &mut Channel {
        &mut self.channel
    }

    #[track_caller]
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.channel.write_all(bytes.as_ref()).expect("the server takes it");
    }

    /// Sends what the server may not want to read to its end.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.channel.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends a request and reads its answer.
    #[track_caller]
    pub fn ask(&mut self, request: &Request) -> Answer {
        self.send(request.bytes());
        self.answer_to(request)
    }

    /// The same where the connection may end instead.
    pub fn try_ask(&mut self, request: &Request) -> Option<Answer> {
        (self.try_send(request.bytes()) && (!self.unread.is_empty() || self.more())).then(|| self.answer_to(request))
    }

    #[track_caller]
    pub fn answer_to(&mut self, request: &Request) -> Answer {
        if request.is_head() { self.answer_without_body() } else { self.answer() }
    }

    /// Reads an answer with its body.
    #[track_caller]
    pub fn answer(&mut self) -> Answer {
        let mut answer = self.answer_without_body();
        if answer.status < 200 || [204, 304].contains(&answer.status) {
            assert_eq!((answer.field("content-length"), answer.field("transfer-encoding")), (None, None), "{answer:?}");
            return answer;
        }
        let own = |name| answer.field(name).map(str::to_owned);
        let (coding, length) = (own("transfer-encoding"), own("content-length"));
        match (coding.as_deref(), length.as_deref()) {
            (Some("chunked"), None) => (answer.body, answer.is_whole) = self.chunks(),
            (None, Some(length)) => {
                answer.body = self.take(length.parse().expect("a length"));
                answer.is_whole = length.parse() == Ok(answer.body.len());
            }
            (None, None) => {
                assert!(!answer.keeps(), "a body without end: {answer:?}");
                answer.body = self.take(usize::MAX);
            }
            _ => panic!("what length has this? {answer:?}"),
        }
        answer
    }

    /// Reads the head of an answer that has nothing else.
    #[track_caller]
    pub fn answer_without_body(&mut self) -> Answer {
        let mut line = self.line().unwrap_or_else(|| panic!("the connection ended before an answer"));
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split_once(' '));
        let (status, reason) = status.unwrap_or_else(|| panic!("no status line: {line:?}"));
        assert!(status.len() == 3 && !reason.is_empty(), "{line:?}");
        let status = status.parse().expect("a status");
        let mut fields = Vec::new();
        loop {
            line = self.line().expect("the rest of the head");
            if line.is_empty() {
                return Answer { status, fields, body: Vec::new(), is_whole: true };
            }
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no field: {line:?}"));
            fields.push((name.to_owned(), value.to_owned()));
        }
    }

    /// All that still comes.
    pub fn rest(&mut self) -> Vec<u8> {
        self.take(usize::MAX)
    }

    /// Whether nothing more comes, and the connection is closed or reset.
    #[track_caller]
    pub fn is_over(&mut self) -> bool {
        assert!(self.unread.is_empty(), "more came: {}", self.unread.escape_ascii());
        let mut byte = [0];
        match self.channel.read(&mut byte) {
            Ok(0) => true,
            Ok(_) => panic!("more came: {:?}", byte.escape_ascii()),
            Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }

    /// Waits until something of the next answer is there.
    #[track_caller]
    pub fn wait_for_bytes(&mut self) {
        assert!(!self.unread.is_empty() || self.fill(), "an answer");
    }

    /// Ends this side of the connection; under TLS without close_notify.
    pub fn shut(&self) {
        let _ = self.channel.socket().shutdown(Shutdown::Write);
    }

    /// The socket below.
    pub fn socket(&self) -> &TcpStream {
        self.channel.socket()
    }

    fn fill(&mut self) -> bool {
        let mut buffer = [0; 16 << 10];
        match self.channel.read(&mut buffer) {
            Ok(length) => self.unread.extend_from_slice(&buffer[..length]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing came in time after {:?}", self.unread.escape_ascii().to_string())
            }
            Err(_) => return false,
        }
        !self.unread.is_empty() && self.unread.len() < usize::MAX
    }

    fn more(&mut self) -> bool {
        let before = self.unread.len();
        self.fill() && self.unread.len() > before
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|pair| pair == b"\r\n") {
                let line = self.unread.drain(..end + 2).take(end).collect();
                return Some(String::from_utf8(line).expect("text in a head"));
            }
            if !self.more() {
                return None;
            }
        }
    }

    pub fn take(&mut self, length: usize) -> Vec<u8> {
        while self.unread.len() < length && self.more() {}
        self.unread.drain(..length.min(self.unread.len())).collect()
    }

    fn chunks(&mut self) -> (Vec<u8>, bool) {
        let mut body = Vec::new();
        loop {
            let Some(line) = self.line() else { return (body, false) };
            let size = usize::from_str_radix(&line, 16).expect("the size of a chunk");
            let chunk = self.take(size);
            body.extend_from_slice(&chunk);
            let is_whole = chunk.len() == size && self.line().as_deref() == Some("");
            if size == 0 || !is_whole {
                return (body, is_whole);
            }
        }
    }
}

/// Sends a request on a connection of its own.
#[track_caller]
pub fn ask(server: &Server, request: &Request) -> Answer {
    Web::connect(server).ask(request)
}

/// A server with a web port, and bob.
pub fn serve(conf: &str, users: &str) -> Server {
    Server::start(&with_web(conf), users)
}

/// These settings with a web port.
pub fn with_web(conf: &str) -> String {
    format!("{conf}\n[web]\nweb_port = 0\n")
}

pub fn base64(text: &str) -> String {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = |group: &[u8]| {
        let number = group.iter().chain([0, 0].iter()).take(3).fold(0, |number, byte| number << 8 | usize::from(*byte));
        let digit = |at: usize| if at > group.len() { '=' } else { DIGITS[number >> (18 - 6 * at) & 63].into() };
        [0, 1, 2, 3].map(digit)
    };
    text.as_bytes().chunks(3).flat_map(digits).collect()
}
