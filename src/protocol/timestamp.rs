//! Times as RFC 3659 §2.3 writes them: `YYYYMMDDhhmmss` in UTC, and the civil calendar that listings need.

use crate::protocol::address::decimal;

/// A second in UTC's civil (proleptic Gregorian) calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Civil {
    /// The year, e.g. 2024.
    pub year: i64,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
}

const DAY: i64 = 86_400;
const YEAR_0: i64 = -62_167_219_200;
const END_OF_YEAR_9999: i64 = 253_402_300_799;

impl Civil {
    /// The civil time of a Unix time in seconds.
    pub fn from_unix(unix: i64) -> Self {
        let (days, of_day) = (unix.div_euclid(DAY), unix.rem_euclid(DAY));
        // Days and eras of 400 years are counted from 1 March of the year 0, so that the leap day is a year's last.
        let days = days + 719_468;
        let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let shifted_month = (5 * of_year + 2) / 153;
        let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
        Self {
            year: era * 400 + year_of_era + i64::from(month <= 2),
            month: small(month),
            day: small(of_year - (153 * shifted_month + 2) / 5 + 1),
            hour: small(of_day / 3600),
            minute: small(of_day / 60 % 60),
            second: small(of_day % 60),
        }
    }

    /// The Unix time in seconds of this civil time, read as UTC.
    pub fn to_unix(self) -> i64 {
        let year = self.year - i64::from(self.month <= 2);
        let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let shifted_month = (i64::from(self.month) + 9) % 12;
        let of_year = (153 * shifted_month + 2) / 5 + i64::from(self.day) - 1;
        let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
        let days = era * 146_097 + of_era - 719_468;
        days * DAY + i64::from(self.hour) * 3600 + i64::from(self.minute) * 60 + i64::from(self.second)
    }
}

/// Reads `YYYYMMDDhhmmss`, with an optional fraction that is dropped, into Unix seconds; `None` for anything else,
/// including dates that don't exist. A leap second is the second before it.
pub fn parse(text: &[u8]) -> Option<i64> {
    let (digits, fraction) = text.split_at_checked(14)?;
    let fraction_ok = fraction.is_empty()
        || fraction.split_first().is_some_and(|(dot, rest)| *dot == b'.' && decimal::<u64>(rest).is_some());
    if !fraction_ok {
        return None;
    }
    let pair = |at: usize| digits.get(at..at + 2).and_then(decimal::<u8>);
    let civil = Civil {
        year: decimal(&digits[..4])?,
        month: pair(4)?,
        day: pair(6)?,
        hour: pair(8)?,
        minute: pair(10)?,
        second: pair(12).filter(|&second| second <= 60)?.min(59),
    };
    let unix = civil.to_unix();
    (Civil::from_unix(unix) == civil).then_some(unix)
}

/// Appends Unix seconds as `YYYYMMDDhhmmss` in UTC.
pub fn write(unix: i64, out: &mut Vec<u8>) {
    let civil = Civil::from_unix(unix);
    let year = civil.year.clamp(0, 9999);
    for two in [small(year / 100), small(year % 100), civil.month, civil.day, civil.hour, civil.minute, civil.second] {
        out.extend_from_slice(&[b'0' + two / 10, b'0' + two % 10]);
    }
}

/// A time as `YYYY-MM-DDThh:mm:ssZ` (RFC 3339), whose years have four digits: the nearest time that has such a form.
#[derive(Debug, Clone, Copy)]
pub struct Rfc3339([u8; 20]);

impl Rfc3339 {
    /// Of Unix seconds.
    pub fn of(unix: i64) -> Self {
        let civil = Civil::from_unix(unix.clamp(YEAR_0, END_OF_YEAR_9999));
        let (year, mut text) = (civil.year, *b"YYYY-MM-DDThh:mm:ssZ");
        let parts =
            [small(year / 100), small(year % 100), civil.month, civil.day, civil.hour, civil.minute, civil.second];
        for (at, two) in [0, 2, 5, 8, 11, 14, 17].into_iter().zip(parts) {
            (text[at], text[at + 1]) = (b'0' + two / 10, b'0' + two % 10);
        }
        Self(text)
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// `YYYY-MM-DD`.
    pub fn date(&self) -> &str {
        &self.as_str()[..10]
    }

    /// `hh:mm`.
    pub fn clock(&self) -> &str {
        &self.as_str()[11..16]
    }
}

fn small(value: i64) -> u8 {
    u8::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_read_and_written_in_utc() {
        let cases: &[(&str, Option<i64>)] = &[
            ("19700101000000", Some(0)),
            ("20241122100000", Some(1_732_269_600)),
            ("20241122100000.123", Some(1_732_269_600)),
            ("20240229235960", Some(1_709_251_199)),
            ("19691231235959", Some(-1)),
            ("20230229000000", None),
            ("20241301000000", None),
            ("20241122250000", None),
            ("2024112210000", None),
            ("20241122100000.", None),
            ("20241122100000x", None),
            ("+0241122100000", None),
            ("20241122 10000", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()), *expected, "{text}");
        }
        let mut out = Vec::new();
        write(1_732_269_600, &mut out);
        assert_eq!(out, b"20241122100000");
        let text = Rfc3339::of(1_732_269_661);
        assert_eq!([text.as_str(), text.date(), text.clock()], ["2024-11-22T10:01:01Z", "2024-11-22", "10:01"]);
        assert_eq!(Rfc3339::of(i64::MAX).as_str(), "9999-12-31T23:59:59Z");
        assert_eq!(Rfc3339::of(i64::MIN).as_str(), "0000-01-01T00:00:00Z");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(unix in -62_167_219_200i64..253_402_300_800) {
            let mut text = Vec::new();
            write(unix, &mut text);
            prop_assert_eq!(parse(&text), Some(unix));
        }
    }
}
