//! The languages of the page, and which one a browser wants.

use super::strings::{self, Phrases};

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
    /// The one that an `Accept-Language` field (RFC 9110 §12.5.4) likes best; the first one of equals.
    pub fn accepted(field: &[u8]) -> Language {
        let mut best = (0, Language::English);
        for range in String::from_utf8_lossy(field).split(',') {
            let (tag, parameters) = range.split_once(';').unwrap_or((range, ""));
            let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
            let known = LANGUAGES.iter().find(|(_, name, ..)| *name == primary);
            let weight = thousandths(parameters.trim());
            if let Some((language, ..)) = known.filter(|_| weight > best.0) {
                best = (weight, *language);
            }
        }
        best.1
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

/// The weight `q=0.8` in thousandths; nonsense is 0.
fn thousandths(parameter: &str) -> u16 {
    if parameter.is_empty() {
        return 1000;
    }
    let number = parameter.strip_prefix("q=").and_then(|text| text.trim().parse::<f32>().ok());
    // From 0 to 1000, so that nothing is lost.
    number.filter(|number| (0.0..=1.0).contains(number)).map_or(0, |number| (number * 1000.0) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_with_the_greatest_weight_is_taken() {
        let cases = [
            ("", Language::English),
            ("zh-CN,zh;q=0.9,en;q=0.8", Language::Chinese),
            ("en-US,en;q=0.9,zh;q=0.8", Language::English),
            ("de-DE, de;q=0.9", Language::English),
            ("de, ZH-Hant; q=0.5, en;q=0.4", Language::Chinese),
            ("zh;q=0", Language::English),
            ("zh;q=2,en;q=x,\u{0}", Language::English),
            ("*", Language::English),
            ("zhx", Language::English),
        ];
        for (field, expected) in cases {
            assert_eq!(Language::accepted(field.as_bytes()), expected, "{field}");
        }
        assert_eq!(Language::accepted(b"\xff\xfe;;,,zh"), Language::Chinese);
    }
}
