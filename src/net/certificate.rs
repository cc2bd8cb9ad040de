//! The server's certificate and private key: read as a pair, made if there is none yet, and read again when the
//! files change.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use x509_cert::der::Decode;
use x509_cert::time::Validity;

use crate::net::self_signed::sign_yourself;
use crate::seen::Seen;
use crate::sys::files;
use crate::sys::own_file;
use crate::sys::stamp::{Stamp, has_mode};

/// Two PEM files, which may be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The certificate and those between it and a root.
    pub certificate: PathBuf,
    /// Its key, not encrypted.
    pub private_key: PathBuf,
}

/// What a file of TLS is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It holds the server's certificate.
    Certificate,
    /// It holds the key of that certificate.
    PrivateKey,
    /// It holds the authorities that clients' certificates come from.
    ClientCa,
}

/// A file that can't be used.
#[derive(Debug)]
pub struct Fault {
    /// What it is for.
    pub purpose: Purpose,
    /// Its path.
    pub file: PathBuf,
    /// What is wrong with it.
    pub flaw: Flaw,
}

/// What is wrong with a file of TLS.
#[derive(Debug, PartialEq, Eq)]
pub enum Flaw {
    /// What the system or the TLS library says.
    Said(String),
    /// It is no PEM: what the parser says.
    NoPem(String),
    /// It holds no certificate.
    NoCertificate,
    /// It holds no private key.
    NoKey,
    /// It is the only file that is named, and holds a certificate without its key.
    WithoutKey,
    /// It holds the private key, and the file of that the certificate.
    Swapped,
    /// This user may not read it.
    Closed,
    /// The key is that of another certificate in the file than the first one.
    NotFirst,
    /// It is text in UTF-16.
    Utf16,
    /// There is nothing in it.
    Empty,
    /// It is DER, the binary form of PEM.
    Der,
    /// It is PKCS #12, which holds both (.pfx, .p12).
    Pkcs12,
    /// The private key needs a password.
    Encrypted,
    /// Everybody on this machine can read the private key.
    OpenToAll,
    /// The private key is that of another certificate.
    WrongKey,
}

/// The pair that is in use.
#[derive(Debug)]
pub struct Certificate {
    /// Its files, if it has any.
    pair: Option<Pair>,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
    seen: Mutex<[Seen; 2]>,
    tell: Tell,
}

/// Hears of a change of the files: the new certificate's fingerprint, or why the old one stays in use.
pub type Tell = fn(Result<String, Fault>);

/// What both files held, and when.
struct PairContent {
    seen: [Seen; 2],
    bytes: [io::Result<Vec<u8>>; 2],
}

/// Permission bits that a private key must not have.
const FOR_OTHERS: u32 = 0o007;

impl Pair {
    /// The pair that the server makes for itself, in this folder.
    pub fn self_signed(folder: &Path) -> Self {
        Self { certificate: folder.join("ftpd-certificate.pem"), private_key: folder.join("ftpd-private-key.pem") }
    }

    /// Whether neither file is there.
    pub fn is_missing(&self) -> bool {
        let is_missing =
            |path: &Path| fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound);
        is_missing(&self.certificate) && is_missing(&self.private_key)
    }

    /// Makes both: ECDSA P-256, signed by itself, for this machine's name and addresses, readable by their owner alone.
    ///
    /// # Errors
    /// Names the file that can't be written.
    pub fn make(&self) -> io::Result<()> {
        let (certificate, private_key) = sign_yourself().map_err(io::Error::other)?;
        // The key first: a certificate without a key would look like a mistake.
        write_private(&self.private_key, &private_key)?;
        write_private(&self.certificate, &certificate)
    }

    /// Gives both files to this user and group.
    ///
    /// # Errors
    /// Names the file whose owner can't be changed.
    pub fn give_to(&self, user: u32, group: u32) -> io::Result<()> {
        [&self.certificate, &self.private_key].into_iter().try_for_each(|path| {
            files::give_to(path, user, group).map_err(|error| {
                io::Error::new(error.kind(), format!("can't give {} to user {user}: {error}", path.display()))
            })
        })
    }
}

impl Flaw {
    /// The fault of a file that has this flaw.
    pub fn of(self, purpose: Purpose, file: &Path) -> Fault {
        Fault { purpose, file: file.to_owned(), flaw: self }
    }

    /// Why a file can't be read.
    pub fn unread(error: &io::Error) -> Self {
        if error.kind() == ErrorKind::PermissionDenied { Self::Closed } else { Self::said(error) }
    }

    /// What the system or the TLS library says, without the system's number for it.
    pub fn said(error: impl ToString) -> Self {
        let mut text = error.to_string();
        text.truncate(text.find(" (os error").unwrap_or(text.len()));
        Self::Said(text)
    }
}

impl Certificate {
    /// Reads both files.
    pub fn load(pair: Pair, provider: &Arc<CryptoProvider>, tell: Tell) -> Result<Self, Fault> {
        let PairContent { seen, bytes } = PairContent::of(&pair);
        let current = parse(&pair, bytes, provider)?;
        let (current, seen) = (RwLock::new(Arc::new(current)), Mutex::new(seen));
        Ok(Self { pair: Some(pair), provider: Arc::clone(provider), current, seen, tell })
    }

    /// A pair without files, which never changes.
    pub fn in_memory(pair: Arc<CertifiedKey>, provider: &Arc<CryptoProvider>) -> Self {
        let seen = Mutex::new([Seen::new(None, None), Seen::new(None, None)]);
        Self { pair: None, provider: Arc::clone(provider), current: RwLock::new(pair), seen, tell: drop }
    }

    /// The file of the certificate, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.pair.as_ref().map(|pair| pair.certificate.as_path())
    }

    /// Reads a changed pair. If something is wrong with it, the old one stays in use, which is told once.
    pub fn refresh(&self) {
        let Some(pair) = &self.pair else { return };
        let mut seen = self.seen.lock();
        if seen[0].is_current(&Stamp::of(&pair.certificate)) && seen[1].is_current(&Stamp::of(&pair.private_key)) {
            return;
        }
        let content = PairContent::of(pair);
        let is_same = seen.iter().zip(&content.seen).all(|(old, new)| old.same_content(new));
        *seen = content.seen;
        if is_same {
            return;
        }
        let parsed = parse(pair, content.bytes, &self.provider);
        (self.tell)(parsed.map(|certified| {
            *self.current.write() = Arc::new(certified);
            self.fingerprint()
        }));
    }

    /// The SHA-256 of the certificate, as clients show it.
    pub fn fingerprint(&self) -> String {
        let digest = Sha256::digest(self.current().cert.first().map_or(&b""[..], |certificate| certificate));
        let digits: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        digits.join(":")
    }

    /// The time that the certificate is valid for, if it says so.
    pub fn validity(&self) -> Option<Validity> {
        let parsed = x509_cert::Certificate::from_der(self.current().cert.first()?).ok()?;
        Some(*parsed.tbs_certificate().validity())
    }

    fn current(&self) -> Arc<CertifiedKey> {
        Arc::clone(&self.current.read())
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello) -> Option<Arc<CertifiedKey>> {
        Some(self.current())
    }
}

impl PairContent {
    fn of(pair: &Pair) -> Self {
        let read = |path: &PathBuf| {
            let stamp = Stamp::of(path);
            let bytes = own_file::read(path);
            (Seen::new(stamp, Some(&bytes)), bytes)
        };
        let [(one, certificate), (other, private_key)] = [&pair.certificate, &pair.private_key].map(read);
        Self { seen: [one, other], bytes: [certificate, private_key] }
    }
}

/// The subject of a certificate, as RFC 4514 writes it.
pub fn subject(certificate: &[u8]) -> Option<String> {
    let parsed = x509_cert::Certificate::from_der(certificate).ok()?;
    Some(parsed.tbs_certificate().subject().to_string())
}

/// The certificates of a PEM file, at least one.
pub fn read_all(file: &Path) -> Result<Vec<CertificateDer<'static>>, Flaw> {
    certificates(&own_file::read(file).map_err(|error| Flaw::unread(&error))?)
}

fn certificates(bytes: &[u8]) -> Result<Vec<CertificateDer<'static>>, Flaw> {
    let bytes = without_mark(bytes);
    match CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, pem::Error>>() {
        Ok(certificates) if certificates.is_empty() => {
            let is_der = x509_cert::Certificate::from_der(bytes).is_ok();
            Err(other_form(bytes, is_der).unwrap_or(Flaw::NoCertificate))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(Flaw::NoPem(error.to_string())),
    }
}

/// Text without the mark that Windows editors put in front of it.
fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

fn private_key(bytes: &[u8]) -> Result<PrivateKeyDer<'static>, Flaw> {
    let bytes = without_mark(bytes);
    PrivateKeyDer::from_pem_slice(bytes).map_err(|error| match error {
        _ if bytes.windows(9).any(|word| word == b"ENCRYPTED") => Flaw::Encrypted,
        pem::Error::NoItemsFound => {
            let is_der = PrivateKeyDer::try_from(bytes).is_ok();
            other_form(bytes, is_der).unwrap_or(Flaw::NoKey)
        }
        error => Flaw::NoPem(error.to_string()),
    })
}

/// The form of a file that is no PEM.
fn other_form(bytes: &[u8], is_der: bool) -> Option<Flaw> {
    match bytes {
        [] => Some(Flaw::Empty),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(Flaw::Utf16),
        // RFC 7292: a sequence (its length takes up to four bytes more), which begins with the version, 3.
        [0x30, rest @ ..] if rest.windows(4).take(6).any(|part| part == [0x02, 0x01, 0x03, 0x30]) => Some(Flaw::Pkcs12),
        _ if is_der => Some(Flaw::Der),
        _ => None,
    }
}

fn parse(pair: &Pair, bytes: [io::Result<Vec<u8>>; 2], provider: &CryptoProvider) -> Result<CertifiedKey, Fault> {
    let of_certificate = |flaw: Flaw| flaw.of(Purpose::Certificate, &pair.certificate);
    let of_key = |flaw: Flaw| flaw.of(Purpose::PrivateKey, &pair.private_key);
    let [certificate, key] = bytes;
    let certificate = certificate.map_err(|error| of_certificate(Flaw::unread(&error)))?;
    let key = key.map_err(|error| of_key(Flaw::unread(&error)))?;
    if certificates(&key).is_ok() && private_key(&certificate).is_ok() && pair.certificate != pair.private_key {
        return Err(of_certificate(Flaw::Swapped));
    }
    let chain = certificates(&certificate).map_err(of_certificate)?;
    let key = private_key(&key).map_err(|flaw| match flaw {
        Flaw::NoKey if pair.certificate == pair.private_key => of_certificate(Flaw::WithoutKey),
        flaw => of_key(flaw),
    })?;
    if has_mode(&pair.private_key, FOR_OTHERS) {
        return Err(of_key(Flaw::OpenToAll));
    }
    let others: Vec<_> = chain.iter().skip(1).cloned().collect();
    let other_key = key.clone_key();
    let fits_another = move || {
        let fits = |one| CertifiedKey::from_der(vec![one], other_key.clone_key(), provider).is_ok();
        others.into_iter().any(fits)
    };
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) if fits_another() => of_certificate(Flaw::NotFirst),
        rustls::Error::InconsistentKeys(_) => of_key(Flaw::WrongKey),
        rustls::Error::InvalidCertificate(error) => of_certificate(Flaw::Said(format!("{error:?}"))),
        error => of_key(Flaw::said(error)),
    })
}

/// Makes a pair that no file holds.
pub fn make(provider: &CryptoProvider) -> Result<Arc<CertifiedKey>, Fault> {
    let fault = |reason: String| Flaw::Said(reason).of(Purpose::Certificate, Path::new("the server's own certificate"));
    let (certificate, key) = sign_yourself().map_err(|error| fault(error.to_string()))?;
    let parsed = certificates(certificate.as_bytes()).and_then(|chain| Ok((chain, private_key(key.as_bytes())?)));
    let (chain, key) = parsed.map_err(|flaw| fault(format!("{flaw:?}")))?;
    CertifiedKey::from_der(chain, key, provider).map(Arc::new).map_err(|error| fault(error.to_string()))
}

/// Writes a file that is whole or not there at all.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let told = |error: io::Error| io::Error::new(error.kind(), format!("can't write {}: {error}", path.display()));
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let mut file = files::create_private(new.as_ref()).map_err(told)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(told)?;
    fs::rename(&new, path).map_err(told)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::sys::interfaces;

    fn provider() -> Arc<CryptoProvider> {
        Arc::new(rustls::crypto::aws_lc_rs::default_provider())
    }

    /// A folder with a pair that the server made.
    fn made() -> (tempfile::TempDir, Pair) {
        let folder = tempfile::tempdir().unwrap();
        let pair = Pair::self_signed(folder.path());
        pair.make().unwrap();
        (folder, pair)
    }

    fn load(pair: &Pair) -> Result<Certificate, Fault> {
        Certificate::load(pair.clone(), &provider(), drop)
    }

    fn fault(pair: &Pair) -> (Purpose, Flaw) {
        let fault = load(pair).unwrap_err();
        (fault.purpose, fault.flaw)
    }

    #[test]
    fn a_pair_of_its_own_is_private_and_names_this_machine() {
        let (_folder, pair) = made();
        for file in [&pair.certificate, &pair.private_key] {
            assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let certificate = load(&pair).unwrap();
        assert_eq!(certificate.fingerprint().len(), 95);
        let subject = subject(&certificate.current().cert[0]).unwrap();
        assert_eq!(subject, format!("CN={}", interfaces::host_name().unwrap()));
        let der: &[u8] = &certificate.current().cert[0];
        assert!(der.windows(9).any(|name| name == b"localhost"));
        assert!(der.windows(4).any(|address| address == [127, 0, 0, 1]));
    }

    #[test]
    fn what_is_wrong_with_a_pair_is_told() {
        let (_one, pair) = made();
        let (_other, other) = made();
        let gone = PathBuf::from("/nonexistent/key.pem");
        let missing = load(&Pair { private_key: gone.clone(), ..pair.clone() }).unwrap_err();
        assert_eq!((missing.purpose, missing.file), (Purpose::PrivateKey, gone));
        assert!(matches!(missing.flaw, Flaw::Said(error) if error.starts_with("No")));
        let swapped = Pair { private_key: other.private_key.clone(), ..pair.clone() };
        assert_eq!(fault(&swapped), (Purpose::PrivateKey, Flaw::WrongKey));
        let turned = Pair { certificate: pair.private_key.clone(), ..pair.clone() };
        assert_eq!(fault(&turned), (Purpose::Certificate, Flaw::NoCertificate));
        let swapped = Pair { private_key: pair.certificate.clone(), ..turned };
        assert_eq!(fault(&swapped), (Purpose::Certificate, Flaw::Swapped));
        let alone = Pair { private_key: pair.certificate.clone(), ..pair.clone() };
        assert_eq!(fault(&alone), (Purpose::Certificate, Flaw::WithoutKey));
        fs::set_permissions(&pair.private_key, fs::Permissions::from_mode(0o644)).unwrap();
        assert_eq!(fault(&pair), (Purpose::PrivateKey, Flaw::OpenToAll));
        let text = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        fs::write(&other.private_key, text).unwrap();
        assert_eq!(fault(&other), (Purpose::PrivateKey, Flaw::Encrypted));
    }

    #[test]
    fn other_forms_than_pem_are_known() {
        let (folder, pair) = made();
        let file = folder.path().join("other");
        let certificate = load(&pair).unwrap().current().cert[0].to_vec();
        let key = PrivateKeyDer::from_pem_file(&pair.private_key).unwrap().secret_der().to_vec();
        let pfx = b"\x30\x82\x09\x4a\x02\x01\x03\x30\x82\x09\x10";
        let as_certificate = Pair { certificate: file.clone(), ..pair.clone() };
        let as_key = Pair { private_key: file.clone(), ..pair.clone() };
        let cases: [(&Pair, &[u8], Flaw); 6] = [
            (&as_certificate, b"", Flaw::Empty),
            (&as_certificate, &certificate, Flaw::Der),
            (&as_certificate, pfx, Flaw::Pkcs12),
            (&as_certificate, b"0", Flaw::NoCertificate),
            (&as_key, &key, Flaw::Der),
            (&as_key, pfx, Flaw::Pkcs12),
        ];
        for (pair, bytes, flaw) in cases {
            fs::write(&file, bytes).unwrap();
            assert_eq!(fault(pair).1, flaw);
        }
    }

    #[test]
    fn a_changed_pair_is_taken_in_only_when_it_is_sound() {
        let (_folder, pair) = made();
        let certificate = load(&pair).unwrap();
        let first = certificate.fingerprint();
        let (_other, new) = made();
        fs::copy(&new.certificate, &pair.certificate).unwrap();
        certificate.refresh();
        assert_eq!(certificate.fingerprint(), first);
        fs::copy(&new.private_key, &pair.private_key).unwrap();
        certificate.refresh();
        assert_eq!(certificate.fingerprint(), load(&new).unwrap().fingerprint());
        assert_ne!(certificate.fingerprint(), first);
    }
}
