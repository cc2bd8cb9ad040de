//! One TCP connection of the test client, in clear or under TLS, and what a run over TLS changes.
//!
//! `FTPD_TEST_TLS=explicit` runs the suite over AUTH TLS, `FTPD_TEST_TLS=implicit` over the listener that starts with TLS.

use std::{
    env,
    io::{self, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{Arc, Mutex},
};

use rustls::{
    ALL_VERSIONS, ClientConfig, ClientConnection, DigitallySignedStruct, HandshakeKind, SignatureScheme,
    SupportedProtocolVersion,
    client::{
        WantsClientCert,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
};

/// How the clients of this run speak to their servers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Plain,
    Explicit,
    Implicit,
}

impl Mode {
    pub fn of_this_run() -> Mode {
        match env::var("FTPD_TEST_TLS").as_deref() {
            Err(_) => Mode::Plain,
            Ok("explicit") => Mode::Explicit,
            Ok("implicit") => Mode::Implicit,
            Ok(other) => panic!("FTPD_TEST_TLS is explicit or implicit, not {other:?}"),
        }
    }

    /// What servers of this run have in ftpd.conf besides what their test wants.
    pub fn settings(self) -> &'static str {
        match self {
            Mode::Plain => "",
            Mode::Explicit => "\n[tls]\ntls = on\n",
            Mode::Implicit => "\n[tls]\ntls = on\nimplicit_tls_port = 0\n",
        }
    }
}

/// The first line of a test that makes no sense in some kinds of runs, with the reason.
macro_rules! leave_out {
    ($($mode:ident)|+: $why:literal) => {
        if matches!($crate::channel::Mode::of_this_run(), $($crate::channel::Mode::$mode)|+) {
            eprintln!("LEFT OUT in this kind of run: {}", $why);
            return;
        }
    };
}
pub(crate) use leave_out;

/// A client's settings: any certificate will do, of the versions that this library knows.
pub fn trusting() -> Arc<ClientConfig> {
    trusting_over(ALL_VERSIONS)
}

/// The same for some versions only.
pub fn trusting_over(versions: &[&'static SupportedProtocolVersion]) -> Arc<ClientConfig> {
    Arc::new(trusting_whoever(versions).with_no_client_auth())
}

/// Settings that still lack the client's own certificate.
pub fn trusting_whoever(
    versions: &[&'static SupportedProtocolVersion],
) -> rustls::ConfigBuilder<ClientConfig, WantsClientCert> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    builder.dangerous().with_custom_certificate_verifier(Arc::new(TrustsAll))
}

/// Trusts every server: the tests of certificates have verifiers of their own.
#[derive(Debug)]
struct TrustsAll;

impl ServerCertVerifier for TrustsAll {
    fn verify_server_cert(
        &self,
        _: &CertificateDer,
        _: &[CertificateDer],
        _: &ServerName,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, &algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, &algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// A connection. A clone is the same connection: one thread may read while another writes.
#[derive(Clone)]
pub struct Channel {
    stream: Arc<TcpStream>,
    /// With these settings TLS begins at the first read or write.
    planned: Option<Arc<ClientConfig>>,
    tls: Option<Arc<Tls>>,
}

struct Tls {
    session: Mutex<Session>,
    /// The thread that holds it sends: what was sealed first goes out first.
    sending: Mutex<()>,
}

struct Session {
    connection: ClientConnection,
    /// What came from the socket and is not decrypted yet.
    sealed: Vec<u8>,
}

impl Channel {
    pub fn clear(stream: TcpStream) -> Channel {
        Channel { stream: Arc::new(stream), planned: None, tls: None }
    }

    /// Plans the handshake, which the first read or write, or [`Channel::handshake`], does.
    pub fn plan(&mut self, config: &Arc<ClientConfig>) {
        self.planned = Some(Arc::clone(config));
    }

    /// Does the handshake that is planned, if there is one.
    pub fn handshake(&mut self) -> io::Result<()> {
        let Some(config) = self.planned.take() else { return Ok(()) };
        let name = ServerName::try_from("localhost").unwrap();
        let mut connection = ClientConnection::new(config, name).map_err(io::Error::other)?;
        while connection.is_handshaking() || connection.wants_write() {
            connection.complete_io(&mut &*self.stream)?;
        }
        let session = Mutex::new(Session { connection, sealed: Vec::new() });
        self.tls = Some(Arc::new(Tls { session, sending: Mutex::new(()) }));
        Ok(())
    }

    /// Is TLS on, the handshake done?
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// The socket below, for what has nothing to do with TLS.
    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }

    pub fn local(&self) -> SocketAddr {
        self.stream.local_addr().unwrap()
    }

    /// Did the handshake resume an older session?
    pub fn has_resumed(&self) -> bool {
        self.ask(|connection| connection.handshake_kind() == Some(HandshakeKind::Resumed))
    }

    /// Asks something of the TLS connection, which must stand.
    pub fn ask<T>(&self, question: impl FnOnce(&ClientConnection) -> T) -> T {
        let tls = self.tls.as_ref().expect("a connection under TLS");
        question(&tls.session.lock().unwrap().connection)
    }

    /// Sends close_notify, if there is TLS and a server to hear it.
    pub fn close_notify(&self) {
        if let Some(tls) = &self.tls {
            let _ = tls.send(&self.stream, |connection| connection.send_close_notify());
        }
    }

    /// Takes the server's close_notify and not a byte after it, and goes on in clear, as CCC does.
    pub fn go_clear(&mut self) -> io::Result<()> {
        let Some(tls) = self.tls.take() else { return Ok(()) };
        loop {
            // RFC 8446 §5.1: type, version, length.
            let mut record = vec![0; 5];
            self.socket().read_exact(&mut record)?;
            record.resize(5 + usize::from(u16::from_be_bytes([record[3], record[4]])), 0);
            self.socket().read_exact(&mut record[5..])?;
            let mut session = tls.session.lock().unwrap();
            session.take(&record)?;
            match session.read(&mut [0]) {
                Ok(0) => return Ok(()),
                Ok(_) => return Err(io::Error::other("more than close_notify")),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Tls {
    /// Lets `change` produce records and sends them.
    fn send<T>(&self, mut stream: &TcpStream, change: impl FnOnce(&mut ClientConnection) -> T) -> io::Result<T> {
        let _turn = self.sending.lock().unwrap();
        let mut records = Vec::new();
        let result = {
            // Not held while the socket is full: the other thread must be able to read meanwhile.
            let mut session = self.session.lock().unwrap();
            let result = change(&mut session.connection);
            while session.connection.wants_write() {
                session.connection.write_tls(&mut records)?;
            }
            result
        };
        stream.write_all(&records)?;
        Ok(result)
    }

    fn read(&self, mut stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
        let mut records = [0; 16 << 10];
        loop {
            match self.session.lock().unwrap().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                done => return done,
            }
            let length = stream.read(&mut records)?;
            self.session.lock().unwrap().take(&records[..length])?;
        }
    }
}

impl Session {
    /// The next bytes of what was received so far; `WouldBlock` when there are none.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.connection.reader().read(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock && !self.sealed.is_empty() => self.decrypt()?,
                done => return done,
            }
        }
    }

    /// Takes what the socket gave; nothing is its end.
    fn take(&mut self, records: &[u8]) -> io::Result<()> {
        self.sealed.extend_from_slice(records);
        match records {
            [] => self.connection.read_tls(&mut io::empty()).map(drop),
            _ => Ok(()),
        }
    }

    fn decrypt(&mut self) -> io::Result<()> {
        let length = self.connection.read_tls(&mut &self.sealed[..])?;
        self.sealed.drain(..length);
        self.connection.process_new_packets().map(drop).map_err(io::Error::other)
    }
}

impl Read for Channel {
    /// The end is `Ok(0)` only if the peer ended in order: under TLS with close_notify.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.handshake()?;
        match &self.tls {
            Some(tls) => tls.read(&self.stream, buffer),
            None => (&*self.stream).read(buffer),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.handshake()?;
        match &self.tls {
            Some(tls) => tls.send(&self.stream, |connection| connection.writer().write(bytes))?,
            None => (&*self.stream).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
