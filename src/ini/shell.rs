//! Words of commands that a person may paste into a shell.

use std::env;
use std::path::Path;

/// This program as it was called: `./ftpd` if it is not installed.
pub fn program() -> String {
    let called = env::args_os().next().filter(|called| Path::new(called).components().count() > 1);
    called.map_or_else(|| "ftpd".to_owned(), |called| shell_word(Path::new(&called)))
}

/// A path as a shell takes it for one word: in quotes if it needs them.
pub fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+:@,=%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_whatever_is_in_it() {
        let cases = [
            ("/srv/share", "/srv/share"),
            ("/srv/Müsik", "/srv/Müsik"),
            ("/my files", "'/my files'"),
            ("/a; touch b", "'/a; touch b'"),
            ("/$(id)", "'/$(id)'"),
            ("/it's", r"'/it'\''s'"),
        ];
        for (path, word) in cases {
            assert_eq!(shell_word(Path::new(path)), word);
        }
    }
}
