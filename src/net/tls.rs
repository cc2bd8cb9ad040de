//! The server's settings of TLS: for control and data connections, as RFC 4217 uses them, and for the web.

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, Ticketer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{
    NoClientAuth, ProducesTickets, ServerSessionMemoryCache, StoresServerSessions, WebPkiClientVerifier,
};
use rustls::sign::CertifiedKey;
use rustls::{HandshakeKind, RootCertStore, ServerConfig, ServerConnection};

use crate::net::certificate::{self, Certificate, Fault, Flaw, Pair, Purpose, Tell};

/// The server's TLS, as its sessions use it.
pub struct Tls {
    control: Arc<ServerConfig>,
    data: Arc<ServerConfig>,
    web: Arc<ServerConfig>,
    certificate: Arc<Certificate>,
    must_resume: bool,
    has_client_ca: bool,
    strict_eof: bool,
}

/// What the administrator chooses.
#[derive(Clone, Debug)]
pub struct TlsSettings<'a> {
    /// The files of the certificate and its key; without any, a pair is made that this process alone has.
    pub pair: Option<Pair>,
    /// Hears of changes of these files.
    pub tell: Tell,
    /// A PEM file with the authorities that clients' certificates must come from.
    pub client_ca: Option<&'a Path>,
    /// Whether a data connection must resume the TLS session of its control connection, so that nobody else can take its
    /// place.
    pub must_resume: bool,
    /// Whether an upload that ends without close_notify is incomplete.
    pub strict_eof: bool,
}

/// What stays as long as the server runs: what lets clients resume their sessions, and a pair without files.
#[derive(Clone)]
pub struct Tickets {
    provider: Arc<CryptoProvider>,
    ftp: Resumption,
    /// What the web gave out opens no data connection.
    web: Resumption,
    pair: Arc<OnceLock<Arc<CertifiedKey>>>,
}

/// How clients resume their sessions: by tickets, or by what is remembered for those that know none.
#[derive(Clone)]
struct Resumption {
    ticketer: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
}

/// What a data connection under PROT P needs, or one of the web.
#[derive(Clone, Debug)]
pub struct Protection {
    tls: Arc<Tls>,
    bond: Bond,
}

/// What a connection under TLS has to do with others.
#[derive(Clone, Copy, Debug)]
enum Bond {
    /// A data connection, with the control connection whose session must be resumed, if one must.
    Data(Option<Owner>),
    /// Nothing.
    Web,
}

/// Tells one control connection from all others.
type Owner = [u8; 16];

/// The tickets and remembered sessions that one connection may use and make: those of one control connection.
#[derive(Debug)]
struct Bound {
    owner: Owner,
    side: Side,
    /// On the data side only for a client that has shown a session already: with TLS 1.2 a stranger would get one with the
    /// very handshake that is refused afterwards.
    issues: AtomicBool,
    ticketer: Arc<dyn ProducesTickets>,
    sessions: Arc<dyn StoresServerSessions>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// A client that comes back may resume the session of an earlier control connection.
    Control,
    Data,
}

/// Number of tickets sent on a control connection. They may be used more than once, but some clients use each once.
const TICKETS: usize = 4;
/// Maximum number of sessions remembered for TLS 1.2 clients without tickets.
const REMEMBERED: usize = 4096;
/// RFC 7301 names; a client that offers only others speaks another protocol (the ALPACA attacks).
const CONTROL_PROTOCOLS: &[&[u8]] = &[b"ftp"];
const DATA_PROTOCOLS: &[&[u8]] = &[b"ftp-data", b"ftp"];
const WEB_PROTOCOLS: &[&[u8]] = &[b"http/1.1"];
/// Number of tickets sent on a connection of the web: browsers open several at once.
const WEB_TICKETS: usize = 2;

impl Tickets {
    /// Tickets under keys that nobody else has.
    pub fn new() -> io::Result<Self> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        Ok(Self { provider, ftp: Resumption::new()?, web: Resumption::new()?, pair: Arc::default() })
    }

    /// The pair without files, made when it is asked for first.
    fn pair(&self) -> Result<Arc<CertifiedKey>, Fault> {
        if let Some(pair) = self.pair.get() {
            return Ok(Arc::clone(pair));
        }
        let made = certificate::make(&self.provider)?;
        Ok(Arc::clone(self.pair.get_or_init(|| made)))
    }
}

impl Resumption {
    fn new() -> io::Result<Self> {
        let ticketer = Ticketer::new().map_err(io::Error::other)?;
        Ok(Self { ticketer, sessions: ServerSessionMemoryCache::new(REMEMBERED) })
    }
}

impl Tls {
    /// Reads the files that the settings name.
    pub fn new(settings: TlsSettings, tickets: &Tickets) -> Result<Self, Fault> {
        let certificate = match settings.pair {
            Some(pair) => Certificate::load(pair, &tickets.provider, settings.tell)?,
            None => Certificate::in_memory(tickets.pair()?, &tickets.provider),
        };
        let certificate = Arc::new(certificate);
        let verifier = match settings.client_ca {
            None => Arc::new(NoClientAuth),
            Some(file) => verifier(file, tickets).map_err(|flaw| flaw.of(Purpose::ClientCa, file))?,
        };
        let config = |protocols: &[&[u8]], resumption: &Resumption, tls13_tickets| {
            let builder = ServerConfig::builder_with_provider(Arc::clone(&tickets.provider));
            let builder = builder.with_safe_default_protocol_versions().expect("the provider knows both versions");
            let builder = builder.with_client_cert_verifier(Arc::clone(&verifier));
            let mut config = builder.with_cert_resolver(Arc::clone(&certificate) as _);
            config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
            config.ticketer = Arc::clone(&resumption.ticketer);
            config.session_storage = Arc::clone(&resumption.sessions);
            config.send_tls13_tickets = tls13_tickets;
            Arc::new(config)
        };
        Ok(Self {
            control: config(CONTROL_PROTOCOLS, &tickets.ftp, TICKETS),
            // A client that uploads and closes without reading a ticket would reset the connection: its last bytes are lost.
            data: config(DATA_PROTOCOLS, &tickets.ftp, 0),
            web: config(WEB_PROTOCOLS, &tickets.web, WEB_TICKETS),
            certificate,
            must_resume: settings.must_resume,
            has_client_ca: settings.client_ca.is_some(),
            strict_eof: settings.strict_eof,
        })
    }

    /// The certificate in use.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The server's side of a control connection's handshake, and what its data connections need.
    pub fn accept(self: &Arc<Self>) -> io::Result<(ServerConnection, Protection)> {
        self.certificate.refresh();
        let owner = self.must_resume.then(new_owner).transpose()?;
        let control = begin(&self.control, owner, Side::Control)?;
        Ok((control, Protection { tls: Arc::clone(self), bond: Bond::Data(owner) }))
    }

    /// What a connection of the web needs whose first byte is TLS's; the handshake is left to its
    /// [`Stream`](crate::net::stream::Stream).
    pub fn accept_web(self: &Arc<Self>) -> Protection {
        self.certificate.refresh();
        Protection { tls: Arc::clone(self), bond: Bond::Web }
    }
}

impl Protection {
    /// The server's side of the handshake.
    pub fn accept(&self) -> io::Result<ServerConnection> {
        match self.bond {
            Bond::Data(owner) => begin(&self.tls.data, owner, Side::Data),
            Bond::Web => connect(Arc::clone(&self.tls.web)),
        }
    }

    fn owner(&self) -> Option<&Owner> {
        match &self.bond {
            Bond::Data(owner) => owner.as_ref(),
            Bond::Web => None,
        }
    }

    /// Checks a connection whose handshake is done.
    ///
    /// # Errors
    /// `PermissionDenied` if it had to resume this control connection's session, and did not.
    pub fn admit(&self, connection: &ServerConnection) -> io::Result<()> {
        // RFC 4217 §10.2 leaves it to the server how the two connections are tied together.
        if self.owner().is_none() || connection.handshake_kind() == Some(HandshakeKind::Resumed) {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "the TLS session of the control connection was not resumed",
        ))
    }

    /// Whether clients have to show something with each handshake: a session, or a certificate.
    pub fn asks_for_proof(&self) -> bool {
        self.owner().is_some() || self.tls.has_client_ca
    }

    /// Whether a stream that ends without close_notify was cut.
    pub fn is_strict(&self) -> bool {
        match self.bond {
            Bond::Data(_) => self.tls.strict_eof,
            // The requests say how long they are, so nothing excuses it.
            Bond::Web => true,
        }
    }
}

impl Bound {
    /// The same settings for one connection, with tickets and sessions of this owner.
    fn config(config: &ServerConfig, owner: Owner, side: Side) -> Arc<ServerConfig> {
        let (ticketer, sessions) = (Arc::clone(&config.ticketer), Arc::clone(&config.session_storage));
        let bound = Arc::new(Self { owner, side, issues: AtomicBool::new(side == Side::Control), ticketer, sessions });
        let mut own = config.clone();
        own.ticketer = Arc::clone(&bound) as _;
        own.session_storage = bound;
        Arc::new(own)
    }

    fn mark(&self, bytes: &[u8]) -> Vec<u8> {
        [&self.owner, bytes].concat()
    }

    fn may_issue(&self) -> bool {
        self.issues.load(Ordering::Relaxed)
    }

    /// Notes that the client has shown a session of its own.
    fn shown<T>(&self, session: T) -> T {
        self.issues.store(true, Ordering::Relaxed);
        session
    }
}

impl ProducesTickets for Bound {
    fn enabled(&self) -> bool {
        self.ticketer.enabled()
    }

    fn lifetime(&self) -> u32 {
        self.ticketer.lifetime()
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.may_issue().then(|| self.ticketer.encrypt(&self.mark(plain)))?
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        let marked = self.ticketer.decrypt(cipher)?;
        let plain = match self.side {
            Side::Control => marked.get(self.owner.len()..),
            Side::Data => marked.strip_prefix(&self.owner),
        };
        plain.map(|plain| self.shown(plain.to_vec()))
    }
}

impl StoresServerSessions for Bound {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        self.may_issue() && self.sessions.put(self.mark(&key), value)
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.sessions.get(&self.mark(key)).map(|session| self.shown(session))
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.sessions.take(&self.mark(key)).map(|session| self.shown(session))
    }

    fn can_cache(&self) -> bool {
        self.may_issue() && self.sessions.can_cache()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("must_resume", &self.must_resume)
            .field("strict_eof", &self.strict_eof)
            .finish_non_exhaustive()
    }
}

fn new_owner() -> io::Result<Owner> {
    let mut owner = Owner::default();
    getrandom::fill(&mut owner).map_err(io::Error::other)?;
    Ok(owner)
}

fn begin(config: &Arc<ServerConfig>, owner: Option<Owner>, side: Side) -> io::Result<ServerConnection> {
    let unbound = || Arc::clone(config);
    connect(owner.map_or_else(unbound, |owner| Bound::config(config, owner, side)))
}

fn connect(config: Arc<ServerConfig>) -> io::Result<ServerConnection> {
    let mut connection = ServerConnection::new(config).map_err(io::Error::other)?;
    connection.set_buffer_limit(None);
    Ok(connection)
}

/// Asks clients for a certificate that comes from one of the authorities in this PEM file.
pub fn verifier(file: &Path, tickets: &Tickets) -> Result<Arc<dyn ClientCertVerifier>, Flaw> {
    let mut roots = RootCertStore::empty();
    for certificate in certificate::read_all(file)? {
        roots.add(certificate).map_err(Flaw::said)?;
    }
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&tickets.provider))
        .build()
        .map_err(Flaw::said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_web_gave_out_opens_no_other_connection() {
        let settings = TlsSettings { pair: None, tell: |_| (), client_ca: None, must_resume: false, strict_eof: false };
        let tls = Tls::new(settings, &Tickets::new().expect("randomness")).expect("a pair");
        let ticket = tls.web.ticketer.encrypt(b"session").expect("encrypted");
        assert_eq!(tls.web.ticketer.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert!(tls.web.session_storage.put(b"id".to_vec(), b"session".to_vec()));
        for ftp in [&tls.control, &tls.data] {
            assert_eq!((ftp.ticketer.decrypt(&ticket), ftp.session_storage.get(b"id")), (None, None));
        }
    }

    #[test]
    fn tickets_and_sessions_are_worth_nothing_on_data_connections_of_others() {
        let tickets = Tickets::new().expect("randomness");
        let bound = |owner, side| Bound {
            owner: [owner; 16],
            side,
            issues: AtomicBool::new(side == Side::Control),
            ticketer: Arc::clone(&tickets.ftp.ticketer),
            sessions: Arc::clone(&tickets.ftp.sessions),
        };
        let (control, data) = (bound(1, Side::Control), bound(1, Side::Data));
        let ticket = control.encrypt(b"session").expect("encrypted");
        assert!(control.put(b"id".to_vec(), b"session".to_vec()));
        let other = bound(2, Side::Data);
        assert_eq!((other.decrypt(&ticket), other.get(b"id"), other.take(b"id")), (None, None, None));
        assert_eq!((other.encrypt(b"session"), other.put(b"id".to_vec(), b"x".to_vec())), (None, false));
        assert_eq!(bound(2, Side::Control).decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(data.encrypt(b"session"), None);
        assert_eq!(data.decrypt(&ticket).as_deref(), Some(&b"session"[..]));
        let renewed = data.encrypt(b"session").expect("its client is known by now");
        assert!(bound(1, Side::Data).decrypt(&renewed).is_some());
        assert_eq!(bound(1, Side::Data).get(b"id").as_deref(), Some(&b"session"[..]));
    }
}
