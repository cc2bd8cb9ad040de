//! The target of a request (RFC 9112 §3.2): a path with a query, alone or in an absolute URL.

use crate::protocol::{
    http::{
        error::HttpError,
        host::{Authority, UrlScheme},
        href::{decode, folder_href, href},
        query::Query,
    },
    path::{VirtualPath, has_control_bytes},
};

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestTarget {
    /// The path, decoded once.
    pub path: VirtualPath,
    /// Whether it ends with a slash, so that it means a folder.
    pub is_folder: bool,
    /// What follows the `?`.
    pub query: Query,
    /// The host, if the target is a whole URL.
    pub authority: Option<Authority>,
}

impl RequestTarget {
    /// Reads the target of a request line.
    ///
    /// # Errors
    /// A 400 for every target that is no path and no URL of `http` or `https` with one, and for every path that means
    /// different things to different readers.
    pub fn parse(text: &[u8]) -> Result<Self, HttpError> {
        let (authority, text) = match UrlScheme::split(text) {
            None => (None, text),
            Some((scheme, rest)) => {
                let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
                let authority = Authority::parse(&rest[..end]).ok_or(HttpError::bad("The target has no host."))?;
                // RFC 9110 §4.2.3: an empty path is that of the root.
                (Some(authority.of_scheme(scheme)), if end == rest.len() { &b"/"[..] } else { &rest[end..] })
            }
        };
        Ok(Self { authority, ..Self::local(text)? })
    }

    /// Reads a path with its query, as a link on our own page has it.
    ///
    /// # Errors
    /// As for [`Self::parse`]; also for whole URLs.
    pub fn local(text: &[u8]) -> Result<Self, HttpError> {
        if text.contains(&b'#') {
            return Err(HttpError::bad("The target has a fragment."));
        }
        let (path, query) = match text.iter().position(|&byte| byte == b'?') {
            Some(at) => (&text[..at], &text[at + 1..]),
            None => (text, &b""[..]),
        };
        let (path, is_folder) = parse_path(path)?;
        Ok(Self { path, is_folder, query: Query::parse(query)?, authority: None })
    }

    /// The link that leads here, without a host.
    pub fn href(&self) -> String {
        let mut link = if self.is_folder { folder_href(&self.path) } else { href(&self.path) };
        self.query.write(&mut link);
        link
    }
}

/// The path, and whether it means a folder.
fn parse_path(text: &[u8]) -> Result<(VirtualPath, bool), HttpError> {
    let relative = text.strip_prefix(b"/").ok_or(HttpError::bad("The target of the request is no path."))?;
    if relative.is_empty() {
        return Ok((VirtualPath::root(), true));
    }
    let (components, is_folder) = match relative.strip_suffix(b"/") {
        Some(components) => (components, true),
        None => (relative, false),
    };
    let mut path = Vec::with_capacity(text.len());
    for component in components.split(|&byte| byte == b'/') {
        path.push(b'/');
        path.extend(parse_component(component)?);
    }
    Ok((VirtualPath::root().join(&path), is_folder))
}

fn parse_component(text: &[u8]) -> Result<Vec<u8>, HttpError> {
    let component = decode(text)?;
    match &component[..] {
        b"" => Err(HttpError::bad("The path has two slashes in a row.")),
        b"." | b".." => Err(HttpError::bad("The path has a component . or .. in it.")),
        name if name.contains(&b'/') => Err(HttpError::bad("The path has an encoded slash in a name.")),
        name if has_control_bytes(name) => Err(HttpError::bad("The path has a control byte in it.")),
        _ => Ok(component),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_are_decoded_once() {
        let cases: &[(&str, &str, bool)] = &[
            ("/", "/", true),
            ("/a", "/a", false),
            ("/a/", "/a", true),
            ("/a%20b/c+d", "/a b/c+d", false),
            ("/%252e%252e/x", "/%2e%2e/x", false),
            ("/..;/x", "/..;/x", false),
            ("/...", "/...", false),
            ("/..%5cx", "/..\\x", false),
            ("/%3f%23?q", "/?#", false),
            ("/\u{e9}", "/\u{e9}", false),
            ("http://h", "/", true),
            ("HTTPS://h:1/a/?zip", "/a", true),
        ];
        for (text, path, is_folder) in cases {
            let target = RequestTarget::parse(text.as_bytes());
            let found = target.map(|target| (target.path.as_bytes().to_vec(), target.is_folder));
            assert_eq!(found, Ok((path.as_bytes().to_vec(), *is_folder)), "{text}");
        }
        let target = RequestTarget::parse(b"/%c0%ae%c0%ae/%ff").unwrap();
        assert_eq!(target.path.as_bytes(), b"/\xc0\xae\xc0\xae/\xff");
    }

    #[test]
    fn targets_that_are_no_plain_path_are_400() {
        let cases = [
            "",
            "a",
            "*",
            "h:80",
            "h",
            "//",
            "/a//b",
            "/a//",
            "//h/a",
            "/.",
            "/..",
            "/../a",
            "/a/./b",
            "/a/..",
            "/a/../",
            "/%2e",
            "/%2E%2e/a",
            "/.%2e",
            "/a%2fb",
            "/a%2F",
            "/%2f",
            "/%",
            "/%4",
            "/%zz",
            "/a%00",
            "/%0a",
            "/%7f",
            "/a#b",
            "/a?b#c",
            "/?%",
            "ftp://h/a",
            "file:///a",
            "http:/a",
            "http:///a",
            "http://",
            "http://a@h/",
            "http://h#a",
            "http://h?zip",
            "http://h//a",
            "http://h/..",
            "javascript:x",
            "?zip",
            "\\a",
            "http:\\\\h",
        ];
        for text in cases {
            assert_eq!(RequestTarget::parse(text.as_bytes()).map_err(|error| error.status), Err(400), "{text:?}");
        }
        assert!(RequestTarget::local(b"http://h/a").is_err());
    }

    #[test]
    fn an_absolute_target_names_its_host() {
        let target = RequestTarget::parse(b"http://nas:80/a?zip").unwrap();
        assert_eq!(target.authority, Authority::parse(b"nas"));
        assert!(target.query.has("zip"));
        assert_eq!(RequestTarget::parse(b"/a").unwrap().authority, None);
    }

    proptest! {
        #[test]
        fn a_target_leads_where_its_link_leads(text in "/?([a./%25f\\\\?&= \u{e9}]|%2e|%2f|%00){0,12}") {
            if let Ok(target) = RequestTarget::parse(text.as_bytes()) {
                prop_assert_eq!(RequestTarget::parse(target.href().as_bytes()), Ok(target.clone()));
                prop_assert!(!target.path.has_component(|name| matches!(name, b"." | b"..")));
            }
        }

        #[test]
        fn every_path_has_a_link_that_leads_to_it(name in proptest::collection::vec(0x20..=0xffu8, 0..30)) {
            let path = VirtualPath::root().join(&name);
            prop_assume!(!has_control_bytes(&name));
            prop_assert_eq!(RequestTarget::parse(href(&path).as_bytes()).unwrap().path, path.clone());
            let target = RequestTarget::parse(folder_href(&path).as_bytes()).unwrap();
            prop_assert!(target.is_folder && target.path == path);
        }
    }
}
