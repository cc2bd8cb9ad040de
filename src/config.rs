//! The settings of ftpd.conf: [`keys`] has their names and defaults, the other files read a section each.
//!
//! [`Config`] is read at start and again on SIGHUP; `server` and `session` hand plain values from it to the modules
//! below. Files and addresses that it names are not touched here.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use crate::auth::user::{Guest, Terms};
use crate::ini::{self, File, Finding, Findings, Holds, Key, Mistake, Override, Section, Source, Sources, Value};

mod active;
mod anonymous;
pub mod keys;
mod log;
mod passive;
mod server;
mod tls;
mod transfer;
mod web;

pub use active::ActiveSection;
pub use log::{LogFormat, LogSection};
pub use passive::{Audience, Masquerade, PassiveSection};
pub use server::{ControlSocket, Sandbox, ServerSection};
pub use tls::{SessionReuse, TlsFiles, TlsSection};
pub use transfer::{Fsync, Symlinks, TransferSection};
pub use web::WebSection;

/// A key, and the ports that it has a use for.
type UsedPorts = (&'static str, RangeInclusive<u16>);

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// All of ftpd.conf.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `[server]`: who may connect, and for how long.
    pub server: ServerSection,
    /// `[transfer]`: rates, times to wait, and how files are made.
    pub transfer: TransferSection,
    /// `[passive]`: data connections that clients open.
    pub passive: PassiveSection,
    /// `[active]`: data connections that the server opens.
    pub active: ActiveSection,
    /// `[anonymous]`: the account that anonymous clients share, if they may log in.
    pub anonymous: Option<Guest>,
    /// `[tls]`: encryption.
    pub tls: TlsSection,
    /// `[web]`: the share in a browser.
    pub web: WebSection,
    /// `[log]`: what is logged, and where.
    pub log: LogSection,
    /// Where the values of each section come from.
    sources: BTreeMap<&'static str, Sources>,
    /// What is allowed and probably not what was meant.
    doubts: Findings,
}

impl Config {
    /// Reads the file at `path` (without one: the defaults) with `overrides` on top. A key with an error has its default.
    pub fn examine(path: Option<&Path>, overrides: &[Override]) -> (Config, Findings) {
        let mut file = match path.map(File::open) {
            Some(Err(finding)) => return (Config::default(), finding.into()),
            Some(Ok(file)) => file,
            None => File::empty(),
        };
        if file.holds() == Some(Holds::Accounts) {
            file.refuse("these are accounts, not settings", "give the file with -u");
            return (Config::default(), file.only_refused());
        }
        file.adopt_section("server", keys::SERVER);
        file.set(overrides);
        let config = Config::read(&mut file);
        let found = file.finish().and(unnoticed(path));
        (Config { doubts: found.clone(), ..config }, found)
    }

    /// Reads the command line alone, on top of the defaults: there is to be no file.
    pub fn without_file(overrides: &[Override]) -> (Config, Findings) {
        let mut file = File::empty();
        file.set(overrides);
        let config = Config::read(&mut file);
        let found = file.finish();
        (Config { doubts: found.clone(), ..config }, found)
    }

    fn read(file: &mut File) -> Config {
        let mut reader = SectionReader { file, sources: BTreeMap::new() };
        let server = reader.read("server", keys::SERVER, ServerSection::read);
        let passive = reader.read("passive", keys::PASSIVE, |section| PassiveSection::read(section, &server.ip));
        let tls = reader.read("tls", keys::TLS, TlsSection::read);
        let listening = listening(&server, &passive, &tls);
        let active = reader.read("active", keys::ACTIVE, |section| ActiveSection::read(section, &listening));
        let taken = [listening, active.dialling()].concat();
        Config {
            server,
            transfer: reader.read("transfer", keys::TRANSFER, TransferSection::read),
            passive,
            active,
            anonymous: reader.read("anonymous", keys::ANONYMOUS, anonymous::read),
            tls,
            web: reader.read("web", keys::WEB, |section| WebSection::read(section, &taken)),
            log: reader.read("log", keys::LOG, LogSection::read),
            sources: reader.sources,
            doubts: Findings::default(),
        }
    }

    /// Serves browsers, too, at a port that nobody has chosen.
    pub fn serve_browsers(&mut self) {
        self.web.take_any_port(&[listening(&self.server, &self.passive, &self.tls), self.active.dialling()].concat());
    }

    /// Where the value of a key comes from.
    pub fn source(&self, section: &str, key: &str) -> Source {
        self.sources.get(section).map_or_else(|| Source::file(""), |sources| sources.of(key))
    }

    /// The keys that differ in `new` and that a running server can't change.
    pub fn needs_restart(&self, new: &Config) -> Vec<&'static str> {
        let changed = [
            ("ip", self.server.ip != new.server.ip),
            ("port", self.server.port != new.server.port),
            ("passive_ports", self.passive.passive_ports != new.passive.passive_ports),
            ("data_port", self.active.data_port != new.active.data_port),
            ("max_cons", self.server.max_cons != new.server.max_cons),
            ("implicit_tls_port", self.tls.implicit_port != new.tls.implicit_port),
            ("web_port", self.web.port != new.web.port),
            ("sandbox", self.server.sandbox != new.server.sandbox),
            ("control_socket", self.server.control_socket != new.server.control_socket),
            ("announce", self.server.announce != new.server.announce),
            ("user", self.server.user != new.server.user),
            ("group", self.server.group != new.server.group),
        ];
        changed.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
    }

    /// What user.ini may hold under these settings.
    pub fn terms(&self) -> Terms {
        Terms { anonymous: self.anonymous.clone(), gives_up_root: self.server.user.is_some() }
    }

    /// Settings that are allowed but may be a mistake.
    pub fn warnings(&self) -> Vec<Finding> {
        let writing = self.anonymous.iter().map(|guest| guest.perms).filter(|perms| perms.can_write_anything());
        let of_letters = writing.map(|perms| {
            let reason = format!("anonymous_perm = {perms}: everybody can change files without a password");
            Finding::warning(&self.source("anonymous", "anonymous_perm"), reason)
        });
        self.doubts.iter().cloned().chain(of_letters).collect()
    }

    /// Whether an address to listen on can be reached from other machines.
    pub fn reachable_from_other_machines(&self) -> bool {
        self.server.ip.iter().any(|ip| !ip.is_loopback())
    }
}

impl Default for Config {
    fn default() -> Config {
        Config::read(&mut File::empty())
    }
}

/// The keys of ports that FTP is listened for on, with their ports.
fn listening(server: &ServerSection, passive: &PassiveSection, tls: &TlsSection) -> Vec<UsedPorts> {
    let ports = [
        ("port", Some(server.port..=server.port)),
        ("implicit_tls_port", tls.implicit_port.map(|port| port..=port)),
        ("passive_ports", passive.passive_ports.clone()),
    ];
    ports.into_iter().filter_map(|(key, ports)| Some((key, ports?))).collect()
}

/// A port, 0 included, or none.
fn port_or_off(text: &str, folder: &Path) -> Result<Option<u16>, Mistake> {
    if text.eq_ignore_ascii_case("off") { Ok(None) } else { u16::parse(text, folder).map(Some) }
}

/// Without an ftpd.conf in this folder, a file that was probably meant to be it.
fn unnoticed(path: Option<&Path>) -> Option<Finding> {
    let usual = Path::new("ftpd.conf");
    let other = ini::misnamed(usual).filter(|_| path.is_none() && !usual.exists())?;
    let finding = Finding::warning(&Source::file("ftpd.conf"), "it is not in this folder, so the defaults hold");
    Some(finding.fix(ini::renamed(&other, usual)))
}

/// Reads section by section, and remembers where the values come from.
struct SectionReader<'a> {
    file: &'a mut File,
    sources: BTreeMap<&'static str, Sources>,
}

impl SectionReader<'_> {
    fn read<T>(&mut self, name: &'static str, keys: &'static [Key], read: impl FnOnce(&mut Section) -> T) -> T {
        let (value, sources) = self.file.read(name, keys, |section| (read(section), section.sources()));
        self.sources.insert(name, sources);
        value
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::net::{Ipv4Addr, Ipv6Addr};

    use ::log::LevelFilter;

    use super::*;
    use crate::auth::bans::BanRule;
    use crate::protocol::content::Conversion;

    const SAMPLE: &str = include_str!("../ftpd.conf");

    fn read(text: &str) -> (Config, Vec<String>) {
        let mut file = File::parse("ftpd.conf", Path::new("/etc"), text);
        let config = Config::read(&mut file);
        (config, file.finish().iter().map(Finding::to_string).collect())
    }

    /// (section, key) of each line of the sample, also of those that are commented out.
    fn keys_of_sample() -> BTreeSet<(String, String)> {
        let mut section = "";
        let lines = SAMPLE.lines().filter_map(|line| {
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(']');
            }
            let (key, _) = line.strip_prefix("# ").unwrap_or(line).split_once(" = ")?;
            let is_key = key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            is_key.then(|| (section.to_owned(), key.to_owned()))
        });
        lines.collect()
    }

    #[test]
    fn the_sample_holds_every_key_with_its_default_or_the_tutorials_value() {
        let mut file = File::empty();
        let mut expected = Config::read(&mut file);
        let known: BTreeSet<_> = file.known().map(|(section, key)| (section.to_owned(), key.to_owned())).collect();
        assert_eq!(keys_of_sample(), known);
        expected.server.ip = vec![Ipv4Addr::LOCALHOST.into()];
        expected.server.welcome_msg = vec!["Welcome to this FTP server.".to_owned()];
        expected.server.max_cons = 100;
        expected.server.max_cons_per_ip = Some(10);
        expected.passive.passive_ports = Some(8300..=8500);
        assert_eq!(read(SAMPLE), (expected, Vec::new()));
    }

    #[test]
    fn the_sample_explains_each_key_in_the_line_above() {
        for pair in SAMPLE.lines().collect::<Vec<_>>().windows(2) {
            if pair[1].contains(" = ") {
                assert!(pair[0].starts_with("# ") && !pair[0].contains(" = "), "{}", pair[1]);
            }
        }
    }

    #[test]
    fn every_key_is_read() {
        let text = "[server]\nip = ::1\nport = 0\nwelcome_msg = a\\nb\nmax_cons = 1\nmax_cons_per_ip = off\ntimeout = 0\n\
            login_timeout = 1\nmax_login_attempts = 1\nauth_failed_delay = 0\nban_after = 0\nban_time = 1h\nshutdown_grace = off\nproxy_protocol_from = 10.0.0.0/8, 192.0.2.1\nsandbox = require\ncontrol_socket = ctl\nannounce = on\nuser = ftp\ngroup = share\n\
            [transfer]\nmax_upload = 1K\nmax_download = 2M\ndata_timeout = 1\nconnect_timeout = 2\natomic_uploads = off\npartial_max_age = 1h\nfsync = close\numask = 077\n\
            follow_symlinks = Never\nuse_gmt_times = no\nascii_conversion = on\n[passive]\npassive_ports = 5-6\n\
            masquerade_address = ftp.example.org\nmasquerade_for = all\n[active]\nenable_active = off\n\
            permit_foreign_addresses = on\npermit_privileged_ports = on\ndata_port = 20\n[anonymous]\nenable_anonymous = on\n\
            anonymous_path = pub\nanonymous_perm = elw\n\
            [tls]\ncertificate = c.pem\nprivate_key = k.pem\ntls_control_required = on\ntls_data_required = on\n\
            implicit_tls_port = 0\ntls_session_reuse = require\ntls_strict_eof = on\nclient_ca = /ca.pem\n[web]\nweb_port = 0\nweb_hosts = nas, NAS.example.org\n[log]\nlog_file = a.log\nlog_level = debug\ntransfer_log = /x\nlog_format = JSON\n";
        let expected = Config {
            server: ServerSection {
                ip: vec![Ipv6Addr::LOCALHOST.into()],
                port: 0,
                welcome_msg: vec!["a".to_owned(), "b".to_owned()],
                max_cons: 1,
                max_cons_per_ip: None,
                timeout: None,
                login_timeout: SECOND,
                max_login_attempts: 1,
                auth_failed_delay: Duration::ZERO,
                ban: BanRule { after: None, time: 60 * MINUTE },
                shutdown_grace: Duration::ZERO,
                proxy_protocol_from: vec!["10.0.0.0/8".parse().unwrap(), "192.0.2.1/32".parse().unwrap()],
                sandbox: Sandbox::Require,
                control_socket: ControlSocket::At("/etc/ctl".into()),
                announce: true,
                user: Some("ftp".to_owned()),
                group: Some("share".to_owned()),
            },
            transfer: TransferSection {
                max_upload: Some(1024),
                max_download: Some(2 << 20),
                data_timeout: SECOND,
                connect_timeout: 2 * SECOND,
                atomic_uploads: false,
                partial_max_age: 60 * MINUTE,
                fsync: Fsync::Close,
                umask: 0o077,
                follow_symlinks: Symlinks::Never,
                use_gmt_times: false,
                ascii_conversion: Conversion::On,
            },
            passive: PassiveSection {
                passive_ports: Some(5..=6),
                masquerade_address: Some(Masquerade::Name("ftp.example.org".to_owned())),
                masquerade_for: Audience::All,
            },
            active: ActiveSection {
                enable_active: false,
                permit_foreign_addresses: true,
                permit_privileged_ports: true,
                data_port: Some(20),
            },
            anonymous: Some(Guest {
                home: "/etc/pub".into(),
                perms: "elw".parse().unwrap(),
                hide: None,
                sources: Sources::default(),
            }),
            tls: TlsSection {
                files: Some(TlsFiles::Given { certificate: "/etc/c.pem".into(), private_key: "/etc/k.pem".into() }),
                control_required: true,
                data_required: true,
                implicit_port: Some(0),
                session_reuse: SessionReuse::Require,
                strict_eof: true,
                client_ca: Some("/ca.pem".into()),
                sources: Sources::default(),
            },
            web: WebSection {
                port: Some(0),
                or_another: false,
                hosts: vec!["nas".to_owned(), "nas.example.org".to_owned()],
            },
            log: LogSection {
                log_file: Some("/etc/a.log".into()),
                log_level: LevelFilter::Debug,
                transfer_log: Some("/x".into()),
                log_format: LogFormat::Json,
                sources: Sources::default(),
            },
            ..Config::default()
        };
        assert_eq!(read(text), (expected, Vec::new()));
    }

    #[test]
    fn a_value_that_makes_no_sense_is_refused_with_its_reason() {
        let cases = [
            ("[server]\nport = 65536", "ftpd.conf:2: port: '65536' is not a port number from 0 to 65535"),
            ("[server]\nmax_cons = 0", "ftpd.conf:2: max_cons: '0' is not a whole number from 1 to 100000"),
            ("[server]\ngroup = ftp", "ftpd.conf:2: group: needs a user"),
            ("[server]\nsandbox = on", "ftpd.conf:2: sandbox: 'on' is none of: auto, require, off"),
            ("[server]\nlogin_timeout = off", "ftpd.conf:2: login_timeout: 'off' is not a time from 1s to 1d"),
            ("[transfer]\numask = 1777", "ftpd.conf:2: umask: '1777' is not an octal number from 000 to 777"),
            ("[transfer]\nfollow_symlinks = all", "ftpd.conf:2: follow_symlinks: 'all' is none of: inside, never"),
            ("[log]\nlog_level = loud", "ftpd.conf:2: log_level: 'loud' is none of: error, warn, info, debug"),
            ("[anonymous]\nenable_anonymous = on", "ftpd.conf:2: enable_anonymous: needs an anonymous_path"),
            ("[tsl]\ntls = on", "ftpd.conf:1: unknown section 'tsl', did you mean 'tls'?"),
            ("[tls]\nprivate_key = k", "ftpd.conf:2: private_key: needs a certificate"),
            ("[tls]\ntls_control_required = on", "ftpd.conf:2: tls_control_required: needs tls = on"),
            ("[tls]\nimplicit_tls_port = 0", "ftpd.conf:2: implicit_tls_port: needs tls = on"),
            (
                "[tls]\ntls = on\ntls_session_reuse = maybe",
                "ftpd.conf:3: tls_session_reuse: 'maybe' is none of: accept, require",
            ),
            ("[transfer]\nfsync = always", "ftpd.conf:2: fsync: 'always' is none of: off, close"),
            (
                "[server]\npassive_ports = 1-2",
                "ftpd.conf:2: passive_ports: unknown key in [server], it belongs in [passive]",
            ),
            ("[Server]\nport = 1", "ftpd.conf:1: unknown section 'Server', did you mean 'server'?"),
            ("[web]\nport = 8080", "ftpd.conf:2: port: unknown key in [web], did you mean 'web_port'?"),
            ("[web]\nhost = nas", "ftpd.conf:2: host: unknown key in [web], did you mean 'web_hosts'?"),
            ("[web]\nhttp_port = 80", "ftpd.conf:2: http_port: unknown key in [web], did you mean 'web_port'?"),
            (
                "[server]\nhttp_port = 80",
                "ftpd.conf:2: http_port: unknown key in [server], it is called 'web_port' here and belongs in [web]",
            ),
            ("[http]\nport = 8080", "ftpd.conf:1: unknown section 'http', did you mean 'web'?"),
            ("[log]\nlevel = info", "ftpd.conf:2: level: unknown key in [log], did you mean 'log_level'?"),
        ];
        for (text, problem) in cases {
            assert_eq!(read(text).1, [problem], "{text}");
        }
    }

    #[test]
    fn without_a_file_the_overrides_change_the_defaults() {
        let (config, problems) = Config::examine(None, &["server.port=0".parse().unwrap()]);
        assert_eq!(
            (config.server.port, config.transfer, problems),
            (0, Config::default().transfer, Findings::default())
        );
        let (_, problems) = Config::examine(None, &["server.port=x".parse().unwrap()]);
        assert!(problems.to_string().starts_with("--set server.port: 'x' is not"), "{problems:?}");
    }

    #[test]
    fn a_file_that_is_not_there_is_a_problem() {
        let (_, problems) = Config::examine(Some(Path::new("/nonexistent/ftpd.conf")), &[]);
        assert!(problems.to_string().starts_with("/nonexistent/ftpd.conf: "), "{problems:?}");
    }

    #[test]
    fn only_what_is_bound_at_start_needs_a_restart() {
        let old = Config::default();
        let mut new = Config::default();
        new.server.timeout = None;
        assert!(old.needs_restart(&new).is_empty());
        new.server.port = 1;
        new.passive.passive_ports = Some(1..=2);
        new.active.data_port = Some(20);
        new.server.sandbox = Sandbox::Off;
        new.server.control_socket = ControlSocket::Off;
        new.server.announce = true;
        new.server.user = Some("ftp".to_owned());
        new.web.port = Some(8080);
        new.web.hosts = vec!["nas".to_owned()];
        let expected =
            ["port", "passive_ports", "data_port", "web_port", "sandbox", "control_socket", "announce", "user"];
        assert_eq!(old.needs_restart(&new), expected);
    }

    #[test]
    fn anonymous_write_letters_are_warned_about() {
        let text = "[anonymous]\nenable_anonymous = on\nanonymous_path = p\nanonymous_perm = ";
        for (letters, warnings) in [("elr", 0), ("elrw", 1)] {
            assert_eq!(read(&format!("{text}{letters}")).0.warnings().len(), warnings);
        }
        assert!(read("[anonymous]\nanonymous_perm = elrw").0.warnings().is_empty());
    }

    #[test]
    fn only_loopback_is_out_of_reach() {
        for (ip, reachable) in
            [("127.0.0.1", false), ("::1, 127.1.2.3", false), ("::", true), ("127.0.0.1, 10.0.0.1", true)]
        {
            assert_eq!(read(&format!("[server]\nip = {ip}")).0.reachable_from_other_machines(), reachable, "{ip}");
        }
    }
}
