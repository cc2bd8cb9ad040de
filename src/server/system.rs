//! What the process sets for itself at start.

use std::io;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

use crate::config::{Config, Sandbox};
use crate::fs::jail::{Jail, Kernel};

/// Descriptors that a session may hold at once: its connection, a listener, a data connection, a file and its folder, or
/// the two ends of a pipe in place of the listener and the folder.
const FILES_PER_SESSION: u64 = 6;
/// What the server itself holds: standard streams, logs, listeners, signal pipes.
const OWN_FILES: u64 = 32;

/// Sets the umask of the files and folders that clients make.
pub fn set_umask(mask: u32) {
    umask(Mode::from_raw_mode(mask));
}

/// Raises the soft limit of open files to the hard one, and says so where `max_cons` still can't fit.
pub fn raise_file_limit(config: &Config) {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let Some(limit) = getrlimit(Resource::Nofile).current else { return };
    let ports = config.passive.passive_ports.as_ref().map_or(0, |range| u64::try_from(range.len()).unwrap_or(0));
    let sessions = u64::try_from(config.server.max_cons).unwrap_or(u64::MAX);
    let needed = sessions.saturating_mul(FILES_PER_SESSION) + ports + OWN_FILES;
    if needed > limit {
        let fits = limit.saturating_sub(ports + OWN_FILES) / FILES_PER_SESSION;
        log::warn!(
            "max_cons = {sessions} may need {needed} open files, but the limit is {limit}: \
             set max_cons = {fits}, or LimitNOFILE={needed} in the service (ulimit -n {needed} in a shell)"
        );
    }
}

/// The jail of session threads, and a line about it in the log.
///
/// # Errors
/// When one is required and this kernel has none.
pub fn jail(config: &Config) -> io::Result<Option<Jail>> {
    if config.server.sandbox == Sandbox::Off {
        log::info!("sandbox: off");
        return Ok(None);
    }
    let kernel = Kernel::probe();
    if config.server.sandbox == Sandbox::Require && !kernel.is_complete() {
        let reason = format!("sandbox = require, but there is {kernel}; sandbox = auto takes what there is");
        return Err(io::Error::other(reason));
    }
    log::info!("sandbox: {kernel}");
    Ok(kernel.jail(config.passive.passive_ports.clone()))
}
