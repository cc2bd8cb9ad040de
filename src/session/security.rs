//! RFC 4217: AUTH, PBSZ, PROT, CCC, and what TLS does between two commands.

use log::Level;

use crate::net::certificate;
use crate::net::tls::Protection;
use crate::protocol::command::ProtectionLevel;
use crate::protocol::reply::Reply;
use crate::reception::handshake;
use crate::session::Session;
use crate::session::end::End;
use crate::session::info::Preferences;
use crate::session::refusal::Refusal;
use crate::session::step::{Answer, Step, refuse, reply};

/// How a session's connections are encrypted.
#[derive(Default)]
pub struct Security {
    /// What data connections need for PROT P; there from AUTH on, also after CCC.
    offered: Option<Protection>,
    /// PBSZ has come: PROT may.
    has_buffer_size: bool,
    level: ProtectionLevel,
}

impl Security {
    /// What the next data connection needs; `None` for one in clear.
    pub fn protection(&self) -> Option<&Protection> {
        match self.level {
            ProtectionLevel::Clear => None,
            ProtectionLevel::Private => self.offered.as_ref(),
        }
    }
}

impl Session {
    /// What came before was in clear, and may have been changed on the way: it is forgotten.
    #[cold]
    pub(super) fn auth(&mut self, level: ProtectionLevel) -> Answer {
        if self.control.security().is_some() {
            return refuse(503, "TLS is on already.");
        }
        self.log_out();
        let agreed = self.access.agreed();
        agreed.preferences = Preferences::default();
        agreed.security.level = level;
        agreed.security.has_buffer_size = false;
        Ok(Step::Secure(Reply::new(234, "TLS begins.")))
    }

    #[cold]
    pub(super) fn pbsz(&mut self) -> Answer {
        self.need_tls()?;
        self.access.agreed().security.has_buffer_size = true;
        reply(200, "PBSZ=0")
    }

    #[cold]
    pub(super) fn prot(&mut self, level: ProtectionLevel) -> Answer {
        self.need_tls()?;
        if !self.access.agreed().security.has_buffer_size {
            return refuse(503, "PBSZ comes before PROT.");
        }
        if level == ProtectionLevel::Clear && self.config.tls.data_required {
            let reply = Reply::new(534, "Data connections must be encrypted here.");
            return Err(Refusal::by_setting(reply, "tls", "tls_data_required").about("C".to_owned()));
        }
        self.access.agreed().security.level = level;
        if let Some(login) = self.access.login_mut() {
            // A data connection that shook hands already is no use any more.
            login.data_port = login.data_port.take().filter(|port| !port.is_open());
        }
        reply(
            200,
            match level {
                ProtectionLevel::Clear => "Data connections are in clear.",
                ProtectionLevel::Private => "Data connections are encrypted.",
            },
        )
    }

    #[cold]
    pub(super) fn ccc(&mut self) -> Answer {
        if self.control.security().is_none() {
            return refuse(533, "The control connection is in clear already.");
        }
        if self.config.tls.control_required {
            let reply = Reply::new(533, "The control connection must be encrypted here.");
            return Err(Refusal::by_setting(reply, "tls", "tls_control_required"));
        }
        Ok(Step::Clear(Reply::new(200, "The control connection goes on in clear.")))
    }

    fn need_tls(&self) -> Result<(), Box<Refusal>> {
        match self.control.security() {
            Some(_) => Ok(()),
            None => refuse(503, "AUTH TLS comes first."),
        }
    }

    /// The handshake of a connection that begins with TLS; its data connections are encrypted from the start, too.
    #[cold]
    pub(super) fn begin_with_tls(&mut self) -> Result<(), Step> {
        self.access.agreed().security.level = ProtectionLevel::Private;
        self.shake_hands()
    }

    /// The handshake of the control connection; if it fails, the log says why, and the session ends.
    pub(super) fn shake_hands(&mut self) -> Result<(), Step> {
        let Some(tls) = self.tls.clone() else { return Err(Step::Cut(End::NoTls)) };
        let protection = self.control.secure(&tls, self.login_by).map_err(|error| {
            self.control.who.log(Level::Warn, format_args!("TLS handshake failed: {}.", handshake::explain(&error)));
            Step::Cut(End::NoTls)
        })?;
        self.access.agreed().security.offered = Some(protection);
        self.activity.secure(true);
        self.log_handshake();
        Ok(())
    }

    #[cold]
    fn log_handshake(&self) {
        let who = &self.control.who;
        who.log(Level::Debug, format_args!("{}", self.describe_security()));
        let certificates = self.control.security().and_then(|secured| secured.connection().peer_certificates());
        let subject = certificates.and_then(|chain| certificate::subject(chain.first()?));
        if let Some(subject) = subject {
            who.log(Level::Info, format_args!("client certificate '{}'", subject.escape_default()));
        }
    }

    /// The encryption of the control connection, for STAT and the log.
    #[cold]
    pub(super) fn describe_security(&self) -> String {
        let Some(secured) = self.control.security() else { return "Control connection: in clear".to_owned() };
        let (connection, resumed) = (secured.connection(), secured.connection().handshake_kind());
        let version = connection.protocol_version().and_then(|version| version.as_str()).unwrap_or("TLS");
        let suite = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("unknown");
        let resumed = if resumed == Some(rustls::HandshakeKind::Resumed) { ", resumed" } else { "" };
        format!("Control connection: {version}, {suite}{resumed}")
    }

    /// The end of TLS on the control connection after CCC.
    #[cold]
    pub(super) fn go_on_in_clear(&mut self) -> Result<(), Step> {
        let deadline = std::time::Instant::now() + self.config.transfer.connect_timeout;
        self.activity.secure(false);
        self.control.unsecure(deadline).map_err(|error| {
            self.control.who.log(Level::Warn, format_args!("TLS did not end: {}.", handshake::explain(&error)));
            Step::Cut(End::NoTls)
        })
    }
}
