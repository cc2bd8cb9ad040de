//! What a client prefers: the fields `Accept` and `Accept-Language` (RFC 9110 §12.5).

use crate::protocol::http::{
    head::Head,
    list::{members, trim},
};

/// What `Accept` says of the two forms that answers have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Accept {
    /// The weight of a page, from 0 to 1000, if pages are named.
    page: u16,
    /// That of JSON.
    json: u16,
}

impl Accept {
    /// Reads the fields of a head. What is meant by `*/*` alone is not counted: curl says it, too.
    pub fn of(head: &Head) -> Self {
        let mut accept = Self::default();
        for (range, weight) in head.all("accept").flat_map(members).filter_map(weighed) {
            let is = |media_type: &str| range.eq_ignore_ascii_case(media_type.as_bytes());
            if is("text/html") || is("application/xhtml+xml") {
                accept.page = accept.page.max(weight);
            } else if is("application/json") {
                accept.json = accept.json.max(weight);
            }
        }
        accept
    }

    /// Whether it names pages: so a browser does, when a person is to see the answer.
    pub fn names_pages(self) -> bool {
        self.page > 0
    }

    /// Whether it names JSON, and rather than pages.
    pub fn prefers_json(self) -> bool {
        self.json > self.page
    }
}

/// Of the languages that are there, that which `Accept-Language` wants most; the first one if it wants none of them.
/// `zh-Hans-CN` is content with `zh`, and `zh` with `zh-CN`.
pub fn language<'a>(head: &Head, offered: &[&'a str]) -> Option<&'a str> {
    let mut best: Option<(u16, &str)> = None;
    for (range, weight) in head.all("accept-language").flat_map(members).filter_map(weighed) {
        let found = offered.iter().find(|tag| weight > 0 && is_language(range, tag));
        if let Some(tag) = found.filter(|_| best.is_none_or(|(most, _)| weight > most)) {
            best = Some((weight, tag));
        }
    }
    best.map(|(_, tag)| tag).or(offered.first().copied())
}

fn is_language(range: &[u8], tag: &str) -> bool {
    let tag = tag.as_bytes();
    let begins = |long: &[u8], short: &[u8]| {
        let (start, rest) = long.split_at(short.len().min(long.len()));
        start.eq_ignore_ascii_case(short) && matches!(rest, [] | [b'-', ..])
    };
    range == b"*" || begins(range, tag) || begins(tag, range)
}

/// A member and its weight, from 0 to 1000 (§12.4.2); `None` for a weight that is none.
fn weighed(member: &[u8]) -> Option<(&[u8], u16)> {
    let mut parts = member.split(|&byte| byte == b';').map(trim);
    let name = parts.next()?;
    let weight = parts.find_map(|part| part.strip_prefix(b"q=").or(part.strip_prefix(b"Q=")));
    Some((name, weight.map_or(Some(1000), thousandths)?))
}

/// `1`, `0.5`, `0.123`.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, fraction) = match text {
        [whole @ b'0'..=b'1'] => (whole, &b""[..]),
        [whole @ b'0'..=b'1', b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    let mut weight = u16::from(whole - b'0') * 1000;
    for (digit, unit) in fraction.iter().zip([100, 10, 1]) {
        weight += char::from(*digit).to_digit(10).and_then(|digit| u16::try_from(digit).ok())? * unit;
    }
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http::head::HeadReader;

    fn head(fields: &str) -> Head {
        let text = format!("GET / HTTP/1.1\r\n{fields}\r\n\r\n");
        HeadReader::default().read(text.as_bytes()).unwrap().unwrap().0
    }

    #[test]
    fn browsers_name_pages_and_scripts_json() {
        let chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        let cases: &[(&str, bool, bool)] = &[
            (chromium, true, false),
            ("*/*", false, false),
            ("", false, false),
            ("application/json", false, true),
            ("Application/JSON; charset=utf-8", false, true),
            ("application/json, text/plain, */*", false, true),
            ("text/html, application/json", true, false),
            ("text/html;q=0.5, application/json ; q=0.6", true, true),
            ("text/html, application/xhtml+xml;q=0.1, application/json;q=0.5", true, false),
            ("text/html;q=0, application/json;q=0", false, false),
            ("text/html;q=2, application/json;q=x", false, false),
            ("application/jsonx, text/htm", false, false),
        ];
        for (value, names_pages, prefers_json) in cases {
            let accept = Accept::of(&head(&format!("Accept: {value}")));
            assert_eq!((accept.names_pages(), accept.prefers_json()), (*names_pages, *prefers_json), "{value}");
        }
        assert!(Accept::of(&head("accept: x/y\r\nACCEPT: text/html")).names_pages());
    }

    #[test]
    fn the_language_is_the_best_of_those_that_are_there() {
        let cases: &[(&str, &str)] = &[
            ("Accept-Language: zh-CN,zh;q=0.9,en;q=0.8", "zh"),
            ("Accept-Language: en-US,en;q=0.9,zh;q=0.8", "en"),
            ("Accept-Language: de, zh;q=0.3, en;q=0.2", "zh"),
            ("Accept-Language: de", "en"),
            ("Accept-Language: zh, en", "zh"),
            ("Accept-Language: ZH-hans-cn", "zh"),
            ("Accept-Language: zhx, z", "en"),
            ("Accept-Language: zh;q=0, en;q=0.1", "en"),
            ("Accept-Language: zh;q=0", "en"),
            ("Accept-Language: *, zh;q=0.5", "en"),
            ("Accept-Language: zh;q=0.001", "zh"),
            ("Accept-Language: zh;q=1.5, en;q=0.1", "en"),
            ("Accept-Language: pt", "pt-BR"),
            ("Accept-Language: pt-br", "pt-BR"),
            ("X: zh", "en"),
            ("Accept-Language: ;;;,,,;q=", "en"),
        ];
        for (field, expected) in cases {
            assert_eq!(language(&head(field), &["en", "zh", "pt-BR"]), Some(*expected), "{field}");
        }
        assert_eq!(language(&head("Accept-Language: en"), &[]), None);
    }
}
