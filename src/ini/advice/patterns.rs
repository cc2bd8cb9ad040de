//! Patterns of names that probably hide something else than was meant.

use super::super::{Key, Mistake};
use super::decoration;

/// Signs that others put between patterns.
const SEPARATORS: [char; 2] = [';', '|'];

/// Ends of names that are hardly ever a whole name, also without the dot.
const KINDS: &[&str] = &[
    "exe", "scr", "bat", "cmd", "pif", "msi", "dll", "vbs", "jar", "ps1", "php", "asp", "aspx", "jsp", "hta", "wsf",
    "lnk", "docm", "xlsm",
];

/// Ends of names that are hardly ever a whole name with the dot alone.
const DOTTED: &[&str] = &[
    "com", "js", "sh", "py", "pl", "cgi", "apk", "dmg", "iso", "zip", "rar", "7z", "gz", "tar", "torrent", "tmp",
    "temp", "bak", "part", "log", "html", "htm", "svg", "pdf", "doc", "docx", "xls", "xlsx", "mp3", "mp4", "avi",
    "mkv", "jpg", "jpeg", "png", "gif", "txt", "reg", "bin",
];

/// Why a list of patterns probably means something else than it says.
pub(super) fn doubt(row: &Key, value: &str) -> Option<Mistake> {
    if let Some(at) = decoration::comment(value) {
        let fix = format!("write {} = {}", row.name, value[..at].trim_end());
        return Some(Mistake::new("a comment needs a line of its own").at(at..value.len()).fix(fix));
    }
    let write = |better: &str| format!("write {} = {better}", row.name);
    if let Some(better) = without_braces(value) {
        let mistake = Mistake::new("'{' and '}' stand for themselves, and the comma between them ends a pattern");
        return Some(mistake.fix(write(&better)));
    }
    let parts: Vec<&str> = value.split(',').map(str::trim).collect();
    let better = |wrong: &str, instead: &str| {
        let all: Vec<&str> = parts.iter().map(|part| if *part == wrong { instead } else { part }).collect();
        write(&all.join(", "))
    };
    parts.iter().find_map(|part| {
        let (reason, instead) = doubted(row, part)?;
        Some(Mistake::new(reason).fix(match instead {
            Instead::Write(instead) => better(part, &instead),
            Instead::Advice(advice) => advice.to_owned(),
        }))
    })
}

/// What to do about a pattern.
enum Instead {
    /// Other patterns to write in its place.
    Write(String),
    /// Something that depends on what is meant.
    Advice(&'static str),
}

/// What is wrong with one pattern.
fn doubted(row: &Key, part: &str) -> Option<(String, Instead)> {
    let is_literal = |part: &str| !part.contains(['*', '?', '[']);
    let end = part.strip_prefix('.').unwrap_or(part).to_lowercase();
    let is_kind = KINDS.contains(&end.as_str()) && (part.starts_with('.') || row.name == "refuse");
    let separated = separated(part);
    if is_expression(part) {
        let plain = part.trim_start_matches('^').trim_end_matches('$').replace("\\.", ".").replace(".*", "*");
        let plain = match (part.starts_with('^'), part.ends_with(['$', '*'])) {
            (true, false) => format!("{plain}*"),
            (false, _) if !plain.starts_with('*') => format!("*{plain}"),
            _ => plain,
        };
        let reason = format!("'{part}' is a regular expression, and each sign but '*', '?' and '[' stands for itself");
        let is_clear = !plain.contains(['(', ')', '|', '+', '\\', '^', '$']);
        let instead = if is_clear { Instead::Write(plain) } else { Instead::Advice("write patterns such as *.exe") };
        return Some((reason, instead));
    }
    if part.contains(SEPARATORS) || separated.len() > 1 {
        let reason = format!("'{part}' is one pattern: commas go between patterns");
        return Some((reason, Instead::Write(separated.join(", "))));
    }
    if part.starts_with('!') {
        let reason = format!("'{part}' is no exception: the '!' is part of the name");
        return Some((
            reason,
            Instead::Advice("leave it out: there are no exceptions, and what no pattern matches is free"),
        ));
    }
    if part.len() > 1 && is_open(part) {
        let reason = format!("the '[' in '{part}' has no ']' and stands for itself");
        let close = "write ']' after the characters that it holds, or [[] for a '['";
        return Some((reason, Instead::Advice(close)));
    }
    let is_end = is_kind || (part.starts_with('.') && DOTTED.contains(&end.as_str()));
    (is_literal(part) && is_end)
        .then(|| (format!("'{part}' is that very name, and not the end of one"), Instead::Write(format!("*.{end}"))))
}

/// The patterns in one that has other signs than commas between them, or blanks.
fn separated(part: &str) -> Vec<&str> {
    let by_signs = part.split(SEPARATORS).map(str::trim).filter(|part| !part.is_empty());
    let by_blanks = |part| {
        let words: Vec<&str> = str::split_whitespace(part).collect();
        // `* - Copy.txt` may well be one name.
        let are_patterns = words.len() > 1 && words[0].contains('*') && words[0].contains('.');
        if are_patterns { words } else { vec![part] }
    };
    by_signs.flat_map(by_blanks).collect()
}

/// Whether a `[` has no `]`, which may not come right after it.
fn is_open(part: &str) -> bool {
    let inner = part.rfind('[').map(|at| part[at + 1..].trim_start_matches(['!', '^']));
    inner.is_some_and(|inner| !inner.chars().skip(1).any(|c| c == ']'))
}

/// Whether a pattern is written as other programs want it; `~$*` and `*.$$$` are not.
fn is_expression(part: &str) -> bool {
    let has_end = part.strip_suffix('$').is_some_and(|rest| rest.ends_with(|c: char| c.is_alphanumeric() || c == ')'));
    (part.starts_with('^') && part.len() > 1) || has_end || part.contains("\\.")
}

/// The list with `*.{jpg,png}` written as `*.jpg, *.png`.
fn without_braces(value: &str) -> Option<String> {
    let (before, rest) = value.split_once('{')?;
    let (inner, after) = rest.split_once('}').filter(|(inner, _)| inner.contains(','))?;
    let (others, begin) = before.rsplit_once(',').map_or(("", before), |(others, begin)| (others, begin));
    let (end, more) = after.split_once(',').map_or((after, ""), |(end, more)| (end, more));
    let (begin, end) = (begin.trim(), end.trim());
    let each = inner.split(',').map(|word| format!("{begin}{}{end}", word.trim())).collect::<Vec<_>>().join(", ");
    let more = without_braces(more).unwrap_or_else(|| more.trim().to_owned());
    let parts = [others.trim(), &each, &more];
    Some(parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_blanks_instead_of_commas_are_doubted() {
        let row = Key::new("hide", "patterns", "off", "");
        let cases = [
            (".*, Thumbs.db", None),
            ("my notes.txt, * - Copy.*", None),
            (".* # dots", Some("write hide = .*")),
            (".* Thumbs.db", Some("write hide = .*, Thumbs.db")),
            ("a b, *.tmp *.bak", Some("write hide = a b, *.tmp, *.bak")),
        ];
        for (value, fix) in cases {
            assert_eq!(doubt(&row, value).and_then(|mistake| mistake.fix).as_deref(), fix, "{value}");
        }
    }

    #[test]
    fn what_other_programs_take_for_patterns_is_doubted() {
        let row = Key::new("refuse", "patterns", "off", "");
        let cases = [
            ("*.exe, Thumbs.db, con, .git, .ht*, ~$*, *.$$$, [!a]*, *.[bt]mp, []], bin", None),
            (".exe, *.scr", Some("write refuse = *.exe, *.scr")),
            ("*.scr, EXE", Some("write refuse = *.scr, *.exe")),
            (".tmp", Some("write refuse = *.tmp")),
            ("*.exe; *.scr", Some("write refuse = *.exe, *.scr")),
            ("*.exe;*.scr;", Some("write refuse = *.exe, *.scr")),
            ("x, *.exe|*.scr", Some("write refuse = x, *.exe, *.scr")),
            ("*.{jpg,png}", Some("write refuse = *.jpg, *.png")),
            ("a, *.{jpg, png}.bak, b, {x,y}", Some("write refuse = a, *.jpg.bak, *.png.bak, b, x, y")),
            ("*.[bt", Some("write ']' after the characters that it holds, or [[] for a '['")),
            ("!keep.txt", Some("leave it out: there are no exceptions, and what no pattern matches is free")),
            ("^.*\\.exe$", Some("write refuse = *.exe")),
            ("\\.exe$", Some("write refuse = *.exe")),
            ("^tmp", Some("write refuse = tmp*")),
            ("\\.(exe|scr)$", Some("write patterns such as *.exe")),
        ];
        for (value, fix) in cases {
            assert_eq!(doubt(&row, value).and_then(|mistake| mistake.fix).as_deref(), fix, "{value}");
        }
        let hide = Key::new("hide", "patterns", "off", "");
        assert_eq!([".exe", "exe"].map(|value| doubt(&hide, value).is_some()), [true, false]);
    }
}
