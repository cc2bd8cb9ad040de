//! Dates of HTTP (RFC 9110 §5.6.7) as Unix seconds.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last second of the year 9999, after which the format has no dates.
pub(super) const LAST: i64 = 253_402_300_799;

/// `Sun, 06 Nov 1994 08:49:37 GMT`. A time before 1970 or after 9999, which files can have, becomes the nearest date.
pub fn format(unix: i64) -> String {
    let seconds = u64::try_from(unix.min(LAST)).unwrap_or(0);
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds))
}

/// Reads a date in any of the three formats; `None` for anything else.
pub fn parse(value: &[u8]) -> Option<i64> {
    let time = httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// The text of the field `Date`, written again only when a second has passed.
#[derive(Debug, Default)]
pub struct DateText {
    second: Option<i64>,
    text: String,
}

impl DateText {
    /// The text for that time.
    pub fn at(&mut self, now: SystemTime) -> &str {
        let second =
            now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX));
        if self.second.replace(second) != Some(second) {
            self.text = format(second);
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_three_formats_and_written_in_one() {
        let cases: &[(&str, Option<i64>)] = &[
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("Mon, 07 Nov 1994 08:49:37 CET", None),
            ("Sun, 31 Feb 1994 08:49:37 GMT", None),
            ("1994-11-06", None),
            ("784111777", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes()), *expected, "{text}");
        }
        assert_eq!(format(784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(parse(b"\xff"), None);
    }

    #[test]
    fn times_without_a_date_become_the_nearest_one() {
        assert_eq!(format(i64::MIN), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(format(i64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(parse(format(i64::MAX).as_bytes()), Some(LAST));
    }

    #[test]
    fn the_date_changes_with_the_second() {
        let mut date = DateText::default();
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        assert_eq!(date.at(at(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date.at(at(999)), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(date.at(at(1000)), "Thu, 01 Jan 1970 00:00:01 GMT");
        assert_eq!(date.at(at(0)), "Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
