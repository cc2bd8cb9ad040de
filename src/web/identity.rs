//! Who asks: by a cookie, by HTTP Basic, or as anonymous.

use std::sync::Arc;
use std::time::Instant;

use crate::auth::user::User;
use crate::protocol::http::cookies::cookies;
use crate::protocol::http::credentials::UserPass;
use crate::protocol::http::head::Head;
use crate::reception::login::{self, conditions};
use crate::reception::rejection::{Grounds, Rejection};
use crate::web::Visitor;
use crate::web::exchange::WebRequest;
use crate::web::guest::Unanswered;
use crate::web::logins::{CookieToken, WebLogin};
use crate::web::refusal::WebRefusal;

/// The account's name for clients that give none.
const ANONYMOUS: &[u8] = b"anonymous";

impl WebRequest {
    /// Whether it is one of a browser's own script, which must not make the browser ask for a password.
    pub fn is_of_script(&self) -> bool {
        self.head.first("sec-fetch-mode").is_some_and(|mode| mode != b"navigate")
    }

    /// Whether a browser is to show the answer as its next page.
    pub fn is_for_a_person(&self) -> bool {
        self.wants_page() && !self.is_of_script()
    }

    /// Whether it writes something, or goes on with what was written.
    fn changes_anything(&self) -> bool {
        !self.head.method.is_safe() || self.head.target.query.has("upload")
    }

    /// Whether a browser sent it, which has the form to log in.
    pub fn is_of_browser(&self) -> bool {
        self.is_of_script() || self.wants_page()
    }
}

impl Visitor {
    /// Finds out who asks, and receives the account on this connection; a 401 if nobody is named who may.
    pub fn identify(&mut self, request: &WebRequest) -> Result<(), Unanswered> {
        if let Some(login) = self.login_by_cookie(&request.head) {
            return self.receive(login);
        }
        match request.head.only("authorization")? {
            Some(value) => self.login_by_password(value),
            // What was meant for an account must not land in everybody's folder because the session is over.
            None if request.changes_anything() && !self.tokens(&request.head).is_empty() => {
                self.dismiss_guest();
                Err(WebRefusal::no_account().with("Set-Cookie", self.cookie("", 0)).into())
            }
            None => match self.login_as_anonymous() {
                Some(login) => self.receive(login),
                None => {
                    self.dismiss_guest();
                    Err(WebRefusal::no_account().into())
                }
            },
        }
    }

    fn login_by_cookie(&self, head: &Head) -> Option<Arc<WebLogin>> {
        head.first("cookie")?;
        let (accounts, from, now) = (self.web.reception.users.accounts(), self.link.who.peer.ip(), Instant::now());
        self.tokens(head).iter().find_map(|token| self.web.logins.of_cookie(token, &accounts, from, now))
    }

    /// The values of our cookie in a request.
    pub fn tokens(&self, head: &Head) -> Vec<CookieToken> {
        cookies(head, &self.cookie_name()).filter_map(token).collect()
    }

    /// The cookie's name: one for each port, since cookies know no ports.
    fn cookie_name(&self) -> String {
        format!("ftpd-{}{}", self.link.port(), if self.link.is_secured() { "-tls" } else { "" })
    }

    /// The cookie with this value, for this long; none is for logging out.
    pub fn cookie(&self, value: &str, seconds: u64) -> String {
        let secure = if self.link.is_secured() { "; Secure" } else { "" };
        let name = self.cookie_name();
        format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
    }

    fn login_by_password(&mut self, value: &[u8]) -> Result<(), Unanswered> {
        let Some(credentials) = UserPass::basic(value) else {
            self.dismiss_guest();
            return Err(WebRefusal::no_account().into());
        };
        let (accounts, from, now) = (self.web.reception.users.accounts(), self.link.who.peer.ip(), Instant::now());
        if let Some(login) = self.web.logins.of_password(&credentials, &accounts, from, now) {
            return self.receive(login);
        }
        if self.locked_in {
            self.dismiss_guest();
            return Err(Unanswered::Elsewhere);
        }
        let user = self.check_in(&credentials)?;
        let (login, is_new) = self.web.logins.of_address(user, from, &conditions(&self.config));
        self.web.logins.remember(&credentials, from, &login, Instant::now());
        if is_new {
            self.tell_login(&login.live.now().name);
        }
        self.receive(login)
    }

    /// Checks a name and a password. A wrong one costs what it costs in FTP.
    pub fn check_in(&mut self, credentials: &UserPass) -> Result<Arc<User>, WebRefusal> {
        let arrived = Instant::now();
        let deadline = arrived + self.config.server.login_timeout;
        let asked = login::NameAndPassword { name: &credentials.user, password: &credentials.password.0 };
        let checked = self.web.reception.check_in(asked, &self.link.who, &self.config, deadline);
        checked.map_err(|rejection| self.not_checked_in(&rejection, arrived))
    }

    fn not_checked_in(&mut self, rejection: &Rejection, arrived: Instant) -> WebRefusal {
        self.dismiss_guest();
        let refusal = WebRefusal::of_rejection(rejection);
        match rejection.grounds {
            Grounds::WrongPassword { bans } => {
                self.link.pause(self.config.server.auth_failed_delay.saturating_sub(arrived.elapsed()));
                if bans { refusal.last() } else { refusal }
            }
            Grounds::Banned | Grounds::Busy | Grounds::Full | Grounds::Stopping => refusal.last(),
            Grounds::NoAnonymous | Grounds::NoFolder => refusal,
        }
    }

    /// The anonymous account, if it is on and for this address. It needs no password, so nothing is checked.
    fn login_as_anonymous(&mut self) -> Option<Arc<WebLogin>> {
        let (accounts, from) = (self.web.reception.users.accounts(), self.link.who.peer.ip());
        let is_open = |user: &&Arc<User>| user.enabled && user.is_anonymous() && user.admission.admits(from);
        let user = accounts.find(ANONYMOUS).filter(is_open)?;
        let (login, is_new) = self.web.logins.of_address(Arc::clone(user), from, &conditions(&self.config));
        if is_new {
            self.tell_login(&user.name);
        }
        Some(login)
    }
}

/// The value of a cookie: 64 hexadecimal digits.
fn token(text: &[u8]) -> Option<CookieToken> {
    let mut token = CookieToken::default();
    if text.len() != 2 * token.len() {
        return None;
    }
    for (byte, digits) in token.iter_mut().zip(text.chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
    }
    Some(token)
}

/// A token as the cookie's value.
pub fn token_text(token: &CookieToken) -> String {
    token.iter().map(|byte| format!("{byte:02x}")).collect()
}
