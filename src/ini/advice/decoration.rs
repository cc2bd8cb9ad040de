//! Quotes around a value, and comments after it.

use super::super::{Key, Mistake};

/// Pairs of quotes; the same character or two.
const QUOTES: &[(char, char)] = &[
    ('"', '"'),
    ('\'', '\''),
    ('`', '`'),
    ('“', '”'),
    ('‘', '’'),
    ('„', '“'),
    ('„', '”'),
    ('‚', '‘'),
    ('«', '»'),
    ('»', '«'),
    ('「', '」'),
    ('『', '』'),
    ('”', '”'),
    ('’', '’'),
    ('＂', '＂'),
];

/// What is wrong if there is something around a value that would be sound or better without it.
pub(super) fn of(row: &Key, value: &str, sound: &impl Fn(&str) -> bool) -> Option<Mistake> {
    let bare = removed(value);
    // Each pattern of a list may have quotes of its own.
    let is_of_parts = row.value == "patterns" && value.contains(',') && half_quoted(value).is_some();
    if bare == value || is_of_parts {
        return None;
    }
    let mistake = match comment(value) {
        _ if value.starts_with(['=', ':']) && !value.starts_with("::") => {
            Mistake::new("one '=' or ':' is enough").at(0..1)
        }
        _ if quoted(value.trim_end_matches([',', ';'])).is_some() => Mistake::new("there are quotes around the value"),
        Some(at) => Mistake::new("a comment needs a line of its own").at(at..value.len()),
        None if value.ends_with([',', ';']) => {
            let reason = match row.value {
                "letters" => "letters stand together, without commas",
                _ => "a value ends without ',' or ';'",
            };
            Mistake::new(reason).at(value.len() - 1..value.len())
        }
        None => Mistake::new("there is a quote at one end of the value"),
    };
    let meant = super::better(row, value).filter(|better| sound(better));
    Some(match meant {
        _ if row.is_secret() => mistake.fix("write it without them"),
        Some(better) => mistake.fix(format!("write {} = {better}", row.name)),
        None if quoted(value).is_some() => mistake.fix(format!("write {} without quotes", row.name)),
        None => mistake,
    })
}

/// The value without quotes around it and without a comment after it.
pub(super) fn removed(value: &str) -> &str {
    let value = value
        .strip_prefix(['=', ':'])
        .filter(|rest| !rest.starts_with(':'))
        .map_or(value, |rest| rest.trim_start_matches(['=', '>', ' ']));
    let value = comment(value).map_or(value, |at| value[..at].trim_end());
    // Lines of other languages may end so.
    let value = value.strip_suffix([',', ';']).map_or(value, str::trim_end);
    quoted(value).or_else(|| half_quoted(value)).unwrap_or(value)
}

/// What is between the quotes around a value.
pub(super) fn quoted(value: &str) -> Option<&str> {
    let inner = QUOTES.iter().find_map(|(open, close)| value.strip_prefix(*open)?.strip_suffix(*close));
    inner.map(str::trim).filter(|inner| !inner.is_empty())
}

/// What is left of a value with a quote at one end.
pub(super) fn half_quoted(value: &str) -> Option<&str> {
    let is_quote = |c: char| QUOTES.iter().any(|(open, close)| c == *open || c == *close);
    let rest = value.strip_prefix(is_quote).or_else(|| value.strip_suffix(is_quote)).map(str::trim);
    rest.filter(|rest| rest.contains(|c| !is_quote(c)) && quoted(value).is_none())
}

/// Where a comment after a value begins.
pub fn comment(value: &str) -> Option<usize> {
    let is_begin = |at: usize| {
        let rest = value[at..].trim_start();
        rest.starts_with(['#', ';']) || rest.starts_with("//") || rest.starts_with("/*")
    };
    let mut blanks = value.match_indices(char::is_whitespace).map(|(at, _)| at);
    let at = blanks.find(|at| is_begin(*at))?;
    Some(at + value[at..].len() - value[at..].trim_start().len())
}

/// Clients would see the quotes around a text.
pub(super) fn quoted_text(row: &Key, value: &str) -> Option<Mistake> {
    let inner = quoted(value)?;
    Some(Mistake::new("clients will see the quotes").fix(format!("write {} = {inner}", row.name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_and_comments_are_taken_away() {
        let cases = [
            ("elr", "elr"),
            ("\"elr\"", "elr"),
            ("' elr '", "elr"),
            ("“elr”", "elr"),
            ("„elr“", "elr"),
            ("elr # reads", "elr"),
            ("elr  ;reads", "elr"),
            ("\"elr\" # reads", "elr"),
            ("\"elr\",", "elr"),
            ("a#b", "a#b"),
            ("\"\"", "\"\""),
            ("\"elr", "elr"),
            ("elr”", "elr"),
            ("elr;", "elr"),
            ("= elr", "elr"),
            (":= elr", "elr"),
            ("// x", "// x"),
        ];
        for (value, bare) in cases {
            assert_eq!(removed(value), bare, "{value}");
        }
        assert_eq!(comment("elr  # x"), Some(5));
    }
}
