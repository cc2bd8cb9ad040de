//! The table of verbs: FEAT, HELP and the parser read it, so none of them can know a command that the others don't.

use crate::protocol::arguments::*;
use crate::protocol::command::{Algorithm, Command, FileCommand, ListFormat};
use crate::protocol::reply::Reply;

/// A verb: its name, how it is used, what FEAT says of it, and what its argument must look like.
pub struct Verb {
    /// In capitals.
    pub name: &'static str,
    /// Name and argument, for HELP.
    pub usage: &'static str,
    /// Its FEAT line, where it has one.
    pub feature: Option<&'static str>,
    /// It is offered only where TLS is.
    pub needs_tls: bool,
    parse: fn(&[u8]) -> Result<Command, Reply>,
}

use Command::File;

/// Every verb that is offered, in the order of the alphabet.
#[rustfmt::skip]
pub const VERBS: &[Verb] = &[
    verb("ABOR", "ABOR",                              None,                            |_| Ok(File(FileCommand::Abor))),
    verb("ACCT", "ACCT <account>",                    None,                            |_| Ok(Command::Acct)),
    verb("ALLO", "ALLO <bytes>",                      None,                            |arg| size(first_word(arg)).map(|n| File(FileCommand::Allo(n)))),
    verb("APPE", "APPE <name>",                       None,                            |arg| name(arg).map(|n| File(FileCommand::Appe(n)))),
    tls("AUTH", "AUTH TLS|TLS-C|TLS-P|SSL",           Some("AUTH TLS"),                auth),
    verb("AVBL", "AVBL [<path>]",                       Some("AVBL"),                    |arg| optional(arg).map(|n| File(FileCommand::Avbl(n)))),
    tls("CCC",  "CCC",                                None,                            |_| Ok(Command::Ccc)),
    verb("CDUP", "CDUP",                              None,                            |_| Ok(File(FileCommand::Cdup))),
    verb("CLNT", "CLNT <client>",                     Some("CLNT"),                    |arg| name(arg).map(|_| Command::Clnt)),
    verb("CWD",  "CWD [<folder>]",                    None,                            |arg| optional(arg).map(|n| File(FileCommand::Cwd(n)))),
    verb("DELE", "DELE <name>",                       None,                            |arg| name(arg).map(|n| File(FileCommand::Dele(n)))),
    verb("EPRT", "EPRT |<family>|<address>|<port>|",  Some("EPRT"),                    eprt),
    verb("EPSV", "EPSV [1|2|ALL]",                    Some("EPSV"),                    epsv),
    verb("FEAT", "FEAT",                              None,                            |_| Ok(Command::Feat)),
    // Its FEAT line shows the session's checksum: see `session::info`.
    verb("HASH", "HASH <name>",                         None,                            |arg| name(arg).map(|n| File(FileCommand::Hash(n)))),
    verb("HELP", "HELP [<verb>]",                     None,                            |arg| optional(arg).map(Command::Help)),
    verb("HOST", "HOST <host>",                       Some("HOST"),                    |arg| name(arg).map(|_| Command::Host)),
    verb("LANG", "LANG [<tag>]",                      Some("LANG EN*"),                lang),
    verb("LIST", "LIST [-adrtS] [<path>]",            None,                            |arg| list(ListFormat::Long, arg)),
    verb("MDTM", "MDTM [<time>] <name>",              Some("MDTM"),                    mdtm),
    verb("MFF",  "MFF <fact>=<value>;... <name>",     Some("MFF modify;UNIX.mode;"),   mff),
    verb("MFMT", "MFMT <time> <name>",                Some("MFMT"),                    |arg| set_time(arg, "MFMT")),
    verb("MKD",  "MKD <folder>",                      None,                            |arg| name(arg).map(|n| File(FileCommand::Mkd(n)))),
    verb("MLSD", "MLSD [<folder>]",                   None,                            mlsd),
    // Its FEAT line shows the session's facts: see `session::info`.
    verb("MLST", "MLST [<path>]",                     None,                            |arg| optional(arg).map(|n| File(FileCommand::Mlst(n)))),
    verb("MODE", "MODE S",                            None,                            |arg| structure(arg, b"S")),
    verb("NLST", "NLST [-drtS] [<path>]",             None,                            |arg| list(ListFormat::Names, arg)),
    verb("NOOP", "NOOP",                              None,                            |_| Ok(Command::Noop)),
    verb("OPTS", "OPTS UTF8 ON | OPTS MLST <fact>;... | OPTS HASH <algorithm>", None,                            opts),
    verb("PASS", "PASS <password>",                   None,                            pass),
    verb("PASV", "PASV",                              Some("PASV"),                    |_| Ok(File(FileCommand::Pasv))),
    tls("PBSZ", "PBSZ 0",                             Some("PBSZ"),                    |arg| size(arg).map(|_| Command::Pbsz)),
    verb("PORT", "PORT <h1,h2,h3,h4,p1,p2>",          None,                            port),
    tls("PROT", "PROT C|P",                           Some("PROT"),                    prot),
    verb("PWD",  "PWD",                               None,                            |_| Ok(File(FileCommand::Pwd))),
    verb("QUIT", "QUIT",                              None,                            |_| Ok(Command::Quit)),
    verb("RANG", "RANG <first byte> <last byte>",       Some("RANG STREAM"),             rang),
    verb("REIN", "REIN",                              None,                            |_| Ok(Command::Rein)),
    verb("REST", "REST <bytes>",                      Some("REST STREAM"),             |arg| size(arg).map(|n| File(FileCommand::Rest(n)))),
    verb("RETR", "RETR <name>",                       None,                            |arg| name(arg).map(|n| File(FileCommand::Retr(n)))),
    verb("RMD",  "RMD <folder>",                      None,                            |arg| name(arg).map(|n| File(FileCommand::Rmd(n)))),
    verb("RNFR", "RNFR <name>",                       None,                            |arg| name(arg).map(|n| File(FileCommand::Rnfr(n)))),
    verb("RNTO", "RNTO <name>",                       None,                            |arg| name(arg).map(|n| File(FileCommand::Rnto(n)))),
    verb("SITE", "SITE CHMOD <mode> <name> | SITE UTIME <time> <name> | SITE HELP", None,                            site),
    verb("SIZE", "SIZE <name>",                       Some("SIZE"),                    |arg| name(arg).map(|n| File(FileCommand::Size(n)))),
    verb("STAT", "STAT [-drtS] [<path>]",             None,                            stat),
    verb("STOR", "STOR <name>",                       None,                            |arg| name(arg).map(|n| File(FileCommand::Stor(n)))),
    verb("STOU", "STOU [<name>]",                     None,                            |arg| optional(arg).map(|n| File(FileCommand::Stou(n)))),
    verb("STRU", "STRU F|R",                          None,                            |arg| structure(arg, b"FR")),
    verb("SYST", "SYST",                              None,                            |_| Ok(Command::Syst)),
    verb("TYPE", "TYPE A|I|L 8",                      None,                            representation),
    verb("USER", "USER <name>",                       None,                            |arg| name(arg).map(Command::User)),
    verb("XCRC", "XCRC <name> [<begin> [<end>]]",       Some("XCRC"),                    |arg| checksum(Algorithm::Crc32, arg)),
    verb("XCUP", "XCUP",                              None,                            |_| Ok(File(FileCommand::Cdup))),
    verb("XCWD", "XCWD [<folder>]",                   None,                            |arg| optional(arg).map(|n| File(FileCommand::Cwd(n)))),
    verb("XMD5", "XMD5 <name> [<begin> [<end>]]",       Some("XMD5"),                    |arg| checksum(Algorithm::Md5, arg)),
    verb("XMKD", "XMKD <folder>",                     None,                            |arg| name(arg).map(|n| File(FileCommand::Mkd(n)))),
    verb("XPWD", "XPWD",                              None,                            |_| Ok(File(FileCommand::Pwd))),
    verb("XRMD", "XRMD <folder>",                     None,                            |arg| name(arg).map(|n| File(FileCommand::Rmd(n)))),
    verb("XSHA1", "XSHA1 <name> [<begin> [<end>]]",      Some("XSHA1"),                   |arg| checksum(Algorithm::Sha1, arg)),
    verb("XSHA256", "XSHA256 <name> [<begin> [<end>]]",    Some("XSHA256"),                 |arg| checksum(Algorithm::Sha256, arg)),
    verb("XSHA512", "XSHA512 <name> [<begin> [<end>]]",    Some("XSHA512"),                 |arg| checksum(Algorithm::Sha512, arg)),
];

/// Features without a verb of their own.
pub const OTHER_FEATURES: &[&str] = &["TVFS", "UTF8"];

/// Verbs that RFC 5797 and the common extensions name, and that are not offered: `502`.
const NOT_OFFERED: &[&str] = &[
    "ADAT", "ALGS", "CONF", "CSID", "DSIZ", "ENC", "ESTA", "ESTP", "LPRT", "LPSV", "MAIL", "MIC", "MLFL", "MRCP",
    "MRSQ", "MSAM", "MSND", "MSOM", "RMDA", "SMNT", "SPSV", "THMB", "XRCP", "XRSQ", "XSEM", "XSEN", "XSHA",
];

/// Verbs that may stand between USER and PASS.
const KEEP_USER: &[&str] = &["CLNT", "FEAT", "NOOP", "OPTS", "SYST"];

/// First words of protocols that a hostile page or mail can make a browser or mailer speak here (the ALPACA attacks).
const FOREIGN: &[&str] = &[
    "CONNECT", "DATA", "DELETE", "EHLO", "GET", "HEAD", "HELO", "LHLO", "MAIL", "OPTIONS", "PATCH", "POST", "PROPFIND",
    "PUT", "RCPT", "TRACE",
];

const fn verb(
    name: &'static str,
    usage: &'static str,
    feature: Option<&'static str>,
    parse: fn(&[u8]) -> Result<Command, Reply>,
) -> Verb {
    Verb { name, usage, feature, needs_tls: false, parse }
}

const fn tls(
    name: &'static str,
    usage: &'static str,
    feature: Option<&'static str>,
    parse: fn(&[u8]) -> Result<Command, Reply>,
) -> Verb {
    Verb { name, usage, feature, needs_tls: true, parse }
}

/// Reads a line: the verb ends at the first space, the argument is what follows it, byte for byte.
///
/// # Errors
/// The reply the client gets: 500 for an unknown verb, 502 for one that is not offered, 501 or 504 for its argument.
#[inline(never)]
pub fn parse(line: &[u8]) -> Result<Command, Reply> {
    let (word, argument) = split_word(line);
    let Some(verb) = find(word) else {
        let known = NOT_OFFERED.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()));
        return Err(if known {
            Reply::new(502, "That command is not offered here.")
        } else {
            Reply::new(500, "Unknown command.")
        });
    };
    if argument.contains(&0) {
        return Err(Reply::new(501, "No NUL in an argument, please."));
    }
    (verb.parse)(argument)
}

/// The table's row of a verb, in any case.
pub fn find(word: &[u8]) -> Option<&'static Verb> {
    // The table is in the order of the alphabet; no verb is longer than XSHA256.
    let mut upper = [0; 7];
    let upper = upper.get_mut(..word.len())?;
    upper.copy_from_slice(word);
    upper.make_ascii_uppercase();
    VERBS.binary_search_by(|verb| verb.name.as_bytes().cmp(upper)).ok().map(|row| &VERBS[row])
}

/// True for a line of HTTP or mail, which only an attack on somebody's browser sends to this port.
pub fn is_foreign(line: &[u8]) -> bool {
    let (word, _) = split_word(line);
    let http = line.len() >= 9 && line[line.len() - 9..line.len() - 1].eq_ignore_ascii_case(b" HTTP/1.");
    http || FOREIGN.iter().any(|foreign| word.eq_ignore_ascii_case(foreign.as_bytes()))
}

/// True for a line that is meant to name a data port, well-formed or not.
pub fn names_data_port(line: &[u8]) -> bool {
    find(split_word(line).0).is_some_and(|verb| matches!(verb.name, "PORT" | "EPRT"))
}

/// True for a line after which a USER still holds: clients send such while a person types the password.
pub fn keeps_user(line: &[u8]) -> bool {
    find(split_word(line).0).is_some_and(|verb| KEEP_USER.contains(&verb.name))
}

/// True for a line whose verb is offered only where TLS is.
pub fn needs_tls(line: &[u8]) -> bool {
    find(split_word(line).0).is_some_and(|verb| verb.needs_tls)
}

/// A line as the log may show it: without a password, and of a stranger's only what is a command.
pub fn loggable(line: &[u8], logged_in: bool) -> &[u8] {
    let (word, _) = split_word(line);
    let start = line.trim_ascii_start();
    let secret =
        ["PASS", "ACCT"].iter().any(|verb| start.len() >= 4 && start[..4].eq_ignore_ascii_case(verb.as_bytes()));
    match () {
        () if secret => b"PASS ***",
        () if !logged_in && find(word).is_none() => b"(no command)",
        () => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::command::{Password, Representation, SortKey, Sorting, Switches};
    use crate::protocol::path::Name;
    use proptest::prelude::*;

    fn file_name(text: &str) -> Name {
        Name::new(text.as_bytes()).expect("not empty")
    }

    #[test]
    fn the_table_is_sorted_and_each_row_is_found_in_any_case() {
        assert!(VERBS.is_sorted_by(|a, b| a.name < b.name));
        for verb in VERBS {
            assert!(find(verb.name.to_lowercase().as_bytes()).is_some_and(|found| found.name == verb.name));
            assert!(verb.usage.starts_with(verb.name));
            assert!(!NOT_OFFERED.contains(&verb.name));
        }
    }

    #[test]
    fn arguments_are_kept_byte_for_byte() {
        let plain = Switches::default();
        let dots = Switches { dots: true, ..plain };
        let cases: &[(&[u8], Command)] = &[
            (b"retr a", File(FileCommand::Retr(file_name("a")))),
            (b"RETR  a ", File(FileCommand::Retr(file_name(" a ")))),
            (b"CWD", File(FileCommand::Cwd(None))),
            (b"CWD ", File(FileCommand::Cwd(None))),
            (b"LIST -1", File(FileCommand::List(ListFormat::Long, plain, None))),
            (b"LIST -a -l x y", File(FileCommand::List(ListFormat::Long, dots, Some(file_name("x y"))))),
            (b"NLST -- -x", File(FileCommand::List(ListFormat::Names, plain, Some(file_name("-x"))))),
            (b"MLSD -x", File(FileCommand::List(ListFormat::Facts, plain, Some(file_name("-x"))))),
            (b"STAT", Command::Stat),
            (b"STAT -l", File(FileCommand::StatPath(plain, None))),
            (b"STAT -al -- -x", File(FileCommand::StatPath(dots, Some(file_name("-x"))))),
            (b"TYPE L 8", File(FileCommand::Type(Representation::Image))),
            (b"PASS ", Command::Pass(Password(vec![]))),
            (b"PASS  a b", Command::Pass(Password(b" a b".to_vec()))),
            (b"REST 9223372036854775807", File(FileCommand::Rest(i64::MAX.unsigned_abs()))),
            (b"ALLO 10 R 5", File(FileCommand::Allo(10))),
            (b"MDTM 20240101000000", File(FileCommand::Mdtm(file_name("20240101000000")))),
        ];
        for (line, command) in cases {
            assert_eq!(parse(line).as_ref(), Ok(command), "{}", line.escape_ascii());
        }
    }

    #[test]
    fn switches_are_read_as_ls_reads_them() {
        let plain = Switches::default();
        let by = |key, reversed| Switches { sorting: Sorting { key, reversed }, ..plain };
        let cases = [
            ("", plain),
            ("-1", plain),
            ("-lRCFTsA -U", plain),
            ("--sort=time", plain),
            ("-", plain),
            ("-- -t", plain),
            ("x -t", plain),
            ("-t", by(SortKey::Time, false)),
            ("-LS", by(SortKey::Size, false)),
            ("-tr", by(SortKey::Time, true)),
            ("-l -t -r", by(SortKey::Time, true)),
            ("-r", by(SortKey::Name, true)),
            ("-rr", by(SortKey::Name, true)),
            ("-St", by(SortKey::Time, false)),
            ("-t -S", by(SortKey::Size, false)),
            ("-lat", Switches { dots: true, ..by(SortKey::Time, false) }),
            ("-ld", Switches { itself: true, ..plain }),
        ];
        for (text, expected) in cases {
            let found = match parse(format!("LIST {text}").as_bytes()) {
                Ok(File(FileCommand::List(ListFormat::Long, switches, _))) => switches,
                other => panic!("{text}: {other:?}"),
            };
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn times_and_modes_are_read_from_all_their_commands() {
        let cases: &[(&str, Option<i64>, Option<u16>)] = &[
            ("MFMT 20241122100000 a b", Some(1_732_269_600), None),
            ("MDTM 20241122100000 a b", Some(1_732_269_600), None),
            ("MFF Modify=20241122100000;UNIX.mode=0640; a b", Some(1_732_269_600), Some(0o640)),
            ("SITE CHMOD 755 a b", None, Some(0o755)),
            ("SITE UTIME 20241122100000 a b", Some(1_732_269_600), None),
            ("SITE UTIME 202411221000 a b", Some(1_732_269_600), None),
            ("SITE UTIME a b 20200101000000 20241122100000 20200101000000 UTC", Some(1_732_269_600), None),
        ];
        for (line, modify, mode) in cases {
            let Ok(File(FileCommand::SetFacts(change, name))) = parse(line.as_bytes()) else { panic!("{line}") };
            assert_eq!((change.modify, change.mode, name.as_bytes()), (*modify, *mode, &b"a b"[..]), "{line}");
        }
    }

    #[test]
    fn bad_lines_get_their_codes() {
        let cases: &[(&str, u16)] = &[
            ("", 500),
            ("FOO", 500),
            (" NOOP", 500),
            ("NOOPX", 500),
            ("STORE x", 500),
            ("AUTH", 501),
            ("PBSZ x", 501),
            ("PROT", 501),
            ("SMNT", 502),
            ("xsha x", 502),
            ("XCRC", 501),
            ("RANG 2 1", 501),
            ("RANG 1", 501),
            ("OPTS HASH X", 504),
            ("RETR", 501),
            ("RETR ", 501),
            ("RETR a\0b", 501),
            ("REST", 501),
            ("REST -1", 501),
            ("REST 9223372036854775808", 501),
            ("REST 1x", 501),
            ("ALLO x", 501),
            ("TYPE", 501),
            ("TYPE E", 504),
            ("TYPE L 7", 504),
            ("STRU P", 504),
            ("MODE B", 504),
            ("PORT 1,2,3", 501),
            ("EPRT |3|::1|5|", 522),
            ("EPSV 3", 522),
            ("EPSV x", 501),
            ("OPTS", 501),
            ("OPTS UTF8 OFF", 504),
            ("OPTS X", 504),
            ("LANG de", 504),
            ("MFMT x y", 501),
            ("MFMT 20241122100000", 501),
            ("MFF modify=20241122100000 x", 501),
            ("MFF size=1; x", 504),
            ("MFF UNIX.mode=644;UNIX.mode=600; x", 501),
            ("SITE", 501),
            ("SITE EXEC ls", 504),
            ("SITE CHMOD 4755 x", 501),
            ("SITE CHMOD 88 x", 501),
            ("SITE CHMOD 755", 501),
            ("SITE CHMOD 77777777777 x", 501),
            ("SITE CHMOD 600(x", 501),
            ("SITE UTIME x", 501),
            ("USER", 501),
            ("PASS a\0", 501),
        ];
        for (line, code) in cases {
            assert_eq!(parse(line.as_bytes()).map_err(|reply| reply.code()), Err(*code), "{line:?}");
        }
    }

    #[test]
    fn other_protocols_are_told_by_their_lines() {
        for line in ["GET / HTTP/1.1", "get /", "EHLO x", "STOR x HTTP/1.0", "OPTIONS *"] {
            assert!(is_foreign(line.as_bytes()), "{line}");
        }
        for line in ["USER get", "STOR x HTTP/1.0x", "OPTS UTF8 ON", "HTTP/1.1", ""] {
            assert!(!is_foreign(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_password_is_not_loggable() {
        for line in ["PASS secret", "pass secret", "  PASS secret", "PaSs secret", "PASS\tsecret", "PASSsecret"] {
            assert_eq!(loggable(line.as_bytes(), true), b"PASS ***");
        }
        assert_eq!(loggable(b"USER bob", false), b"USER bob");
        assert_eq!(loggable(b"secret", false), b"(no command)");
        assert_eq!(loggable(b"XYZ", true), b"XYZ");
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(verb in 0..VERBS.len(), argument in proptest::collection::vec(any::<u8>(), 0..60)) {
            let line = [VERBS[verb].name.as_bytes(), b" ", &argument].concat();
            let _ = parse(&line);
            let _ = parse(&argument);
            let _ = is_foreign(&argument);
        }
    }
}
