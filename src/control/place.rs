//! Where the local sockets of running servers are.

use std::fs;
use std::path::PathBuf;

use crate::sys::runtime_folder::{self, RuntimeFolder};

/// The name of a server's socket.
pub fn name(port: u16) -> String {
    format!("{port}.sock")
}

/// The places for the socket of a server with this control port, the first one first.
pub fn of_port(port: u16) -> impl Iterator<Item = (RuntimeFolder, PathBuf)> {
    runtime_folder::all().into_iter().map(move |folder| {
        let path = folder.path.join(name(port));
        (folder, path)
    })
}

/// Every socket that lies in one of these places, of servers that run and of dead ones.
pub fn present() -> Vec<PathBuf> {
    let folders = runtime_folder::all().into_iter().filter(RuntimeFolder::is_safe);
    let entries = folders.filter_map(|folder| fs::read_dir(folder.path).ok()).flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| is_socket_name(path)).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn is_socket_name(path: &std::path::Path) -> bool {
    let port = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".sock"));
    port.is_some_and(|port| port.parse::<u16>().is_ok())
}
