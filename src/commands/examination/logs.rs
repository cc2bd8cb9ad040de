//! The log and the transfer log.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::{ServerUser, Setup, tried};
use crate::ini::{self, Finding};
use crate::sys::access;
use crate::sys::route::{Route, stopped_at};

/// The user who starts the server opens both, and the server's user opens them again on SIGHUP.
pub fn findings(subject: &Setup, server: &ServerUser) -> Vec<Finding> {
    let log = &subject.config.log;
    let files = [("log_file", &log.log_file), ("transfer_log", &log.transfer_log)];
    let files: Vec<(&str, &Path)> = files.iter().filter_map(|(key, file)| Some((*key, file.as_deref()?))).collect();
    if let [(_, one), (_, other)] = files[..]
        && Route::to(one).ok() == Route::to(other).ok()
        && (other.is_file() || !other.exists())
    {
        let source = subject.config.source("log", "transfer_log");
        let reason = format!("log_file and transfer_log are both {}", other.display());
        return vec![Finding::error(&source, reason).fix("name another file for one of them")];
    }
    let mut found = Vec::new();
    for (key, file) in files {
        match access::append(file) {
            Err(error) => found.push(unwritable(subject, key, file, &error)),
            Ok(()) if server.is_another() => found.extend(tried(server, || reopened(subject, key, file, server))),
            Ok(()) => {}
        }
    }
    found
}

fn unwritable(subject: &Setup, key: &str, file: &Path, error: &io::Error) -> Finding {
    let shown = file.display();
    let because = |why: &str| Finding::error(&subject.config.source("log", key), format!("can't write {shown}: {why}"));
    let folder = file.parent().unwrap_or(Path::new("/")).display();
    let me = ServerUser::of_process().name;
    match error.kind() {
        ErrorKind::NotFound => {
            let missing = stopped_at(file).map_or_else(|| folder.to_string(), |(path, _)| path.display().to_string());
            because(&format!("there is no folder {missing}")).fix(format!("mkdir -p {folder}"))
        }
        ErrorKind::IsADirectory => because("it is a folder").fix(format!("name a file in it: {shown}/ftpd.log")),
        ErrorKind::PermissionDenied if file.exists() => {
            because(&format!("{me} may not")).fix(format!("chown {me} {shown}"))
        }
        ErrorKind::PermissionDenied => {
            let fix = format!("touch {shown} && chown {me} {shown}, as root");
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
    let made = if file.exists() { String::new() } else { format!("touch {shown} && ") };
    let fix = format!("{made}chown {name} {shown}");
    vec![Finding::warning(&subject.config.source("log", key), reason).fix(fix)]
}
