//! What the firewall rules of this machine mean for clients, in words.

use crate::commands::finding;
use crate::firewall::{Connection, Firewall, PortSet, Verdict};
use crate::ini::Finding;

/// The chains that keep some of these connections out, each with the command that opens it. The port of the web is told by its
/// key, as people may not know it.
pub fn findings(firewall: &Firewall, connections: &[Connection], web_port: Option<u16>) -> Vec<Finding> {
    let named = |ports: &PortSet| match web_port.filter(|port| ports.contains(*port)) {
        Some(port) => format!("TCP {ports} ({port} is web_port)"),
        None => format!("TCP {ports}"),
    };
    let mut findings = Vec::new();
    for chain in firewall.base_chains() {
        let (closed, doubtful) =
            (chain.ports(connections, Verdict::Dropped), chain.ports(connections, Verdict::Doubtful));
        if !closed.is_empty() {
            findings.push(finding::wrong(format!("{chain} drops {}: {}", named(&closed), chain.opening(&closed))));
        }
        if !doubtful.is_empty() {
            findings.push(finding::note(format!(
                "{chain} lets only some connections to {} in; to let in all: {}",
                named(&doubtful),
                chain.opening(&doubtful)
            )));
        }
    }
    if !firewall.unreadable().is_empty() {
        let reasons = firewall.unreadable().join("; ");
        findings.push(finding::note(format!("not all firewall rules can be read, try it as root: {reasons}")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closed_and_doubtful_ports_are_told_apart() {
        let rules = "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT\n\
                     -A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 8300 -j ACCEPT\nCOMMIT\n";
        let ip = "10.0.0.5".parse().unwrap();
        let connections = [21, 8300, 8301, 8080].map(|port| Connection { ip, port });
        let findings = findings(&Firewall::of_iptables(rules), &connections, Some(8080));
        let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
        let expected = [
            "iptables: chain INPUT of filter drops TCP 8080, 8301 (8080 is web_port): iptables -I INPUT -p tcp -m multiport \
             --dports 8080,8301 -j ACCEPT",
            "note: iptables: chain INPUT of filter lets only some connections to TCP 8300 in; to let in all: \
             iptables -I INPUT -p tcp --dport 8300 -j ACCEPT",
        ];
        assert_eq!(lines, expected);
    }
}
