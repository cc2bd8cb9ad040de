//! Whether a firewall of this machine keeps clients out: its rules, walked for one new TCP connection after another.
//!
//! [`nft`] and [`iptables`] make the rules from text, [`programs`] has that text printed. What a rule asks and this file
//! can't answer makes the result doubtful, never wrong.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use crate::commands::finding::Finding;
use crate::commands::ports::Ports;

mod iptables;
mod nft;
mod programs;

pub use programs::tables;

/// A table of chains.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Who printed it.
    tool: Tool,
    /// Its own name, as `filter`.
    name: String,
    /// The addresses it is asked about.
    family: Family,
    chains: BTreeMap<String, Chain>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tool {
    Nft,
    Iptables,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
    Both,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Chain {
    /// What becomes of a packet that no rule decides about, where packets for this machine enter here; `None` for a
    /// chain that is only jumped to.
    policy: Option<Verdict>,
    rules: Vec<Rule>,
}

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    conditions: Vec<Condition>,
    verdict: Verdict,
}

#[derive(Clone, Debug, PartialEq)]
enum Verdict {
    Accept,
    /// Or reject.
    Drop,
    Return,
    Jump(String),
    Goto(String),
    /// A program of its own decides.
    Unknown,
}

#[derive(Clone, Debug, PartialEq)]
struct Condition {
    test: Test,
    negated: bool,
}

/// What a rule asks about a packet that opens a TCP connection.
#[derive(Clone, Debug, PartialEq)]
enum Test {
    /// All such packets are alike in this: protocol, state, flags.
    Known(bool),
    /// The port it goes to.
    Port(Vec<RangeInclusive<u16>>),
    /// The address it goes to.
    To(Vec<RangeInclusive<IpAddr>>),
    /// The interface it comes in by.
    Interface(Vec<String>),
    /// True for some clients or at some moments: addresses they come from, rates.
    Sometimes,
    Unknown,
}

/// A place that clients connect to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Door {
    /// An address of this machine.
    pub ip: IpAddr,
    /// Ports there.
    pub ports: Vec<RangeInclusive<u16>>,
}

#[derive(Clone, Copy)]
struct Packet {
    to: IpAddr,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    No,
    Maybe,
    Yes,
}

/// What may become of a packet in a chain.
#[derive(Clone, Copy, Default)]
struct Fate {
    accepted: bool,
    dropped: bool,
    /// Back to the chain that jumped here.
    returned: bool,
}

/// The kernel allows no more jumps in a row.
const DEEPEST: usize = 16;

/// The chains that keep clients away from these doors, each with the command that opens it.
pub fn findings(tables: &[Table], doors: &[Door]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for table in tables {
        for (name, policy) in table.chains.iter().filter_map(|(name, chain)| Some((name, chain.policy.as_ref()?))) {
            let (mut closed, mut doubtful) = (Ports::default(), Ports::default());
            for packet in doors.iter().flat_map(Door::packets).filter(|packet| table.family.holds(packet.to)) {
                let mut fate = table.walk(name, packet, 0);
                fate.accepted |= fate.returned && *policy == Verdict::Accept;
                fate.dropped |= fate.returned && *policy != Verdict::Accept;
                match fate {
                    Fate { dropped: false, .. } => {}
                    Fate { accepted: false, .. } => closed.insert(packet.port),
                    Fate { .. } => doubtful.insert(packet.port),
                }
            }
            if !closed.is_empty() {
                findings.push(Finding::Wrong(format!(
                    "{} drops TCP {closed}: {}",
                    table.place(name),
                    table.mend(name, &closed)
                )));
            }
            if !doubtful.is_empty() {
                findings.push(Finding::Note(format!(
                    "{} lets only some connections to TCP {doubtful} in; to let in all: {}",
                    table.place(name),
                    table.mend(name, &doubtful)
                )));
            }
        }
    }
    findings
}

impl Door {
    fn packets(&self) -> impl Iterator<Item = Packet> {
        self.ports.iter().cloned().flatten().map(|port| Packet { to: self.ip, port })
    }
}

impl Family {
    fn holds(self, ip: IpAddr) -> bool {
        match self {
            Family::V4 => ip.is_ipv4(),
            Family::V6 => ip.is_ipv6(),
            Family::Both => true,
        }
    }
}

impl Table {
    fn walk(&self, chain: &str, packet: Packet, depth: usize) -> Fate {
        let Some(chain) = self.chains.get(chain).filter(|_| depth <= DEEPEST) else { return Fate::unknown() };
        let mut fate = Fate::default();
        for rule in &chain.rules {
            let certainty = rule.applies(packet);
            if certainty == Certainty::No {
                continue;
            }
            let (next, goes_on) = match &rule.verdict {
                Verdict::Accept => (Fate { accepted: true, ..Fate::default() }, false),
                Verdict::Drop => (Fate { dropped: true, ..Fate::default() }, false),
                Verdict::Return => (Fate { returned: true, ..Fate::default() }, false),
                Verdict::Unknown => (Fate::unknown(), false),
                Verdict::Goto(target) => (self.walk(target, packet, depth + 1), false),
                Verdict::Jump(target) => {
                    let there = self.walk(target, packet, depth + 1);
                    (Fate { returned: false, ..there }, there.returned)
                }
            };
            fate.add(next);
            if certainty == Certainty::Yes && !goes_on {
                return fate;
            }
        }
        fate.add(Fate { returned: true, ..Fate::default() });
        fate
    }

    fn place(&self, chain: &str) -> String {
        match (self.tool, self.family) {
            (Tool::Nft, family) => format!("nft: chain {} {} {chain}", family.name(), self.name),
            (Tool::Iptables, Family::V6) => format!("ip6tables: chain {chain} of {}", self.name),
            (Tool::Iptables, _) => format!("iptables: chain {chain} of {}", self.name),
        }
    }

    /// The command that lets these ports in, in the words of whoever wrote the rules.
    fn mend(&self, chain: &str, ports: &Ports) -> String {
        let several = ports.ranges().len() > 1;
        match self.tool {
            Tool::Nft if self.name == "firewalld" => {
                let add = |range| format!(" --add-port={range}/tcp");
                let added: String = ports.written("-", ",").split(',').map(add).collect();
                format!("firewall-cmd --permanent{added} && firewall-cmd --reload")
            }
            Tool::Nft => {
                let set = if several { format!("{{ {ports} }}") } else { ports.to_string() };
                // At the beginning: a rule at the end would come behind the one that drops.
                format!("nft 'insert rule {} {} {chain} tcp dport {set} accept'", self.family.name(), self.name)
            }
            Tool::Iptables if self.chains.keys().any(|chain| chain.starts_with("ufw")) => {
                format!("ufw allow {}/tcp", ports.written(":", ","))
            }
            Tool::Iptables => {
                let program = if self.family == Family::V6 { "ip6tables" } else { "iptables" };
                let table = if self.name == "filter" { String::new() } else { format!(" -t {}", self.name) };
                let option = if several { "-m multiport --dports" } else { "--dport" };
                format!("{program}{table} -I {chain} -p tcp {option} {} -j ACCEPT", ports.written(":", ","))
            }
        }
    }
}

impl Family {
    /// As nft calls it.
    fn name(self) -> &'static str {
        match self {
            Family::V4 => "ip",
            Family::V6 => "ip6",
            Family::Both => "inet",
        }
    }
}

impl Rule {
    fn applies(&self, packet: Packet) -> Certainty {
        // A rule that turns some clients away is about these alone: the door stays open for the others.
        let some = |condition: &Condition| condition.test == Test::Sometimes && !condition.negated;
        if self.verdict == Verdict::Drop && self.conditions.iter().any(some) {
            return Certainty::No;
        }
        self.conditions.iter().map(|condition| condition.holds(packet)).min().unwrap_or(Certainty::Yes)
    }
}

impl Condition {
    fn is(test: Test) -> Self {
        Self { test, negated: false }
    }

    fn holds(&self, packet: Packet) -> Certainty {
        let answer = match &self.test {
            Test::Known(known) => Certainty::from(*known),
            Test::Port(ranges) => ranges.iter().any(|range| range.contains(&packet.port)).into(),
            Test::To(ranges) => ranges.iter().any(|range| range.contains(&packet.to)).into(),
            Test::Interface(names) => {
                let loopback = names.iter().any(|name| name == "lo");
                match (packet.to.is_loopback(), names.len()) {
                    (true, _) => loopback.into(),
                    (false, 1) if loopback => Certainty::No,
                    (false, _) => Certainty::Maybe,
                }
            }
            Test::Sometimes | Test::Unknown => Certainty::Maybe,
        };
        match answer {
            Certainty::Yes if self.negated => Certainty::No,
            Certainty::No if self.negated => Certainty::Yes,
            answer => answer,
        }
    }
}

impl From<bool> for Certainty {
    fn from(known: bool) -> Self {
        if known { Certainty::Yes } else { Certainty::No }
    }
}

impl Fate {
    fn unknown() -> Self {
        Fate { accepted: true, dropped: true, returned: false }
    }

    fn add(&mut self, other: Fate) {
        self.accepted |= other.accepted;
        self.dropped |= other.dropped;
        self.returned |= other.returned;
    }
}

/// Whether a protocol is TCP, by name or number.
fn is_tcp(protocol: &str) -> bool {
    ["tcp", "6"].contains(&protocol)
}

/// What a target of iptables does with a packet; `None` where the packet goes on to the next rule.
fn target(name: &str) -> Option<Verdict> {
    match name {
        "ACCEPT" => Some(Verdict::Accept),
        "DROP" | "REJECT" => Some(Verdict::Drop),
        "RETURN" => Some(Verdict::Return),
        "NFQUEUE" | "QUEUE" | "SYNPROXY" | "TARPIT" => Some(Verdict::Unknown),
        _ => None,
    }
}

/// All addresses of a network.
fn network(net: IpNet) -> RangeInclusive<IpAddr> {
    net.network()..=net.broadcast()
}
