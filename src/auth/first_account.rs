//! What a person who has no account yet can paste into user.ini, or type instead.

use std::fs;
use std::path::{Path, PathBuf};

use crate::auth::made_up::made_up;
use crate::ini::shell_word;

/// Names for the home, in the folder of user.ini: that folder itself would give user.ini away.
const HOMES: [&str; 3] = ["share", "shared", "ftp-share"];

/// Four lines for user.ini at `file`, with a password that was just made up, and what else leads to a server.
pub fn advice(file: &Path) -> String {
    let home = home(&folder_of(file));
    // Without random numbers the lines are still those of an account.
    let password = made_up().unwrap_or_else(|_| "choose one".to_owned());
    let make = (!home.is_dir()).then(|| (format!("mkdir -p {}", shell_word(&home)), "makes that home"));
    let others = [
        ("ftpd init".to_owned(), "asks three questions, and writes user.ini and ftpd.conf"),
        ("ftpd DIR".to_owned(), "shares a folder without any file"),
    ];
    let commands: Vec<(String, &str)> = make.into_iter().chain(others).collect();
    let width = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or_default();
    let commands = commands.iter().map(|(command, effect)| format!("\n{command:width$}  # {effect}"));
    format!(
        "paste these four lines into {}:\n[alex]\npassword = {password}\nperm = elradfmwMT\nhome = {}\n{}",
        file.display(),
        home.display(),
        commands.collect::<String>()
    )
}

/// The folder that a file lies in, as an absolute path.
pub fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}

/// A folder beside user.ini that is there or can be made. A link could lead anywhere, and some names can't be written in a file
/// of lines.
fn home(folder: &Path) -> PathBuf {
    let is_plain = |path: &Path| path.to_str().is_some_and(|text| !text.contains(char::is_control));
    let is_free = |path: &PathBuf| fs::symlink_metadata(path).map_or(true, |found| found.is_dir());
    let folder = if is_plain(folder) { folder } else { Path::new("/srv") };
    let homes = || HOMES.iter().map(|name| folder.join(name));
    homes().find(is_free).unwrap_or_else(|| folder.join("ftp-home"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::auth::accounts::Accounts;
    use crate::auth::samples::terms;

    #[test]
    fn the_lines_are_a_sound_file_whose_password_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("share");
        let file = folder.path().join("user.ini");
        let [one, other] = [(); 2].map(|()| advice(&file));
        assert_ne!(one, other);
        let lines: String = one.lines().skip(1).take(4).map(|line| format!("{line}\n")).collect();
        let accounts = Accounts::parse(Path::new("user.ini"), Ok(lines.into()), &terms(None)).unwrap();
        let account = accounts.find(b"alex").unwrap();
        assert_eq!((accounts.count(), &account.home, accounts.doubts().count()), (1, &home, 0));
        assert!(account.plain_password().is_some_and(|password| password.len() == 12), "{one}");
        assert!(one.contains(&format!("\nmkdir -p {}  # ", home.display())), "{one}");
        fs::create_dir(&home).unwrap();
        assert!(!advice(&file).contains("mkdir"));
    }

    #[test]
    fn the_home_is_a_real_folder_below_that_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("share"), "").unwrap();
        symlink("/", folder.path().join("shared")).unwrap();
        assert_eq!(home(folder.path()), folder.path().join("ftp-share"));
        assert_eq!(home(Path::new("/a\nb")), Path::new("/srv/share"));
    }
}
