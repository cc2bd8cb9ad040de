//! One account, and how it stands in user.ini.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use ipnet::IpNet;

use crate::auth::hash::StoredPassword;
use crate::auth::perm::Perms;
use crate::ini::{Section, Value, word};
use crate::protocol::content::Conversion;
use crate::sys::access;
use crate::sys::person::Person;

/// One account.
#[derive(Debug)]
pub struct User {
    /// The name as the client sends it; `anonymous` for that account.
    pub name: String,
    /// What the account may do.
    pub perms: Perms,
    /// The folder that is `/` for it; it need not exist.
    pub home: PathBuf,
    /// Sessions of this account at once.
    pub max_cons: Option<usize>,
    /// Bytes per second from client to server, for all its sessions together.
    pub max_upload: Option<u64>,
    /// Bytes per second from server to client, for all its sessions together.
    pub max_download: Option<u64>,
    /// Networks it may log in from; none listed: from anywhere.
    pub allow_from: Vec<IpNet>,
    /// Text of the 230 reply.
    pub msg_login: Option<String>,
    /// Text of the 221 reply.
    pub msg_quit: Option<String>,
    /// Whose line ends are converted under TYPE A, where that is not as for other accounts.
    pub ascii_conversion: Option<Conversion>,
    /// Whether its uploads count once they ended in good order, although the control connection went at the same moment.
    pub hasty: bool,
    /// Whether this is the account without a password.
    pub anonymous: bool,
    /// As whom its sessions meet the file system; else as the server's user.
    pub system_user: Option<Person>,
    /// What its password is compared with; none for `anonymous`.
    pub(super) password: Option<StoredPassword>,
    /// Where its home is written, as `user.ini:14`.
    pub(super) home_place: String,
}

/// The account that anonymous users share.
#[derive(Clone, Debug, PartialEq)]
pub struct Guest {
    /// Their home.
    pub home: PathBuf,
    /// What they may do.
    pub perms: Perms,
}

/// What the settings allow user.ini to hold.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Terms {
    /// The account of those without one.
    pub anonymous: Option<Guest>,
    /// The server becomes another user than root, so no session can become a third one.
    pub gives_up_root: bool,
}

impl User {
    /// Reads an account's section; `None` where a key that is needed is missing or wrong, which the section tells.
    pub(super) fn read(section: &mut Section, name: &str, terms: &Terms) -> Option<User> {
        if terms.anonymous.is_some() && is_anonymous(name.as_bytes()) {
            section.refuse("", format!("the account '{name}' is hidden by enable_anonymous = on"));
        }
        let needed = (section.need("password"), section.need("perm"), section.need("home"));
        let allow_from = section.take("allow_from", Vec::new());
        let max_cons = section.take("max_cons", None);
        let max_upload = section.take("max_upload", None);
        let max_download = section.take("max_download", None);
        let msg_login = section.take("msg_login", Literal(None)).0;
        let msg_quit = section.take("msg_quit", Literal(None)).0;
        let ascii_conversion = section.take("ascii_conversion", Literal(None)).0;
        let hasty = section.take("hasty", false);
        let system_user = system_user(section, terms);
        let (Some(password), Some(perms), Some(home)) = needed else { return None };
        Some(User {
            name: name.to_owned(),
            perms,
            home,
            max_cons,
            max_upload,
            max_download,
            allow_from,
            msg_login,
            msg_quit,
            ascii_conversion,
            hasty,
            anonymous: false,
            system_user,
            password: Some(password),
            home_place: section.place("home"),
        })
    }

    /// The account without a password.
    pub(super) fn anonymous(anonymous: &Guest) -> User {
        User {
            name: "anonymous".to_owned(),
            perms: anonymous.perms,
            home: anonymous.home.clone(),
            max_cons: None,
            max_upload: None,
            max_download: None,
            allow_from: Vec::new(),
            msg_login: None,
            msg_quit: None,
            ascii_conversion: None,
            hasty: false,
            anonymous: true,
            system_user: None,
            password: None,
            home_place: "anonymous_path".to_owned(),
        }
    }

    /// True where it may log in from this address.
    pub(super) fn admits(&self, from: IpAddr) -> bool {
        let from = from.to_canonical();
        self.allow_from.is_empty() || self.allow_from.iter().any(|net| net.contains(&from))
    }
}

/// A session can become somebody only in a server that is root and stays it.
fn system_user(section: &mut Section, terms: &Terms) -> Option<Person> {
    let person = section.take("system_user", None);
    let reason = match () {
        () if person.is_none() => return None,
        () if terms.gives_up_root => "goes only without `user` in ftpd.conf, which gives up root",
        () if access::user_id() != 0 => "needs a server that runs as root",
        () => return person,
    };
    section.refuse("system_user", reason);
    None
}

/// A value of which `off` and `0` mean themselves, not its absence.
struct Literal<T>(Option<T>);

impl<T: Value> Value for Literal<T> {
    fn parse(text: &str, folder: &Path) -> Result<Literal<T>, String> {
        T::parse(text, folder).map(|value| Literal(Some(value)))
    }
}

impl Value for Person {
    fn parse(text: &str, _: &Path) -> Result<Person, String> {
        Person::find(text, None)
    }
}

impl Value for Conversion {
    fn parse(text: &str, _: &Path) -> Result<Conversion, String> {
        word(text, &[("auto", Conversion::Auto), ("on", Conversion::On), ("off", Conversion::Off)])
    }
}

/// Whether a name means the account without a password.
pub(super) fn is_anonymous(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"anonymous") || name.eq_ignore_ascii_case(b"ftp")
}
