//! Titles of sections that are about a folder: `[alex /photos]`.

use std::fmt;

/// What stands in the brackets of a section about a folder: an account, or `*` for all, and the path of the folder as the
/// account's clients see it, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderTitle {
    /// The name of the account, or `*`.
    pub account: String,
    /// What follows it; it begins with a `/`.
    pub path: String,
}

impl FolderTitle {
    /// Takes the name of a section apart at the first blanks that a `/` follows; `None` if there are none.
    pub fn of(name: &str) -> Option<FolderTitle> {
        let mut slashes = name.match_indices('/').map(|(at, _)| name.split_at(at));
        let (account, path) = slashes.find(|(before, _)| before.ends_with(char::is_whitespace))?;
        let account = account.trim_end();
        (!account.is_empty()).then(|| FolderTitle { account: account.to_owned(), path: path.to_owned() })
    }
}

/// With one blank between.
impl fmt::Display for FolderTitle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.account, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_has_an_account_and_a_path_with_blanks_between() {
        let cases = [
            ("alex /photos", Some(("alex", "/photos"))),
            ("alex   \t /a b/c", Some(("alex", "/a b/c"))),
            ("my user /a", Some(("my user", "/a"))),
            ("* /public", Some(("*", "/public"))),
            ("a/b /c", Some(("a/b", "/c"))),
            ("alex /a /b", Some(("alex", "/a /b"))),
            ("alex /", Some(("alex", "/"))),
            ("alex/photos", None),
            ("alex photos/x", None),
            ("/photos", None),
            ("alex", None),
        ];
        for (name, expected) in cases {
            let title = FolderTitle::of(name);
            let parts = title.as_ref().map(|title| (title.account.as_str(), title.path.as_str()));
            assert_eq!(parts, expected, "{name}");
        }
        let one = FolderTitle::of("alex \t /a").map(|title| title.to_string());
        assert_eq!(one.as_deref(), Some("alex /a"));
    }
}
