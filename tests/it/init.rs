//! The first files: what is said if there is no user.ini, and what `ftpd init` writes.

use std::{fs, path::Path, process::Command};

use crate::server::{Ended, Tree, bare_command, run_to_its_end};

fn here(folder: &Path, words: &[&str]) -> Command {
    let mut command = bare_command();
    command.args(words).current_dir(folder);
    command
}

fn ftpd(folder: &Path, words: &[&str]) -> Ended {
    run_to_its_end(here(folder, words))
}

/// The value of a key in lines of an account.
fn value<'a>(lines: &'a str, key: &str) -> &'a str {
    let value = lines.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
    value.unwrap_or_else(|| panic!("{key}: {lines}"))
}

#[test]
fn the_lines_that_a_missing_user_ini_shows_can_be_pasted() {
    let tree = Tree::new("", "");
    fs::remove_file(tree.path("user.ini")).unwrap();
    let top = tree.path("");
    let real = fs::canonicalize(&top).unwrap();
    for words in [&[][..], &["check"]] {
        let told = ftpd(&top, words);
        assert_eq!(told.code, Some(1), "{}", told.output);
        for text in [&format!("there is no user.ini in {}", real.display()), "\nftpd DIR  ", "\nftpd init  "] {
            assert!(told.output.contains(text), "{text}: {}", told.output);
        }
    }
    let told = ftpd(&top, &[]).output;
    let lines: String = told.lines().skip(1).take(4).map(|line| format!("{line}\n")).collect();
    let name = lines.lines().next().unwrap().trim_matches(['[', ']']).to_owned();
    let command = told.lines().find_map(|line| line.strip_prefix("mkdir -p ")?.split(' ').next());
    let home = command.expect("it is not there").to_owned();
    assert_eq!(value(&lines, "home"), home);
    fs::create_dir(&home).unwrap();
    tree.write_users(&lines);
    let checked = ftpd(&top, &["check"]);
    assert_eq!(checked.code, Some(0), "{}", checked.output);
    let server = tree.start();
    let mut client = server.client();
    client.expect(format!("USER {name}"), 331);
    client.expect(format!("PASS {}", value(&lines, "password")), 230);
    client.expect("MKD inside", 257);
    assert!(Path::new(&home).join("inside").is_dir());
}

#[test]
fn a_user_ini_of_nearly_that_name_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["user.ini.txt", "users.ini", "User.ini"] {
        fs::write(folder.path().join(name), "").unwrap();
        for words in [&[][..], &["check"]] {
            let told = ftpd(folder.path(), words);
            assert_eq!(told.code, Some(1));
            assert!(
                told.output.contains(&format!("there is {name}, rename it: mv {name} user.ini")),
                "{}",
                told.output
            );
        }
        fs::remove_file(folder.path().join(name)).unwrap();
    }
}
