//! What holds for a folder of a tree and all below it, up to the next section.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::auth::folders::FolderSection;
use crate::auth::perm::Perms;
use crate::auth::program::Program;
use crate::auth::user::User;
use crate::protocol::hidden::{HiddenNames, RefusedNames};
use crate::protocol::path::VirtualPath;

/// What holds for a folder and all below it, up to the next section.
pub struct Area {
    /// Where it is in the tree.
    pub path: VirtualPath,
    /// As it is in user.ini; `None` for the account's own.
    pub written: Option<Arc<FolderSection>>,
    /// The letters.
    pub perms: Perms,
    /// The letters that the jail grants there: its rights only add up downwards.
    pub jailed: Perms,
    /// The jail was made without its folder.
    pub(super) is_late: AtomicBool,
    pub(super) mount: usize,
    /// Bytes below its folder; each section counts for itself.
    pub(super) quota: Option<u64>,
    pub(super) hide: Option<Arc<HiddenNames>>,
    pub(super) refuse: Option<Arc<RefusedNames>>,
    /// The program that is told of uploads into its folders.
    pub on_upload: Option<Arc<Program>>,
}

impl Area {
    /// The account's own.
    pub(super) fn own(user: &User) -> Self {
        let keys = &user.keys;
        Self {
            path: VirtualPath::root(),
            written: None,
            perms: user.perms,
            jailed: user.perms,
            is_late: AtomicBool::new(false),
            mount: 0,
            quota: keys.quota,
            hide: keys.hide.get().cloned(),
            refuse: keys.refuse.get().cloned(),
            on_upload: keys.on_upload.get().cloned(),
        }
    }

    /// Whether a name in its folders does not exist for clients.
    pub fn hides(&self, name: &[u8]) -> bool {
        self.hide.as_ref().is_some_and(|hide| hide.hides(name))
    }

    /// Whether a name may not be given to anything in its folders.
    pub fn refuses(&self, name: &[u8]) -> bool {
        self.refuse.as_ref().is_some_and(|refuse| refuse.refuses(name))
    }

    /// The names that its folders hide.
    pub fn hidden_names(&self) -> Option<&Arc<HiddenNames>> {
        self.hide.as_ref()
    }
}
