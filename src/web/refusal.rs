//! A request that is not served: the status and the sentence for its client, and what decided it for the log.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::time::Duration;

use log::Level;
use rustix::io::Errno;

use crate::fs::quota;
use crate::protocol::http::error::HttpError;
use crate::protocol::http::method::Method;
use crate::protocol::legible::Legible;
use crate::protocol::path::VirtualPath;
use crate::protocol::reply::Reply;
use crate::reception::decided::denied_by;
use crate::reception::rejection::{Grounds, Rejection};
use crate::share::denied::Denied;
use crate::share::obstacle::Need;
use crate::sys::files;
use crate::web::exchange::{AnswerContent, Caching, Exchange, HTML, JSON};
use crate::web::page::{self, ErrorPage, LoginPage};

/// Why a request is not served.
#[derive(Debug)]
pub struct WebRefusal {
    /// The status of the answer.
    pub status: u16,
    /// What the client is told, as a sentence.
    pub text: Cow<'static, str>,
    /// Fields of the answer.
    pub fields: Vec<(&'static str, String)>,
    /// What decided.
    why: Decided,
    /// Whether nothing more is taken from this connection.
    closes: bool,
}

/// What decided that a request is not served.
#[derive(Debug)]
enum Decided {
    /// The request itself: what the client is told says all.
    Itself,
    /// The account's letters, the file system, or what others do; at another path than the request's, if one is there.
    Denied(Denied, Option<VirtualPath>),
    /// Nobody is logged in who may.
    NoAccount,
    /// A name and a password that came are wrong.
    NotAdmitted,
    /// The log has a line about it already.
    Told,
}

/// How long a client waits before it comes again because the server is full or busy.
pub const COME_AGAIN: Duration = Duration::from_secs(2);
/// What a client asks for a password with.
const CHALLENGE: &str = "Basic realm=\"ftpd\", charset=\"UTF-8\"";

impl WebRefusal {
    /// One that the request itself explains.
    pub fn new(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { status, text: text.into(), fields: Vec::new(), why: Decided::Itself, closes: false }
    }

    /// Nobody is logged in who may.
    pub fn no_account() -> Self {
        Self { why: Decided::NoAccount, ..Self::new(401, "Log in first.") }
    }

    /// The same for a path that is not the request's.
    #[must_use]
    pub fn at(self, path: &VirtualPath) -> Self {
        let why = match self.why {
            Decided::Denied(denied, None) => Decided::Denied(denied, Some(path.clone())),
            why => why,
        };
        Self { why, ..self }
    }

    /// The same with a field.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.fields.push((name, value.to_string()));
        self
    }

    /// The same with another status.
    #[must_use]
    pub fn but(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// The same as the connection's last answer.
    #[must_use]
    pub fn last(self) -> Self {
        Self { closes: true, ..self }
    }

    /// The same without a line in the log.
    #[must_use]
    pub fn told(self) -> Self {
        Self { why: Decided::Told, ..self }
    }

    /// Whether it is the connection's last answer.
    pub fn is_last(&self) -> bool {
        self.closes
    }

    /// Whether it is because of what is not there.
    pub fn is_missing(&self) -> bool {
        self.status == 404
    }

    /// Why a login did not come about. The log has its line.
    pub fn of_rejection(rejection: &Rejection) -> Self {
        let status = status_of_rejection(rejection.grounds);
        let mut refusal = Self::new(status, rejection.text.clone()).told();
        if status == 503 {
            refusal = refusal.with("Retry-After", COME_AGAIN.as_secs());
        }
        if status == 401 {
            refusal.why = Decided::NotAdmitted;
        }
        refusal
    }
}

/// The status of an answer to a client that is not let in.
pub fn status_of_rejection(grounds: Grounds) -> u16 {
    match grounds {
        Grounds::Banned => 429,
        Grounds::Full | Grounds::Busy | Grounds::Stopping => 503,
        Grounds::NoAnonymous | Grounds::WrongPassword { .. } => 401,
        Grounds::NoFolder => 403,
    }
}

impl From<HttpError> for WebRefusal {
    fn from(HttpError { status, text }: HttpError) -> Self {
        Self::new(status, text)
    }
}

impl From<Denied> for WebRefusal {
    fn from(denied: Denied) -> Self {
        let text = match &denied {
            Denied::AfterTheEnd => "That is after the end of the file.".to_owned(),
            Denied::Pending(kept) => {
                format!("{kept} bytes of a broken upload of this file are kept: go on from there.")
            }
            denied => String::from_utf8_lossy(Reply::from(denied).text()).into_owned(),
        };
        let refusal = Self::new(status_of(&denied), text);
        let refusal = match denied {
            Denied::Pending(kept) => refusal.with("Upload-Offset", kept).with("Upload-Complete", "?0"),
            _ => refusal,
        };
        Self { why: Decided::Denied(denied, None), ..refusal }
    }
}

impl From<io::Error> for WebRefusal {
    fn from(error: io::Error) -> Self {
        Denied::File(error).into()
    }
}

fn status_of(denied: &Denied) -> u16 {
    match denied {
        Denied::Letter(_) | Denied::Home | Denied::Fixed | Denied::Wider | Denied::Late => 403,
        Denied::RefusedName | Denied::HiddenName | Denied::ServersOwn | Denied::ControlBytes => 403,
        Denied::HoldsHidden | Denied::Pending(_) => 409,
        Denied::Occupied(lacking) => {
            if lacking.is_some() {
                403
            } else {
                412
            }
        }
        Denied::AfterTheEnd => 416,
        Denied::File(error) => status_of_error(error),
    }
}

fn status_of_error(error: &io::Error) -> u16 {
    if quota::is_over(error) || files::is_full(error) {
        return 507;
    }
    if Errno::from_io_error(error) == Some(Errno::LOOP) {
        // A link that leads nowhere.
        return 404;
    }
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => 404,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::Unsupported => 403,
        ErrorKind::AlreadyExists | ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty => 409,
        // A folder that would move into itself.
        ErrorKind::CrossesDevices | ErrorKind::InvalidInput => 409,
        ErrorKind::InvalidFilename => 400,
        ErrorKind::ResourceBusy => 423,
        ErrorKind::FileTooLarge => 413,
        _ => 503,
    }
}

impl Exchange<'_> {
    /// Answers a request that is not served, and writes its line into the log.
    #[cold]
    pub fn refuse(&mut self, refusal: WebRefusal) {
        if refusal.closes {
            self.keeps = false;
        }
        self.note(&refusal);
        let WebRefusal { status, text, fields, why, .. } = &refusal;
        let mut shown: Vec<(&str, &dyn std::fmt::Display)> =
            fields.iter().map(|(name, value)| (*name, value as &dyn std::fmt::Display)).collect();
        if matches!(why, Decided::NoAccount | Decided::NotAdmitted) && !self.request.is_of_browser() {
            shown.push(("WWW-Authenticate", &CHALLENGE));
        }
        let content = if self.request.wants_page() { self.page_of(&refusal) } else { json_of(*status, text) };
        let is_form =
            matches!(why, Decided::NoAccount) && self.request.head.method.is_safe() && self.request.is_for_a_person();
        // In place of a page, the form is no error.
        let status = if is_form { &200 } else { status };
        // An answer that can't be sent ends the connection: `give` notes that.
        let _ = self.give(*status, Caching::Revalidated, &content, &shown);
    }

    /// The page of a refusal: the form for those who have to log in.
    fn page_of(&self, WebRefusal { status, text, why, .. }: &WebRefusal) -> AnswerContent {
        let (language, mut bytes) = (self.request.language(), Vec::new());
        let next = self.request.head.target.href();
        let form = |refused| LoginPage { language, next: &next, refused };
        match why {
            Decided::NoAccount => page::login(&form(None), &mut bytes),
            Decided::NotAdmitted => page::login(&form(Some(text)), &mut bytes),
            Decided::Itself | Decided::Denied(..) | Decided::Told => {
                // The account of an earlier request on the connection is nobody else's business.
                let account = if self.is_identified { self.visitor.account_shown() } else { None };
                let reader = self.visitor.reader(account.as_deref());
                let page = ErrorPage { language, status: *status, sentence: text, reader, next: &next };
                page::error(&page, &mut bytes);
            }
        }
        AnswerContent { content_type: HTML, bytes }
    }

    /// Writes `METHOD path status 'text' (what decided)`, for accounts.
    fn note(&self, refusal: &WebRefusal) {
        let (Some(guest), Decided::Denied(denied, at)) = (&self.visitor.guest, &refusal.why) else { return };
        let path = at.as_ref().unwrap_or(self.request.path());
        let real = guest.share.real_path(path);
        let need = need(self.request.head.method);
        let decided = denied_by(&guest.share, &self.visitor.config, denied, Some(path), need);
        let decided = decided.map(|decided| format!(" ({decided})")).unwrap_or_default();
        let (method, shown) = (self.request.head.method.as_str(), Legible(real.as_os_str().as_encoded_bytes()));
        let WebRefusal { status, text, .. } = refusal;
        self.who().log(Level::Info, format_args!("{method} {shown} {status} '{text}'{decided}"));
    }
}

/// What a request needs of the file system.
fn need(method: Method) -> Need {
    match method {
        Method::Get | Method::Head | Method::Options | Method::Other | Method::Post => Need::Read,
        Method::Put | Method::Patch => Need::Store,
        Method::Delete | Method::Mkcol | Method::Move => Need::ChangeFolder,
    }
}

/// One line for programs.
pub fn json_of(status: u16, text: &str) -> AnswerContent {
    let line = format!("{}\n", serde_json::json!({ "status": status, "error": text }));
    AnswerContent { content_type: JSON, bytes: line.into_bytes() }
}
