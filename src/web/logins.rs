//! Who is logged in: sessions that a cookie names, and passwords that were right a moment ago. All of it is in memory, and is
//! gone when the server stops.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Once, Weak};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use crate::auth::accounts::Accounts;
use crate::auth::change::{Consequence, consequence};
use crate::auth::live_user::LiveUser;
use crate::auth::user::User;
use crate::protocol::http::credentials::UserPass;
use crate::reception::Reception;
use crate::reception::rejection::Rejection;
use crate::share::throttles::SessionPaces;
use crate::share::{Conditions, SharePlace};

/// An account that is logged in, on as many connections as its client likes: together they have one place among the
/// account's sessions, and one session's rates.
#[derive(Debug)]
pub struct WebLogin {
    /// The account.
    pub live: Arc<LiveUser>,
    /// The session's rates.
    pub paces: SessionPaces,
    /// Done when the log has what is missing of its folders.
    pub told: Once,
    /// When its last request ended.
    used: Mutex<Instant>,
    /// There as long as a connection needs it.
    place: Mutex<Weak<SharePlace>>,
}

/// Everybody who is logged in.
pub struct Logins {
    /// Makes of a name and a password what they are remembered by.
    salt: [u8; 32],
    by_cookie: Mutex<HashMap<CookieToken, CookieSession>>,
    by_password: Mutex<HashMap<[u8; 32], RightPassword>>,
    /// Those without a cookie, for as long as somebody holds them.
    by_address: Mutex<HashMap<(String, IpAddr), Weak<WebLogin>>>,
}

/// The value of a cookie: what nobody guesses.
pub type CookieToken = [u8; 32];

#[derive(Debug)]
struct CookieSession {
    login: Arc<WebLogin>,
    began: Instant,
}

#[derive(Debug)]
struct RightPassword {
    login: Arc<WebLogin>,
    checked: Instant,
}

/// How long a cookie is worth something.
pub const COOKIE_LIFE: Duration = Duration::from_secs(12 * 3600);
/// The same without a request.
const COOKIE_IDLE: Duration = Duration::from_secs(3600);
/// How long a password need not be checked again.
const PASSWORD_LIFE: Duration = Duration::from_secs(300);
/// The most sessions and passwords that are remembered; the ones used longest ago are forgotten first.
const MAX_REMEMBERED: usize = 10_000;

impl WebLogin {
    fn new(user: Arc<User>, conditions: &Conditions) -> Arc<Self> {
        let live = Arc::new(LiveUser::new(user));
        let (paces, used) = (SessionPaces::new(conditions), Mutex::new(Instant::now()));
        Arc::new(Self { live, paces, told: Once::new(), used, place: Mutex::default() })
    }

    /// Notes that a request ended.
    pub fn note_use(&self, now: Instant) {
        *self.used.lock() = now;
    }

    /// Its place among the account's sessions, taken now unless another connection of it has one.
    pub fn place(&self, reception: &Reception, address: IpAddr) -> Result<Arc<SharePlace>, Box<Rejection>> {
        // Under the lock, so that no connection takes a second one. Those that give theirs up for it don't need the lock.
        let mut place = self.place.lock();
        if let Some(held) = place.upgrade() {
            return Ok(held);
        }
        let taken = Arc::new(reception.place_of(&self.live.now(), address)?);
        *place = Arc::downgrade(&taken);
        Ok(taken)
    }

    /// Whether the account still is what it was at the login, from this address. What a session may take over, it does.
    fn holds(&self, accounts: &Accounts, from: IpAddr) -> bool {
        let old = self.live.now();
        let new = accounts.find(old.name.as_bytes());
        let Some(new) = new.filter(|new| is_same(&old, new)) else { return false };
        if !Arc::ptr_eq(&old, new) {
            self.live.take_over(Arc::clone(new));
        }
        new.admission.admits(from)
    }
}

impl Logins {
    /// Nobody yet.
    pub fn new() -> io::Result<Self> {
        let (by_cookie, by_password, by_address) = Default::default();
        Ok(Self { salt: random()?, by_cookie, by_password, by_address })
    }

    /// The login of a cookie, if it is worth something.
    pub fn of_cookie(
        &self,
        token: &CookieToken,
        accounts: &Accounts,
        from: IpAddr,
        now: Instant,
    ) -> Option<Arc<WebLogin>> {
        let mut sessions = self.by_cookie.lock();
        let session = sessions.get_mut(token)?;
        if session.is_over(now) || !session.login.holds(accounts, from) {
            sessions.remove(token);
            return None;
        }
        session.login.note_use(now);
        Some(Arc::clone(&session.login))
    }

    /// Begins a session for an account whose password was right; the cookie's value comes with it.
    pub fn begin(
        &self,
        user: Arc<User>,
        conditions: &Conditions,
        now: Instant,
    ) -> io::Result<(CookieToken, Arc<WebLogin>)> {
        let (token, login) = (random()?, WebLogin::new(user, conditions));
        let mut sessions = self.by_cookie.lock();
        if sessions.len() >= MAX_REMEMBERED {
            sessions.retain(|_, session| !session.is_over(now));
            forget_oldest(&mut sessions, |session| *session.login.used.lock());
        }
        sessions.insert(token, CookieSession { login: Arc::clone(&login), began: now });
        Ok((token, login))
    }

    /// Ends the session of a cookie; its connections end with their next request.
    pub fn end(&self, token: &CookieToken) -> Option<Arc<WebLogin>> {
        self.by_cookie.lock().remove(token).map(|session| session.login)
    }

    /// Ends all that is remembered of an account. Returns how many of its logins no connection was using.
    pub fn end_all_of(&self, account: &str) -> usize {
        let is_its = |login: &WebLogin| login.live.now().name == account;
        let mut cookies = self.by_cookie.lock();
        let of_cookies = cookies.extract_if(|_, session| is_its(&session.login)).map(|(_, session)| session.login);
        let mut passwords = self.by_password.lock();
        let of_passwords = passwords.extract_if(|_, password| is_its(&password.login)).map(|(_, right)| right.login);
        of_cookies.chain(of_passwords).filter(|login| Arc::strong_count(login) == 1).count()
    }

    /// The login of a name and a password that were right from this address a moment ago.
    pub fn of_password(
        &self,
        credentials: &UserPass,
        accounts: &Accounts,
        from: IpAddr,
        now: Instant,
    ) -> Option<Arc<WebLogin>> {
        let key = self.key(credentials, from);
        let mut passwords = self.by_password.lock();
        let RightPassword { login, checked } = passwords.get(&key)?;
        if now.duration_since(*checked) < PASSWORD_LIFE && login.holds(accounts, from) {
            return Some(Arc::clone(login));
        }
        passwords.remove(&key);
        None
    }

    /// Remembers that they were right.
    pub fn remember(&self, credentials: &UserPass, from: IpAddr, login: &Arc<WebLogin>, now: Instant) {
        let mut passwords = self.by_password.lock();
        if passwords.len() >= MAX_REMEMBERED {
            passwords.retain(|_, password| now.duration_since(password.checked) < PASSWORD_LIFE);
            forget_oldest(&mut passwords, |password| password.checked);
        }
        let right = RightPassword { login: Arc::clone(login), checked: now };
        passwords.insert(self.key(credentials, from), right);
    }

    /// The login of an account from an address without a cookie: the same for all its connections.
    pub fn of_address(&self, user: Arc<User>, from: IpAddr, conditions: &Conditions) -> (Arc<WebLogin>, bool) {
        let mut logins = self.by_address.lock();
        let key = (user.name.clone(), from);
        let known = logins.get(&key).and_then(Weak::upgrade);
        if let Some(login) = known.filter(|login| is_same(&login.live.now(), &user)) {
            return (login, false);
        }
        logins.retain(|_, login| login.strong_count() > 0);
        let login = WebLogin::new(user, conditions);
        logins.insert(key, Arc::downgrade(&login));
        (login, true)
    }

    fn key(&self, UserPass { user, password }: &UserPass, from: IpAddr) -> [u8; 32] {
        let mut hash = Sha256::new().chain_update(self.salt).chain_update(from.to_string()).chain_update([0]);
        hash.update(user.len().to_le_bytes());
        hash.chain_update(user).chain_update(&password.0).finalize().into()
    }
}

impl CookieSession {
    fn is_over(&self, now: Instant) -> bool {
        // While a connection holds it, it is in use.
        let is_idle = Arc::strong_count(&self.login) == 1;
        now.duration_since(self.began) >= COOKIE_LIFE
            || is_idle && now.saturating_duration_since(*self.login.used.lock()) >= COOKIE_IDLE
    }
}

/// Whether a session of the account goes on with it as it is now.
fn is_same(old: &Arc<User>, new: &Arc<User>) -> bool {
    Arc::ptr_eq(old, new) || consequence(old, Some(new)) == Consequence::TakenOver
}

fn forget_oldest<K: Copy + Eq + std::hash::Hash, V>(map: &mut HashMap<K, V>, used: impl Fn(&V) -> Instant) {
    if map.len() >= MAX_REMEMBERED
        && let Some(oldest) = map.iter().min_by_key(|(_, value)| used(value)).map(|(key, _)| *key)
    {
        map.remove(&oldest);
    }
}

fn random() -> io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::auth::user::Terms;
    use crate::auth::users::Users;
    use crate::fs::root::Links;
    use crate::fs::upload::UploadPolicy;

    const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const HOUR: Duration = Duration::from_secs(3600);
    const SECOND: Duration = Duration::from_secs(1);
    const CONDITIONS: Conditions = Conditions {
        links: Links::Inside,
        uploads: UploadPolicy { atomic: true, durable: false, max_age: HOUR },
        max_upload: None,
        max_download: None,
    };

    struct Scene {
        accounts: Arc<Accounts>,
        logins: Logins,
        now: Instant,
    }

    impl Scene {
        fn new() -> Self {
            let text = "[bob]\npassword = secret\nperm = elr\nhome = home\n";
            let users = Users::parse(Path::new("/user.ini"), text, Terms::default()).ok().unwrap();
            Self { accounts: users.accounts(), logins: Logins::new().unwrap(), now: Instant::now() }
        }

        fn bob(&self) -> Arc<User> {
            Arc::clone(self.accounts.find(b"bob").unwrap())
        }

        fn begin(&self) -> CookieToken {
            self.logins.begin(self.bob(), &CONDITIONS, self.now).unwrap().0
        }

        fn holds(&self, token: &CookieToken, after: Duration) -> bool {
            self.logins.of_cookie(token, &self.accounts, FROM, self.now + after).is_some()
        }
    }

    #[test]
    fn a_cookie_ends_after_an_hour_without_a_request_and_after_twelve_with_some() {
        let scene = Scene::new();
        let idle = scene.begin();
        assert!(scene.holds(&idle, HOUR - SECOND) && !scene.holds(&idle, 2 * HOUR - SECOND));
        assert!(!scene.holds(&idle, HOUR), "over is over");
        let busy = scene.begin();
        let half_hours = 1..24;
        assert!(half_hours.into_iter().all(|half_hour| scene.holds(&busy, half_hour * HOUR / 2)));
        assert!(!scene.holds(&busy, COOKIE_LIFE));
        assert!(!scene.holds(&[0; 32], Duration::ZERO));
    }

    #[test]
    fn a_right_password_is_remembered_for_a_while_and_for_its_address() {
        let scene = Scene::new();
        let of = |user: &str, password: &str| UserPass::new(user.as_bytes(), password.as_bytes()).unwrap();
        let (login, is_new) = scene.logins.of_address(scene.bob(), FROM, &CONDITIONS);
        assert!(is_new);
        scene.logins.remember(&of("bob", "secret"), FROM, &login, scene.now);
        let knows = |asked: &UserPass, from, after| {
            scene.logins.of_password(asked, &scene.accounts, from, scene.now + after).is_some()
        };
        assert!(knows(&of("bob", "secret"), FROM, PASSWORD_LIFE - SECOND));
        assert!(!knows(&of("bob", "wrong"), FROM, SECOND) && !knows(&of("bobs", "ecret"), FROM, SECOND));
        assert!(!knows(&of("bob", "secret"), "192.0.2.1".parse().unwrap(), SECOND));
        assert!(!knows(&of("bob", "secret"), FROM, PASSWORD_LIFE));
    }

    #[test]
    fn all_of_an_account_ends_and_what_nobody_uses_is_counted() {
        let scene = Scene::new();
        let (idle, used) = (scene.begin(), scene.begin());
        let _connection = scene.logins.of_cookie(&used, &scene.accounts, FROM, scene.now);
        assert_eq!((scene.logins.end_all_of("eve"), scene.logins.end_all_of("bob")), (0, 1));
        assert!(!scene.holds(&idle, SECOND) && !scene.holds(&used, SECOND));
    }
}
