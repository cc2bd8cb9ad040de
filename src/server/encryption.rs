//! TLS as the configuration wants it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::{self, SessionReuse};
use crate::net::certificate::Pair;
use crate::net::tls::{Reuse, Settings, Tickets, Tls};

/// A certificate whose end is nearer is worth a word.
const NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Reads certificate, key and authorities; `None` where TLS is off.
///
/// # Errors
/// Names the key of the configuration, the file and the reason.
pub fn load(config: &config::Tls, tickets: &Tickets) -> io::Result<Option<Arc<Tls>>> {
    if !config.tls {
        return Ok(None);
    }
    let settings = Settings {
        pair: pair(config),
        client_ca: config.client_ca.as_deref(),
        reuse: match config.session_reuse {
            SessionReuse::Accept => Reuse::Accept,
            SessionReuse::Require => Reuse::Require,
        },
        strict_eof: config.strict_eof,
    };
    Tls::new(settings, tickets).map(Arc::new).map(Some)
}

/// As [`load`]; makes a certificate first where the server has to have its own and has none yet.
///
/// # Errors
/// As [`load`], and where it can't be kept.
pub fn start(config: &config::Tls, tickets: &Tickets) -> io::Result<Option<Arc<Tls>>> {
    if let Some(pair) = missing(config) {
        pair.make().map_err(|error| {
            io::Error::new(error.kind(), format!("tls: {error}; set certificate and private_key, or tls = off"))
        })?;
        log::info!("made a self-signed certificate: {}", pair.certificate.display());
    }
    load(config, tickets)
}

/// The pair that the server has to make before it can start.
pub fn missing(config: &config::Tls) -> Option<Pair> {
    let own = config.tls && config.certificate.is_none();
    own.then(|| pair(config)).filter(Pair::is_missing)
}

/// Says which certificate is in use, and what is wrong with its age.
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

fn pair(config: &config::Tls) -> Pair {
    match &config.certificate {
        None => Pair::self_signed(&config.folder),
        Some(certificate) => Pair {
            certificate: certificate.clone(),
            private_key: config.private_key.as_ref().unwrap_or(certificate).clone(),
        },
    }
}
