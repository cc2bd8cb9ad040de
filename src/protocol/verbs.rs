//! The table of verbs: FEAT, HELP and the parser read it, so none of them can know a command that the others don't.

use crate::protocol::arguments::*;
use crate::protocol::command::{Algorithm, Command, FileCommand, ListFormat, Switches};
use crate::protocol::path::Name;
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
    argument: Argument,
    motion: Motion,
}

/// What comes after a verb and a blank. Every blank of a name is part of it; before and after words they do not count.
enum Argument {
    /// Nothing that counts.
    Nothing(Read),
    /// A name that must be there.
    Path(fn(Name) -> FileCommand),
    /// A name, or nothing.
    AnyPath(fn(Option<Name>) -> FileCommand),
    /// Words.
    Words(Read),
    /// Words and a name, or what is like a name: its reader tells them apart.
    Mixed(Read),
}

type Read = fn(&[u8]) -> Result<Command, Reply>;

/// Whether a command moves bytes of files or folders: that uses up what was said of the next one to do so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// Not at all.
    Still,
    /// HASH: inside the server.
    Digest,
    /// RETR and the lists.
    Download,
    /// STOR, STOU, APPE.
    Upload,
}

use Argument::{AnyPath, Mixed, Nothing, Path, Words};
use Command::File;

/// Every verb that is offered, in the order of the alphabet.
#[rustfmt::skip]
pub const VERBS: &[Verb] = &[
    verb("ABOR", "ABOR",                              None,                            Nothing(|_| Ok(File(FileCommand::Abor)))),
    verb("ACCT", "ACCT <account>",                    None,                            Nothing(|_| Ok(Command::Acct))),
    verb("ALLO", "ALLO <bytes>",                      None,                            Words(|arg| size(first_word(arg)).map(|n| File(FileCommand::Allo(n))))),
    verb("APPE", "APPE <name>",                       None,                            Path(FileCommand::Appe)).moving(Motion::Upload),
    tls("AUTH", "AUTH TLS|TLS-C|TLS-P|SSL",           Some("AUTH TLS"),                Words(auth)),
    verb("AVBL", "AVBL [<path>]",                       Some("AVBL"),                    AnyPath(FileCommand::Avbl)),
    tls("CCC",  "CCC",                                None,                            Nothing(|_| Ok(Command::Ccc))),
    verb("CDUP", "CDUP",                              None,                            Nothing(|_| Ok(File(FileCommand::Cdup)))),
    verb("CLNT", "CLNT <client>",                     Some("CLNT"),                    Words(|arg| name(arg).map(|_| Command::Clnt))),
    verb("CWD",  "CWD [<folder>]",                    None,                            AnyPath(FileCommand::Cwd)),
    verb("DELE", "DELE <name>",                       None,                            Path(FileCommand::Dele)),
    verb("EPRT", "EPRT |<family>|<address>|<port>|",  Some("EPRT"),                    Words(eprt)),
    verb("EPSV", "EPSV [1|2|ALL]",                    Some("EPSV"),                    Words(epsv)),
    verb("FEAT", "FEAT",                              None,                            Nothing(|_| Ok(Command::Feat))),
    // Its FEAT line shows the session's checksum: see `session::info`.
    verb("HASH", "HASH <name>",                         None,                            Path(FileCommand::Hash)).moving(Motion::Digest),
    verb("HELP", "HELP [<verb>]",                     None,                            Words(|arg| optional(arg).map(Command::Help))),
    verb("HOST", "HOST <host>",                       Some("HOST"),                    Words(|arg| name(arg).map(|_| Command::Host))),
    verb("LANG", "LANG [<tag>]",                      Some("LANG EN*"),                Words(lang)),
    verb("LIST", "LIST [-adrtS] [<path>]",            None,                            Mixed(|arg| list(ListFormat::Long, arg))).moving(Motion::Download),
    verb("MDTM", "MDTM [<time>] <name>",              Some("MDTM"),                    Mixed(mdtm)),
    verb("MFF",  "MFF <fact>=<value>;... <name>",     Some("MFF modify;UNIX.mode;"),   Mixed(mff)),
    verb("MFMT", "MFMT <time> <name>",                Some("MFMT"),                    Mixed(|arg| set_time(arg, "MFMT"))),
    verb("MKD",  "MKD <folder>",                      None,                            Path(FileCommand::Mkd)),
    verb("MLSD", "MLSD [<folder>]",                   None,                            AnyPath(|path| FileCommand::List(ListFormat::Facts, Switches::default(), path))).moving(Motion::Download),
    // Its FEAT line shows the session's facts: see `session::info`.
    verb("MLST", "MLST [<path>]",                     None,                            AnyPath(FileCommand::Mlst)),
    verb("MODE", "MODE S",                            None,                            Words(|arg| structure(arg, b'S'))),
    verb("NLST", "NLST [-drtS] [<path>]",             None,                            Mixed(|arg| list(ListFormat::Names, arg))).moving(Motion::Download),
    verb("NOOP", "NOOP",                              None,                            Nothing(|_| Ok(Command::Noop))),
    verb("OPTS", "OPTS UTF8 ON | OPTS MLST <fact>;... | OPTS HASH <algorithm>", None,                            Words(opts)),
    verb("PASS", "PASS <password>",                   None,                            Mixed(pass)),
    verb("PASV", "PASV",                              Some("PASV"),                    Nothing(|_| Ok(File(FileCommand::Pasv)))),
    tls("PBSZ", "PBSZ 0",                             Some("PBSZ"),                    Words(|arg| size(arg).map(|_| Command::Pbsz))),
    verb("PORT", "PORT <h1,h2,h3,h4,p1,p2>",          None,                            Words(port)),
    tls("PROT", "PROT C|P",                           Some("PROT"),                    Words(prot)),
    verb("PWD",  "PWD",                               None,                            Nothing(|_| Ok(File(FileCommand::Pwd)))),
    verb("QUIT", "QUIT",                              None,                            Nothing(|_| Ok(Command::Quit))),
    verb("RANG", "RANG <first byte> <last byte>",       Some("RANG STREAM"),             Words(rang)),
    verb("REIN", "REIN",                              None,                            Nothing(|_| Ok(Command::Rein))),
    verb("REST", "REST <bytes>",                      Some("REST STREAM"),             Words(|arg| size(arg).map(|n| File(FileCommand::Rest(n))))),
    verb("RETR", "RETR <name>",                       None,                            Path(FileCommand::Retr)).moving(Motion::Download),
    verb("RMD",  "RMD <folder>",                      None,                            Path(FileCommand::Rmd)),
    verb("RNFR", "RNFR <name>",                       None,                            Path(FileCommand::Rnfr)),
    verb("RNTO", "RNTO <name>",                       None,                            Path(FileCommand::Rnto)),
    verb("SITE", "SITE CHMOD <mode> <name> | SITE UTIME <time> <name> | SITE HELP", None,                            Mixed(site)),
    verb("SIZE", "SIZE <name>",                       Some("SIZE"),                    Path(FileCommand::Size)),
    verb("STAT", "STAT [-drtS] [<path>]",             None,                            Mixed(stat)),
    verb("STOR", "STOR <name>",                       None,                            Path(FileCommand::Stor)).moving(Motion::Upload),
    verb("STOU", "STOU [<name>]",                     None,                            AnyPath(FileCommand::Stou)).moving(Motion::Upload),
    verb("STRU", "STRU F",                            None,                            Words(|arg| structure(arg, b'F'))),
    verb("SYST", "SYST",                              None,                            Nothing(|_| Ok(Command::Syst))),
    verb("TYPE", "TYPE A|I|L 8",                      None,                            Words(representation)),
    verb("USER", "USER <name>",                       None,                            Mixed(|arg| name(arg).map(Command::User))),
    verb("XCRC", "XCRC <name> [<begin> [<end>]]",       Some("XCRC"),                    Path(|name| FileCommand::Checksum(Algorithm::Crc32, name))),
    verb("XCUP", "XCUP",                              None,                            Nothing(|_| Ok(File(FileCommand::Cdup)))),
    verb("XCWD", "XCWD [<folder>]",                   None,                            AnyPath(FileCommand::Cwd)),
    verb("XMD5", "XMD5 <name> [<begin> [<end>]]",       Some("XMD5"),                    Path(|name| FileCommand::Checksum(Algorithm::Md5, name))),
    verb("XMKD", "XMKD <folder>",                     None,                            Path(FileCommand::Mkd)),
    verb("XPWD", "XPWD",                              None,                            Nothing(|_| Ok(File(FileCommand::Pwd)))),
    verb("XRMD", "XRMD <folder>",                     None,                            Path(FileCommand::Rmd)),
    verb("XSHA1", "XSHA1 <name> [<begin> [<end>]]",      Some("XSHA1"),                   Path(|name| FileCommand::Checksum(Algorithm::Sha1, name))),
    verb("XSHA256", "XSHA256 <name> [<begin> [<end>]]",    Some("XSHA256"),                 Path(|name| FileCommand::Checksum(Algorithm::Sha256, name))),
    verb("XSHA512", "XSHA512 <name> [<begin> [<end>]]",    Some("XSHA512"),                 Path(|name| FileCommand::Checksum(Algorithm::Sha512, name))),
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

const fn verb(name: &'static str, usage: &'static str, feature: Option<&'static str>, argument: Argument) -> Verb {
    Verb { name, usage, feature, needs_tls: false, argument, motion: Motion::Still }
}

const fn tls(name: &'static str, usage: &'static str, feature: Option<&'static str>, argument: Argument) -> Verb {
    Verb { name, usage, feature, needs_tls: true, argument, motion: Motion::Still }
}

impl Verb {
    const fn moving(self, motion: Motion) -> Self {
        Self { motion, ..self }
    }

    fn read(&self, argument: &[u8]) -> Result<Command, Reply> {
        match self.argument {
            Nothing(read) | Mixed(read) => read(argument),
            Words(read) => read(argument.trim_ascii()),
            Path(command) => name(argument).map(|name| File(command(name))),
            AnyPath(command) => Ok(File(command(Name::new(argument)))),
        }
    }
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
    if argument.contains(&0) { verb.read(&without_telnet_nul(argument)?) } else { verb.read(argument) }
}

/// Telnet writes a CR that ends no line as CR NUL (RFC 854, RFC 2640 §3.1); no other NUL has a meaning.
#[cold]
fn without_telnet_nul(argument: &[u8]) -> Result<Vec<u8>, Reply> {
    let mut bytes = Vec::with_capacity(argument.len());
    let mut after_cr = false;
    for &byte in argument {
        match byte {
            0 if after_cr => {}
            0 => return Err(Reply::new(501, "No NUL in an argument, please.")),
            byte => bytes.push(byte),
        }
        after_cr = byte == b'\r';
    }
    Ok(bytes)
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

/// Whether this line's command moves bytes, however its argument looks.
pub fn motion(line: &[u8]) -> Motion {
    find(split_word(line).0).map_or(Motion::Still, |verb| verb.motion)
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
    use crate::protocol::command::{Password, Representation, SortKey, Sorting};
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
            (b"MDTM 20240101000000 ", File(FileCommand::Mdtm(file_name("20240101000000 ")))),
            (b"DELE a\r\0b\r\0", File(FileCommand::Dele(file_name("a\rb\r")))),
            (b"USER  bob ", Command::User(file_name(" bob "))),
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
    fn blanks_before_and_after_words_do_not_count() {
        for line in [
            "ALLO 10",
            "AUTH TLS",
            "CLNT x",
            "EPRT |1|127.0.0.1|2000|",
            "EPSV",
            "EPSV 1",
            "EPSV ALL",
            "HELP",
            "HELP RETR",
            "HOST x",
            "LANG",
            "LANG en",
            "MODE S",
            "OPTS HASH",
            "OPTS HASH MD5",
            "OPTS UTF8 ON",
            "PBSZ 0",
            "PORT 127,0,0,1,7,208",
            "PROT P",
            "RANG 1 2",
            "REST 0",
            "SITE HELP",
            "STRU F",
            "TYPE A",
            "TYPE A N",
            "TYPE I",
            "TYPE L 8",
        ] {
            let expected = parse(line.as_bytes());
            assert!(expected.is_ok(), "{line}");
            let spread = format!("{}  ", line.replace(' ', "   "));
            assert_eq!(parse(spread.as_bytes()), expected, "{spread}");
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
            ("MFMT  20241122100000 a b", Some(1_732_269_600), None),
            ("MDTM  20241122100000 a b", Some(1_732_269_600), None),
            ("MFF  UNIX.mode=640; a b", None, Some(0o640)),
            ("SITE  CHMOD  755 a b", None, Some(0o755)),
            ("SITE  UTIME  20241122100000 a b", Some(1_732_269_600), None),
            ("SITE UTIME a b 20200101000000 20241122100000 20200101000000 UTC  ", Some(1_732_269_600), None),
            ("SITE CHMOD 4755 a b", None, Some(0o755)),
            ("SITE CHMOD 02775 a b", None, Some(0o775)),
            ("MFF UNIX.mode=1777; a b", None, Some(0o777)),
        ];
        for (line, modify, mode) in cases {
            let (change, name) = match parse(line.as_bytes()) {
                Ok(File(FileCommand::SetFacts(change, name) | FileCommand::MdtmOrSet(_, change, name))) => {
                    (change, name)
                }
                other => panic!("{line}: {other:?}"),
            };
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
            ("SITE CHMOD 64 x", 501),
            ("SITE CHMOD 12345 x", 501),
            ("SITE CHMOD 755 ", 501),
            ("STRU R", 504),
            ("STRU R ", 504),
            ("TYPE A N N", 504),
            ("TYPE  ", 501),
            ("DELE a\0", 501),
            ("DELE a\r\0\0", 501),
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
