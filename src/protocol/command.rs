//! Commands as values: what a line of the control connection asks for. Parsed by the table in [`super::verbs`].

use std::fmt;
use std::net::SocketAddr;
use std::ops::Range;

use crate::protocol::path::Name;

/// A command that may be given before login; all that needs one is in [`FileCommand`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// USER (RFC 959 §4.1.1)
    User(Name),
    /// PASS (RFC 959 §4.1.1)
    Pass(Password),
    /// ACCT (RFC 959 §4.1.1)
    Acct,
    /// REIN (RFC 959 §4.1.1)
    Rein,
    /// QUIT (RFC 959 §4.1.1)
    Quit,
    /// NOOP (RFC 959 §4.1.3)
    Noop,
    /// SYST (RFC 959 §4.1.3)
    Syst,
    /// FEAT (RFC 2389 §3)
    Feat,
    /// HELP, of one verb or of all (RFC 959 §4.1.3)
    Help(Option<Name>),
    /// OPTS (RFC 2389 §4)
    Opts(Opts),
    /// CLNT: the client's own name
    Clnt,
    /// HOST (RFC 7151)
    Host,
    /// LANG (RFC 2640 §4)
    Lang,
    /// STAT without argument (RFC 959 §4.1.3)
    Stat,
    /// AUTH: TLS from now on, and the level that its mechanism implies for data connections (RFC 4217 §4)
    Auth(ProtectionLevel),
    /// PBSZ, whatever its number (RFC 4217 §8)
    Pbsz,
    /// PROT (RFC 4217 §9)
    Prot(ProtectionLevel),
    /// CCC (RFC 4217 §6)
    Ccc,
    /// A command that needs a login.
    File(FileCommand),
}

/// A command that needs a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileCommand {
    /// PWD
    Pwd,
    /// CWD; without argument `/`
    Cwd(Option<Name>),
    /// CDUP
    Cdup,
    /// LIST, NLST or MLSD
    List(ListFormat, Switches, Option<Name>),
    /// MLST (RFC 3659 §7)
    Mlst(Option<Name>),
    /// STAT of a path, or with switches alone
    StatPath(Switches, Option<Name>),
    /// SIZE (RFC 3659 §4)
    Size(Name),
    /// MDTM (RFC 3659 §3)
    Mdtm(Name),
    /// MDTM with what may be a time and a name, or one name that begins like a time: the whole, the change, the name
    MdtmOrSet(Name, FactChange, Name),
    /// MFMT, MFF, SITE UTIME, SITE CHMOD: sets facts of a file
    SetFacts(FactChange, Name),
    /// RETR
    Retr(Name),
    /// STOR
    Stor(Name),
    /// STOU
    Stou(Option<Name>),
    /// APPE
    Appe(Name),
    /// REST in bytes (RFC 3659 §5)
    Rest(u64),
    /// ALLO in bytes
    Allo(u64),
    /// DELE
    Dele(Name),
    /// RMD
    Rmd(Name),
    /// MKD
    Mkd(Name),
    /// RNFR
    Rnfr(Name),
    /// RNTO
    Rnto(Name),
    /// SITE HELP
    SiteHelp,
    /// TYPE
    Type(Representation),
    /// STRU F, MODE S: all there is
    Structure,
    /// PASV
    Pasv,
    /// EPSV (RFC 2428 §3)
    Epsv(Epsv),
    /// PORT or EPRT
    Port(SocketAddr),
    /// ABOR
    Abor,
    /// HASH of a file (draft-bryan-ftpext-hash)
    Hash(Name),
    /// RANG: the part for the next HASH or RETR; none = whole files (draft-bryan-ftp-range)
    Rang(Option<Window>),
    /// XCRC, XMD5, XSHA1, XSHA256, XSHA512: a name, perhaps with a range
    Checksum(Algorithm, Name),
    /// AVBL: free space (draft-peterson-streamlined-ftp-command-extensions)
    Avbl(Option<Name>),
}

impl FileCommand {
    /// The names in it, as they were sent.
    pub fn names_mut(&mut self) -> [Option<&mut Name>; 2] {
        use FileCommand as F;
        match self {
            F::Size(name) | F::Mdtm(name) | F::SetFacts(_, name) | F::Retr(name) | F::Stor(name) => [Some(name), None],
            F::Appe(name) | F::Dele(name) | F::Rmd(name) | F::Mkd(name) | F::Rnfr(name) => [Some(name), None],
            F::Rnto(name) | F::Hash(name) | F::Checksum(_, name) => [Some(name), None],
            F::MdtmOrSet(whole, _, name) => [Some(whole), Some(name)],
            F::Cwd(name) | F::List(_, _, name) | F::Mlst(name) | F::StatPath(_, name) => [name.as_mut(), None],
            F::Stou(name) | F::Avbl(name) => [name.as_mut(), None],
            F::Pwd | F::Cdup | F::Rest(_) | F::Allo(_) | F::SiteHelp | F::Type(_) | F::Structure => [None, None],
            F::Pasv | F::Epsv(_) | F::Port(_) | F::Abor | F::Rang(_) => [None, None],
        }
    }
}

/// A part of a file, from its first to its last byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Counted from 0.
    pub first: u64,
    /// Not before the first.
    pub last: u64,
}

impl Window {
    /// The bytes of it that a file of this size has; the range ends before it starts if that is none.
    pub fn within(self, size: u64) -> Range<u64> {
        self.first..self.last.saturating_add(1).min(size)
    }
}

/// How data connections are protected (RFC 2228 §3).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ProtectionLevel {
    /// Not at all.
    #[default]
    Clear,
    /// By TLS.
    Private,
}

/// A checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// SHA-256
    Sha256,
    /// SHA-512
    Sha512,
    /// SHA-1
    Sha1,
    /// MD5
    Md5,
    /// CRC-32 as in zip
    Crc32,
}

impl Algorithm {
    /// Every checksum under the name that HASH knows, the default one first.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Sha256, "SHA-256"),
        (Self::Sha512, "SHA-512"),
        (Self::Sha1, "SHA-1"),
        (Self::Md5, "MD5"),
        (Self::Crc32, "CRC32"),
    ];

    /// The checksum of that name, in any case.
    pub fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(algorithm, _)| *algorithm)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(algorithm, _)| *algorithm == self).map_or("", |(_, name)| name)
    }
}

/// The representation type of a transfer (RFC 959 §3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Representation {
    /// TYPE A: lines end with CR LF on the wire.
    Ascii,
    /// TYPE I: bytes as they are.
    Image,
}

/// How a listing on the data connection looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListFormat {
    /// LIST: lines as `ls -l` writes them
    Long,
    /// NLST: names alone
    Names,
    /// MLSD: facts (RFC 3659 §7)
    Facts,
}

/// What switches before a path ask for, as if the server were `ls`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Switches {
    /// `-t`, `-S`, `-r`
    pub sorting: Sorting,
    /// `-d`: a folder itself, not what is in it
    pub itself: bool,
    /// `-a`: the folder and the one above it, too
    pub dots: bool,
}

/// The order of a listing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sorting {
    /// What decides; entries that are equal in it are in the order of their names.
    pub key: SortKey,
    /// The last one first.
    pub reversed: bool,
}

/// What a listing is sorted by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SortKey {
    /// The name
    #[default]
    Name,
    /// The modification time, the newest first
    Time,
    /// The size, the largest first
    Size,
}

impl Switches {
    /// Adds a letter. Of `-t` and `-S` the last one counts; unknown letters change nothing.
    pub fn add(&mut self, letter: u8) {
        match letter {
            b't' => self.sorting.key = SortKey::Time,
            b'S' => self.sorting.key = SortKey::Size,
            b'r' => self.sorting.reversed = true,
            b'd' => self.itself = true,
            b'a' => self.dots = true,
            _ => {}
        }
    }
}

/// What EPSV's argument asks for (RFC 2428 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Epsv {
    /// The family of the control connection.
    Same,
    /// IPv4 (1) is asked for.
    V4,
    /// IPv6 (2) is asked for.
    V6,
    /// EPSV ALL: no other way of making data connections will be used.
    All,
}

/// Options that OPTS sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opts {
    /// OPTS UTF8 ON: names are UTF-8, even those of an account with a charset.
    Utf8,
    /// OPTS UTF8 OFF: names are in the account's charset, if it has one.
    NoUtf8,
    /// OPTS MLST with the facts wanted, separated by `;`.
    Mlst(Vec<u8>),
    /// OPTS HASH: another checksum for HASH, or which one it is.
    Hash(Option<Algorithm>),
}

/// New facts for a file; none = left as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FactChange {
    /// The command, for the log.
    pub verb: &'static str,
    /// Modification time in Unix seconds.
    pub modify: Option<i64>,
    /// Permission bits, never more than 0o777.
    pub mode: Option<u16>,
    /// The reply's text before the name, as the command wants it.
    pub echo: String,
    /// 213, or 200 for the SITE commands.
    pub code: u16,
}

/// A password as the client sent it; prints as `***`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(pub Vec<u8>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_password_is_never_in_debug(password in "[a-z]{4,12}") {
            let command = Command::Pass(Password(password.clone().into_bytes()));
            let shown = format!("{command:?}");
            prop_assert!(!shown.contains(&password));
        }
    }
}
