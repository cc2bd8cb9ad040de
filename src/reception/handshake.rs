//! Why TLS failed, in words: for the log and for the 522 reply.

use std::io;

use rustls::{AlertDescription as Alert, Error, InvalidMessage, PeerIncompatible};

/// Why a handshake failed.
pub fn explain(error: &io::Error) -> String {
    let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => "the client closed the connection in the handshake".to_owned(),
            io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => "the client did not finish in time".to_owned(),
            _ => error.to_string(),
        };
    };
    match error {
        Error::AlertReceived(
            Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown | Alert::CertificateExpired,
        ) => "the client does not trust the server's certificate".to_owned(),
        Error::AlertReceived(alert) => format!("the client refused: {alert:?}"),
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "what the client sent is no TLS (plain FTP to a TLS port?)".to_owned()
        }
        Error::PeerIncompatible(
            PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            // What TLS 1.2 and later demand.
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired,
        ) => "no TLS version in common: the server speaks 1.2 and 1.3".to_owned(),
        Error::PeerIncompatible(PeerIncompatible::NoCipherSuitesInCommon) => "no cipher suite in common".to_owned(),
        Error::NoApplicationProtocol => "the client wants another protocol than is spoken here (ALPN)".to_owned(),
        Error::NoCertificatesPresented => "the client showed no certificate".to_owned(),
        Error::InvalidCertificate(reason) => format!("the client's certificate is refused: {reason:?}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_in_words() {
        let cases = [
            (Error::AlertReceived(Alert::UnknownCA), "does not trust"),
            (Error::InvalidMessage(InvalidMessage::InvalidContentType), "no TLS (plain FTP"),
            (Error::PeerIncompatible(PeerIncompatible::Tls12NotOffered), "no TLS version in common"),
            (Error::NoApplicationProtocol, "another protocol"),
            (Error::NoCertificatesPresented, "showed no certificate"),
        ];
        for (error, words) in cases {
            let told = explain(&io::Error::new(io::ErrorKind::InvalidData, error));
            assert!(told.contains(words), "{told}");
        }
        assert!(explain(&io::ErrorKind::UnexpectedEof.into()).contains("closed the connection"));
    }
}
