//! Addresses to listen on and networks, as other programs and people write them.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Subnets;

use super::super::{Key, Mistake};

/// Words for every address.
const ALL: &[&str] = &["*", "all", "any", "everyone", "everybody", "everywhere", "*.*.*.*"];

/// Addresses to listen on: `localhost`, `*`, `[::1]`, blanks for commas.
pub(super) fn to_listen_on(value: &str) -> Option<String> {
    if is_all(value) {
        return Some("0.0.0.0, ::".to_owned());
    }
    each(value, |part| match part {
        "localhost" => Some("127.0.0.1".to_owned()),
        part => part.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|address| address.to_string()),
    })
}

/// Why the server can't listen there, if there is more to say than "no address".
pub(super) fn explained(value: &str) -> Option<Mistake> {
    if is_all(value) {
        return Some(Mistake::new(format!("'{value}' is not an IP address")).fix("every network is 0.0.0.0, ::"));
    }
    let part =
        value.split([',', ' ']).map(str::trim).find(|part| !part.is_empty() && part.parse::<IpAddr>().is_err())?;
    let at = value.find(part)?;
    let mistake = |reason: String| Some(Mistake::new(reason).at(at..at + part.len()));
    let (address, port) = part.rsplit_once(':').unwrap_or((part, ""));
    let is_address = address.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() || address == "localhost";
    match () {
        () if part.contains("://") => mistake(format!("'{part}' is a URL, and an IP address is expected")),
        () if part == "localhost" => mistake("'localhost' is a name, and an IP address is expected".to_owned())?
            .fix("write 127.0.0.1, or 127.0.0.1, ::1")
            .into(),
        () if is_address && port.parse::<u16>().is_ok() => {
            let fix = format!("write ip = {} and port = {port}", address.trim_matches(['[', ']']));
            mistake(format!("'{part}' is not an IP address: the port goes into the key `port`"))?.fix(fix).into()
        }
        () if part.contains('/') => {
            mistake(format!("'{part}' is a network, and the server's own address is expected"))?
                .fix("every network is 0.0.0.0, ::")
                .into()
        }
        () => None,
    }
}

/// Networks: `192.168.1`, `192.168.1.*`, `192.168.1.0/255.255.255.0`, `localhost`, blanks for commas.
pub(super) fn networks(value: &str) -> Option<String> {
    each(&value.replace(" - ", "-"), |part| match part {
        "localhost" => Some("127.0.0.1".to_owned()),
        part if part.parse::<IpAddr>().is_ok() || part.parse::<ipnet::IpNet>().is_ok() => Some(part.to_owned()),
        part => masked(part).or_else(|| begun(part)).or_else(|| between(part)),
    })
}

/// An address or name for clients with something around it.
pub(super) fn to_give(row: &Key, value: &str) -> Option<Mistake> {
    let bare = value.split_once("://").map_or(value, |(_, rest)| rest).trim_end_matches('/');
    let bare = bare.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(bare, |(host, _)| host);
    let reason = format!("'{value}' is neither an IPv4 address nor a DNS name");
    (bare != value && !bare.contains([':', '/']))
        .then(|| Mistake::new(reason).fix(format!("write {} = {bare}", row.name)))
}

/// A name for everybody in place of networks.
pub(super) fn everybody(row: &Key, value: &str) -> Option<Mistake> {
    let reason = format!("'{value}' is neither an address nor a network");
    if row.name == BALANCERS {
        return is_all(value).then(|| Mistake::new(format!("{reason}; {CLAIMS}")).fix(BALANCERS_FIX));
    }
    let is_none = ["off", "none", "no", "0"].iter().any(|word| value.eq_ignore_ascii_case(word));
    match () {
        () if is_none => {
            Mistake::new(reason).fix("for nobody write enabled = off; for everybody leave the key out").into()
        }
        () => is_all(value).then(|| Mistake::new(reason).fix("leave the key out, or write 0.0.0.0/0, ::/0")),
    }
}

/// The key whose networks are believed.
const BALANCERS: &str = "proxy_protocol_from";
const CLAIMS: &str = "who connects from there can claim any address";
const BALANCERS_FIX: &str = "write the addresses of the load balancers alone";

/// A network that is wider than it looks, or that is believed although it is everybody.
pub(super) fn wide(row: &Key, value: &str) -> Option<Mistake> {
    value.split(',').map(str::trim).find_map(|part| {
        let network: ipnet::IpNet = part.parse().ok()?;
        let at = part.as_ptr() as usize - value.as_ptr() as usize;
        let whole = network.trunc();
        let mistake = match () {
            () if row.name == BALANCERS && network.prefix_len() == 0 => {
                Mistake::new(format!("this is everybody, and {CLAIMS}")).fix(BALANCERS_FIX)
            }
            () if whole != network && network.prefix_len() == 0 => {
                Mistake::new(format!("{part} is every address")).fix(format!("did you mean {}?", network.addr()))
            }
            () if whole != network => Mistake::new(format!("{part} is all of {whole}"))
                .fix(format!("write {whole}, or {} for one address", network.addr())),
            () => return None,
        };
        Some(mistake.at(at..at + part.len()))
    })
}

/// An address that nobody has.
pub(super) fn nobody(value: &str) -> Option<Mistake> {
    let part = value.split(',').map(str::trim).find(|part| ["0.0.0.0", "::", "0.0.0.0/32", "::/128"].contains(part))?;
    let at = value.find(part)?;
    let address = part.split('/').next()?;
    Some(
        Mistake::new(format!("nobody has the address {address}"))
            .fix(format!("did you mean {address}/0?"))
            .at(at..at + part.len()),
    )
}

fn is_all(value: &str) -> bool {
    ALL.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// All parts of a list, each corrected; `None` if one can't be, or if nothing changes.
fn each(value: &str, correct: impl Fn(&str) -> Option<String>) -> Option<String> {
    let parts = value.split([',', ';', ' ']).map(str::trim).filter(|part| !part.is_empty());
    let better = parts.map(correct).collect::<Option<Vec<String>>>()?.join(", ");
    (better != value && !better.is_empty()).then_some(better)
}

/// `192.168.1.0/255.255.255.0` → `192.168.1.0/24`.
fn masked(part: &str) -> Option<String> {
    let (address, mask) = part.split_once('/')?;
    let (address, mask): (Ipv4Addr, Ipv4Addr) = (address.parse().ok()?, mask.parse().ok()?);
    let length = mask.to_bits().leading_ones();
    (length == mask.to_bits().count_ones()).then(|| format!("{address}/{length}"))
}

/// `192.168.1.10-192.168.1.20`, `192.168.1.10-20` → the networks that cover it.
fn between(part: &str) -> Option<String> {
    let (first, last) = part.split_once('-')?;
    let first: Ipv4Addr = first.trim().parse().ok()?;
    let last = match last.trim().parse::<u8>() {
        Ok(byte) => Ipv4Addr::from([first.octets()[0], first.octets()[1], first.octets()[2], byte]),
        Err(_) => last.trim().parse().ok()?,
    };
    let networks: Vec<String> = Ipv4Subnets::new(first, last, 0).take(MOST + 1).map(|net| net.to_string()).collect();
    (first <= last && networks.len() <= MOST).then(|| networks.join(", "))
}

/// Maximum number of networks that are offered for a range.
const MOST: usize = 8;

/// `192.168.1`, `192.168.1.`, `192.168.1.*` → `192.168.1.0/24`.
fn begun(part: &str) -> Option<String> {
    let begin = part.trim_end_matches(['.', '*', 'x', 'X']);
    let bytes: Vec<&str> = begin.split('.').collect();
    let sound = (1..=3).contains(&bytes.len()) && bytes.iter().all(|byte| byte.parse::<u8>().is_ok());
    let zeros = ".0".repeat(4usize.checked_sub(bytes.len())?);
    (sound && part.contains('.')).then(|| format!("{begin}{zeros}/{}", 8 * bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_others_are_understood() {
        for (value, better) in [
            ("192.168.1", "192.168.1.0/24"),
            ("192.168.1.*", "192.168.1.0/24"),
            ("10.*.*.*", "10.0.0.0/8"),
            ("192.168.1.0/255.255.255.0", "192.168.1.0/24"),
            ("localhost", "127.0.0.1"),
            ("10.0.0.1 10.0.0.2", "10.0.0.1, 10.0.0.2"),
            ("192.168.", "192.168.0.0/16"),
            ("10.0.0.0-255", "10.0.0.0/24"),
            ("10.0.0.10 - 10.0.0.11", "10.0.0.10/31"),
        ] {
            assert_eq!(networks(value).as_deref(), Some(better), "{value}");
        }
        for value in ["home", "10.0.0.0/33", "300.1", "10.0.0.1", "10.0.0.0/0.255.0.0", "example.org"] {
            assert_eq!(networks(value), None, "{value}");
        }
    }

    #[test]
    fn addresses_to_listen_on_are_understood() {
        assert_eq!(to_listen_on("*").as_deref(), Some("0.0.0.0, ::"));
        assert_eq!(to_listen_on("[::1]").as_deref(), Some("::1"));
        assert_eq!(to_listen_on("0.0.0.0 ::").as_deref(), Some("0.0.0.0, ::"));
        let told = |value| explained(value).map(|mistake| mistake.fix.unwrap_or_default());
        assert_eq!(told("127.0.0.1:2121").as_deref(), Some("write ip = 127.0.0.1 and port = 2121"));
        assert_eq!(told("[::1]:21").as_deref(), Some("write ip = ::1 and port = 21"));
        assert!(told("localhost").is_some_and(|fix| fix.contains("127.0.0.1")));
        assert_eq!((told("eth0"), told("127.0.0")), (None, None));
    }
}
