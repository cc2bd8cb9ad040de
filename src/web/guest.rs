//! The account that a connection serves at the moment, with its folder. The thread is locked in for it.

use std::sync::Arc;

use log::Level;

use crate::reception::login::tell_absent;
use crate::reception::rejection::Rejection;
use crate::share::Share;
use crate::share::throttles::Throttles;
use crate::sys::jail::ActiveMode;
use crate::web::Visitor;
use crate::web::logins::WebLogin;
use crate::web::page::PageReader;
use crate::web::refusal::{WebRefusal, status_of_rejection};

/// An account on this connection.
pub struct WebGuest {
    /// As it is known on all its connections.
    pub login: Arc<WebLogin>,
    /// Its folder.
    pub share: Box<Share>,
    /// Its rates.
    pub throttles: Throttles,
}

/// Why a request has no answer yet.
#[derive(Debug)]
pub enum Unanswered {
    /// It is refused.
    Refused(WebRefusal),
    /// This thread is locked in for somebody else: the request goes on with another one.
    Elsewhere,
}

impl<E: Into<WebRefusal>> From<E> for Unanswered {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

impl Visitor {
    /// Gives the account its place and its folder on this connection, unless it has them.
    pub fn receive(&mut self, login: Arc<WebLogin>) -> Result<(), Unanswered> {
        let is_here = self.guest.as_ref().is_some_and(|guest| Arc::ptr_eq(&guest.login, &login));
        if !is_here && self.locked_in {
            self.dismiss_guest();
            return Err(Unanswered::Elsewhere);
        }
        if !is_here {
            self.dismiss_guest();
            self.let_in(login).map_err(|(rejection, name)| self.not_let_in(&rejection, &name))?;
        }
        if let Some(WebGuest { share, throttles, .. }) = &mut self.guest {
            share.refresh(throttles);
        }
        Ok(())
    }

    fn let_in(&mut self, login: Arc<WebLogin>) -> Result<(), (Box<Rejection>, String)> {
        let (user, reception) = (login.live.now(), &self.web.reception);
        let named = |rejection| (rejection, user.name.clone());
        let place = login.place(reception, self.link.who.peer.ip()).map_err(named)?;
        let share =
            reception.let_in(&login.live, None, &self.config, ActiveMode::Never, &mut self.locked_in).map_err(named)?;
        self.link.who.user.clone_from(&user.name);
        login.told.call_once(|| tell_absent(&share, &self.link.who));
        if let Some(places) = &mut self.places {
            places.account = Some(place);
        }
        self.activity.belongs_to(Some(Arc::clone(&login.live)));
        let throttles = share.throttles_of(&login.paces);
        self.guest = Some(WebGuest { login, share, throttles });
        Ok(())
    }

    fn not_let_in(&self, rejection: &Rejection, name: &str) -> WebRefusal {
        let (status, text) = (status_of_rejection(rejection.grounds), &rejection.text);
        let decided = rejection.decided.as_ref().map(|decided| format!(" ({decided})")).unwrap_or_default();
        self.link.who.log(rejection.level, format_args!("USER '{name}' {status} '{text}'{decided}"));
        WebRefusal::of_rejection(rejection).last()
    }

    /// Lets go of the account that was here.
    pub fn dismiss_guest(&mut self) {
        if self.guest.take().is_some() {
            self.link.who.user.clear();
            self.activity.belongs_to(None);
        }
        if let Some(places) = &mut self.places {
            places.account = None;
        }
    }

    /// The name of the account that pages show; `None` for anonymous, or nobody.
    pub fn account_shown(&self) -> Option<String> {
        let user = self.guest.as_ref()?.share.user_now();
        (!user.is_anonymous()).then(|| user.name.clone())
    }

    /// Who reads a page: this account, or somebody who may have one.
    pub fn reader<'a>(&self, account: Option<&'a str>) -> PageReader<'a> {
        let is_login_possible = || self.web.reception.users.accounts().has_login();
        account.map_or_else(
            || if is_login_possible() { PageReader::Stranger } else { PageReader::Guest },
            PageReader::Account,
        )
    }

    /// Notes that an account was logged in. The one that was here is done.
    pub fn tell_login(&mut self, name: &str) {
        self.dismiss_guest();
        self.link.who.log(Level::Info, format_args!("USER '{name}' logged in."));
    }
}
