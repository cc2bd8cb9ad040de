//! What the command line says about a server that runs.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// Which running server is meant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct RunningServer {
    /// The server with this control port
    #[arg(short, long, value_name = "PORT")]
    pub port: Option<u16>,

    /// The server with this control_socket
    #[arg(long, value_name = "PATH", conflicts_with = "port")]
    pub socket: Option<PathBuf>,
}

/// `ftpd who`.
#[derive(Clone, Debug, Args)]
pub struct WhoOptions {
    /// Which server.
    #[command(flatten)]
    pub running: RunningServer,

    /// Print a JSON array with an object for each session
    #[arg(long)]
    pub json: bool,
}

/// `ftpd top`.
#[derive(Clone, Debug, Args)]
pub struct TopOptions {
    /// Which server.
    #[command(flatten)]
    pub running: RunningServer,
}

/// `ftpd kick`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("whom").required(true))]
pub struct KickOptions {
    /// Which server.
    #[command(flatten)]
    pub running: RunningServer,

    /// Sessions, as `ftpd who` numbers them
    #[arg(value_name = "ID", group = "whom")]
    pub ids: Vec<u64>,

    /// All sessions of an account
    #[arg(long, value_name = "NAME", group = "whom")]
    pub user: Option<String>,

    /// All sessions from an address
    #[arg(long, value_name = "ADDRESS", group = "whom")]
    pub address: Option<IpAddr>,

    /// Also keep the address out for ban_time
    #[arg(long, requires = "address", conflicts_with_all = ["ids", "user"])]
    pub ban: bool,
}

/// `ftpd drain`.
#[derive(Clone, Debug, Args)]
pub struct DrainOptions {
    /// Which server.
    #[command(flatten)]
    pub running: RunningServer,

    /// Return when the server has stopped
    #[arg(long)]
    pub wait: bool,
}

/// `ftpd reload`.
#[derive(Clone, Debug, Args)]
pub struct ReloadOptions {
    /// Which server.
    #[command(flatten)]
    pub running: RunningServer,
}

/// `ftpd status`.
#[derive(Clone, Debug, Args)]
#[command(group = ArgGroup::new("form"))]
pub struct StatusOptions {
    /// Which server.
    #[command(flatten)]
    pub running: RunningServer,

    /// Print a JSON object
    #[arg(long, group = "form")]
    pub json: bool,

    /// Print metrics in the text format of Prometheus
    #[arg(long, group = "form")]
    pub prometheus: bool,

    /// Let a banned address in again
    #[arg(long, value_name = "ADDRESS", group = "form")]
    pub unban: Option<IpAddr>,
}
