//! The section `[active]`: data connections that the server opens.

use std::path::Path;

use super::UsedPorts;
use crate::ini::{Mistake, Section};

/// The section `[active]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveSection {
    /// Whether PORT and EPRT are offered.
    pub enable_active: bool,
    /// Whether a data connection may have another address than the client's.
    pub permit_foreign_addresses: bool,
    /// Whether PORT may name ports below 1024.
    pub permit_privileged_ports: bool,
    /// The port that data connections come from, never 0; `None` is any.
    pub data_port: Option<u16>,
}

impl ActiveSection {
    /// Reads the section of a server that listens on the ports of these keys.
    pub(super) fn read(section: &mut Section, listening: &[UsedPorts]) -> ActiveSection {
        let active = ActiveSection {
            enable_active: section.take("enable_active"),
            permit_foreign_addresses: section.take("permit_foreign_addresses"),
            permit_privileged_ports: section.take("permit_privileged_ports"),
            data_port: section.take_with("data_port", dial_port),
        };
        let Some(port) = active.data_port else { return active };
        // The system does not allow both on one port.
        for (key, _) in listening.iter().filter(|(_, ports)| ports.contains(&port)) {
            section.refuse("data_port", format!("{port} is a port to listen on already ({key})"));
        }
        active
    }

    /// The port that it has a use for.
    pub(super) fn dialling(&self) -> Vec<UsedPorts> {
        self.data_port.map(|port| ("data_port", port..=port)).into_iter().collect()
    }
}

/// A port to connect from, or none.
fn dial_port(text: &str, _: &Path) -> Result<Option<u16>, Mistake> {
    match text.parse() {
        _ if text.eq_ignore_ascii_case("off") => Ok(None),
        Ok(port) if port != 0 => Ok(Some(port)),
        _ => Err(Mistake::new(format!("'{text}' is neither off nor a port from 1 to 65535"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;
    use crate::ini::{File, Finding};

    fn read(value: &str) -> (Option<u16>, Vec<String>) {
        let mut file = File::parse("ftpd.conf", Path::new("/"), &format!("[active]\ndata_port = {value}\n"));
        let listening = [("port", 21..=21), ("passive_ports", 8300..=8500)];
        let active = file.read("active", keys::ACTIVE, |section| ActiveSection::read(section, &listening));
        (active.data_port, file.finish().iter().map(Finding::to_string).collect())
    }

    #[test]
    fn the_data_port_is_a_port_or_off() {
        assert_eq!(read("off"), (None, vec![]));
        assert_eq!(read("OFF"), (None, vec![]));
        assert_eq!(read("20"), (Some(20), vec![]));
        assert_eq!(read("65535"), (Some(65535), vec![]));
        for (text, fix) in [
            ("0", ""),
            ("65536", ""),
            ("-1", ""),
            ("on", "; write data_port = 20"),
            ("ftp-data", ""),
            ("20-21", ""),
            ("20.0", ""),
        ] {
            let reason = format!("ftpd.conf:2: data_port: '{text}' is neither off nor a port from 1 to 65535{fix}");
            assert_eq!(read(text).1, [reason]);
        }
    }

    #[test]
    fn a_port_to_listen_on_is_refused() {
        for (port, key) in [("21", "port"), ("8300", "passive_ports"), ("8500", "passive_ports")] {
            let reason = format!("ftpd.conf:2: data_port: {port} is a port to listen on already ({key})");
            assert_eq!(read(port).1, [reason]);
        }
    }
}
