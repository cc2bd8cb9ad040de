//! Parses rules as `nft -j list ruleset` prints them (libnftables-json(5)).

use std::collections::BTreeMap;

use serde_json::Value;

use super::rule::Target;
use super::table::{Chain, Family, Table, Tool};

mod comparison;
mod sets;
mod statements;

use sets::{Scope, Sets};
use statements::Statements;

/// The tables in nft's output that packets for this machine pass; the error says why it can't be read.
pub fn tables(text: &str) -> Result<Vec<Table>, String> {
    let root: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let objects = root["nftables"].as_array().ok_or("no list of rules")?;
    let of_kind =
        |kind: &'static str| objects.iter().map(move |object| &object[kind]).filter(|object| object.is_object());
    let sets = of_kind("set").chain(of_kind("map")).collect();
    let mut tables = BTreeMap::new();
    of_kind("chain").for_each(|chain| add_chain(&mut tables, chain));
    of_kind("rule").for_each(|rule| add_rule(&mut tables, rule, &sets));
    Ok(tables.into_values().collect())
}

fn add_chain<'a>(tables: &mut BTreeMap<Scope<'a>, Table>, object: &'a Value) {
    let scope = Scope::of(object);
    let Some(family) = Family::named(scope.family) else { return };
    let new = || Table { tool: Tool::Nft, name: scope.table.to_owned(), family, chains: BTreeMap::new() };
    let chain = Chain { policy: policy(object), rules: Vec::new() };
    tables.entry(scope).or_insert_with(new).chains.insert(text(object, "name").to_owned(), chain);
}

/// `None` if packets for this machine do not enter at this chain, or are not filtered there.
fn policy(chain: &Value) -> Option<Target> {
    let filters = chain["type"] == "filter" && (chain["hook"] == "input" || chain["hook"] == "prerouting");
    filters.then(|| if chain["policy"] == "drop" { Target::Drop } else { Target::Accept })
}

fn add_rule<'a>(tables: &mut BTreeMap<Scope<'a>, Table>, object: &'a Value, sets: &Sets<'a>) {
    let scope = Scope::of(object);
    let chain = tables.get_mut(&scope).and_then(|table| table.chains.get_mut(text(object, "chain")));
    if let (Some(chain), Some(statements)) = (chain, object["expr"].as_array()) {
        chain.rules.extend(Statements { sets, scope }.rules(statements));
    }
}

fn text<'a>(object: &'a Value, key: &str) -> &'a str {
    object[key].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::closed_chains;
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

    const PORTS: [u16; 5] = [21, 8300, 8301, 8302, 8303];

    const TCP_DPORT: &str =
        r#"{"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": PORTS}}"#;

    /// What happens at these addresses, ports 21 and 8300-8303, with one more rule before the policy.
    fn found(ips: &str, rule: &str) -> Vec<String> {
        let rule = match rule.strip_prefix("dport ").and_then(|rest| rest.split_once(" → ")) {
            Some((ports, then)) => format!("{}, {then}", TCP_DPORT.replace("PORTS", ports)),
            None => rule.to_owned(),
        };
        let tables = tables(&RULESET.replace("RULE", &rule)).unwrap();
        closed_chains(tables, ips, &PORTS)
    }

    fn drops(ports: &str) -> Vec<String> {
        let set = if ports.contains(", ") { format!("{{ {ports} }}") } else { ports.to_owned() };
        let command = format!("nft 'insert rule inet filter input tcp dport {set} accept'");
        vec![format!("nft: chain inet filter input drops {ports}: {command}")]
    }

    #[test]
    fn ports_that_no_rule_accepts_are_dropped() {
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
    fn what_holds_for_some_clients_only_is_doubtful() {
        let conditions = [
            r#"{"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": {"prefix": {"addr": "192.168.0.0", "len": 16}}}}"#,
            r#"{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": {"set": ["eth0", "wlan*"]}}}"#,
            r#"{"limit": {"rate": 10, "burst": 5, "per": "second"}}"#,
            r#"{"xt": {"type": "match", "name": "multiport"}}"#,
            r#"{"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": 7}}"#,
        ];
        for condition in conditions {
            let found = found("10.0.0.5", &format!("{condition}, {{\"accept\": null}}"));
            let doubts = "nft: chain inet filter input doubts 21, 8300-8303: ";
            assert!(found.len() == 1 && found[0].starts_with(doubts), "{condition}: {found:?}");
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
    fn firewalld_is_opened_by_its_own_command() {
        let text = RULESET
            .replace(r#""filter""#, r#""firewalld""#)
            .replace("RULE", "")
            .replace(r#""type": "firewalld""#, r#""type": "filter""#);
        let found = closed_chains(tables(&text).unwrap(), "10.0.0.5", &PORTS).concat();
        let command = "firewall-cmd --permanent --add-port=21/tcp --add-port=8300-8303/tcp && firewall-cmd --reload";
        assert!(found.ends_with(command), "{found}");
    }

    #[test]
    fn other_text_is_an_error() {
        for text in ["", "{}", "Error: syntax error"] {
            assert!(tables(text).is_err(), "{text}");
        }
    }
}
