//! The query of a target: flags and values, decoded once.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::protocol::{
    http::{error::HttpError, href::decode},
    path::has_control_bytes,
};

/// The most parameters that a query may have.
const MAX_PARAMETERS: usize = 32;

/// What follows the `?`: `zip`, `sort=name&desc`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    parameters: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Query {
    /// Reads what follows the `?`; a `+` is a blank, as in forms.
    ///
    /// # Errors
    /// A 400 for a broken escape, a control byte, or too many parameters.
    pub fn parse(text: &[u8]) -> Result<Self, HttpError> {
        let mut parameters = Vec::new();
        for parameter in text.split(|&byte| byte == b'&').filter(|parameter| !parameter.is_empty()) {
            if parameters.len() == MAX_PARAMETERS {
                return Err(HttpError::bad("The query has too many parameters."));
            }
            let (name, value) = split(parameter);
            parameters.push((part(name)?, value.map(part).transpose()?));
        }
        Ok(Self { parameters })
    }

    /// Whether that parameter is there, with a value or without.
    pub fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|(found, _)| found == name.as_bytes())
    }

    /// The value of the first parameter of that name; empty if it has none.
    pub fn value(&self, name: &str) -> Option<&[u8]> {
        let (_, value) = self.parameters.iter().find(|(found, _)| found == name.as_bytes())?;
        Some(value.as_deref().unwrap_or_default())
    }

    /// Whether it has no parameter.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    /// Appends it to a link, with its `?`, percent-encoded; nothing if it is empty.
    pub fn write(&self, link: &mut String) {
        for (index, (name, value)) in self.parameters.iter().enumerate() {
            link.push(if index == 0 { '?' } else { '&' });
            link.extend(percent_encode(name, NON_ALPHANUMERIC));
            if let Some(value) = value {
                link.push('=');
                link.extend(percent_encode(value, NON_ALPHANUMERIC));
            }
        }
    }
}

/// `name=value` at its first `=`, as forms and queries have it.
pub(super) fn split(parameter: &[u8]) -> (&[u8], Option<&[u8]>) {
    match parameter.iter().position(|&byte| byte == b'=') {
        Some(at) => (&parameter[..at], Some(&parameter[at + 1..])),
        None => (parameter, None),
    }
}

/// One name or value of a form, decoded.
pub(super) fn form_decode(text: &[u8]) -> Result<Vec<u8>, HttpError> {
    let blanks: Vec<u8> = text.iter().map(|&byte| if byte == b'+' { b' ' } else { byte }).collect();
    decode(&blanks)
}

fn part(text: &[u8]) -> Result<Vec<u8>, HttpError> {
    let text = form_decode(text)?;
    if has_control_bytes(&text) { Err(HttpError::bad("The query holds a control byte.")) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn flags_and_values_are_decoded_once() {
        let query = Query::parse(b"zip&sort=na%6de&&x=%2526+&sort=size&=v&e=").unwrap();
        assert!(query.has("zip") && query.has("sort") && query.has("") && !query.has("zi") && !query.has("ZIP"));
        let value = |name: &str| query.value(name).map(|value| String::from_utf8(value.to_vec()).unwrap());
        let cases: &[(&str, Option<&str>)] = &[
            ("zip", Some("")),
            ("sort", Some("name")),
            ("x", Some("%26 ")),
            ("", Some("v")),
            ("e", Some("")),
            ("y", None),
        ];
        for (name, expected) in cases {
            assert_eq!(value(name).as_deref(), *expected, "{name}");
        }
        assert!(Query::parse(b"").unwrap().is_empty() && Query::parse(b"&&").unwrap().is_empty());
    }

    #[test]
    fn broken_queries_are_400() {
        let many = ["a"; MAX_PARAMETERS + 1].join("&");
        for text in ["%", "a=%4", "a=%g0", "a=%00", "a%0a=b", "\x7f", &many] {
            assert_eq!(Query::parse(text.as_bytes()).map_err(|error| error.status), Err(400), "{text:?}");
        }
        assert!(Query::parse(&many.as_bytes()[2..]).is_ok());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(text in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(query) = Query::parse(&text) {
                let mut link = String::new();
                query.write(&mut link);
                let again = link.strip_prefix('?').unwrap_or_default();
                prop_assert_eq!(Query::parse(again.as_bytes()), Ok(query));
            }
        }
    }
}
