//! HTTP Basic (RFC 7617): name and password of an account in each request.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::protocol::{command::Password, http::list::trim};

/// The longest value that is decoded.
const MAX_ENCODED: usize = 4 << 10;

/// Name and password of an account (RFC 7617: user-pass) as bytes: they need not be UTF-8. Neither holds a NUL or another
/// control byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPass {
    /// The name, which may be empty.
    pub user: Vec<u8>,
    /// The password; not shown by `Debug`.
    pub password: Password,
}

impl UserPass {
    /// Reads the value of `Authorization`; `None` if it is not Basic or malformed.
    pub fn basic(value: &[u8]) -> Option<Self> {
        let (scheme, encoded) = value.split_at_checked(5)?;
        let encoded = encoded.strip_prefix(b" ").map(trim)?;
        if !scheme.eq_ignore_ascii_case(b"basic") || encoded.len() > MAX_ENCODED {
            return None;
        }
        let decoded = STANDARD.decode(encoded).ok()?;
        let colon = decoded.iter().position(|&byte| byte == b':')?;
        Self::new(&decoded[..colon], &decoded[colon + 1..])
    }

    /// Of a name and a password; `None` if one of them holds a control byte (RFC 7617 §2).
    pub fn new(user: &[u8], password: &[u8]) -> Option<Self> {
        let is_text = !user.iter().chain(password).any(u8::is_ascii_control);
        is_text.then(|| Self { user: user.to_vec(), password: Password(password.to_vec()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_is_split_at_the_first_colon() {
        let basic = |text: &[u8]| UserPass::basic(format!("Basic {}", STANDARD.encode(text)).as_bytes());
        type Pair<'a> = Option<(&'a [u8], &'a [u8])>;
        let cases: &[(&[u8], Pair)] = &[
            (b"a:b", Some((b"a", b"b"))),
            (b"a:b:c:", Some((b"a", b"b:c:"))),
            (b":", Some((b"", b""))),
            ("\u{e9}:\u{65e5}".as_bytes(), Some(("\u{e9}".as_bytes(), "\u{65e5}".as_bytes()))),
            (b"\xff:\xfe", Some((b"\xff", b"\xfe"))),
            (b"a", None),
            (b"", None),
            (b"a:b\0", None),
            (b"a\n:b", None),
        ];
        for (text, expected) in cases {
            let found = basic(text).map(|found| (found.user, found.password.0));
            assert_eq!(found, expected.map(|(user, password)| (user.to_vec(), password.to_vec())), "{text:?}");
        }
        assert!(!format!("{:?}", basic(b"alex:secret").unwrap()).contains("secret"));
    }

    #[test]
    fn the_scheme_has_any_case_and_the_code_is_strict() {
        let cases: &[(&str, bool)] = &[
            ("Basic YTpi", true),
            ("bASIC  YTpi ", true),
            ("Basic YTo=", true),
            ("Basic YTo", false),
            ("Basic YTp=", false),
            ("Basic YTpi=", false),
            ("Basic YT pi", false),
            ("Basic YTp-", false),
            ("Basic", false),
            ("Basic ", false),
            ("BasicYTpi", false),
            ("Basic\tYTpi", false),
            ("Bearer YTpi", false),
            ("Digest username=\"a\"", false),
            ("", false),
            ("\u{df}asic YTpi", false),
        ];
        for (value, expected) in cases {
            assert_eq!(UserPass::basic(value.as_bytes()).is_some(), *expected, "{value}");
        }
        let long = STANDARD.encode([b"a:".to_vec(), vec![b'x'; MAX_ENCODED]].concat());
        assert_eq!(UserPass::basic(format!("Basic {long}").as_bytes()), None);
    }
}
