//! Rules as iptables-save and ip6tables-save print them.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::{Chain, Condition, Family, Rule, Table, Test, Tool, Verdict};

/// Chains in which packets for this machine come by.
const ENTRIES: &[&str] = &["PREROUTING", "INPUT"];
/// Modules that ask nothing themselves, or whose questions are answered here.
const KNOWN: &[&str] = &["tcp", "multiport", "conntrack", "state", "comment", "addrtype", "iprange"];
/// Modules that match some clients, or at some moments.
const SOMETIMES: &[&str] =
    &["limit", "hashlimit", "recent", "connlimit", "connbytes", "geoip", "mac", "set", "statistic", "time"];

/// The tables in such an output, less the one that only translates addresses.
pub fn tables(text: &str, family: Family) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('*') {
            tables.push(Table { tool: Tool::Iptables, name: name.to_owned(), family, chains: BTreeMap::new() });
        }
        let Some(table) = tables.last_mut() else { continue };
        if let Some(chain) = line.strip_prefix(':') {
            add_chain(table, chain);
        } else if let Some(rule) = line.strip_prefix("-A ") {
            add_rule(table, rule);
        }
    }
    tables.retain(|table| table.name != "nat");
    tables
}

/// The names of the tables that nft lists, too, because iptables works by it on this machine.
pub fn shared_with_nft(text: &str) -> impl Iterator<Item = &str> {
    let by_nft = text.lines().next().is_some_and(|line| line.contains("(nf_tables)"));
    text.lines().filter(move |_| by_nft).filter_map(|line| line.strip_prefix('*'))
}

/// `INPUT DROP [0:0]`; chains that are only jumped to have `-` for a policy.
fn add_chain(table: &mut Table, line: &str) {
    let mut words = line.split(' ');
    let Some(name) = words.next() else { return };
    let policy = words.next().and_then(super::target).filter(|_| ENTRIES.contains(&name));
    table.chains.insert(name.to_owned(), Chain { policy, rules: Vec::new() });
}

/// `INPUT -p tcp -m tcp --dport 22 -j ACCEPT`; all chains were declared before.
fn add_rule(table: &mut Table, line: &str) {
    let words = words(line);
    let Some((chain, words)) = words.split_first() else { return };
    let rule = rule(words, |name| table.chains.contains_key(name));
    if let (Some(rule), Some(chain)) = (rule, table.chains.get_mut(chain)) {
        chain.rules.push(rule);
    }
}

/// `None` where packets go on in any case.
fn rule(words: &[String], is_chain: impl Fn(&str) -> bool) -> Option<Rule> {
    let mut conditions = Vec::new();
    let (mut negated, mut judged) = (false, false);
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_default();
        let test = match word {
            "!" => None,
            "-j" => {
                let name = value();
                let jump = is_chain(name).then(|| Verdict::Jump(name.to_owned()));
                return Some(Rule { conditions, verdict: jump.or_else(|| super::target(name))? });
            }
            "-g" => return Some(Rule { conditions, verdict: Verdict::Goto(value().to_owned()) }),
            "-m" => {
                let module = value();
                judged = !KNOWN.contains(&module);
                judged.then_some(if SOMETIMES.contains(&module) { Test::Sometimes } else { Test::Unknown })
            }
            "-p" => Some(Test::Known(super::is_tcp(value()))),
            "-i" => Some(Test::Interface(vec![value().to_owned()])),
            "-d" => Some(value().parse::<IpNet>().map_or(Test::Unknown, |net| Test::To(vec![super::network(net)]))),
            "-s" | "--src-range" => {
                value();
                Some(Test::Sometimes)
            }
            "--dport" | "--dports" => Some(ports(value())),
            "--ctstate" | "--state" => Some(Test::Known(value().split(',').any(|state| state == "NEW"))),
            "--dst-type" => Some(Test::Known(value().split(',').any(|kind| kind == "LOCAL"))),
            "--tcp-flags" => Some(opens(value(), value())),
            "--comment" => {
                value();
                None
            }
            // The module it belongs to was judged as a whole.
            option if option.starts_with('-') && !judged => Some(Test::Unknown),
            _ => None,
        };
        conditions.extend(test.map(|test| Condition { test, negated }));
        negated = word == "!";
    }
    None
}

/// `22`, `8300:8500`, `21,8300:8500`.
fn ports(list: &str) -> Test {
    let range = |part: &str| {
        let (start, end) = part.split_once(':').unwrap_or((part, part));
        Some(start.parse().ok()?..=end.parse().ok()?)
    };
    list.split(',').map(range).collect::<Option<_>>().map_or(Test::Unknown, Test::Port)
}

/// Of all flags, the first packet of a connection has SYN alone.
fn opens(looked_at: &str, set: &str) -> Test {
    let expected = if looked_at.split(',').any(|flag| flag == "SYN") { "SYN" } else { "NONE" };
    Test::Known(set == expected)
}

/// Words between blanks; quotes hold one together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let (mut quoted, mut escaped) = (false, false);
    for character in line.chars() {
        match character {
            '\\' if quoted && !escaped => {
                escaped = true;
                continue;
            }
            '"' if !escaped => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().into_iter().for_each(|word| word.push(other)),
        }
        escaped = false;
    }
    words
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::super::{Door, findings};
    use super::*;

    /// What iptables-save prints in an empty namespace after the commands of an administrator.
    const SAVED: &str = r#"# Generated by iptables-save v1.8.9 (nf_tables) on Tue Nov 24 00:11:18 2026
*filter
:INPUT DROP [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:f2b - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A INPUT -p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN -m state --state NEW -j DROP
-A INPUT -p tcp -m tcp --dport 22 -m comment --comment "let -j \"DROP\" in" -j ACCEPT
RULES
-A f2b -s 1.2.3.4/32 -j REJECT --reject-with icmp-port-unreachable
-A f2b -j RETURN
COMMIT
# Completed on Tue Nov 24 00:11:18 2026
"#;

    /// What is found at 10.0.0.5, ports 21 and 8300-8303, with these rules before the policy.
    fn found(rules: &str) -> Vec<String> {
        let text = SAVED.replace("RULES", rules);
        let doors = [Door { ip: IpAddr::from([10, 0, 0, 5]), ports: vec![21..=21, 8300..=8303] }];
        findings(&tables(&text, Family::V4), &doors).iter().map(ToString::to_string).collect()
    }

    fn drops(ports: &str, mend: &str) -> String {
        format!("iptables: chain INPUT of filter drops TCP {ports}: iptables -I INPUT -p tcp {mend} -j ACCEPT")
    }

    fn doubts(ports: &str, mend: &str) -> String {
        format!(
            "note: iptables: chain INPUT of filter lets only some connections to TCP {ports} in; to let in all: \
             iptables -I INPUT -p tcp {mend} -j ACCEPT"
        )
    }

    #[test]
    fn ports_that_no_rule_accepts_are_told() {
        let all = "-m multiport --dports 21,8300:8303";
        let cases = [
            ("", vec![drops("21, 8300-8303", all)]),
            ("-A INPUT -p tcp -m multiport --dports 21,8300:8303 -j ACCEPT", vec![]),
            ("-A INPUT -p tcp -m tcp --dport 21 -j ACCEPT", vec![drops("8300-8303", "--dport 8300:8303")]),
            ("-A INPUT -p tcp -m tcp ! --dport 8301:65535 -j ACCEPT", vec![drops("8301-8303", "--dport 8301:8303")]),
            ("-A INPUT -p udp -m udp --dport 1:65535 -j ACCEPT", vec![drops("21, 8300-8303", all)]),
            ("-A INPUT -d 10.0.0.0/8 -p tcp -j ACCEPT", vec![]),
            ("-A INPUT ! -d 10.0.0.0/8 -p tcp -j ACCEPT", vec![drops("21, 8300-8303", all)]),
            ("-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT", vec![]),
            ("-A INPUT -j LOG --log-prefix \"[UFW BLOCK] \"\n-A INPUT -j ACCEPT", vec![]),
            ("-A INPUT -s 10.0.0.0/8 -j ACCEPT", vec![doubts("21, 8300-8303", all)]),
            ("-A INPUT -i eth0 -j ACCEPT", vec![doubts("21, 8300-8303", all)]),
            ("-A INPUT -p tcp -m limit --limit 5/sec -j ACCEPT", vec![doubts("21, 8300-8303", all)]),
            ("-A INPUT -p tcp -m oracle --says yes -j ACCEPT", vec![doubts("21, 8300-8303", all)]),
            ("-A INPUT -p tcp -m tcp --sport 5 -j ACCEPT", vec![doubts("21, 8300-8303", all)]),
        ];
        for (rules, expected) in cases {
            assert_eq!(found(rules), expected, "{rules}");
        }
    }

    #[test]
    fn other_chains_are_followed_and_come_back() {
        let cases = [
            ("-A INPUT -p tcp -m multiport --dports 21 -j f2b\n-A INPUT -p tcp -j ACCEPT", true),
            ("-A INPUT -j f2b\n-A INPUT -p tcp -j ACCEPT", true),
            ("-A INPUT -g f2b\n-A INPUT -p tcp -j ACCEPT", false),
            ("-A INPUT -s 1.2.3.4/32 -j DROP\n-A INPUT -p tcp -j ACCEPT", true),
            ("-A INPUT -j REJECT --reject-with icmp-host-prohibited\n-A INPUT -p tcp -j ACCEPT", false),
        ];
        for (rules, open) in cases {
            assert_eq!(found(rules).is_empty(), open, "{rules}: {:?}", found(rules));
        }
    }

    #[test]
    fn every_way_in_counts_and_the_mend_is_the_owners() {
        let door = [Door { ip: IpAddr::from([10, 0, 0, 5]), ports: vec![8300..=8303] }];
        let cases = [
            (
                "*raw\n:PREROUTING ACCEPT\n-A PREROUTING -p tcp -m tcp --dport 8301 -j DROP\n",
                "iptables -t raw -I PREROUTING -p tcp --dport 8301 -j ACCEPT",
            ),
            ("*nat\n:PREROUTING DROP\n", ""),
            ("*filter\n:FORWARD DROP\n:INPUT ACCEPT\n", ""),
            (
                "*filter\n:INPUT DROP\n:ufw-user-input -\n-A INPUT -j ufw-user-input\n-A ufw-user-input -p tcp --dport 8300 -j ACCEPT\n",
                "ufw allow 8301:8303/tcp",
            ),
        ];
        for (text, mend) in cases {
            let found = findings(&tables(text, Family::V4), &door);
            assert_eq!(found.is_empty(), mend.is_empty(), "{found:?}");
            assert!(found.iter().all(|finding| finding.to_string().ends_with(mend)), "{found:?}");
        }
        assert!(findings(&tables("*filter\n:INPUT DROP\n", Family::V6), &door).is_empty(), "the other family");
    }

    #[test]
    fn tables_are_shared_with_nft_only_where_iptables_works_by_it() {
        assert_eq!(shared_with_nft(SAVED).collect::<Vec<_>>(), ["filter"]);
        assert_eq!(shared_with_nft(&SAVED.replace("nf_tables", "legacy")).count(), 0);
    }
}
