//! GET and HEAD of files: whole or in part, or nothing new.

use std::fs::File;

use crate::protocol::http::date;
use crate::protocol::http::etag::{EntityTag, FileState};
use crate::protocol::http::href::folder_href;
use crate::protocol::http::preconditions::{Precondition, Validators, range_holds};
use crate::protocol::http::range::Selection;
use crate::protocol::http::response::attachment;
use crate::reception::activity::{Activity, Moves};
use crate::reception::outcome::Outcome;
use crate::reception::transfer_log::Direction;
use crate::share::denied::Denied;
use crate::sys::meta::{FileKind, Meta};
use crate::web::exchange::{Caching, Exchange};
use crate::web::guest::WebGuest;
use crate::web::media::Media;
use crate::web::refusal::WebRefusal;

/// What files of users may do in a browser: nothing.
const FILE_POLICY: &str = "sandbox; default-src 'none'";

/// What a client can know a file by.
pub fn validators(meta: &Meta) -> Validators {
    let state = FileState {
        device: meta.id.device,
        inode: meta.id.inode,
        size: meta.size,
        seconds: meta.modified,
        nanoseconds: u32::try_from(meta.fraction).unwrap_or(0),
    };
    Validators { tag: EntityTag::from(&state), modified: meta.modified }
}

impl Exchange<'_> {
    /// GET and HEAD of whatever is there.
    pub fn get(&mut self) -> Result<(), WebRefusal> {
        if self.request.head.target.is_folder {
            let is_zip = self.request.head.target.query.has("zip");
            return if is_zip { self.give_zip() } else { self.give_folder() };
        }
        let share = &self.guest()?.share;
        let denied = match share.open_file(self.request.path()) {
            Ok((file, meta)) => return self.give_file(file, &meta),
            Err(denied) => denied,
        };
        // What may not be read, or is no file, may be a folder.
        match share.meta(self.request.path()) {
            Ok(meta) if meta.kind == FileKind::Folder => self.give_folder_without_slash(),
            _ => Err(denied.into()),
        }
    }

    /// A folder is asked for by a path that ends with a slash, since the links on its page begin there.
    fn give_folder_without_slash(&mut self) -> Result<(), WebRefusal> {
        if self.wants_json() {
            return self.give_folder();
        }
        let mut location = folder_href(self.request.path());
        self.request.head.target.query.write(&mut location);
        self.done(301, &[("Location", &location)])
    }

    fn give_file(&mut self, file: File, meta: &Meta) -> Result<(), WebRefusal> {
        let head = &self.request.head;
        let current = validators(meta);
        match Precondition::of(head, Some(current)) {
            Precondition::Go => {}
            Precondition::Failed => return Err(WebRefusal::new(412, "The file is another one by now.")),
            Precondition::NotModified => {
                let modified = date::format(meta.modified);
                return self.done(304, &[("ETag", &current.tag), ("Last-Modified", &modified)]);
            }
        }
        let range = head.first("range").filter(|_| range_holds(head, current));
        let selection = Selection::of(range, meta.size);
        let (status, part) = match &selection {
            Selection::Whole => (200, 0..meta.size),
            Selection::Part(part) => (206, part.clone()),
            Selection::Unsatisfiable => {
                let range = selection.content_range(meta.size).unwrap_or_default();
                return Err(WebRefusal::from(Denied::AfterTheEnd).with("Content-Range", range));
            }
        };
        let answer = self.file_head(status, meta, &selection, part.end - part.start);
        if self.request.is_head() {
            return self.send(&answer);
        }
        self.send_file(answer, &file, meta, part)
    }

    fn file_head(&mut self, status: u16, meta: &Meta, selection: &Selection, length: u64) -> Vec<u8> {
        let name = self.request.path().file_name().unwrap_or_default();
        let media = Media::of(name);
        let is_saved = !media.is_shown || self.request.head.target.query.has("download");
        let disposition = is_saved.then(|| attachment(name));
        let mut answer = Vec::with_capacity(1 << 10);
        self.begin(status, Caching::Revalidated, &mut answer)
            .field("Content-Type", media.content_type)
            .field("Content-Length", length)
            .optional("Content-Range", selection.content_range(meta.size))
            .optional("Content-Disposition", disposition)
            .field("Accept-Ranges", "bytes")
            .field("ETag", validators(meta).tag)
            .field("Last-Modified", date::format(meta.modified))
            .field("Content-Security-Policy", FILE_POLICY)
            .end();
        answer
    }

    fn send_file(
        &mut self,
        answer: Vec<u8>,
        file: &File,
        meta: &Meta,
        part: std::ops::Range<u64>,
    ) -> Result<(), WebRefusal> {
        let (subject, visitor) = (self.request.transfer(Direction::Outgoing), &mut *self.visitor);
        let Some(WebGuest { share, throttles, .. }) = &mut visitor.guest else { return Err(WebRefusal::no_account()) };
        let busy =
            Activity::begin(&visitor.activity, subject.verb, subject.path, Moves::Out, Some(part.end - part.start));
        let _download = share.download(meta);
        let (result, progress) = visitor.link.transfer(&mut throttles.download, busy.counter(), |transfer, _| {
            transfer.send_with_head(answer, file, part)
        });
        let outcome = Outcome::new(result, progress);
        visitor.web.reception.record(share, &visitor.link.who, &visitor.activity, &subject, &outcome);
        self.sent(&outcome.result);
        Ok(())
    }
}
