//! The section `[passive]`: data connections that clients open.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::path::Path;

use crate::ini::{Mistake, Section, Value};
use crate::protocol::address;

/// The section `[passive]`.
#[derive(Clone, Debug, PartialEq)]
pub struct PassiveSection {
    /// Ports for passive data connections, never 0; `None` is any free port.
    pub passive_ports: Option<RangeInclusive<u16>>,
    /// The address that PASV tells clients outside, instead of the one that they dialled.
    pub masquerade_address: Option<Masquerade>,
    /// Which clients are told it.
    pub masquerade_for: Audience,
}

/// The address that clients outside know the server by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Masquerade {
    /// An address that a client can connect to.
    Address(Ipv4Addr),
    /// A name, looked up in DNS.
    Name(String),
}

/// Which clients are told the masquerade address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Those with public addresses; all, if the masquerade address itself is private.
    Outside,
    /// Everybody.
    All,
}

impl PassiveSection {
    /// Reads the section of a server that listens on these addresses.
    pub(super) fn read(section: &mut Section, listening: &[IpAddr]) -> PassiveSection {
        let passive = PassiveSection {
            passive_ports: section.take("passive_ports"),
            masquerade_address: section.take("masquerade_address"),
            masquerade_for: section
                .take_word("masquerade_for", &[("outside", Audience::Outside), ("all", Audience::All)]),
        };
        if let Some(Masquerade::Address(given)) = passive.masquerade_address
            && let Err(reason) = address::may_be_given(given, listening)
        {
            section.refuse("masquerade_address", format!("{given} {reason}"));
        }
        passive
    }

    /// The name to look up, if the masquerade address is one.
    pub fn name(&self) -> Option<&str> {
        match &self.masquerade_address {
            Some(Masquerade::Name(name)) => Some(name),
            Some(Masquerade::Address(_)) | None => None,
        }
    }
}

impl Value for Masquerade {
    fn parse(text: &str, _: &Path) -> Result<Masquerade, Mistake> {
        if let Ok(address) = text.parse::<IpAddr>() {
            match address.to_canonical() {
                IpAddr::V4(address) => Ok(Masquerade::Address(address)),
                IpAddr::V6(_) => {
                    Err(format!("{text} is an IPv6 address: PASV carries none, and EPSV needs none").into())
                }
            }
        } else if address::is_dns_name(text) {
            Ok(Masquerade::Name(text.to_owned()))
        } else {
            Err(format!("'{text}' is neither an IPv4 address nor a DNS name").into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;
    use crate::ini::{File, Finding};

    fn read(text: &str, listening: &str) -> (PassiveSection, Vec<String>) {
        let mut file = File::parse("ftpd.conf", Path::new("/"), &format!("[passive]\n{text}"));
        let listening = [listening.parse().unwrap()];
        let passive = file.read("passive", keys::PASSIVE, |section| PassiveSection::read(section, &listening));
        (passive, file.finish().iter().map(Finding::to_string).collect())
    }

    #[test]
    fn an_address_or_a_name_is_taken() {
        let name = |name: &str| Some(Masquerade::Name(name.to_owned()));
        let address = |bytes: [u8; 4]| Some(Masquerade::Address(bytes.into()));
        let cases = [
            ("203.0.113.5", address([203, 0, 113, 5])),
            ("::ffff:203.0.113.5", address([203, 0, 113, 5])),
            ("192.168.0.2", address([192, 168, 0, 2])),
            ("ftp.example.org", name("ftp.example.org")),
            ("ftp.example.org.", name("ftp.example.org.")),
            ("my_host-2", name("my_host-2")),
            ("off", None),
        ];
        for (text, expected) in cases {
            let (passive, problems) = read(&format!("masquerade_address = {text}"), "0.0.0.0");
            assert_eq!((passive.masquerade_address, problems), (expected, vec![]), "{text}");
        }
    }

    #[test]
    fn what_no_client_can_dial_is_refused_with_the_reason() {
        let cases = [
            ("0.0.0.0", "0.0.0.0 is no address that a client can dial"),
            ("0.1.2.3", "0.1.2.3 is no address that a client can dial"),
            ("239.1.2.3", "239.1.2.3 is a multicast address"),
            ("255.255.255.255", "255.255.255.255 is the broadcast address"),
            ("127.0.0.1", "127.0.0.1 is the client's own machine to every client, and ip lists no such address"),
            ("2001:db8::1", "2001:db8::1 is an IPv6 address: PASV carries none, and EPSV needs none"),
            ("1.2.3", "'1.2.3' is neither an IPv4 address nor a DNS name"),
            (
                "1.2.3.4:21",
                "'1.2.3.4:21' is neither an IPv4 address nor a DNS name; write masquerade_address = 1.2.3.4",
            ),
            ("two words", "'two words' is neither an IPv4 address nor a DNS name"),
            ("a..b", "'a..b' is neither an IPv4 address nor a DNS name"),
        ];
        for (text, reason) in cases {
            let (_, problems) = read(&format!("masquerade_address = {text}"), "0.0.0.0");
            assert_eq!(problems, [format!("ftpd.conf:2: masquerade_address: {reason}")], "{text}");
        }
    }

    #[test]
    fn loopback_may_be_given_if_the_server_listens_there() {
        assert!(read("masquerade_address = 127.0.0.1", "127.0.0.2").1.is_empty());
    }

    #[test]
    fn the_audience_is_one_of_two() {
        assert_eq!(read("masquerade_for = All", "::").0.masquerade_for, Audience::All);
        let (_, problems) = read("masquerade_for = some", "::");
        assert_eq!(problems, ["ftpd.conf:2: masquerade_for: 'some' is none of: outside, all"]);
    }
}
