//! Keys that name one file: what the server writes to is neither what it reads nor another thing that it writes to.

use std::path::{Path, PathBuf};

use crate::cli::Files;
use crate::config::{Config, ControlSocket};
use crate::ini::Finding;
use crate::server::encryption;
use crate::sys::meta::{FileKind, Meta};
use crate::sys::route::Route;

/// A key whose file is that of another key, or one of both files.
#[derive(Debug)]
pub struct Collision {
    /// The key.
    pub key: &'static str,
    /// What is wrong with it.
    pub finding: Finding,
}

/// A file that has its use already.
#[derive(Debug)]
struct Taken {
    /// The key that names it; empty for what the server reads.
    key: &'static str,
    /// What it is, for people.
    what: &'static str,
    path: PathBuf,
}

/// All keys that name a file to write to, or a socket to make, where the server has something else.
pub fn find(files: &Files, config: &Config) -> Vec<Collision> {
    let mut taken = read_by_server(files, config);
    let socket = match &config.server.control_socket {
        ControlSocket::At(path) => Some(path.clone()),
        ControlSocket::Auto | ControlSocket::Off => None,
    };
    let log = &config.log;
    let written = [
        ("log", "log_file", "a log", log.log_file.clone()),
        ("log", "transfer_log", "a log", log.transfer_log.clone()),
        ("server", "control_socket", "a socket", socket),
    ];
    let mut found = Vec::new();
    for (section, key, what, path) in written {
        let Some(path) = path else { continue };
        if let Some(other) = taken.iter().find(|other| is_same(&path, &other.path)) {
            let shown = path.display();
            let reason = match other.key {
                "" => format!("{shown} is {}, which can't be {what} as well", other.what),
                first => format!("{first} and {key} are both {shown}"),
            };
            let finding = Finding::error(&config.source(section, key), reason);
            found.push(Collision { key, finding: finding.fix("name another file for one of them") });
        }
        taken.push(Taken { key, what, path });
    }
    found
}

fn read_by_server(files: &Files, config: &Config) -> Vec<Taken> {
    let pair = encryption::pair(&config.tls);
    let (certificate, key) = pair.map(|pair| (pair.certificate, pair.private_key)).unzip();
    let all = [
        ("the file of the accounts", files.users_file()),
        ("the file of the settings", files.config_file()),
        ("the private key", key),
        ("the server's certificate", certificate),
        ("the file of client_ca", config.tls.client_ca.clone()),
    ];
    all.into_iter().filter_map(|(what, path)| Some(Taken { key: "", what, path: path? })).collect()
}

/// Whether two paths lead to one file, by whatever names. Many may write to one terminal or FIFO.
fn is_same(one: &Path, other: &Path) -> bool {
    let [one_is, other_is] = [one, other].map(|path| Meta::of(path).ok());
    match (one_is, other_is) {
        (Some(one), Some(other)) => one.id == other.id && one.kind == FileKind::File,
        (None, None) => {
            Route::to(one).is_ok_and(|route| Route::to(other).is_ok_and(|other| route.end() == other.end()))
        }
        _ => false,
    }
}
