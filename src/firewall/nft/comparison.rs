//! Comparisons: a field of the packet on the left, values on the right.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnet::IpNet;
use serde_json::Value;

use super::super::rule::{Condition, Test, network};
use super::text;

/// Protocols other than TCP: a rule that looks into one of them concerns its packets alone.
const OTHER_PROTOCOLS: &[&str] =
    &["udp", "udplite", "icmp", "icmpv6", "igmp", "sctp", "dccp", "esp", "ah", "comp", "arp"];

/// A field compared with values.
pub struct Comparison<'a> {
    /// The field.
    pub left: &'a Value,
    /// For example `==`.
    pub operator: &'a str,
    /// The values; `None` if they are those of an unknown set.
    pub right: Option<Vec<&'a Value>>,
}

impl Comparison<'_> {
    /// The comparison itself, and the one that it implies: of the protocol that the field belongs to.
    pub fn conditions(&self) -> Vec<Condition> {
        let test = match (self.operator, &self.right) {
            ("==" | "in" | "!=", Some(values)) => self.equality(values),
            (operator, Some(values)) if self.is_port() => ports_beyond(operator, values),
            _ => Test::Unknown,
        };
        let compared = Condition { test, negated: self.operator == "!=" };
        self.protocol().map(Condition::from).into_iter().chain([compared]).collect()
    }

    /// Whether the packet is of the protocol that the field belongs to.
    fn protocol(&self) -> Option<Test> {
        let left = self.left;
        let payload = if left["payload"].is_object() { &left["payload"] } else { &left["&"][0]["payload"] };
        match payload["protocol"].as_str()? {
            family @ ("ip" | "ip6") => Some(Test::To(vec![everywhere(family)])),
            other => OTHER_PROTOCOLS.contains(&other).then_some(Test::Known(false)),
        }
    }

    /// Whether the field is one of these values.
    fn equality(&self, values: &[&Value]) -> Test {
        let left = self.left;
        let words: Vec<&str> = values.iter().filter_map(|value| value.as_str()).collect();
        if left["payload"].is_object() {
            return self.equality_in_packet(values, &words);
        }
        let any = |known: &[&str]| Test::Known(words.iter().any(|word| known.contains(word)));
        match (text(&left["meta"], "key"), text(&left["ct"], "key"), text(&left["fib"], "result")) {
            ("l4proto", ..) => Test::protocol(&words),
            ("iif" | "iifname", ..) => Test::Interface(words.into_iter().map(str::to_owned).collect()),
            ("nfproto" | "protocol", ..) => Test::To(words.into_iter().map(everywhere).collect()),
            ("pkttype", ..) => any(&["host", "unicast"]),
            (_, "state", _) => any(&["new"]),
            (.., "type") if left["fib"]["flags"][0] == "daddr" => any(&["local"]),
            // The filter of forged source addresses.
            (.., "oif" | "oifname") => Test::Sometimes,
            // Of all flags, the first packet of a connection has SYN alone.
            _ if left["&"][0]["payload"]["field"] == "flags" => Test::Known(words == ["syn"]),
            _ => Test::Unknown,
        }
    }

    fn equality_in_packet(&self, values: &[&Value], words: &[&str]) -> Test {
        let payload = &self.left["payload"];
        match (text(payload, "protocol"), text(payload, "field")) {
            _ if self.is_port() => Test::with(Test::Port, values.iter().map(|value| range(value, port))),
            ("ip" | "ip6", "daddr") => Test::with(Test::To, values.iter().map(|value| addresses(value))),
            ("ip" | "ip6", "saddr") => Test::Sometimes,
            ("ip", "protocol") | ("ip6", "nexthdr") => Test::protocol(words),
            ("tcp", "flags") => Test::Known(words.contains(&"syn")),
            _ => Test::Unknown,
        }
    }

    fn is_port(&self) -> bool {
        let payload = &self.left["payload"];
        payload["field"] == "dport" && (payload["protocol"] == "tcp" || payload["protocol"] == "th")
    }
}

/// One value, or a range of them.
fn range<T>(value: &Value, read: fn(&Value) -> Option<T>) -> Option<RangeInclusive<T>> {
    let ends = &value["range"];
    let (first, last) = if ends.is_array() { (&ends[0], &ends[1]) } else { (value, value) };
    Some(read(first)?..=read(last)?)
}

fn port(value: &Value) -> Option<u16> {
    u16::try_from(value.as_u64()?).ok()
}

fn address(value: &Value) -> Option<IpAddr> {
    value.as_str()?.parse().ok()
}

/// Whether the port is on one side of a number.
fn ports_beyond(operator: &str, values: &[&Value]) -> Test {
    let Some(port) = values.first().and_then(|value| port(value)) else { return Test::Unknown };
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
    let prefix = &value["prefix"];
    if !prefix.is_object() {
        return range(value, address);
    }
    let length = u8::try_from(prefix["len"].as_u64()?).ok()?;
    IpNet::new(address(&prefix["addr"])?, length).ok().map(network)
}

/// All addresses of a family.
fn everywhere(family: &str) -> RangeInclusive<IpAddr> {
    if ["ip6", "ipv6"].contains(&family) {
        return Ipv6Addr::UNSPECIFIED.into()..=Ipv6Addr::from(u128::MAX).into();
    }
    Ipv4Addr::UNSPECIFIED.into()..=Ipv4Addr::BROADCAST.into()
}
