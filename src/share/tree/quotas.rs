//! The quotas that hold for places in the tree.

use std::sync::Arc;

use super::{Area, Mount, Tree};
use crate::fs::quota::{Counter, OverQuota, QuotaChain, Quotas};
use crate::sys::meta::FileId;

impl Tree {
    /// The quotas that hold in an area: its own, and those above it within its mount. `None` if there is none.
    pub fn quota(&self, area: &Area, quotas: &Quotas) -> Option<QuotaChain> {
        let within = self.areas_above(area).take_while(|above| above.mount == area.mount);
        QuotaChain::of(within.filter_map(|above| Some((self.counter(above, quotas)?, above.quota?))))
    }

    /// The area whose quota is used up, of those that hold in this one.
    pub fn full<'t>(&'t self, area: &'t Area, over: OverQuota, quotas: &Quotas) -> Option<&'t Area> {
        let is_full = |above: &Area| {
            let is_of = |counter: Arc<Counter>| counter.is_of(over.folder);
            above.quota == Some(over.most) && self.counter(above, quotas).is_some_and(is_of)
        };
        self.areas_above(area).take_while(|above| above.mount == area.mount).find(|above| is_full(above))
    }

    /// Sees to it that every folder with a quota is counted.
    pub fn count(&self, quotas: &Quotas) {
        self.areas.iter().for_each(|area| drop(self.counter(area, quotas)));
    }

    /// The counter of an area's folder as it is now; `None` if that is not there, or no quota is its own.
    fn counter(&self, area: &Area, quotas: &Quotas) -> Option<Arc<Counter>> {
        area.quota?;
        let (root, place) = (self.root_of(area)?, self.place_of(area));
        let folder = root.handle_of(&place).ok()?;
        let describe = || (root.real_path(&place), self.apart(&self.mounts[area.mount]));
        quotas.counter(&folder, describe).ok()
    }

    /// What may lie below folders of a mount and does not belong to it: other mounts, and what they cover.
    pub(super) fn apart(&self, mount: &Mount) -> Vec<FileId> {
        let own = mount.root.as_ref().map(|root| root.id());
        let others = self.mounts.iter().filter_map(|mount| mount.root.as_ref()).map(|root| root.id());
        others.filter(|id| Some(*id) != own).chain(self.covered(mount).unwrap_or_default()).collect()
    }
}
