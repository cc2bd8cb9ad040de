//! Whether a firewall of this machine keeps connections out. Stands alone: it knows nothing of the rest of this crate.
//!
//! `programs` runs nft and iptables, which print their rules; `nft` and `iptables` parse them into the chains of
//! `table`, which `rule` follows for one new TCP connection at a time. `opening` writes the command that opens a chain.
//! A rule that this module does not understand makes the verdict [`Verdict::Doubtful`], never wrong.

use std::fmt;
use std::net::IpAddr;

mod iptables;
mod nft;
mod opening;
mod ports;
mod programs;
mod rule;
mod table;

pub use ports::PortSet;

use table::{Family, Table, Tool};

/// All firewall rules of this machine that can be read.
#[derive(Debug, Default)]
pub struct Firewall {
    tables: Vec<Table>,
    unreadable: Vec<String>,
}

/// A new TCP connection to this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The address it goes to.
    pub ip: IpAddr,
    /// The port it goes to.
    pub port: u16,
}

/// What a chain does with a connection, whichever client opens it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It comes in.
    Accepted,
    /// It is dropped or rejected.
    Dropped,
    /// It comes in from some clients, or at some moments, or nobody can tell.
    Doubtful,
}

/// A chain at which packets for this machine enter a table; prints with the name of its table and program.
#[derive(Clone, Copy, Debug)]
pub struct BaseChain<'a> {
    table: &'a Table,
    name: &'a str,
}

impl Firewall {
    /// The programs that failed to print their rules, each with the reason.
    pub fn unreadable(&self) -> &[String] {
        &self.unreadable
    }

    /// All chains that a connection to this machine has to pass.
    pub fn base_chains(&self) -> impl Iterator<Item = BaseChain<'_>> {
        self.tables.iter().flat_map(|table| table.base_chains().map(move |name| BaseChain { table, name }))
    }

    /// The IPv4 rules in an output of iptables-save.
    #[cfg(test)]
    pub fn of_iptables(text: &str) -> Self {
        Self { tables: iptables::tables(text, Family::V4), unreadable: Vec::new() }
    }
}

impl fmt::Display for BaseChain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table: Table { tool, name: table, family, .. }, name } = self;
        match (tool, family) {
            (Tool::Nft, family) => write!(f, "nft: chain {} {table} {name}", family.name()),
            (Tool::Iptables, Family::V6) => write!(f, "ip6tables: chain {name} of {table}"),
            (Tool::Iptables, _) => write!(f, "iptables: chain {name} of {table}"),
        }
    }
}

/// For tests: the chains that do not accept all these ports at these addresses, each with its verdict and the command
/// that opens it.
#[cfg(test)]
fn closed_chains(tables: Vec<Table>, ips: &str, ports: &[u16]) -> Vec<String> {
    let firewall = Firewall { tables, unreadable: Vec::new() };
    let ips = ips.split(' ').map(|ip| ip.parse().unwrap());
    let connections: Vec<_> = ips.flat_map(|ip| ports.iter().map(move |&port| Connection { ip, port })).collect();
    let mut lines = Vec::new();
    for chain in firewall.base_chains() {
        for (verdict, verb) in [(Verdict::Dropped, "drops"), (Verdict::Doubtful, "doubts")] {
            let ports = chain.ports(&connections, verdict);
            if !ports.is_empty() {
                lines.push(format!("{chain} {verb} {ports}: {}", chain.opening(&ports)));
            }
        }
    }
    lines
}
