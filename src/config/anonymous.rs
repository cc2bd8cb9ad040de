//! The section `[anonymous]`: logins without an account.

use std::path::PathBuf;

use crate::auth::user::Guest;
use crate::ini::{Mistake, Section};

/// The account that anonymous clients share, if they may log in.
pub(super) fn read(section: &mut Section) -> Option<Guest> {
    let enabled = section.take("enable_anonymous");
    let home: Option<PathBuf> = section.take("anonymous_path");
    let perms = section.take("anonymous_perm");
    if enabled && home.is_none() {
        section.refuse_without("enable_anonymous", "anonymous_path", "needs an anonymous_path");
    }
    if !enabled && home.is_some() {
        let unused = Mistake::new("it is not used, as anonymous logins are off")
            .fix("write enable_anonymous = on to allow them");
        section.doubt("anonymous_path", unused);
    }
    let sources = section.sources().renamed("anonymous_perm", "perm").renamed("anonymous_path", "home");
    home.filter(|_| enabled).map(|home| Guest { home, perms, hide: None, sources })
}
