//! The section `[web]`: the share in a browser.

use std::path::Path;

use super::{UsedPorts, port_or_off};
use crate::ini::{Mistake, Section};
use crate::protocol::address;

/// The section `[web]`.
#[derive(Clone, Debug, PartialEq)]
pub struct WebSection {
    /// Port of the listeners that speak HTTP; 0 is any free one.
    pub port: Option<u16>,
    /// Whether another port will do if that one is taken: nobody has chosen it.
    pub or_another: bool,
    /// Names that people use for this server, in lower case and without a dot at the end.
    pub hosts: Vec<String>,
}

impl WebSection {
    /// Reads the section of a server that has other uses for the ports of these keys.
    pub(super) fn read(section: &mut Section, taken: &[UsedPorts]) -> WebSection {
        let web = WebSection {
            port: section.take_with("web_port", port_or_off),
            or_another: false,
            hosts: section.take_with("web_hosts", hosts),
        };
        if web.port.is_none() && !web.hosts.is_empty() {
            section.doubt("web_hosts", Mistake::new("it is not used, as web_port is off"));
        }
        let Some(port) = web.port.filter(|port| *port != 0) else { return web };
        if let Some((key, _)) = taken.iter().find(|(_, ports)| ports.contains(&port)) {
            let reason = Mistake::new(format!("{port} is in use already ({key})"));
            section.refuse("web_port", reason.fix(format!("write web_port = {}, or another port", free(port, taken))));
        }
        web
    }

    /// Takes the usual port, or another one.
    pub(super) fn take_any_port(&mut self, taken: &[UsedPorts]) {
        self.port = Some(free(USUAL, taken));
        self.or_another = true;
    }
}

/// Above those that only root may have, and usual for what a browser opens beside a machine's own web server.
const USUAL: u16 = 8080;

/// The usual port, or the next one that no other key has.
fn free(port: u16, taken: &[UsedPorts]) -> u16 {
    let is_free = |port: &u16| taken.iter().all(|(_, ports)| !ports.contains(port));
    (USUAL..USUAL + 20).chain(port..).find(is_free).unwrap_or(0)
}

/// Names separated by commas, or none.
fn hosts(text: &str, _: &Path) -> Result<Vec<String>, Mistake> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(Vec::new());
    }
    text.split(',').map(|part| host(part.trim(), part.trim().as_ptr() as usize - text.as_ptr() as usize)).collect()
}

/// One name, which begins at `at` in the value.
fn host(name: &str, at: usize) -> Result<String, Mistake> {
    if address::is_dns_name(name) {
        return Ok(name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase());
    }
    let mistake = match bare(name) {
        _ if name.is_empty() => Mistake::new("a name is missing between two commas").fix("delete one comma"),
        bare if address::is_address(bare) => {
            Mistake::new(format!("'{name}' is an address, and addresses need no entry")).fix("leave it out")
        }
        bare if bare != name && address::is_dns_name(bare) => {
            Mistake::new(format!("'{name}' is more than a host name")).fix(format!("write {bare}"))
        }
        _ if name.contains('*') => {
            Mistake::new(format!("'{name}' is no host name")).fix("write each name in full; *.local needs no entry")
        }
        bare if !bare.is_ascii() => Mistake::new(format!("'{name}' is no host name as browsers send it"))
            .fix("write its ASCII form, which begins with xn--"),
        _ => Mistake::new(format!("'{name}' is no host name")).fix("write names such as nas.example.org, with commas"),
    };
    Err(mistake.at(at..at + name.len()))
}

/// `http://nas.example.org:8080/x` → `nas.example.org`.
fn bare(name: &str) -> &str {
    let name = name.split_once("://").map_or(name, |(_, rest)| rest);
    let name = name.split('/').next().unwrap_or(name);
    if address::is_address(name) {
        return name;
    }
    name.rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
        .map_or(name, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys;
    use crate::ini::{File, Finding};

    fn read(lines: &str) -> (WebSection, Vec<String>) {
        let mut file = File::parse("ftpd.conf", Path::new("/"), &format!("[web]\n{lines}\n"));
        let taken = [("port", 2121..=2121), ("passive_ports", 8080..=8090), ("implicit_tls_port", 990..=990)];
        let web = file.read("web", keys::WEB, |section| WebSection::read(section, &taken));
        (web, file.finish().iter().map(Finding::to_string).collect())
    }

    #[test]
    fn the_port_is_a_number_or_off() {
        for (text, port) in [("off", None), ("OFF", None), ("0", Some(0)), ("80", Some(80)), ("65535", Some(65535))] {
            assert_eq!(
                read(&format!("web_port = {text}")),
                (WebSection { port, or_another: false, hosts: vec![] }, vec![]),
                "{text}"
            );
        }
        let number = "is not a port number from 0 to 65535";
        for (text, told) in [
            ("65536", format!("'65536' {number}")),
            ("-1", format!("'-1' {number}")),
            ("on", format!("'on' {number}; write web_port = 8080")),
            ("Yes", format!("'Yes' {number}; write web_port = 8080")),
            ("none", format!("'none' {number}; write web_port = off")),
            ("8080/tcp", format!("'8080/tcp' {number}; write web_port = 8080")),
            ("http", format!("'http' {number}")),
        ] {
            assert_eq!(read(&format!("web_port = {text}")).1, [format!("ftpd.conf:2: web_port: {told}")]);
        }
    }

    #[test]
    fn a_port_that_has_another_use_is_refused_with_a_free_one() {
        for (port, key) in
            [(2121, "port"), (8080, "passive_ports"), (8090, "passive_ports"), (990, "implicit_tls_port")]
        {
            let reason = format!("{port} is in use already ({key}); write web_port = 8091, or another port");
            assert_eq!(read(&format!("web_port = {port}")).1, [format!("ftpd.conf:2: web_port: {reason}")]);
        }
    }

    #[test]
    fn names_are_compared_in_lower_case_and_without_their_last_dot() {
        let (web, problems) = read("web_port = 1\nweb_hosts = NAS.example.org. , nas,my_host-2");
        assert_eq!((web.hosts.join(" "), problems), ("nas.example.org nas my_host-2".to_owned(), vec![]));
        assert_eq!(read("web_hosts = off").0.hosts, Vec::<String>::new());
    }

    #[test]
    fn what_is_no_host_name_is_refused_with_what_to_write() {
        for (text, told) in [
            ("http://nas.example.org:8080/", "is more than a host name; write nas.example.org"),
            ("nas:8080", "is more than a host name; write nas"),
            ("192.168.1.20", "is an address, and addresses need no entry; leave it out"),
            ("192.168.1.20:8080", "is an address, and addresses need no entry; leave it out"),
            ("[::1]:8080", "is an address, and addresses need no entry; leave it out"),
            ("::1", "is an address, and addresses need no entry; leave it out"),
            ("*.example.org", "is no host name; write each name in full; *.local needs no entry"),
            ("büro.example", "is no host name as browsers send it; write its ASCII form, which begins with xn--"),
            ("a..b", "is no host name; write names such as nas.example.org, with commas"),
            ("nas office", "is no host name; write names such as nas.example.org, with commas"),
        ] {
            let expected = format!("ftpd.conf:2: web_hosts: '{text}' {told}");
            assert_eq!(read(&format!("web_hosts = ok, {text}")).1, [expected]);
        }
        assert_eq!(read("web_hosts = nas").1, ["warning: ftpd.conf:2: web_hosts: it is not used, as web_port is off"]);
        let expected = "ftpd.conf:2: web_hosts: a name is missing between two commas; delete one comma";
        assert_eq!(read("web_hosts = a,,b").1, [expected]);
    }
}
