//! Parses rules as iptables-save and ip6tables-save print them.

use std::collections::BTreeMap;
use std::slice;

use ipnet::IpNet;

use super::rule::{Condition, Rule, Target, Test, network};
use super::table::{Chain, Family, Table, Tool};

/// Chains at which packets for this machine enter.
const ENTERED: &[&str] = &["PREROUTING", "INPUT"];
/// Modules that test nothing themselves, or whose options are known here.
const KNOWN: &[&str] = &["tcp", "multiport", "conntrack", "state", "comment", "addrtype", "iprange"];
/// Modules that match some clients, or at some moments.
const SOMETIMES: &[&str] =
    &["limit", "hashlimit", "recent", "connlimit", "connbytes", "geoip", "mac", "set", "statistic", "time"];

/// All tables in the program's output, except the one that only translates addresses.
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

/// The names of the tables that nft lists as well, because iptables is built on it on this machine.
pub fn shared_with_nft(text: &str) -> impl Iterator<Item = &str> {
    let by_nft = text.lines().next().is_some_and(|line| line.contains("(nf_tables)"));
    text.lines().filter(move |_| by_nft).filter_map(|line| line.strip_prefix('*'))
}

/// `INPUT DROP [0:0]`; chains that are only jumped to have `-` for a policy.
fn add_chain(table: &mut Table, line: &str) {
    let mut words = line.split(' ');
    let Some(name) = words.next() else { return };
    let policy = words.next().and_then(Target::named).filter(|_| ENTERED.contains(&name));
    table.chains.insert(name.to_owned(), Chain { policy, rules: Vec::new() });
}

/// `INPUT -p tcp -m tcp --dport 22 -j ACCEPT`; all chains were declared before.
fn add_rule(table: &mut Table, line: &str) {
    let words = words(line);
    let Some((chain, words)) = words.split_first() else { return };
    let options = Options { words: words.iter(), unknown_module: false };
    let rule = options.rule(|name| table.chains.contains_key(name));
    if let (Some(rule), Some(chain)) = (rule, table.chains.get_mut(chain)) {
        chain.rules.push(rule);
    }
}

/// The options of one rule, read from left to right.
struct Options<'a> {
    words: slice::Iter<'a, String>,
    /// Whether the last module named is not known here: its options ask nothing more.
    unknown_module: bool,
}

impl<'a> Options<'a> {
    /// `None` if the packet goes on to the next rule in any case.
    fn rule(mut self, is_chain: impl Fn(&str) -> bool) -> Option<Rule> {
        let mut conditions = Vec::new();
        let mut negated = false;
        while let Some(word) = self.words.next() {
            match word.as_str() {
                "-j" => {
                    let name = self.value();
                    let jump = is_chain(name).then(|| Target::Jump(name.to_owned()));
                    return Some(Rule { conditions, target: jump.or_else(|| Target::named(name))? });
                }
                "-g" => return Some(Rule { conditions, target: Target::Goto(self.value().to_owned()) }),
                option => conditions.extend(self.test(option).map(|test| Condition { test, negated })),
            }
            negated = word == "!";
        }
        None
    }

    fn test(&mut self, option: &str) -> Option<Test> {
        Some(match option {
            "-p" => Test::protocol(&[self.value()]),
            "-i" => Test::Interface(vec![self.value().to_owned()]),
            "-d" => self.value().parse::<IpNet>().map_or(Test::Unknown, |net| Test::To(vec![network(net)])),
            "--dport" | "--dports" => ports(self.value()),
            "--ctstate" | "--state" => Test::Known(self.lists("NEW")),
            "--dst-type" => Test::Known(self.lists("LOCAL")),
            "--tcp-flags" => Test::Known(self.opens()),
            "-s" | "--src-range" => {
                self.value();
                Test::Sometimes
            }
            "--comment" => {
                self.value();
                return None;
            }
            "-m" => self.module()?,
            option if option.starts_with('-') && !self.unknown_module => Test::Unknown,
            _ => return None,
        })
    }

    /// The test that a module as a whole stands for.
    fn module(&mut self) -> Option<Test> {
        let module = self.value();
        self.unknown_module = !KNOWN.contains(&module);
        let sometimes = SOMETIMES.contains(&module);
        self.unknown_module.then_some(if sometimes { Test::Sometimes } else { Test::Unknown })
    }

    fn value(&mut self) -> &'a str {
        self.words.next().map_or("", String::as_str)
    }

    /// Whether the value, a list, contains this item.
    fn lists(&mut self, item: &str) -> bool {
        self.value().split(',').any(|listed| listed == item)
    }

    /// Whether flags that are tested and flags that must be set fit the first packet of a connection, which has SYN alone.
    fn opens(&mut self) -> bool {
        let expected = if self.lists("SYN") { "SYN" } else { "NONE" };
        self.value() == expected
    }
}

/// `22`, `8300:8500`, `21,8300:8500`.
fn ports(list: &str) -> Test {
    let range = |part: &str| {
        let (start, end) = part.split_once(':').unwrap_or((part, part));
        Some(start.parse().ok()?..=end.parse().ok()?)
    };
    Test::with(Test::Port, list.split(',').map(range))
}

/// The words of a line; quotes keep blanks in a word.
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
    use super::super::closed_chains;
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

    /// What happens at 10.0.0.5, ports 21 and 8300-8303, with these rules before the policy.
    fn found(rules: &str) -> Vec<String> {
        let text = SAVED.replace("RULES", rules);
        closed_chains(tables(&text, Family::V4), "10.0.0.5", &[21, 8300, 8301, 8302, 8303])
    }

    fn drops(ports: &str, options: &str) -> String {
        format!("iptables: chain INPUT of filter drops {ports}: iptables -I INPUT -p tcp {options} -j ACCEPT")
    }

    fn doubts(ports: &str, options: &str) -> String {
        format!("iptables: chain INPUT of filter doubts {ports}: iptables -I INPUT -p tcp {options} -j ACCEPT")
    }

    #[test]
    fn ports_that_no_rule_accepts_are_dropped() {
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
    fn every_base_chain_counts_and_is_opened_by_the_program_that_made_it() {
        let closed = |tables| closed_chains(tables, "10.0.0.5", &[8300, 8301, 8302, 8303]);
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
        for (text, command) in cases {
            let closed = closed(tables(text, Family::V4));
            assert_eq!(closed.is_empty(), command.is_empty(), "{closed:?}");
            assert!(closed.iter().all(|line| line.ends_with(command)), "{closed:?}");
        }
        assert!(closed(tables("*filter\n:INPUT DROP\n", Family::V6)).is_empty(), "the other family");
    }

    #[test]
    fn tables_are_shared_with_nft_only_if_iptables_is_built_on_it() {
        assert_eq!(shared_with_nft(SAVED).collect::<Vec<_>>(), ["filter"]);
        assert_eq!(shared_with_nft(&SAVED.replace("nf_tables", "legacy")).count(), 0);
    }
}
