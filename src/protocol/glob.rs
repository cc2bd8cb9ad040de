//! Shell patterns over names: `*`, `?` and `[…]` in one component.
//!
//! Our own, because names need not be UTF-8 and hostile patterns must cost no more than pattern × name steps, which the
//! well-known crates don't promise together. `?` stands for a whole character; a byte that is not UTF-8 is one of its own.

/// A pattern, read once and then matched against many names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    tokens: Vec<Token>,
    case: Case,
}

/// Whether `a` and `A` are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// They are not.
    Matters,
    /// They are.
    Folded,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Token {
    /// `*`
    Any,
    /// `?`
    One,
    /// An ordinary character.
    Literal(u32),
    /// `[…]`: the ranges of what it holds, or does not hold.
    Class { negated: bool, ranges: Vec<(u32, u32)> },
}

impl Pattern {
    /// Reads a component that may be meant as a pattern; `None` if nothing in it is special.
    pub fn new(component: &[u8]) -> Option<Self> {
        let is_special = component.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['));
        is_special.then(|| Self::of(component, Case::Matters))
    }

    /// Reads a pattern, in which there need be nothing special.
    pub fn of(pattern: &[u8], case: Case) -> Self {
        let characters: Vec<u32> = characters(pattern).collect();
        Self { tokens: tokens(&characters, case), case }
    }

    /// Whether it matches every name that there can be.
    pub fn matches_all(&self) -> bool {
        let count = |wanted: &Token| self.tokens.iter().filter(|token| *token == wanted).count();
        let (any, one) = (count(&Token::Any), count(&Token::One));
        any > 0 && one <= 1 && any + one == self.tokens.len()
    }

    /// Whether the pattern matches the whole name.
    pub fn matches(&self, name: &[u8]) -> bool {
        let (mut at, mut read) = (0, 0);
        // After the last star: the place at which the pattern goes on, and how much of the name the star has eaten.
        let mut star: Option<(usize, usize)> = None;
        while let Some((character, width)) = first(&name[read..]) {
            match self.tokens.get(at) {
                Some(Token::Any) => {
                    at += 1;
                    star = Some((at, read));
                }
                Some(token) if token.holds(character, self.case) => {
                    at += 1;
                    read += width;
                }
                _ => {
                    let Some((after, eaten)) = star else { return false };
                    let eaten = eaten + first(&name[eaten..]).map_or(1, |(_, width)| width);
                    (at, read) = (after, eaten);
                    star = Some((at, read));
                }
            }
        }
        self.tokens[at..].iter().all(|token| matches!(token, Token::Any))
    }
}

impl Token {
    fn holds(&self, character: u32, case: Case) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Literal(literal) => *literal == folded(character, case),
            Self::Class { negated, ranges } => {
                let has = |character: u32| ranges.iter().any(|(low, high)| (*low..=*high).contains(&character));
                let is_in = match case {
                    Case::Matters => has(character),
                    Case::Folded => has(character) || has(lower(character)) || has(upper(character)),
                };
                is_in != *negated
            }
        }
    }
}

/// The characters of a name.
fn characters(mut name: &[u8]) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let (character, width) = first(name)?;
        name = &name[width..];
        Some(character)
    })
}

/// The first character of a name, and its length.
fn first(name: &[u8]) -> Option<(u32, usize)> {
    match name {
        [] => None,
        [ascii, ..] if ascii.is_ascii() => Some((u32::from(*ascii), 1)),
        [byte, ..] => Some(wide(name).unwrap_or((NO_CHARACTER + u32::from(*byte), 1))),
    }
}

/// The first character of a name that does not begin with an ASCII one; `None` if it is not UTF-8.
fn wide(name: &[u8]) -> Option<(u32, usize)> {
    let head = &name[..name.len().min(4)];
    let valid = std::str::from_utf8(head).map_or_else(|error| error.valid_up_to(), str::len);
    let character = std::str::from_utf8(&head[..valid]).ok()?.chars().next()?;
    Some((character.into(), character.len_utf8()))
}

/// The same for all spellings of a character if case does not matter.
fn folded(character: u32, case: Case) -> u32 {
    match case {
        Case::Matters => character,
        Case::Folded => lower(upper(character)),
    }
}

fn lower(character: u32) -> u32 {
    single(character, |character| single_of(character.to_lowercase()))
}

fn upper(character: u32) -> u32 {
    single(character, |character| single_of(character.to_uppercase()))
}

fn single(character: u32, change: impl Fn(char) -> Option<char>) -> u32 {
    char::from_u32(character).and_then(change).map_or(character, u32::from)
}

/// Where several characters take its place, a character stays as it is.
fn single_of(mut changed: impl Iterator<Item = char>) -> Option<char> {
    let character = changed.next()?;
    changed.next().is_none().then_some(character)
}

fn tokens(mut pattern: &[u32], case: Case) -> Vec<Token> {
    let mut tokens = Vec::with_capacity(pattern.len());
    // If one `[` has no end, no later one has: one search for it keeps this linear.
    let mut classes_end = true;
    while let [first, rest @ ..] = pattern {
        let class = if is(*first, b'[') && classes_end { class(pattern) } else { None };
        let (token, width) = match class {
            Some((class, width)) => (class, width),
            None if is(*first, b'*') => (Token::Any, 1),
            None if is(*first, b'?') => (Token::One, 1),
            None => {
                classes_end &= !is(*first, b'[');
                (Token::Literal(folded(*first, case)), 1)
            }
        };
        tokens.push(token);
        pattern = &rest[width - 1..];
    }
    tokens
}

/// `[abc]`, `[a-z]`, `[!a]`: what it holds, and how long it is; `None` if it has no end.
fn class(pattern: &[u32]) -> Option<(Token, usize)> {
    let negated = pattern.get(1).is_some_and(|second| is(*second, b'!') || is(*second, b'^'));
    let first = if negated { 2 } else { 1 };
    // A `]` that comes first is a member.
    let end = first + 1 + pattern.get(first + 1..)?.iter().position(|&character| is(character, b']'))?;
    let mut ranges = Vec::new();
    let mut members = &pattern[first..end];
    while let [low, rest @ ..] = members {
        let range = if let [dash, high, rest @ ..] = rest { is(*dash, b'-').then_some((high, rest)) } else { None };
        let (high, rest) = range.unwrap_or((low, rest));
        ranges.push((*low, *high));
        members = rest;
    }
    Some((Token::Class { negated, ranges }, end + 1))
}

fn is(character: u32, ascii: u8) -> bool {
    character == u32::from(ascii)
}

/// Bytes that are no UTF-8 come after all characters.
const NO_CHARACTER: u32 = 0x11_0000;

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
            ("?.txt", "é.txt", true),
            ("??.txt", "é.txt", false),
            ("*é", "aéé", true),
            ("[à-ê]", "é", true),
            ("[!é]", "é", false),
            ("目?", "目录", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), *expected, "{pattern} {name}");
        }
    }

    #[test]
    fn a_byte_that_is_no_utf8_is_a_character_of_its_own() {
        let cases: &[(&[u8], &[u8], bool)] = &[
            (b"?", b"\xff", true),
            (b"?", b"\xc3", true),
            (b"?", b"\xc3\xc3", false),
            (b"*\xff", b"a\xc3\xa9\xff", true),
            (b"?\xa9", b"\xc3\xa9", false),
            (b"[\x80-\xff]", b"\xc3", true),
            (b"[\x80-\xff]", "é".as_bytes(), false),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), *expected, "{} {}", pattern.escape_ascii(), name.escape_ascii());
        }
    }

    #[test]
    fn case_is_folded_on_request() {
        let cases: &[(&str, &str, bool)] = &[
            ("thumbs.db", "Thumbs.DB", true),
            ("THUMBS.DB", "thumbs.db", true),
            ("[a-c]*", "Bx", true),
            ("[A-C]*", "bx", true),
            ("[!a-c]*", "Bx", false),
            ("ÄRGER", "ärger", true),
            ("ärger", "ÄRGER", true),
            ("σας", "ΣΑΣ", true),
            ("straße", "STRAßE", true),
            ("я*", "Яблоко", true),
            ("a", "b", false),
        ];
        for (pattern, name, expected) in cases {
            let pattern = Pattern::of(pattern.as_bytes(), Case::Folded);
            assert_eq!(pattern.matches(name.as_bytes()), *expected, "{pattern:?} {name}");
        }
    }

    #[test]
    fn a_pattern_that_matches_every_name_is_known() {
        for (pattern, expected) in [
            ("*", true),
            ("**", true),
            ("?*", true),
            ("*?", true),
            ("??*", false),
            ("?", false),
            ("*.*", false),
            (".*", false),
            ("[!a]*", false),
            ("", false),
        ] {
            assert_eq!(Pattern::of(pattern.as_bytes(), Case::Folded).matches_all(), expected, "{pattern}");
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
            prop_assert!(Pattern::of(name.to_uppercase().as_bytes(), Case::Folded).matches(name.as_bytes()));
            let (around, inside) = (format!("*{name}*"), format!("x{name}y"));
            prop_assert!(matches(around.as_bytes(), inside.as_bytes()));
        }
    }
}
