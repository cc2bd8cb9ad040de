//! The server's own files: no account reaches them, and nobody else on the machine may write those that it trusts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::certificates::unseen;
use super::{ServerUser, Setup, collisions, tried};
use crate::auth::exposed::Exposed;
use crate::auth::own_files::{OwnFile, OwnGround, Reach, Secrecy};
use crate::auth::user::User;
use crate::cli::Files;
use crate::config::{Config, ControlSocket};
use crate::control::place;
use crate::ini::{Finding, Source, shell_word};
use crate::net::certificate::Pair;
use crate::server::encryption;
use crate::sys::access;
use crate::sys::meta::Meta;
use crate::sys::owners::{self, Owners};
use crate::sys::route::Route;
use crate::sys::state_folder;

/// The same with a command that leaves the file to the server's user: chmod alone would keep that from reading it.
pub fn kept_readable(finding: Finding, server: &ServerUser) -> Finding {
    let file = Path::new(&finding.file);
    let closes = finding.fix.as_ref().filter(|fix| server.is_another() && fix.starts_with("chmod 600 ")).cloned();
    match (closes, Meta::of(file)) {
        (Some(fix), Ok(meta)) if meta.owner != server.number => {
            let fix = format!("chown {} {} && {fix}", server.name, shell_word(file));
            finding.fix(fix)
        }
        _ => finding,
    }
}

/// The name of this program among the server's own files.
const PROGRAM: &str = "ftpd";

/// Accounts that reach files of the server, and others who could write them.
pub fn findings(subject: &Setup, server: &ServerUser) -> Vec<Finding> {
    let Setup { files, config, users } = *subject;
    let mut found: Vec<Finding> = exposed(files, config, server.number);
    found.extend(owned_by_others(files, server.number));
    found.extend(tried(server, || {
        let accounts = users.accounts();
        let ground = OwnGround::guarded_from(&accounts, own_files(files, config));
        let reached = accounts.all().flat_map(|user| ground.reached_by(user));
        reached.map(|reach| reach.finding()).chain(other_names(subject)).collect()
    }));
    if server.is_another() {
        let unread =
            || believed(files).iter().filter(|file| !access::may_read(file)).map(|file| lost(file, server)).collect();
        found.extend(tried(server, unread));
    }
    found
}

/// What keeps a running server from reading its files again: others could write them, an account could by another name, or a
/// log would be written to one of them.
pub fn unsafe_files(subject: &Setup, server: u32) -> Vec<Finding> {
    let collisions = collisions::find(subject.files, subject.config).into_iter().map(|collision| collision.finding);
    let programs = subject.users.accounts().unsafe_programs(server);
    let found = exposed(subject.files, subject.config, server).into_iter().chain(other_names(subject));
    found.chain(collisions).chain(programs).collect()
}

/// Own files that have other names, too. How a program was linked is its installer's affair.
fn other_names(subject: &Setup) -> Vec<Finding> {
    let own = own_files(subject.files, subject.config);
    let accounts = subject.users.accounts();
    own.iter().filter(|file| file.name != PROGRAM).filter_map(|file| file.other_names(&accounts)).collect()
}

/// What is wrong with an account that reaches files of the server.
pub fn about(subject: &Setup, user: &User) -> Vec<Finding> {
    let accounts = subject.users.accounts();
    let ground = OwnGround::guarded_from(&accounts, own_files(subject.files, subject.config));
    ground.reached_by(user).iter().map(Reach::finding).collect()
}

/// The files that the server lives by.
pub fn own_files(files: &Files, config: &Config) -> Vec<OwnFile> {
    let own = |name, path: Option<PathBuf>, secret| path.map(|path| OwnFile { name, path, secret });
    let pair = encryption::pair(&config.tls);
    let left = pair.is_none().then(|| Pair::self_signed(&folder_of(files)).private_key);
    // Without dot names, nobody sees it below a home.
    let hidden = files.shared.as_ref().filter(|folder| folder.shows_hidden).and_then(|_| state_folder::of_user());
    let kept = hidden.map(|folder| Pair::self_signed(&folder).private_key).filter(|key| key.exists());
    let (certificate, key) = pair.map(|pair| (pair.certificate, pair.private_key)).unzip();
    // One file may hold both.
    let certificate = certificate.filter(|certificate| key.as_ref() != Some(certificate));
    let socket = match &config.server.control_socket {
        ControlSocket::Off => None,
        ControlSocket::At(path) => Some(path.clone()),
        ControlSocket::Auto => place::of_port(config.server.port).next().map(|(_, path)| path),
    };
    let all = [
        own("user.ini", files.users_file(), Secrecy::Passwords),
        own("ftpd.conf", files.config_file(), Secrecy::None),
        own("private_key", key, Secrecy::Key),
        own("certificate", certificate, Secrecy::None),
        // It was made by the server when TLS was on.
        own("ftpd-private-key.pem", left.filter(|key| key.exists()), Secrecy::Key),
        own("ftpd-private-key.pem", kept, Secrecy::Key),
        own("client_ca", config.tls.client_ca.clone(), Secrecy::None),
        own("control_socket", socket, Secrecy::None),
        own(PROGRAM, std::env::current_exe().ok(), Secrecy::None),
        own("log_file", config.log.log_file.clone(), Secrecy::None),
        own("transfer_log", config.log.transfer_log.clone(), Secrecy::None),
    ];
    all.into_iter().flatten().collect()
}

/// The folder that ftpd.conf lies in, where the server keeps what it makes.
fn folder_of(files: &Files) -> PathBuf {
    let file = files.config_file().unwrap_or_default();
    std::path::absolute(file.parent().unwrap_or(Path::new("")).join(".")).unwrap_or_default()
}

/// The files that decide who may do what.
fn believed(files: &Files) -> Vec<PathBuf> {
    [files.config_file(), files.users_file()].into_iter().flatten().collect()
}

/// Files and folders that the server would trust, although somebody else than root, their owners and the user of this number
/// could write them.
fn exposed(files: &Files, config: &Config, server: u32) -> Vec<Finding> {
    let of = |file: &PathBuf| Exposed::on_the_way_to(file, server).iter().map(|found| found.finding(file)).collect();
    let mut found: Vec<Finding> = believed(files).iter().flat_map(|file| -> Vec<Finding> { of(file) }).collect();
    found.extend(named(config).into_iter().flat_map(|(source, path, power)| -> Vec<Finding> {
        let exposed = Exposed::on_the_way_to(&path, server);
        exposed.iter().map(|exposed| exposed.finding_at(&source, power)).collect()
    }));
    // A folder that holds several files is named once.
    let mut told = BTreeSet::new();
    found.retain(|finding| told.insert(finding.fix.clone()));
    found
}

/// The files that ftpd.conf names and the server trusts: the line, the path, and what one could do who writes there.
fn named(config: &Config) -> Vec<(Source, PathBuf, &'static str)> {
    let pair = encryption::pair(&config.tls).filter(|_| config.source("tls", "certificate").is_written());
    let (certificate, key) = pair.map(|pair| (pair.certificate, pair.private_key)).unzip();
    let socket = match &config.server.control_socket {
        ControlSocket::At(path) => Some(path.clone()),
        ControlSocket::Auto | ControlSocket::Off => None,
    };
    let pass = "pass for this server";
    let all = [
        ("tls", "certificate", certificate, pass),
        ("tls", "private_key", key, pass),
        ("tls", "client_ca", config.tls.client_ca.clone(), "let any client in"),
        ("server", "control_socket", socket, "answer ftpd who and its like"),
    ];
    let row = |(section, key, path, power)| Some((config.source(section, key), path?, power));
    all.into_iter().filter_map(row).collect()
}

/// Files and folders of users who are neither root, nor the server's, nor the one who starts it: one finding for each user.
fn owned_by_others(files: &Files, server: u32) -> Vec<Finding> {
    let owners = Owners::of_system();
    let mut told = BTreeSet::new();
    let mut found = Vec::new();
    for file in believed(files) {
        let Ok(route) = Route::to(&file) else { continue };
        let end = Meta::of(route.end()).ok().map(|meta| (route.end().to_owned(), meta));
        let folders = route.folders().into_iter().rev().map(|folder| (folder.path, folder.meta));
        for (path, meta) in end.into_iter().chain(folders) {
            let is_trusted = [0, server, access::user_id()].contains(&meta.owner) || owners::is_unmapped(meta.owner);
            if is_trusted || !told.insert(meta.owner) {
                continue;
            }
            let owner = owners.user(meta.owner).map_or_else(|| format!("user {}", meta.owner), str::to_owned);
            let shown = path.display();
            let reason = format!("{owner} owns {shown}, and so could make accounts and change settings");
            let me = ServerUser::of_process().name;
            let finding = Finding::warning(&Source::file(file.display()), reason);
            found.push(
                finding.fix(format!("chown {me} {shown}, or keep both files in a folder of {me} such as /etc/ftpd")),
            );
        }
    }
    found
}

fn lost(file: &Path, server: &ServerUser) -> Finding {
    unseen(Source::file(file.display()), file, server)
}
