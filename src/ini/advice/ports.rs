//! Ports and ranges of them, as other programs write them.

use super::super::Mistake;
use super::words;

/// `(8300, 8500)`, `8300:8500`, `range(8300, 8500)`, `8300–8500`: as it could be written.
pub(super) fn range(value: &str) -> Option<String> {
    let numbers = numbers(value)?;
    match numbers[..] {
        [port] => Some(port.to_string()),
        [low, high] => Some(format!("{low}-{high}")),
        [low, .., high] if numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]) => Some(format!("{low}-{high}")),
        _ => None,
    }
}

/// A word for any port.
pub(super) fn any(value: &str) -> Option<Mistake> {
    const ANY: &[&str] = &["none", "any", "auto", "all", "no", "false", "*", "null", "default", "random"];
    let is_any = ANY.iter().any(|word| value.eq_ignore_ascii_case(word));
    is_any.then(|| {
        Mistake::new(format!("'{value}' is no range of ports"))
            .fix("write a range such as 8300-8500, or off for any port")
    })
}

/// `:21`, `21/tcp`: as it could be written.
pub(super) fn single(value: &str) -> Option<String> {
    match numbers(value)?[..] {
        [port] if value != port.to_string() => Some(port.to_string()),
        _ => None,
    }
}

/// What a word for on or off means for this key.
pub(super) fn usual(key: &str, value: &str) -> Option<String> {
    const USUAL: &[(&str, &str)] = &[("web_port", "8080"), ("implicit_tls_port", "990"), ("data_port", "20")];
    let (_, port) = USUAL.iter().find(|(name, _)| *name == key)?;
    let word = value.to_ascii_lowercase();
    match words::switch(value).as_deref().unwrap_or(&word) {
        "on" | "yes" | "true" => Some((*port).to_owned()),
        "off" | "no" | "false" => Some("off".to_owned()),
        _ => None,
    }
}

/// All numbers of a value that is made of nothing else but signs and the usual words.
fn numbers(value: &str) -> Option<Vec<u32>> {
    let text = value.to_lowercase();
    let mut words =
        text.split(|c: char| !c.is_alphanumeric()).filter(|word| word.parse::<u32>().is_err() && !word.is_empty());
    let negative = text.starts_with('-') || text.replace("..", " ").contains('.');
    let known = words.all(|word| {
        ["range", "xrange", "list", "tuple", "from", "to", "until", "tcp", "and", "ports", "bis"].contains(&word)
    });
    let numbers =
        text.split(|c: char| !c.is_ascii_digit()).filter(|word| !word.is_empty()).map(|word| word.parse().ok());
    numbers.collect::<Option<Vec<u32>>>().filter(|numbers| known && !negative && !numbers.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_of_others_are_understood() {
        for value in [
            "(8300, 8302)",
            "8300, 8302",
            "8300:8302",
            "8300..8302",
            "8300 8302",
            "8300–8302",
            "8300 to 8302",
            "range(8300, 8302)",
            "range(8300,8302)",
            "list(range(8300, 8302))",
            "[8300, 8301, 8302]",
            "8300/8302",
            "8300~8302",
        ] {
            assert_eq!(range(value).as_deref(), Some("8300-8302"), "{value}");
        }
        assert!(any("none").is_some() && any("8300-8500").is_none());
        for value in ["a-b", "8300-8302-8400", "-5", "1.5", "ten"] {
            assert_eq!(range(value), None, "{value}");
        }
        assert_eq!(
            (single(":21").as_deref(), single("21/tcp").as_deref(), single("21"), single("21, 22")),
            (Some("21"), Some("21"), None, None)
        );
    }
}
