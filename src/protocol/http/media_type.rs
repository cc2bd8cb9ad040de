//! The field `Content-Type` of a request.

use crate::protocol::http::list::trim;

/// Whether the value is of that type, with whatever parameters.
pub fn is_media_type(value: &[u8], media_type: &str) -> bool {
    let essence = value.split(|&byte| byte == b';').next().unwrap_or_default();
    trim(essence).eq_ignore_ascii_case(media_type.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_compared_without_case_and_parameters() {
        for (value, expected) in [
            ("text/html", true),
            ("Text/HTML ; charset=x", true),
            ("text/htm", false),
            ("text/html, a/b", false),
            ("", false),
            (";", false),
        ] {
            assert_eq!(is_media_type(value.as_bytes(), "text/html"), expected, "{value}");
        }
    }
}
