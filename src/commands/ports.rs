//! Sets of ports, written as people and firewalls write them.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

/// Some ports, each once; prints as `2121, 8300-8500`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ports(BTreeSet<u16>);

impl Ports {
    /// Adds a port.
    pub fn insert(&mut self, port: u16) {
        self.0.insert(port);
    }

    /// Takes a port out.
    pub fn remove(&mut self, port: u16) {
        self.0.remove(&port);
    }

    /// Whether a port is among them.
    pub fn contains(&self, port: u16) -> bool {
        self.0.contains(&port)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same as few ranges, in order.
    pub fn ranges(&self) -> Vec<RangeInclusive<u16>> {
        let mut ranges: Vec<RangeInclusive<u16>> = Vec::new();
        for &port in &self.0 {
            match ranges.last_mut() {
                Some(last) if last.end().checked_add(1) == Some(port) => *last = *last.start()..=port,
                _ => ranges.push(port..=port),
            }
        }
        ranges
    }

    /// Each range with `dash` between its ends, one after another with `comma` between them.
    pub fn written(&self, dash: &str, comma: &str) -> String {
        let written = |range: &RangeInclusive<u16>| match (range.start(), range.end()) {
            (start, end) if start == end => start.to_string(),
            (start, end) => format!("{start}{dash}{end}"),
        };
        self.ranges().iter().map(written).collect::<Vec<_>>().join(comma)
    }
}

impl FromIterator<u16> for Ports {
    fn from_iter<I: IntoIterator<Item = u16>>(ports: I) -> Self {
        Self(ports.into_iter().collect())
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written("-", ", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_written_as_one_range() {
        let cases: [(&[u16], &str); 5] = [
            (&[], ""),
            (&[21], "21"),
            (&[8301, 8300, 21], "21, 8300-8301"),
            (&[1, 3, 5], "1, 3, 5"),
            (&[65534, 65535, 0], "0, 65534-65535"),
        ];
        for (ports, written) in cases {
            assert_eq!(ports.iter().copied().collect::<Ports>().to_string(), written);
        }
        assert_eq!(Ports::from_iter([21, 22, 80]).written(":", ","), "21:22,80");
    }
}
