//! What the titles of user.ini's sections are about: an account, a folder, or a folder that is written in another way.

use crate::auth::folders::{FOR_ALL, KEYS};
use crate::ini::{File, FolderTitle, Mistake};
use crate::protocol::path::{VirtualPath, has_control_bytes};

/// The names of all sections of a file, each in the order of the file.
pub(super) struct Titles {
    /// Accounts.
    pub(super) accounts: Vec<String>,
    /// Folders.
    pub(super) folders: Vec<(String, FolderTitle)>,
    /// What is neither, and what to write instead.
    pub(super) others: Vec<(String, Mistake)>,
}

impl Titles {
    /// Sorts the sections of a file that nobody has read yet.
    pub(super) fn of(file: &File) -> Titles {
        let mut titles = Titles { accounts: Vec::new(), folders: Vec::new(), others: Vec::new() };
        let (folders, names): (Vec<String>, Vec<String>) =
            file.names().into_iter().partition(|name| FolderTitle::of(name).is_some());
        for name in &names {
            match no_account(file, name, &names) {
                Some(mistake) => titles.others.push((name.clone(), mistake)),
                None => titles.accounts.push(name.clone()),
            }
        }
        titles.folders = folders.into_iter().filter_map(|name| Some((name.clone(), FolderTitle::of(&name)?))).collect();
        titles
    }
}

/// Why one of the `names` can't be that of an account: it is meant for a folder, and has no password of its own.
fn no_account(file: &File, name: &str, names: &[String]) -> Option<Mistake> {
    if name == FOR_ALL {
        let fix = "write [* /folder] for a folder of every account, and [DEFAULT] for what all accounts have in common";
        return Some(Mistake::new("no account can be called '*'").fix(fix));
    }
    let keys = file.keys(name);
    if keys.contains(&"password") {
        return None;
    }
    if name.starts_with('/') {
        let account = names.iter().find(|name| !name.starts_with('/')).map_or("alex", String::as_str);
        let fix = format!("write [{account} {name}], or [* {name}] for all accounts");
        return Some(Mistake::new("no account is named for this folder").fix(fix));
    }
    let is_owner = |account: &str| account == FOR_ALL || names.iter().any(|name| name == account);
    let mut parts = name.match_indices([' ', '\t', '/', '\\']).map(|(at, _)| name.split_at(at));
    let (account, rest) = parts.find(|(before, _)| is_owner(before.trim_end()))?;
    let (account, rest) = (account.trim_end(), rest.trim_start());
    let is_of_folder = |key: &&str| KEYS.iter().any(|row| row.name == *key);
    // With a password in [DEFAULT], any name may be that of an account.
    let is_folder = rest.contains(['/', '\\'])
        || rest.starts_with(['.', '~'])
        || account == FOR_ALL
        || (!keys.is_empty() && keys.iter().all(is_of_folder) && !file.has_default("password"));
    is_folder.then(|| {
        let path = as_clients_see(rest);
        let whose = if account == FOR_ALL { "of every account" } else { &format!("of {account}") };
        Mistake::new(format!("a folder {whose} has a path that begins with '/', after a blank"))
            .fix(format!("write [{account} {path}]"))
    })
}

/// The path that is probably meant, of whatever system it is.
fn as_clients_see(text: &str) -> String {
    let text = text.replace('\\', "/");
    let disk = text.find(":/").map_or(0, |at| at + 1);
    let path = VirtualPath::root().join(text[disk..].trim_start_matches('~').trim_start_matches('/').as_bytes());
    if path.is_root() { "/folder".to_owned() } else { String::from_utf8_lossy(path.as_bytes()).into_owned() }
}

/// The path of a section, which is written as clients see it.
pub(super) fn path(title: &FolderTitle) -> Result<VirtualPath, Mistake> {
    let FolderTitle { account, path: text } = title;
    let plain: String = text.chars().filter(|c| !c.is_control()).collect();
    let path = VirtualPath::root().join(plain.as_bytes());
    let mut components = text.trim_start_matches('/').split('/');
    let reason = match () {
        () if has_control_bytes(text.as_bytes()) => "there is a control byte in the path",
        () if components.clone().any(|component| component == "..") => "a path has no '..', which could be any folder",
        () if components.clone().any(|component| component == ".") => {
            "a path has no '.', which is no folder of its own"
        }
        () if path.is_root() => "'/' is the home, which the section of the account itself is about",
        () if text.ends_with('/') => "a path ends without '/'",
        () if text.starts_with("//") || components.any(str::is_empty) => "there is nothing between two '/'",
        () => return Ok(path),
    };
    let instead = match () {
        () if !path.is_root() => format!("write [{account} {}]", String::from_utf8_lossy(path.as_bytes())),
        () if account == FOR_ALL => "write [DEFAULT] for what all accounts have in common".to_owned(),
        () => format!("put its keys below [{account}]"),
    };
    Err(Mistake::new(reason).fix(instead))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_path_is_written_in_one_way_only() {
        let cases = [
            ("/photos", Ok("/photos")),
            ("/a b/c] d", Ok("/a b/c] d")),
            ("/...", Ok("/...")),
            ("/Ärger", Ok("/Ärger")),
            ("/", Err("put its keys below [alex]")),
            ("//", Err("put its keys below [alex]")),
            ("/a/..", Err("put its keys below [alex]")),
            ("/photos/", Err("write [alex /photos]")),
            ("//photos", Err("write [alex /photos]")),
            ("/a//b", Err("write [alex /a/b]")),
            ("/a/./b", Err("write [alex /a/b]")),
            ("/a/../b", Err("write [alex /b]")),
            ("/../b", Err("write [alex /b]")),
            ("/.", Err("put its keys below [alex]")),
            ("/a\tb", Err("write [alex /ab]")),
            ("/a\u{7f}", Err("write [alex /a]")),
            ("/\u{1}", Err("put its keys below [alex]")),
        ];
        for (text, expected) in cases {
            let read = path(&FolderTitle { account: "alex".to_owned(), path: text.to_owned() });
            let read = read.map(|path| String::from_utf8_lossy(path.as_bytes()).into_owned());
            assert_eq!(
                read.map_err(|wrong| wrong.fix.unwrap_or_default()),
                expected.map(str::to_owned).map_err(str::to_owned)
            );
        }
    }

    #[test]
    fn what_looks_like_a_folder_is_no_account() {
        let file = |name: &str, keys: &str| {
            let text = format!("[alex]\npassword = x\n[my user]\npassword = x\n[{name}]\n{keys}\n");
            File::parse("user.ini", Path::new("/"), &text)
        };
        let cases = [
            ("alex photos/x", "home = x", Some("write [alex /photos/x]")),
            ("alex ./photos", "home = x", Some("write [alex /photos]")),
            ("alex ../photos", "home = x", Some("write [alex /photos]")),
            ("alex ~/photos", "", Some("write [alex /photos]")),
            ("alex .", "", Some("write [alex /folder]")),
            ("alex photos", "perm = elr\nhome = x", Some("write [alex /photos]")),
            ("alex photos", "perm = elr\nmax_cons = 1", None),
            ("alex photos", "perm = elr\npassword = 1", None),
            ("alex photos/x", "password = 1", None),
            ("alex D:/photos", "", Some("write [alex /photos]")),
            ("alex \\photos\\x", "", Some("write [alex /photos/x]")),
            ("alex/photos", "", Some("write [alex /photos]")),
            ("my user photos/x", "", Some("write [my user /photos/x]")),
            ("*/photos", "", Some("write [* /photos]")),
            ("* photos", "", Some("write [* /photos]")),
            ("*", "password = 1", Some("write [* /folder]")),
            ("/photos", "", Some("write [alex /photos], or [* /photos]")),
            ("egon photos/x", "", None),
            ("egon", "home = x", None),
        ];
        for (name, keys, fix) in cases {
            let Titles { accounts, others, .. } = Titles::of(&file(name, keys));
            let told = others.first().map(|(_, mistake)| mistake.fix.clone().unwrap_or_default());
            let is_right = match fix {
                Some(fix) => told.as_ref().is_some_and(|told| told.starts_with(fix)),
                None => told.is_none(),
            };
            assert!(is_right, "{name}: {told:?}");
            assert_eq!(accounts.len() + others.len(), 3, "{name}");
        }
    }
}
