//! The server's own files: no account reaches them, and nobody else on the machine may write those that it trusts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::certificates::unseen;
use super::{ServerUser, Setup, tried};
use crate::auth::exposed::Exposed;
use crate::auth::own_files::{OwnFile, OwnGround, Secrecy};
use crate::auth::user::User;
use crate::cli::Files;
use crate::config::{Config, ControlSocket};
use crate::control::place;
use crate::ini::{Finding, Source};
use crate::server::encryption;
use crate::sys::access;

/// Accounts that reach files of the server, and others who could write them.
pub fn findings(subject: &Setup, server: &ServerUser) -> Vec<Finding> {
    let Setup { files, config, users } = *subject;
    let mut found: Vec<Finding> = exposed(files, server.number);
    found.extend(tried(server, || {
        let accounts = users.accounts();
        let ground = OwnGround::of(own_files(files, config), accounts.has_plain_passwords());
        accounts.all().filter_map(|user| Some(ground.reached_by(user)?.finding())).collect()
    }));
    if server.is_another() {
        let unread =
            || believed(files).iter().filter(|file| !access::may_read(file)).map(|file| lost(file, server)).collect();
        found.extend(tried(server, unread));
    }
    found
}

/// What is wrong with an account that reaches files of the server.
pub fn about(subject: &Setup, user: &User) -> Option<Finding> {
    let accounts = subject.users.accounts();
    let ground = OwnGround::of(own_files(subject.files, subject.config), accounts.has_plain_passwords());
    Some(ground.reached_by(user)?.finding())
}

/// The files that the server lives by.
pub fn own_files(files: &Files, config: &Config) -> Vec<OwnFile> {
    let own = |name, path: Option<PathBuf>, secret| path.map(|path| OwnFile { name, path, secret });
    let pair = encryption::pair(&config.tls);
    let socket = match &config.server.control_socket {
        ControlSocket::Off => None,
        ControlSocket::At(path) => Some(path.clone()),
        ControlSocket::Auto => place::of_port(config.server.port).next().map(|(_, path)| path),
    };
    let all = [
        own("user.ini", files.users_file(), Secrecy::Passwords),
        own("ftpd.conf", files.config_file(), Secrecy::None),
        own("private_key", pair.map(|pair| pair.private_key), Secrecy::Key),
        own("client_ca", config.tls.client_ca.clone(), Secrecy::None),
        own("control_socket", socket, Secrecy::None),
        own("log_file", config.log.log_file.clone(), Secrecy::None),
        own("transfer_log", config.log.transfer_log.clone(), Secrecy::None),
    ];
    all.into_iter().flatten().collect()
}

/// The files that decide who may do what.
fn believed(files: &Files) -> Vec<PathBuf> {
    [files.config_file(), files.users_file()].into_iter().flatten().collect()
}

/// Files and folders that the server would trust, although somebody else than root, their owners and the user of this number
/// could write them.
pub fn exposed(files: &Files, server: u32) -> Vec<Finding> {
    let of = |file: &PathBuf| Exposed::on_the_way_to(file, server).iter().map(|found| found.finding(file)).collect();
    let mut found: Vec<Finding> = believed(files).iter().flat_map(|file| -> Vec<Finding> { of(file) }).collect();
    // A folder that holds both files is named once.
    let mut told = BTreeSet::new();
    found.retain(|finding| told.insert(finding.reason.clone()));
    found
}

fn lost(file: &Path, server: &ServerUser) -> Finding {
    unseen(Source::file(file.display()), file, server)
}
