//! Names, sizes and times as a person reads them.
//!
//! The script has the same rules (`shown`, `size` in script/basics.js).

use std::borrow::Cow;

use crate::protocol::timestamp::Rfc3339;

/// A name with what can't be seen, or turns the text around it, made visible: `␊`, `⟨U+202E⟩`. What is not UTF-8
/// becomes `�`.
pub(super) fn shown(name: &[u8]) -> Cow<'_, str> {
    // As nearly all are.
    if let (true, Ok(plain)) = (name.iter().all(|byte| (b' '..=b'~').contains(byte)), str::from_utf8(name)) {
        return plain.into();
    }
    let mut text = String::with_capacity(name.len());
    for c in String::from_utf8_lossy(name).chars() {
        match c {
            '\0'..='\x1f' => text.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
            '\x7f' => text.push('\u{2421}'),
            c if is_unseen(c) => text.push_str(&format!("⟨U+{:04X}⟩", u32::from(c))),
            c => text.push(c),
        }
    }
    text.into()
}

/// C1 controls, line separators, and what turns the direction of text.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Bytes for people: `999 B`, `1.5 KB`, `12 MB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    for unit in UNITS {
        match tenths {
            0..100 => return format!("{}.{} {unit}", tenths / 10, tenths % 10),
            100..10_240 => return format!("{} {unit}", tenths / 10),
            _ => tenths /= 1024,
        }
    }
    format!("{bytes} B")
}

/// Unix seconds in UTC: `2024-11-22 10:00`. The script shows them in the browser's time zone.
pub(super) fn time(unix: i64) -> String {
    let text = Rfc3339::of(unix);
    [text.date(), text.clock()].join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_not_be_seen_is_shown() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain.txt", "plain.txt"),
            ("中文 ñ 🦀".as_bytes(), "中文 ñ 🦀"),
            (b"a\nb\tc\0\x1b[2J\x7f", "a␊b␉c␀␛[2J␡"),
            ("\u{9b}\u{85}".as_bytes(), "⟨U+009B⟩⟨U+0085⟩"),
            ("gpj.\u{202e}exe".as_bytes(), "gpj.⟨U+202E⟩exe"),
            (
                "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{2066}\u{2069}".as_bytes(),
                "⟨U+061C⟩⟨U+200E⟩⟨U+200F⟩⟨U+2028⟩⟨U+2029⟩⟨U+2066⟩⟨U+2069⟩",
            ),
            (b"caf\xe9", "caf\u{fffd}"),
            (b"", ""),
        ];
        for (name, expected) in cases {
            assert_eq!(shown(name), *expected);
        }
    }

    #[test]
    fn sizes_and_times_are_short() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KB"),
            (10_239, "9.9 KB"),
            (10_240, "10 KB"),
            (1 << 20, "1.0 MB"),
            (5_000_000_000, "4.6 GB"),
            (u64::MAX, "15 EB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(size(bytes), expected);
        }
        assert_eq!(time(1_732_269_601), "2024-11-22 10:00");
    }
}
