//! The command that opens ports, in the syntax of the program that made the rules.

use super::PortSet;
use super::table::{Family, Table, Tool};

/// The command that lets connections to these ports pass a base chain of this table.
pub fn command(table: &Table, chain: &str, ports: &PortSet) -> String {
    match table.tool {
        Tool::Nft if table.name == "firewalld" => firewalld(ports),
        Tool::Nft => nft(table, chain, ports),
        Tool::Iptables if table.chains.keys().any(|chain| chain.starts_with("ufw")) => {
            format!("ufw allow {}/tcp", ports.written(":", ","))
        }
        Tool::Iptables => iptables(table, chain, ports),
    }
}

fn firewalld(ports: &PortSet) -> String {
    let add = |range| format!(" --add-port={range}/tcp");
    let added: String = ports.written("-", ",").split(',').map(add).collect();
    format!("firewall-cmd --permanent{added} && firewall-cmd --reload")
}

fn nft(table: &Table, chain: &str, ports: &PortSet) -> String {
    let set = if ports.is_one_range() { ports.to_string() } else { format!("{{ {ports} }}") };
    // At the beginning: at the end, a rule would come after the one that drops.
    format!("nft 'insert rule {} {} {chain} tcp dport {set} accept'", table.family.name(), table.name)
}

fn iptables(table: &Table, chain: &str, ports: &PortSet) -> String {
    let program = if table.family == Family::V6 { "ip6tables" } else { "iptables" };
    let table = if table.name == "filter" { String::new() } else { format!(" -t {}", table.name) };
    let option = if ports.is_one_range() { "--dport" } else { "-m multiport --dports" };
    format!("{program}{table} -I {chain} -p tcp {option} {} -j ACCEPT", ports.written(":", ","))
}
