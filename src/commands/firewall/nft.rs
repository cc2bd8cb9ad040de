//! Rules as `nft -j list ruleset` prints them (libnftables-json(5)).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;
use serde_json::Value;

use super::{Chain, Condition, Family, Rule, Table, Test, Tool, Verdict};

/// Protocols beside TCP that a rule may look into, which makes it one for these packets alone.
const OTHER_PROTOCOLS: &[&str] =
    &["udp", "udplite", "icmp", "icmpv6", "igmp", "sctp", "dccp", "esp", "ah", "comp", "arp"];

/// Elements of named sets and maps, by table and name.
type Sets<'a> = BTreeMap<(&'a str, &'a str, &'a str), &'a [Value]>;

/// The tables in such an output that see packets for this machine.
///
/// # Errors
/// Says that it is no such output.
pub fn tables(text: &str) -> Result<Vec<Table>, String> {
    let root: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let objects = root["nftables"].as_array().ok_or("no list of rules")?;
    let of_kind =
        |kind: &'static str| objects.iter().map(move |object| &object[kind]).filter(|object| object.is_object());
    let mut sets = Sets::new();
    for set in of_kind("set").chain(of_kind("map")) {
        sets.insert(key(set, "name"), set["elem"].as_array().map_or(&[], Vec::as_slice));
    }
    let mut tables: BTreeMap<(&str, &str), Table> = BTreeMap::new();
    for chain in of_kind("chain") {
        let (family_name, name, chain_name) = key(chain, "name");
        let Some(family) = family(family_name) else { continue };
        let new = || Table { tool: Tool::Nft, name: name.to_owned(), family, chains: BTreeMap::new() };
        let table = tables.entry((family_name, name)).or_insert_with(new);
        table.chains.insert(chain_name.to_owned(), Chain { policy: policy(chain), rules: Vec::new() });
    }
    for rule in of_kind("rule") {
        let (family, name, chain) = key(rule, "chain");
        let Some(table) = tables.get_mut(&(family, name)) else { continue };
        let Some(chain) = table.chains.get_mut(chain) else { continue };
        let statements = rule["expr"].as_array().map_or(&[][..], Vec::as_slice);
        Reader { sets: &sets, family, table: name }.read(statements, &mut chain.rules);
    }
    Ok(tables.into_values().collect())
}

/// Family, table, and the name under `last`.
fn key<'a>(object: &'a Value, last: &str) -> (&'a str, &'a str, &'a str) {
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    (text("family"), text("table"), text(last))
}

fn family(name: &str) -> Option<Family> {
    match name {
        "ip" => Some(Family::V4),
        "ip6" => Some(Family::V6),
        "inet" => Some(Family::Both),
        _ => None,
    }
}

fn policy(chain: &Value) -> Option<Verdict> {
    let filters = chain["type"] == "filter" && (chain["hook"] == "input" || chain["hook"] == "prerouting");
    filters.then(|| if chain["policy"] == "drop" { Verdict::Drop } else { Verdict::Accept })
}

struct Reader<'a> {
    sets: &'a Sets<'a>,
    family: &'a str,
    table: &'a str,
}

impl Reader<'_> {
    /// Adds what one rule decides: a verdict map is a rule for each of its elements.
    fn read(&self, statements: &[Value], rules: &mut Vec<Rule>) {
        let mut conditions = Vec::new();
        for (kind, content) in statements.iter().filter_map(Value::as_object).flatten() {
            match kind.as_str() {
                "match" => conditions.extend(self.conditions(content)),
                "limit" | "quota" | "ct count" | "meter" => conditions.push(Condition::is(Test::Sometimes)),
                "set" if !content["stmt"].is_null() => conditions.push(Condition::is(Test::Sometimes)),
                "vmap" => self.read_map(content, &conditions, rules),
                "xt" if content["type"] == "match" && content["name"] != "comment" => {
                    conditions.push(Condition::is(Test::Unknown));
                }
                _ => {
                    if let Some(verdict) = verdict(kind, content) {
                        rules.push(Rule { conditions, verdict });
                        return;
                    }
                }
            }
        }
    }

    fn read_map(&self, map: &Value, before: &[Condition], rules: &mut Vec<Rule>) {
        let Some(pairs) = self.elements(&map["data"]) else {
            let conditions = [before, &[Condition::is(Test::Unknown)]].concat();
            return rules.push(Rule { conditions, verdict: Verdict::Unknown });
        };
        for pair in pairs {
            let decided = pair[1].as_object().and_then(|verdict_object| verdict_object.iter().next());
            if let Some(verdict) = decided.and_then(|(kind, content)| verdict(kind, content)) {
                let mut conditions = before.to_vec();
                conditions.extend(self.compared(&map["key"], "==", &pair[0]));
                rules.push(Rule { conditions, verdict });
            }
        }
    }

    fn conditions(&self, content: &Value) -> Vec<Condition> {
        self.compared(&content["left"], content["op"].as_str().unwrap_or_default(), &content["right"])
    }

    /// What the comparison asks, and what it takes for granted: the protocol and family it looks into.
    fn compared(&self, left: &Value, operator: &str, right: &Value) -> Vec<Condition> {
        let payload = if left["payload"].is_object() { &left["payload"] } else { &left["&"][0]["payload"] };
        let mut conditions = match payload["protocol"].as_str() {
            Some("ip") => vec![Condition::is(Test::To(vec![everywhere("ip")]))],
            Some("ip6") => vec![Condition::is(Test::To(vec![everywhere("ip6")]))],
            Some(other) if OTHER_PROTOCOLS.contains(&other) => vec![Condition::is(Test::Known(false))],
            _ => Vec::new(),
        };
        let test = match (operator, self.elements(right)) {
            ("==" | "in" | "!=", Some(values)) => test(left, &values),
            (_, Some(values)) if is_port(left) => port_beyond(operator, &values),
            _ => Test::Unknown,
        };
        conditions.push(Condition { test, negated: operator == "!=" });
        conditions
    }

    /// One value, those of a set, or those of a named one; `None` where nobody knows that set.
    fn elements<'v>(&'v self, value: &'v Value) -> Option<Vec<&'v Value>> {
        let elements = match value {
            Value::String(name) if name.starts_with('@') => {
                self.sets.get(&(self.family, self.table, &name[1..])).copied()?
            }
            Value::Array(values) => values,
            value => match (&value["set"], &value["|"]) {
                (Value::Array(values), _) | (_, Value::Array(values)) => values,
                _ => std::slice::from_ref(value),
            },
        };
        // Elements with counters or timeouts are wrapped.
        Some(elements.iter().map(|element| element["elem"].get("val").unwrap_or(element)).collect())
    }
}

fn verdict(kind: &str, content: &Value) -> Option<Verdict> {
    let name = || content["target"].as_str().unwrap_or_default().to_owned();
    match kind {
        "accept" => Some(Verdict::Accept),
        "drop" | "reject" => Some(Verdict::Drop),
        "return" => Some(Verdict::Return),
        "jump" => Some(Verdict::Jump(name())),
        "goto" => Some(Verdict::Goto(name())),
        "queue" | "synproxy" => Some(Verdict::Unknown),
        "xt" => super::target(content["name"].as_str().unwrap_or_default()),
        _ => None,
    }
}

/// The question whether `left` is one of these values.
fn test(left: &Value, values: &[&Value]) -> Test {
    let words: Vec<&str> = values.iter().filter_map(|value| value.as_str()).collect();
    let any = |known: &[&str]| Test::Known(words.iter().any(|word| known.contains(word)));
    let field = (left["payload"]["protocol"].as_str(), left["payload"]["field"].as_str());
    match field {
        _ if is_port(left) => {
            values.iter().map(|value| ports(value)).collect::<Option<_>>().map_or(Test::Unknown, Test::Port)
        }
        (Some("ip" | "ip6"), Some("daddr")) => {
            values.iter().map(|value| addresses(value)).collect::<Option<_>>().map_or(Test::Unknown, Test::To)
        }
        (Some("ip" | "ip6"), Some("saddr")) => Test::Sometimes,
        (Some("ip"), Some("protocol")) | (Some("ip6"), Some("nexthdr")) => {
            Test::Known(words.iter().any(|word| super::is_tcp(word)))
        }
        (Some("tcp"), Some("flags")) => any(&["syn"]),
        // Of all flags, the first packet of a connection has SYN alone.
        _ if left["&"][0]["payload"]["field"] == "flags" => Test::Known(words == ["syn"]),
        _ => match (left["meta"]["key"].as_str(), left["ct"]["key"].as_str(), left["fib"]["result"].as_str()) {
            (Some("l4proto"), ..) => Test::Known(words.iter().any(|word| super::is_tcp(word))),
            (Some("iif" | "iifname"), ..) => Test::Interface(words.into_iter().map(str::to_owned).collect()),
            (Some("nfproto" | "protocol"), ..) => Test::To(words.into_iter().map(everywhere).collect()),
            (Some("pkttype"), ..) => any(&["host", "unicast"]),
            (_, Some("state"), _) => any(&["new"]),
            (.., Some("type")) if left["fib"]["flags"][0] == "daddr" => any(&["local"]),
            // The filter of forged addresses.
            (.., Some("oif" | "oifname")) => Test::Sometimes,
            _ => Test::Unknown,
        },
    }
}

fn is_port(left: &Value) -> bool {
    let payload = &left["payload"];
    payload["field"] == "dport" && (payload["protocol"] == "tcp" || payload["protocol"] == "th")
}

/// `22`, or a range.
fn ports(value: &Value) -> Option<RangeInclusive<u16>> {
    let port = |value: &Value| u16::try_from(value.as_u64()?).ok();
    match &value["range"] {
        Value::Array(ends) => Some(port(ends.first()?)?..=port(ends.get(1)?)?),
        _ => port(value).map(|port| port..=port),
    }
}

/// Ports on one side of a number.
fn port_beyond(operator: &str, values: &[&Value]) -> Test {
    let Some(&port) = values.first().and_then(|value| ports(value)).as_ref().map(RangeInclusive::start) else {
        return Test::Unknown;
    };
    let range = match operator {
        "<" => port.checked_sub(1).map(|last| 0..=last),
        "<=" => Some(0..=port),
        ">" => port.checked_add(1).map(|first| first..=u16::MAX),
        ">=" => Some(port..=u16::MAX),
        _ => return Test::Unknown,
    };
    Test::Port(range.into_iter().collect())
}

/// An address, a network, or a range.
fn addresses(value: &Value) -> Option<RangeInclusive<IpAddr>> {
    let address = |value: &Value| value.as_str()?.parse::<IpAddr>().ok();
    if let Value::Array(ends) = &value["range"] {
        return Some(address(ends.first()?)?..=address(ends.get(1)?)?);
    }
    let prefix = &value["prefix"];
    if prefix.is_object() {
        let length = u8::try_from(prefix["len"].as_u64()?).ok()?;
        return IpNet::new(address(&prefix["addr"])?, length).ok().map(super::network);
    }
    address(value).map(|address| address..=address)
}

/// All addresses of a family.
fn everywhere(family: &str) -> RangeInclusive<IpAddr> {
    if ["ip6", "ipv6"].contains(&family) {
        return Ipv6Addr::UNSPECIFIED.into()..=Ipv6Addr::from(u128::MAX).into();
    }
    Ipv4Addr::UNSPECIFIED.into()..=Ipv4Addr::BROADCAST.into()
}

#[cfg(test)]
mod tests {
    use super::super::{Door, findings};
    use super::*;

    /// As nft 1.0.6 prints a chain with the policy drop, a chain that is jumped to, a set and a verdict map.
    const RULESET: &str = r#"{"nftables": [
        {"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
        {"table": {"family": "inet", "name": "filter", "handle": 1}},
        {"set": {"family": "inet", "name": "ftp", "table": "filter", "type": "inet_service", "handle": 3,
            "flags": ["interval"], "elem": [21, {"range": [8300, 8400]}]}},
        {"map": {"family": "inet", "name": "verdicts", "table": "filter", "type": "inet_service", "handle": 4,
            "map": "verdict", "elem": [[21, {"accept": null}]]}},
        {"chain": {"family": "inet", "table": "filter", "name": "services", "handle": 1}},
        {"chain": {"family": "inet", "table": "filter", "name": "input", "handle": 2, "type": "filter",
            "hook": "input", "prio": 0, "policy": "drop"}},
        {"rule": {"family": "inet", "table": "filter", "chain": "services", "handle": 5, "expr": [{"match": {"op": "==",
            "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": "@ftp"}}, {"accept": null}]}},
        {"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 11, "expr": [{"match": {"op": "in",
            "left": {"ct": {"key": "state"}}, "right": ["established", "related"]}}, {"accept": null}]}},
        {"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 13, "expr": [{"match": {"op": "==",
            "left": {"meta": {"key": "iif"}}, "right": "lo"}}, {"accept": null}]}},
        {"rule": {"family": "inet", "table": "filter", "chain": "input", "handle": 14, "expr": [RULE]}}]}"#;

    const TCP_DPORT: &str =
        r#"{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": PORTS}}"#;

    /// What is found at these addresses, ports 21 and 8300-8303, with one more rule before the policy.
    fn found(ips: &str, rule: &str) -> Vec<String> {
        let rule = match rule.strip_prefix("dport ").and_then(|rest| rest.split_once(" → ")) {
            Some((ports, then)) => format!("{}, {then}", TCP_DPORT.replace("PORTS", ports)),
            None => rule.to_owned(),
        };
        let tables = tables(&RULESET.replace("RULE", &rule)).unwrap();
        let ports = vec![21..=21, 8300..=8303];
        let doors = ips.split(' ').map(|ip| Door { ip: ip.parse().unwrap(), ports: ports.clone() });
        findings(&tables, &doors.collect::<Vec<_>>()).iter().map(ToString::to_string).collect()
    }

    fn drops(ports: &str) -> Vec<String> {
        let set = if ports.contains(", ") { format!("{{ {ports} }}") } else { ports.to_owned() };
        let mend = format!("nft 'insert rule inet filter input tcp dport {set} accept'");
        vec![format!("nft: chain inet filter input drops TCP {ports}: {mend}")]
    }

    #[test]
    fn ports_that_no_rule_accepts_are_told() {
        let accept = r#"{"accept": null}"#;
        let all = "21, 8300-8303";
        let cases = [
            (r#"{"counter": {"packets": 0, "bytes": 0}}"#.to_owned(), drops(all)),
            (accept.to_owned(), vec![]),
            (r#"{"reject": {"type": "icmpx", "expr": "admin-prohibited"}}"#.to_owned(), drops(all)),
            (format!("dport 21 → {accept}"), drops("8300-8303")),
            (format!(r#"dport {{"range": [8300, 8500]}} → {accept}"#), drops("21")),
            (format!(r#"dport {{"set": [21, 443, {{"range": [8301, 8450]}}]}} → {accept}"#), drops("8300")),
            (format!(r#"dport "@ftp" → {accept}"#), vec![]),
            (r#"{"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "tcp"}}, {"jump": {"target": "services"}}"#.to_owned(), vec![]),
            (r#"{"goto": {"target": "services"}}"#.to_owned(), vec![]),
            (r#"{"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": {"set": [[22, {"drop": null}], [{"range": [8300, 8301]}, {"accept": null}], [21, {"jump": {"target": "services"}}]]}}}"#.to_owned(), drops("8302-8303")),
            (r#"{"vmap": {"key": {"payload": {"protocol": "tcp", "field": "dport"}}, "data": "@verdicts"}}"#.to_owned(), drops("8300-8303")),
            (r#"{"match": {"op": ">", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 8301}}, {"accept": null}"#.to_owned(), drops("21, 8300-8301")),
            (r#"{"match": {"op": "!=", "left": {"payload": {"protocol": "th", "field": "dport"}}, "right": 21}}, {"accept": null}"#.to_owned(), drops("21")),
            (r#"{"match": {"op": "!=", "left": {"payload": {"protocol": "udp", "field": "dport"}}, "right": 53}}, {"accept": null}"#.to_owned(), drops(all)),
            (r#"{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": {"set": ["10.0.0.5", {"prefix": {"addr": "10.1.0.0", "len": 16}}]}}}, {"accept": null}"#.to_owned(), vec![]),
            (r#"{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": {"range": ["10.2.0.1", "10.2.0.9"]}}}, {"accept": null}"#.to_owned(), drops(all)),
            (r#"{"match": {"op": "==", "left": {"meta": {"key": "nfproto"}}, "right": "ipv6"}}, {"accept": null}"#.to_owned(), drops(all)),
            (r#"{"match": {"op": "==", "left": {"fib": {"result": "type", "flags": ["daddr"]}}, "right": "local"}}, {"accept": null}"#.to_owned(), vec![]),
            (r#"{"match": {"op": "!=", "left": {"&": [{"payload": {"protocol": "tcp", "field": "flags"}}, ["fin", "syn", "rst", "ack"]]}, "right": "syn"}}, {"accept": null}"#.to_owned(), drops(all)),
        ];
        for (rule, expected) in cases {
            assert_eq!(found("10.0.0.5", &rule), expected, "{rule}");
        }
    }

    #[test]
    fn what_holds_for_some_clients_only_is_no_more_than_a_note() {
        let conditions = [
            r#"{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": "192.168.0.0", "len": 16}}}}"#,
            r#"{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": {"set": ["eth0", "wlan*"]}}}"#,
            r#"{"limit": {"rate": 10, "burst": 5, "per": "second"}}"#,
            r#"{"xt": {"type": "match", "name": "multiport"}}"#,
            r#"{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 7}}"#,
        ];
        for condition in conditions {
            let found = found("10.0.0.5", &format!("{condition}, {{\"accept\": null}}"));
            let note = "note: nft: chain inet filter input lets only some connections to TCP 21, 8300-8303 in";
            assert!(found.len() == 1 && found[0].starts_with(note), "{condition}: {found:?}");
        }
    }

    #[test]
    fn a_family_and_loopback_have_rules_of_their_own() {
        let ipv4_only = r#"{"match": {"op": "!=", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "9.9.9.9"}}, {"accept": null}"#;
        for (ip, expected) in [("127.0.0.1", vec![]), ("10.0.0.5", vec![]), ("fd00::2", drops("21, 8300-8303"))] {
            assert_eq!(found(ip, ipv4_only), expected, "{ip}");
        }
        assert_eq!(found("::1 fd00::2", ipv4_only), drops("21, 8300-8303"));
    }

    #[test]
    fn firewalld_is_mended_by_its_own_command() {
        let text = RULESET
            .replace(r#""filter""#, r#""firewalld""#)
            .replace("RULE", "")
            .replace(r#""type": "firewalld""#, r#""type": "filter""#);
        let doors = [Door { ip: "10.0.0.5".parse().unwrap(), ports: vec![21..=21, 8300..=8303] }];
        let found = findings(&tables(&text).unwrap(), &doors).iter().map(ToString::to_string).collect::<String>();
        let mend = "firewall-cmd --permanent --add-port=21/tcp --add-port=8300-8303/tcp && firewall-cmd --reload";
        assert!(found.ends_with(mend), "{found}");
    }

    #[test]
    fn what_is_no_ruleset_is_an_error() {
        for text in ["", "{}", "Error: syntax error"] {
            assert!(tables(text).is_err(), "{text}");
        }
    }
}
