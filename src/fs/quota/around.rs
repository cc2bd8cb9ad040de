//! Which counters a place belongs to: those of the folders on its way up to `/`, whichever account they were made for. So what
//! one account writes below the folder of another is counted there.

use std::sync::Arc;

use super::{Counter, Limit, QuotaChain, Quotas};
use crate::fs::root::Root;
use crate::protocol::path::VirtualPath;
use crate::sys::meta::FileId;

/// How a home or mount lies to the counters.
#[derive(Debug)]
pub(super) struct Related {
    /// The home and the folders above it, up to `/`.
    way: Vec<FileId>,
    /// Those that lie on it.
    counters: Vec<Arc<Counter>>,
    /// Where a place lies in the home decides.
    depends: bool,
}

impl Quotas {
    /// The same limits, with the counters of others that a folder in a home or mount belongs to.
    pub fn complete(&self, own: Option<QuotaChain>, root: &Root, folder: &VirtualPath) -> Option<QuotaChain> {
        let Some(own) = own else { return self.around(root, folder) };
        let is_own = |counter: &Arc<Counter>| own.0.iter().any(|limit| Arc::ptr_eq(&limit.counter, counter));
        // Usually there are no others, and nothing is to be looked up.
        if self.related(root).is_none_or(|related| related.counters.iter().all(is_own)) {
            return Some(own);
        }
        Some(own.and(self.around(root, folder)))
    }

    /// The counters of a folder in a home or mount, without a limit; `None` if there are none.
    pub fn around(&self, root: &Root, folder: &VirtualPath) -> Option<QuotaChain> {
        let related = self.related(root)?;
        let below = if related.depends { root.way_down(folder).ok()? } else { vec![root.id()] };
        let way: Vec<FileId> = below.into_iter().rev().chain(related.way.iter().skip(1).copied()).collect();
        let holds = |counter: &&Arc<Counter>| {
            let depth = way.iter().position(|id| *id == counter.id);
            depth.is_some_and(|depth| !counter.has_apart(&way[..depth]))
        };
        let found: Vec<Limit> = related.counters.iter().filter(holds).map(Limit::none).collect();
        (!found.is_empty()).then_some(QuotaChain(found))
    }

    /// What is known of a home: it is found out again when there are more counters.
    fn related(&self, root: &Root) -> Option<Arc<Related>> {
        let counters: Vec<Arc<Counter>> = {
            let counters = self.counters.lock();
            if counters.is_empty() {
                return None;
            }
            let mut roots = self.related.lock();
            if roots.0 != counters.len() {
                roots.1.clear();
                roots.0 = counters.len();
            }
            match roots.1.get(&root.id()) {
                Some(known) if known.counters.is_empty() => return None,
                Some(known) => return Some(Arc::clone(known)),
                None => counters.values().cloned().collect(),
            }
        };
        // A disk that does not answer must not hold up others at the locks.
        let related = Arc::new(Related::of(root, &counters));
        let mut roots = self.related.lock();
        if roots.0 == counters.len() {
            roots.1.insert(root.id(), Arc::clone(&related));
        }
        drop(roots);
        (!related.counters.is_empty()).then_some(related)
    }

    /// Forgets how homes lie to folders: somebody may have moved them.
    pub fn look_again(&self) {
        self.related.lock().1.clear();
    }
}

impl Related {
    fn of(root: &Root, counters: &[Arc<Counter>]) -> Self {
        let (id, way) = (root.id(), root.handle().way_up());
        let is_below = |counter: &Counter| counter.id != id && counter.folder.way_up().contains(&id);
        let counters: Vec<Arc<Counter>> =
            counters.iter().filter(|counter| way.contains(&counter.id) || is_below(counter)).cloned().collect();
        let depends = counters.iter().any(|counter| !way.contains(&counter.id) || counter.has_any_apart());
        Self { way, counters, depends }
    }
}
