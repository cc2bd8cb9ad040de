//! Values given on the command line.

use std::str::FromStr;

/// One value given on the command line: `section.key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The section, as it is written in the file.
    pub section: String,
    /// The key, in any case.
    pub key: String,
    /// The value, never empty.
    pub value: String,
}

impl Override {
    /// The key of this section has this value.
    pub fn new(section: &str, key: &str, value: impl Into<String>) -> Override {
        Override { section: section.to_owned(), key: key.to_owned(), value: value.into() }
    }
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Override, String> {
        let parts = text.split_once('=').and_then(|(name, value)| {
            let (section, key) = name.split_once('.')?;
            Some([section, key, value].map(|part| part.trim().to_owned()))
        });
        match parts {
            Some([section, key, value]) if ![&section, &key, &value].iter().any(|part| part.is_empty()) => {
                Ok(Override { section, key, value })
            }
            Some([section, key, value]) if value.is_empty() && !section.is_empty() && !key.is_empty() => {
                Err(format!("the value behind '{section}.{key}=' is empty; leave it out for the default"))
            }
            _ => Err("expected section.key=value, such as server.port=2121".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_override_has_a_section_a_key_and_a_value() {
        for (text, sound) in
            [("a.b=c", true), ("a.b = c=d", true), ("a=b", false), ("a.b", false), ("a.b=", false), (".b=c", false)]
        {
            assert_eq!(text.parse::<Override>().is_ok(), sound, "{text}");
        }
        assert!("a.b=".parse::<Override>().is_err_and(|told| told.contains("is empty")));
    }
}
