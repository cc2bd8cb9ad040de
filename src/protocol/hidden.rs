//! Names that do not exist for the clients of an account, and names that they may not make: the keys `hide` and `refuse`
//! of user.ini.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use crate::protocol::glob::{Case, Pattern};

/// Patterns of names that do not exist for clients, whatever the case of their letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenNames(Vec<Pattern>);

/// Patterns of names that clients may not make, whatever the case of their letters, and whatever dots and blanks follow:
/// Windows leaves those out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedNames(Vec<Pattern>);

/// Why a list of patterns can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrongPattern {
    /// What is wrong.
    pub reason: String,
    /// What to write instead, if that is known.
    pub fix: Option<String>,
    /// Where in the list, if there is anything to point at.
    pub at: Option<Range<usize>>,
}

/// Characters that other files put around a name.
const QUOTES: [char; 2] = ['"', '\''];

impl HiddenNames {
    /// Whether a name does not exist: that of a file or folder, without a path.
    pub fn hides(&self, name: &[u8]) -> bool {
        self.0.iter().any(|pattern| pattern.matches(name))
    }
}

/// Reads `.*, Thumbs.db`: patterns with commas between them, of which none is empty, a path or matches every name.
impl FromStr for HiddenNames {
    type Err = WrongPattern;

    fn from_str(list: &str) -> Result<Self, WrongPattern> {
        patterns(list, "hide").map(Self)
    }
}

impl RefusedNames {
    /// Whether clients may not make a name: that of a file or folder, without a path.
    pub fn refuses(&self, name: &[u8]) -> bool {
        let end = name.iter().rposition(|byte| !b". ".contains(byte)).map_or(0, |last| last + 1);
        self.0.iter().any(|pattern| pattern.matches(&name[..end]))
    }
}

/// Reads `*.exe, *.scr` as the patterns of [`HiddenNames`] are read.
impl FromStr for RefusedNames {
    type Err = WrongPattern;

    fn from_str(list: &str) -> Result<Self, WrongPattern> {
        patterns(list, "refuse").map(Self)
    }
}

/// A list of patterns for names that a server is to `hide` or `refuse`.
fn patterns(list: &str, verb: &str) -> Result<Vec<Pattern>, WrongPattern> {
    let mut patterns = Vec::new();
    for text in list.split(',').map(str::trim) {
        let at = text.as_ptr() as usize - list.as_ptr() as usize;
        let at = (!text.is_empty()).then(|| at..at + text.len());
        patterns.push(read(text, verb).map_err(|(reason, fix)| WrongPattern { reason, fix, at })?);
    }
    // The same names are equal in whatever order they are written.
    patterns.sort_unstable();
    patterns.dedup();
    Ok(patterns)
}

impl fmt::Display for WrongPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

/// One pattern, or what is wrong with it and what to write instead.
fn read(text: &str, verb: &str) -> Result<Pattern, (String, Option<String>)> {
    let pattern = Pattern::of(text.as_bytes(), Case::Folded);
    let bare = text.trim_matches('/');
    match text {
        "" => Err(("there is an empty pattern".to_owned(), None)),
        "." | ".." => {
            let fix = "write .* for all names that begin with a dot";
            Err((format!("'{text}' is the name of no file"), Some(fix.to_owned())))
        }
        _ if text.contains('/') => {
            let fix = (!bare.is_empty() && !bare.contains('/')).then(|| format!("write {bare}"));
            Err((format!("'{text}' is a path, and patterns are of names, which hold no '/'"), fix))
        }
        _ if let Some(inner) = quoted(text) => {
            Err((format!("there are quotes around {text}"), Some(format!("write {inner} without quotes"))))
        }
        _ if let Some(rest) = half_quoted(text) => {
            Err((format!("there is a quote at one end of {text}"), Some(format!("write {rest}"))))
        }
        _ if pattern.matches_all() => Err((format!("'{text}' would {verb} every name"), None)),
        _ => Ok(pattern),
    }
}

/// What is between two quotes, which would be part of the name.
fn quoted(text: &str) -> Option<&str> {
    QUOTES.iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
}

/// What is left of a text with a quote at one end, which belongs to no name: `["]a` is for one that does begin so.
fn half_quoted(text: &str) -> Option<&str> {
    text.strip_prefix(QUOTES).or_else(|| text.strip_suffix(QUOTES)).map(str::trim).filter(|rest| !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hidden(list: &str) -> HiddenNames {
        list.parse().expect("patterns")
    }

    #[test]
    fn names_are_hidden_by_any_pattern_in_any_case() {
        let cases: &[(&str, &str, bool)] = &[
            (".*", ".git", true),
            (".*", ".", true),
            (".*", "a.git", false),
            (".*, Thumbs.db", "thumbs.DB", true),
            (".*,Thumbs.db", ".x", true),
            (" .* ,  Thumbs.db ", "Thumbs.db", true),
            ("Thumbs.db", "Thumbs.db2", false),
            ("my file.txt", "My File.TXT", true),
            ("*.[bt]mp", "A.TMP", true),
            ("~$*", "~$report.docx", true),
            ("[']a, it's", "'A", true),
            ("?", "é", true),
            ("ärger", "ÄRGER", true),
        ];
        for (list, name, expected) in cases {
            assert_eq!(hidden(list).hides(name.as_bytes()), *expected, "{list}: {name}");
        }
    }

    #[test]
    fn lists_that_hide_the_same_are_equal() {
        assert_eq!(hidden(".*, Thumbs.db"), hidden("thumbs.DB,.*,.*"));
        assert_ne!(hidden(".*"), hidden(".*, a"));
    }

    #[test]
    fn names_are_refused_without_regard_to_case_and_to_dots_and_blanks_after_them() {
        let refused: RefusedNames = "*.exe, con, ~$*".parse().expect("patterns");
        for (name, expected) in [
            ("a.exe", true),
            ("A.EXE", true),
            ("a.exe.", true),
            ("a.exe . .", true),
            ("CON ", true),
            ("~$x", true),
            ("a.exe.txt", false),
            (" con", false),
            ("a.exe\u{a0}", false),
            ("..", false),
        ] {
            assert_eq!(refused.refuses(name.as_bytes()), expected, "{name:?}");
        }
        let wrong = "a, *".parse::<RefusedNames>().map_err(|wrong| wrong.reason);
        assert_eq!(wrong, Err("'*' would refuse every name".to_owned()));
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_its_place() {
        let path = "is a path, and patterns are of names, which hold no '/'";
        let dots = "write .* for all names that begin with a dot";
        let cases: &[(&str, &str, Option<&str>, Option<&str>)] = &[
            ("*", "'*' would hide every name", None, Some("*")),
            (".*, ?*", "'?*' would hide every name", None, Some("?*")),
            (".git/", &format!("'.git/' {path}"), Some("write .git"), Some(".git/")),
            ("a, b/c", &format!("'b/c' {path}"), None, Some("b/c")),
            ("/", &format!("'/' {path}"), None, Some("/")),
            ("a,, b", "there is an empty pattern", None, None),
            ("a,", "there is an empty pattern", None, None),
            ("'.*', x", "there are quotes around '.*'", Some("write .* without quotes"), Some("'.*'")),
            ("x, y'", "there is a quote at one end of y'", Some("write y"), Some("y'")),
            ("\"a, b\"", "there is a quote at one end of \"a", Some("write a"), Some("\"a")),
            ("x, .", "'.' is the name of no file", Some(dots), Some(".")),
        ];
        for (list, reason, fix, at) in cases {
            let wrong = list.parse::<HiddenNames>().expect_err(list);
            assert_eq!((wrong.reason.as_str(), wrong.fix.as_deref()), (*reason, *fix), "{list}");
            assert_eq!(wrong.at.map(|at| &list[at]), *at, "{list}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_hides_its_own_names_and_never_everything(list in "[a-c.*?\\[\\]!/, é]{0,16}", name in "[a-cé.]{1,8}") {
            if let Ok(hidden) = list.parse::<HiddenNames>() {
                prop_assert_eq!(hidden.hides(name.as_bytes()), hidden.hides(name.to_uppercase().as_bytes()));
                let literal = |part: &&str| !part.contains(['*', '?', '[']);
                for part in list.split(',').map(str::trim).filter(literal) {
                    prop_assert!(hidden.hides(part.as_bytes()), "{}", part);
                }
            }
        }
    }
}
