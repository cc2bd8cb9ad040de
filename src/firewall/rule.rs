//! A rule: its conditions on a packet that opens a TCP connection, and where it sends the packet.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnet::IpNet;

use super::Connection;

/// A rule that decides something.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// It applies if all of these hold.
    pub conditions: Vec<Condition>,
    /// What it does with the packet.
    pub target: Target,
}

/// What a rule does with a packet.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Lets it in.
    Accept,
    /// Drops or rejects it.
    Drop,
    /// Sends it back to the chain that jumped here.
    Return,
    /// Sends it through another chain, which may send it back.
    Jump(String),
    /// Sends it through another chain for good.
    Goto(String),
    /// Leaves it to another program.
    Unknown,
}

/// A test, or its opposite.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// What is tested.
    pub test: Test,
    /// Whether the test must fail.
    pub negated: bool,
}

/// What a rule tests in a packet that opens a TCP connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// The same for all such packets: protocol, state, flags.
    Known(bool),
    /// The port it goes to.
    Port(Vec<RangeInclusive<u16>>),
    /// The address it goes to.
    To(Vec<RangeInclusive<IpAddr>>),
    /// The interface it comes in by.
    Interface(Vec<String>),
    /// True for some clients or at some moments: source addresses, rates.
    Sometimes,
    /// Something this module does not understand.
    Unknown,
}

/// Whether a condition holds, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It does not.
    No,
    /// Nobody can tell.
    Maybe,
    /// It does.
    Yes,
}

impl Rule {
    /// Whether the rule applies to the first packet of a connection.
    pub fn applies(&self, connection: Connection) -> Certainty {
        // A rule that turns some clients away concerns these alone: all others pass it.
        let some = |condition: &Condition| condition.test == Test::Sometimes && !condition.negated;
        if self.target == Target::Drop && self.conditions.iter().any(some) {
            return Certainty::No;
        }
        self.conditions.iter().map(|condition| condition.holds(connection)).min().unwrap_or(Certainty::Yes)
    }
}

impl Target {
    /// The target of iptables with this name; `None` if the packet goes on to the next rule.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "ACCEPT" => Some(Target::Accept),
            "DROP" | "REJECT" => Some(Target::Drop),
            "RETURN" => Some(Target::Return),
            "NFQUEUE" | "QUEUE" | "SYNPROXY" | "TARPIT" => Some(Target::Unknown),
            _ => None,
        }
    }
}

impl Condition {
    fn holds(&self, connection: Connection) -> Certainty {
        match self.test.answer(connection) {
            Certainty::Yes if self.negated => Certainty::No,
            Certainty::No if self.negated => Certainty::Yes,
            answer => answer,
        }
    }
}

impl From<Test> for Condition {
    fn from(test: Test) -> Self {
        Self { test, negated: false }
    }
}

impl Test {
    /// Whether the protocol is one of these, by name or number.
    pub fn protocol(names: &[&str]) -> Self {
        Test::Known(names.iter().any(|name| ["tcp", "6"].contains(name)))
    }

    /// This test with these ranges; `None` among them is one that can't be read.
    pub fn with<T>(test: fn(Vec<T>) -> Test, ranges: impl Iterator<Item = Option<T>>) -> Self {
        ranges.collect::<Option<_>>().map_or(Test::Unknown, test)
    }

    fn answer(&self, connection: Connection) -> Certainty {
        match self {
            Test::Known(known) => Certainty::from(*known),
            Test::Port(ranges) => ranges.iter().any(|range| range.contains(&connection.port)).into(),
            Test::To(ranges) => ranges.iter().any(|range| range.contains(&connection.ip)).into(),
            Test::Interface(names) => comes_by(names, connection.ip),
            Test::Sometimes | Test::Unknown => Certainty::Maybe,
        }
    }
}

impl From<bool> for Certainty {
    fn from(known: bool) -> Self {
        if known { Certainty::Yes } else { Certainty::No }
    }
}

/// Whether a packet for this address comes in by one of these interfaces: only loopback is known.
fn comes_by(interfaces: &[String], ip: IpAddr) -> Certainty {
    let loopback = interfaces.iter().any(|name| name == "lo");
    match (ip.is_loopback(), interfaces.len()) {
        (true, _) => loopback.into(),
        (false, 1) if loopback => Certainty::No,
        (false, _) => Certainty::Maybe,
    }
}

/// All addresses of a network.
pub fn network(net: IpNet) -> RangeInclusive<IpAddr> {
    net.network()..=net.broadcast()
}
