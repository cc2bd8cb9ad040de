//! Names of clients that don't write UTF-8: the key `charset` of user.ini.
//!
//! What a client can't be shown in its charset is *spelled*: a character that the charset lacks, or a control character, by
//! its code between two `?` (`?1F600?`), a byte of a name that is no UTF-8 in the same way (`?C4?`), and so is a `?` that
//! could be taken for the beginning of a code. Different names are spelled differently, and what is spelled tells which name
//! it is, on any connection. Used by `session::names`.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::str::FromStr;

use encoding_rs::{Encoding, UTF_8};

/// A charset that keeps ASCII as it is and whose characters don't depend on those before them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charset(&'static Encoding);

/// Why a word is no charset of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoCharset {
    /// There is none of that name.
    Unknown,
    /// Its bytes are not ASCII where they look like it: a `/` or a line end could be part of a character.
    NotAscii,
}

/// A part of a name.
#[derive(Clone, Copy)]
enum Unit {
    Character(char),
    /// A byte that belongs to no character.
    Byte(u8),
}

/// Digits of the longest code.
const LONGEST_CODE: usize = 6;

impl Charset {
    /// Whether it is UTF-8, so that nothing is converted.
    pub fn is_utf8(self) -> bool {
        self.0 == UTF_8
    }

    /// The text that a client has sent; `None` if these bytes are none.
    pub fn text(self, sent: &[u8]) -> Option<Cow<'_, str>> {
        self.0.decode_without_bom_handling_and_without_replacement(sent)
    }

    /// A name or path as the client is shown it, spelled where that is needed. It holds no control byte.
    pub fn shown(self, name: &[u8]) -> Cow<'_, [u8]> {
        let plain = str::from_utf8(name).ok().filter(|name| !name.contains(|c: char| c == '?' || c.is_ascii_control()));
        match plain.and_then(|name| self.written(name)) {
            Some(bytes) => bytes,
            None => Cow::Owned(self.0.encode(&self.spelled(name)).0.into_owned()),
        }
    }

    /// The name that is shown as this text, if any of that is spelled.
    pub fn meant(self, text: &[u8]) -> Option<Vec<u8>> {
        let text = str::from_utf8(text).ok()?;
        let (mut name, mut rest, mut is_spelled) = (Vec::with_capacity(text.len()), text, false);
        while let Some((before, after)) = rest.split_once('?') {
            name.extend_from_slice(before.as_bytes());
            let spelled = after.split_once('?').and_then(|(code, after)| Some((self.of_code(code)?, after)));
            is_spelled |= spelled.is_some();
            let (unit, after) = spelled.unwrap_or((Unit::Character('?'), after));
            unit.append_to(&mut name);
            rest = after;
        }
        name.extend_from_slice(rest.as_bytes());
        (is_spelled && self.spelled(&name) == text).then_some(name)
    }

    /// The bytes of a text, if the charset has all of it. Some characters share their bytes with others, which are read.
    fn written(self, text: &str) -> Option<Cow<'_, [u8]>> {
        let (bytes, _, is_lossy) = self.0.encode(text);
        (!is_lossy && self.text(&bytes).as_deref() == Some(text)).then_some(bytes)
    }

    /// Whether a character is shown as itself.
    fn has(self, c: char) -> bool {
        if c.is_ascii() { !c.is_ascii_control() } else { self.written(c.encode_utf8(&mut [0; 4])).is_some() }
    }

    /// A name with the codes of all that the charset lacks.
    fn spelled(self, name: &[u8]) -> String {
        let mut text = String::with_capacity(name.len() * 2);
        let mut units = units(name);
        while let Some(unit) = units.next() {
            // Writing to a String can't fail.
            let _ = match unit {
                Unit::Character('?') if !self.begins_code(units.clone()) => text.write_char('?'),
                Unit::Character(c) if c != '?' && self.has(c) => text.write_char(c),
                Unit::Character(c) => write!(text, "?{:04X}?", u32::from(c)),
                Unit::Byte(byte) => write!(text, "?{byte:02X}?"),
            };
        }
        text
    }

    /// Whether a `?` could be taken for the beginning of a code if this comes after it.
    fn begins_code(self, units: impl Iterator<Item = Unit>) -> bool {
        let mut code = String::new();
        for unit in units {
            match unit {
                Unit::Character(c @ ('0'..='9' | 'A'..='F')) if code.len() < LONGEST_CODE => code.push(c),
                // What is spelled begins with a `?`, too.
                Unit::Character('?') | Unit::Byte(_) => return self.of_code(&code).is_some(),
                Unit::Character(c) => return !self.has(c) && self.of_code(&code).is_some(),
            }
        }
        false
    }

    /// What is spelled by this code; `None` for what never is.
    fn of_code(self, code: &str) -> Option<Unit> {
        let number = u32::from_str_radix(code, 16).ok()?;
        let unit = match code.len() {
            2 => Unit::Byte(u8::try_from(number).ok().filter(|byte| !byte.is_ascii())?),
            _ => Unit::Character(char::from_u32(number).filter(|&c| c != '\0' && (c == '?' || !self.has(c)))?),
        };
        let canonical = match unit {
            Unit::Character(_) => format!("{number:04X}"),
            Unit::Byte(_) => format!("{number:02X}"),
        };
        (code == canonical).then_some(unit)
    }
}

impl Unit {
    fn append_to(self, name: &mut Vec<u8>) {
        match self {
            Self::Character(c) => name.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            Self::Byte(byte) => name.push(byte),
        }
    }
}

fn units(name: &[u8]) -> impl Iterator<Item = Unit> + Clone {
    name.utf8_chunks().flat_map(|chunk| {
        let characters = chunk.valid().chars().map(Unit::Character);
        characters.chain(chunk.invalid().iter().map(|&byte| Unit::Byte(byte)))
    })
}

/// Finds a charset by any label of the WHATWG's Encoding Standard, in any case.
impl FromStr for Charset {
    type Err = NoCharset;

    fn from_str(label: &str) -> Result<Self, NoCharset> {
        let encoding = Encoding::for_label(label.as_bytes()).ok_or(NoCharset::Unknown)?;
        if encoding.is_ascii_compatible() { Ok(Self(encoding)) } else { Err(NoCharset::NotAscii) }
    }
}

/// Its name in the Encoding Standard.
impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn charset(label: &str) -> Charset {
        label.parse().expect("a charset")
    }

    /// One of each kind, and all that people ask for.
    const LABELS: &[&str] = &[
        "gb18030",
        "gbk",
        "big5",
        "shift_jis",
        "euc-jp",
        "euc-kr",
        "koi8-r",
        "koi8-u",
        "windows-1251",
        "windows-1252",
        "windows-1258",
        "windows-874",
        "iso-8859-8",
        "ibm866",
        "macintosh",
    ];

    #[test]
    fn text_of_both_sides_is_the_same() {
        let cases: &[(&str, &str, &[u8])] = &[
            ("gb18030", "目录", b"\xc4\xbf\xc2\xbc"),
            ("gb18030", "😀", b"\x94\x39\xfc\x36"),
            ("gbk", "a/亅/b", b"a/\x81\x7c/b"),
            ("gbk", "乗乚", b"\x81\x5c\x81\x5d"),
            ("big5", "功|許\\", b"\xa5\x5c|\xb3\x5c\\"),
            ("shift_jis", "表\\ポ|ゼゾ", b"\x95\x5c\\\x83\x7c|\x83\x5b\x83\x5d"),
            ("shift_jis", "ｱ", b"\xb1"),
            ("euc-kr", "한글", b"\xc7\xd1\xb1\xdb"),
            ("koi8-r", "Ъя", b"\xff\xd1"),
            ("windows-1251", "яЯ.txt", b"\xff\xdf.txt"),
        ];
        for (label, text, bytes) in cases {
            assert_eq!(charset(label).text(bytes).as_deref(), Some(*text), "{label}");
            assert_eq!(*charset(label).shown(text.as_bytes()), **bytes, "{label}: {text}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_none() {
        for (label, bytes) in [
            ("gbk", &b"\xc4"[..]),
            ("gbk", b"\xc4/\xbf"),
            ("gb18030", b"\x81\x30\x81"),
            ("shift_jis", b"a\x95"),
            ("shift_jis", b"\x95\n"),
            ("big5", b"\xff\xff"),
            ("euc-kr", b"\xc7."),
            ("windows-874", b"\xff"),
        ] {
            assert_eq!(charset(label).text(bytes), None, "{label}: {}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_the_charset_lacks_is_spelled() {
        let cases: &[(&str, &[u8], &[u8])] = &[
            ("gbk", "😀.txt".as_bytes(), b"?1F600?.txt"),
            ("gbk", "a😀😁b".as_bytes(), b"a?1F600??1F601?b"),
            ("koi8-r", "目".as_bytes(), b"?76EE?"),
            ("koi8-r", "é".as_bytes(), b"?00E9?"),
            ("gb18030", b"\xc4\xe3", b"?C4??E3?"),
            ("windows-1251", b"\xff", b"?FF?"),
            ("shift_jis", b"a\n\x7f", b"a?000A??007F?"),
            // Both are written with the bytes of others.
            ("shift_jis", "¥‾".as_bytes(), b"?00A5??203E?"),
            ("gbk", b"what?", b"what?"),
            ("gbk", b"??A?B??", b"??A?B??"),
            ("gbk", b"why?2024.txt", b"why?2024.txt"),
            // Codes that name nothing that is spelled.
            ("gbk", b"?0041?76EE?1f600?01F600?7F?0000?D800?110000?", b"?0041?76EE?1f600?01F600?7F?0000?D800?110000?"),
            ("gbk", b"?1F600?", b"?003F?1F600?"),
            ("gbk", b"?C4?", b"?003F?C4?"),
            ("gbk", b"?C4\xbf", b"?003F?C4?BF?"),
            ("gbk", "?1F600😀".as_bytes(), b"?003F?1F600?1F600?"),
            ("gbk", b"?003F?", b"?003F?003F?"),
        ];
        for (label, name, shown) in cases {
            let (charset, case) = (charset(label), format!("{label}: {}", name.escape_ascii()));
            assert_eq!(charset.shown(name).escape_ascii().to_string(), shown.escape_ascii().to_string(), "{case}");
            let meant = charset.meant(shown).unwrap_or_else(|| shown.to_vec());
            assert_eq!(meant.escape_ascii().to_string(), name.escape_ascii().to_string(), "{case}");
        }
    }

    #[test]
    fn only_what_a_name_is_shown_as_is_read_as_spelled() {
        for text in
            ["?002F?", "?002E??002E?", "?0000?", "?E7??9B??AE?", "?003F?", "?003F?x?", "?76EE?", "?1F60", "a?b?c"]
        {
            assert_eq!(charset("gbk").meant(text.as_bytes()), None, "{text}");
        }
        assert_eq!(charset("gbk").meant(b"\xff?1F600?"), None);
    }

    #[test]
    fn charsets_have_many_names_and_some_are_none() {
        let cases = [
            ("GBK", Ok("GBK")),
            ("gb2312", Ok("GBK")),
            ("sjis", Ok("Shift_JIS")),
            ("cp1251", Ok("windows-1251")),
            ("utf8", Ok("UTF-8")),
            ("UTF-8", Ok("UTF-8")),
            ("klingon", Err(NoCharset::Unknown)),
            ("", Err(NoCharset::Unknown)),
            ("utf-16", Err(NoCharset::NotAscii)),
            ("iso-2022-jp", Err(NoCharset::NotAscii)),
            ("hz-gb-2312", Err(NoCharset::NotAscii)),
        ];
        for (label, expected) in cases {
            let found = label.parse().map(|charset: Charset| charset.to_string());
            assert_eq!(found.as_deref().map_err(|no| *no), expected, "{label}");
        }
        assert!(charset("utf8").is_utf8() && !charset("gbk").is_utf8());
    }

    /// However many bytes a character has, none of them brings in what a path or a line is made of.
    #[test]
    fn ascii_comes_from_ascii_alone() {
        for label in LABELS {
            let charset = charset(label);
            for (lead, trail) in (0x80..=0xff).flat_map(|lead: u8| (1..=0xff).map(move |trail: u8| (lead, trail))) {
                let sent = [lead, trail];
                let Some(text) = charset.text(&sent) else { continue };
                let ascii: Vec<u8> = text.bytes().filter(u8::is_ascii).collect();
                let is_own = ascii == [trail] && charset.text(&[lead]).is_some();
                assert!(ascii.is_empty() || is_own, "{label}: {lead:x} {trail:x} {text}");
            }
        }
    }

    /// Names in which all that is special comes together.
    fn name() -> impl Strategy<Value = Vec<u8>> {
        let part = prop_oneof![
            3 => "[?0-9A-Fa-f]{1,8}".prop_map(String::into_bytes),
            2 => "[目录表許한яЯéê¥‾😀\u{e5e5}\u{85}\n\\\\|. -]{1,3}".prop_map(String::into_bytes),
            1 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
            1 => proptest::collection::vec(0x80u8.., 1..3),
            1 => any::<char>().prop_map(|c| format!("?{:04X}?", u32::from(c)).into_bytes()),
            1 => any::<u8>().prop_map(|byte| format!("?{byte:02X}?").into_bytes()),
        ];
        let name = proptest::collection::vec(part, 1..6).prop_map(|parts| parts.concat());
        name.prop_map(|name| name.into_iter().filter(|byte| !matches!(byte, 0 | b'/')).collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]
        #[test]
        fn every_name_is_found_by_what_it_is_shown_as(name in name(), label in proptest::sample::select(LABELS)) {
            let charset = charset(label);
            let shown = charset.shown(&name);
            prop_assert!(!shown.iter().any(u8::is_ascii_control));
            prop_assert!(shown.len() <= 6 * name.len());
            let text = charset.text(&shown).expect("what is shown is text");
            prop_assert_eq!(charset.meant(text.as_bytes()).unwrap_or_else(|| text.as_bytes().to_vec()), name);
        }

        #[test]
        fn what_a_client_sends_is_what_it_is_shown(name in name(), label in proptest::sample::select(LABELS)) {
            // A name on the wire, such as a client may make up.
            let charset = charset(label);
            let text = String::from_utf8_lossy(&name).into_owned();
            if let Some(meant) = charset.meant(text.as_bytes()) {
                prop_assert!(!meant.contains(&0) && !meant.contains(&b'/') && meant != b"." && meant != b"..");
                prop_assert_eq!(charset.spelled(&meant), text);
            }
        }

        #[test]
        fn hostile_bytes_harm_nothing(sent in proptest::collection::vec(any::<u8>(), 0..40), label in proptest::sample::select(LABELS)) {
            if let Some(text) = charset(label).text(&sent) {
                let special = |bytes: &[u8]| bytes.iter().filter(|byte| matches!(byte, b'/' | b'\n' | b'\r' | 0)).count();
                prop_assert_eq!(special(text.as_bytes()), special(&sent));
            }
        }
    }
}
