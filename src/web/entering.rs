//! Logging in and out: the form of the page.

use std::time::Instant;

use crate::protocol::http::credentials::UserPass;
use crate::protocol::http::form::LoginForm;
use crate::protocol::http::framing::Body;
use crate::protocol::http::host::PageOrigin;
use crate::protocol::http::response::CONTINUE;
use crate::protocol::http::target::RequestTarget;
use crate::reception::login::conditions;
use crate::web::exchange::{AnswerContent, Caching, Exchange, HTML};
use crate::web::guest::Unanswered;
use crate::web::identity::token_text;
use crate::web::link::HEAD_PATIENCE;
use crate::web::logins::COOKIE_LIFE;
use crate::web::page::{self, LoginPage};
use crate::web::refusal::WebRefusal;

/// The longest body of a form.
const MAX_FORM: usize = 8 << 10;

impl Exchange<'_> {
    /// GET of the form itself.
    pub fn login_form(&mut self) -> Result<(), WebRefusal> {
        let next = self.request.head.target.query.value("next").unwrap_or(b"/");
        let next = RequestTarget::local(next).map_or_else(|_| "/".to_owned(), |target| target.href());
        self.give_form(200, &next, None)
    }

    fn give_form(&mut self, status: u16, next: &str, refused: Option<&str>) -> Result<(), WebRefusal> {
        let mut bytes = Vec::new();
        page::login(&LoginPage { language: self.request.language(), next, refused }, &mut bytes);
        self.give(status, Caching::Revalidated, &AnswerContent { content_type: HTML, bytes }, &[])
    }

    /// POST of the form. The answer to a wrong name and to a wrong password is the same.
    pub fn log_in(&mut self) -> Result<(), Unanswered> {
        self.check_origin()?;
        if self.visitor.locked_in {
            // Passwords are checked on a thread that can read the file with the accounts.
            return Err(Unanswered::Elsewhere);
        }
        let form = self.form()?;
        let nobody = UserPass { user: Vec::new(), password: Default::default() };
        let next = form.as_ref().map_or_else(|| "/".to_owned(), |form| form.next.href());
        let credentials = form.and_then(|form| form.credentials).unwrap_or(nobody);
        let user = match self.visitor.check_in(&credentials) {
            Ok(user) => user,
            Err(refusal) if refusal.status == 401 => {
                self.keeps &= !refusal.is_last();
                return Ok(self.give_form(401, &next, Some(&refusal.text))?);
            }
            Err(refusal) => return Err(refusal.into()),
        };
        self.end_old_sessions();
        let name = user.name.clone();
        let visitor = &mut *self.visitor;
        let (token, _) = visitor.web.logins.begin(user, &conditions(&visitor.config), Instant::now())?;
        visitor.tell_login(&name);
        Ok(self.go_to(&next, &token_text(&token), COOKIE_LIFE.as_secs())?)
    }

    /// POST of the button that ends a session.
    pub fn log_out(&mut self) -> Result<(), WebRefusal> {
        self.check_origin()?;
        self.end_old_sessions();
        self.visitor.dismiss_guest();
        self.go_to("/", "", 0)
    }

    fn end_old_sessions(&self) {
        for token in self.visitor.tokens(&self.request.head) {
            self.visitor.web.logins.end(&token);
        }
    }

    /// Sets the cookie and sends the browser on.
    fn go_to(&mut self, next: &str, value: &str, seconds: u64) -> Result<(), WebRefusal> {
        let cookie = self.visitor.cookie(value, seconds);
        self.done(303, &[("Location", &next), ("Set-Cookie", &cookie)])
    }

    /// A form of another site may not log anybody in or out.
    fn check_origin(&self) -> Result<(), WebRefusal> {
        let head = &self.request.head;
        let own = head.authority()?;
        let origin = head.only("origin")?.and_then(PageOrigin::parse);
        let is_ours = origin.zip(own).is_some_and(|(origin, own)| origin.is_of(&own));
        let is_same_site = head.first("sec-fetch-site").is_none_or(|site| site == b"same-origin");
        if is_ours && is_same_site {
            return Ok(());
        }
        Err(WebRefusal::new(403, "That form is not from a page of this server."))
    }

    /// What the form says; `None` if it is so long that nothing in it can be right.
    fn form(&mut self) -> Result<Option<LoginForm>, WebRefusal> {
        let Body::Length(length) = self.request.framing.body else {
            return Err(WebRefusal::new(411, "The form has no length.").last());
        };
        let Some(length) = usize::try_from(length).ok().filter(|&length| length <= MAX_FORM) else { return Ok(None) };
        let link = &mut self.visitor.link;
        if self.request.framing.expects_continue {
            // If it can't be sent, the body will not come, either.
            let _ = link.send(CONTINUE);
        }
        let taken = link.take_body(length, HEAD_PATIENCE);
        self.has_body = false;
        self.keeps &= taken.is_ok();
        let body = taken.map_err(|_| WebRefusal::new(400, "The form did not come."))?;
        Ok(Some(LoginForm::parse(&body)?))
    }
}
