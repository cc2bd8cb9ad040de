//! Shell patterns over bytes: `*`, `?` and `[…]` in one component.
//!
//! Our own, because names are bytes and hostile patterns must cost no more than pattern × name steps, which the
//! well-known crates don't promise together.

/// A pattern, read once and then matched against many names.
#[derive(Debug)]
pub struct Pattern(Vec<Token>);

#[derive(Debug)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    /// An ordinary byte.
    Literal(u8),
    /// `[…]`: a bit for each byte it holds.
    Class([u64; 4]),
}

impl Pattern {
    /// Reads a component that may be meant as a pattern; `None` if nothing in it is special.
    pub fn new(component: &[u8]) -> Option<Self> {
        component.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')).then(|| Self(tokens(component)))
    }

    /// Whether the pattern matches the whole name.
    pub fn matches(&self, name: &[u8]) -> bool {
        let (mut at, mut read) = (0, 0);
        // After the last star: the place at which the pattern goes on, and how much of the name the star has eaten.
        let mut star: Option<(usize, usize)> = None;
        while read < name.len() {
            match self.0.get(at) {
                Some(Token::Any) => {
                    at += 1;
                    star = Some((at, read));
                }
                Some(token) if token.holds(name[read]) => {
                    at += 1;
                    read += 1;
                }
                _ => {
                    let Some((after, eaten)) = star else { return false };
                    (at, read) = (after, eaten + 1);
                    star = Some((at, read));
                }
            }
        }
        self.0[at..].iter().all(|token| matches!(token, Token::Any))
    }
}

impl Token {
    fn holds(&self, byte: u8) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Literal(literal) => *literal == byte,
            Self::Class(bits) => bits[usize::from(byte / 64)] >> (byte % 64) & 1 == 1,
        }
    }
}

fn tokens(mut pattern: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pattern.len());
    // If one `[` has no end, no later one has: one search for it keeps this linear.
    let mut classes_end = true;
    while let [first, rest @ ..] = pattern {
        let class = if *first == b'[' && classes_end { class(pattern) } else { None };
        let (token, width) = match (first, class) {
            (b'[', Some((bits, width))) => (Token::Class(bits), width),
            (b'[', None) => {
                classes_end = false;
                (Token::Literal(b'['), 1)
            }
            (b'*', _) => (Token::Any, 1),
            (b'?', _) => (Token::One, 1),
            (&literal, _) => (Token::Literal(literal), 1),
        };
        tokens.push(token);
        pattern = &rest[width - 1..];
    }
    tokens
}

/// `[abc]`, `[a-z]`, `[!a]`: its bytes, and how long it is; `None` if it has no end.
fn class(pattern: &[u8]) -> Option<([u64; 4], usize)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = if negated { 2 } else { 1 };
    // A `]` that comes first is a member.
    let end = first + 1 + pattern.get(first + 1..)?.iter().position(|&byte| byte == b']')?;
    let mut bits = [0u64; 4];
    let mut members = &pattern[first..end];
    while let [low, rest @ ..] = members {
        let (high, rest) = if let [b'-', high, rest @ ..] = rest { (high, rest) } else { (low, rest) };
        (*low..=*high).for_each(|byte| bits[usize::from(byte / 64)] |= 1 << (byte % 64));
        members = rest;
    }
    if negated {
        bits = bits.map(|word| !word);
    }
    Some((bits, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &[u8], name: &[u8]) -> bool {
        Pattern::new(pattern).map_or(pattern == name, |pattern| pattern.matches(name))
    }

    #[test]
    fn patterns_match_as_in_a_shell() {
        let cases: &[(&str, &str, bool)] = &[
            ("*", "", true),
            ("*.txt", "a.txt", true),
            ("*.txt", ".txt", true),
            ("*.txt", "a.txt2", false),
            ("a*b*c", "aXbXbXc", true),
            ("a*b*c", "aXbXbX", false),
            ("?", "a", true),
            ("?", "", false),
            ("[abc]x", "bx", true),
            ("[a-c]x", "dx", false),
            ("[!a-c]x", "dx", true),
            ("[]]", "]", true),
            ("[", "[", true),
            ("a[", "a[", true),
            ("[a-]", "-", true),
            ("[c-a]", "b", false),
            ("x", "X", false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), *expected, "{pattern} {name}");
        }
    }

    #[test]
    fn bombs_of_stars_and_brackets_end() {
        let stars = [&b"a*".repeat(1000)[..], b"b"].concat();
        assert!(!matches(&stars, &[b'a'; 255]));
        let brackets = [&b"*"[..], &b"[".repeat(4000)].concat();
        assert!(!matches(&brackets, &[b'['; 255]));
    }

    proptest! {
        #[test]
        fn a_literal_matches_itself_and_nothing_panics(name in "[a-z.]{0,12}", pattern in "[a-c*?\\[\\]!-]{0,12}") {
            prop_assert!(matches(name.as_bytes(), name.as_bytes()));
            let _ = matches(pattern.as_bytes(), name.as_bytes());
            let (around, inside) = (format!("*{name}*"), format!("x{name}y"));
            prop_assert!(matches(around.as_bytes(), inside.as_bytes()));
        }
    }
}
