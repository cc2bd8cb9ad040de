//! TLS as the configuration wants it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::{self, Config, SessionReuse};
use crate::ini::Problem;
use crate::net::certificate::{Fault, Pair};
use crate::net::tls::{Tickets, Tls, TlsSettings};
use crate::server::privileges;

/// How long before its end a certificate is worth a warning.
const NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Reads certificate, key and authorities; `None` if TLS is off.
pub fn load(config: &config::TlsSection, tickets: &Tickets) -> Result<Option<Arc<Tls>>, Problem> {
    let Some(pair) = pair(config) else { return Ok(None) };
    let settings = TlsSettings {
        pair,
        client_ca: config.client_ca.as_deref(),
        must_resume: config.session_reuse == SessionReuse::Require,
        strict_eof: config.strict_eof,
    };
    match Tls::new(settings, tickets) {
        Ok(tls) => Ok(Some(Arc::new(tls))),
        Err(Fault { key, reason }) => Err(problem(config, key, reason)),
    }
}

/// The same, but first makes the server's own certificate if it needs one and has none yet. The files belong to the user
/// that the server becomes.
pub fn start(config: &Config, tickets: &Tickets) -> Result<Option<Arc<Tls>>, Problem> {
    if let Some(pair) = missing(&config.tls) {
        make(&pair, config).map_err(|error| {
            problem(&config.tls, "tls", format!("{error}; set certificate and private_key, or tls = off"))
        })?;
        log::info!("made a self-signed certificate: {}", pair.certificate.display());
    }
    load(&config.tls, tickets)
}

fn make(pair: &Pair, config: &Config) -> io::Result<()> {
    let owner = privileges::wanted(&config.server)?;
    pair.make()?;
    owner.map_or(Ok(()), |owner| pair.give_to(owner.user, owner.group))
}

fn problem(config: &config::TlsSection, key: &'static str, reason: String) -> Problem {
    Problem { file: config.place(key).to_owned(), line: None, key: key.to_owned(), reason }
}

/// The pair that the server has to make before it can start.
pub fn missing(config: &config::TlsSection) -> Option<Pair> {
    pair(config).filter(|pair| config.certificate.is_none() && pair.is_missing())
}

/// The files of the certificate and its key; `None` if TLS is off.
pub fn pair(config: &config::TlsSection) -> Option<Pair> {
    config.tls.then(|| match &config.certificate {
        None => Pair::self_signed(&config.folder),
        Some(certificate) => Pair {
            certificate: certificate.clone(),
            private_key: config.private_key.as_ref().unwrap_or(certificate).clone(),
        },
    })
}

/// Logs which certificate is in use, and what is wrong with its age.
pub fn announce(tls: &Tls) {
    log::info!("TLS certificate SHA-256 {}", tls.certificate().fingerprint());
    if let Some(warning) = warning(tls) {
        log::warn!("{warning}");
    }
}

/// What is wrong with the certificate's age, or soon will be.
pub fn warning(tls: &Tls) -> Option<String> {
    tls.certificate().age_warning(SystemTime::now(), NOTICE)
}
