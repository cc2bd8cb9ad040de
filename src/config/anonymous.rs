//! The section `[anonymous]`: logins without an account.

use std::path::PathBuf;

use crate::auth::user::Guest;
use crate::ini::Section;

/// The account that anonymous clients share, if they may log in.
pub(super) fn read(section: &mut Section) -> Option<Guest> {
    let enabled = section.take("enable_anonymous");
    let home: Option<PathBuf> = section.take("anonymous_path");
    let perms = section.take("anonymous_perm");
    if enabled && home.is_none() {
        section.refuse("enable_anonymous", "needs an anonymous_path");
    }
    let sources = section.sources().renamed("anonymous_perm", "perm").renamed("anonymous_path", "home");
    home.filter(|_| enabled).map(|home| Guest { home, perms, sources })
}
