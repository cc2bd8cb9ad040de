//! Every key of ftpd.conf: the only place where its meaning and its default are written (that of `tls` depends on
//! `certificate`).
//!
//! docs/ftpd.conf.md and the sample ftpd.conf are made from these tables; a test compares them and can write them.

use crate::ini::Key;

/// The sections of ftpd.conf with their keys.
pub const SECTIONS: [(&str, &[Key]); 8] = [
    ("server", SERVER),
    ("transfer", TRANSFER),
    ("passive", PASSIVE),
    ("active", ACTIVE),
    ("anonymous", ANONYMOUS),
    ("tls", TLS),
    ("web", WEB),
    ("log", LOG),
];

#[rustfmt::skip]
pub(super) const SERVER: &[Key] = &[
    Key::new("ip", "addresses", "0.0.0.0, ::",
        "Addresses to listen on; `127.0.0.1` is this machine only, `0.0.0.0, ::` is every network."),
    Key::new("port", "port", "2121",
        "Control port; `0` is any free one."),
    Key::new("welcome_msg", "text", "ftpd ready.",
        "The greeting; `\\n` begins a new line."),
    Key::new("max_cons", "number", "512",
        "Sessions at once. If address space (`ulimit -v`) or memory (`MemoryMax=`) is not enough for them, the server takes \
         fewer; a warning and `ftpd check` tell how many."),
    Key::new("max_cons_per_ip", "number", "32",
        "Sessions at once from one address."),
    Key::new("timeout", "time", "300",
        "Idle time between commands, not counted during a transfer. A client that reads no replies has the same time, \
         but at most a minute."),
    Key::new("login_timeout", "time", "60",
        "Time from connect to login."),
    Key::new("max_login_attempts", "number", "3",
        "Wrong passwords before the connection is closed."),
    Key::new("auth_failed_delay", "time", "3",
        "How long the answer to a wrong password is delayed."),
    Key::new("ban_after", "number", "10",
        "Wrong passwords from one address within `ban_time` that ban the address."),
    Key::new("ban_time", "time", "10m",
        "How long an address is banned."),
    Key::new("shutdown_grace", "time", "30",
        "How long running transfers may go on when the server is asked to stop."),
    Key::new("sandbox", "auto, require, off", "auto",
        "The kernel's jail (Landlock) around each session: `auto` uses what the kernel has, `require` refuses to start \
         without it."),
    Key::new("control_socket", "path", "auto",
        "The local socket of `ftpd who`, `top`, `kick`, `drain`, `reload` and `status`: a path, `off`, or `auto`: `PORT.sock` in \
         `$RUNTIME_DIRECTORY`, `$XDG_RUNTIME_DIR/ftpd` or `/run/ftpd`."),
    Key::new("announce", "on or off", "off",
        "Tell the local network about the server by mDNS (`_ftp._tcp`, and `_http._tcp` with `web_port`), under this machine's \
         name, so that file managers list it. Only addresses that it listens on are published."),
    Key::new("user", "name", "off",
        "Started as root: the system user to become once the ports are bound and the logs are open."),
    Key::new("group", "name", "off",
        "The group to become, if it is not the user's primary one."),
    Key::new("proxy_protocol_from", "networks", "off",
        "Load balancers that send a PROXY protocol header: `10.0.0.5, 10.1.0.0/16`."),
];

#[rustfmt::skip]
pub(super) const TRANSFER: &[Key] = &[
    Key::new("max_upload", "size", "0",
        "Bytes per second from client to server, for each session."),
    Key::new("max_download", "size", "0",
        "Bytes per second from server to client, for each session."),
    Key::new("data_timeout", "time", "300",
        "Time without a byte after which a transfer is given up."),
    Key::new("connect_timeout", "time", "30",
        "How long to wait for a data connection."),
    Key::new("atomic_uploads", "on or off", "on",
        "A file replaces another only when it is whole; what arrived of a broken upload can be resumed."),
    Key::new("partial_max_age", "time", "7d",
        "Hidden partials of broken uploads are removed when they are older."),
    Key::new("fsync", "off, close", "off",
        "`close`: a 226 means that the bytes are on the disk, even if the power fails; costs speed."),
    Key::new("umask", "octal number", "022",
        "Permission bits that files and folders made by clients don't get."),
    Key::new("follow_symlinks", "inside, never", "inside",
        "Symbolic links to follow: those that stay inside the home, or none."),
    Key::new("use_gmt_times", "on or off", "on",
        "Times in listings are UTC; `off`: local time."),
    Key::new("ascii_conversion", "auto, on, off", "auto",
        "Line ends under TYPE A: `auto` converts text and leaves other files alone (pictures, archives, PDF; the log names \
         the file), `on` converts all, `off` none."),
];

#[rustfmt::skip]
pub(super) const PASSIVE: &[Key] = &[
    Key::new("passive_ports", "ports", "off",
        "Ports for passive data connections, such as `8300-8500`, to be opened in the firewall; `off` is any free port."),
    Key::new("masquerade_address", "address or name", "off",
        "IPv4 address or DNS name that PASV tells clients outside; the others, and with `off` all, get the address they \
         dialled."),
    Key::new("masquerade_for", "outside, all", "outside",
        "Clients that are told it: `outside` is those with public addresses (all, if the masquerade address itself is \
         private), `all` is everybody, for containers and port proxies."),
];

#[rustfmt::skip]
pub(super) const ACTIVE: &[Key] = &[
    Key::new("enable_active", "on or off", "on",
        "Data connections from the server to the client (PORT and EPRT)."),
    Key::new("permit_foreign_addresses", "on or off", "off",
        "A data connection may have another address than the client's (FXP)."),
    Key::new("permit_privileged_ports", "on or off", "off",
        "PORT may name ports below 1024."),
    Key::new("data_port", "port", "off",
        "The port that these connections come from, usually `20`; `off` is any."),
];

#[rustfmt::skip]
pub(super) const ANONYMOUS: &[Key] = &[
    Key::new("enable_anonymous", "on or off", "off",
        "`anonymous` and `ftp` log in with any password."),
    Key::new("anonymous_path", "folder", "off",
        "Their home."),
    Key::new("anonymous_perm", "letters", "elr",
        "Their permission letters, as in user.ini."),
];

#[rustfmt::skip]
pub(super) const TLS: &[Key] = &[
    Key::new("tls", "on or off", "off",
        "Encryption (AUTH TLS). If a `certificate` is given and this key is not, it is `on`."),
    Key::new("certificate", "file", "off",
        "PEM file of the certificate, such as `fullchain.pem`; without one the server makes its own, once, and keeps it \
         beside ftpd.conf."),
    Key::new("private_key", "file", "off",
        "PEM file of its key; not needed if the certificate's file holds the key, too."),
    Key::new("tls_control_required", "on or off", "off",
        "Refuse logins without TLS."),
    Key::new("tls_data_required", "on or off", "off",
        "Refuse data connections without TLS."),
    Key::new("implicit_tls_port", "port", "off",
        "A second port whose connections begin with TLS, usually `990`; `0` is any free one."),
    Key::new("tls_session_reuse", "accept, require", "accept",
        "`require`: data connections must resume the TLS session of their control connection."),
    Key::new("tls_strict_eof", "on or off", "off",
        "An upload that ends without close_notify is incomplete; many older clients never send it."),
    Key::new("client_ca", "file", "off",
        "PEM file of authorities; clients must show a certificate signed by one of them."),
];

#[rustfmt::skip]
pub(super) const WEB: &[Key] = &[
    Key::new("web_port", "port", "off",
        "The same folders and accounts in a browser, at `http://ADDRESS:PORT/`; usually `8080`, and `0` is any free port. If `tls` \
         is on, the port speaks https, too."),
    Key::new("web_hosts", "names", "off",
        "Names that browsers use for this server, such as `nas.example.org, nas`. Its addresses, `localhost`, the machine's \
         own name, those in `.local` and the `masquerade_address` need no entry; a request for any other name is refused \
         (421)."),
];

#[rustfmt::skip]
pub(super) const LOG: &[Key] = &[
    Key::new("log_file", "file", "off",
        "A file that gets the log, as stderr does."),
    Key::new("log_level", "error, warn, info, debug", "info",
        "The least important level to write; `debug` shows every command and reply, passwords as `***`. `-v` and `-q` \
         shift it."),
    Key::new("transfer_log", "file", "off",
        "A file that gets an xferlog line for each transfer."),
    Key::new("log_format", "text, json", "text",
        "`json`: each line is an object."),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::env;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::auth::{folders, user};
    use crate::config::Config;
    use crate::ini::{File, Finding, Holds, Missing};

    /// The values of the sample that aren't the defaults.
    const TUTORIAL: [(&str, &str); 5] = [
        ("ip", "127.0.0.1"),
        ("welcome_msg", "Welcome to this FTP server."),
        ("max_cons", "100"),
        ("max_cons_per_ip", "10"),
        ("passive_ports", "8300-8500"),
    ];

    /// Set to write the files instead of comparing them.
    const WRITE: &str = "FTPD_WRITE_KEYS";

    fn read(text: &str) -> (Config, Vec<String>) {
        let mut file = File::parse("ftpd.conf", Path::new(""), text);
        let config = Config::read(&mut file);
        (config, file.finish().iter().map(Finding::to_string).collect())
    }

    fn rows() -> impl Iterator<Item = (&'static str, &'static Key)> {
        SECTIONS.into_iter().flat_map(|(section, keys)| keys.iter().map(move |key| (section, key)))
    }

    #[test]
    fn every_key_of_the_table_is_read() {
        let mut file = File::empty();
        Config::read(&mut file);
        let read: BTreeSet<_> = file.known().collect();
        assert_eq!(read, rows().map(|(section, key)| (section, key.name)).collect());
    }

    #[test]
    fn a_file_with_any_of_these_sections_is_known_as_settings() {
        for (section, _) in SECTIONS {
            let file = File::parse("", Path::new(""), &format!("[{section}]\nx = 1\n"));
            assert_eq!(file.holds(), Some(Holds::Settings), "{section}");
        }
    }

    #[test]
    fn the_defaults_are_what_holds_without_a_file() {
        let lines = |(section, keys): (&str, &[Key])| {
            let lines = keys.iter().map(|key| format!("{} = {}\n", key.name, key.default().expect("a default")));
            format!("[{section}]\n{}", lines.collect::<String>())
        };
        let (written, problems) = read(&SECTIONS.map(lines).concat());
        assert_eq!((written, problems), (Config::default(), vec![]));
    }

    #[test]
    fn a_value_that_is_a_list_of_words_is_the_list_of_the_reader() {
        for (section, key) in rows().filter(|(_, key)| key.value.contains(", ")) {
            let problems = read(&format!("[{section}]\n{} = none of them\n", key.name)).1;
            assert_eq!(problems, [format!("ftpd.conf:2: {}: 'none of them' is none of: {}", key.name, key.value)]);
        }
    }

    #[test]
    fn a_value_that_is_on_or_off_is_read_as_a_switch() {
        for (section, key) in rows() {
            let problems = read(&format!("[{section}]\n{} = onoff\n", key.name)).1;
            let switch = problems.iter().any(|problem| problem.ends_with("'onoff' is neither on nor off"));
            assert_eq!(switch, key.value == "on or off", "{}", key.name);
        }
    }

    #[test]
    fn the_tables_of_the_accounts_are_made_from_these() {
        let of_folders = table("key of a folder", folders::KEYS);
        let document = Document::open("docs/user.ini.md").replace("| key |", "\n", &table("key", user::KEYS));
        document.replace("| key of a folder |", "\n", &of_folders).check();
    }

    #[test]
    fn the_tables_of_the_settings_are_made_from_these() {
        let tables = SECTIONS.map(|(section, keys)| format!("## [{section}]\n\n{}", table("key", keys)));
        Document::open("docs/ftpd.conf.md").replace("## [server]", "", &tables.join("\n")).check();
    }

    fn table(head: &str, keys: &[Key]) -> String {
        let line = |Key { name, value, missing, meaning }: &Key| {
            let default = match missing {
                Missing::Default(text) => format!("`{text}`"),
                Missing::Nothing => "–".to_owned(),
                Missing::Problem => "needed".to_owned(),
            };
            format!("| `{name}` | {value} | {default} | {meaning} |\n")
        };
        let rows: String = keys.iter().map(line).collect();
        format!("| {head} | value | default | meaning |\n|---|---|---|---|\n{rows}")
    }

    #[test]
    fn the_sample_of_the_settings_is_made_from_these() {
        let sections = SECTIONS.map(|(section, keys)| {
            let entry = |key: &Key| {
                let value = TUTORIAL.iter().find(|(name, _)| *name == key.name).map(|(_, value)| *value);
                let value = value.or(key.default()).expect("a default");
                format!("{}{} = {value}\n", comment(key, "# ", "# "), key.name)
            };
            format!("[{section}]\n{}", keys.iter().map(entry).collect::<String>())
        });
        Document::open("ftpd.conf").replace("[server]\n", "", &sections.join("\n")).check();
    }

    #[test]
    fn the_sample_of_accounts_explains_the_keys_as_these() {
        let entry = |key: &Key| comment(key, &format!("#   {:18}", key.name), &format!("#{:21}", ""));
        let keys: String = user::KEYS.iter().map(entry).collect();
        Document::open("user.ini").replace("#   password ", "#\n", &keys).check();
    }

    /// The meaning and the type of the value in lines of a comment.
    fn comment(key: &Key, first: &str, others: &str) -> String {
        let text = format!("{} [{}]", key.meaning.replace('`', ""), key.value);
        let mut lines = vec![first.to_owned()];
        for word in text.split(' ') {
            if lines.last().is_some_and(|line| line.len() + word.len() > 117) {
                lines.push(others.to_owned());
            }
            let line = lines.last_mut().expect("there is a line");
            line.push_str(word);
            line.push(' ');
        }
        lines.iter().map(|line| line.trim_end().to_owned() + "\n").collect()
    }

    /// A file for people; parts of it are made from tables.
    struct Document {
        name: &'static str,
        is: String,
        should_be: String,
    }

    impl Document {
        fn open(name: &'static str) -> Document {
            let is = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).expect("the file is there");
            Document { name, should_be: is.clone(), is }
        }

        /// The lines from the one that begins with `from` up to the line `end`, or to the end, should be these.
        fn replace(mut self, from: &str, end: &str, lines: &str) -> Document {
            let text = &self.should_be;
            let from = text.find(&format!("\n{from}")).unwrap_or_else(|| panic!("{} has a line {from}", self.name)) + 1;
            let end = match end {
                "" => text.len(),
                end => from + text[from..].find(&format!("\n{end}")).expect("an end") + 1,
            };
            self.should_be.replace_range(from..end, lines);
            self
        }

        fn check(self) {
            if self.is != self.should_be && env::var_os(WRITE).is_some() {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.name);
                return fs::write(path, self.should_be).expect("the file can be written");
            }
            let mut pairs = (1..).zip(self.is.lines().zip(self.should_be.lines()));
            let place = pairs.find(|(_, (is, should_be))| is != should_be);
            assert!(
                self.is == self.should_be,
                "{} differs from the tables of keys in src/config/keys.rs and src/auth/user.rs, first at {place:?}. \
                 Change the tables, then write the file: {WRITE}=1 cargo test --lib config::keys",
                self.name
            );
        }
    }
}
