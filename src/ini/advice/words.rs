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

/// The charset that was probably meant.
pub(super) fn charset(value: &str) -> Option<String> {
    const MEANT: &[(&str, &str)] = &[
        ("936", "gbk"),
        ("54936", "gb18030"),
        ("950", "big5"),
        ("932", "shift_jis"),
        ("949", "euc-kr"),
        ("uhc", "euc-kr"),
        ("latin1", "windows-1252"),
        ("20866", "koi8-r"),
        ("65001", "utf-8"),
    ];
    const NAMES: &[&str] = &[
        "gb18030",
        "gbk",
        "gb2312",
        "big5",
        "big5-hkscs",
        "shift_jis",
        "euc-jp",
        "euc-kr",
        "koi8-r",
        "koi8-u",
        "ibm866",
        "macintosh",
        "utf-8",
        "windows-874",
        "windows-1250",
        "windows-1251",
        "windows-1252",
        "windows-1253",
        "windows-1254",
        "windows-1255",
        "windows-1256",
        "windows-1257",
        "windows-1258",
    ];
    let value = value.to_lowercase();
    let number = value.trim_start_matches(|c: char| !c.is_ascii_digit());
    let page = value.strip_suffix(number).unwrap_or_default().trim_end_matches(['-', '_', ' ']);
    if ["", "cp", "ms", "win", "windows", "codepage", "code page"].contains(&page) {
        let meant = MEANT.iter().find(|(other, _)| *other == number).map(|(_, name)| (*name).to_owned());
        return meant.or_else(|| number.starts_with("125").then(|| format!("windows-{number}")));
    }
    let meant = MEANT.iter().find(|(other, _)| *other == value).map(|(_, name)| *name);
    let score = |name: &&str| strsim::jaro_winkler(name, &value);
    let close = NAMES.iter().copied().filter(|name| score(name) >= 0.85);
    meant.or_else(|| close.max_by(|one, other| score(one).total_cmp(&score(other)))).map(str::to_owned)
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

    #[test]
    fn numbers_and_misspelt_names_lead_to_a_charset() {
        for (value, name) in [
            ("936", Some("gbk")),
            ("CP936", Some("gbk")),
            ("cp-950", Some("big5")),
            ("windows 1251", Some("windows-1251")),
            ("win1251", Some("windows-1251")),
            ("code page 932", Some("shift_jis")),
            ("GB-18030", Some("gb18030")),
            ("gbkk", Some("gbk")),
            ("shiftjis", Some("shift_jis")),
            ("koi8r", Some("koi8-r")),
            ("uhc", Some("euc-kr")),
            ("euckr", Some("euc-kr")),
            ("cp437", None),
            ("klingon", None),
            ("", None),
        ] {
            assert_eq!(charset(value).as_deref(), name, "{value}");
        }
    }
}
