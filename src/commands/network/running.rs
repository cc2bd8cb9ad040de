//! A server that runs without files, such as one that shares a folder: what it says of itself stands in for its settings.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::auth::user::{Guest, Terms};
use crate::auth::users::Users;
use crate::cli::Files;
use crate::cli::running::RunningServer;
use crate::commands::control_client::ControlClient;
use crate::config::Config;
use crate::control::answer::StatusAnswer;
use crate::control::request::ControlRequest;
use crate::ini::Override;

/// The settings of the only server that this user may ask, or of that with the port of the command line, and an account that may
/// be able to log in; `None` if there are files, or no such server.
pub fn without_files(files: &Files) -> Option<(Config, Users)> {
    if files.shared.is_some() || files.config_file().is_some() || files.users_file().is_some() {
        return None;
    }
    let names_port = |setting: &Override| setting.section == "server" && setting.key == "port";
    let port = files.overrides.iter().any(names_port).then(|| Config::without_file(&files.overrides).0.server.port);
    let mut server = ControlClient::find(files, &RunningServer { port, socket: None }).ok()?;
    let status = server.ask(&ControlRequest::Status).ok()?;
    let (config, found) = Config::without_file(&settings(&status)?);
    let perms = "elr".parse().ok()?;
    let guest = Guest { home: PathBuf::from("/"), perms, hide: None, sources: Default::default() };
    let users = Users::load(None, Terms { anonymous: Some(guest), ..Terms::default() }).ok()?;
    (!found.has_errors()).then_some((config, users))
}

/// What decides about the way to it.
fn settings(status: &StatusAnswer) -> Option<Vec<Override>> {
    let of_clients = status.server.address.split(", web on ").next()?;
    let listened_on = of_clients.split(", implicit TLS on").next()?.split(", ");
    let listened_on = listened_on.map(|address| address.parse().ok()).collect::<Option<Vec<SocketAddr>>>()?;
    let addresses: Vec<String> = listened_on.iter().map(|address| address.ip().to_string()).collect();
    let port = listened_on.first()?.port();
    let ports =
        status.limits.passive_ports.iter().map(|range| Override::new("passive", "passive_ports", range.clone()));
    let own = [Override::new("server", "ip", addresses.join(", ")), Override::new("server", "port", port.to_string())];
    let web = web_port(&status.server.address).map(|port| Override::new("web", "web_port", port.to_string()));
    Some(own.into_iter().chain(ports).chain(web).collect())
}

/// `…, web on http://0.0.0.0:8080/, …` → 8080.
fn web_port(address: &str) -> Option<u16> {
    let (_, urls) = address.split_once(", web on http://")?;
    urls.split('/').next()?.parse::<SocketAddr>().ok().map(|address| address.port())
}
