//! Programs with arguments that a shell would take in another way.

use super::super::{Key, Mistake};
use super::decoration;

/// What only a shell would understand, in the order in which it is looked for.
const OF_SHELLS: &[&str] = &["$", "`", "|", ">", "<", "&", ";"];

/// Programs to which `-c` gives commands.
const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "ksh", "zsh"];

/// Why a call is probably not what was meant.
pub(super) fn doubt(row: &Key, value: &str) -> Option<Mistake> {
    if let Some(inner) = decoration::quoted(value).filter(|inner| inner.contains(char::is_whitespace)) {
        let has_more = inner.contains(['"', '\'']);
        let mistake = Mistake::new("what is in quotes is one word, here the path of the program");
        return Some(if has_more { mistake } else { mistake.fix(format!("write {} = {inner}", row.name)) });
    }
    if let Some(at) = decoration::comment(value).filter(|at| value[*at..].starts_with(['#', ';'])) {
        let fix = format!("write {} = {}", row.name, value[..at].trim_end());
        return Some(Mistake::new("a comment needs a line of its own").at(at..value.len()).fix(fix));
    }
    if is_shell(value) {
        return None;
    }
    let (at, sign) = OF_SHELLS.iter().find_map(|sign| Some((value.find(sign)?, sign)))?;
    let reason = format!("no shell runs the program, which gets '{sign}' as it is written");
    let fix = "name a script that does the rest; what it needs is in $FTPD_PATH and its like there";
    Some(Mistake::new(reason).at(at..at + sign.len()).fix(fix))
}

/// Whether the program is a shell that is given its commands, in quotes.
fn is_shell(value: &str) -> bool {
    let mut words = value.split_whitespace();
    let name = words.next().and_then(|program| program.rsplit('/').next()).unwrap_or_default();
    let mut options = words.by_ref().skip_while(|word| word.starts_with('-') && !word.ends_with('c'));
    let is_given = options.next().is_some_and(|word| word.starts_with('-') && word.ends_with('c'));
    SHELLS.contains(&name) && is_given && options.next().is_some_and(|word| word.starts_with(['"', '\'']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_a_shell_understands_is_doubted() {
        let row = Key::new("on_upload", "program", "off", "");
        let cases = [
            ("/usr/local/bin/scan -q 'a b'", None),
            ("'/my programs/scan'", Some("one word")),
            ("\"/bin/scan -q\"", Some("write on_upload = /bin/scan -q")),
            ("/bin/scan # each file", Some("write on_upload = /bin/scan")),
            ("/bin/scan $FTPD_PATH", Some("gets '$' as it is written")),
            ("/bin/scan | mail root", Some("gets '|' as it is written")),
            ("/bin/scan > /tmp/log", Some("gets '>' as it is written")),
            ("/bin/sh -c 'echo \"$FTPD_PATH\" >>/tmp/log'", None),
            ("/usr/bin/bash -e -c \"a | b; c\"", None),
            ("/bin/sh -ec 'a && b'", None),
            ("/bin/sh -c cat > /tmp/x", Some("gets '>' as it is written")),
            ("/bin/sh /x $FTPD_PATH", Some("gets '$' as it is written")),
            ("/bin/scan -c '$FTPD_PATH'", Some("gets '$' as it is written")),
            ("/bin/a && /bin/b", Some("gets '&' as it is written")),
        ];
        for (value, words) in cases {
            let told = doubt(&row, value).map(|wrong| format!("{}; {}", wrong.reason, wrong.fix.unwrap_or_default()));
            let is_right = match words {
                Some(words) => told.as_ref().is_some_and(|told| told.contains(words)),
                None => told.is_none(),
            };
            assert!(is_right, "{value}: {told:?}");
        }
    }
}
