//! Tables of chains, and the way of a packet through them.

use std::collections::BTreeMap;
use std::mem;
use std::net::IpAddr;

use super::rule::{Certainty, Rule, Target};
use super::{BaseChain, Connection, PortSet, Verdict};

/// The kernel allows no more jumps in a row.
const MAX_DEPTH: usize = 16;

/// A table, as one of the programs prints it.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The program that printed it.
    pub tool: Tool,
    /// Its own name, for example `filter`.
    pub name: String,
    /// The addresses it applies to.
    pub family: Family,
    /// Its chains by name.
    pub chains: BTreeMap<String, Chain>,
}

/// A program that makes rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tool {
    /// nftables.
    Nft,
    /// iptables and ip6tables.
    Iptables,
}

/// The kind of addresses that a table applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
    /// IPv4 and IPv6.
    Both,
}

/// A chain of rules.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chain {
    /// What happens to a packet that no rule decides about; `None` for a chain that is only jumped to.
    pub policy: Option<Target>,
    /// Its rules, in order.
    pub rules: Vec<Rule>,
}

/// All that may happen to a packet in a chain.
#[derive(Clone, Copy, Default)]
struct Fates {
    accepted: bool,
    dropped: bool,
    /// Back to the chain that jumped here.
    returned: bool,
}

impl BaseChain<'_> {
    /// The ports of the connections with this verdict.
    pub fn ports(&self, connections: &[Connection], verdict: Verdict) -> PortSet {
        let decided = connections.iter().filter(|connection| self.verdict(**connection) == verdict);
        decided.map(|connection| connection.port).collect()
    }

    /// What this chain does with a connection.
    fn verdict(&self, connection: Connection) -> Verdict {
        if !self.table.family.contains(connection.ip) {
            return Verdict::Accepted;
        }
        let policy = self.table.chains.get(self.name).and_then(|chain| chain.policy.as_ref());
        let mut fates = self.table.walk(self.name, connection, 0);
        if mem::take(&mut fates.returned) {
            fates.add(if policy == Some(&Target::Accept) { Fates::ACCEPTED } else { Fates::DROPPED });
        }
        match fates {
            Fates { dropped: false, .. } => Verdict::Accepted,
            Fates { accepted: false, .. } => Verdict::Dropped,
            Fates { .. } => Verdict::Doubtful,
        }
    }
}

impl Table {
    /// The names of the chains at which packets for this machine enter.
    pub fn base_chains(&self) -> impl Iterator<Item = &str> {
        self.chains.iter().filter(|(_, chain)| chain.policy.is_some()).map(|(name, _)| name.as_str())
    }

    fn walk(&self, chain: &str, connection: Connection, depth: usize) -> Fates {
        let Some(chain) = self.chains.get(chain).filter(|_| depth <= MAX_DEPTH) else { return Fates::UNKNOWN };
        let mut fates = Fates::default();
        for rule in &chain.rules {
            let certainty = rule.applies(connection);
            if certainty == Certainty::No {
                continue;
            }
            let mut next = self.follow(&rule.target, connection, depth);
            let comes_back = matches!(rule.target, Target::Jump(_)) && mem::take(&mut next.returned);
            fates.add(next);
            if certainty == Certainty::Yes && !comes_back {
                return fates;
            }
        }
        fates.add(Fates::RETURNED);
        fates
    }

    fn follow(&self, target: &Target, connection: Connection, depth: usize) -> Fates {
        match target {
            Target::Accept => Fates::ACCEPTED,
            Target::Drop => Fates::DROPPED,
            Target::Return => Fates::RETURNED,
            Target::Unknown => Fates::UNKNOWN,
            Target::Jump(chain) | Target::Goto(chain) => self.walk(chain, connection, depth + 1),
        }
    }
}

impl Family {
    /// The family of an nft table; `None` if IP packets for this machine do not pass it.
    pub fn named(name: &str) -> Option<Self> {
        [Family::V4, Family::V6, Family::Both].into_iter().find(|family| family.name() == name)
    }

    /// Its name in nft.
    pub fn name(self) -> &'static str {
        match self {
            Family::V4 => "ip",
            Family::V6 => "ip6",
            Family::Both => "inet",
        }
    }

    fn contains(self, ip: IpAddr) -> bool {
        match self {
            Family::V4 => ip.is_ipv4(),
            Family::V6 => ip.is_ipv6(),
            Family::Both => true,
        }
    }
}

impl Fates {
    const ACCEPTED: Self = Self { accepted: true, dropped: false, returned: false };
    const DROPPED: Self = Self { accepted: false, dropped: true, returned: false };
    const RETURNED: Self = Self { accepted: false, dropped: false, returned: true };
    const UNKNOWN: Self = Self { accepted: true, dropped: true, returned: false };

    fn add(&mut self, other: Self) {
        self.accepted |= other.accepted;
        self.dropped |= other.dropped;
        self.returned |= other.returned;
    }
}
