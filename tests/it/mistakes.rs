//! Mistakes in the two files: each is told once, with its place and with what to write instead.

use std::fs;

use crate::{
    channel::leave_out,
    trial::{ALEX, CONF, Case, Doubted, Mentioned, Refused, Silent, run_all},
};

const ARGON2: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
const BCRYPT: &str = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";

fn with_password(password: &str) -> String {
    ALEX.replace("long-and-secret", password)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn what_is_right_is_accepted_without_a_word() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    run_all(vec![
        Case::user("max_cons = 2", Silent),
        Case::user("home: home", Silent),
        Case::user("home = home/", Silent),
        Case::user("perm=elradfmwM", Silent),
        Case::user("Perm = elr", Silent),
        Case::user("max_upload = off", Silent),
        Case::user("max_cons = 0", Silent),
        Case::user("perm = eelrr", Silent),
        Case::user("hide = .*, Thumbs.db, my notes.txt", Silent),
        Case::user("hide = off", Silent),
        Case::user("charset = gb18030", Silent),
        Case::user("Charset = Shift_JIS", Silent),
        Case::user("charset = cp1251", Silent),
        Case::user("charset = utf-8", Silent),
        Case::user("charset = off", Silent),
        Case::users(
            "\u{feff}[alex]\r\npassword =   long-and-secret  \r\n\tperm\t=\telr\r\n  home = home\r\n",
            "BOM, CRLF, tabs",
            Silent,
        ),
        Case::users(
            "; a comment\n[DEFAULT]\nperm = elr\nhome = home\n[alex]\npassword = long-and-secret\n",
            "defaults",
            Silent,
        ),
        Case::users(with_password("pässwörd #;=: 密码"), "a password of any text", Silent),
        Case::users(with_password(BCRYPT), "bcrypt", Silent),
        Case::users(with_password(ARGON2), "argon2", Silent),
        Case::users(ALEX.replace("home = home", "home =\u{a0}home"), "a non-breaking space", Silent),
        Case::users(format!("{ALEX}msg_login = {}\n", "x".repeat(100_000)), "a long text", Silent),
        Case::users(format!("{}{ALEX}", "\n".repeat(300_000)), "many empty lines", Silent),
        Case::users(format!("{ALEX}{}", ALEX.replace("alex", "Alex b:/")), "names and one home for two", Silent),
        Case::settings(format!("\u{feff}{CONF}").replace('\n', "\r\n"), "settings with BOM and CRLF", Silent),
        Case::conf("welcome_msg = a\\nb # c", Silent),
        Case::conf("timeout = 0", Silent),
        Case::conf("timeout = 1", Silent),
        Case::conf("MAX_CONS = 100", Silent),
        Case::conf("max_cons = 5\nmax_cons_per_ip = 100", Silent),
        Case::conf("[transfer]\numask = 22", Silent),
        Case::conf("[active]\nenable_active = True", Silent),
        Case::conf("[active]\nenable_active = yes", Silent),
        Case::conf("[active]\nenable_active = 1", Silent),
        Case::conf("[log]\nlog_level = INFO", Silent),
        Case::conf("", Silent).with(&["--set", "server.timeout=5m"]),
        Case::conf("port = 1", Silent).with(&["--port", "0"]),
        Case::conf("ip = 203.0.113.1", Silent).with(&["-i", "127.0.0.1"]),
    ]);
}

#[test]
fn a_mistake_in_a_line_of_an_account_is_told_with_what_to_write() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let perm = |line, word| Case::user(line, Refused).at("user.ini:3", "perm").says(&[word]);
    let home = |line, word| Case::user(line, Doubted).at("user.ini:4", "home").says(&[word]);
    let fifth = |line, key, words: &[&'static str]| Case::user(line, Refused).at("user.ini:5", key).says(words);
    run_all(vec![
        Case::user("perm = read", Doubted).at("user.ini:3", "perm").says(&["letters r e a d", "elr reads"]),
        fifth("allow_from = 10.0.0.0-10.0.0.255", "allow_from", &["write allow_from = 10.0.0.0/24"]),
        fifth("allow_from = none", "allow_from", &["leave the key out"]),
        fifth("hasty = on;", "hasty", &["write hasty = on"]),
        home("home = \"home", "write home = home"),
        perm("perm = elrx", "unknown letter 'x' (known: e l r a d f m w M T)"),
        perm("perm = read, write", "elradfmwMT"),
        perm("perm = readonly", "elr reads"),
        perm("perm =", "no value"),
        perm("perm = 755", "elr reads"),
        perm("perm = rwxr-xr-x", "elr reads"),
        perm("perm = \"elr\"", "write perm = elr"),
        perm("perm = “elr”", "write perm = elr"),
        perm("perm = elr # reads", "a comment needs a line of its own"),
        perm("perm = elr,", "write perm = elr"),
        perm("perm = e, l, r", "write perm = elr"),
        perm("perm = ELR", "small"),
        perm("perm := elr", "write perm = elr"),
        perm("perm = \u{1b}[2Jelr", "\\u{1b}"),
        Case::user("perm = lr", Doubted).at("user.ini:3", "perm").says(&["CWD", "elr"]),
        Case::user("perm = w", Doubted).at("user.ini:3", "perm").says(&["list first"]),
        Case::user("perm = rw", Doubted).at("user.ini:3", "perm").says(&["list first", "elradfmwMT"]),
        home("home = \"home\"", "home = home"),
        home("home = “home”", "home = home"),
        home("home = D:/", "/mnt/d"),
        home("home = D:\\Share", "/mnt/d/Share"),
        home("home = \\\\nas\\share", "Windows"),
        home("home = ~/share", "write the whole path"),
        home("home = \"~/share\"", "quotes"),
        home("home = $HOME/share", "$HOME is not expanded"),
        home("home = ${HOME}/share", "${HOME} is not expanded"),
        home("home = %USERPROFILE%\\share", "%USERPROFILE% is not expanded"),
        home("home = home # the share", "a comment needs a line of its own"),
        Case::user("home =", Refused).at("user.ini:4", "home").says(&["no value"]),
        fifth("max_cons = -3", "max_cons", &["from 0 to 4294967295"]),
        fifth("max_cons = 1.5", "max_cons", &["whole number from 0 to 4294967295"]),
        fifth("max_cons = \"3\"", "max_cons", &["write max_cons = 3"]),
        fifth("max_upload = 100 * 1024", "max_upload", &["write max_upload = 100K"]),
        fifth("max_upload = 100kb/s", "max_upload", &["write max_upload = 100K"]),
        fifth("max_upload = 1.5M", "max_upload", &["500, 100K, 2M or 1G", "1536K"]),
        fifth("max_upload = 0.5M", "max_upload", &["500, 100K, 2M or 1G", "512K"]),
        fifth("max_upload = 100 K", "max_upload", &["500, 100K, 2M or 1G", "write max_upload = 100K"]),
        fifth("max_upload = unlimited", "max_upload", &["off", "0"]),
        fifth("max_upload = 1_000_000", "max_upload", &["1000000"]),
        fifth("max_upload = 99999999999G", "max_upload", &["too large"]),
        fifth("max_upload = -1", "max_upload", &["off"]),
        fifth("max_upload = 8Mbit", "max_upload", &["1000000"]),
        Case::user("max_upload = 100", Doubted).at("user.ini:5", "max_upload").says(&["100 bytes a second", "100K?"]),
        fifth("allow_from = 10.0.0.0/33", "allow_from", &["10.0.0.0/8"]),
        fifth("allow_from = 192.168.1", "allow_from", &["192.168.1.0/24"]),
        fifth("allow_from = 192.168.1.*", "allow_from", &["192.168.1.0/24"]),
        fifth("allow_from = 192.168.1.0/255.255.255.0", "allow_from", &["192.168.1.0/24"]),
        fifth("allow_from = localhost", "allow_from", &["127.0.0.1"]),
        fifth("allow_from = *", "allow_from", &["leave the key out", "0.0.0.0/0, ::/0"]),
        fifth("allow_from = all", "allow_from", &["leave the key out"]),
        Case::user("allow_from = 0.0.0.0", Doubted).at("user.ini:5", "allow_from").says(&["0.0.0.0/0?"]),
        fifth("hide = *", "hide", &["'*' would hide every name"]),
        fifth("hide = .*, ?*", "hide", &["'?*' would hide every name"]),
        fifth("hide = .git/", "hide", &["is a path", "write .git"]),
        fifth("hide = .git, a/b", "hide", &["'a/b' is a path"]),
        fifth("hide = .*,, x", "hide", &["there is an empty pattern"]),
        fifth("hide = .*,", "hide", &["write hide = .*"]),
        fifth("hide = \".*\", x", "hide", &["quote"]),
        fifth("hide = \".*\"", "hide", &["write hide = .*"]),
        Case::user("hide = .* Thumbs.db", Doubted).at("user.ini:5", "hide").says(&["write hide = .*, Thumbs.db"]),
        Case::user("hide = .* # dots", Doubted).at("user.ini:5", "hide").says(&["a comment needs a line of its own"]),
        fifth("hide = .", "hide", &["write .*"]),
        fifth("hide =", "hide", &["no value"]),
        fifth("charset = gbkk", "charset", &["'gbkk' is no charset that is known here", "write charset = gbk"]),
        fifth("charset = cp936", "charset", &["write charset = gbk"]),
        fifth("charset = windows1251", "charset", &["write charset = windows-1251"]),
        fifth("charset = klingon", "charset", &["gb18030, big5, shift_jis"]),
        fifth("charset = utf-16", "charset", &["names can't be in 'utf-16'"]),
        fifth("charset = iso-2022-jp", "charset", &["names can't be in"]),
        fifth("charset = \"gbk\"", "charset", &["write charset = gbk"]),
        fifth("charset = gbk # China", "charset", &["a comment needs a line of its own"]),
        fifth("charste = gbk", "charste", &["did you mean 'charset'?"]),
        fifth("encoding = gbk", "encoding", &["did you mean 'charset'?"]),
        fifth("hasty = maybe", "hasty", &["neither on nor off"]),
        fifth("max_cons", "max_cons", &["has no value"]),
        perm("perm", "has no value"),
        fifth("some words here", "", &["no '='"]),
        fifth("\u{1b}[2J = x", "", &["unknown key"]),
        Case::user("msg_login = \"hi\"", Mentioned).at("user.ini:5", "msg_login").says(&["quotes"]),
    ]);
}

#[test]
fn a_mistake_in_a_password_is_told_without_it() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let users = |password: &str, name, verdict| {
        Case::users(with_password(password), name, verdict)
            .at("user.ini:2", "password")
            .hides("sesame")
            .hides("CCCCCCCC")
    };
    run_all(vec![
        users("\"sesame and more\"", "quotes", Doubted).says(&["quotes"]),
        users("“sesame and more”", "curly quotes", Doubted).says(&["quotes"]),
        users(&format!("\"{BCRYPT}\""), "a hash in quotes", Doubted).says(&["without quotes"]),
        users("sesame-and-more # his", "a comment", Doubted).says(&["comment"]),
        users(&format!("{BCRYPT} # his"), "a hash and a comment", Refused).says(&["comment"]),
        users(&BCRYPT[1..], "bcrypt without its $", Doubted).says(&["without its first $"]),
        users(&ARGON2[1..], "argon2 without its $", Doubted).says(&["without its first $"]),
        users(&BCRYPT[..40], "bcrypt cut off", Refused).says(&["cut off"]),
        users(&ARGON2[..60], "argon2 cut off", Refused).says(&["cut off", "ftpd hash-password"]),
        users("$1$salt$CCCCCCCCCCCC", "md5-crypt", Refused).says(&["$1$", "ftpd hash-password"]),
        users("$y$j9T$CCCCCCCCCCCC", "yescrypt", Refused).says(&["$y$"]),
        users("$sesame$and$more", "a password of dollars", Refused).says(&["ftpd hash-password"]),
        users("sha256:sesame", "a hash of another kind", Doubted).says(&["looks like a hash"]),
        users("$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "a costly hash", Refused)
            .says(&["seconds"]),
        users("", "no password", Refused).says(&["has no value"]),
        users("= sesame and more", "two =", Doubted).says(&["second '='"]),
        Case::users(format!("{ALEX}password = sesame\n"), "twice", Refused)
            .at("user.ini:5", "password")
            .says(&["in [alex] twice, first in line 2", "begin another account"])
            .hides("sesame"),
        Case::users(format!("{ALEX}password sesame\n"), "no =", Refused).at("user.ini:5", "").hides("sesame"),
        Case::users(format!("{ALEX}pasword2: sesame\n"), "mistyped", Refused)
            .at("user.ini:5", "pasword2")
            .hides("sesame"),
        Case::users(format!("{ALEX}kennung = sesame\n"), "unknown", Refused)
            .at("user.ini:5", "kennung")
            .hides("sesame"),
        Case::users(ALEX.replace("password", "passwrd"), "passwrd", Refused)
            .at("user.ini:2", "passwrd")
            .says(&["'password'?"]),
        Case::users("password = sesame\nperm = elr\nhome = home\n", "no section", Refused)
            .at("user.ini:1", "password")
            .says(&["[name]", "[alex]"])
            .hides("sesame"),
    ]);
}

#[test]
fn what_is_silently_another_thing_than_it_seems_is_told() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let password = |password: &str, name, words: &[&'static str]| {
        Case::users(with_password(password), name, Doubted).at("user.ini:2", "password").says(words).hides("CCCCCCCC")
    };
    let network = |line, words: &[&'static str]| Case::user(line, Doubted).at("user.ini:5", "allow_from").says(words);
    let refused = |value, name| {
        Case::users(with_password(value), name, Refused).at("user.ini:2", "password").says(&["enabled = off"])
    };
    run_all(vec![
        refused("\"\"", "empty quotes"),
        refused("*", "a star"),
        refused("!", "an exclamation mark"),
        password(&format!("alex:{BCRYPT}"), "a name and a hash", &["the hash alone"]),
        password(&format!("!{BCRYPT}"), "a locked hash", &["the hash alone"]),
        password(&format!("{{CRYPT}}{BCRYPT}"), "a scheme and a hash", &["the hash alone"]),
        password(&BCRYPT.replace('$', "\\$"), "an escaped hash", &["the hash alone"]),
        password(&BCRYPT.replace('$', "$$"), "a doubled hash", &["the hash alone"]),
        password("*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19", "MySQL", &["looks like a hash"]),
        password("SCRAM-SHA-256$4096:sesame", "SCRAM", &["looks like a hash"]).hides("sesame"),
        password("password = sesame", "the key twice", &["part of the password"]).hides("sesame"),
        password("${PASSWORD}", "a variable", &["not expanded"]),
        password("\"sesame-and-more", "a quote in front", &["without the quote"]).hides("sesame"),
        network("allow_from = 10.0.0.0/0", &["every address"]),
        network("allow_from = 10.0.0.5/8", &["all of 10.0.0.0/8"]),
        Case::conf("proxy_protocol_from = 0.0.0.0/0", Doubted)
            .at("ftpd.conf:4", "proxy_protocol_from")
            .says(&["any address"]),
        Case::conf("proxy_protocol_from = *", Refused)
            .at("ftpd.conf:4", "proxy_protocol_from")
            .says(&["load balancers"]),
        Case::conf("ban_time = forever", Refused).at("ftpd.conf:4", "ban_time").says(&["write ban_time = 3650d"]),
        Case::conf("[transfer]\numask = 000", Doubted).at("ftpd.conf:5", "umask").says(&["everybody"]),
        Case::users(ALEX.replace("alex", "Default"), "Default alone", Refused)
            .at("user.ini:1", "")
            .says(&["[DEFAULT]"]),
        Case::conf("[passive]\npassive_ports = 25500-20", Refused)
            .at("ftpd.conf:5", "passive_ports")
            .says(&["25500-25520"]),
        Case::user("perm = \"ELR\"", Refused).at("user.ini:3", "perm").says(&["write perm = elr"]),
        Case::conf("users = user.ini", Refused).at("ftpd.conf:4", "users").says(&["given with -u"]),
        Case::user("user = alex", Refused).at("user.ini:5", "user").says(&["its section"]),
        Case::conf("ip = ::g", Refused).at("ftpd.conf:2", "ip").says(&["not an IP address"]),
        Case::conf("", Refused).with(&["-c", "ftpd.conf", "-u", "gone.ini"]).says(&["gone.ini", "[alex]\npassword"]),
    ]);
}

#[test]
fn one_mistake_has_one_finding() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let users = |text: String, name, place| Case::users(text, name, Refused).at(place, "");
    let bob = ALEX.replace("[alex]\n", "");
    let named = |key: &'static str| users(ALEX.replace("password", key), key, "user.ini:2");
    let begun = |line: &'static str| {
        Case::settings(CONF.replace("[server]", line), line, Refused).at("ftpd.conf:1", "").says(&["write [server]"])
    };
    run_all(vec![
        named("passphrase"),
        named("pswd"),
        named("mot_de_passe"),
        named("login"),
        named("export password"),
        named("alex"),
        begun("server]"),
        begun("<server>"),
        begun("(server)"),
        begun("{server}"),
        begun("\"[server]\""),
        begun("server:"),
        users(format!("{ALEX}egon]\n{bob}"), "egon]", "user.ini:5").says(&["write [egon]"]),
        users(format!("{ALEX}#[egon]\n{bob}"), "#[egon]", "user.ini:6").says(&["line 5 is a comment"]),
        users(
            "[DEFAULT]\nperm = elr\n[DEFAULT]\nhome = home\n[alex]\npassword = long-and-secret\n".to_owned(),
            "DEFAULT twice",
            "user.ini:3",
        ),
        Case::users(format!("{ALEX}\u{feff}[egon]\n{bob}"), "a mark in front of the second", Silent),
        users(ALEX.replace("= elr", "=\n  elr"), "a value below", "user.ini:3").says(&["same line"]),
        Case::user("perm = el\\\n  r", Refused).at("user.ini:3", "perm").says(&["one line"]),
    ]);
}

#[test]
fn no_password_and_no_key_is_shown() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    const KEY: &str = "-----BEGIN PRIVATE KEY-----\nMIIsesameQwErTy12Ab+/x\nMIIsesameQwErTy34\nsesame2k=\n-----END PRIVATE KEY-----\n";
    let conf = |lines: &'static str, findings| Case::conf(lines, Refused).hides("sesame").finds(findings);
    let users = |text: String, name, findings| Case::users(text, name, Refused).hides("sesame").finds(findings);
    let with = |lines: &'static str, findings| users(format!("{ALEX}{lines}\n"), lines, findings);
    let instead = |old: &str, new: &'static str, findings| users(ALEX.replace(old, new), new, findings);
    let doubted = |old: &str, new: &'static str| Case::users(ALEX.replace(old, new), new, Doubted).hides("sesame");
    let password = "password = long-and-secret";
    run_all(vec![
        Case::settings(format!("{CONF}[tls]\nprivate_key = {KEY}"), "a pasted key", Refused)
            .hides("sesame")
            .says(&["a path is expected"]),
        Case::settings(format!("{CONF}[tls]\nprivate_key =\n{KEY}"), "a key below", Refused)
            .hides("sesame")
            .says(&["has no value"]),
        Case::settings(format!("{CONF}[tls]\n{KEY}"), "a key alone", Refused).hides("sesame"),
        conf("authorizer.add_user(\"alex\", \"sesame\", perm=\"elr\")", 1),
        conf("authorizer.add_user(\"alex\", \"sesame\")", 1),
        conf("add_user(alex, sesame)", 1),
        conf("useradd alex sesame", 1),
        conf("alex:sesame", 1),
        conf("alex = sesame", 1),
        conf("users = alex:sesame:elr", 1),
        conf("token = sesame", 1),
        conf("credentials = sesame", 1),
        conf("ftp://alex:sesame@host/", 1),
        conf("sesame", 1),
        instead(password, "password =\nsesame-and-more", 1),
        instead(password, "password = abc\\\n  sesame-and-more", 1),
        instead(password, "password =\n  sesame-and-more\n  sesame-and-less", 1),
        with("sesame-and-more", 1),
        with("sesame and more", 1),
        with("sesame12 and more", 1),
        users("alex\nsesame\negon\nsesame2\n".to_owned(), "vsftpd's list", 4),
        users(format!("[alex] password = sesame\n{}", &ALEX[7..]), "a section and more", 1)
            .says(&["nothing may follow"]),
        users(format!("[alex password = sesame\n{}", &ALEX[7..]), "a section without an end and more", 1)
            .says(&["write [alex]"]),
        users("[alex:sesame]\nperm = elr\nhome = home\n".to_owned(), "a name and a password", 1),
        users(format!("[alex] ; sesame\n{}", &ALEX[7..]), "a comment behind a section", 1),
        users(ALEX.replace("long-and-secret", "sesame").replace('\n', "\r"), "line ends of an old Mac", 1)
            .says(&["old Mac", "save it with"]),
        instead("perm = elr", "perm = elr password = sesame", 1),
        instead("perm = elr", "perm = elr # pw sesame", 1),
        instead("perm = elr", "perm = sesame", 1),
        instead("perm = elr", "perm = correct-sesame", 1),
        doubted("home = home", "home = ftp://alex:sesame@host/x"),
        with("hasty = correct-horse-sesame", 1),
        Case::users([ALEX.as_bytes(), b"# der sesame f\xfcr alex\n"].concat(), "a comment in Latin-1", Refused)
            .hides("sesame"),
        Case::conf("", Refused).with(&["--set", "server.\u{1b}[31m=x"]),
    ]);
}

#[test]
fn a_mistake_in_a_line_of_the_settings_is_told_with_what_to_write() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let server = |line, key, words: &[&'static str]| Case::conf(line, Refused).at("ftpd.conf:4", key).says(words);
    let below = |lines, key, words: &[&'static str]| Case::conf(lines, Refused).at("ftpd.conf:5", key).says(words);
    let ports = |lines| below(lines, "passive_ports", &["8300-8500"]);
    run_all(vec![
        Case::conf("port = 70000", Refused).at("ftpd.conf:3", "port").says(&["0 to 65535"]),
        Case::conf("port = -1", Refused).at("ftpd.conf:3", "port").says(&["0 to 65535"]),
        Case::conf("port = 2121, 2122", Refused).at("ftpd.conf:3", "port"),
        Case::conf("port = \"0\"", Refused).at("ftpd.conf:3", "port").says(&["write port = 0"]),
        Case::conf("port = 0 # any", Refused).at("ftpd.conf:3", "port").says(&["a comment needs a line of its own"]),
        Case::conf("ip = localhost", Refused).at("ftpd.conf:2", "ip").says(&["127.0.0.1", "::1"]),
        Case::conf("ip = 127.0.0.1:2121", Refused).at("ftpd.conf:2", "ip").says(&["port = 2121", "`port`"]),
        Case::conf("ip = 127.0.0", Refused).at("ftpd.conf:2", "ip").says(&["not an IP address"]),
        Case::conf("ip = *", Refused).at("ftpd.conf:2", "ip").says(&["0.0.0.0, ::"]),
        Case::conf("ip = 127.0.0.1, 127.0.0.1", Refused).at("ftpd.conf:2", "ip").says(&["twice"]),
        below("[passive]\npassive_ports = 8500-8300", "passive_ports", &["8300-8500"]),
        ports("[passive]\npassive_ports = (8300, 8500)"),
        ports("[passive]\npassive_ports = 8300, 8500"),
        ports("[passive]\npassive_ports = 8300:8500"),
        ports("[passive]\npassive_ports = range(8300, 8500)"),
        ports("[passive]\npassive_ports = 8300–8500"),
        below("[passive]\npassive_ports = 25000-99999", "passive_ports", &["65535", "8300-8500"]),
        below("[passive]\npassive_ports = none", "passive_ports", &["8300-8500", "off"]),
        below("[passive]\npassive_ports =", "passive_ports", &["has no value"]),
        below("[passive]\nmasquerade_address = 203.0.113", "masquerade_address", &["203.0.113"]),
        below("[passive]\nmasquerade_for = everyone", "masquerade_for", &["outside, all"]),
        server("proxy_protocol_from = 10.0.0.0/99", "proxy_protocol_from", &["10.0.0.0/8"]),
        server("max_cons = 0", "max_cons", &["'0'", "1 to 100000"]),
        server("max_cons = -1", "max_cons", &["'-1'", "1 to 100000"]),
        server("max_cons = 99999999999999999999", "max_cons", &["100000"]),
        server("max_cons = 1000000", "max_cons", &["'1000000'", "100000"]),
        server("max_cons = \"100\"", "max_cons", &["write max_cons = 100"]),
        server("timeout = 5 min", "timeout", &["write timeout = 5m"]),
        server("timeout = 300ms", "timeout", &["300, 90s, 5m"]),
        server("auth_failed_delay = 2h", "auth_failed_delay", &["'2h'", "from 0 to 1m"]),
        server("timeout = 1h30m", "timeout", &["write timeout = 90m"]),
        server("server.max_cons = 5", "server.max_cons", &["'max_cons'?"]),
        below(
            "[passive]\nmasquerade_address = 203.0.113.5:21",
            "masquerade_address",
            &["write masquerade_address = 203.0.113.5"],
        ),
        server("sandbox = none", "sandbox", &["auto, require, off"]),
        server("prot = 1", "prot", &["did you mean 'port'?"]),
        server("passive_ports = 8300-8500", "passive_ports", &["[passive]"]),
        server("banner = hello", "banner", &["welcome_msg"]),
        server("max_upload = 100 * 1024", "max_upload", &["write max_upload = 100K below [transfer]"]),
        Case::conf("[transfer]\nread_limit = 30720\nwrite_limit = 30720", Refused)
            .at("ftpd.conf:5", "read_limit")
            .says(&["max_upload", "max_download"])
            .finds(2),
        Case::conf("welcome_msg = \"hello\"", Mentioned).at("ftpd.conf:4", "welcome_msg").says(&["quotes"]),
        below("[transfer]\numask = 0o22", "umask", &["write umask = 022"]),
        below("[transfer]\numask = 999", "umask", &["octal number from 000 to 777"]),
        below("[transfer]\numask = u=rwx,g=rx", "umask", &["octal number"]),
        Case::conf("[transfer]\numask = 777", Mentioned).at("ftpd.conf:5", "umask").says(&["nobody can read"]),
        below("[transfer]\nfollow_symlinks = always", "follow_symlinks", &["inside, never"]),
        below("[transfer]\nuse_gmt_times = local", "use_gmt_times", &["neither on nor off"]),
        below("[active]\nenable_active = maybe", "enable_active", &["neither on nor off"]),
        below("[log]\nlog_level = warning", "log_level", &["write log_level = warn"]),
        below("[log]\nlog_file = ~/x.log", "log_file", &["~ is not expanded"]),
        below("[log]\nlog_format = xml", "log_format", &["text, json"]),
        below("[tls]\ntls = on # secure", "tls", &["a comment needs a line of its own"]),
        below("[tls]\ntls = explicit", "tls", &["neither on nor off"]),
        Case::conf("[anonymous]\nanonymous_path = home", Doubted)
            .at("ftpd.conf:5", "anonymous_path")
            .says(&["not used", "enable_anonymous = on"]),
        Case::conf("[tls]\ntls = off\ncertificate = c.pem", Doubted)
            .at("ftpd.conf:6", "certificate")
            .says(&["tls is off"]),
        below("[tls]\ntls = on # yes\ntls_control_required = on", "tls", &["a comment needs a line of its own"]),
        below("[anonymous]\nanonymous_perm = e,l,r", "anonymous_perm", &["write anonymous_perm = elr"]),
        below("[anonymous]\nanonymous_perm = elrx", "anonymous_perm", &["'x'"]),
        Case::settings("[ftpd]\nip = 127.0.0.1\nport = x\ntimeout = 5 min\n", "[ftpd]", Refused)
            .at("ftpd.conf:1", "")
            .says(&["did you mean 'server'?", "0 to 65535", "write timeout = 5m"])
            .finds(3),
        Case::conf("[data]\npassive_ports = 1-2", Refused).at("ftpd.conf:4", "").says(&["did you mean 'passive'?"]),
        server("masquerade = 203.0.113.1", "masquerade", &["'masquerade_address' here and belongs in [passive]"]),
        below("[passive]\nmasquerade = 203.0.113.1", "masquerade", &["did you mean 'masquerade_address'?"]),
        below("max_cons = 5\nmax_cons = 6", "max_cons", &["twice, first in line 4; delete one of the two"]),
        Case::conf("[sever]\nport = 1\nprot = 2", Refused).at("ftpd.conf:4", "").says(&["did you mean 'server'?"]),
        Case::conf("port = 0", Refused)
            .with(&["--set", "server.sandbox=none"])
            .by_nobody()
            .says(&["auto, require, off"]),
        Case::conf("", Refused).with(&["--set", "server.prot=1"]).says(&["--set server.prot", "'port'?"]),
        Case::conf("", Refused)
            .with(&["--set", "server.timeout=5 min"])
            .says(&["--set server.timeout", "timeout = 5m"]),
    ]);
}

#[test]
fn a_mistake_in_the_form_of_a_file_is_told_once() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let users = |text: &str, name, place| Case::users(text, name, Refused).at(place, "");
    let many = |count: usize| (0..count).map(|number| format!("wrong{number} = 1\n")).collect::<String>();
    run_all(vec![
        users("[alex\npassword = sesame\nperm = elr\nhome = home\n[bob]\npassword = long-and-secret\nperm = elr\nhome = home\n", "no ]", "user.ini:1")
            .says(&["no closing ']'"]),
        users("[alex]\n", "an empty section", "user.ini:1").says(&["nothing in [alex]", "[alex]\npassword"]),
        users("[]\npassword = sesame\n", "no name", "user.ini:1").says(&["no name"]).hides("sesame"),
        users(&format!("[default]\nperm = elr\nhome = home\n{}", "[alex]\npassword = long-and-secret\n"), "default", "user.ini:1")
            .says(&["[DEFAULT]"]),
        users(&format!("[DEFAULTS]\nperm = elr\nhome = home\n{}", "[alex]\npassword = long-and-secret\n"), "defaults", "user.ini:1")
            .says(&["[DEFAULT]"]),
        users("[users]\nalex = 123-sesame\nbob = 456-sesame\n", "all in one section", "user.ini:1")
            .says(&["section of its own"])
            .hides("sesame"),
        users("add_user(\"alex\", \"sesame\", \"D:/\", perm=\"elr\")\n", "Python", "user.ini:1").says(&["[alex]\npassword"]).hides("sesame"),
        users("[alex]\nuser = alex\npass = sesame\ndir = home\nperm = elr\n", "other names", "user.ini:3").says(&["'password'?", "'home'?"]).hides("sesame").finds(3),
        users(&format!("{ALEX}msg_login = a \\\n  longer text\n"), "a continued line", "user.ini:5").says(&["a value is one line"]),
        users(&format!("{ALEX}[alex]\nperm = e\n"), "a section twice", "user.ini:5").says(&["first in line 1"]),
        users(&format!("{ALEX}{} = 1\n", "k".repeat(5000)), "a long key", "user.ini:5").says(&["kkk…"]),
        users(&format!("{ALEX}{}", many(100)), "100 errors", "user.ini:5").says(&["and 90 more"]).finds(100),
        Case::users(format!("{ALEX}{}", many(30)), "30 in each", Refused).says(&["and 50 more"]).finds(60).in_settings(format!("{CONF}{}", many(30))),
        Case::users(utf16(ALEX), "UTF-16 without a mark", Refused).says(&["UTF-16", "save it as UTF-8"]),
        Case::users([b"\xff\xfe".to_vec(), utf16(ALEX)].concat(), "UTF-16", Refused).says(&["UTF-16", "save it as UTF-8"]),
        Case::users([b"[\xd5\xc5]\n", &ALEX.as_bytes()[7..]].concat(), "GBK", Refused)
            .at("user.ini:1", "")
            .says(&["code page (GBK, Latin-1, …)", "save the file as UTF-8"]),
        Case::users([ALEX.as_bytes(), b"msg_login = caf\xe9\n"].concat(), "Latin-1", Refused).at("user.ini:5", "").says(&["code page"]),
        Case::users(ALEX.replace("elr", "e\0r"), "a NUL", Refused).at("user.ini:3", "").says(&["NUL"]).finds(1),
        Case::users(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\xfe\xff".to_vec(), "a picture", Refused).says(&["no text in UTF-8"]),
        Case::users("#".repeat(20_000_000), "20 MB of #", Refused).says(&["[alex]\npassword"]),
        Case::settings("port = 0\nip = 127.0.0.1\nMAX_CONS = 5\n", "no sections", Refused).at("ftpd.conf:1", "port").says(&["below [server]"]).finds(3),
        Case::settings("WELCOME_MSG = hello\n[server]\nip = 127.0.0.1\nport = 0\n", "a key before", Refused).at("ftpd.conf:1", "welcome_msg").says(&["[server]"]),
        Case::settings("# settings\nip = \"0.0.0.0\"\nmax_upload = 300 * 1024\nmax_cons = 256\nmax_per_ip = 10\npassive_ports = (2000, 2200)\n", "the tutorial's", Refused)
            .at("ftpd.conf:2", "ip")
            .says(&["[server]", "write max_upload = 300K below [transfer]", "write passive_ports = 2000-2200 below [passive]", "max_cons_per_ip"])
            .finds(5),
        Case::settings("# x\nfrom pyftpdlib.servers import FTPServer\nserver.max_cons = 256\n", "a script", Refused)
            .at("ftpd.conf:2", "")
            .says(&["[server]", "max_cons", "passive_ports", "max_upload"]),
        Case::settings("anonymous_enable=NO\nlocal_enable=YES\n", "vsftpd", Refused).at("ftpd.conf:1", "").says(&["vsftpd.conf"]),
        Case::settings("ServerName \"x\"\nPort 21\n", "proftpd", Refused).at("ftpd.conf:1", "").says(&["proftpd.conf"]),
        Case::settings("{\n  \"port\": 2121,\n  \"password\": \"sesame\"\n}\n", "JSON", Refused).at("ftpd.conf:1", "").says(&["JSON"]).hides("sesame"),
        Case::conf("prot = 1", Refused).at("user.ini:5", "").says(&["ftpd.conf:4"]).finds(2).in_users(format!("{ALEX}x = 1\n")),
    ]);
}

#[test]
fn a_file_that_is_another_one_is_told_in_one_finding() {
    leave_out!(Explicit | Implicit: "the files are the same with TLS");
    let passwd = fs::read_to_string("/etc/passwd").is_ok();
    let mut cases = vec![
        Case::conf("", Refused).with(&["-c", "user.ini", "-u", "ftpd.conf"]).says(&["swapped"]),
        Case::conf("", Refused).with(&["-u", "ftpd.conf"]).says(&["settings, not accounts"]),
        Case::conf("", Refused).with(&["-c", "user.ini"]).says(&["accounts, not settings"]),
        Case::conf("", Refused).with(&["-c", "nothing.conf"]).says(&["nothing.conf", "no such file"]),
        Case::conf("", Refused).with(&["-c", "home"]).says(&["home", "folder"]),
        Case::conf("", Refused).with(&["-u", "home"]).says(&["home", "folder"]),
        Case::conf("", Refused)
            .says(&["no user.ini in /", "[alex]\npassword"])
            .prepared(|folder| fs::remove_file(folder.join("user.ini")).unwrap()),
        Case::conf("", Refused)
            .says(&["user.ini.txt", "mv "])
            .prepared(|folder| fs::rename(folder.join("user.ini"), folder.join("user.ini.txt")).unwrap()),
        Case::conf("", Doubted)
            .with(&["--set", "server.port=0", "--set", "server.ip=127.0.0.1"])
            .says(&["ftpd.conf.txt", "mv "])
            .prepared(|folder| fs::rename(folder.join("ftpd.conf"), folder.join("ftpd.conf.txt")).unwrap()),
        Case::conf("", Refused).says(&["a link to gone"]).prepared(|folder| {
            fs::remove_file(folder.join("user.ini")).unwrap();
            std::os::unix::fs::symlink("gone", folder.join("user.ini")).unwrap();
        }),
    ];
    if passwd {
        cases.push(Case::conf("", Refused).with(&["-c", "/etc/passwd"]).says(&["passwd"]));
        cases.push(Case::conf("", Refused).with(&["-u", "/etc/passwd"]).says(&["passwd"]));
    }
    run_all(cases);
}
