//! What a person who has no account yet can paste into user.ini, or type instead.

use std::fs;
use std::path::{Path, PathBuf};

use crate::auth::made_up::made_up;
use crate::ini::{program, shell_word};

/// The end of the lines in the shell; a comment if somebody takes it along.
const END: &str = "# end";

/// Names for the home, in the folder of user.ini: that folder itself would give user.ini away.
const HOMES: [&str; 3] = ["share", "shared", "ftp-share"];

/// The ways to a server without user.ini at `file`: the short ones, and a block for a shell that adds four lines to the file, with
/// a password that was just made up.
pub fn advice(file: &Path) -> String {
    let home = home(&folder_of(file));
    // Without random numbers the lines are still those of an account.
    let password = made_up().unwrap_or_else(|_| "choose one".to_owned());
    let make = if home.is_dir() { String::new() } else { format!("mkdir -p {}\n", shell_word(&home)) };
    let ftpd = program();
    format!(
        "{}type one of these:\n\
         {ftpd} DIR   # shares a folder without any file\n\
         {ftpd} init  # asks three questions, and writes user.ini and ftpd.conf\n\n\
         or paste this into a shell, and start {ftpd} again:\n\
         {make}(umask 077; cat >> {}) <<'{END}'\n\
         [alex]\npassword = {password}\nperm = elradfmwMT\nhome = {}\n{END}",
        of_name(file),
        shell_word(file),
        home.display(),
    )
}

/// What was probably meant by a file that is called like an account.
fn of_name(file: &Path) -> String {
    let is_name = file.extension().is_none() && file.components().count() == 1 && !file.exists();
    if is_name {
        "-u names a file of accounts; --user is for a name: ftpd DIR --user NAME; ".to_owned()
    } else {
        String::new()
    }
}

/// The folder that a file lies in, as an absolute path, without links if it is there.
pub fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::canonicalize(folder).or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_owned())
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
        let home = fs::canonicalize(folder.path()).unwrap().join("share");
        fs::create_dir(folder.path().join("conf")).unwrap();
        let file = folder.path().join("conf/../user.ini");
        let [one, other] = [(); 2].map(|()| advice(&file));
        assert_ne!(one, other);
        let lines: String = one.lines().skip_while(|line| *line != "[alex]").map(|line| format!("{line}\n")).collect();
        assert_eq!(lines.lines().count(), 5, "{one}");
        let accounts = Accounts::parse(Path::new("user.ini"), Ok(lines.into()), &terms(None)).unwrap();
        let account = accounts.find(b"alex").unwrap();
        assert_eq!((accounts.count(), &account.home, accounts.doubts().count()), (1, &home, 0));
        assert!(account.plain_password().is_some_and(|password| password.len() == 12), "{one}");
        assert!(one.contains(&format!("\nmkdir -p {}\n", home.display())), "{one}");
        fs::create_dir(&home).unwrap();
        assert!(!advice(&file).contains("mkdir"));
        assert!(advice(Path::new("alex")).starts_with("-u names a file of accounts"));
        assert!(!advice(Path::new("alex.ini")).contains("-u"));
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
