//! What all transfers have in common: the data port, the line ends and the patience.

use crate::copy::ascii::LineEnds;
use crate::copy::watch::Patience;
use crate::net::data_port::DataPort;
use crate::protocol::command::Representation;
use crate::protocol::reply::Reply;
use crate::session::login::Login;
use crate::session::refusal::Refusal;

impl Login {
    pub(super) fn line_ends(&self) -> LineEnds {
        let conversion = self.share.user_now().ascii_conversion.unwrap_or(self.config.transfer.ascii_conversion);
        LineEnds::of(self.representation, conversion)
    }

    pub(super) fn take_data_port(&mut self) -> Result<DataPort, Box<Refusal>> {
        self.refuse_clear()?;
        self.share.refresh(&mut self.throttles);
        Ok(self.data_port.take().ok_or_else(no_data_port)?)
    }

    pub(super) fn patience(&self) -> Patience {
        let config = &self.config.transfer;
        Patience { connect: config.connect_timeout, stall: config.data_timeout }
    }

    /// Looked at when the transfer begins: PROT C may have come after PASV.
    pub(super) fn refuse_clear(&self) -> Result<(), Box<Refusal>> {
        if self.config.tls.data_required && self.protection().is_none() {
            let reply = Reply::new(521, "Data connections must be encrypted here: PBSZ 0, PROT P.");
            return Err(Refusal::by_setting(reply, "tls", "tls_data_required"));
        }
        Ok(())
    }

    /// Offsets count bytes on disk, which TYPE A does not show.
    pub(super) fn refuse_restart_in_ascii(&self, offset: u64) -> Result<(), Reply> {
        if offset > 0 && self.representation == Representation::Ascii {
            return Err(Reply::new(554, "REST counts bytes on disk: TYPE I first."));
        }
        Ok(())
    }
}

pub(super) fn no_data_port() -> Reply {
    Reply::new(425, "Say where first: PASV, EPSV, PORT or EPRT.")
}
