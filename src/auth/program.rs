//! A program with its arguments, as `on_upload` names it: split as a shell does it, but no shell runs it.

use std::iter;
use std::path::{Path, PathBuf};

use crate::ini::{Mistake, Value};

/// A program and what it is called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where it is: an absolute path.
    pub path: PathBuf,
    /// Its arguments, without its name.
    pub arguments: Vec<String>,
}

/// Programs that do what is in a file, or start a program, which an argument names; a version may follow.
#[rustfmt::skip]
const INTERPRETERS: [&str; 19] = [
    "sh", "bash", "dash", "ash", "ksh", "zsh", "busybox", "python", "perl", "ruby", "node", "php",
    "env", "nice", "ionice", "timeout", "setsid", "flock", "systemd-run",
];

impl Program {
    /// The files that decide what it does: itself, and the script that it interprets, also by way of other interpreters.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        let named = self.arguments.iter().map(Path::new).filter(|path| path.is_absolute());
        let mut is_followed = true;
        iter::once(self.path.as_path()).chain(named).take_while(move |path| {
            let is_meant = is_followed;
            is_followed = is_meant && is_interpreter(path);
            is_meant
        })
    }
}

fn is_interpreter(program: &Path) -> bool {
    let name = program.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    INTERPRETERS.contains(&name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.'))
}

impl Value for Program {
    fn parse(text: &str, _: &Path) -> Result<Program, Mistake> {
        let mut words = words(text)?.into_iter();
        let path = PathBuf::from(words.next().unwrap_or_default());
        if !path.is_absolute() {
            let reason = format!("the program '{}' is not named by an absolute path", path.display());
            return Err(Mistake::new(reason).fix("write where it is, such as /usr/local/bin/scan"));
        }
        Ok(Program { path, arguments: words.collect() })
    }
}

/// Splits at blanks; what is in quotes is one word, and a `\` takes its meaning from the character after it.
fn words(text: &str) -> Result<Vec<String>, Mistake> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    // The quote that is open, and where it began.
    let mut open: Option<(char, usize)> = None;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match (c, open) {
            (quote, Some((begin, _))) if quote == begin => open = None,
            ('"' | '\'', None) => {
                open = Some((c, at));
                word.get_or_insert_default();
            }
            ('\\', None | Some(('"', _))) => {
                let is_escape = |next: char| open.is_none() || next == '"' || next == '\\';
                let next = chars.next_if(|(_, next)| is_escape(*next)).map_or('\\', |(_, next)| next);
                word.get_or_insert_default().push(next);
            }
            (blank, None) if blank.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    if let Some((quote, at)) = open {
        return Err(Mistake::new(format!("the quote {quote} has no end")).at(at..text.len()));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ini::shell_word;

    #[test]
    fn a_program_is_split_as_in_a_shell() {
        let cases: &[(&str, &[&str])] = &[
            ("/bin/scan", &["/bin/scan"]),
            ("/bin/scan  -a\t b", &["/bin/scan", "-a", "b"]),
            ("/bin/scan 'a b' \"c 'd'\" ''", &["/bin/scan", "a b", "c 'd'", ""]),
            ("\"/my programs/scan\" x\"y z\"", &["/my programs/scan", "xy z"]),
            (r#"/my\ programs/scan a\"b "c\"d\\e\f" 'g\h'"#, &["/my programs/scan", "a\"b", r#"c"d\e\f"#, r"g\h"]),
            ("/bin/scan $HOME | cat > x; *.txt", &["/bin/scan", "$HOME", "|", "cat", ">", "x;", "*.txt"]),
            (r"/bin/scan \", &["/bin/scan", r"\"]),
        ];
        for (text, expected) in cases {
            let Program { path, arguments } = Program::parse(text, Path::new("/")).expect(text);
            assert_eq!(path, Path::new(expected[0]), "{text}");
            assert_eq!(arguments, expected[1..], "{text}");
        }
    }

    #[test]
    fn a_script_decides_as_much_as_its_interpreter() {
        let cases: &[(&str, &[&str])] = &[
            ("/bin/scan -q /srv/x", &["/bin/scan"]),
            ("/bin/sh /srv/x.sh /srv/y", &["/bin/sh", "/srv/x.sh"]),
            ("/usr/bin/python3.12 -u /srv/x.py", &["/usr/bin/python3.12", "/srv/x.py"]),
            ("/usr/bin/env python3 /srv/x.py", &["/usr/bin/env", "/srv/x.py"]),
            ("/usr/bin/nice -n 9 /bin/sh -e /srv/x /srv/y", &["/usr/bin/nice", "/bin/sh", "/srv/x"]),
            ("/bin/sh -c 'cat /srv/x'", &["/bin/sh"]),
        ];
        for (text, expected) in cases {
            let program = Program::parse(text, Path::new("/")).expect(text);
            assert_eq!(
                program.files().collect::<Vec<_>>(),
                expected.iter().map(Path::new).collect::<Vec<_>>(),
                "{text}"
            );
        }
    }

    #[test]
    fn a_path_that_is_not_absolute_and_an_open_quote_are_refused() {
        for (text, reason) in [
            ("scan", "the program 'scan' is not named by an absolute path"),
            ("./scan x", "the program './scan' is not named by an absolute path"),
            ("'' x", "the program '' is not named by an absolute path"),
            ("/bin/scan 'a", "the quote ' has no end"),
            ("/bin/scan \"a'b'", "the quote \" has no end"),
        ] {
            assert_eq!(Program::parse(text, Path::new("/")).map_err(|wrong| wrong.reason), Err(reason.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn words_in_quotes_come_back_as_they_were(words in prop::collection::vec("[a-z/ '\"\\\\$é]{0,8}", 1..5)) {
            let text: Vec<String> = words.iter().map(|word| shell_word(Path::new(word))).collect();
            prop_assert_eq!(super::words(&text.join(" ")), Ok(words));
        }
    }
}
