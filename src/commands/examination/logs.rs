//! The log and the transfer log.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::{ServerUser, Setup, tried};
use crate::ini::{self, Finding, shell_word};
use crate::sys::access;
use crate::sys::files::is_fifo;
use crate::sys::route::{Route, stopped_at};

/// The user who starts the server opens both, and the server's user opens them again on SIGHUP. Keys that `collide` with
/// others have their findings elsewhere.
pub fn findings(subject: &Setup, server: &ServerUser, collide: &[&str]) -> Vec<Finding> {
    let log = &subject.config.log;
    let files = [("log_file", &log.log_file), ("transfer_log", &log.transfer_log)];
    let files = files.iter().filter_map(|(key, file)| Some((*key, file.as_deref()?)));
    let mut found = Vec::new();
    for (key, file) in files.filter(|(key, _)| !collide.contains(key)) {
        match access::append(file) {
            Err(error) => found.push(unwritable(subject, key, file, &error)),
            Ok(()) if is_fifo(file) => found.push(unread(subject, key, file)),
            Ok(()) if server.is_another() => found.extend(tried(server, || reopened(subject, key, file, server))),
            Ok(()) => {}
        }
    }
    found
}

/// Whether anybody reads it shows only when it is opened, which a reader would notice.
fn unread(subject: &Setup, key: &str, file: &Path) -> Finding {
    let reason = format!("{} is a FIFO: the server starts only while a program reads it", file.display());
    Finding::warning(&subject.config.source("log", key), reason).fix("start that program first, or name a file")
}

fn unwritable(subject: &Setup, key: &str, file: &Path, error: &io::Error) -> Finding {
    let shown = file.display();
    let because = |why: &str| Finding::error(&subject.config.source("log", key), format!("can't write {shown}: {why}"));
    let folder = file.parent().unwrap_or(Path::new("/")).display();
    let me = ServerUser::of_process().name;
    match error.kind() {
        ErrorKind::NotFound => {
            let missing = stopped_at(file).map_or_else(|| folder.to_string(), |(path, _)| path.display().to_string());
            let route = Route::to(file).ok().filter(Route::has_links);
            let end = route.as_ref().and_then(|route| route.end().parent());
            let folder = end.or(file.parent()).unwrap_or(Path::new("/"));
            because(&format!("there is no folder {missing}")).fix(format!("mkdir -p {}", shell_word(folder)))
        }
        ErrorKind::IsADirectory => {
            let folder = file.components().as_path().display();
            because("it is a folder").fix(format!("name a file in it: {folder}/ftpd.log"))
        }
        ErrorKind::InvalidInput => because(&ini::without_number(error)).fix("name a file, or a folder's new file"),
        ErrorKind::PermissionDenied if file.exists() => {
            because(&format!("{me} may not")).fix(format!("chown {me} {}", shell_word(file)))
        }
        ErrorKind::PermissionDenied => {
            let fix = format!("touch {0} && chown {me} {0}, as root", shell_word(file));
            because(&format!("{me} may not make a file in {folder}")).fix(fix)
        }
        _ => because(&ini::without_number(error)),
    }
}

/// Why the server's user can't open the log again after a rotation.
fn reopened(subject: &Setup, key: &str, file: &Path, server: &ServerUser) -> Vec<Finding> {
    let (shown, name) = (file.display(), &server.name);
    let Err(_) = access::append(file) else { return Vec::new() };
    let reason = format!("{name} can't write {shown}, so it can't be opened again after a SIGHUP");
    let made = if file.exists() { String::new() } else { format!("touch {} && ", shell_word(file)) };
    let fix = format!("{made}chown {name} {}", shell_word(file));
    vec![Finding::warning(&subject.config.source("log", key), reason).fix(fix)]
}
