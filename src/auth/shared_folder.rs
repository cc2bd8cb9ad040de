//! A folder that the command line shares, without any file, and the account that it makes for it: `ftpd DIR`.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use crate::auth::admission::Admission;
use crate::auth::hash::StoredPassword;
use crate::auth::made_up::made_up;
use crate::auth::perm::Perms;
use crate::auth::user::{Guest, KEYS, User, is_anonymous};
use crate::ini::{Source, Sources};
use crate::sys::meta::Meta;
use crate::sys::route::Route;

/// What `ftpd DIR` shares, and with whom.
#[derive(Clone, Debug)]
pub struct SharedFolder {
    /// The folder, absolute and without links.
    pub path: PathBuf,
    /// Whether clients may also change it.
    pub is_writable: bool,
    /// Whether anonymous clients may come from the whole Internet.
    pub is_public: bool,
    /// Whether names that begin with a dot exist for clients.
    pub shows_hidden: bool,
    /// Who may log in; without one, anonymous.
    pub member: Option<Member>,
}

/// The only account that may log in.
#[derive(Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Its password, which may be a hash.
    password: String,
    /// Whether nobody knows the password yet.
    is_made_up: bool,
}

/// What does not exist for clients.
const DOT_NAMES: &str = ".*";
const READING: &str = "elr";
const EVERYTHING: &str = "elradfmwMT";

impl SharedFolder {
    /// What clients may do, as `perm` in user.ini has it.
    pub fn letters(&self) -> &'static str {
        if self.is_writable { EVERYTHING } else { READING }
    }

    /// The account that the folder is for.
    pub(super) fn user(&self) -> User {
        let perms: Perms = self.letters().parse().expect("the letters of the table");
        let hide = (!self.shows_hidden).then(|| Arc::new(DOT_NAMES.parse().expect("a pattern")));
        let guest = User::anonymous(&Guest { home: self.path.clone(), perms, hide, sources: self.sources() });
        match &self.member {
            None if self.is_public => guest,
            None => User { admission: Admission::LocalNetworks, ..guest },
            Some(member) => User { name: member.name.clone(), password: Some(member.stored()), ..guest },
        }
    }

    fn sources(&self) -> Sources {
        let written = [
            ("home", format!("ftpd {}", self.path.display())),
            ("perm", format!("shared {} --write", if self.is_writable { "with" } else { "without" })),
            ("hide", "shared without --hidden".to_owned()),
            ("password", "--user".to_owned()),
            ("allow_from", "shared without --public".to_owned()),
        ];
        Sources::new(KEYS, written.map(|(key, words)| (key, Source::command_line(words))).into())
    }

    /// Whether a path, which need not exist, leads through the folder.
    pub fn holds(&self, path: &Path) -> bool {
        let (Ok(own), Ok(route)) = (Meta::of(&self.path), Route::to(path)) else { return true };
        route.folders().iter().any(|station| station.meta.id == own.id)
    }
}

impl Member {
    /// The password, if it was made up and so has to be told.
    pub fn made_up_password(&self) -> Option<&str> {
        self.is_made_up.then_some(self.password.as_str())
    }

    fn stored(&self) -> StoredPassword {
        StoredPassword::parse(&self.password).expect("it was parsed when the member was made")
    }
}

/// Reads `NAME:PASSWORD`, or `NAME` and makes up a password; the error does not contain one.
impl FromStr for Member {
    type Err = String;

    fn from_str(text: &str) -> Result<Member, String> {
        let (name, password) = text.split_once(':').map_or((text, None), |(name, password)| (name, Some(password)));
        match name {
            "" => return Err("it has no name: write --user NAME or --user NAME:PASSWORD".to_owned()),
            name if is_anonymous(name.as_bytes()) => {
                return Err("anonymous needs no account: leave out --user".to_owned());
            }
            name if name.chars().any(char::is_control) => return Err("the name has a control character".to_owned()),
            _ => {}
        }
        let (password, is_made_up) = match password {
            Some(password) => (password.to_owned(), false),
            None => (made_up()?, true),
        };
        StoredPassword::parse(&password).map_err(|mistake| mistake.reason)?;
        Ok(Member { name: name.to_owned(), password, is_made_up })
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:***", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shared(member: Option<&str>) -> SharedFolder {
        SharedFolder {
            path: "/srv/share".into(),
            is_writable: false,
            is_public: false,
            shows_hidden: false,
            member: member.map(|text| text.parse().expect("a member")),
        }
    }

    #[test]
    fn without_a_member_it_is_for_anonymous_clients_of_the_local_network() {
        let user = shared(None).user();
        assert!(user.is_anonymous() && user.admission == Admission::LocalNetworks);
        assert_eq!(user.perms.to_string(), "elr");
        assert_eq!(user.source("perm").to_string(), "shared without --write");
        assert_eq!(SharedFolder { is_public: true, ..shared(None) }.user().admission, Admission::Everywhere);
        let writable = SharedFolder { is_writable: true, ..shared(None) };
        assert_eq!(writable.user().perms.to_string(), "elradfmwMT");
    }

    #[test]
    fn dot_names_exist_on_request_alone() {
        for member in [None, Some("bob:secret")] {
            let user = shared(member).user();
            assert!(user.hidden_names().is_some_and(|hide| hide.hides(b".x") && !hide.hides(b"x")));
            assert_eq!(user.source("hide").to_string(), "shared without --hidden");
            assert!(SharedFolder { shows_hidden: true, ..shared(member) }.user().hidden_names().is_none());
        }
    }

    #[test]
    fn a_member_has_a_name_and_perhaps_a_password() {
        for (text, name, password) in
            [("bob:secret", "bob", "secret"), ("bob:a:b c", "bob", "a:b c"), ("Bob Smith:x", "Bob Smith", "x")]
        {
            let member: Member = text.parse().expect(text);
            assert_eq!((member.name.as_str(), member.stored().plain()), (name, Some(password)));
            assert_eq!(member.made_up_password(), None);
            assert!(!format!("{member:?}").contains("secret"));
        }
        let [one, other] = ["bob", "bob"].map(|text| text.parse::<Member>().expect("a member"));
        assert!(one.made_up_password().is_some_and(|password| password.len() == 12));
        assert_ne!(one.made_up_password(), other.made_up_password());
        for text in ["", ":secret", "bob:", "anonymous", "FTP:x", "a\nb", "bob:$1$abc"] {
            let refused = text.parse::<Member>();
            assert!(refused.is_err_and(|reason| !reason.contains("secret") && !reason.contains("abc")), "{text}");
        }
    }

    #[test]
    fn what_lies_below_it_or_behind_a_link_into_it_is_held() {
        let outside = tempfile::tempdir().expect("a folder");
        let path = outside.path().canonicalize().expect("there").join("share");
        std::fs::create_dir(&path).expect("made");
        std::os::unix::fs::symlink(&path, outside.path().join("link")).expect("linked");
        let folder = SharedFolder { path, ..shared(None) };
        for (name, is_held) in [("share/a/b", true), ("link/a", true), ("share", false), ("other/a", false)] {
            assert_eq!(folder.holds(&outside.path().join(name)), is_held, "{name}");
        }
    }

    #[test]
    fn only_the_member_may_log_in() {
        let user = shared(Some("bob:secret")).user();
        assert!(!user.is_anonymous() && user.name == "bob" && user.plain_password() == Some("secret"));
        assert_eq!(user.admission, Admission::Everywhere);
    }
}
