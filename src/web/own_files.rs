//! What the server itself has below `/~ftpd/`: the files of the page, and the form.

use crate::protocol::http::method::Method;
use crate::web::answering::not_allowed;
use crate::web::exchange::{AnswerContent, Caching, Exchange};
use crate::web::guest::Thread;
use crate::web::page::assets;
use crate::web::refusal::WebRefusal;

impl Exchange<'_> {
    /// Serves a path below `/~ftpd/`.
    pub fn serve_own(&mut self) -> Result<Thread, WebRefusal> {
        let path = String::from_utf8_lossy(self.request.path().as_bytes()).into_owned();
        let is_read = matches!(self.request.head.method, Method::Get | Method::Head);
        match (&*path, self.request.head.method) {
            ("/~ftpd/login", Method::Post) => self.log_in(),
            ("/~ftpd/logout", Method::Post) => self.log_out(),
            ("/~ftpd/login", _) if is_read => self.login_form().map(|()| Thread::Fits),
            ("/~ftpd/login", _) => Err(not_allowed("GET, HEAD, POST")),
            ("/~ftpd/logout", _) => Err(not_allowed("POST")),
            _ if is_read => self.give_asset(&path).map(|()| Thread::Fits),
            _ => Err(not_allowed("GET, HEAD")),
        }
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
}
