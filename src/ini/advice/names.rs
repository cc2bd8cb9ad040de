//! Names of keys and sections that don't exist here.

use super::super::Key;

/// Maximum length of a name that is compared; no key has a longer one.
const LONGEST: usize = 64;

/// Names of other programs, above all of pyftpdlib and of scripts around it, and ours.
const ALIASES: &[(&str, &str)] = &[
    ("banner", "welcome_msg"),
    ("welcome_banner", "welcome_msg"),
    ("ftpd_banner", "welcome_msg"),
    ("welcome", "welcome_msg"),
    ("welcome_message", "welcome_msg"),
    ("greeting", "welcome_msg"),
    ("motd", "welcome_msg"),
    ("read_limit", "max_upload"),
    ("write_limit", "max_download"),
    ("upload_limit", "max_upload"),
    ("download_limit", "max_download"),
    ("upload_rate", "max_upload"),
    ("download_rate", "max_download"),
    ("local_max_rate", "max_download"),
    ("max_upload_speed", "max_upload"),
    ("max_download_speed", "max_download"),
    ("upload_speed", "max_upload"),
    ("download_speed", "max_download"),
    ("max_connections", "max_cons"),
    ("max_clients", "max_cons"),
    ("maxclients", "max_cons"),
    ("max_conns", "max_cons"),
    ("max_sessions", "max_cons"),
    ("max_per_ip", "max_cons_per_ip"),
    ("max_pre_ip", "max_cons_per_ip"),
    ("max_con_per_ip", "max_cons_per_ip"),
    ("max_cons_pre_ip", "max_cons_per_ip"),
    ("max_connections_per_ip", "max_cons_per_ip"),
    ("host", "ip"),
    ("address", "ip"),
    ("listen_address", "ip"),
    ("bind", "ip"),
    ("bind_address", "ip"),
    ("interface", "ip"),
    ("listen_port", "port"),
    ("ftp_port", "port"),
    ("control_port", "port"),
    ("passive_port", "passive_ports"),
    ("pasv_ports", "passive_ports"),
    ("passive_port_range", "passive_ports"),
    ("passiveports", "passive_ports"),
    ("pasv_address", "masquerade_address"),
    ("public_ip", "masquerade_address"),
    ("external_ip", "masquerade_address"),
    ("masquerade_ip", "masquerade_address"),
    ("masqueradeaddress", "masquerade_address"),
    ("nat_ip", "masquerade_address"),
    ("nat_address", "masquerade_address"),
    ("masquerade", "masquerade_address"),
    ("auth_failed_timeout", "auth_failed_delay"),
    ("idle_timeout", "timeout"),
    ("idle_session_timeout", "timeout"),
    ("certfile", "certificate"),
    ("cert", "certificate"),
    ("cert_file", "certificate"),
    ("ssl_certificate", "certificate"),
    ("keyfile", "private_key"),
    ("key", "private_key"),
    ("key_file", "private_key"),
    ("ssl_key", "private_key"),
    ("ssl", "tls"),
    ("http_port", "web_port"),
    ("https_port", "web_port"),
    ("webport", "web_port"),
    ("http", "web_port"),
    ("https", "web_port"),
    ("web", "web_port"),
    ("enable_web", "web_port"),
    ("web_enable", "web_port"),
    ("enable_http", "web_port"),
    ("hosts", "web_hosts"),
    ("allowed_hosts", "web_hosts"),
    ("trusted_hosts", "web_hosts"),
    ("host_names", "web_hosts"),
    ("hostnames", "web_hosts"),
    ("server_name", "web_hosts"),
    ("server_names", "web_hosts"),
    ("anonymous", "enable_anonymous"),
    ("anonymous_enable", "enable_anonymous"),
    ("anonymous_home", "anonymous_path"),
    ("anon_root", "anonymous_path"),
    ("anonymous_dir", "anonymous_path"),
    ("anonymous_permissions", "anonymous_perm"),
    ("logging_name", "log_file"),
    ("log_name", "log_file"),
    ("logfile", "log_file"),
    ("xferlog_file", "transfer_log"),
    ("loglevel", "log_level"),
    ("logging_level", "log_level"),
    ("log", "log_file"),
    ("pass", "password"),
    ("passwd", "password"),
    ("pwd", "password"),
    ("pw", "password"),
    ("user_password", "password"),
    ("passwort", "password"),
    ("kennwort", "password"),
    ("secret", "password"),
    ("hash", "password"),
    ("密码", "password"),
    ("dir", "home"),
    ("directory", "home"),
    ("folder", "home"),
    ("path", "home"),
    ("root", "home"),
    ("homedir", "home"),
    ("home_dir", "home"),
    ("homefolder", "home"),
    ("local_root", "home"),
    ("share", "home"),
    ("目录", "home"),
    ("perms", "perm"),
    ("permission", "perm"),
    ("permissions", "perm"),
    ("rights", "perm"),
    ("access", "perm"),
    ("privileges", "perm"),
    ("权限", "perm"),
    ("allow", "allow_from"),
    ("allowed_ips", "allow_from"),
    ("msg", "msg_login"),
    ("encoding", "charset"),
    ("codepage", "charset"),
    ("code_page", "charset"),
    ("codec", "charset"),
    ("unicode_encoding", "charset"),
    ("编码", "charset"),
    ("字符集", "charset"),
];

/// Our name of a key that is called `key` elsewhere; an object in front of it, as in `handler.banner`, does not count.
pub fn alias(key: &str) -> Option<&'static str> {
    let key = bare(key);
    ALIASES.iter().find(|(other, _)| *other == key).map(|(_, name)| *name)
}

/// Our name of a section that is called `section` elsewhere.
pub fn section_alias(section: &str) -> Option<&'static str> {
    const ALIASES: &[(&str, &str)] = &[
        ("http", "web"),
        ("https", "web"),
        ("httpd", "web"),
        ("webserver", "web"),
        ("web_server", "web"),
        ("ssl", "tls"),
    ];
    ALIASES.iter().find(|(other, _)| section.eq_ignore_ascii_case(other)).map(|(_, name)| *name)
}

/// The key of a table that is written without the name of its `section`: `port` in `[web]` is `web_port`.
pub fn shortened<'a>(section: &str, key: &str, names: &[&'a str]) -> Option<&'a str> {
    let is_it = |name: &&&str| {
        let rest = name.strip_prefix(section).and_then(|rest| rest.strip_prefix('_'));
        rest.is_some_and(|rest| rest == key || rest.strip_suffix('s') == Some(key))
    };
    names.iter().find(is_it).copied()
}

/// The name of a key without an object in front of it.
pub fn bare(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// The key of the table `rows` that an unknown one was meant to be.
pub fn meant(key: &str, rows: impl IntoIterator<Item = &'static Key>) -> Option<&'static str> {
    let rows: Vec<&'static str> = rows.into_iter().map(|row| row.name).collect();
    let alias = alias(key).and_then(|alias| rows.iter().copied().find(|name| *name == alias));
    alias.or_else(|| close(key, rows))
}

/// `, did you mean 'perm'?` if a known word is close to `word`.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    close(word, known).map_or(String::new(), |close| format!(", did you mean '{close}'?"))
}

fn close<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > LONGEST {
        return None;
    }
    let score = |candidate: &str| strsim::jaro_winkler(&word.to_lowercase(), &candidate.to_lowercase());
    let scored = known.into_iter().map(|candidate| (score(candidate), candidate)).filter(|(score, _)| *score >= 0.85);
    scored.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, candidate)| candidate)
}

/// Whether a key looks as if its value could be a password.
pub fn may_be_password(key: &str) -> bool {
    const PARTS: &[&str] = &["pass", "pw", "secret", "kennw", "clave", "contras", "geheim", "hash", "密码", "口令"];
    if key.len() > LONGEST {
        return true;
    }
    let key = key.to_lowercase();
    if key.contains("passive") {
        return false;
    }
    PARTS.iter().any(|part| key.contains(part))
        || alias(&key) == Some("password")
        || strsim::jaro_winkler(&key, "password") >= 0.75
}

/// Where what is written behind an unknown key belongs, if that is no other key.
pub fn place(key: &str, is_account: bool) -> Option<&'static str> {
    const NAMES: &[&str] = &["user", "username", "user_name", "name", "login", "account"];
    const FILES: &[&str] = &["users", "accounts", "user_file", "users_file", "userdb", "passwd_file", "userlist_file"];
    match is_account {
        true if NAMES.contains(&key) => Some("the name of an account is that of its section, such as [alex]"),
        false if FILES.contains(&key) => Some("accounts are in user.ini, which is given with -u"),
        _ => None,
    }
}

/// Whether a word may stand in front of a password.
pub fn is_word_for_password(word: &str) -> bool {
    !word.is_empty() && may_be_password(word)
}

/// The part of a key that is certainly no value: its first word.
pub fn shown_key(key: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || "_.-".contains(c);
    match key.find(|c| !is_word(c)) {
        None => key.to_owned(),
        Some(0) => String::new(),
        Some(end) => key[..end].to_owned() + "…",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_lead_to_ours() {
        for (key, name) in
            [("banner", "welcome_msg"), ("handler.banner", "welcome_msg"), ("pass", "password"), ("dir", "home")]
        {
            assert_eq!(alias(key), Some(name));
        }
        assert_eq!(hint("pasword", ["password", "perm"]), ", did you mean 'password'?");
        assert_eq!(hint("Default", ["DEFAULT"]), ", did you mean 'DEFAULT'?");
        assert_eq!(hint(&"p".repeat(10_000_000), ["password", "perm"]), "");
        assert_eq!(hint("zone", ["password", "perm"]), "");
    }

    #[test]
    fn a_key_that_could_be_a_password_is_known_and_no_text_is_taken_for_a_key() {
        for key in ["password", "passwrd", "pasword", "psswrd", "pass", "pw", "kennwort", "user_pwd", "passphrase"] {
            assert!(may_be_password(key), "{key}");
        }
        for key in ["perm", "home", "port", "max_cons", "allow_from", "prot"] {
            assert!(!may_be_password(key), "{key}");
        }
        assert_eq!(shown_key("add_user(\"alex\", \"sesame\""), "add_user…");
        assert_eq!((shown_key("max_cons").as_str(), shown_key("\u{1b}[2J").as_str()), ("max_cons", ""));
    }
}
