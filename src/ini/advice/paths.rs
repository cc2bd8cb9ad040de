//! Paths that other programs would expand, and those of another system.

use super::super::secrecy::PEM;
use super::super::{Key, Mistake};
use super::decoration;

/// Why a value is no path at all.
pub(super) fn refused(row: &Key, value: &str) -> Option<Mistake> {
    let fix = || format!("put it into a file of its own, and write {} = and the path of that file", row.name);
    value.contains(PEM).then(|| Mistake::new("a path is expected, not what is in the file").fix(fix()))
}

/// Why a path is probably not what was meant.
pub(super) fn doubt(row: &Key, value: &str) -> Option<Mistake> {
    let mistake = |reason: &str| Some(Mistake::new(reason));
    if let Some(inner) = decoration::quoted(value) {
        let fix = match doubt(row, inner) {
            Some(other) => format!("write it without quotes; and {}", other.reason),
            None => format!("write {} = {inner}", row.name),
        };
        return mistake("the quotes are part of the path")?.fix(fix).into();
    }
    if let Some(at) = decoration::comment(value).filter(|at| !value[*at..].starts_with('/')) {
        let before = decoration::removed(value);
        let fix = format!("write {} = {before}", row.name);
        return mistake("a comment needs a line of its own: it is part of the path")?
            .fix(fix)
            .at(at..value.len())
            .into();
    }
    if let Some(inner) = decoration::half_quoted(value) {
        let fix = format!("write {} = {inner}", row.name);
        return mistake("there is a quote at one end, and it is part of the path")?.fix(fix).into();
    }
    if let Some(end) = expanded(value) {
        let fix = "write the whole path, such as /home/alex/share";
        return mistake(&format!("{} is not expanded", &value[..end]))?.fix(fix).at(0..end).into();
    }
    if let Some(path) = url(value) {
        return mistake("this is a URL, and a path is expected")?.fix(format!("write {} = {path}", row.name)).into();
    }
    windows(value).and_then(|example| {
        let fix = format!("a disk of Windows is mounted somewhere on Linux, for example {} = {example}", row.name);
        mistake("this is a path of Windows")?.fix(fix).into()
    })
}

/// Where something ends at the beginning of a path that a shell would expand.
fn expanded(value: &str) -> Option<usize> {
    let first = value.find(['/', '\\']).unwrap_or(value.len());
    let word = &value[..first];
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_()".contains(&byte))
    };
    let is_variable = match word {
        _ if word.starts_with('~') => {
            word[1..].bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
        }
        _ if word.starts_with('$') => is_name(word[1..].trim_start_matches('{').trim_end_matches('}')),
        _ if word.starts_with('%') => word.ends_with('%') && word.len() > 2,
        _ => false,
    };
    is_variable.then_some(first)
}

fn url(value: &str) -> Option<&str> {
    let (scheme, path) = value.split_once("://")?;
    ["file", "ftp", "smb", "http", "https"].contains(&scheme.to_ascii_lowercase().as_str()).then_some(path)
}

/// What a path of Windows may be on Linux.
pub fn windows(value: &str) -> Option<String> {
    if cfg!(windows) {
        return None;
    }
    let mut chars = value.chars();
    let (first, second, third) = (chars.next()?, chars.next(), chars.next());
    let is_disk = first.is_ascii_alphabetic() && second == Some(':') && third.is_none_or(|c| "/\\".contains(c));
    if is_disk {
        let rest = value[2..].replace('\\', "/");
        let path = format!("/mnt/{}{rest}", first.to_ascii_lowercase());
        return Some(path.trim_end_matches('/').to_owned());
    }
    let share = value.strip_prefix("\\\\").filter(|share| !share.is_empty())?;
    Some(format!("/mnt/{}", share.replace('\\', "/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: Key = Key::needed("home", "folder", "");

    #[test]
    fn paths_of_shells_and_other_systems_are_recognized() {
        for (value, words) in [
            ("~/share", "~ is not expanded"),
            ("~", "~ is not expanded"),
            ("~alex/x", "~alex is not expanded"),
            ("$HOME/x", "$HOME is not expanded"),
            ("${HOME}/x", "${HOME} is not expanded"),
            ("%USERPROFILE%\\x", "%USERPROFILE% is not expanded"),
            ("D:/", "home = /mnt/d"),
            ("D:\\Share", "home = /mnt/d/Share"),
            ("c:", "home = /mnt/c"),
            ("\\\\nas\\share", "home = /mnt/nas/share"),
            ("\"/srv\"", "home = /srv"),
            ("“/srv”", "home = /srv"),
            ("\"/srv", "home = /srv"),
            ("'/srv' # share", "home = /srv"),
            ("/srv # share", "home = /srv"),
            ("file:///srv", "home = /srv"),
        ] {
            let Mistake { reason, fix, .. } = doubt(&HOME, value).unwrap_or_else(|| panic!("{value}"));
            let told = format!("{reason}; {}", fix.unwrap_or_default());
            assert!(told.contains(words), "{value}: {told}");
        }
        for value in [
            "/srv/share",
            "share",
            ".",
            "/srv/~x",
            "/a#b",
            "/srv/a b",
            "/srv/$x",
            "./~",
            "/srv/",
            "100%",
            "/s//x",
            "/srv //x",
        ] {
            assert_eq!(doubt(&HOME, value), None, "{value}");
        }
    }
}
