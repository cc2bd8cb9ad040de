//! The command that opens ports, in the syntax of the program that made the rules.

use super::table::{Family, Tool};
use super::{BaseChain, PortSet};

impl BaseChain<'_> {
    /// The command that lets connections to these ports pass this chain.
    pub fn opening(&self, ports: &PortSet) -> String {
        match self.table.tool {
            Tool::Nft if self.table.name == "firewalld" => firewalld(ports),
            Tool::Nft => self.nft(ports),
            Tool::Iptables if self.table.chains.keys().any(|chain| chain.starts_with("ufw")) => {
                format!("ufw allow {}/tcp", ports.written(":", ","))
            }
            Tool::Iptables => self.iptables(ports),
        }
    }

    fn nft(&self, ports: &PortSet) -> String {
        let Self { table, name } = self;
        let set = if ports.is_one_range() { ports.to_string() } else { format!("{{ {ports} }}") };
        // At the beginning: at the end, a rule would come after the one that drops.
        format!("nft 'insert rule {} {} {name} tcp dport {set} accept'", table.family.name(), table.name)
    }

    fn iptables(&self, ports: &PortSet) -> String {
        let program = if self.table.family == Family::V6 { "ip6tables" } else { "iptables" };
        let table = if self.table.name == "filter" { String::new() } else { format!(" -t {}", self.table.name) };
        let option = if ports.is_one_range() { "--dport" } else { "-m multiport --dports" };
        format!("{program}{table} -I {} -p tcp {option} {} -j ACCEPT", self.name, ports.written(":", ","))
    }
}

fn firewalld(ports: &PortSet) -> String {
    let add = |range| format!(" --add-port={range}/tcp");
    let added: String = ports.written("-", ",").split(',').map(add).collect();
    format!("firewall-cmd --permanent{added} && firewall-cmd --reload")
}
