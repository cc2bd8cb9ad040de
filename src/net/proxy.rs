//! The PROXY protocol (versions 1 and 2): which client a load balancer connects for.

use std::io::{self, ErrorKind, Read};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Instant;

use ppp::v2::PROTOCOL_PREFIX;
use ppp::{HeaderResult, v1, v2};

use crate::net::until::Until;

/// The minimum length of both versions; version 2 begins with a signature of this length.
const BEGINNING: usize = PROTOCOL_PREFIX.len();
/// Version 1 is a line of at most 107 bytes.
const MAX_LINE: usize = 107;
/// Maximum length of version 2, which may carry more than addresses.
const MAX_LENGTH: u16 = 2048;

/// Reads the header, and not a byte after it; `None` if the balancer speaks for itself (a health check).
///
/// # Errors
/// `InvalidData` if what came is no header, `TimedOut` if it did not come in time; else the connection broke.
pub fn client(stream: &TcpStream, deadline: Instant) -> io::Result<Option<SocketAddr>> {
    let header = read(&mut Until::new(stream, deadline))?;
    stream.set_read_timeout(None)?;
    parse(&header)
}

fn read(source: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut header = vec![0; BEGINNING];
    source.read_exact(&mut header)?;
    if header == PROTOCOL_PREFIX {
        header.resize(BEGINNING + 4, 0);
        source.read_exact(&mut header[BEGINNING..])?;
        let length = u16::from_be_bytes([header[BEGINNING + 2], header[BEGINNING + 3]]);
        if length > MAX_LENGTH {
            return Err(ErrorKind::InvalidData.into());
        }
        header.resize(BEGINNING + 4 + usize::from(length), 0);
        source.read_exact(&mut header[BEGINNING + 4..])?;
        return Ok(header);
    }
    if !header.starts_with(b"PROXY ") {
        return Err(ErrorKind::InvalidData.into());
    }
    // Byte by byte: what follows the line belongs to the session.
    while header.last() != Some(&b'\n') {
        if header.len() >= MAX_LINE {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut byte = [0];
        source.read_exact(&mut byte)?;
        header.push(byte[0]);
    }
    Ok(header)
}

fn parse(header: &[u8]) -> io::Result<Option<SocketAddr>> {
    let client: Option<(IpAddr, u16)> = match HeaderResult::parse(header) {
        HeaderResult::V1(Ok(header)) => match header.addresses {
            v1::Addresses::Tcp4(ends) => Some((ends.source_address.into(), ends.source_port)),
            v1::Addresses::Tcp6(ends) => Some((ends.source_address.into(), ends.source_port)),
            v1::Addresses::Unknown => None,
        },
        HeaderResult::V2(Ok(header)) if header.command == v2::Command::Local => None,
        HeaderResult::V2(Ok(header)) => match header.addresses {
            v2::Addresses::IPv4(ends) => Some((ends.source_address.into(), ends.source_port)),
            v2::Addresses::IPv6(ends) => Some((ends.source_address.into(), ends.source_port)),
            v2::Addresses::Unspecified | v2::Addresses::Unix(_) => None,
        },
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => return Err(ErrorKind::InvalidData.into()),
    };
    Ok(client.map(SocketAddr::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version_2(command: u8, family: u8, addresses: &[u8]) -> Vec<u8> {
        let length = u16::try_from(addresses.len()).unwrap().to_be_bytes();
        [PROTOCOL_PREFIX, &[0x20 | command, family], &length, addresses].concat()
    }

    #[test]
    fn both_versions_name_the_client_and_leave_what_follows() {
        let v4 = [192, 0, 2, 7, 10, 0, 0, 1, 0xc3, 0x50, 0, 21];
        let v6 =
            [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7][..], &[0; 16], &[0xc3, 0x50, 0, 21]].concat();
        // A TLV after the addresses: unique id.
        let more = [&v4[..], &[5, 0, 1, 65]].concat();
        let cases: &[(Vec<u8>, Option<&str>)] = &[
            (b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 21\r\n".to_vec(), Some("192.0.2.7:50000")),
            (b"PROXY TCP6 2001:db8::7 ::1 50000 21\r\n".to_vec(), Some("[2001:db8::7]:50000")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (version_2(1, 0x11, &v4), Some("192.0.2.7:50000")),
            (version_2(1, 0x21, &v6), Some("[2001:db8::7]:50000")),
            (version_2(1, 0x11, &more), Some("192.0.2.7:50000")),
            (version_2(0, 0, &[]), None),
        ];
        for (header, client) in cases {
            let sent = [&header[..], b"USER bob\r\n"].concat();
            let mut source = &sent[..];
            let read = read(&mut source).unwrap();
            assert_eq!(source, b"USER bob\r\n", "{}", header.escape_ascii());
            assert_eq!(
                parse(&read).unwrap(),
                client.map(|client| client.parse().unwrap()),
                "{}",
                header.escape_ascii()
            );
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let endless = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat();
        let huge = [PROTOCOL_PREFIX, &[0x21, 0x11, 0xff, 0xff]].concat();
        let cases = [b"USER anonymous\r\n".to_vec(), b"PROXY TCP4 1.2.3 4 5 6\r\n".to_vec(), endless, huge];
        for sent in cases {
            let refused = read(&mut &sent[..]).and_then(|header| parse(&header)).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidData, "{}", sent.escape_ascii());
        }
    }
}
