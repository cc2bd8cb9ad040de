//! Numbers of things in sentences.

use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one() {
        let cases = [(0, "0 sessions"), (1, "1 session"), (2, "2 sessions")];
        for (number, words) in cases {
            assert_eq!(Plural(number, "session").to_string(), words);
        }
    }
}
