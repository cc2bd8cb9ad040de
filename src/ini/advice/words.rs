//! Switches and lists of words.

/// Another word for on or off.
pub(super) fn switch(value: &str) -> Option<String> {
    const ON: &[&str] = &["enable", "enabled", "y", "t", "ja", "oui", "si", "是", "active", "allow", "ok"];
    const OFF: &[&str] = &["disable", "disabled", "n", "f", "none", "never", "nein", "non", "否", "deny", "null"];
    let is = |words: &[&str]| words.iter().any(|word| value.eq_ignore_ascii_case(word));
    match () {
        () if is(ON) => Some("on".to_owned()),
        () if is(OFF) => Some("off".to_owned()),
        () => None,
    }
}

/// The word of a `list` that was probably meant.
pub(super) fn one_of(list: &str, value: &str) -> Option<String> {
    const MEANT: &[(&str, &str)] = &[
        ("warning", "warn"),
        ("verbose", "debug"),
        ("trace", "debug"),
        ("all", "debug"),
        ("critical", "error"),
        ("fatal", "error"),
        ("none", "off"),
        ("no", "off"),
        ("false", "off"),
        ("0", "off"),
        ("disabled", "off"),
        ("never", "off"),
        ("yes", "on"),
        ("true", "on"),
        ("1", "on"),
        ("always", "on"),
        ("required", "require"),
        ("force", "require"),
        ("everyone", "all"),
        ("everybody", "all"),
        ("plain", "text"),
        ("no", "never"),
        ("off", "never"),
    ];
    let known = |word: &str| list.split(", ").any(|known| known == word);
    let meant =
        MEANT.iter().find(|(other, word)| value.eq_ignore_ascii_case(other) && known(word)).map(|(_, word)| *word);
    let close = || list.split(", ").find(|word| strsim::jaro_winkler(word, &value.to_lowercase()) >= 0.85);
    meant.or_else(close).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_word_leads_to_ours() {
        assert_eq!(
            (switch("Enabled").as_deref(), switch("n").as_deref(), switch("maybe")),
            (Some("on"), Some("off"), None)
        );
        for (list, value, word) in [
            ("error, warn, info, debug", "warning", Some("warn")),
            ("error, warn, info, debug", "verbose", Some("debug")),
            ("auto, require, off", "none", Some("off")),
            ("auto, require, off", "required", Some("require")),
            ("inside, never", "no", Some("never")),
            ("text, json", "jsn", Some("json")),
            ("text, json", "xml", None),
            ("outside, all", "everyone", Some("all")),
        ] {
            assert_eq!(one_of(list, value).as_deref(), word, "{value}");
        }
    }
}
