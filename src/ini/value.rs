//! Values as types: switches, numbers, sizes, times, addresses, ports.

use std::fmt::Display;
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::{IpNet, Ipv4Net};

use super::Mistake;

/// The greatest whole number of any key.
const MOST: usize = u32::MAX as usize;

/// A type that a value in a file can be read as.
///
/// `text` is trimmed and not empty, relative paths begin in `folder`, and the error says what is wrong in words.
pub trait Value: Sized {
    /// Reads one value.
    fn parse(text: &str, folder: &Path) -> Result<Self, Mistake>;
}

/// `0` and `off` mean "no limit" or "none".
impl<T: Value> Value for Option<T> {
    fn parse(text: &str, folder: &Path) -> Result<Option<T>, Mistake> {
        match text.to_ascii_lowercase().as_str() {
            "0" | "off" => Ok(None),
            _ => T::parse(text, folder).map(Some),
        }
    }
}

impl Value for String {
    fn parse(text: &str, _: &Path) -> Result<String, Mistake> {
        Ok(text.to_owned())
    }
}

impl Value for PathBuf {
    fn parse(text: &str, folder: &Path) -> Result<PathBuf, Mistake> {
        let path: PathBuf = folder.join(text).components().collect();
        // The slash says that a folder is meant.
        Ok(if text.ends_with('/') { path.join("") } else { path })
    }
}

impl Value for bool {
    fn parse(text: &str, _: &Path) -> Result<bool, Mistake> {
        match text.to_ascii_lowercase().as_str() {
            "on" | "yes" | "true" | "1" => Ok(true),
            "off" | "no" | "false" | "0" => Ok(false),
            _ => Err(Mistake::new(format!("'{text}' is neither on nor off"))),
        }
    }
}

/// One of these words, in any case.
pub fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, Mistake> {
    let found = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
    found.map(|(_, value)| *value).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        Mistake::new(format!("'{text}' is none of: {}", known.join(", ")))
    })
}

impl Value for u16 {
    fn parse(text: &str, _: &Path) -> Result<u16, Mistake> {
        text.parse().map_err(|_| Mistake::new(format!("'{text}' is not a port number from 0 to 65535")))
    }
}

impl Value for u32 {
    fn parse(text: &str, folder: &Path) -> Result<u32, Mistake> {
        u32::parse_in(text, folder, &(0..=u32::MAX))
    }
}

impl Value for usize {
    fn parse(text: &str, folder: &Path) -> Result<usize, Mistake> {
        usize::parse_in(text, folder, &(0..=MOST))
    }
}

/// Bytes, or bytes per second: `100K`, `2M`, `1G` in powers of 1024.
impl Value for u64 {
    fn parse(text: &str, _: &Path) -> Result<u64, Mistake> {
        scaled(text, &[("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30)])
            .map_err(|reason| format!("'{text}' {reason}, expected a size such as 500, 100K, 2M or 1G").into())
    }
}

impl Value for Duration {
    fn parse(text: &str, _: &Path) -> Result<Duration, Mistake> {
        duration(text, "300, 90s, 5m, 2h or 7d")
    }
}

/// Seconds, or `90s`, `5m`, `2h`, `7d`; ten years at most, so that adding it to a clock can't overflow. A mistake names the
/// `examples`.
pub fn duration(text: &str, examples: &str) -> Result<Duration, Mistake> {
    const UNITS: [(&str, u64); 4] = [("S", 1), ("M", 60), ("H", 3600), ("D", 86_400)];
    if text.eq_ignore_ascii_case("off") {
        return Ok(Duration::ZERO);
    }
    scaled(text, &UNITS)
        .and_then(|seconds| if seconds > 3_650 * 86_400 { Err("is too long") } else { Ok(seconds) })
        .map(Duration::from_secs)
        .map_err(|reason| format!("'{text}' {reason}, expected a time such as {examples}").into())
}

/// Addresses separated by commas, each once; `::ffff:10.0.0.1` is 10.0.0.1.
impl Value for Vec<IpAddr> {
    fn parse(text: &str, _: &Path) -> Result<Vec<IpAddr>, Mistake> {
        let mut addresses = Vec::new();
        for part in text.split(',').map(str::trim) {
            let address: IpAddr = part.parse().map_err(|_| format!("'{part}' is not an IP address"))?;
            let address = address.to_canonical();
            if addresses.contains(&address) {
                let at = part.as_ptr() as usize - text.as_ptr() as usize;
                let mistake = Mistake::new(format!("{address} is listed twice"));
                return Err(mistake.fix("delete the second one").at(at..at + part.len()));
            }
            addresses.push(address);
        }
        Ok(addresses)
    }
}

/// Addresses and networks separated by commas.
impl Value for Vec<IpNet> {
    fn parse(text: &str, _: &Path) -> Result<Vec<IpNet>, Mistake> {
        text.split(',').map(|part| network(part.trim())).collect()
    }
}

/// Ports: `8300-8500`, or a single one.
impl Value for RangeInclusive<u16> {
    fn parse(text: &str, folder: &Path) -> Result<RangeInclusive<u16>, Mistake> {
        let (low, high) = text.split_once('-').unwrap_or((text, text));
        if low.is_empty() || high.is_empty() {
            return Err(Mistake::new(format!("'{text}' is no range of ports")));
        }
        let (low, high) = (u16::parse(low.trim(), folder)?, u16::parse(high.trim(), folder)?);
        match low {
            0 => Err(Mistake::new("port 0 can't be part of a range")),
            _ if low > high => {
                let mistake = Mistake::new(format!("the range begins above its end: {low} > {high}"));
                Err(mistake.fix(format!("write {}", ordered(low, high))))
            }
            _ => Ok(low..=high),
        }
    }
}

/// The range that two ports in the wrong order probably mean: `25500-20` is 25500-25520.
fn ordered(low: u16, high: u16) -> String {
    let places = if high < 100 { 100 } else { 1000 };
    let end = low - low % places + high;
    if high < 1000 && low >= 1024 && end > low { format!("{low}-{end}") } else { format!("{high}-{low}") }
}

/// A value that may have to be within bounds.
pub trait Bounded: Value {
    /// Reads one value within `range`.
    fn parse_in(text: &str, folder: &Path, range: &RangeInclusive<Self>) -> Result<Self, Mistake>;
}

impl Bounded for u32 {
    fn parse_in(text: &str, _: &Path, range: &RangeInclusive<u32>) -> Result<u32, Mistake> {
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| no_whole_number(text, range))
    }
}

impl Bounded for usize {
    fn parse_in(text: &str, _: &Path, range: &RangeInclusive<usize>) -> Result<usize, Mistake> {
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| no_whole_number(text, range))
    }
}

impl Bounded for Duration {
    fn parse_in(text: &str, folder: &Path, range: &RangeInclusive<Duration>) -> Result<Duration, Mistake> {
        let time = Duration::parse(text, folder)?;
        if range.contains(&time) {
            return Ok(time);
        }
        let [least, most] = [range.start(), range.end()].map(|bound| time_as_written(bound.as_secs()));
        Err(Mistake::new(format!("'{text}' is not a time from {least} to {most}")))
    }
}

fn no_whole_number<T: Display>(text: &str, range: &RangeInclusive<T>) -> Mistake {
    Mistake::new(format!("'{text}' is not a whole number from {} to {}", range.start(), range.end()))
}

/// Seconds as they can be written: `90s`, `5m`, `1d`.
pub(super) fn time_as_written(seconds: u64) -> String {
    match seconds {
        0 => "0".to_owned(),
        _ if seconds.is_multiple_of(86_400) => format!("{}d", seconds / 86_400),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

fn network(text: &str) -> Result<IpNet, Mistake> {
    let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let net = parsed.ok_or_else(|| format!("'{text}' is neither an address nor a network such as 10.0.0.0/8"))?;
    let IpNet::V6(mapped) = net else { return Ok(net) };
    // Clients with an IPv4-mapped address are compared as IPv4, so ::ffff:10.0.0.0/104 means 10.0.0.0/8.
    let folded = mapped.addr().to_ipv4_mapped().zip(mapped.prefix_len().checked_sub(96));
    let folded = folded.and_then(|(address, length)| Ipv4Net::new(address, length).ok());
    Ok(folded.map_or(net, IpNet::V4))
}

/// A whole number, followed by one of the `units` or none; the error says what is wrong with it.
fn scaled(text: &str, units: &[(&str, u64)]) -> Result<u64, &'static str> {
    let upper = text.to_ascii_uppercase();
    let found = units.iter().find_map(|(unit, factor)| Some((upper.strip_suffix(unit)?, *factor)));
    let (digits, factor) = found.unwrap_or((&upper, 1));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is not a number");
    }
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    number.ok_or("is too large")
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    fn read<T: Value>(text: &str) -> Option<T> {
        T::parse(text, Path::new("/")).ok()
    }

    fn table<T: Value + PartialEq + Debug>(cases: &[(&str, Option<T>)]) {
        for (text, expected) in cases {
            assert_eq!(read::<T>(text), *expected, "{text:?}");
        }
    }

    #[test]
    fn a_path_has_no_dots_that_say_nothing_and_keeps_a_slash_at_its_end() {
        for (text, path) in [
            ("./share/./alex", "/srv/share/alex"),
            ("./share/", "/srv/share/"),
            (".", "/srv"),
            ("../x", "/srv/../x"),
            ("/", "/"),
        ] {
            let read = PathBuf::parse(text, Path::new("/srv/.")).map(|read| read.display().to_string());
            assert_eq!(read.as_deref(), Ok(path), "{text}");
        }
    }

    #[test]
    fn switches_are_read_in_any_case() {
        for text in ["on", "Yes", "TRUE", "1"] {
            assert_eq!(read(text), Some(true));
        }
        for text in ["off", "No", "FALSE", "0"] {
            assert_eq!(read(text), Some(false));
        }
        table::<bool>(&[("2", None), ("onn", None), ("y", None)]);
    }

    #[test]
    fn sizes_are_powers_of_1024_and_never_wrap() {
        table::<u64>(&[
            ("0", Some(0)),
            ("500", Some(500)),
            ("100K", Some(102_400)),
            ("2m", Some(2 << 20)),
            ("1G", Some(1 << 30)),
            ("18446744073709551615", Some(u64::MAX)),
            ("18446744073709551616", None),
            ("17179869183G", Some(17_179_869_183 << 30)),
            ("17179869184G", None),
            ("K", None),
            ("-1", None),
            ("+1", None),
            ("1.5M", None),
            ("1 K", None),
            ("1KB", None),
            ("1é", None),
        ]);
    }

    #[test]
    fn durations_have_units_and_a_maximum() {
        let seconds = |number| Some(Duration::from_secs(number));
        table(&[
            ("300", seconds(300)),
            ("90s", seconds(90)),
            ("5m", seconds(300)),
            ("2h", seconds(7200)),
            ("7D", seconds(604_800)),
            ("0", seconds(0)),
            ("off", seconds(0)),
            ("3650d", seconds(315_360_000)),
            ("3651d", None),
            ("18446744073709551615d", None),
            ("5 m", None),
            ("m", None),
            ("-5", None),
        ]);
    }

    #[test]
    fn zero_and_off_are_no_limit() {
        table::<Option<u64>>(&[("0", Some(None)), ("OFF", Some(None)), ("1K", Some(Some(1024))), ("none", None)]);
        table::<Option<Duration>>(&[("0", Some(None)), ("5m", Some(Some(Duration::from_secs(300))))]);
    }

    #[test]
    fn port_ranges_go_upwards_and_leave_out_port_0() {
        table::<RangeInclusive<u16>>(&[
            ("8300-8500", Some(8300..=8500)),
            ("8300 - 8500", Some(8300..=8500)),
            ("8300", Some(8300..=8300)),
            ("65535-65535", Some(65535..=65535)),
            ("8500-8300", None),
            ("0-10", None),
            ("0", None),
            ("1-65536", None),
            ("1-2-3", None),
            ("-5", None),
            ("a-b", None),
        ]);
    }

    #[test]
    fn addresses_are_listed_once_each() {
        let two = vec!["0.0.0.0".parse().unwrap(), "::".parse().unwrap()];
        table::<Vec<IpAddr>>(&[
            ("0.0.0.0, ::", Some(two.clone())),
            ("0.0.0.0,::", Some(two)),
            ("::ffff:127.0.0.1", Some(vec!["127.0.0.1".parse().unwrap()])),
            ("127.0.0.1,127.0.0.1", None),
            ("127.0.0.1, ::FFFF:7f00:1", None),
            ("localhost", None),
            ("1.2.3.4,", None),
            ("[::]", None),
        ]);
    }
}
