//! What the kernel's jail knows of a tree: the folders that were there when it was made.

use std::sync::atomic::Ordering;

use rustix::fd::AsFd;

use super::{Area, Tree};
use crate::auth::perm::{Perm, Perms};

impl Tree {
    /// The folders that the jail has a rule for, with the letters there: each mount, and the folder of each rule. One that
    /// narrows, or says nothing of letters, needs it where a bind mount shows it below letters of another section.
    pub fn jailed_folders(&self) -> impl Iterator<Item = (impl AsFd + '_, Perms)> {
        self.areas.iter().filter_map(|section| {
            let folder = self.root_of(section)?.handle_of(&self.place_of(section)).ok();
            if folder.is_none() {
                section.is_late.store(true, Ordering::Relaxed);
                self.jail_lacks.store(true, Ordering::Relaxed);
            }
            Some((folder?, section.perms))
        })
    }

    /// Whether the jail lacks a letter of a section, as it was made before the section's folder.
    pub fn came_late(&self, area: &Area, perm: Perm) -> bool {
        let grants = |area: &Area| !area.is_late.load(Ordering::Relaxed) && area.perms.has(perm);
        self.jail_lacks.load(Ordering::Relaxed)
            && !self.areas_above(area).take_while(|above| above.mount == area.mount).any(grants)
    }
}
