//! What the user that the server becomes (`user` in ftpd.conf) can't reach, each with the command that changes that.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use crate::auth::users::Users;
use crate::cli::Files;
use crate::config::Config;
use crate::server::encryption;
use crate::sys::access;
use crate::sys::person::Person;

/// A line for each file or home that the calling thread can't use as the server has to.
pub fn out_of_reach(files: &Files, config: &Config, users: &Users) -> Vec<String> {
    let Some(name) = &config.server.user else { return Vec::new() };
    let read = files_to_read(files, config).into_iter().filter(|path| !access::may_read(path));
    let unread = read.map(|path| {
        let path = path.display();
        format!("{name} can't read {path}, so changes in it stay unseen: chown {name} {path}")
    });
    let written = [&config.log.log_file, &config.log.transfer_log].into_iter().flatten();
    let unwritten = written.filter(|path| can_append(path).is_err()).map(|path| {
        let path = path.display();
        format!("{name} can't write {path}, so it can't be opened again after a SIGHUP: chown {name} {path}")
    });
    let closed = users.accounts().homes_without(access::may_enter).into_iter().map(|line| {
        format!("{line} can't be entered by {name}: chown {name}, or chmod o+rx, it (and o+x the folders it lies in)")
    });
    unread.chain(unwritten).chain(closed).collect()
}

/// The files that are read again while the server runs.
fn files_to_read(files: &Files, config: &Config) -> BTreeSet<PathBuf> {
    let tls = &config.tls;
    let pair = encryption::pair(tls).filter(|pair| !pair.is_missing()).map(|pair| [pair.certificate, pair.private_key]);
    let named = [files.config_file(), files.users_file(), tls.client_ca.clone()];
    named.into_iter().flatten().chain(pair.into_iter().flatten()).collect()
}

/// The same for another user; an error says why that can't be tried: it needs root.
pub fn out_of_reach_of(person: &Person, files: &Files, config: &Config, users: &Users) -> Result<Vec<String>, String> {
    let tried = || person.become_on_this_thread().map(|()| out_of_reach(files, config, users));
    let tried = thread::scope(|scope| thread::Builder::new().spawn_scoped(scope, tried).map(|thread| thread.join()));
    let lines = match tried {
        Ok(Ok(lines)) => lines.map_err(|error| error.to_string()),
        Ok(Err(_)) => Err("the thread failed".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    lines.map_err(|reason| format!("can't try as the user {}: {reason}", person.name))
}

/// Tries to open a file for writing, or to create a file beside it if it does not exist.
pub fn can_append(path: &Path) -> io::Result<()> {
    if path.exists() {
        return fs::OpenOptions::new().append(true).open(path).map(drop);
    }
    let mut probe = path.as_os_str().to_owned();
    probe.push(format!(".{}.check", std::process::id()));
    fs::File::create_new(&probe).and_then(|_| fs::remove_file(&probe))
}
