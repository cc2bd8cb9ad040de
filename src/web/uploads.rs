//! PUT, and uploads that go on after a break: what came is the same hidden partial that FTP has, so that what broke by one door
//! goes on by the other (draft-ietf-httpbis-resumable-upload, with `file?upload` as the upload resource).

use std::io::ErrorKind;
use std::time::SystemTime;

use crate::copy::Error;
use crate::copy::ascii::{Incoming, LineEnds};
use crate::copy::extent::Exactly;
use crate::copy::in_chunks::InChunks;
use crate::copy::sink::{Allowance, Sink};
use crate::copy::transfer::Transfer;
use crate::fs::upload::{Break, Broken, Kept, Opened, Placement, Receiving};
use crate::protocol::http::etag::EntityTag;
use crate::protocol::http::framing::Body;
use crate::protocol::http::href::href;
use crate::protocol::http::media_type::is_media_type;
use crate::protocol::http::preconditions::Precondition;
use crate::protocol::http::response::CONTINUE;
use crate::protocol::http::structured;
use crate::protocol::path::VirtualPath;
use crate::reception::activity::{Activity, Moves};
use crate::reception::outcome::Outcome;
use crate::reception::transfer_log::Direction;
use crate::share::denied::Denied;
use crate::share::{Share, Writable};

use crate::web::Visitor;
use crate::web::exchange::{Exchange, WebRequest};
use crate::web::files::validators;
use crate::web::guest::WebGuest;
use crate::web::link::Link;
use crate::web::refusal::WebRefusal;

/// What a client says of its upload.
struct Plan {
    placement: Placement,
    /// Whether the file is whole with the last byte of this request.
    is_last: bool,
    /// The modification time that it is to have, in Unix seconds.
    modified: Option<i64>,
}

/// What became of it.
struct Uploaded {
    outcome: Outcome,
    /// Bytes that are kept for later, or make up the file.
    offset: u64,
    is_new: bool,
    /// What the file is known by.
    tag: Option<EntityTag>,
}

/// The content type of the rest of an upload.
const PARTIAL: &str = "application/partial-upload";

impl Exchange<'_> {
    /// PUT: the whole file, or its beginning with `Upload-Complete: ?0`.
    pub fn put(&mut self) -> Result<(), WebRefusal> {
        let head = &self.request.head;
        if head.first("content-range").is_some() {
            return Err(WebRefusal::new(400, "A part of a file is no PUT: see Upload-Complete."));
        }
        self.check_name()?;
        if self.request.framing.body == Body::None {
            return Err(WebRefusal::new(411, "How long is the file? Content-Length, or chunks."));
        }
        let is_last = self.is_complete()?.unwrap_or(true);
        self.upload(&Plan { placement: Placement::Replace, is_last, modified: self.modified() })
    }

    /// PATCH of `file?upload`: the next part.
    pub fn go_on(&mut self) -> Result<(), WebRefusal> {
        let head = &self.request.head;
        let is_partial = head.only("content-type")?.is_some_and(|value| is_media_type(value, PARTIAL));
        if !is_partial {
            return Err(WebRefusal::new(415, "The rest of an upload comes as application/partial-upload."));
        }
        let offset = head.only("upload-offset")?.and_then(structured::integer);
        let offset = offset.ok_or_else(|| WebRefusal::new(400, "Upload-Offset is no number of bytes."))?;
        let is_last =
            self.is_complete()?.ok_or_else(|| WebRefusal::new(400, "Upload-Complete is neither ?0 nor ?1."))?;
        if self.request.framing.body == Body::None {
            return Err(WebRefusal::new(411, "How long is the part? Content-Length, or chunks."));
        }
        self.check_name()?;
        self.take_over();
        self.upload(&Plan { placement: Placement::Continue(offset), is_last, modified: self.modified() })
    }

    /// HEAD of `file?upload`: how much is there.
    pub fn tell_upload(&mut self) -> Result<(), WebRefusal> {
        self.check_name()?;
        // A page of another site may send this, too, without seeing the answer.
        if self.request.head.first("sec-fetch-site").is_none_or(|site| matches!(site, b"same-origin" | b"none")) {
            self.take_over();
        }
        let share = &self.guest()?.share;
        let target = share.writable(self.request.path(), Placement::Replace)?;
        let kept = share.pending(&target)?.ok_or_else(nothing_waits)?;
        drop(target);
        self.done(204, &[("Upload-Offset", &kept), ("Upload-Complete", &"?0")])
    }

    /// DELETE of `file?upload`: what waits is dropped, the file stays.
    pub fn drop_upload(&mut self) -> Result<(), WebRefusal> {
        self.check_name()?;
        self.take_over();
        let share = &self.guest()?.share;
        let target = share.writable(self.request.path(), Placement::Replace)?;
        share.pending(&target)?.ok_or_else(nothing_waits)?;
        share.forget(&target)?;
        drop(target);
        self.done(204, &[])
    }

    /// A client that asks about an upload has lost the connection by which it came, even if this side does not know yet.
    fn take_over(&self) {
        let Visitor { guest, web, link, .. } = &*self.visitor;
        if let Some(guest) = guest {
            web.running.take_over(&uploader(&guest.share, link), self.request.path());
        }
    }

    /// With a slash at its end, a path is a folder's.
    fn check_name(&self) -> Result<(), WebRefusal> {
        let target = &self.request.head.target;
        if target.is_folder { Err(WebRefusal::new(409, "That is the name of a folder.")) } else { Ok(()) }
    }

    fn is_complete(&self) -> Result<Option<bool>, WebRefusal> {
        let Some(value) = self.request.head.only("upload-complete")? else { return Ok(None) };
        let wrong = || WebRefusal::new(400, "Upload-Complete is neither ?0 nor ?1.");
        structured::boolean(value).map(Some).ok_or_else(wrong)
    }

    /// The time of the last change that the client knows.
    fn modified(&self) -> Option<i64> {
        structured::seconds(self.request.head.only("x-modified").ok()??)
    }

    fn upload(&mut self, plan: &Plan) -> Result<(), WebRefusal> {
        let (path, request, subject) = (self.request.path(), self.request, self.request.transfer(Direction::Incoming));
        let visitor = &mut *self.visitor;
        let Some(WebGuest { share, throttles, .. }) = &mut visitor.guest else { return Err(WebRefusal::no_account()) };
        let target = share.writable(path, plan.placement).map_err(|denied| not_opened(denied, plan))?;
        let mut opened = share.store(&target, SystemTime::now()).map_err(|denied| not_opened(denied, plan))?;
        check_state(request, &mut opened)?;
        check_room(request, share, &target, path)?;
        if !plan.is_last && !opened.is_resumable() {
            return Err(WebRefusal::new(501, "Uploads can't go on later here: send the file whole, by one PUT."));
        }
        let entry = visitor.web.running.begin(&uploader(share, &visitor.link), path, &visitor.link.ending);
        if request.framing.expects_continue && visitor.link.send(CONTINUE).is_err() {
            self.keeps = false;
            return Ok(());
        }
        let busy = Activity::begin(&visitor.activity, subject.verb, path, Moves::In, subject.announced);
        let (is_new, held, durable) = (opened.old().is_none(), opened.held(), share.is_durable());
        let (mut file, mut written) = (opened.begin()?, 0);
        let (result, progress) = visitor.link.transfer(&mut throttles.upload, busy.counter(), |transfer, input| {
            let received = receive(transfer, &mut file, request.framing.body, input, durable);
            written = received.1;
            received.0
        });
        let mut outcome = Outcome::new(result, progress);
        conclude(file, written, plan, &mut outcome);
        drop((busy, entry));
        if outcome.result.is_ok() && plan.is_last {
            if let Some(modified) = plan.modified {
                // Without the letter, and for nonsense, the file has the time of its upload.
                let _ = share.change(path, None, Some(modified));
            }
            visitor.web.reception.pass_on(share, &target, path, &visitor.link.who);
        }
        visitor.web.reception.record(share, &visitor.link.who, &visitor.activity, &subject, &outcome);
        let tag = target.state().map(|meta| validators(&meta).tag);
        drop(target);
        self.has_body = outcome.result.is_err();
        self.tell(plan, Uploaded { offset: held.saturating_add(written), outcome, is_new, tag })
    }

    /// Answers an upload.
    fn tell(&mut self, plan: &Plan, uploaded: Uploaded) -> Result<(), WebRefusal> {
        let Uploaded { outcome, offset, is_new, tag } = uploaded;
        match outcome.result {
            Ok(()) if plan.is_last => {
                let status = if is_new { 201 } else { 204 };
                match tag {
                    Some(tag) => self.done(status, &[("ETag", &tag), ("Upload-Complete", &"?1")]),
                    None => self.done(status, &[("Upload-Complete", &"?1")]),
                }
            }
            Ok(()) => {
                let resource = format!("{}?upload", href(self.request.path()));
                let status = if matches!(plan.placement, Placement::Continue(_)) { 204 } else { 201 };
                let fields: [(&str, &dyn std::fmt::Display); 3] =
                    [("Location", &resource), ("Upload-Offset", &offset), ("Upload-Complete", &"?0")];
                self.done(status, &fields)
            }
            Err(error) => Err(not_received(error, outcome.kept)),
        }
    }
}

/// Who may take over from an upload: the account's clients, but of the many that anonymous has, only those at one address.
fn uploader(share: &Share, link: &Link) -> String {
    let user = share.user_now();
    if user.is_anonymous() { format!("{} {}", user.name, link.who.peer.ip()) } else { user.name.clone() }
}

fn nothing_waits() -> WebRefusal {
    WebRefusal::new(404, "No broken upload of that file is kept.")
}

/// Why an upload can't begin.
fn not_opened(denied: Denied, plan: &Plan) -> WebRefusal {
    match (denied, plan.placement) {
        (Denied::File(error), Placement::Continue(_)) if error.kind() == ErrorKind::NotFound => nothing_waits(),
        (denied, _) => {
            let refusal = WebRefusal::from(denied);
            // RFC 4918 §9.7.1: the folder around it is missing.
            if refusal.is_missing() { refusal.but(409) } else { refusal }
        }
    }
}

/// What the client knows of the old file must be so now that nobody else writes it, and still be so at the end.
fn check_state(request: &WebRequest, opened: &mut Opened) -> Result<(), WebRefusal> {
    if Precondition::is_asked(&request.head) {
        opened.guard();
    }
    match Precondition::of(&request.head, opened.old().map(validators)) {
        Precondition::Go => Ok(()),
        Precondition::Failed | Precondition::NotModified => {
            Err(WebRefusal::new(412, "The file is another one by now."))
        }
    }
}

/// What is too much is refused before it comes.
fn check_room(request: &WebRequest, share: &Share, target: &Writable, path: &VirtualPath) -> Result<(), WebRefusal> {
    let Body::Length(length) = request.framing.body else { return Ok(()) };
    // The rest of an earlier try gives its room back.
    let freed = if target.continues() { None } else { share.pending(target).ok().flatten() }.unwrap_or(0);
    if target.room().is_ok_and(|room| room.saturating_add(freed) < length) {
        share.lacked_room(&path.parent().unwrap_or_else(VirtualPath::root));
        return Err(WebRefusal::new(507, "There is no room for that."));
    }
    Ok(())
}

/// Receives a body into a file. With how it ended comes how much was written.
fn receive(
    transfer: &mut Transfer,
    file: &mut Receiving,
    body: Body,
    input: &mut Vec<u8>,
    durable: bool,
) -> (Result<(), Error>, u64) {
    let (to, room) = file.file();
    let room = room.map(|room| room as &mut dyn Allowance);
    let mut sink = Sink::new(to, durable, false).within(room);
    let mut incoming = Incoming::new(LineEnds::Kept);
    let result = match body {
        Body::Chunked => transfer.receive(&mut InChunks::new(input), &mut sink, &mut incoming),
        Body::Length(length) => transfer.receive(&mut Exactly::new(length, input), &mut sink, &mut incoming),
        Body::None => Ok(()),
    };
    let written = sink.written();
    (result, written)
}

/// Finishes a file that came whole, or decides what is kept of it.
fn conclude(file: Receiving, written: u64, plan: &Plan, outcome: &mut Outcome) {
    match &outcome.result {
        Ok(()) if plan.is_last => {
            if let Err(Broken { error, kept }) = file.finish(written) {
                (outcome.result, outcome.kept) = (Err(Error::File(error)), kept);
            }
        }
        Ok(()) => outcome.kept = file.abandon(Break::Paused),
        Err(Error::File(error)) => outcome.kept = file.abandon(Break::of(error, written)),
        Err(_) => outcome.kept = file.abandon(Break::Interrupted),
    }
}

/// Why an upload broke.
fn not_received(error: Error, kept: Kept) -> WebRefusal {
    let refusal = match error {
        Error::File(error) if error.kind() == ErrorKind::AlreadyExists => WebRefusal::from(error).but(412),
        Error::File(error) => WebRefusal::from(error),
        Error::Stalled => WebRefusal::new(408, "The upload did not move in time."),
        Error::Ended(farewell) => WebRefusal::new(503, farewell.text),
        // The body is not in chunks as it should be: the client can mend that.
        Error::Data(error) if error.kind() == ErrorKind::InvalidData => WebRefusal::new(400, error.to_string()),
        _ => WebRefusal::new(400, "The upload broke."),
    };
    let refusal = match kept {
        Kept::Hidden(bytes) => refusal.with("Upload-Offset", bytes).with("Upload-Complete", "?0"),
        Kept::Nothing | Kept::Shown(_) | Kept::Whole => refusal,
    };
    refusal.told().last()
}
