//! The host that a client means, and whether this server goes by that name (against DNS rebinding).

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::protocol::address::decimal;

/// A host and its port, as the field `Host` and URLs have them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The host.
    pub host: HostName,
    /// The port; `None` for that of the scheme.
    pub port: Option<u16>,
}

/// An address or a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostName {
    /// An address.
    Address(IpAddr),
    /// A name in lower case, without a dot at its end.
    Name(String),
}

impl Authority {
    /// Reads `host`, `host:port`, `[v6]` and `[v6]:port`; `None` for anything else, such as one with a user.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (host, rest) = match text.strip_prefix('[') {
            Some(bracketed) => {
                let (address, rest) = bracketed.split_once(']')?;
                (HostName::Address(IpAddr::V6(address.parse::<Ipv6Addr>().ok()?)), rest)
            }
            None => {
                let (name, rest) = text.split_at(text.find(':').unwrap_or(text.len()));
                (HostName::parse(name)?, rest)
            }
        };
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => None,
            None => return None,
            // RFC 3986 §3.2.3: the port may be empty.
            Some("") => None,
            Some(digits) => Some(decimal(digits.as_bytes()).filter(|&port| port != 0)?),
        };
        Some(Self { host, port })
    }

    /// The same, without a port that its scheme has anyway.
    #[must_use]
    pub fn of_scheme(self, scheme: UrlScheme) -> Self {
        Self { port: self.port.filter(|&port| port != scheme.port()), ..self }
    }
}

/// As a URL has it.
impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            HostName::Address(IpAddr::V6(address)) => write!(f, "[{address}]")?,
            HostName::Address(IpAddr::V4(address)) => write!(f, "{address}")?,
            HostName::Name(name) => f.write_str(name)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl HostName {
    fn parse(text: &str) -> Option<Self> {
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Address(IpAddr::V4(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let is_name = name.len() <= 253 && name.split('.').all(is_label);
        is_name.then(|| Self::Name(name.to_ascii_lowercase()))
    }
}

/// A scheme of URLs that the web answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlScheme {
    /// In clear.
    Http,
    /// Under TLS.
    Https,
}

impl UrlScheme {
    /// Its usual port.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Splits `http://…` or `https://…` (in any case) into the scheme and what follows the slashes.
    pub fn split(url: &[u8]) -> Option<(Self, &[u8])> {
        [Self::Http, Self::Https].into_iter().find_map(|scheme| {
            let (name, rest) = url.split_at_checked(scheme.as_str().len())?;
            let rest = rest.strip_prefix(b"://")?;
            name.eq_ignore_ascii_case(scheme.as_str().as_bytes()).then_some((scheme, rest))
        })
    }
}

/// The value of the field `Origin`: whose page sent the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOrigin {
    /// The scheme of the page.
    pub scheme: UrlScheme,
    /// Its host and port.
    pub authority: Authority,
}

impl PageOrigin {
    /// Reads `scheme://host[:port]`; `None` for anything else, `null` among it.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (scheme, rest) = UrlScheme::split(value)?;
        Some(Self { scheme, authority: Authority::parse(rest)?.of_scheme(scheme) })
    }

    /// Whether a page of this origin came from the host that the request means, by whatever scheme: a proxy may speak TLS.
    pub fn is_of(&self, authority: &Authority) -> bool {
        self.authority == authority.clone().of_scheme(self.scheme)
    }
}

/// The names that this server goes by.
#[derive(Debug, Clone, Default)]
pub struct HostNames {
    names: Vec<String>,
}

impl HostNames {
    /// These names, besides `localhost`, `*.local` and all addresses; those that are no names are left out.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let name = |text: &str| match HostName::parse(text) {
            Some(HostName::Name(name)) => Some(name),
            Some(HostName::Address(_)) | None => None,
        };
        Self { names: names.into_iter().filter_map(name).collect() }
    }

    /// Whether a request for that host is for this server. A name that a stranger owns can be made to point here, an
    /// address can't.
    pub fn admits(&self, host: &HostName) -> bool {
        match host {
            HostName::Address(_) => true,
            HostName::Name(name) => {
                name == "localhost" || name.ends_with(".local") || self.names.iter().any(|own| own == name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_addresses_or_names_with_or_without_a_port() {
        type Parts<'a> = Option<(&'a str, Option<u16>)>;
        let cases: &[(&str, Parts)] = &[
            ("127.0.0.1", Some(("127.0.0.1", None))),
            ("127.0.0.1:8080", Some(("127.0.0.1", Some(8080)))),
            ("[::1]", Some(("::1", None))),
            ("[::1]:80", Some(("::1", Some(80)))),
            ("[::ffff:127.0.0.1]:80", Some(("::ffff:127.0.0.1", Some(80)))),
            ("NAS.Example.", Some(("nas.example", None))),
            ("nas:", Some(("nas", None))),
            ("my_nas-1:65535", Some(("my_nas-1", Some(65535)))),
            ("nas:65536", None),
            ("nas:0", None),
            ("nas:+80", None),
            ("nas: 80", None),
            ("nas:80:80", None),
            ("nas:80x", None),
            ("::1", None),
            ("[::1", None),
            ("[::1]80", None),
            ("[fe80::1%25eth0]", None),
            ("[127.0.0.1]", None),
            ("", None),
            (".", None),
            (":80", None),
            ("a..b", None),
            (".a", None),
            ("a..", None),
            ("a b", None),
            ("a@b", None),
            ("a/b", None),
            ("a,b", None),
            ("n\u{e4}s", None),
            ("%6eas", None),
        ];
        for (text, expected) in cases {
            let found = Authority::parse(text.as_bytes()).map(|authority| {
                let host = match authority.host {
                    HostName::Address(address) => address.to_string(),
                    HostName::Name(name) => name,
                };
                (host, authority.port)
            });
            let expected = expected.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(found, expected, "{text:?}");
        }
        assert_eq!(Authority::parse(b"\xff"), None);
        assert_eq!(Authority::parse("a".repeat(64).as_bytes()), None);
        assert_eq!(Authority::parse("a.".repeat(127).as_bytes()).map(|_| ()), Some(()));
        assert_eq!(Authority::parse("a.".repeat(128).as_bytes()), None);
    }

    #[test]
    fn a_server_answers_to_addresses_local_names_and_its_own() {
        let hosts = HostNames::new(["NAS.example.org.", "box", "no name", "192.0.2.1"]);
        let cases: &[(&str, bool)] = &[
            ("192.0.2.77", true),
            ("[2001:db8::1]:8080", true),
            ("localhost:1", true),
            ("LOCALHOST.", true),
            ("pi.local", true),
            ("Nas.Example.Org", true),
            ("box:80", true),
            ("evil.example", false),
            ("local", false),
            ("xlocal", false),
            ("localhost.evil.example", false),
            ("pi.local.evil.example", false),
            ("x.nas.example.org", false),
            ("example.org", false),
            ("127.1", false),
            ("2130706433", false),
            ("0x7f.0.0.1", false),
        ];
        for (text, expected) in cases {
            let authority = Authority::parse(text.as_bytes()).unwrap();
            assert_eq!(hosts.admits(&authority.host), *expected, "{text}");
        }
    }

    #[test]
    fn an_origin_is_the_servers_own_by_host_and_port() {
        let cases: &[(&str, &str, Option<bool>)] = &[
            ("http://nas:8080", "nas:8080", Some(true)),
            ("http://NAS:80", "nas", Some(true)),
            ("https://nas", "nas:443", Some(true)),
            ("https://nas", "nas", Some(true)),
            ("http://nas", "nas:443", Some(false)),
            ("http://nas:8081", "nas:8080", Some(false)),
            ("http://evil", "nas", Some(false)),
            ("http://[::1]:1", "[0:0::1]:1", Some(true)),
            ("null", "nas", None),
            ("http://nas/", "nas", None),
            ("ftp://nas", "nas", None),
            ("http://a@nas", "nas", None),
            ("http:/nas", "nas", None),
            ("", "nas", None),
        ];
        for (origin, host, expected) in cases {
            let authority = Authority::parse(host.as_bytes()).unwrap();
            let found = PageOrigin::parse(origin.as_bytes()).map(|origin| origin.is_of(&authority));
            assert_eq!(found, *expected, "{origin} {host}");
        }
    }
}
