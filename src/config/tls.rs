//! The section `[tls]`: encryption.

use std::path::PathBuf;

use super::port_or_off;
use crate::ini::{Mistake, Section, Sources};

/// The section `[tls]`.
#[derive(Clone, Debug, PartialEq)]
pub struct TlsSection {
    /// The files of the certificate and its key; `None` if TLS is off.
    pub files: Option<TlsFiles>,
    /// Whether a login needs TLS.
    pub control_required: bool,
    /// Whether a data connection needs TLS.
    pub data_required: bool,
    /// Port of the listeners that begin with TLS; 0 is any free one.
    pub implicit_port: Option<u16>,
    /// Whether data connections must resume the control connection's TLS session.
    pub session_reuse: SessionReuse,
    /// Whether an upload that ends without close_notify is incomplete.
    pub strict_eof: bool,
    /// PEM file of the authorities that clients' certificates must come from.
    pub client_ca: Option<PathBuf>,
    /// Where its values come from.
    pub sources: Sources,
}

/// The files of the certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsFiles {
    /// The server makes them itself, in this folder.
    Own(PathBuf),
    /// There are none: the server makes a pair for this process alone.
    InMemory,
    /// The administrator has them.
    Given {
        /// PEM file of the certificate.
        certificate: PathBuf,
        /// PEM file of its key, perhaps the same.
        private_key: PathBuf,
    },
}

/// Whether data connections must resume a TLS session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionReuse {
    /// They may resume the control connection's TLS session.
    Accept,
    /// They must.
    Require,
}

impl TlsSection {
    pub(super) fn read(section: &mut Section) -> TlsSection {
        let read = TlsSection {
            files: files(section),
            control_required: section.take("tls_control_required"),
            data_required: section.take("tls_data_required"),
            implicit_port: section.take_with("implicit_tls_port", port_or_off),
            session_reuse: section.take_word(
                "tls_session_reuse",
                &[("accept", SessionReuse::Accept), ("require", SessionReuse::Require)],
            ),
            strict_eof: section.take("tls_strict_eof"),
            client_ca: section.take("client_ca"),
            sources: Sources::default(),
        };
        // These keys ask for TLS, so a server without it must not start silently.
        let wishes = [
            ("tls_control_required", read.control_required),
            ("tls_data_required", read.data_required),
            ("implicit_tls_port", read.implicit_port.is_some()),
            ("client_ca", read.client_ca.is_some()),
        ];
        for (key, _) in wishes.into_iter().filter(|(_, wished)| *wished && read.files.is_none()) {
            section.refuse_without(key, "tls", "needs tls = on");
        }
        TlsSection { sources: section.sources(), ..read }
    }
}

/// TLS is on if the file says so, or if it gives a certificate and says nothing.
fn files(section: &mut Section) -> Option<TlsFiles> {
    let certificate: Option<PathBuf> = section.take("certificate");
    let private_key: Option<PathBuf> = section.take("private_key");
    if certificate.is_none() && private_key.is_some() {
        section.refuse_without("private_key", "certificate", "needs a certificate");
    }
    let is_on = section.find("tls").unwrap_or(certificate.is_some());
    if !is_on && certificate.is_some() {
        section.doubt("certificate", Mistake::new("it is not used, as tls is off"));
    }
    is_on.then(|| match certificate {
        None => TlsFiles::Own(section.folder().to_owned()),
        Some(certificate) => {
            TlsFiles::Given { private_key: private_key.unwrap_or_else(|| certificate.clone()), certificate }
        }
    })
}
