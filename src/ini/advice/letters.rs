//! Permission letters that are words, modes or lists.

use super::super::{Key, Missing, Mistake};

const READS: &str = "elr reads, elradfmwMT also writes";

/// Capitals of letters that exist only in lower case.
const SMALL: &str = "ELRADFW";

/// Why it is not a value of letters, if more is known than the first unknown one.
pub(super) fn explained(row: &Key, value: &str) -> Option<Mistake> {
    let bare = value.trim();
    let is_mode = bare.len() >= 3 && bare.bytes().all(|byte| byte.is_ascii_digit());
    let is_listing = bare.len() >= 9 && bare.chars().all(|c| "-drwxst".contains(c));
    let capital = bare.char_indices().find(|(_, c)| SMALL.contains(*c));
    match () {
        () if is_mode || is_listing => {
            Some(Mistake::new(format!("'{bare}' is a mode, and letters are expected")).fix(READS))
        }
        () if is_word(bare) => Some(
            Mistake::new(format!("'{bare}' is no letters"))
                .fix(format!("write letters without blanks or commas: {READS}")),
        ),
        () if together(bare).is_some() => {
            let at = value.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(0);
            let mistake = Mistake::new("letters stand together, without blanks or commas").at(at..at + 1);
            Some(mistake.fix(format!("write {} = {}", row.name, together(bare)?)))
        }
        () => capital.filter(|_| bare.chars().all(|c| c.is_ascii_alphabetic())).map(|(at, letter)| {
            let mistake =
                Mistake::new(format!("unknown letter '{letter}' (known: e l r a d f m w M T)")).at(at..at + 1);
            mistake.fix("letters are small, but for M and T")
        }),
    }
}

/// Letters that were written with commas or blanks between them.
pub(super) fn together(value: &str) -> Option<String> {
    let is_between = |c: char| c.is_whitespace() || ",;|+-".contains(c);
    let parts: Vec<&str> = value.split(is_between).filter(|part| !part.is_empty()).collect();
    let letters: String = parts.concat();
    let sound = !letters.is_empty() && letters.chars().all(|c| "elradfmwMT".contains(c));
    (value.contains(is_between) && sound && !parts.iter().any(|part| is_word(part))).then_some(letters)
}

/// Whether all of it are words that others have for letters.
pub fn are_words(text: &str) -> bool {
    parts(text).all(is_word)
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_whitespace() || ",;|+/".contains(c)).filter(|part| !part.is_empty())
}

/// Letters that were written as capital ones.
pub(super) fn small(value: &str) -> Option<String> {
    value.chars().all(|c| SMALL.contains(c)).then(|| value.to_lowercase())
}

fn is_word(text: &str) -> bool {
    const WORDS: &[&str] = &[
        "read",
        "write",
        "all",
        "full",
        "none",
        "any",
        "readonly",
        "read-only",
        "ro",
        "rwx",
        "list",
        "download",
        "upload",
        "admin",
        "everything",
        "yes",
        "no",
        "on",
        "off",
        "true",
        "false",
        "*",
    ];
    parts(text).any(|part| WORDS.iter().any(|word| part.eq_ignore_ascii_case(word)))
}

/// Letters that are valid, but not enough for what clients do first. Where they may be left out, they are for one folder, such
/// as a drop box, which may well not be listed.
pub(super) fn doubt(row: &Key, value: &str) -> Option<Mistake> {
    if is_word(value) {
        let letters: Vec<String> = value.chars().map(String::from).collect();
        let reason = format!("'{value}' is no word here, but the letters {}", letters.join(" "));
        return Some(Mistake::new(reason).fix(READS));
    }
    if row.missing == Missing::Nothing {
        return None;
    }
    let has = |letter: char| value.contains(letter);
    let fix = if value.chars().all(|c| "rl".contains(c)) { "elr reads" } else { READS };
    let reason = match (has('e'), has('l')) {
        (true, true) => return None,
        (false, false) => "without 'e' and 'l', clients that change into a folder (CWD) or list first will fail",
        (false, true) => "without 'e', clients that change into a folder (CWD) first will fail",
        (true, false) => "without 'l', clients that list first will fail",
    };
    Some(Mistake::new(reason).fix(fix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERM: Key = Key::needed("perm", "letters", "");

    #[test]
    fn what_is_no_letters_is_recognized() {
        let cases = [
            ("755", "mode"),
            ("rwxr-xr-x", "mode"),
            ("read, write", "without blanks or commas"),
            ("readonly", "elr reads"),
            ("all", "elradfmwMT"),
            ("elr,", "write perm = elr"),
            ("e l r", "write perm = elr"),
            ("e,l,r", "write perm = elr"),
            ("ELR", "small"),
        ];
        for (value, words) in cases {
            let Mistake { reason, fix, .. } = explained(&PERM, value).unwrap_or_else(|| panic!("{value}"));
            let told = format!("{reason}; {}", fix.unwrap_or_default());
            assert!(told.contains(words), "{value}: {told}");
        }
        assert_eq!(explained(&PERM, "elrx"), None);
    }

    #[test]
    fn letters_that_are_not_enough_are_doubted() {
        for value in ["rw", "lr", "w", "er", "read", "all"] {
            assert!(doubt(&PERM, value).is_some(), "{value}");
        }
        assert_eq!(doubt(&PERM, "elr"), None);
        let of_folder = Key::optional("perm", "letters", "");
        assert_eq!(["w", "read"].map(|value| doubt(&of_folder, value).is_some()), [false, true]);
    }
}
