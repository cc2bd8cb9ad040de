//! Sets of ports, in the notation of people and firewalls.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

/// A set of ports; prints as `2121, 8300-8500`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortSet(BTreeSet<u16>);

impl PortSet {
    /// Adds a port.
    pub fn insert(&mut self, port: u16) {
        self.0.insert(port);
    }

    /// Removes a port.
    pub fn remove(&mut self, port: u16) {
        self.0.remove(&port);
    }

    /// Whether it contains a port.
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(&port)
    }

    /// Number of ports.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it contains no port.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether all its ports follow each other.
    pub fn is_one_range(&self) -> bool {
        self.ranges().len() == 1
    }

    /// Its ranges, with `dash` between the ends of each and `comma` between them.
    pub fn written(&self, dash: &str, comma: &str) -> String {
        let written = |range: &RangeInclusive<u16>| match (range.start(), range.end()) {
            (start, end) if start == end => start.to_string(),
            (start, end) => format!("{start}{dash}{end}"),
        };
        self.ranges().iter().map(written).collect::<Vec<_>>().join(comma)
    }

    /// The same as ranges, in ascending order.
    fn ranges(&self) -> Vec<RangeInclusive<u16>> {
        let mut ranges: Vec<RangeInclusive<u16>> = Vec::new();
        for &port in &self.0 {
            match ranges.last_mut() {
                Some(last) if last.end().checked_add(1) == Some(port) => *last = *last.start()..=port,
                _ => ranges.push(port..=port),
            }
        }
        ranges
    }
}

impl FromIterator<u16> for PortSet {
    fn from_iter<I: IntoIterator<Item = u16>>(ports: I) -> Self {
        Self(ports.into_iter().collect())
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written("-", ", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_follow_each_other_are_written_as_one_range() {
        let cases: [(&[u16], &str); 5] = [
            (&[], ""),
            (&[21], "21"),
            (&[8301, 8300, 21], "21, 8300-8301"),
            (&[1, 3, 5], "1, 3, 5"),
            (&[65534, 65535, 0], "0, 65534-65535"),
        ];
        for (ports, written) in cases {
            assert_eq!(ports.iter().copied().collect::<PortSet>().to_string(), written);
        }
        assert_eq!(PortSet::from_iter([21, 22, 80]).written(":", ","), "21:22,80");
    }
}
