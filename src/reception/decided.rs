//! What decided that an act is denied, in the words of the log. The client is told less.

use std::io::{self, ErrorKind};

use crate::config::Config;
use crate::fs::quota;
use crate::protocol::path::VirtualPath;
use crate::share::Share;
use crate::share::denied::Denied;
use crate::share::obstacle::Need;

/// What decided; `None` if what the client is told says all.
pub fn denied_by(
    share: &Share,
    config: &Config,
    denied: &Denied,
    path: Option<&VirtualPath>,
    need: Need,
) -> Option<String> {
    let user = share.user_now();
    match denied {
        Denied::HoldsHidden => Some(share.line(path, "hide")),
        denied if denied.is_hidden() => Some(share.line(path, "hide")),
        Denied::Letter(perm) => Some(share.lacks(path, *perm)),
        Denied::Home => Some(user.source("home").to_string()),
        Denied::RefusedName => Some(share.line(path, "refuse")),
        Denied::Fixed => Some("a folder of the account's tree".to_owned()),
        Denied::Wider => Some("the letters there are more than here".to_owned()),
        Denied::Late => Some(format!(
            "{}: the folder came after the login, and the jail has no rule for it",
            share.line(path, "perm")
        )),
        Denied::ControlBytes | Denied::ServersOwn | Denied::HiddenName => None,
        Denied::AfterTheEnd | Denied::Pending(_) => None,
        Denied::Occupied(lacking) => Some(match lacking {
            Some(perm) => share.lacks(path, *perm),
            None => "file system: it is there already".to_owned(),
        }),
        Denied::File(error) if quota::is_over(error) => share.full_quota(path, error),
        Denied::File(error) if denied.is_busy() => Some(format!("another session or server writes it: {error}")),
        Denied::File(error) if share.is_kept_from_links(error) => {
            Some(config.source("transfer", "follow_symlinks").to_string())
        }
        Denied::File(error) if leads_outside(error) => Some(format!("{}: a link leads out of it", user.source("home"))),
        Denied::File(error) => Some(match path.and_then(|path| share.obstacle(path, need, error)) {
            Some(obstacle) => format!("file system: {obstacle}"),
            None => format!("file system: {error}"),
        }),
    }
}

/// The error of a link that is inside and leads out.
fn leads_outside(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied && error.raw_os_error().is_none()
}
