//! Files of other programs, by what their lines look like.

use super::Mistake;
use super::advice::ACCOUNT;
use super::written::NumberedLine;

/// Keys of a vsftpd.conf.
const VSFTPD: &[&str] = &[
    "anonymous_enable",
    "local_enable",
    "write_enable",
    "listen",
    "listen_ipv6",
    "listen_port",
    "chroot_local_user",
    "pasv_enable",
    "pasv_min_port",
    "pasv_max_port",
    "xferlog_enable",
    "connect_from_port_20",
    "userlist_enable",
    "dirmessage_enable",
    "ssl_enable",
    "local_umask",
    "anon_root",
    "local_root",
    "pam_service_name",
    "ftpd_banner",
];

/// First words of lines of a proftpd.conf.
const PROFTPD: &[&str] = &[
    "ServerName",
    "ServerType",
    "ServerIdent",
    "DefaultServer",
    "DefaultRoot",
    "AuthUserFile",
    "MaxInstances",
    "MaxClients",
    "PassivePorts",
    "RequireValidShell",
    "<Directory",
    "<Limit",
    "<Global>",
    "<Anonymous",
    "<VirtualHost",
    "<IfModule",
];

/// First words of lines of a pure-ftpd.conf.
const PURE_FTPD: &[&str] = &[
    "ChrootEveryone",
    "MaxClientsNumber",
    "MaxClientsPerIP",
    "NoAnonymous",
    "PassivePortRange",
    "BrokenClientsCompatibility",
];

/// Beginnings of lines of a Python script.
const PYTHON: &[&str] =
    &["import ", "from pyftpdlib", "from ", "def ", "class ", "if __name__", "print(", "add_user(", "authorizer."];

/// The first line that tells that a text is no INI file of this server, and what it is.
pub(super) fn recognize(text: &str) -> Option<(NumberedLine, Mistake)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = || (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let here = |number: usize, line: &str| NumberedLine { number, text: line.into() };
    let (number, first) = lines().next()?;
    if let Some(kind) = by_first_line(first.trim(), lines().nth(1).map(|(_, line)| line.trim())) {
        return Some((here(number, first), other(kind)));
    }
    let mut written = lines().filter(|(_, line)| !line.trim_start().starts_with(['#', ';']));
    if lines().any(|(_, line)| is_section(line.trim())) {
        return None;
    }
    written.find_map(|(number, line)| Some((here(number, line), by_line(line.trim())?)))
}

fn is_section(line: &str) -> bool {
    line.starts_with('[') && line.contains(']')
}

fn by_first_line(first: &str, second: Option<&str>) -> Option<&'static str> {
    let is_object = first.strip_prefix('{').is_some_and(|rest| rest.trim_start().is_empty() || rest.contains('"'));
    let is_json =
        is_object || first == "[" || first.starts_with("[{") || (first.starts_with("[\"") && !first.ends_with("\"]"));
    match first {
        _ if is_json => Some("JSON"),
        _ if first.starts_with("<?xml") => Some("XML"),
        _ if first.starts_with("<!DOCTYPE") || first.starts_with("<html") => Some("a web page"),
        _ if first.starts_with("-----BEGIN ") => Some("a certificate or a key (PEM)"),
        _ if first.starts_with("#!/") => Some("a script"),
        "---" => Some("YAML"),
        _ if first.ends_with(':') && second.is_some_and(|line| line.starts_with("- ")) => Some("YAML"),
        _ => None,
    }
}

fn by_line(line: &str) -> Option<Mistake> {
    let word = line.split(|c: char| c.is_whitespace() || c == '=').next().unwrap_or_default();
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fields: Vec<&str> = line.split(':').collect();
    match () {
        () if VSFTPD.contains(&word) && line.contains('=') => Some(other("a vsftpd.conf")),
        () if PROFTPD.contains(&word) => Some(other("a proftpd.conf")),
        () if PURE_FTPD.contains(&word) => Some(other("a pure-ftpd.conf")),
        () if line.contains("add_user(") => {
            Some(Mistake::new("this is Python; here an account is a section").fix(format!("write\n{ACCOUNT}")))
        }
        () if PYTHON.iter().any(|begin| line.starts_with(begin)) => Some(
            Mistake::new("this is a Python script, not an INI file")
                .fix("settings are lines such as max_cons = 512 below [server], passive_ports = 8300-8500 below [passive] or \
                      max_upload = 100K below [transfer]; accounts are sections of user.ini"),
        ),
        () if fields.len() >= 8 && is_number(fields[2]) => Some(other("a list of system passwords (shadow)")),
        () if fields.len() >= 6 && is_number(fields[2]) && is_number(fields[3]) => {
            Some(other("a list of system users (passwd)"))
        }
        () if fields.len() == 2 && ["$apr1$", "$2y$", "{SHA}"].iter().any(|begin| fields[1].starts_with(begin)) => {
            Some(other("a list of passwords (htpasswd)"))
        }
        () => None,
    }
}

fn other(kind: &str) -> Mistake {
    Mistake::new(format!("this is {kind}, not an INI file of ftpd"))
        .fix("settings are lines such as port = 2121 below [server]; an account is a section such as [alex]")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_programs_are_named_with_the_first_line_that_tells() {
        let cases = [
            ("{\n \"port\": 2121\n}\n", 1, "JSON"),
            ("<?xml version=\"1.0\"?>\n", 1, "XML"),
            ("---\nserver:\n", 1, "YAML"),
            ("-----BEGIN CERTIFICATE-----\n", 1, "PEM"),
            ("# standalone\nlisten=YES\nanonymous_enable=NO\n", 2, "vsftpd.conf"),
            ("ServerName \"x\"\n", 1, "proftpd.conf"),
            ("# a\n\n<Directory /srv>\n", 3, "proftpd.conf"),
            ("ChrootEveryone yes\n", 1, "pure-ftpd.conf"),
            ("root:x:0:0:root:/root:/bin/bash\n", 1, "passwd"),
            ("root:$6$x$y:19000:0:99999:7:::\n", 1, "shadow"),
            ("bob:$apr1$x$y\n", 1, "htpasswd"),
            ("# conf\nfrom pyftpdlib.handlers import FTPHandler\n", 2, "Python"),
            ("authorizer.add_user('alex', '123', 'D:/')\n", 1, "[alex]\npassword"),
        ];
        for (text, number, kind) in cases {
            let (line, mistake) = recognize(text).unwrap_or_else(|| panic!("{text}"));
            let told = format!("{} {}", mistake.reason, mistake.fix.unwrap_or_default());
            assert!(line.number == number && told.contains(kind), "{text}: {} {told}", line.number);
        }
    }

    #[test]
    fn an_ini_file_is_none_of_them() {
        for text in [
            "",
            "# a comment\n",
            "[server]\nport = 1\n",
            "[alex]\nlisten = YES\n",
            "MAX_CONS = 512\n",
            "[alex\nperm = e\n",
        ] {
            assert_eq!(recognize(text), None, "{text}");
        }
    }
}
