//! Short forms for where the server listens.

use std::net::IpAddr;

use clap::Args;

use crate::ini::Override;

/// Where to listen, instead of what the settings say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Args)]
pub struct Listening {
    /// Short for --set server.port=PORT
    #[arg(short, long, value_name = "PORT")]
    pub port: Option<u16>,

    /// Short for --set server.ip=ADDRESS
    #[arg(short, long, value_name = "ADDRESS")]
    pub ip: Option<IpAddr>,
}

impl Listening {
    /// The same as overrides of settings.
    pub fn overrides(self) -> impl Iterator<Item = Override> {
        let values = [("port", self.port.map(|port| port.to_string())), ("ip", self.ip.map(|ip| ip.to_string()))];
        let of_server = |key: &str, value| Override { section: "server".to_owned(), key: key.to_owned(), value };
        values.into_iter().filter_map(move |(key, value)| Some(of_server(key, value?)))
    }
}
