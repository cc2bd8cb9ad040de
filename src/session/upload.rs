//! STOR, STOU and APPE: from the client to a file.

use std::io::ErrorKind;
use std::thread;
use std::time::{Instant, SystemTime};

use crossbeam_channel::{RecvTimeoutError, bounded};
use log::Level;

use crate::auth::perm::Perm;
use crate::copy::ascii::{Incoming, LineEnds};
use crate::copy::extent::ToTheEnd;
use crate::copy::sink::{Allowance, Sink};
use crate::copy::transfer::Transfer;
use crate::copy::watch::{Progress, Watch};
use crate::copy::{Error, connection};
use crate::fs::upload::{Break, Broken, Opened, Placement, Receiving};
use crate::net::control::Control;
use crate::net::data_port::DataPort;
use crate::net::stream::Doubt;
use crate::net::who::Who;
use crate::protocol::path::{Name, VirtualPath};
use crate::protocol::reply::Reply;
use crate::reception::activity::{Activity, Moves};
use crate::reception::outcome::{Outcome, Subject};
use crate::session::attention::{Attention, Says};
use crate::session::end::End;
use crate::session::heartbeat::Heartbeat;
use crate::session::login::Login;
use crate::session::prepared::Prepared;
use crate::session::refusal::Refusal;
use crate::session::step::{Answer, Step, refuse};
use crate::share::denied::Denied;
use crate::share::{Share, Writable};

/// The folder takes no new files, so the old one can't be kept until the new one is whole.
const IN_PLACE: &str = "Send the file; it is written in place, its folder takes no other.";
/// Maximum number of names that STOU tries.
const MAX_UNIQUE_TRIES: u32 = 1000;

/// A file into which an upload was received.
struct Received<'a> {
    file: Receiving<'a>,
    written: u64,
    /// How the transfer ended.
    result: Result<(), Error>,
}

impl Login {
    pub(super) fn stor(
        &mut self,
        verb: &'static str,
        name: &Name,
        prepared: &Prepared,
        control: &mut Control,
    ) -> Answer {
        let path = self.path(name);
        let placement = if prepared.restart > 0 { Placement::Resume(prepared.restart) } else { Placement::Replace };
        let target = self.share.writable(&path, placement)?;
        refuse_window(prepared)?;
        self.refuse_restart_in_ascii(prepared.restart)?;
        let subject = self.upload_of(verb, &path, prepared);
        let port = self.take_data_port_for(&path)?;
        Ok(self.store(port, &subject, &target, Reply::new(150, "Send the file."), control)?)
    }

    pub(super) fn appe(
        &mut self,
        verb: &'static str,
        name: &Name,
        prepared: &Prepared,
        control: &mut Control,
    ) -> Answer {
        let path = self.path(name);
        let placement =
            if self.share.permit(&path, Perm::Write).is_ok() { Placement::Append } else { Placement::AppendToOld };
        let target = self.share.writable(&path, placement)?;
        refuse_window(prepared)?;
        let subject = self.upload_of(verb, &path, prepared);
        let port = self.take_data_port_for(&path)?;
        Ok(self.store(port, &subject, &target, Reply::new(150, "Send what to append."), control)?)
    }

    /// RFC 1123 §4.1.2.9: the 150 reply names the file that is made.
    pub(super) fn stou(
        &mut self,
        verb: &'static str,
        name: Option<&Name>,
        prepared: &Prepared,
        control: &mut Control,
    ) -> Answer {
        let wanted = name.map_or_else(|| self.cwd.join(b"upload"), |name| self.path(name));
        self.share.writable(&wanted, Placement::New)?;
        refuse_window(prepared)?;
        let base = wanted.file_name().ok_or_else(|| Reply::new(553, "That is no name for a file."))?;
        let folder = wanted.parent().unwrap_or_else(VirtualPath::root);
        for number in 0..MAX_UNIQUE_TRIES {
            let suffix = if number == 0 { String::new() } else { format!(".{number}") };
            let path = folder.join(&[base, suffix.as_bytes()].concat());
            if self.share.has(&path)? {
                continue;
            }
            let target = self.share.writable(&path, Placement::New)?;
            let port = self.take_data_port_for(&path)?;
            let name = self.told(path.file_name().unwrap_or_default());
            let preliminary = Reply::raw(150, [b"FILE: ", &name[..]].concat());
            let subject = self.upload_of(verb, &path, prepared);
            match self.store(port, &subject, &target, preliminary, control) {
                // Another session was faster with that name, or is uploading to it just now.
                Err(denied) if denied.is_busy() || self.share.has(&path).unwrap_or(false) => {}
                answer => return Ok(answer?),
            }
        }
        refuse(550, "No free name was found.")
    }

    /// Takes the data port before anything is made. If there is none and no folder either, the client is told of the folder.
    fn take_data_port_for(&mut self, path: &VirtualPath) -> Result<DataPort, Box<Refusal>> {
        if self.data_port.is_none() {
            self.share.find_folder_of(path)?;
        }
        self.take_data_port()
    }

    /// Receives a file; if it can't even be opened, the data port stays.
    fn store(
        &mut self,
        port: DataPort,
        subject: &Subject,
        target: &Writable,
        preliminary: Reply,
        control: &mut Control,
    ) -> Result<Step, Denied> {
        let opened = match self.share.store(target, SystemTime::now()) {
            Ok(opened) => opened,
            Err(denied) => {
                self.data_port = Some(port);
                return Err(denied);
            }
        };
        let preliminary = if opened.falls_back() { Reply::new(150, IN_PLACE) } else { preliminary };
        let busy = Activity::begin(&self.activity, subject.verb, subject.path, Moves::In, subject.announced);
        let asked = self.line_ends();
        let mut incoming = Incoming::new(self.line_ends_for(target));
        let mut attention = Attention { control, says: Says::Preliminary(&preliminary) };
        let mut watch = Watch::of_upload(&mut attention, self.patience(), busy.counter());
        let received = connection::open(port, self.agreed.security.protection(), &mut watch).and_then(|mut stream| {
            let transfer = Transfer::new(&mut stream, &mut watch, &mut self.throttles.upload);
            receive(transfer, opened, &mut incoming, target, &self.share)
        });
        let progress = watch.progress();
        let mut heartbeat = Heartbeat::new(226, "Writing to the disk.", Instant::now());
        let outcome = self.conclude(received, progress, control, &mut heartbeat);
        self.log_line_ends(control, subject, asked, incoming.line_ends());
        if outcome.result.is_ok() {
            self.shared.reception.pass_on(&self.share, target, subject.path, &control.who);
        }
        let reply = self.report(control, subject, &outcome);
        Ok(if outcome.result.is_err() && heartbeat.has_spoken() { Step::Cut(End::HalfReply) } else { reply.into() })
    }

    /// For APPE the beginning of the file decides, if it can be read; otherwise the bytes that are appended do.
    fn line_ends_for(&self, target: &Writable) -> LineEnds {
        let asked = self.line_ends();
        let old = if asked == LineEnds::Undecided { self.share.old_file(target) } else { None };
        old.and_then(|old| asked.decide(&old).ok()).unwrap_or(asked)
    }

    /// Finishes a file that came whole, or decides what is left of it.
    fn conclude(
        &self,
        received: Result<Received, Error>,
        progress: Progress,
        control: &mut Control,
        heartbeat: &mut Heartbeat,
    ) -> Outcome {
        let Received { file, written, result } = match received {
            Ok(received) => received,
            Err(error) => return self.ended(Err(error), progress, &control.who),
        };
        let mut outcome = self.ended(result, progress, &control.who);
        match &outcome.result {
            Ok(()) => {
                if let Err(Broken { error, kept }) = self.finish(file, written, control, heartbeat) {
                    (outcome.result, outcome.kept) = (Err(Error::File(error)), kept);
                }
            }
            Err(Error::File(error)) => outcome.kept = file.abandon(Break::of(error, written)),
            Err(_) => outcome.kept = file.abandon(Break::Other),
        }
        outcome
    }

    /// Gives a whole file its name; if that waits for the disk, the client hears of it.
    fn finish(
        &self,
        file: Receiving,
        written: u64,
        control: &mut Control,
        heartbeat: &mut Heartbeat,
    ) -> Result<(), Broken> {
        if !self.share.is_durable() {
            return file.finish(written);
        }
        let mut file = Some(file);
        patiently(control, heartbeat, || file.take().map_or(Ok(()), |whole| whole.finish(written)))
    }
}

/// Receives all that comes into the file that was opened.
fn receive<'a>(
    mut transfer: Transfer,
    opened: Opened<'a>,
    incoming: &mut Incoming,
    target: &Writable,
    share: &Share,
) -> Result<Received<'a>, Error> {
    let replaced = opened.replaced();
    let mut file = opened.begin().map_err(Error::File)?;
    let (to, room) = file.file();
    let room = room.map(|room| room as &mut dyn Allowance);
    let mut sink = Sink::new(to, share.is_durable(), target.appends()).within(room);
    let received = transfer.receive(&mut ToTheEnd, &mut sink, incoming).and_then(|()| transfer.answer_end());
    let written = sink.written();
    let result = received.and_then(|()| judge_end(&mut transfer, replaced, share.user_now().hasty));
    Ok(Received { file, written, result })
}

/// Whether an upload is whole now that its stream has ended. `replaced` is the size of the file that it is about to replace.
fn judge_end(transfer: &mut Transfer, replaced: Option<u64>, hasty: bool) -> Result<(), Error> {
    let (doubt, watch) = (transfer.doubt(), transfer.watch());
    if doubt == Some(Doubt::InHandshake) && replaced.is_some_and(|bytes| bytes > 0) {
        // The handshake did not end, and there is something to lose.
        return Err(Error::Handshake(ErrorKind::UnexpectedEof.into()));
    }
    if replaced.is_some() {
        watch.last_look(doubt.is_some())?;
    }
    if watch.is_gone() && !hasty {
        return Err(if replaced.is_some() { Error::HungUp } else { Error::Vanished });
    }
    if let Some(doubt) = doubt {
        tell_doubt(doubt, watch.who());
    }
    Ok(())
}

/// Writes into the log that a stream under TLS was taken as complete although nothing said so.
fn tell_doubt(doubt: Doubt, who: &Who) {
    let end = match doubt {
        Doubt::NoCloseNotify => "without close_notify",
        Doubt::InHandshake => "in its handshake",
    };
    let warning = format_args!("the upload's TLS stream ended {end}: taken as complete (tls_strict_eof = off)");
    who.log(Level::Warn, warning);
}

/// Runs work that may take long on a thread of its own, so that this one can keep the client patient. It inherits this
/// one's jail, which is as it should be: it works on the session's own files and ends with its work.
fn patiently<T: Send>(control: &mut Control, heartbeat: &mut Heartbeat, mut work: impl FnMut() -> T + Send) -> T {
    let (done, wait) = bounded(1);
    thread::scope(|scope| {
        let run = || drop(done.send(work()));
        if thread::Builder::new().name("closing".to_owned()).spawn_scoped(scope, run).is_err() {
            return None;
        }
        loop {
            match wait.recv_timeout(Heartbeat::INTERVAL) {
                // A client that is gone meanwhile changes nothing about its file.
                Err(RecvTimeoutError::Timeout) => drop(heartbeat.beat(control, Instant::now())),
                result => return result.ok(),
            }
        }
    })
    .unwrap_or_else(work)
}

fn refuse_window(prepared: &Prepared) -> Result<(), Reply> {
    match prepared.window {
        Some(_) => Err(Reply::new(554, "RANG is for HASH and RETR; uploads take REST.")),
        None => Ok(()),
    }
}
