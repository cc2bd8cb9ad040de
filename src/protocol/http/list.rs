//! The list syntax of fields: members between commas, blanks around them (RFC 9110 §5.6.1).

/// The members of a field that has no quoted strings, without empty ones.
pub(super) fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(trim).filter(|member| !member.is_empty())
}

/// The value without the blanks around it (OWS: space and tab alone).
pub(super) fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = value {
        value = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// A token (RFC 9110 §5.6.2), such as a method or a field's name, is made of these.
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_between_commas_without_blanks() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            (" , ,\t", &[]),
            ("a", &["a"]),
            (" a b ,\tc,,d ", &["a b", "c", "d"]),
            ("\u{a0}", &["\u{a0}"]),
        ];
        for (value, expected) in cases {
            let found: Vec<&[u8]> = members(value.as_bytes()).collect();
            assert_eq!(found, expected.iter().map(|text| text.as_bytes()).collect::<Vec<_>>(), "{value:?}");
        }
    }
}
