//! How a transfer ended: the reply, the lines in the log and in the transfer log.

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
use crate::reception::outcome::{Outcome, Subject, reason};
use crate::reception::transfer_log::{Direction, Door};
use crate::session::login::Login;
use crate::session::prepared::Prepared;
use crate::session::refusal::{Refusal, Why};
use crate::session::step::Answer;

impl Login {
    /// How a transfer ended; if there was no data connection, the log says why.
    pub(super) fn ended(&self, result: Result<(), Error>, progress: Progress, who: &Who) -> Outcome {
        if let Err(Error::NoConnection(why)) = &result {
            self.log_no_connection(why, who);
        }
        Outcome::new(result, progress)
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
            Err(error) => Err(Refusal::new(reply, Why::Reason(reason(&error, Door::Ftp)))),
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
        let bytes = outcome.bytes;
        if let Some(announced) = subject.announced.filter(|&announced| outcome.result.is_ok() && bytes < announced) {
            control.who.log(Level::Warn, format_args!("ALLO announced {announced} bytes, {bytes} came"));
        }
        self.shared.reception.record(&self.share, &control.who, &self.activity, subject, outcome);
        self.reply(outcome)
    }

    /// A transfer of a file from the server.
    pub(super) fn download_of<'a>(&self, verb: &'static str, path: &'a VirtualPath) -> Subject<'a> {
        self.subject(verb, path, Direction::Outgoing, None)
    }

    /// A transfer of a file to the server; ALLO may have announced its size.
    pub(super) fn upload_of<'a>(&self, verb: &'static str, path: &'a VirtualPath, prepared: &Prepared) -> Subject<'a> {
        self.subject(verb, path, Direction::Incoming, prepared.announced)
    }

    fn subject<'a>(
        &self,
        verb: &'static str,
        path: &'a VirtualPath,
        direction: Direction,
        announced: Option<u64>,
    ) -> Subject<'a> {
        Subject { verb, path, direction, representation: self.representation, door: Door::Ftp, announced }
    }
}
