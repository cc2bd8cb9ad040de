//! MOVE's field `Destination` (RFC 4918 §10.3): a path, or a URL of this host.

use crate::protocol::http::{error::HttpError, head::Head, host::Authority, target::RequestTarget};

/// Where the file goes; `own` is the host that the request itself means.
///
/// # Errors
/// A 400 if the field is missing, there twice, no path, has a query, or names another host.
pub fn destination(head: &Head, own: Option<&Authority>) -> Result<RequestTarget, HttpError> {
    parse(head.only("destination")?.ok_or(HttpError::bad("The field Destination is missing."))?, own)
}

/// Reads the value of the field.
///
/// # Errors
/// As for [`destination`].
pub fn parse(value: &[u8], own: Option<&Authority>) -> Result<RequestTarget, HttpError> {
    let target = RequestTarget::parse(value)?;
    if !target.query.is_empty() {
        return Err(HttpError::bad("The field Destination has a query."));
    }
    match (&target.authority, own) {
        (None, _) => Ok(target),
        (Some(named), Some(own)) if is_same(named, own) => Ok(target),
        (Some(_), _) => Err(HttpError::bad("The field Destination names another host.")),
    }
}

/// The usual port of either scheme is the same as none: a proxy before us may speak the other one.
fn is_same(named: &Authority, own: &Authority) -> bool {
    let port = |authority: &Authority| authority.port.filter(|port| ![80, 443].contains(port));
    named.host == own.host && port(named) == port(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_a_path_or_a_url_of_this_host() {
        let cases: &[(&str, &str, Option<&str>)] = &[
            ("/a%20b", "nas", Some("/a b")),
            ("/a/", "nas", Some("/a")),
            ("http://nas/a", "nas", Some("/a")),
            ("http://NAS:80/a", "nas", Some("/a")),
            ("https://nas/a", "nas", Some("/a")),
            ("https://nas/a", "nas:443", Some("/a")),
            ("http://nas:8080/a", "nas:8080", Some("/a")),
            ("http://[::1]:8080/a", "[::1]:8080", Some("/a")),
            ("http://nas:8080/a", "nas", None),
            ("http://nas/a", "nas:8080", None),
            ("http://evil/a", "nas", None),
            ("//evil/a", "nas", None),
            ("a", "nas", None),
            ("", "nas", None),
            ("/a/../b", "nas", None),
            ("/a%2e%2e/%2e%2e", "nas", None),
            ("/a?b", "nas", None),
            ("/a#b", "nas", None),
            ("/a%0d%0ab", "nas", None),
            ("ftp://nas/a", "nas", None),
        ];
        for (value, own, expected) in cases {
            let found = parse(value.as_bytes(), Authority::parse(own.as_bytes()).as_ref()).ok();
            let found = found.map(|target| String::from_utf8(target.path.as_bytes().to_vec()).unwrap());
            assert_eq!(found.as_deref(), *expected, "{value} at {own}");
        }
        assert!(parse(b"/a", None).is_ok() && parse(b"http://nas/a", None).is_err());
    }
}
