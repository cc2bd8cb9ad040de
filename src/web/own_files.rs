//! What the server itself has below `/~ftpd/`: the files of the page, the form, and QR codes.

use crate::net::reachable;
use crate::protocol::http::host::{Authority, HostName, UrlScheme};
use crate::protocol::http::method::Method;
use crate::protocol::http::target::RequestTarget;
use crate::qr;
use crate::web::answering::not_allowed;
use crate::web::exchange::{AnswerContent, Caching, Exchange};
use crate::web::guest::Unanswered;
use crate::web::page::assets;
use crate::web::refusal::WebRefusal;

impl Exchange<'_> {
    /// Serves a path below `/~ftpd/`.
    pub fn serve_own(&mut self) -> Result<(), Unanswered> {
        let path = String::from_utf8_lossy(self.request.path().as_bytes());
        let answered = match (&*path, self.request.head.method) {
            ("/~ftpd/login", Method::Post) => return self.log_in(),
            ("/~ftpd/login", Method::Get | Method::Head) => self.login_form(),
            ("/~ftpd/login", _) => Err(not_allowed("GET, HEAD, POST")),
            ("/~ftpd/logout", Method::Post) => self.log_out(),
            ("/~ftpd/logout", _) => Err(not_allowed("POST")),
            ("/~ftpd/qr.svg", Method::Get | Method::Head) => self.give_qr_code(),
            (path, Method::Get | Method::Head) => self.give_asset(path),
            _ => Err(not_allowed("GET, HEAD")),
        };
        Ok(answered?)
    }

    fn give_asset(&mut self, path: &str) -> Result<(), WebRefusal> {
        let missing = || WebRefusal::new(404, "No such file or folder.");
        if self.request.head.target.is_folder {
            return Err(missing());
        }
        let asset = assets::find(path).ok_or_else(missing)?;
        let content = AnswerContent { content_type: asset.content_type, bytes: asset.bytes.to_vec() };
        self.give(200, Caching::Immutable, &content, &[])
    }

    /// A picture of the address of a page, for the camera of a phone.
    fn give_qr_code(&mut self) -> Result<(), WebRefusal> {
        let head = &self.request.head;
        let page = RequestTarget::local(head.target.query.value("path").unwrap_or(b"/"))?;
        let authority = head.authority()?.ok_or_else(|| WebRefusal::new(400, "The field Host is missing."))?;
        let scheme = if self.visitor.link.is_secured() { UrlScheme::Https } else { UrlScheme::Http };
        let is_loopback = match &authority.host {
            HostName::Address(address) => address.is_loopback(),
            HostName::Name(name) => name == "localhost",
        };
        // To a phone, that would be the phone itself. Clients elsewhere learn no address that they do not know.
        let reachable = || reachable::addresses(&self.visitor.config.server.ip).into_iter().next();
        let is_here = is_loopback && self.who().peer.ip().is_loopback();
        let host = if is_here { reachable().map(HostName::Address) } else { None };
        let authority = Authority { host: host.unwrap_or(authority.host), ..authority };
        let url = format!("{}://{authority}{}", scheme.as_str(), page.href());
        let picture = qr::svg(&url).ok_or_else(|| WebRefusal::new(414, "The address is too long for a QR code."))?;
        let content = AnswerContent { content_type: "image/svg+xml", bytes: picture.into_bytes() };
        self.give(200, Caching::Revalidated, &content, &[])
    }
}
