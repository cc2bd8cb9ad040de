//! Accounts and hashes for the tests of this module.

use std::path::Path;

use crate::auth::user::{Guest, Terms, User};

/// A hash of `password`.
pub(super) const ARGON2: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
/// A hash of `U*U`.
pub(super) const BCRYPT: &str = "$2b$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

/// A section of user.ini, with `more` keys at its end.
pub(super) fn account(name: &str, password: &str, more: &str) -> String {
    format!("[{name}]\npassword = {password}\nperm = elr\nhome = .\n{more}\n")
}

/// Terms with this anonymous account.
pub(super) fn terms(anonymous: Option<Guest>) -> Terms {
    Terms { anonymous, ..Terms::default() }
}

/// An anonymous account.
pub(super) fn public() -> Option<Guest> {
    Some(Guest { home: "/pub".into(), perms: "elr".parse().unwrap(), hide: None, sources: Default::default() })
}

/// An account with these letters in this home.
pub(super) fn user(name: &str, perm: &str, home: &Path) -> User {
    let guest = Guest { home: home.to_owned(), perms: perm.parse().unwrap(), ..public().unwrap() };
    User { name: name.to_owned(), ..User::anonymous(&guest) }
}
