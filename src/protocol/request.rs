//! A line of the control connection becomes a [`Request`], once: its verb's row in the table, and the command it stands
//! for or why it stands for none.

use crate::protocol::arguments::split_word;
use crate::protocol::command::Command;
use crate::protocol::reply::Reply;
use crate::protocol::verbs::{Role, Verb, is_offered_elsewhere};

/// A line and what it means.
#[derive(Debug)]
pub struct Request<'a> {
    line: &'a [u8],
    /// Its verb, if that is offered.
    pub verb: Option<&'static Verb>,
    /// What it asks for.
    pub command: Result<Command, Malformed>,
}

/// Why a line is no command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// Its verb is unknown.
    Unknown,
    /// Its verb is one that this server does not have.
    NotOffered,
    /// Its argument does not have the required form.
    Syntax(&'static str),
    /// Its argument has a value that is not offered.
    Value(&'static str),
    /// It names another network protocol than IPv4 and IPv6 (RFC 2428 §2).
    Family,
    /// It names a protection level that TLS does not have (RFC 4217 §9).
    Level,
}

/// First words of protocols that a hostile page or mail can make a browser or mailer speak here (the ALPACA attacks).
const FOREIGN: [(&str, &[&str]); 2] = [
    (HTTP, &["CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PROPFIND", "PUT", "TRACE"]),
    ("mail", &["DATA", "EHLO", "HELO", "LHLO", "MAIL", "RCPT"]),
];
const HTTP: &str = "HTTP";

impl<'a> Request<'a> {
    /// Reads a line: the verb ends at the first space, the argument is what follows it, byte for byte.
    #[inline(never)]
    pub fn parse(line: &'a [u8]) -> Self {
        let (word, argument) = split_word(line);
        let verb = Verb::find(word);
        let command = match verb {
            Some(verb) if argument.contains(&0) => without_telnet_nul(argument).and_then(|bytes| verb.read(&bytes)),
            Some(verb) => verb.read(argument),
            None if is_offered_elsewhere(word) => Err(Malformed::NotOffered),
            None => Err(Malformed::Unknown),
        };
        Self { line, verb, command }
    }

    /// What the session must know of the verb even if the argument is malformed.
    pub fn role(&self) -> Role {
        self.verb.map_or(Role::Plain, |verb| verb.role)
    }

    /// The protocol of a line of HTTP or mail, which only an attack on a browser or mailer sends to this port, or of TLS.
    pub fn foreign(&self) -> Option<&'static str> {
        let (line, (word, _)) = (self.line, split_word(self.line));
        if is_tls(line) {
            return Some(TLS);
        }
        if line.len() >= 9 && line[line.len() - 9..line.len() - 1].eq_ignore_ascii_case(b" HTTP/1.") {
            return Some(HTTP);
        }
        let speaks = |words: &[&str]| words.iter().any(|foreign| word.eq_ignore_ascii_case(foreign.as_bytes()));
        FOREIGN.iter().find(|(_, words)| speaks(words)).map(|(protocol, _)| *protocol)
    }

    /// The line as the log may show it: without a password, and before login only if it is a command.
    pub fn loggable(&self, logged_in: bool) -> &'a [u8] {
        let start = self.line.trim_ascii_start();
        let secret =
            ["PASS", "ACCT"].iter().any(|verb| start.len() >= 4 && start[..4].eq_ignore_ascii_case(verb.as_bytes()));
        match self.verb {
            _ if secret => b"PASS ***",
            None if !logged_in => b"(no command)",
            _ => self.line,
        }
    }
}

/// Whether this is the beginning of a TLS handshake (RFC 8446 §5.1).
pub fn is_tls(bytes: &[u8]) -> bool {
    bytes.starts_with(&[22, 3])
}

/// The protocol of such bytes.
pub const TLS: &str = "TLS";

/// Telnet writes a CR that ends no line as CR NUL (RFC 854, RFC 2640 §3.1); no other NUL has a meaning.
#[cold]
fn without_telnet_nul(argument: &[u8]) -> Result<Vec<u8>, Malformed> {
    let mut bytes = Vec::with_capacity(argument.len());
    let mut after_cr = false;
    for &byte in argument {
        match byte {
            0 if after_cr => {}
            0 => return Err(Malformed::Syntax("No NUL in an argument, please.")),
            byte => bytes.push(byte),
        }
        after_cr = byte == b'\r';
    }
    Ok(bytes)
}

impl From<Malformed> for Reply {
    fn from(malformed: Malformed) -> Self {
        match malformed {
            Malformed::Unknown => Self::new(500, "Unknown command."),
            Malformed::NotOffered => Self::new(502, "That command is not offered here."),
            Malformed::Syntax(text) => Self::new(501, text),
            Malformed::Value(text) => Self::new(504, text),
            Malformed::Family => Self::new(522, "Network protocol not supported, use (1,2)"),
            Malformed::Level => Self::new(536, "With TLS there is PROT P and PROT C."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::command::Command::File;
    use crate::protocol::command::{FileCommand, ListFormat, Password, Representation, SortKey, Sorting, Switches};
    use crate::protocol::path::Name;
    use crate::protocol::verbs::VERBS;
    use proptest::prelude::*;

    fn read(line: &[u8]) -> Result<Command, Malformed> {
        Request::parse(line).command
    }

    fn file_name(text: &str) -> Name {
        Name::new(text.as_bytes()).expect("not empty")
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
            assert_eq!(read(line).as_ref(), Ok(command), "{}", line.escape_ascii());
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
            let found = match read(format!("LIST {text}").as_bytes()) {
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
            let expected = read(line.as_bytes());
            assert!(expected.is_ok(), "{line}");
            let spread = format!("{}  ", line.replace(' ', "   "));
            assert_eq!(read(spread.as_bytes()), expected, "{spread}");
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
            let (change, name) = match read(line.as_bytes()) {
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
            ("OPTS UTF8 NO", 504),
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
            assert_eq!(
                read(line.as_bytes()).map_err(|malformed| Reply::from(malformed).code()),
                Err(*code),
                "{line:?}"
            );
        }
    }

    #[test]
    fn other_protocols_are_told_by_their_lines() {
        let foreign = |line: &str| Request::parse(line.as_bytes()).foreign();
        for line in ["GET / HTTP/1.1", "get /", "STOR x HTTP/1.0", "OPTIONS *"] {
            assert_eq!(foreign(line), Some("HTTP"), "{line}");
        }
        assert_eq!([foreign("EHLO x"), foreign("\u{16}\u{3}\u{1}")], [Some("mail"), Some("TLS")]);
        for line in ["USER get", "STOR x HTTP/1.0x", "OPTS UTF8 ON", "HTTP/1.1", ""] {
            assert_eq!(foreign(line), None, "{line}");
        }
    }

    #[test]
    fn a_password_is_not_loggable() {
        for line in ["PASS secret", "pass secret", "  PASS secret", "PaSs secret", "PASS\tsecret", "PASSsecret"] {
            assert_eq!(Request::parse(line.as_bytes()).loggable(true), b"PASS ***");
        }
        assert_eq!(Request::parse(b"USER bob").loggable(false), b"USER bob");
        assert_eq!(Request::parse(b"secret").loggable(false), b"(no command)");
        assert_eq!(Request::parse(b"XYZ").loggable(true), b"XYZ");
    }

    proptest! {
        #[test]
        fn no_line_makes_the_parser_panic(verb in 0..VERBS.len(), argument in proptest::collection::vec(any::<u8>(), 0..60)) {
            let line = [VERBS[verb].name.as_bytes(), b" ", &argument].concat();
            let _ = read(&line);
            let _ = read(&argument);
            let _ = Request::parse(&argument).foreign();
        }
    }
}
