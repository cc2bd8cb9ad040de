//! The languages of the page, and which one a browser wants.

use super::strings::{self, Phrases};
use crate::protocol::http::accept;
use crate::protocol::http::head::Head;

/// A language that the page has a table of strings for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English, also for all who ask for none of these.
    English,
    /// 中文.
    Chinese,
}

/// Each language, how `Accept-Language` names it, its tag in HTML, its table. A new one is a file in strings/ and a row.
#[rustfmt::skip]
const LANGUAGES: [(Language, &str, &str, &Phrases); 2] = [
    (Language::English, "en", "en",      &strings::ENGLISH),
    (Language::Chinese, "zh", "zh-Hans", &strings::CHINESE),
];

impl Language {
    /// The one that a browser likes best, as its request says (RFC 9110 §12.5.4).
    pub fn accepted(head: &Head) -> Language {
        let name = accept::language(head, &LANGUAGES.map(|(_, name, ..)| name));
        let known = LANGUAGES.iter().find(|(_, known, ..)| Some(*known) == name);
        known.map_or(Language::English, |(language, ..)| *language)
    }

    /// Its tag, for the attribute `lang`.
    pub fn tag(self) -> &'static str {
        self.entry().2
    }

    pub(super) fn phrases(self) -> &'static Phrases {
        self.entry().3
    }

    fn entry(self) -> &'static (Language, &'static str, &'static str, &'static Phrases) {
        LANGUAGES.iter().find(|(language, ..)| *language == self).expect("every language has a row")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http::head::HeadReader;

    fn accepted(field: &[u8]) -> Language {
        let head = [b"GET / HTTP/1.1\r\nHost: a\r\nAccept-Language: ", field, b"\r\n\r\n"].concat();
        Language::accepted(&HeadReader::default().read(&head).expect("HTTP").expect("whole").0)
    }

    #[test]
    fn the_language_with_the_greatest_weight_is_taken() {
        let cases = [
            ("", Language::English),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en-US,en;q=0.9,zh;q=0.8", Language::English),
            ("de-DE, de;q=0.9", Language::English),
            ("de, ZH-Hant; q=0.5, en;q=0.4", Language::Chinese),
            ("zh;q=0", Language::English),
            ("zh;q=2,en;q=x", Language::English),
            ("*", Language::English),
            ("zhx", Language::English),
        ];
        for (field, expected) in cases {
            assert_eq!(accepted(field.as_bytes()), expected, "{field}");
        }
        assert_eq!(accepted(b"\xff\xfe;;,,zh"), Language::Chinese);
    }
}
