//! TLS as the configuration wants it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::config::{self, Config, SessionReuse, TlsFiles};
use crate::ini::{Finding, shell_word};
use crate::net::certificate::{Certificate, Fault, Flaw, Pair, Purpose};
use crate::net::tls::{self, Tickets, Tls, TlsSettings};
use crate::server::privileges;
use crate::sys::access;
use crate::sys::owners::Owners;

/// How long before its end a certificate is worth a warning.
const NOTICE: Duration = Duration::from_secs(14 * 24 * 60 * 60);
const RENEW: &str = "renew it: a new file is read as soon as it is there";

/// Reads certificate, key and authorities; `None` if TLS is off.
pub fn load(config: &config::TlsSection, tickets: &Tickets) -> Result<Option<Arc<Tls>>, Finding> {
    if config.files.is_none() {
        return Ok(None);
    }
    let settings = TlsSettings {
        pair: pair(config),
        tell: tell_change,
        client_ca: config.client_ca.as_deref(),
        must_resume: config.session_reuse == SessionReuse::Require,
        strict_eof: config.strict_eof,
    };
    match Tls::new(settings, tickets) {
        Ok(tls) => Ok(Some(Arc::new(tls))),
        Err(fault) => Err(finding(config, &fault)),
    }
}

/// The same, but first makes the server's own certificate if it needs one and has none yet. The files belong to the user
/// that the server becomes.
pub fn start(config: &Config, tickets: &Tickets) -> Result<Option<Arc<Tls>>, Finding> {
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

fn problem(config: &config::TlsSection, key: &'static str, reason: String) -> Finding {
    Finding::error(&config.sources.of(key), reason).about(key)
}

/// The pair that the server has to make before it can start.
pub fn missing(config: &config::TlsSection) -> Option<Pair> {
    let is_own = matches!(config.files, Some(TlsFiles::Own(_)));
    pair(config).filter(|pair| is_own && pair.is_missing())
}

/// The files of the certificate and its key; `None` if TLS is off, or on without any.
pub fn pair(config: &config::TlsSection) -> Option<Pair> {
    match config.files.as_ref()? {
        TlsFiles::Own(folder) => Some(Pair::self_signed(folder)),
        TlsFiles::Given { certificate, private_key } => {
            Some(Pair { certificate: certificate.clone(), private_key: private_key.clone() })
        }
        TlsFiles::InMemory => None,
    }
}

/// Logs which certificate is in use.
pub fn announce(tls: &Tls) {
    log::info!("TLS certificate SHA-256 {}", tls.certificate().fingerprint());
}

/// What is wrong with the certificate's age, or soon will be.
pub fn warning(config: &config::TlsSection, tls: &Tls) -> Option<Finding> {
    let (reason, fix) = age(tls.certificate(), SystemTime::now())?;
    let file = tls.certificate().file()?.display();
    Some(Finding::warning(&config.sources.of("certificate"), format!("{file}: {reason}")).fix(fix))
}

/// What is wrong with it, and what to do.
fn age(certificate: &Certificate, now: SystemTime) -> Option<(String, &'static str)> {
    let validity = certificate.validity()?;
    let (begin, end) = (validity.not_before, validity.not_after);
    match () {
        () if begin.to_system_time() > now => {
            Some((format!("the certificate is valid from {begin} on"), "set the clock of this machine, or wait"))
        }
        () if end.to_system_time() < now => Some((format!("the certificate has expired on {end}"), RENEW)),
        () if end.to_system_time() < now + NOTICE => Some((format!("the certificate expires on {end}"), RENEW)),
        () => None,
    }
}

/// Reads the authorities of clients alone, for a server whose certificate is yet to be made.
pub fn client_ca(config: &config::TlsSection, tickets: &Tickets) -> Result<(), Finding> {
    let Some(file) = &config.client_ca else { return Ok(()) };
    tls::verifier(file, tickets).map(drop).map_err(|flaw| finding(config, &flaw.of(Purpose::ClientCa, file)))
}

fn tell_change(change: Result<String, Fault>) {
    match change {
        Ok(fingerprint) => log::info!("the certificate has changed: SHA-256 {fingerprint}"),
        Err(fault) => {
            log::error!("{}: {}; the old certificate stays in use", key(fault.purpose), reason(&fault));
        }
    }
}

/// The key of ftpd.conf that names a file.
fn key(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Certificate => "certificate",
        Purpose::PrivateKey => "private_key",
        Purpose::ClientCa => "client_ca",
    }
}

/// What is wrong with a file, at the line that names it.
fn finding(config: &config::TlsSection, fault: &Fault) -> Finding {
    let key = key(fault.purpose);
    // Without a private_key, that of certificate names both.
    let is_written = config.sources.of(key).is_written();
    let of_key = if fault.flaw == Flaw::WithoutKey && config.sources.of("private_key").is_written() {
        "private_key"
    } else {
        key
    };
    if let (Some(TlsFiles::Own(folder)), false) = (&config.files, fault.purpose == Purpose::ClientCa) {
        let Pair { certificate, private_key } = Pair::self_signed(folder);
        let fix =
            format!("rm -f {} {}: a new pair is made at the start", shell_word(&certificate), shell_word(&private_key));
        return Finding::error(&config.sources.of("tls"), reason(fault)).fix(match fault.flaw {
            Flaw::Closed | Flaw::OpenToAll => self::fix(fault).unwrap_or(fix),
            _ => fix,
        });
    }
    let source = config.sources.of(if is_written { of_key } else { "certificate" });
    let finding = Finding::error(&source, reason(fault)).about(of_key);
    match fix(fault) {
        Some(fix) => finding.fix(fix),
        None => finding,
    }
}

/// The user of this process.
fn me() -> String {
    let number = access::user_id();
    Owners::of_system().user(number).map_or_else(|| format!("user {number}"), str::to_owned)
}

/// Why a file can't be used.
fn reason(fault: &Fault) -> String {
    let file = fault.file.display();
    match &fault.flaw {
        Flaw::Said(error) => format!("{file}: {error}"),
        Flaw::NoPem(error) => format!("{file}: no PEM: {error}"),
        Flaw::NoCertificate => format!("{file}: no certificate is in it (PEM is expected)"),
        Flaw::NoKey => format!("{file}: no private key is in it (PEM is expected)"),
        Flaw::WithoutKey => format!("{file}: its private key is not in it"),
        Flaw::Swapped => format!("{file} is the private key, and the file of private_key is the certificate"),
        Flaw::Closed => format!("{file}: {} may not read it", me()),
        Flaw::NotFirst => format!("{file}: the key is that of another certificate in it than the first"),
        Flaw::Utf16 => format!("{file}: this is UTF-16, PEM is expected"),
        Flaw::Empty => format!("{file}: there is nothing in it (PEM is expected)"),
        Flaw::Der => format!("{file}: this is DER, PEM is expected"),
        Flaw::Pkcs12 => format!("{file}: this is PKCS #12, PEM is expected"),
        Flaw::Encrypted => format!("{file}: the key is encrypted"),
        Flaw::OpenToAll => format!("{file}: everybody on this machine can read it"),
        Flaw::WrongKey => format!("{file}: it is not the key of this certificate"),
    }
}

/// What to do about it.
fn fix(fault: &Fault) -> Option<String> {
    let file = shell_word(&fault.file);
    let pem = fault.file.with_extension("pem");
    let pem = shell_word(&if pem == fault.file { fault.file.with_extension("new.pem") } else { pem });
    match &fault.flaw {
        Flaw::WithoutKey => Some("set private_key to the file of its key".to_owned()),
        Flaw::Swapped => Some("swap certificate and private_key".to_owned()),
        Flaw::Der if fault.purpose == Purpose::PrivateKey => {
            Some(format!("openssl pkey -inform der -in {file} -out {pem}"))
        }
        Flaw::Der => Some(format!("openssl x509 -inform der -in {file} -out {pem}")),
        Flaw::Pkcs12 => Some(format!("openssl pkcs12 -in {file} -nodes -out {pem}, and name that for both")),
        Flaw::Encrypted => Some(format!("openssl pkey -in {file} -out {pem} writes it without a password")),
        Flaw::OpenToAll => Some(format!("chmod o= {file}")),
        Flaw::Closed => Some(format!("chown {} {file}, or start as a user who may", me())),
        Flaw::NotFirst => Some("write the server's own certificate first, then those of the authorities".to_owned()),
        Flaw::Utf16 => Some(format!("iconv -f UTF-16 -t ASCII {file} -o {pem}")),
        Flaw::WrongKey => {
            Some("openssl x509 -noout -pubkey and openssl pkey -pubout show which belong together".to_owned())
        }
        Flaw::Said(_) | Flaw::NoPem(_) | Flaw::NoCertificate | Flaw::NoKey | Flaw::Empty => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_seen_coming() {
        let folder = tempfile::tempdir().unwrap();
        let pair = Pair::self_signed(folder.path());
        pair.make().unwrap();
        let settings =
            TlsSettings { pair: Some(pair), tell: drop, client_ca: None, must_resume: false, strict_eof: false };
        let tls = Tls::new(settings, &Tickets::new().unwrap()).unwrap();
        let (now, day) = (SystemTime::now(), Duration::from_secs(86_400));
        let warning = |now| age(tls.certificate(), now).map(|(reason, _)| reason);
        assert_eq!(warning(now), None);
        for (days, words) in [(3640, "expires on"), (3660, "has expired on")] {
            assert!(warning(now + days * day).unwrap().contains(words));
        }
        assert!(warning(now - 3 * day).unwrap().contains("is valid from"));
    }

    #[test]
    fn a_fault_names_its_key_and_its_file() {
        let told = |purpose, flaw: Flaw| {
            let fault = flaw.of(purpose, "/etc/x.pem".as_ref());
            let fix = fix(&fault).map(|fix| format!("; {fix}")).unwrap_or_default();
            format!("{}: {}{fix}", key(fault.purpose), reason(&fault))
        };
        let cases = [
            (Purpose::PrivateKey, Flaw::Said("No such file".to_owned()), "private_key: /etc/x.pem: No such file"),
            (
                Purpose::PrivateKey,
                Flaw::WrongKey,
                "private_key: /etc/x.pem: it is not the key of this certificate; openssl x509 -noout -pubkey and openssl pkey -pubout show which belong together",
            ),
            (
                Purpose::ClientCa,
                Flaw::NoCertificate,
                "client_ca: /etc/x.pem: no certificate is in it (PEM is expected)",
            ),
        ];
        for (purpose, flaw, line) in cases {
            assert_eq!(told(purpose, flaw), line);
        }
        assert!(told(Purpose::PrivateKey, Flaw::OpenToAll).ends_with("chmod o= /etc/x.pem"));
        assert!(told(Purpose::PrivateKey, Flaw::Encrypted).contains("the key is encrypted"));
    }
}
