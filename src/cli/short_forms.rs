//! Short forms of settings that are given often.

use std::net::IpAddr;

use clap::Args;

use crate::ini::Override;

/// Short forms of settings that are given often.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct ShortForms {
    /// Short for --set server.port=PORT
    #[arg(short, long, value_name = "PORT")]
    pub port: Option<u16>,

    /// Short for --set server.ip=ADDRESS
    #[arg(short, long, value_name = "ADDRESS")]
    pub ip: Option<IpAddr>,

    /// Offer encryption: short for --set tls.tls=on
    #[arg(long)]
    pub tls: bool,
}

impl ShortForms {
    /// The same as overrides of settings.
    pub fn overrides(self) -> impl Iterator<Item = Override> {
        let values = [
            ("server", "port", self.port.map(|port| port.to_string())),
            ("server", "ip", self.ip.map(|ip| ip.to_string())),
            ("tls", "tls", self.tls.then(|| "on".to_owned())),
        ];
        values.into_iter().filter_map(|(section, key, value)| Some(Override::new(section, key, value?)))
    }
}
