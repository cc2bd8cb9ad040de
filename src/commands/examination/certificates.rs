//! The certificate, its key, and the authorities of clients.

use std::io::ErrorKind;
use std::path::Path;

use super::{ServerUser, Setup, tried};
use crate::ini::{self, Finding, Source, shell_word};
use crate::net::tls::Tickets;
use crate::server::encryption;
use crate::sys::access;
use crate::sys::route::stopped_at;

/// The user who starts the server reads all of them, and the server's user reads them again when they change.
pub fn findings(subject: &Setup, server: &ServerUser) -> Vec<Finding> {
    let tls = &subject.config.tls;
    let tickets = match Tickets::new() {
        Ok(tickets) => tickets,
        Err(error) => return vec![Finding::error(&subject.config.source("tls", "tls"), ini::without_number(&error))],
    };
    if let Some(pair) = encryption::missing(tls) {
        let folder = pair.certificate.parent().unwrap_or(Path::new("/"));
        let made = to_be_made(subject, folder);
        return made.into_iter().chain(encryption::client_ca(tls, &tickets).err()).collect();
    }
    let mut found = match encryption::load(tls, &tickets) {
        Err(finding) => return vec![finding],
        Ok(loaded) => loaded.and_then(|loaded| encryption::warning(tls, &loaded)).into_iter().collect::<Vec<_>>(),
    };
    if server.is_another() {
        found.extend(tried(server, || reread(subject, server)));
    }
    found
}

/// The server makes its own certificate at its start.
fn to_be_made(subject: &Setup, folder: &Path) -> Option<Finding> {
    let (me, shown) = (ServerUser::of_process().name, folder.display());
    let error = access::change(folder).err()?;
    let reason = match error.kind() {
        ErrorKind::PermissionDenied => format!("{me} may not"),
        _ => ini::without_number(&error),
    };
    let reason = format!("a certificate has to be made in {shown}, but: {reason}");
    let fix = format!("chown {me} {}, or set certificate and private_key", shell_word(folder));
    Some(Finding::error(&subject.config.source("tls", "tls"), reason).fix(fix))
}

/// Files whose changes the server will not see.
fn reread(subject: &Setup, server: &ServerUser) -> Vec<Finding> {
    let tls = &subject.config.tls;
    let pair = encryption::pair(tls).map(|pair| [("certificate", pair.certificate), ("private_key", pair.private_key)]);
    let client_ca = tls.client_ca.clone().map(|file| ("client_ca", file));
    let files = pair.into_iter().flatten().chain(client_ca);
    let unread = files.filter(|(_, file)| !access::may_read(file));
    unread.map(|(key, file)| unseen(subject.config.source("tls", key), &file, server)).collect()
}

/// A file that the calling thread, as the server's user, can't read again.
pub fn unseen(source: Source, file: &Path, server: &ServerUser) -> Finding {
    let (name, shown) = (&server.name, file.display());
    let reason = format!("{name} can't read {shown}, so changes in it stay unseen");
    let closed = stopped_at(file).and_then(|(path, _)| Some(path.parent()?.to_owned()));
    Finding::warning(&source, reason).fix(match closed {
        Some(folder) => format!("chmod o+x {}", shell_word(&folder)),
        None => format!("chown {name} {}", shell_word(file)),
    })
}
