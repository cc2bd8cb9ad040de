//! What may be shown of a line: all that is surely neither a password nor a key.
//!
//! Every excerpt and every log line that quotes a file asks here. What is known to the reader of a key is shown as far as its
//! kind allows; of everything else there is the key, if it is one.

use std::ops::Range;

use super::advice;
use super::{FolderTitle, Key, Mistake};

/// What is shown instead of what could be a password.
pub(super) const HIDDEN: &str = "***";

/// Longest word behind a key that is shown although it is none that the key may have.
const LONGEST_WORD: usize = 12;

/// How a part of PEM begins.
pub(super) const PEM: &str = "-----BEGIN";

/// What could be secret in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Secret {
    /// Nothing.
    Nothing,
    /// The value from this byte on.
    ValueFrom(usize),
    /// All but the first word.
    AllButFirstWord,
    /// All but the name of a section.
    AllButSection,
    /// All of it.
    All,
}

impl Secret {
    /// All of the value.
    pub(super) const VALUE: Secret = Secret::ValueFrom(0);

    /// What is secret in a line whose value is that of a known key, in a file that has passwords or not.
    pub(super) fn of(row: &Key, value: &str, has_passwords: bool) -> Secret {
        match plain(row, value, has_passwords) {
            end if end < value.len() || row.is_secret() => Secret::ValueFrom(end),
            _ => Secret::Nothing,
        }
    }
}

/// How many bytes of the value of a known key are surely no secret.
pub(super) fn plain(row: &Key, value: &str, has_passwords: bool) -> usize {
    let everywhere = match row.value {
        "password" => Some(0),
        "name" => value.find(|c: char| c == ':' || c.is_whitespace()).map(|at| at + 1),
        _ => None,
    };
    let beside_passwords = || match row.value {
        "text" | "name" => None,
        "charset" if advice::is_charset(value) => None,
        "letters" => [other_key(value), comment(value), foreign_letter(value)].into_iter().flatten().min(),
        "folder" | "file" | "patterns" => [other_key(value), comment(value)].into_iter().flatten().min(),
        // Of `--token=sesame`, the name alone.
        "program" => {
            let sign = value.find('=').map(|at| at + 1);
            [other_key(value), comment(value), sign].into_iter().flatten().min()
        }
        _ => [other_key(value), comment(value), long_word(value)].into_iter().flatten().min(),
    };
    let ends = [everywhere, login(value), value.find(PEM).map(|at| at + PEM.len())];
    let ends = ends.into_iter().chain(has_passwords.then(beside_passwords)).flatten();
    ends.min().unwrap_or(value.len())
}

/// Where the login of a URL begins: `ftp://alex:secret@host/`, `alex:secret@host`.
fn login(value: &str) -> Option<usize> {
    let at = value.find('@')?;
    let word = value[..at].rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
    let begin = value[word..at].find("://").map_or(word, |scheme| word + scheme + 3);
    value[begin..at].find(':').map(|_| begin)
}

/// Where a comment begins, which is part of the value.
fn comment(value: &str) -> Option<usize> {
    advice::comment(value).map(|at| at + 1)
}

/// Where a word ends that stands in front of a password.
fn other_key(value: &str) -> Option<usize> {
    let mut words = words(value).filter_map(|word| {
        let name = value[word.clone()].split(['=', ':']).next().unwrap_or_default();
        (!name.contains(['/', '\\']) && advice::is_word_for_password(name)).then_some(word.start + name.len())
    });
    words.next()
}

/// Where letters end that are ours, the first other one included; words for them and modes count.
fn foreign_letter(value: &str) -> Option<usize> {
    let is_mode = value.len() <= 4 && value.bytes().all(|byte| byte.is_ascii_digit());
    let is_listing = value.len() <= 10 && value.chars().all(|c| "-drwxst".contains(c));
    let is_capital = value.chars().all(|c| "ELRADFWMT ,".contains(c));
    if is_mode || is_listing || is_capital || advice::are_words_for_letters(value) {
        return None;
    }
    let is_ours = |c: char| "elradfmwMT".contains(c) || c.is_whitespace() || "\"'“”„,;|+/-:=".contains(c);
    let mut chars = value.char_indices();
    chars.find(|(at, c)| !is_ours(*c) || *at >= LONGEST_WORD).map(|(at, c)| at + c.len_utf8())
}

/// Where a word begins that is no number, address, size or time, and too long or too mixed for a plain word.
fn long_word(value: &str) -> Option<usize> {
    let is_plain = |word: &str| {
        let is_number = |c: char| c.is_ascii_hexdigit() || ".:/*_,;-×()[]\"'".contains(c);
        let word = word.trim_matches(|c: char| !c.is_alphanumeric());
        word.chars().all(is_number)
            || word.chars().count() <= LONGEST_WORD
                && (word.chars().all(char::is_alphabetic) || word.starts_with(|c: char| c.is_ascii_digit()))
    };
    words(value).find(|word| !is_plain(&value[word.clone()])).map(|word| word.start)
}

/// The words of a text, as bytes of it.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    text.split_whitespace().map(|word| {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        start..start + word.len()
    })
}

/// A mistake without what is not shown of the `value`; `end` bytes of it are.
pub(super) fn hidden(mistake: Mistake, value: &str, end: usize) -> Mistake {
    let secret = value[end..].trim();
    if secret.is_empty() {
        return mistake;
    }
    let kept = value[..end].trim_end();
    let reason = mistake.reason.replace(value, &format!("{kept}{HIDDEN}")).replace(secret, HIDDEN);
    let tells = |text: &str| {
        let words = secret.split(|c: char| c.is_whitespace() || "\"'“”".contains(c));
        words.filter(|word| word.len() > 3).any(|word| text.contains(word))
    };
    let quotes = |text: &str| text.split('\'').skip(1).step_by(2).any(&tells);
    let reason = if quotes(&reason) { "this is no value of this key".to_owned() } else { reason };
    Mistake { reason, fix: mistake.fix.filter(|fix| !tells(fix)), ..mistake }
}

/// As much of a section's name as is surely no secret.
pub fn section(name: &str) -> String {
    match name.find([':', '=']) {
        Some(at) => format!("{}:{HIDDEN}", &name[..at]),
        None => name.to_owned(),
    }
}

/// Where the name of a section ends in a line that begins with its bracket, the bracket behind it included.
pub(super) fn section_end(line: &str) -> usize {
    // The path of a folder may hold brackets.
    let first = line.find(']').filter(|at| FolderTitle::of(&line[..*at]).is_none());
    let closing = first.or_else(|| line.rfind(']')).map(|at| at + 1);
    let inside = &line[..closing.unwrap_or(line.len())];
    let ends = |c: char| c == ':' || c == '=' || (closing.is_none() && c.is_whitespace());
    inside.find(ends).unwrap_or(inside.len())
}

/// Whether a word in front of a '=' is surely the name of a key, and no part of a key in base64.
pub(super) fn is_name(word: &str) -> bool {
    let has = |is: fn(&char) -> bool| word.chars().any(|c| is(&c));
    let is_mixed = has(|c| c.is_uppercase()) && has(|c| c.is_lowercase()) && has(|c| c.is_ascii_digit());
    !is_mixed && !word.contains(['+', '/']) && !word.starts_with(PEM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_a_password_is_no_part_of_what_is_shown() {
        let cases = [
            ("letters", "elr", "elr"),
            ("letters", "elrx", "elrx"),
            ("letters", "\"elr\"", "\"elr\""),
            ("letters", "ELR", "ELR"),
            ("letters", "755", "755"),
            ("letters", "read, write", "read, write"),
            ("letters", "hunter2", "h"),
            ("letters", "12345678", "1"),
            ("letters", "elr # pw sesame", "elr #"),
            ("letters", "elr password = sesame", "elr p"),
            ("letters", "elr PW", "elr P"),
            ("folder", "/srv/my files", "/srv/my files"),
            ("folder", "/srv/passwords", "/srv/passwords"),
            ("folder", "/srv password = sesame", "/srv password"),
            ("folder", "/srv # sesame", "/srv #"),
            ("folder", "ftp://alex:sesame@host/x", "ftp://"),
            ("folder", "\"ftp://alex:sesame@host/x\"", "\"ftp://"),
            ("patterns", ".*, Thumbs.db, my-notes.2025", ".*, Thumbs.db, my-notes.2025"),
            ("patterns", ".* # sesame", ".* #"),
            ("patterns", ".* password = sesame", ".* password"),
            ("program", "/bin/scan -q 'a b'", "/bin/scan -q 'a b'"),
            ("program", "/bin/scan --token=sesame", "/bin/scan --token="),
            ("program", "/bin/scan # sesame", "/bin/scan #"),
            ("file", "-----BEGIN PRIVATE KEY-----", "-----BEGIN"),
            ("size", "100 * 1024", "100 * 1024"),
            ("size", "unlimited", "unlimited"),
            ("size", "correct-horse-battery", ""),
            ("charset", "shift_jis", "shift_jis"),
            ("charset", "windows1251", "windows1251"),
            ("charset", "sesame-17", ""),
            ("charset", "gbk # sesame", "gbk #"),
            ("charset", "windows-1251 sesame", ""),
            ("charset", "windows-1251:sesame", ""),
            ("networks", "10.0.0.0/255.0.0.0, ::1, localhost", "10.0.0.0/255.0.0.0, ::1, localhost"),
            ("on or off", "on pass=sesame", "on "),
            ("name", "alex:sesame", "alex:"),
            ("text", "the password = sesame # of all", "the password = sesame # of all"),
            ("password", "sesame", ""),
        ];
        for (kind, value, shown) in cases {
            let row = Key::optional("x", kind, "");
            assert_eq!(&value[..plain(&row, value, true)], shown, "{kind} {value}");
        }
        let port = Key::optional("port", "port", "");
        assert_eq!(plain(&port, "21 # any of them", false), 16);
    }

    #[test]
    fn no_mistake_repeats_what_is_hidden() {
        let value = "ftp://alex:sesame@host/x";
        let mistake = Mistake::new(format!("'{value}' is a URL")).fix("write home = alex:sesame@host/x");
        assert_eq!(hidden(mistake, value, 6), Mistake::new("'ftp://***' is a URL"));
        let mistake = Mistake::new("a comment needs a line of its own").fix("write perm = elr");
        assert_eq!(hidden(mistake.clone(), "elr # sesame", 5), mistake);
    }

    #[test]
    fn a_section_is_shown_as_far_as_its_name_goes() {
        let cases = [
            ("[alex]", "[alex]"),
            ("[alex] password = sesame", "[alex]"),
            ("[alex password = sesame", "[alex"),
            ("[alex:sesame]", "[alex"),
            ("[Alex b]", "[Alex b]"),
            ("[alex] ; sesame", "[alex]"),
            ("[alex /a b] c]", "[alex /a b] c]"),
            ("[alex /a] ; sesame", "[alex /a]"),
            ("[alex /a] password = x]", "[alex /a] password "),
            ("[alex /a sesame", "[alex"),
            ("[alex] /a sesame]", "[alex]"),
        ];
        for (line, shown) in cases {
            assert_eq!(&line[..section_end(line)], shown, "{line}");
        }
        assert_eq!((section("Alex b").as_str(), section("alex:sesame").as_str()), ("Alex b", "alex:***"));
    }

    #[test]
    fn a_key_in_base64_is_no_name() {
        for (word, is) in
            [("max_cons", true), ("PassivePorts", true), ("MIIEvQIBADANBgkqhkiG9w0", false), ("a+b", false)]
        {
            assert_eq!(is_name(word), is, "{word}");
        }
    }
}
