//! Paths as links: percent-encoded, so that they are safe in HTML, JSON and fields; and decoded, once.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};

use crate::protocol::{http::error::HttpError, path::VirtualPath};

/// All but the unreserved ones (RFC 3986 §2.3).
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const PATH: &AsciiSet = &COMPONENT.remove(b'/');

/// The link to a file.
pub fn href(path: &VirtualPath) -> String {
    percent_encode(path.as_bytes(), PATH).to_string()
}

/// The link to a folder: it ends with a slash.
pub fn folder_href(path: &VirtualPath) -> String {
    let link = href(path);
    if path.is_root() { link } else { link + "/" }
}

/// A name as the component of a link, also for `filename*` (RFC 8187).
pub fn component_href(name: &[u8]) -> String {
    percent_encode(name, COMPONENT).to_string()
}

/// The link to an entry of a folder, whose own link is known.
pub fn entry_href(folder: &str, name: &[u8], is_folder: bool) -> String {
    let mut link = String::with_capacity(folder.len() + name.len() + 1);
    link.push_str(folder);
    link.extend(percent_encode(name, COMPONENT));
    if is_folder {
        link.push('/');
    }
    link
}

/// Decodes each escape once.
///
/// # Errors
/// A 400 for a `%` without two hexadecimal digits.
pub(super) fn decode(text: &[u8]) -> Result<Vec<u8>, HttpError> {
    let is_broken =
        |(at, _): (usize, &u8)| !text[at + 1..].iter().take(2).filter(|byte| byte.is_ascii_hexdigit()).count().eq(&2);
    if text.iter().enumerate().filter(|&(_, &byte)| byte == b'%').any(is_broken) {
        return Err(HttpError::bad("A % is not followed by two hexadecimal digits."));
    }
    Ok(percent_decode(text).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn links_hold_nothing_but_unreserved_bytes_and_slashes() {
        let path = VirtualPath::root().join(b"a b/<img src=x>/c:%\"'&+?#;\xff\\~._-Z9");
        let expected = "/a%20b/%3Cimg%20src%3Dx%3E/c%3A%25%22%27%26%2B%3F%23%3B%FF%5C~._-Z9";
        assert_eq!(href(&path), expected);
        assert_eq!(folder_href(&path), expected.to_owned() + "/");
        assert_eq!([href(&VirtualPath::root()), folder_href(&VirtualPath::root())], ["/", "/"]);
        assert_eq!(entry_href("/a%20b/", b"c d", false), "/a%20b/c%20d");
        assert_eq!(entry_href("/", b"c/", true), "/c%2F/");
        assert_eq!(component_href("a/\u{e9}".as_bytes()), "a%2F%C3%A9");
    }

    #[test]
    fn escapes_are_decoded_once_or_refused() {
        let cases: &[(&str, Option<&str>)] = &[
            ("", Some("")),
            ("a%20%2B+", Some("a ++")),
            ("%2541", Some("%41")),
            ("%", None),
            ("a%4", None),
            ("%4x", None),
            ("%+1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text.as_bytes()).ok(), expected.map(|text| text.as_bytes().to_vec()), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded_to_the_same(name in proptest::collection::vec(any::<u8>(), 0..40)) {
            let link = component_href(&name);
            prop_assert!(link.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)));
            prop_assert_eq!(decode(link.as_bytes()), Ok(name));
        }
    }
}
