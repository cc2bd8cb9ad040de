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

    /// Serve browsers, too, at 8080 or this port: short for --set web.web_port=PORT
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, conflicts_with = "no_web")]
    pub web: Option<Option<u16>>,

    /// Serve no browsers: short for --set web.web_port=off
    #[arg(long)]
    pub no_web: bool,
}

/// The port of the web if none is given.
const USUAL_WEB_PORT: u16 = 8080;

impl ShortForms {
    /// The same as overrides of settings.
    pub fn overrides(self) -> impl Iterator<Item = Override> {
        let web = match self.web {
            _ if self.no_web => Some("off".to_owned()),
            port => port.map(|port| port.unwrap_or(USUAL_WEB_PORT).to_string()),
        };
        let values = [
            ("server", "port", self.port.map(|port| port.to_string())),
            ("server", "ip", self.ip.map(|ip| ip.to_string())),
            ("tls", "tls", self.tls.then(|| "on".to_owned())),
            ("web", "web_port", web),
        ];
        values.into_iter().filter_map(|(section, key, value)| Some(Override::new(section, key, value?)))
    }
}
