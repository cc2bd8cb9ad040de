//! Numbers: sizes, times, whole numbers and octal ones, as other programs and people write them.

use std::path::Path;

use super::super::value::time_as_written;
use super::super::{Key, Mistake, Value};

/// Units of sizes in other spellings, the longest first.
const BYTES: &[(&str, f64)] = &[
    ("bytes", 1.0),
    ("byte", 1.0),
    ("mbit", 125_000.0),
    ("kbit", 125.0),
    ("gbit", 125_000_000.0),
    ("kib", 1024.0),
    ("mib", 1_048_576.0),
    ("gib", 1_073_741_824.0),
    ("kb", 1024.0),
    ("mb", 1_048_576.0),
    ("gb", 1_073_741_824.0),
    ("tb", 1_099_511_627_776.0),
    ("k", 1024.0),
    ("m", 1_048_576.0),
    ("g", 1_073_741_824.0),
    ("t", 1_099_511_627_776.0),
    ("b", 1.0),
];

/// Units of times in other spellings.
const SECONDS: &[(&str, f64)] = &[
    ("ms", 0.001),
    ("msec", 0.001),
    ("milliseconds", 0.001),
    ("s", 1.0),
    ("sec", 1.0),
    ("secs", 1.0),
    ("second", 1.0),
    ("seconds", 1.0),
    ("m", 60.0),
    ("min", 60.0),
    ("mins", 60.0),
    ("minute", 60.0),
    ("minutes", 60.0),
    ("h", 3600.0),
    ("hr", 3600.0),
    ("hour", 3600.0),
    ("hours", 3600.0),
    ("d", 86_400.0),
    ("day", 86_400.0),
    ("days", 86_400.0),
    ("w", 604_800.0),
    ("week", 604_800.0),
    ("weeks", 604_800.0),
    ("秒", 1.0),
    ("分", 60.0),
    ("分钟", 60.0),
    ("小时", 3600.0),
    ("天", 86_400.0),
];

/// Words for no limit.
const UNLIMITED: &[&str] = &[
    "unlimited",
    "none",
    "no",
    "infinite",
    "infinity",
    "inf",
    "max",
    "never",
    "forever",
    "endless",
    "-1",
    "null",
    "nil",
    "no limit",
    "nolimit",
    "disabled",
    "∞",
];

/// Words for a time without an end.
const ENDLESS: &[&str] = &["forever", "infinite", "infinity", "inf", "max", "unlimited", "endless", "always", "∞"];

/// A rate at which hardly anything moves, a quota that holds hardly anything.
const SMALL: u64 = 1024;

/// `100 * 1024`, `100kb/s`, `1.5M`, `100 K`, `1_000_000`, `8Mbit`: as it could be written.
pub(super) fn size(value: &str) -> Option<String> {
    if is_unlimited(value) {
        return Some("off".to_owned());
    }
    // Lines are measured in bits: Mb and mbps are an eighth of MB and MBps.
    let bits = ["K", "M", "G"].iter().find_map(|unit| value.strip_suffix(&format!("{unit}b")).map(|rest| (rest, unit)));
    let text = match bits {
        Some((rest, unit)) => format!("{rest}{unit}bit").to_lowercase(),
        None if value.ends_with("bps") => value.to_lowercase().replace("bps", "bit"),
        None => value.to_lowercase(),
    };
    let text = ["/s", "/sec", "/second", "ps", "p/s"].iter().find_map(|end| text.strip_suffix(end)).unwrap_or(&text);
    let factors: Option<Vec<f64>> = text.split(['*', '×']).map(|factor| with_unit(factor, BYTES)).collect();
    let bytes: f64 = factors?.iter().product();
    written_size(bytes).filter(|_| bytes.fract() == 0.0)
}

fn written_size(bytes: f64) -> Option<String> {
    if !(1.0..1e15).contains(&bytes) {
        return None;
    }
    let exact = [("G", 1_073_741_824.0), ("M", 1_048_576.0), ("K", 1024.0)]
        .into_iter()
        .find(|(_, unit)| (bytes / unit).fract() == 0.0);
    let (unit, factor) = exact.unwrap_or(("", 1.0));
    Some(format!("{:.0}{unit}", bytes / factor))
}

/// `5 min`, `300ms`, `1.5h`: as it could be written.
pub(super) fn time(value: &str) -> Option<String> {
    if is_unlimited(value) {
        return Some("off".to_owned());
    }
    let text = value.to_lowercase();
    let seconds = with_unit(&text, SECONDS).or_else(|| sum_of_times(&text))?;
    let whole = format!("{:.0}", seconds.ceil()).parse().ok().filter(|_| (0.0..4e8).contains(&seconds))?;
    Some(time_as_written(whole))
}

/// `1h30m`, `1 h 30 min`.
fn sum_of_times(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut sum = 0.0;
    while !rest.is_empty() {
        let unit = rest.find(char::is_alphabetic)?;
        let end = rest[unit..].find(|c: char| !c.is_alphabetic()).map_or(rest.len(), |length| unit + length);
        sum += with_unit(&rest[..end], SECONDS)?;
        rest = rest[end..].trim();
    }
    Some(sum).filter(|_| !text.is_empty())
}

/// `1.000`, `1_000`, `ten`: nothing is guessed but separators.
pub(super) fn whole(value: &str) -> Option<String> {
    if is_unlimited(value) {
        return Some("0".to_owned());
    }
    let parts: Vec<&str> = value.split(['_', '\'', ' ', ',']).collect();
    let digits = parts.concat();
    let sound = parts[1..].iter().all(|part| part.len() == 3);
    (sound && digits != value && is_number(&digits)).then_some(digits)
}

/// `0o22`, `0x12` (no), `18` (no): as it could be written.
pub(super) fn octal(value: &str) -> Option<String> {
    let digits = value.strip_prefix("0o").or(value.strip_prefix("0O"))?;
    digits.bytes().all(|byte| (b'0'..b'8').contains(&byte)).then(|| format!("{digits:0>3}"))
}

/// A number and one of the `units` or none, with separators and blanks in it.
fn with_unit(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let text = text.trim();
    let end = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
    let (number, unit) = (text[..end].trim(), text[end..].trim());
    let number: String = number.chars().filter(|c| !"_' ".contains(*c)).collect();
    let thousands =
        |parts: &[&str]| parts.len() > 1 && parts[1..].iter().all(|part| part.len() == 3 && is_number(part));
    let parts: Vec<&str> = number.split(',').collect();
    let number = if thousands(&parts) { parts.concat() } else { number.replace(',', ".") };
    let sound = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = number.parse().ok().filter(|_| sound)?;
    let factor = if unit.is_empty() { 1.0 } else { units.iter().find(|(known, _)| *known == unit)?.1 };
    Some(number * factor)
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a word means a time without an end.
pub(super) fn is_endless(value: &str) -> bool {
    ENDLESS.iter().any(|word| value.eq_ignore_ascii_case(word))
}

fn is_unlimited(value: &str) -> bool {
    UNLIMITED.iter().any(|word| value.eq_ignore_ascii_case(word))
}

/// A limit that is meant to be none.
pub(super) fn no_limit(row: &Key, value: &str) -> Option<Mistake> {
    let reason = format!("'{value}' is not a number, expected a size such as 500, 100K, 2M or 1G");
    is_unlimited(value).then(|| Mistake::new(reason).fix(format!("write {} = off for no limit (or 0)", row.name)))
}

/// A rate or a quota so small that its unit was probably forgotten.
pub(super) fn small_size(row: &Key, value: &str) -> Option<Mistake> {
    let size = u64::parse(value, Path::new("")).ok().filter(|size| (1..SMALL).contains(size))?;
    let bytes = if size == 1 { "1 byte".to_owned() } else { format!("{size} bytes") };
    let (reason, unit) =
        if row.name == "quota" { (format!("{bytes} in all"), 'G') } else { (format!("{bytes} a second"), 'K') };
    Some(Mistake::new(reason).fix(format!("did you mean {} = {size}{unit}?", row.name)))
}

/// A umask that leaves the owner no right to read.
pub(super) fn closed_umask(value: &str) -> Option<Mistake> {
    let bits = u32::from_str_radix(value, 8).ok()?;
    let reason = match bits & 0o700 {
        0 if bits == 0 => "everybody on this machine can change what is uploaded",
        0 => return None,
        bits if bits & 0o400 != 0 => "nobody can read what is uploaded, not even the server",
        _ => "the server itself can't change or enter what is uploaded",
    };
    Some(Mistake::new(reason).fix("022 is usual: it takes from others the right to write"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_of_others_are_understood() {
        for (value, better) in [
            ("100 * 1024", "100K"),
            ("300*1024", "300K"),
            ("1024 * 1024", "1M"),
            ("100kb/s", "100K"),
            ("100 K", "100K"),
            ("1.5M", "1536K"),
            ("0.5M", "512K"),
            ("1_000_000", "1000000"),
            ("1,000,000", "1000000"),
            ("8Mbit", "1000000"),
            ("8mbps", "1000000"),
            ("10Mb", "1250000"),
            ("8MBps", "8M"),
            ("2 MiB", "2M"),
            ("1T", "1024G"),
            ("unlimited", "off"),
            ("-1", "off"),
            ("1,5M", "1536K"),
        ] {
            assert_eq!(size(value).as_deref(), Some(better), "{value}");
        }
        for (value, better) in [
            ("5 min", "5m"),
            ("300ms", "1s"),
            ("1.5h", "90m"),
            ("1h30m", "90m"),
            ("2 hours", "2h"),
            ("never", "off"),
            ("90 s", "90s"),
            ("5分钟", "5m"),
        ] {
            assert_eq!(time(value).as_deref(), Some(better), "{value}");
        }
        for value in ["big", "-5", "1.2.3", "5 parsecs", "", "e", "nan"] {
            assert_eq!((size(value), time(value)), (None, None), "{value}");
        }
        assert_eq!(
            (whole("1_000").as_deref(), whole("ten"), octal("0o22").as_deref()),
            (Some("1000"), None, Some("022"))
        );
    }
}
