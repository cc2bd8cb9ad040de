//! The method of a request: what it does.

/// A method that the web knows; case matters (RFC 9110 §9.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Get a file or a folder.
    Get,
    /// Like GET, without the bytes.
    Head,
    /// Write a file.
    Put,
    /// Go on with an upload.
    Patch,
    /// Remove.
    Delete,
    /// Make a folder (RFC 4918 §9.3).
    Mkcol,
    /// Rename (RFC 4918 §9.9).
    Move,
    /// Log in or out.
    Post,
    /// Ask what is allowed.
    Options,
    /// Any other.
    Other,
}

const METHODS: &[(Method, &str)] = &[
    (Method::Get, "GET"),
    (Method::Head, "HEAD"),
    (Method::Put, "PUT"),
    (Method::Patch, "PATCH"),
    (Method::Delete, "DELETE"),
    (Method::Mkcol, "MKCOL"),
    (Method::Move, "MOVE"),
    (Method::Post, "POST"),
    (Method::Options, "OPTIONS"),
];

impl Method {
    /// The method of that name.
    pub fn parse(name: &[u8]) -> Self {
        METHODS.iter().find(|(_, text)| text.as_bytes() == name).map_or(Self::Other, |&(method, _)| method)
    }

    /// Its name; `OTHER` for those that the web does not know.
    pub fn as_str(self) -> &'static str {
        METHODS.iter().find(|&&(method, _)| method == self).map_or("OTHER", |&(_, text)| text)
    }

    /// Whether it only asks (RFC 9110 §9.2.1): GET, HEAD, OPTIONS.
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_known_by_their_exact_names() {
        for &(method, name) in METHODS {
            assert_eq!(Method::parse(name.as_bytes()), method);
            assert_eq!(method.as_str(), name);
            assert_eq!(Method::parse(name.to_ascii_lowercase().as_bytes()), Method::Other);
        }
        assert_eq!([&b"TRACE"[..], b"", b"GETT", b"G"].map(Method::parse), [Method::Other; 4]);
        assert_eq!(Method::Other.as_str(), "OTHER");
    }
}
