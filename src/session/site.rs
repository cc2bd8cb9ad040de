//! Where the server runs, and what to do about data connections that do not come: sentences for clients and the log.

use std::io::ErrorKind;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::net::data_port::{Invitation, NoConnection};
use crate::net::names::{self, LookedUp};
use crate::protocol::address::is_public;

/// What is known about the machine when the server starts.
#[derive(Debug, Default)]
pub struct Site {
    control_port: u16,
    in_container: bool,
    /// The way out is told once.
    told: AtomicBool,
}

impl Site {
    /// A server that listens on this port, perhaps in a container.
    pub fn new(control_port: u16, in_container: bool) -> Self {
        Self { control_port, in_container, told: AtomicBool::default() }
    }

    /// Tells the administrator, once, what to do if data connections don't come because no ports are published.
    pub fn way_out(&self, local: IpAddr, client: IpAddr, range: Option<&RangeInclusive<u16>>) -> Option<String> {
        let behind_nat = is_public(client) && !is_public(local);
        if !(self.in_container || behind_nat) || self.told.swap(true, Ordering::Relaxed) {
            return None;
        }
        let place = if self.in_container { "this looks like a container" } else { "the client is beyond a router" };
        let first = if range.is_none() { "set passive_ports, for instance to 8300-8500, " } else { "" };
        let (control, ports) = (self.control_port, range.map_or_else(|| "8300-8500".to_owned(), shown));
        Some(format!(
            "{place}: {first}publish or forward the ports (-p {control}:{control} -p {ports}:{ports}), set \
             masquerade_address to the address outside, and masquerade_for = all if all clients come that way"
        ))
    }
}

/// Writes into the log what a lookup of the masquerade address's name has found.
pub fn tell_lookup(place: &str, name: &str, news: &LookedUp) {
    let (why, old) = match news {
        LookedUp::Found(address) => return log::info!("masquerade_address: {name} is {address}"),
        LookedUp::Failed(why, old) => (why, old),
    };
    let reason = why.of(name);
    let told = match old {
        Some(old) => format!("clients are still told {old}"),
        None => "clients are told the address that they dialled".to_owned(),
    };
    log::error!("{place}: masquerade_address: {reason}, so {told}; {}", names::WAY_OUT);
}

/// Why there is no data connection, for the client and the log; `range` is that of the passive ports.
pub fn no_connection(why: &NoConnection, patience: Duration, range: Option<&RangeInclusive<u16>>) -> String {
    match why {
        NoConnection::NobodyCame(at, invitation) => unreached(at.port(), patience, range, *invitation),
        NoConnection::Untaken(_) => "the server can't take the data connection".to_owned(),
        NoConnection::NoAnswer(to) => {
            format!("{to} did not answer within {} s: use PASV or EPSV", patience.as_secs())
        }
        NoConnection::Undialled(to, error) => match error.kind() {
            ErrorKind::ConnectionRefused => format!("{to} refuses connections: use PASV or EPSV"),
            ErrorKind::AddrNotAvailable => {
                format!("no port is left for a connection to {to}: name another one, or use PASV or EPSV")
            }
            _ => format!("{to} can't be reached: use PASV or EPSV"),
        },
    }
}

fn unreached(port: u16, patience: Duration, range: Option<&RangeInclusive<u16>>, invitation: Invitation) -> String {
    let seconds = patience.as_secs();
    let ports = match range {
        Some(range) if range.len() == 1 => format!("open or publish port {} for TCP", range.start()),
        Some(range) => format!("open or publish ports {} for TCP", shown(range)),
        None => "set passive_ports, and open or publish them for TCP".to_owned(),
    };
    let other_way = match invitation {
        Invitation::Pasv => ", or use EPSV",
        Invitation::Epsv => "",
    };
    format!("no connection reached port {port} within {seconds} s: {ports}{other_way}")
}

fn shown(range: &RangeInclusive<u16>) -> String {
    let (first, last) = (range.start(), range.end());
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_names_what_to_open() {
        let cases = [
            (Some(8300..=8500), Invitation::Pasv, "open or publish ports 8300-8500 for TCP, or use EPSV"),
            (Some(8300..=8500), Invitation::Epsv, "open or publish ports 8300-8500 for TCP"),
            (Some(8307..=8307), Invitation::Epsv, "open or publish port 8307 for TCP"),
            (None, Invitation::Pasv, "set passive_ports, and open or publish them for TCP, or use EPSV"),
        ];
        for (range, invitation, words) in cases {
            let sentence = unreached(8307, Duration::from_secs(30), range.as_ref(), invitation);
            assert_eq!(sentence, format!("no connection reached port 8307 within 30 s: {words}"));
        }
    }

    #[test]
    fn the_way_out_is_told_once_in_a_container_or_behind_nat() {
        let [public, private] = ["203.0.113.9", "192.168.1.2"].map(|address| address.parse().unwrap());
        let range = Some(8300..=8500);
        let ask = |site: &Site, local, client| site.way_out(local, client, range.as_ref());
        let machine = Site::new(2121, false);
        assert_eq!(ask(&machine, private, private), None);
        assert_eq!(ask(&machine, public, public), None);
        let told = ask(&machine, private, public).expect("behind NAT");
        assert!(
            told.contains("-p 2121:2121 -p 8300-8500:8300-8500") && told.contains("masquerade_for = all"),
            "{told}"
        );
        assert_eq!(ask(&machine, private, public), None);
        let told = Site::new(21, true).way_out(private, private, None).expect("in a container");
        assert!(
            told.contains("container: set passive_ports") && told.contains("-p 21:21 -p 8300-8500:8300-8500"),
            "{told}"
        );
    }
}
