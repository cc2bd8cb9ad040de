//! Structured values of fields (RFC 9651), as resumable uploads use them.

use crate::protocol::address::decimal;

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
}
