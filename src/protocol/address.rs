//! Addresses of data connections as they stand in commands and replies (RFC 959 PORT and 227, RFC 2428 EPRT and 229).

use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};

use crate::protocol::request::Malformed;

const NO_EPRT: Malformed = Malformed::Syntax("EPRT takes |1|address|port| or |2|address|port|.");

/// Reads PORT's `h1,h2,h3,h4,p1,p2`: exactly six decimal numbers up to 255, and no port 0.
pub fn parse_port(argument: &[u8]) -> Option<SocketAddrV4> {
    let mut bytes = [0; 6];
    let mut numbers = argument.split(|&byte| byte == b',');
    for byte in &mut bytes {
        *byte = decimal(numbers.next()?)?;
    }
    let [a, b, c, d, high, low] = bytes;
    let port = u16::from_be_bytes([high, low]);
    (numbers.next().is_none() && port != 0).then(|| SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port))
}

/// Reads EPRT's `|family|address|port|`, with any printable delimiter.
pub fn parse_eprt(argument: &[u8]) -> Result<SocketAddr, Malformed> {
    let (&delimiter, _) = argument.split_first().ok_or(NO_EPRT)?;
    if !(33..=126).contains(&delimiter) {
        return Err(NO_EPRT);
    }
    let fields: Vec<&[u8]> = argument.split(|&byte| byte == delimiter).collect();
    let [b"", family, address, port, b""] = fields[..] else { return Err(NO_EPRT) };
    let family: u8 = decimal(family).ok_or(NO_EPRT)?;
    let port: u16 = decimal(port).filter(|&port| port != 0).ok_or(NO_EPRT)?;
    let address = std::str::from_utf8(address).map_err(|_| NO_EPRT)?;
    let address = match family {
        1 => address.parse().map(IpAddr::V4),
        2 => address.parse().map(IpAddr::V6),
        _ => return Err(Malformed::Family),
    };
    address.map(|address| SocketAddr::new(address, port)).map_err(|_| NO_EPRT)
}

/// The text of a 227 reply, letter for letter as clients parse it.
pub fn passive_text(address: SocketAddrV4) -> String {
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    format!("Entering Passive Mode ({a},{b},{c},{d},{high},{low}).")
}

/// The text of a 229 reply, letter for letter as clients parse it.
pub fn extended_passive_text(port: u16) -> String {
    format!("Entering Extended Passive Mode (|||{port}|)")
}

/// Whether a client may be told to dial this address by a server that listens on those.
///
/// # Errors
/// Why not, as the end of a sentence that begins with the address.
pub fn may_be_given(address: Ipv4Addr, listening: &[IpAddr]) -> Result<(), &'static str> {
    let loopback_is_served = || listening.iter().any(|ip| ip.is_ipv4() && ip.is_loopback());
    match address.octets() {
        [0, ..] => Err("is no address that a client can dial"),
        [224..=239, ..] => Err("is a multicast address"),
        [255, 255, 255, 255] => Err("is the broadcast address"),
        [127, ..] if !loopback_is_served() => {
            Err("is the client's own machine to every client, and ip lists no such address")
        }
        _ => Ok(()),
    }
}

/// True for an address of the Internet; false for those of a machine, a local network or a provider's inner one.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !matches!(
            address.octets(),
            [0 | 10 | 127, ..]
                | [100, 64..=127, ..]
                | [169, 254, ..]
                | [172, 16..=31, ..]
                | [192, 168, ..]
                | [224..=255, ..]
        ),
        IpAddr::V6(address) => address.segments()[0] & 0xe000 == 0x2000,
    }
}

/// True for an address of this machine or of a local network by its number alone: loopback, private (RFC 1918, RFC 4193) and
/// link-local ones.
pub fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local(),
    }
}

/// Whether a text is a name that DNS can know, perhaps with the dot of the root at its end.
pub fn is_dns_name(text: &str) -> bool {
    let is_label = |label: &str| {
        let known = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        known && (1..=63).contains(&label.len())
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_number = name.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    name.split('.').all(is_label) && name.len() <= 253 && !is_number
}

/// Whether a text is an IP address; one of IPv6 may be in brackets.
pub fn is_address(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().is_ok()
}

/// An unsigned number in decimal digits alone: no sign, no blank; `None` if it does not fit.
pub fn decimal<T: std::str::FromStr>(digits: &[u8]) -> Option<T> {
    let all_digits = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| all_digits)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn port_takes_exactly_six_numbers_up_to_255() {
        let cases: &[(&str, Option<&str>)] = &[
            ("127,0,0,1,4,1", Some("127.0.0.1:1025")),
            ("10,1,2,3,255,255", Some("10.1.2.3:65535")),
            ("127,0,0,1,0,0", None),
            ("127,0,0,1,4", None),
            ("127,0,0,1,4,1,1", None),
            ("127,0,0,256,4,1", None),
            ("127,0,0,+1,4,1", None),
            ("127,0,0, 1,4,1", None),
            ("127,0,0,,4,1", None),
            ("", None),
        ];
        for (argument, expected) in cases {
            assert_eq!(parse_port(argument.as_bytes()).map(|a| a.to_string()).as_deref(), *expected, "{argument}");
        }
    }

    #[test]
    fn eprt_takes_two_families_and_any_delimiter() {
        let cases: &[(&str, Result<&str, Malformed>)] = &[
            ("|1|127.0.0.1|1025|", Ok("127.0.0.1:1025")),
            ("!2!::1!1025!", Ok("[::1]:1025")),
            ("|3|x|1025|", Err(Malformed::Family)),
            ("|1|::1|1025|", Err(NO_EPRT)),
            ("|1|127.0.0.1|0|", Err(NO_EPRT)),
            ("|1|127.0.0.1|65536|", Err(NO_EPRT)),
            ("|1|127.0.0.1|1025", Err(NO_EPRT)),
            ("|1|127.0.0.1|1025||", Err(NO_EPRT)),
            (" 1 127.0.0.1 1025 ", Err(NO_EPRT)),
            ("", Err(NO_EPRT)),
        ];
        for (argument, expected) in cases {
            let parsed = parse_eprt(argument.as_bytes()).map(|address| address.to_string());
            assert_eq!(parsed, expected.map(str::to_owned), "{argument}");
        }
    }

    #[test]
    fn public_addresses_are_those_of_the_internet() {
        let public = ["8.8.8.8", "203.0.113.9", "172.15.0.1", "172.32.0.1", "100.63.0.1", "100.128.0.1", "2001:db8::1"];
        let others = [
            "10.1.2.3",
            "127.0.0.1",
            "192.168.1.1",
            "172.16.0.1",
            "172.31.9.9",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "fe80::1",
            "fd00::1",
            "::",
            "ff02::1",
        ];
        for (addresses, expected) in [(&public[..], true), (&others[..], false)] {
            for address in addresses {
                assert_eq!(is_public(address.parse().unwrap()), expected, "{address}");
            }
        }
    }

    #[test]
    fn passive_replies_are_written_as_clients_parse_them() {
        let address = SocketAddrV4::new(Ipv4Addr::new(192, 168, 1, 2), 8307);
        assert_eq!(passive_text(address), "Entering Passive Mode (192,168,1,2,32,115).");
        assert_eq!(extended_passive_text(8307), "Entering Extended Passive Mode (|||8307|)");
    }
}
