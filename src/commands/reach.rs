//! What the user that the server becomes (`user` in ftpd.conf) can't reach, told with the mend.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::fs::{Access, AtFlags, CWD};

use crate::auth::person::Person;
use crate::auth::users::Users;
use crate::cli::Files;
use crate::config::Config;
use crate::server::encryption;

/// A line for each file or home that the calling thread can't use as the server has to.
pub fn out_of_reach(files: &Files, config: &Config, users: &Users) -> Vec<String> {
    let Some(name) = &config.server.user else { return Vec::new() };
    let tls = &config.tls;
    let certificate =
        encryption::pair(tls).filter(|pair| !pair.is_missing()).map(|pair| [pair.certificate, pair.private_key]);
    let named = [files.config_file(), files.users_file(), tls.client_ca.clone()].into_iter().flatten();
    let read: BTreeSet<PathBuf> = named.chain(certificate.into_iter().flatten()).collect();
    let read = read.into_iter();
    let unread = read.filter(|path| !allows(path, Access::READ_OK)).map(|path| {
        let path = path.display();
        format!("{name} can't read {path}, so changes in it stay unseen: chown {name} {path}")
    });
    let written = [&config.log.log_file, &config.log.transfer_log].into_iter().flatten();
    let unwritten = written.filter(|path| !can_append(path)).map(|path| {
        let path = path.display();
        format!("{name} can't write {path}, so it can't be opened again after a SIGHUP: chown {name} {path}")
    });
    let enter = |home: &Path| allows(home, Access::READ_OK | Access::EXEC_OK);
    let closed = users.homes_without(enter).into_iter().map(|line| {
        format!("{line} can't be entered by {name}: chown {name}, or chmod o+rx, it (and o+x what it lies in)")
    });
    unread.chain(unwritten).chain(closed).collect()
}

/// The same as another user would find it.
///
/// # Errors
/// In words, when that can't be tried: it needs root.
pub fn out_of_reach_of(person: &Person, files: &Files, config: &Config, users: &Users) -> Result<Vec<String>, String> {
    let tried = || person.become_on_this_thread().map(|()| out_of_reach(files, config, users));
    let tried = thread::scope(|scope| thread::Builder::new().spawn_scoped(scope, tried).map(|thread| thread.join()));
    let failed = |reason: String| format!("can't look as the user {}: {reason}", person.name);
    match tried {
        Ok(Ok(lines)) => lines.map_err(|error| failed(error.to_string())),
        Ok(Err(_)) => Err(failed("the thread failed".to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn can_append(path: &Path) -> bool {
    match path.parent() {
        // What is not there yet is made in its folder.
        Some(folder) if !allows(path, Access::EXISTS) => allows(folder, Access::WRITE_OK | Access::EXEC_OK),
        _ => allows(path, Access::WRITE_OK),
    }
}

fn allows(path: &Path, access: Access) -> bool {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    rustix::fs::accessat(CWD, path, access, AtFlags::EACCESS).is_ok()
}
