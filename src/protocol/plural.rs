//! Numbers of things in sentences.

use std::fmt;
use std::time::Duration;

/// A number of things, given in the singular: prints `1 session`, `2 sessions`.
#[derive(Debug, Clone, Copy)]
pub struct Plural<N>(pub N, pub &'static str);

impl<N: fmt::Display + PartialEq + From<u8>> fmt::Display for Plural<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, thing) = self;
        let ending = if *number == N::from(1) { "" } else { "s" };
        write!(f, "{number} {thing}{ending}")
    }
}

/// A time in the largest unit of which it is a multiple: `30 days`, `90 minutes`, `1 second`.
pub fn time_in_words(time: Duration) -> String {
    const UNITS: [(u64, &str); 3] = [(86_400, "day"), (3600, "hour"), (60, "minute")];
    let seconds = time.as_secs();
    let unit = UNITS.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit));
    let (unit, name) = unit.unwrap_or((1, "second"));
    Plural(seconds / unit, name).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one() {
        let cases = [(0, "0 sessions"), (1, "1 session"), (2, "2 sessions")];
        for (number, words) in cases {
            assert_eq!(Plural(number, "session").to_string(), words);
        }
        let times =
            [(1, "1 second"), (60, "1 minute"), (5400, "90 minutes"), (7200, "2 hours"), (2_592_000, "30 days")];
        for (seconds, words) in times {
            assert_eq!(time_in_words(Duration::from_secs(seconds)), words);
        }
    }
}
