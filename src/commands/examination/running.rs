//! Whether a process is the running server of the same two files.

use std::path::Path;

use clap::Parser;

use crate::cli::{Cli, Files};
use crate::sys::holder::Holder;
use crate::sys::meta::{FileId, Meta};
use crate::sys::process::RunningCommand;

/// Whether the program that holds a port serves these very files.
pub fn serves(holder: &Holder, files: &Files) -> bool {
    holder.is_this_program() && is_server_of(holder.pid, files)
}

/// Whether a process was started with these very files.
pub fn is_server_of(pid: i32, files: &Files) -> bool {
    RunningCommand::of(pid).is_some_and(|command| {
        let own = [files.config_file(), files.users_file()].map(|file| file.and_then(|file| identity(&file)));
        own.iter().any(Option::is_some) && own == files_of(&command)
    })
}

/// The files that a server was started with: settings and accounts.
fn files_of(command: &RunningCommand) -> [Option<FileId>; 2] {
    let Ok(cli) = Cli::try_parse_from(&command.words) else { return [None, None] };
    [(cli.files.config, "ftpd.conf"), (cli.files.users, "user.ini")]
        .map(|(given, usual)| identity(&command.folder.join(given.as_deref().unwrap_or(Path::new(usual)))))
}

fn identity(file: &Path) -> Option<FileId> {
    Meta::of(file).ok().map(|meta| meta.id)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn files_are_found_as_the_other_process_found_them() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["ftpd.conf", "user.ini", "other.ini"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let id = |name: &str| identity(&folder.path().join(name));
        let of = |words: &str| {
            let words = words.split(' ').map(Into::into).collect();
            files_of(&RunningCommand { words, folder: folder.path().to_owned() })
        };
        assert_eq!(of("/usr/bin/ftpd"), [id("ftpd.conf"), id("user.ini")]);
        assert_eq!(of("ftpd -u other.ini"), [id("ftpd.conf"), id("other.ini")]);
        assert_eq!(of("ftpd -c none.conf"), [None, id("user.ini")]);
        assert_eq!(of("ftpd --no-such-option"), [None, None]);
    }
}
