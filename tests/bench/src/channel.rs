//! A connection of the client, in clear or under TLS.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;

use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{cipher_suite, default_provider, kx_group};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme, StreamOwned, version,
};

use crate::failure::Failure;

/// A control or data connection.
pub enum Channel {
    Clear(TcpStream),
    Private(Box<StreamOwned<ClientConnection, TcpStream>>),
}

/// How one session shakes hands, on all of its connections: TLS 1.3, one cipher suite and one group for all servers.
#[derive(Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Without tickets of earlier sessions.
    pub fn new() -> Result<Self, Failure> {
        let provider = CryptoProvider {
            cipher_suites: vec![cipher_suite::TLS13_AES_256_GCM_SHA384],
            // The one that all of them know.
            kx_groups: vec![kx_group::SECP256R1],
            ..default_provider()
        };
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&version::TLS13])
            .map_err(Failure::broken)?;
        let config = config.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate));
        Ok(Self(Arc::new(config.with_no_client_auth())))
    }

    /// The same, with tickets of its own.
    pub fn for_session(&self) -> Self {
        let mut config = ClientConfig::clone(&self.0);
        config.resumption = Resumption::in_memory_sessions(1);
        Self(Arc::new(config))
    }
}

impl Channel {
    /// Goes on under TLS, the handshake done.
    pub fn secure(self, tls: &Tls) -> Result<Self, Failure> {
        let Self::Clear(mut socket) = self else { return Err(Failure::broken("TLS twice")) };
        socket.set_nodelay(true)?;
        let server = ServerName::from(socket.peer_addr()?.ip());
        let mut connection = ClientConnection::new(Arc::clone(&tls.0), server).map_err(Failure::broken)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(Self::Private(Box::new(StreamOwned::new(connection, socket))))
    }

    /// What is below TLS.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Clear(socket) => socket,
            Self::Private(stream) => &stream.sock,
        }
    }

    pub fn is_resumed(&self) -> bool {
        matches!(self, Self::Private(stream) if stream.conn.handshake_kind() == Some(HandshakeKind::Resumed))
    }

    /// Says that nothing more comes; in clear the close does. Whether all has arrived, the reply says: some servers have
    /// hung up by now.
    pub fn finish(&mut self) {
        if let Self::Private(stream) = self {
            stream.conn.send_close_notify();
            let _ = stream.flush();
        }
    }

    /// Closes after an upload. What the server has sent under TLS is taken first: else the close would be a reset.
    pub fn close(mut self) {
        self.finish();
        if let Self::Private(stream) = &mut self {
            let _ = stream.sock.shutdown(Shutdown::Write);
            let _ = io::copy(&mut stream.sock, &mut io::sink());
        }
    }
}

impl Read for Channel {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.read(buffer),
            Self::Private(stream) => stream.read(buffer),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Clear(socket) => socket.write(bytes),
            Self::Private(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Clear(socket) => socket.flush(),
            Self::Private(stream) => stream.flush(),
        }
    }
}

/// Looks at nothing: the client must be cheap, and all servers have the same certificate.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer,
        _: &[CertificateDer],
        _: &ServerName,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256]
    }
}
