//! The section `[anonymous]`: logins without an account.

use std::path::PathBuf;

use crate::auth::perm::Perms;
use crate::auth::user::Guest;
use crate::ini::Section;

/// The section `[anonymous]`.
#[derive(Clone, Debug, PartialEq)]
pub struct AnonymousSection {
    /// Whether the names `anonymous` and `ftp` may log in; only with an `anonymous_path`.
    pub enable_anonymous: bool,
    /// Their home.
    pub anonymous_path: Option<PathBuf>,
    /// Their letters.
    pub anonymous_perm: Perms,
}

impl AnonymousSection {
    pub(super) fn read(section: &mut Section) -> AnonymousSection {
        let anonymous = AnonymousSection {
            enable_anonymous: section.take("enable_anonymous"),
            anonymous_path: section.take("anonymous_path"),
            anonymous_perm: section.take("anonymous_perm"),
        };
        if anonymous.enable_anonymous && anonymous.anonymous_path.is_none() {
            section.refuse("enable_anonymous", "needs an anonymous_path");
        }
        anonymous
    }

    /// The account that anonymous clients share, if it is enabled.
    pub fn account(&self) -> Option<Guest> {
        let home = self.anonymous_path.clone().filter(|_| self.enable_anonymous)?;
        Some(Guest { home, perms: self.anonymous_perm })
    }
}
