//! Structured values of fields (RFC 9651), as resumable uploads use them.

use crate::protocol::{address::decimal, http::date};

/// A boolean: `?1` or `?0`.
pub fn boolean(value: &[u8]) -> Option<bool> {
    match value {
        b"?1" => Some(true),
        b"?0" => Some(false),
        _ => None,
    }
}

/// An integer that is not negative: up to 15 digits.
pub fn integer(value: &[u8]) -> Option<u64> {
    if value.len() <= 15 { decimal(value) } else { None }
}

/// A time of `X-Modified`, in Unix seconds: digits, perhaps with a fraction, which is dropped.
pub fn seconds(value: &[u8]) -> Option<i64> {
    let dot = value.iter().position(|&byte| byte == b'.').unwrap_or(value.len());
    let (whole, fraction) = value.split_at(dot);
    let is_fraction = fraction.is_empty() || fraction.len() > 1 && fraction[1..].iter().all(u8::is_ascii_digit);
    decimal(whole).filter(|&seconds| is_fraction && seconds <= date::LAST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans_and_integers_are_exact() {
        for (value, expected) in [
            ("?1", Some(true)),
            ("?0", Some(false)),
            ("?2", None),
            ("1", None),
            ("?1 ", None),
            ("?1;a", None),
            ("", None),
            ("true", None),
        ] {
            assert_eq!(boolean(value.as_bytes()), expected, "{value}");
        }
        let cases = [
            ("0", Some(0)),
            ("007", Some(7)),
            ("999999999999999", Some(999_999_999_999_999)),
            ("1000000000000000", None),
            ("+1", None),
            ("-1", None),
            ("1.0", None),
            ("", None),
            ("0x1", None),
            ("1 ", None),
            ("1;a", None),
            ("1,1", None),
        ];
        for (value, expected) in cases {
            assert_eq!(integer(value.as_bytes()), expected, "{value}");
        }
    }

    #[test]
    fn a_time_is_a_number_of_seconds_that_files_can_have() {
        let times = [("0", Some(0)), ("1700000000", Some(1_700_000_000)), ("1700000000.75", Some(1_700_000_000))];
        let nonsense =
            ["", "-1", "+1", ".5", "1.", "1.x", "1.5.5", "1e3", "0x1", "1 ", "1700000000000", "99999999999999999999"];
        for (value, expected) in times.into_iter().chain(nonsense.map(|value| (value, None))) {
            assert_eq!(seconds(value.as_bytes()), expected, "{value}");
        }
    }
}
