//! What all transfers have in common: the data port, and the way from the 150 to the end of the data connection.

use crate::copy::ascii::LineEnds;
use crate::copy::watch::Watch;
use crate::copy::{self, Error};
use crate::fs::upload::Kept;
use crate::net::data_port::DataPort;
use crate::net::stream::Stream;
use crate::net::tls::Protection;
use crate::protocol::command::Representation;
use crate::protocol::reply::Reply;
use crate::session::login::Login;
use crate::session::outcome::Outcome;

impl Login {
    pub(super) fn line_ends(&self) -> LineEnds {
        let conversion = self.user.ascii_conversion.unwrap_or(self.config.transfer.ascii_conversion);
        LineEnds::of(self.representation, conversion)
    }

    pub(super) fn take_data_port(&mut self) -> Result<DataPort, Reply> {
        self.refuse_clear()?;
        self.data_port.take().ok_or_else(no_data_port)
    }

    /// Looked at when the transfer begins: PROT C may have come behind PASV.
    pub(super) fn refuse_clear(&self) -> Result<(), Reply> {
        if self.config.tls.data_required && self.protection.is_none() {
            return Err(Reply::new(521, "Data connections must be encrypted here: PBSZ 0, PROT P."));
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

/// Opens the data connection, sends the 150, acts, and closes the connection before the final reply.
pub(super) fn transfer(
    (port, protection): (DataPort, &Option<Protection>),
    mut watch: Watch,
    config: &crate::config::TransferSection,
    preliminary: &Reply,
    act: impl FnOnce(&mut Stream, &mut Watch) -> Result<(), Error>,
) -> Outcome {
    let run = || {
        watch.answer_waiting()?;
        let mut data = copy::open(port, config.connect_timeout, &mut watch)?;
        if let Some(protection) = protection {
            data = data.protect(protection).map_err(Error::Handshake)?;
        }
        watch.send(preliminary)?;
        copy::secure(&mut data, config.connect_timeout, &mut watch)?;
        act(&mut data, &mut watch)
    };
    let result = run();
    Outcome { result, bytes: watch.bytes(), took: watch.elapsed(), kept: Kept::Nothing }
}

pub(super) fn no_data_port() -> Reply {
    Reply::new(425, "Say where first: PASV, EPSV, PORT or EPRT.")
}

pub(super) fn behind_the_end() -> Reply {
    Reply::new(554, "REST is behind the end of the file.")
}
