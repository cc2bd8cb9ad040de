//! Which passive port a client gets next: one at random among those that it used longest ago.

use std::collections::VecDeque;

/// What one client's address does with the ports of one local address.
#[derive(Debug, Default)]
pub struct Turns {
    /// Where its connections are waited for.
    waiting: Vec<u16>,
    /// Used lately, the one used longest ago first.
    recent: VecDeque<u16>,
}

/// The most ports that count as used lately: after as many others, an old connection is too late to be met by chance.
const MAX_RECENT: usize = 64;

impl Turns {
    /// Whether no session of this client waits.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many ports wait for this client.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Whether the client neither waits there nor has used it lately.
    pub fn is_fresh(&self, port: u16) -> bool {
        !self.waiting.contains(&port) && !self.recent.contains(&port)
    }

    /// Ports to be used again if there is no fresh one, the one used longest ago first.
    pub fn recent(&self) -> impl Iterator<Item = u16> {
        self.recent.iter().copied()
    }

    /// A session begins to wait.
    pub fn begin(&mut self, port: u16) {
        self.recent.retain(|&recent| recent != port);
        self.waiting.push(port);
    }

    /// It no longer waits. Half of the ports (`all` is their number) stay fresh.
    pub fn end(&mut self, port: u16, all: usize) {
        self.waiting.retain(|&waiting| waiting != port);
        self.recent.push_back(port);
        while self.recent.len() > MAX_RECENT.min(all / 2) {
            self.recent.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_fresh_again_after_half_of_the_range() {
        let mut turns = Turns::default();
        for port in 0..3 {
            turns.begin(port);
            assert!(!turns.is_fresh(port) && !turns.is_idle());
            turns.end(port, 6);
            assert!(!turns.is_fresh(port) && turns.is_idle());
        }
        turns.begin(3);
        turns.end(3, 6);
        assert!(turns.is_fresh(0) && !turns.is_fresh(1));
        assert!(turns.recent().eq([1, 2, 3]));
        turns.begin(2);
        assert!(turns.recent().eq([1, 3]));
    }

    #[test]
    fn a_range_of_one_port_is_always_fresh() {
        let mut turns = Turns::default();
        turns.begin(0);
        turns.end(0, 1);
        assert!(turns.is_fresh(0));
    }
}
