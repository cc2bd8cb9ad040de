//! Why a transfer or a checksum failed, in words: for the client and for the log.

use log::Level;

use crate::copy::Error;
use crate::net::data_port::NoConnection;
use crate::net::who::Who;
use crate::protocol::reply::Reply;
use crate::reception::handshake;
use crate::session::login::Login;
use crate::session::site;

impl Login {
    /// What the client is told.
    #[cold]
    pub(super) fn explain(&self, error: &Error) -> Reply {
        match error {
            Error::NoConnection(why) => Reply::new(425, format!("{}.", capitalized(&self.no_connection(why)))),
            Error::Handshake(error) => {
                Reply::new(522, format!("TLS on the data connection failed: {}.", handshake::explain(error)))
            }
            Error::File(cause) if error.is_full() => Reply::from(cause),
            Error::File(_) => Reply::new(451, "The file system failed; the transfer is incomplete."),
            Error::Data(_) => Reply::new(426, "The data connection broke; the transfer is incomplete."),
            Error::Stalled => Reply::new(426, "The data connection did not move in time; the transfer is incomplete."),
            Error::Aborted => Reply::new(426, "Aborted; the transfer is incomplete."),
            Error::Vanished | Error::HungUp => Reply::new(426, "The control connection is gone."),
            Error::Ended(farewell) => Reply::new(426, format!("{}; the transfer is incomplete.", farewell.text)),
        }
    }

    /// Writes into the log why there is no data connection, and once what to do about it.
    #[cold]
    pub(super) fn log_no_connection(&self, why: &NoConnection, who: &Who) {
        let more = match why {
            NoConnection::NobodyCame(at, _) => {
                self.shared.site.way_out(at.ip(), who.peer.ip(), self.shared.passive.range())
            }
            NoConnection::NoAnswer(_) => None,
            NoConnection::Untaken(error) | NoConnection::Undialled(_, error) => Some(error.to_string()),
        };
        let more = more.map(|more| format!(" ({more})")).unwrap_or_default();
        who.log(Level::Warn, format_args!("{}{more}", self.no_connection(why)));
    }

    /// The sentence without its end, in lower case as the log has it.
    fn no_connection(&self, why: &NoConnection) -> String {
        site::no_connection(why, self.config.transfer.connect_timeout, self.shared.passive.range())
    }
}

fn capitalized(sentence: &str) -> String {
    let (first, rest) = sentence.split_at_checked(1).unwrap_or_default();
    first.to_ascii_uppercase() + rest
}
