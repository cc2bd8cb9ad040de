//! From a request to its answer: which checks come first, and who carries it out.

use std::time::Instant;

use crate::config::Config;
use crate::protocol::http::host::{Authority, HostName, HostNames};
use crate::protocol::http::method::Method;
use crate::web::exchange::{Exchange, WebRequest};
use crate::web::guest::Unanswered;
use crate::web::refusal::WebRefusal;
use crate::web::{Next, Visitor, WebEnd};

/// The first name in the paths of the server's own files. An entry of that name in `/` is reached by FTP only.
pub const OWN: &[u8] = b"~ftpd";
/// Where that is.
pub const OWN_PATH: &[u8] = b"/~ftpd";

impl Visitor {
    /// Answers a request.
    pub(super) fn answer(&mut self, request: Box<WebRequest>) -> Next {
        let mut exchange = Exchange::new(self, &request);
        match exchange.carry_out() {
            Ok(()) => {}
            Err(Unanswered::Refused(refusal)) => exchange.refuse(refusal),
            Err(Unanswered::Elsewhere) => return Next::Elsewhere(request),
        }
        exchange.drain();
        exchange.visitor.guest.iter().for_each(|guest| guest.login.note_use(Instant::now()));
        if !exchange.keeps {
            return Next::End(WebEnd::Answered);
        }
        match self.link.ending.notice() {
            None => Next::Request,
            Some(notice) => Next::End(WebEnd::Asked(notice)),
        }
    }
}

impl Exchange<'_> {
    fn carry_out(&mut self) -> Result<(), Unanswered> {
        self.check_host()?;
        if self.visitor.config.tls.control_required && !self.visitor.link.is_secured() {
            return Ok(self.send_to_https()?);
        }
        if self.request.path().components().next().is_some_and(|first| first.eq_ignore_ascii_case(OWN)) {
            return self.serve_own();
        }
        self.visitor.identify(self.request)?;
        self.is_identified = true;
        Ok(self.act()?)
    }

    /// What an account asks for.
    fn act(&mut self) -> Result<(), WebRefusal> {
        let query = &self.request.head.target.query;
        match self.request.head.method {
            Method::Head if query.has("upload") => self.tell_upload(),
            Method::Get | Method::Head => self.get(),
            Method::Put => self.put(),
            Method::Patch if query.has("upload") => self.go_on(),
            Method::Delete if query.has("upload") => self.drop_upload(),
            Method::Delete => self.delete(),
            Method::Mkcol => self.make_folder(),
            Method::Move => self.rename(),
            Method::Patch | Method::Post | Method::Options | Method::Other => Err(not_allowed(ALLOWED)),
        }
    }

    /// Only names that are this server's: another one may have been made to point here by a stranger.
    fn check_host(&self) -> Result<(), WebRefusal> {
        // What two readers could understand differently is the last that is read from them.
        let authority = self.request.head.authority().map_err(|error| WebRefusal::from(error).last())?;
        let Some(authority) = authority else { return Ok(()) };
        let is_ours = match &authority.host {
            HostName::Address(_) => true,
            name => names(&self.visitor.config, &self.visitor.web.own_names).admits(name),
        };
        if is_ours {
            return Ok(());
        }
        let text = "This server does not know that name of itself: web_hosts in ftpd.conf tells it.";
        Err(WebRefusal::new(421, text).last())
    }

    /// The same place under TLS.
    fn send_to_https(&mut self) -> Result<(), WebRefusal> {
        let authority = self.request.head.authority()?.ok_or_else(|| WebRefusal::new(400, "TLS is required here."))?;
        // The port that the client dialled speaks both; behind a router it may not be ours.
        let port = authority.port.unwrap_or_else(|| self.visitor.link.port());
        let authority = Authority { port: Some(port), ..authority };
        let target = self.request.head.target.href();
        self.keeps = false;
        self.done(308, &[("Location", &format!("https://{authority}{target}"))])
    }
}

/// The methods that files and folders know.
const ALLOWED: &str = "GET, HEAD, PUT, PATCH, DELETE, MKCOL, MOVE";

/// A method that is not known at this place.
pub fn not_allowed(allowed: &'static str) -> WebRefusal {
    WebRefusal::new(405, "That can't be done here.").with("Allow", allowed)
}

/// The names that this server goes by.
fn names(config: &Config, own: &[String]) -> HostNames {
    let given = config.web.hosts.iter().chain(own).map(String::as_str);
    HostNames::new(given.chain(config.passive.name()))
}
