//! The share in a browser: the second door, beside `session`. HTTP/1.1, strictly, on a thread of the pool.
//!
//! [`Visitor`] is a connection: it reads a request, finds out who asks (`identity`), and answers (`answering`). What may be done
//! with files is the business of `share`, by the same acts as in FTP; how bytes move that of `copy`. The requests are grouped:
//! `files`, `folders` and `zip` give, `uploads` take, `changes` remove, make and move, `entering` logs in and out, `own_files` are the
//! page's. `link` is the connection, `exchange` what a request and its answer need, `refusal` why one is not served.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::Level;

use crate::config::Config;
use crate::copy::Error;
use crate::net::ending::Notice;
use crate::net::tls::Tls;
use crate::net::who::Who;
use crate::protocol::http::error::HttpError;
use crate::protocol::http::framing::Framing;
use crate::protocol::http::head::Head;
use crate::reception::activity::{Activity, Seat};
use crate::reception::handshake;
use crate::reception::outcome::reason;
use crate::reception::parking::Places;
use crate::reception::parting::{Ended, Moved, Parting};
use crate::reception::rejection::Rejection;
use crate::reception::transfer_log::Door;
use crate::reception::{Accepted, Reception};
use crate::web::exchange::WebRequest;
use crate::web::guest::WebGuest;
use crate::web::link::{Link, NoRequest};
use crate::web::logins::Logins;
use crate::web::running::RunningUploads;

mod answering;
mod changes;
mod entering;
mod exchange;
mod files;
mod folders;
mod guest;
mod identity;
mod link;
pub mod logins;
mod media;
mod own_files;
pub mod page;
mod refusal;
mod rejected;
mod running;
mod uploads;
mod zip;

pub use rejected::rejected;

/// What all connections of the web share. The server makes it once.
pub struct Web {
    /// What every client finds, by whatever door it comes.
    pub reception: Arc<Reception>,
    /// Who is logged in.
    pub logins: Logins,
    /// The names of this machine, besides those that ftpd.conf gives it.
    pub own_names: Vec<String>,
    /// Uploads that are under way.
    running: RunningUploads,
}

/// One connection, from its first byte to its end.
pub struct Visitor {
    link: Link,
    activity: Arc<Activity>,
    /// Parked while it is idle.
    places: Option<Places>,
    config: Arc<Config>,
    /// `None` if TLS is off.
    tls: Option<Arc<Tls>>,
    web: Arc<Web>,
    /// The account of the last request that had one.
    guest: Option<WebGuest>,
    /// Its thread is locked in for an account, and can't serve another one.
    locked_in: bool,
    /// No request has come yet.
    is_new: bool,
}

/// What follows a request.
enum Next {
    /// Another one may come.
    Request,
    /// The connection ends.
    End(WebEnd),
    /// The request goes on, on a thread that is not locked in.
    Elsewhere(Box<WebRequest>),
}

/// Why a connection ends.
#[derive(Debug)]
pub(crate) enum WebEnd {
    /// The client closed it, or it broke.
    Gone,
    /// Nothing came in time.
    Idle,
    /// Its place is needed, it is kicked, or the server stops.
    Asked(Notice),
    /// After its last answer.
    Answered,
    /// It failed inside.
    Failed,
}

impl fmt::Display for WebEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gone => "the client closed it",
            Self::Idle => "nothing came in time",
            Self::Asked(notice) => notice.farewell.reason,
            Self::Answered => "answered",
            Self::Failed => "it failed inside",
        })
    }
}

/// How long a client may wait with its first request; then, with the next one.
const FIRST_PATIENCE: Duration = Duration::from_secs(10);
const IDLE_PATIENCE: Duration = Duration::from_secs(30);

impl Web {
    /// Of a server with nobody logged in.
    pub fn new(reception: Arc<Reception>, own_names: Vec<String>) -> io::Result<Self> {
        Ok(Self { reception, logins: Logins::new()?, own_names, running: RunningUploads::default() })
    }
}

impl Visitor {
    /// Takes over an accepted connection with its places.
    ///
    /// # Errors
    /// When the client is gone already.
    pub fn new(
        accepted: Accepted,
        seat: Seat,
        places: Option<Places>,
        (config, tls): (Arc<Config>, Option<Arc<Tls>>),
        web: Arc<Web>,
    ) -> io::Result<Box<Self>> {
        let who = Who::new(accepted.peer);
        let link = Link::new(accepted.stream, seat.ending, who, config.transfer.data_timeout)?;
        let activity = seat.activity;
        Ok(Box::new(Self { link, activity, places, config, tls, web, guest: None, locked_in: false, is_new: true }))
    }

    /// Serves the client until one of them ends the connection, or until it needs another thread. A panic costs this
    /// connection alone.
    pub fn run(self: Box<Self>) -> Parting {
        self.leave_after(None)
    }

    fn leave_after(mut self: Box<Self>, pending: Option<Box<WebRequest>>) -> Parting {
        let end = match catch_unwind(AssertUnwindSafe(|| self.serve(pending))) {
            Ok(Next::Elsewhere(request)) => {
                // No account goes along: the next thread is not locked in for it.
                self.dismiss_guest();
                return Parting::Elsewhere(Box::new(MovedVisitor { visitor: self, request }));
            }
            Ok(Next::End(end)) => end,
            Ok(Next::Request) => WebEnd::Answered,
            Err(_) => {
                log::error!(peer:% = self.link.who.peer, user = ""; "the connection failed inside; it is closed, all others go on");
                // It is unknown whether the thread was locked in by then.
                self.locked_in = true;
                WebEnd::Failed
            }
        };
        self.link.who.log(Level::Debug, format_args!("HTTP connection closed ({end})"));
        // A client that sees the end may come back at once: by then nothing of this one is held.
        (self.guest, self.places) = (None, None);
        Parting::Over(Box::new(EndedVisitor { visitor: self, end }))
    }

    fn serve(&mut self, mut pending: Option<Box<WebRequest>>) -> Next {
        if self.is_new && pending.is_none() {
            self.link.who.log(Level::Debug, format_args!("HTTP connection opened"));
        }
        loop {
            let request = match pending.take() {
                Some(request) => request,
                None => match self.next_request() {
                    Ok(request) => request,
                    Err(end) => return Next::End(end),
                },
            };
            match self.answer(request) {
                Next::Request => {}
                next => return next,
            }
        }
    }

    /// The next request. One that is malformed is answered here.
    fn next_request(&mut self) -> Result<Box<WebRequest>, WebEnd> {
        let head = match self.next_head() {
            Ok(head) => head,
            Err(NoRequest::Malformed(error)) => return Err(self.refuse_bytes(error)),
            Err(NoRequest::Gone) => return Err(WebEnd::Gone),
            Err(NoRequest::Late) => return Err(WebEnd::Idle),
            Err(NoRequest::Asked(notice)) => return Err(WebEnd::Asked(notice)),
        };
        match Framing::of(&head) {
            Ok(framing) => Ok(Box::new(WebRequest { head, framing })),
            Err(error) => Err(self.refuse_bytes(error)),
        }
    }

    fn next_head(&mut self) -> Result<Head, NoRequest> {
        if !self.link.has_input() {
            self.wait()?;
        }
        if self.is_new {
            self.is_new = false;
            self.begin()?;
        }
        self.link.head()
    }

    /// Waits for the next request. Meanwhile others can have this connection's places.
    fn wait(&mut self) -> Result<(), NoRequest> {
        self.activity.rest(Instant::now());
        let patience = if self.is_new { FIRST_PATIENCE } else { IDLE_PATIENCE };
        self.link.rest();
        let Some(places) = self.places.take() else { return Err(NoRequest::Gone) };
        let stub = self.web.reception.parking.park(places, &self.link.ending);
        let waited = self.link.wait(patience);
        self.places = self.web.reception.parking.take_back(stub);
        waited?;
        match (&self.places, self.link.ending.notice()) {
            (Some(_), None) => Ok(()),
            (_, Some(notice)) => Err(NoRequest::Asked(notice)),
            (None, None) => Err(NoRequest::Gone),
        }
    }

    /// Shakes hands if the client begins with TLS.
    fn begin(&mut self) -> Result<(), NoRequest> {
        if let Err(error) = self.link.begin(self.tls.as_ref()) {
            match &error {
                Error::Handshake(error) => {
                    self.link
                        .who
                        .log(Level::Warn, format_args!("TLS handshake failed: {}.", handshake::explain(error)));
                }
                error => self.link.who.log(Level::Info, format_args!("TLS handshake: {}", reason(error, Door::Http))),
            }
            return Err(NoRequest::Gone);
        }
        self.activity.secure(self.link.is_secured());
        Ok(())
    }

    /// Answers what is no request, or one whose end nobody knows.
    fn refuse_bytes(&mut self, error: HttpError) -> WebEnd {
        self.link.who.log(Level::Debug, format_args!("no HTTP request: {}", error.text));
        let _ = self.link.send(&rejected::malformed(error));
        WebEnd::Answered
    }
}

/// A connection between two threads.
struct MovedVisitor {
    visitor: Box<Visitor>,
    request: Box<WebRequest>,
}

/// A connection that is over.
struct EndedVisitor {
    visitor: Box<Visitor>,
    end: WebEnd,
}

impl Moved for MovedVisitor {
    fn resume(self: Box<Self>) -> Parting {
        let Self { mut visitor, request } = *self;
        visitor.locked_in = false;
        visitor.leave_after(Some(request))
    }

    fn break_off(mut self: Box<Self>, why: &Rejection) {
        let _ = self.visitor.link.send(&rejected(why));
    }
}

impl Ended for EndedVisitor {
    fn spends_thread(&self) -> bool {
        self.visitor.locked_in
    }

    fn say_goodbye(mut self: Box<Self>) -> io::Result<()> {
        if !matches!(self.end, WebEnd::Gone) {
            self.visitor.link.close();
        }
        Ok(())
    }
}
