//! How a transfer ended: its lines in the log and in the transfer log, whatever protocol it was made by.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use log::Level;

use crate::copy::Error;
use crate::copy::watch::Progress;
use crate::fs::upload::Kept;
use crate::net::who::Who;
use crate::protocol::command::Representation;
use crate::protocol::legible::Legible;
use crate::protocol::path::VirtualPath;
use crate::reception::activity::Activity;
use crate::reception::transfer_log::{Direction, Door, TransferRecord};
use crate::reception::{Reception, handshake};
use crate::share::arrivals::{MOST_WAITING, NewFile};
use crate::share::{Share, Writable};

/// How a transfer ended, and what it moved.
#[derive(Debug)]
pub struct Outcome {
    /// Its end.
    pub result: Result<(), Error>,
    /// Bytes of the file.
    pub bytes: u64,
    /// From its command on.
    pub took: Duration,
    /// What is left of an upload that broke.
    pub kept: Kept,
}

/// Which transfer of a file it is.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// The command or method.
    pub verb: &'static str,
    /// The file.
    pub path: &'a VirtualPath,
    /// Which way it goes.
    pub direction: Direction,
    /// The representation type.
    pub representation: Representation,
    /// The protocol.
    pub door: Door,
    /// What the client announced of it, in bytes.
    pub announced: Option<u64>,
}

/// What the administrator can do about a client that always does that.
const HUNG_UP: &str = "control connection lost at the end of the upload, so the old file stays: \
    if this client never waits for the reply, give its account hasty = on";

impl Outcome {
    /// Of a transfer that ends now; of an upload nothing is left yet.
    pub fn new(result: Result<(), Error>, progress: Progress) -> Self {
        Self { result, bytes: progress.bytes, took: progress.took(Instant::now()), kept: Kept::Nothing }
    }

    /// Whether the file is whole with it.
    pub fn is_complete(&self) -> bool {
        self.result.is_ok() && !self.is_part()
    }

    /// Whether it is a part that came as announced, and the rest comes later.
    fn is_part(&self) -> bool {
        self.result.is_ok() && matches!(self.kept, Kept::Hidden(_))
    }
}

impl Reception {
    /// Writes the lines of a file's transfer into both logs. A part without a byte, with which an upload begins, has none.
    pub fn record(&self, share: &Share, who: &Who, activity: &Activity, subject: &Subject, outcome: &Outcome) {
        let Outcome { result, bytes, took, kept } = outcome;
        let full = |error: &Error| error.of_file().and_then(|error| share.full_quota(Some(subject.path), error));
        let why = |error: &Error| full(error).unwrap_or_else(|| reason(error, subject.door));
        let reason = match result {
            Err(error) => format!(" ({})", why(error)),
            Ok(()) if outcome.is_part() => " (the rest comes later)".to_owned(),
            Ok(()) => String::new(),
        };
        if let Kept::Hidden(_) = kept {
            activity.keep();
        }
        if outcome.is_part() && *bytes == 0 {
            return;
        }
        let real = share.real_path(subject.path);
        let real = real.as_os_str().as_encoded_bytes();
        let (shown, completed, seconds) = (Legible(real), u8::from(outcome.is_complete()), took.as_secs_f64());
        who.log(
            Level::Info,
            format_args!("{} {shown} completed={completed} bytes={bytes} seconds={seconds:.3}{reason}", subject.verb),
        );
        if self.transfer_log.is_open() {
            let user = share.user_now();
            self.transfer_log.record(&TransferRecord {
                ended: Timestamp::now().to_zoned(self.zone.clone()),
                outcome,
                peer: who.peer.ip(),
                path: real,
                subject,
                user: &user.name,
                anonymous: user.is_anonymous(),
            });
        }
    }
}

impl Reception {
    /// Tells the program of the folder that a finished upload is there, if there is one.
    pub fn pass_on(&self, share: &Share, target: &Writable, seen: &VirtualPath, who: &Who) {
        if let Some(NewFile { path, line, .. }) = share.pass_on(target, seen, who.peer) {
            let path = Legible(path.as_os_str().as_encoded_bytes());
            let warning = format_args!("on_upload {path}: nobody is told of it, {MOST_WAITING} others wait ({line})");
            who.log(Level::Warn, warning);
        }
    }
}

/// Why a transfer failed, for the log.
#[cold]
pub fn reason(error: &Error, door: Door) -> String {
    let (data, control) = match door {
        Door::Ftp => ("data connection", "control connection"),
        Door::Http => ("connection", "connection"),
    };
    match error {
        Error::NoConnection(_) => format!("no {data}"),
        Error::Handshake(error) => format!("TLS on the {data}: {}", handshake::explain(error)),
        Error::File(error) => format!("file: {error}"),
        Error::Data(error) => format!("{data}: {error}"),
        Error::Stalled => format!("{data} stalled"),
        Error::Aborted => "aborted by the client".to_owned(),
        Error::Vanished => format!("{control} lost"),
        Error::HungUp => HUNG_UP.to_owned(),
        Error::Ended(farewell) => farewell.reason.to_owned(),
    }
}
