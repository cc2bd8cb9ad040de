//! How a transfer ended: the reply, the lines in the log and in the transfer log.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use log::Level;

use crate::copy::Error;
use crate::copy::ascii::LineEnds;
use crate::copy::watch::Progress;
use crate::fs::upload::Kept;
use crate::net::control::Control;
use crate::net::who::Who;
use crate::protocol::path::VirtualPath;
use crate::protocol::plural::Plural;
use crate::protocol::reply::Reply;
use crate::session::explain::reason;
use crate::session::login::Login;
use crate::session::prepared::Prepared;
use crate::session::refusal::{Refusal, Why};
use crate::session::step::Answer;
use crate::session::transfer_log::{Direction, TransferRecord};

/// How a transfer ended, and what it moved.
pub(super) struct Outcome {
    pub(super) result: Result<(), Error>,
    pub(super) bytes: u64,
    pub(super) took: Duration,
    /// What is left of an upload that broke.
    pub(super) kept: Kept,
}

/// Which file a transfer of a file is about.
pub(super) struct Subject<'a> {
    pub(super) verb: &'static str,
    pub(super) path: &'a VirtualPath,
    pub(super) direction: Direction,
    /// What ALLO announced of it, in bytes.
    pub(super) announced: Option<u64>,
}

impl Login {
    /// How a transfer ended; if there was no data connection, the log says why.
    pub(super) fn ended(&self, result: Result<(), Error>, progress: Progress, who: &Who) -> Outcome {
        if let Err(Error::NoConnection(why)) = &result {
            self.log_no_connection(why, who);
        }
        Outcome { result, bytes: progress.bytes, took: progress.took(Instant::now()), kept: Kept::Nothing }
    }

    /// The final reply; an ABOR that ended the transfer is answered after it.
    pub(super) fn reply(&mut self, outcome: &Outcome) -> Reply {
        self.aborted |= matches!(outcome.result, Err(Error::Aborted));
        let Err(error) = &outcome.result else {
            let seconds = outcome.took.as_secs_f64();
            let bytes = Plural(outcome.bytes, "byte");
            return Reply::new(226, format!("Complete: {bytes} in {seconds:.2} s."));
        };
        let reply = self.explain(error);
        match outcome.kept {
            Kept::Nothing => reply,
            Kept::Shown(_) | Kept::Hidden(_) if error.is_full() => reply,
            Kept::Shown(bytes) => reply.with(&format!(" The file has {}.", Plural(bytes, "byte"))),
            Kept::Hidden(bytes) => reply.with(&format!(
                " The old file is as it was; {bytes} bytes of the new one are kept: TYPE I, REST {bytes} and STOR go on."
            )),
            Kept::Whole => Reply::new(451, "The file is in its place, but the disk has not confirmed it."),
        }
    }

    /// The answer to a list, which has a line in the log only if it failed.
    pub(super) fn report_list(&mut self, outcome: Outcome) -> Answer {
        let reply = self.reply(&outcome);
        match outcome.result {
            // The log has more about it by now.
            Ok(()) | Err(Error::NoConnection(_)) => Ok(reply.into()),
            Err(error) => Err(Refusal::new(reply, Why::Reason(reason(&error)))),
        }
    }

    /// Writes into the log that a file was left as it is although TYPE A asked to convert it.
    pub(super) fn log_line_ends(&self, control: &Control, subject: &Subject, asked: LineEnds, became: LineEnds) {
        if (asked, became) != (LineEnds::Undecided, LineEnds::Kept) {
            return;
        }
        let (verb, shown) = (subject.verb, self.shown(subject.path));
        let reason = "no text, left as it is under TYPE A (ascii_conversion = auto)";
        control.who.log(Level::Info, format_args!("{verb} {shown}: {reason}"));
    }

    /// Writes the lines of a file's transfer into both logs, and gives the final reply.
    pub(super) fn report(&mut self, control: &Control, subject: &Subject, outcome: &Outcome) -> Reply {
        let (complete, seconds) = (outcome.result.is_ok(), outcome.took.as_secs_f64());
        let full = |error: &Error| error.of_file().and_then(|error| self.share.full_quota(Some(subject.path), error));
        let why = |error: &Error| full(error).unwrap_or_else(|| reason(error));
        let reason = outcome.result.as_ref().err().map(|error| format!(" ({})", why(error))).unwrap_or_default();
        let (shown, bytes) = (self.shown(subject.path), outcome.bytes);
        if let Some(announced) = subject.announced.filter(|&announced| complete && bytes < announced) {
            control.who.log(Level::Warn, format_args!("ALLO announced {announced} bytes, {bytes} came"));
        }
        let completed = u8::from(complete);
        if let Kept::Hidden(_) = outcome.kept {
            self.activity.keep();
        }
        control.who.log(
            Level::Info,
            format_args!("{} {shown} completed={completed} bytes={bytes} seconds={seconds:.3}{reason}", subject.verb),
        );
        if self.shared.transfer_log.is_open() {
            self.shared.transfer_log.record(&TransferRecord {
                ended: Timestamp::now().to_zoned(self.shared.zone.clone()),
                outcome,
                peer: control.who.peer.ip(),
                path: self.share.real_path(subject.path).as_os_str().as_encoded_bytes(),
                representation: self.representation,
                direction: subject.direction,
                user: &self.share.user_now().name,
                anonymous: self.share.user_now().is_anonymous(),
            });
        }
        self.reply(outcome)
    }
}

impl<'a> Subject<'a> {
    pub(super) fn upload(verb: &'static str, path: &'a VirtualPath, prepared: &Prepared) -> Self {
        Self { verb, path, direction: Direction::Incoming, announced: prepared.announced }
    }
}
