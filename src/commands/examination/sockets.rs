//! The local socket, if ftpd.conf says where it is to be.

use std::io::ErrorKind;
use std::path::Path;

use super::running::is_server_of;
use super::{Occasion, ServerUser, Setup};
use crate::config::ControlSocket;
use crate::ini::Finding;
use crate::server::control_socket;
use crate::sys::access;
use crate::sys::local_socket;

/// Why it can't be made; the server makes it as its own user. That of the running server of the same files is no obstacle to
/// a check.
pub fn findings(subject: &Setup, server: &ServerUser, occasion: Occasion) -> Option<Finding> {
    let ControlSocket::At(path) = &subject.config.server.control_socket else { return None };
    let folder = path.parent().unwrap_or(Path::new("/"));
    let tried = server.run(|| local_socket::try_at(path).and_then(|()| access::change(folder))).ok()?;
    let error = tried.err()?;
    let is_ours = || local_socket::process_at(path).is_some_and(|pid| is_server_of(pid, subject.files));
    if error.kind() == ErrorKind::AddrInUse && occasion != Occasion::Start && is_ours() {
        return None;
    }
    Some(control_socket::finding(subject.config, path, &error))
}
