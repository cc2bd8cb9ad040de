//! The field `Range` (RFC 9110 §14): one part of a file.

use std::ops::Range;

use crate::protocol::address::decimal;

/// What a client gets of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All: nothing else was asked for, or not in a way that is served.
    Whole,
    /// This part; not empty, and never beyond the file.
    Part(Range<u64>),
    /// 416: the part lies beyond the file.
    Unsatisfiable,
}

impl Selection {
    /// Reads the value of the field for a file of that size. Several ranges, other units and nonsense ask for the whole.
    pub fn of(value: Option<&[u8]>, size: u64) -> Self {
        match value.and_then(|value| part(value, size)) {
            None => Self::Whole,
            Some(part) if part.is_empty() => Self::Unsatisfiable,
            Some(part) => Self::Part(part),
        }
    }

    /// The value of `Content-Range` for a file of that size; `None` for the whole.
    pub fn content_range(&self, size: u64) -> Option<String> {
        match self {
            Self::Whole => None,
            Self::Part(part) => Some(format!("bytes {}-{}/{size}", part.start, part.end.saturating_sub(1))),
            Self::Unsatisfiable => Some(format!("bytes */{size}")),
        }
    }
}

/// What a range means in a file of that size; empty if it lies beyond its end.
fn part(value: &[u8], size: u64) -> Option<Range<u64>> {
    let (unit, range) = value.split_at_checked(6)?;
    let dash = range.iter().position(|&byte| byte == b'-').filter(|_| unit.eq_ignore_ascii_case(b"bytes="))?;
    match (&range[..dash], &range[dash + 1..]) {
        (b"", count) => Some(size.saturating_sub(number(count)?)..size),
        (first, b"") => Some(number(first)?..size),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then(|| first..last.saturating_add(1).min(size))
        }
    }
}

/// A number of digits alone; one that is too large for any file is as good as the largest.
fn number(digits: &[u8]) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    is_number.then(|| decimal(digits).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_range_of_bytes_is_a_part() {
        use Selection::*;
        let cases: &[(&str, u64, Selection)] = &[
            ("bytes=0-0", 10, Part(0..1)),
            ("Bytes=2-5", 10, Part(2..6)),
            ("bytes=2-", 10, Part(2..10)),
            ("bytes=-3", 10, Part(7..10)),
            ("bytes=-30", 10, Part(0..10)),
            ("bytes=9-99", 10, Part(9..10)),
            ("bytes=0-18446744073709551615", 10, Part(0..10)),
            ("bytes=0-99999999999999999999999999", 10, Part(0..10)),
            ("bytes=-99999999999999999999999999", 10, Part(0..10)),
            ("bytes=5000000000-5000000001", 5_000_000_002, Part(5_000_000_000..5_000_000_002)),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=10-20", 10, Unsatisfiable),
            ("bytes=99999999999999999999999999-", 10, Unsatisfiable),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=0-0", 0, Unsatisfiable),
            ("bytes=-1", 0, Unsatisfiable),
            ("bytes=5-4", 10, Whole),
            ("bytes=0-0,-1", 10, Whole),
            ("bytes=0-0,", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=--1", 10, Whole),
            ("bytes=1", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("bytes=0x1-2", 10, Whole),
            ("bytes= 1-2", 10, Whole),
            ("bytes=1 - 2", 10, Whole),
            ("bytes=1-2-3", 10, Whole),
            ("bytes 1-2", 10, Whole),
            ("lines=1-2", 10, Whole),
            ("1-2", 10, Whole),
            ("", 10, Whole),
        ];
        for (value, size, expected) in cases {
            assert_eq!(Selection::of(Some(value.as_bytes()), *size), *expected, "{value} of {size}");
        }
        assert_eq!(Selection::of(None, 10), Whole);
    }

    #[test]
    fn content_range_names_the_part_and_the_size() {
        assert_eq!(Selection::Part(2..6).content_range(10).as_deref(), Some("bytes 2-5/10"));
        assert_eq!(Selection::Unsatisfiable.content_range(0).as_deref(), Some("bytes */0"));
        assert_eq!(Selection::Whole.content_range(10), None);
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_nor_beyond_the_file(value in "bytes=[0-9]{0,21}-[0-9]{0,21}", size in any::<u64>()) {
            if let Selection::Part(part) = Selection::of(Some(value.as_bytes()), size) {
                prop_assert!(part.start < part.end && part.end <= size);
            }
        }
    }
}
