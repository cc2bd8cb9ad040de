//! How many sessions there may be at once: one shared map of counters, whose places are given back by Drop.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

/// What places are counted for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Counted {
    /// All sessions of the server.
    Server,
    /// The sessions from one address.
    Address(IpAddr),
    /// The sessions of one account.
    Account(String),
}

/// The counters; a key that nobody holds takes no memory.
#[derive(Debug, Default)]
pub struct Limits(Mutex<HashMap<Counted, usize>>);

/// A place that is taken until it is dropped.
#[derive(Debug)]
pub struct Ticket {
    limits: Arc<Limits>,
    key: Counted,
}

/// The limit that was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Full {
    /// What is full.
    pub key: Counted,
    /// Its limit.
    pub max: usize,
}

impl Limits {
    /// Takes a place if fewer than `max` are taken; `None` is no limit.
    pub fn take(self: &Arc<Self>, key: Counted, max: Option<usize>) -> Result<Ticket, Full> {
        let mut counts = self.0.lock();
        let taken = counts.get(&key).copied().unwrap_or(0);
        if let Some(max) = max.filter(|&max| taken >= max) {
            return Err(Full { key, max });
        }
        counts.insert(key.clone(), taken + 1);
        drop(counts);
        Ok(Ticket { limits: Arc::clone(self), key })
    }

    /// How many places are taken.
    pub fn taken(&self, key: &Counted) -> usize {
        self.0.lock().get(key).copied().unwrap_or(0)
    }
}

impl Ticket {
    /// Whether it is a place of this kind.
    pub fn is_for(&self, key: &Counted) -> bool {
        self.key == *key
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut counts = self.limits.0.lock();
        match counts.get_mut(&self.key) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(counts.remove(&self.key)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_last_place_is_given_once_and_comes_back() {
        let limits = Arc::new(Limits::default());
        let one = limits.take(Counted::Server, Some(2));
        let two = limits.take(Counted::Server, Some(2));
        assert!(one.is_ok() && two.is_ok());
        assert_eq!(limits.take(Counted::Server, Some(2)).map(drop), Err(Full { key: Counted::Server, max: 2 }));
        drop(one);
        assert!(limits.take(Counted::Server, Some(2)).is_ok());
        drop(two);
        assert!(limits.0.lock().is_empty());
    }

    proptest! {
        #[test]
        fn live_tickets_are_what_is_counted(steps in proptest::collection::vec((any::<bool>(), 0u8..4), 0..60)) {
            let limits = Arc::new(Limits::default());
            let key = |account: u8| Counted::Account(account.to_string());
            let mut live: Vec<(u8, Ticket)> = Vec::new();
            for (enter, account) in steps {
                if enter {
                    live.extend(limits.take(key(account), Some(3)).map(|ticket| (account, ticket)));
                } else if let Some(index) = live.iter().position(|(of, _)| *of == account) {
                    live.swap_remove(index);
                }
                for account in 0..4 {
                    let expected = live.iter().filter(|(of, _)| *of == account).count();
                    prop_assert_eq!(limits.taken(&key(account)), expected);
                    prop_assert!(expected <= 3);
                }
            }
        }
    }
}
