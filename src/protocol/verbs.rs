//! The table of verbs: FEAT, HELP and the parser read it, so none of them can know a command that the others don't.

use crate::protocol::arguments::*;
use crate::protocol::command::{Command, FileCommand};
use crate::protocol::path::Name;
use crate::protocol::request::Malformed;

/// A verb: its name, how it is used, what FEAT says of it, what it means for its session, and what its argument must be.
#[derive(Debug)]
pub struct Verb {
    /// In capitals.
    pub name: &'static str,
    /// The form of its argument, for HELP; empty if it takes none.
    form: &'static str,
    feature: Feature,
    /// What the session must know of it even if its argument is malformed.
    pub role: Role,
    argument: Argument,
}

/// What FEAT says of a verb.
#[derive(Debug)]
enum Feature {
    /// Nothing, or what depends on the session: see `session::info`.
    No,
    /// Its name.
    Yes,
    /// Its name and this.
    With(&'static str),
}

/// What a command means for the state of its session, whatever its argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// None of those below.
    Plain,
    /// It is offered only if TLS is.
    Tls,
    /// A USER before it still holds: clients send it while a person types the password.
    KeepsUser,
    /// It names a data port.
    NamesPort,
    /// HASH: it reads a file inside the server.
    Digests,
    /// RETR and the lists: it moves bytes to the client.
    Sends,
    /// STOR, STOU and APPE: it moves bytes from the client.
    Receives,
}

impl Role {
    /// Whether it takes a data port.
    pub fn is_transfer(self) -> bool {
        match self {
            Sends | Receives => true,
            Plain | Tls | KeepsUser | NamesPort | Digests => false,
        }
    }
}

/// What comes after a verb and a blank. Every blank of a name is part of it; before and after words they do not count.
#[derive(Debug)]
enum Argument {
    /// Nothing that counts.
    Nothing(Command),
    /// A name that must be there.
    Path(fn(Name) -> FileCommand),
    /// A name, or nothing.
    AnyPath(fn(Option<Name>) -> FileCommand),
    /// Words.
    Words(Read),
    /// Words and a name, or what is like a name: its reader tells them apart.
    Mixed(Read),
}

type Read = fn(&[u8]) -> Result<Command, Malformed>;

use Argument::{AnyPath, Mixed, Nothing, Path, Words};
use Command::File;
use Feature::{No, With, Yes};
use FileCommand as F;
use Role::{Digests, KeepsUser, NamesPort, Plain, Receives, Sends, Tls};

/// Every verb that is offered, in the order of the alphabet.
#[rustfmt::skip]
pub static VERBS: &[Verb] = &[
    row("ABOR",    "",                            No,                        Plain,     Nothing(File(F::Abor))),
    row("ACCT",    "<account>",                   No,                        Plain,     Nothing(Command::Acct)),
    row("ALLO",    "<bytes>",                     No,                        Plain,     Words(allo)),
    row("APPE",    "<name>",                      No,                        Receives,  Path(F::Appe)),
    row("AUTH",    "TLS|TLS-C|TLS-P|SSL",         With("TLS"),               Tls,       Words(auth)),
    row("AVBL",    "[<path>]",                    Yes,                       Plain,     AnyPath(F::Avbl)),
    row("CCC",     "",                            No,                        Tls,       Nothing(Command::Ccc)),
    row("CDUP",    "",                            No,                        Plain,     Nothing(File(F::Cdup))),
    row("CLNT",    "<client>",                    Yes,                       KeepsUser, Words(client)),
    row("CWD",     "[<folder>]",                  No,                        Plain,     AnyPath(F::Cwd)),
    row("DELE",    "<name>",                      No,                        Plain,     Path(F::Dele)),
    row("EPRT",    "|<family>|<address>|<port>|", Yes,                       NamesPort, Words(eprt)),
    row("EPSV",    "[1|2|ALL]",                   Yes,                       Plain,     Words(epsv)),
    row("FEAT",    "",                            No,                        KeepsUser, Nothing(Command::Feat)),
    row("HASH",    "<name>",                      No,                        Digests,   Path(F::Hash)),
    row("HELP",    "[<verb>]",                    No,                        Plain,     Words(help)),
    row("HOST",    "<host>",                      Yes,                       Plain,     Words(host)),
    row("LANG",    "[<tag>]",                     With("EN*"),               Plain,     Words(lang)),
    row("LIST",    "[-adrtS] [<path>]",           No,                        Sends,     Mixed(long_list)),
    row("MDTM",    "[<time>] <name>",             Yes,                       Plain,     Mixed(mdtm)),
    row("MFF",     "<fact>=<value>;... <name>",   With("modify;UNIX.mode;"), Plain,     Mixed(mff)),
    row("MFMT",    "<time> <name>",               Yes,                       Plain,     Mixed(mfmt)),
    row("MKD",     "<folder>",                    No,                        Plain,     Path(F::Mkd)),
    row("MLSD",    "[<folder>]",                  No,                        Sends,     AnyPath(fact_list)),
    row("MLST",    "[<path>]",                    No,                        Plain,     AnyPath(F::Mlst)),
    row("MODE",    "S",                           No,                        Plain,     Words(mode_of_transfer)),
    row("NLST",    "[-drtS] [<path>]",            No,                        Sends,     Mixed(name_list)),
    row("NOOP",    "",                            No,                        KeepsUser, Nothing(Command::Noop)),
    row("OPTS",    OPTS,                          No,                        KeepsUser, Words(opts)),
    row("PASS",    "<password>",                  No,                        Plain,     Mixed(pass)),
    row("PASV",    "",                            Yes,                       Plain,     Nothing(File(F::Pasv))),
    row("PBSZ",    "0",                           Yes,                       Tls,       Words(buffer_size)),
    row("PORT",    "<h1,h2,h3,h4,p1,p2>",         No,                        NamesPort, Words(port)),
    row("PROT",    "C|P",                         Yes,                       Tls,       Words(prot)),
    row("PWD",     "",                            No,                        Plain,     Nothing(File(F::Pwd))),
    row("QUIT",    "",                            No,                        Plain,     Nothing(Command::Quit)),
    row("RANG",    "<first byte> <last byte>",    With("STREAM"),            Plain,     Words(rang)),
    row("REIN",    "",                            No,                        Plain,     Nothing(Command::Rein)),
    row("REST",    "<bytes>",                     With("STREAM"),            Plain,     Words(restart)),
    row("RETR",    "<name>",                      No,                        Sends,     Path(F::Retr)),
    row("RMD",     "<folder>",                    No,                        Plain,     Path(F::Rmd)),
    row("RNFR",    "<name>",                      No,                        Plain,     Path(F::Rnfr)),
    row("RNTO",    "<name>",                      No,                        Plain,     Path(F::Rnto)),
    row("SITE",    SITE,                          No,                        Plain,     Mixed(site)),
    row("SIZE",    "<name>",                      Yes,                       Plain,     Path(F::Size)),
    row("STAT",    "[-drtS] [<path>]",            No,                        Plain,     Mixed(stat)),
    row("STOR",    "<name>",                      No,                        Receives,  Path(F::Stor)),
    row("STOU",    "[<name>]",                    No,                        Receives,  AnyPath(F::Stou)),
    row("STRU",    "F",                           No,                        Plain,     Words(file_structure)),
    row("SYST",    "",                            No,                        KeepsUser, Nothing(Command::Syst)),
    row("TYPE",    "A|I|L 8",                     No,                        Plain,     Words(representation)),
    row("USER",    "<name>",                      No,                        Plain,     Mixed(user)),
    row("XCRC",    "<name> [<begin> [<end>]]",    Yes,                       Plain,     Path(xcrc)),
    row("XCUP",    "",                            No,                        Plain,     Nothing(File(F::Cdup))),
    row("XCWD",    "[<folder>]",                  No,                        Plain,     AnyPath(F::Cwd)),
    row("XMD5",    "<name> [<begin> [<end>]]",    Yes,                       Plain,     Path(xmd5)),
    row("XMKD",    "<folder>",                    No,                        Plain,     Path(F::Mkd)),
    row("XPWD",    "",                            No,                        Plain,     Nothing(File(F::Pwd))),
    row("XRMD",    "<folder>",                    No,                        Plain,     Path(F::Rmd)),
    row("XSHA1",   "<name> [<begin> [<end>]]",    Yes,                       Plain,     Path(xsha1)),
    row("XSHA256", "<name> [<begin> [<end>]]",    Yes,                       Plain,     Path(xsha256)),
    row("XSHA512", "<name> [<begin> [<end>]]",    Yes,                       Plain,     Path(xsha512)),
];

const OPTS: &str = "UTF8 ON | OPTS MLST <fact>;... | OPTS HASH <algorithm>";
const SITE: &str = "CHMOD <mode> <name> | SITE UTIME <time> <name> | SITE HELP";

/// Features without a verb of their own.
pub const OTHER_FEATURES: &[&str] = &["TVFS", "UTF8"];

/// Verbs that RFC 5797 and the common extensions name, and that are not offered: `502`.
const NOT_OFFERED: &[&str] = &[
    "ADAT", "ALGS", "CONF", "CSID", "DSIZ", "ENC", "ESTA", "ESTP", "LPRT", "LPSV", "MAIL", "MIC", "MLFL", "MRCP",
    "MRSQ", "MSAM", "MSND", "MSOM", "RMDA", "SMNT", "SPSV", "THMB", "XRCP", "XRSQ", "XSEM", "XSEN", "XSHA",
];

const fn row(name: &'static str, form: &'static str, feature: Feature, role: Role, argument: Argument) -> Verb {
    Verb { name, form, feature, role, argument }
}

impl Verb {
    /// The row of a verb, in any case.
    pub fn find(word: &[u8]) -> Option<&'static Self> {
        // No verb is longer than XSHA256.
        let mut upper = [0; 7];
        let upper = upper.get_mut(..word.len())?;
        upper.copy_from_slice(word);
        upper.make_ascii_uppercase();
        VERBS.binary_search_by(|verb| verb.name.as_bytes().cmp(upper)).ok().map(|row| &VERBS[row])
    }

    /// Name and argument, for HELP.
    pub fn usage(&self) -> String {
        format!("{} {}", self.name, self.form).trim_end().to_owned()
    }

    /// Its line in FEAT, if it has one.
    pub fn feature(&self) -> Option<String> {
        match self.feature {
            No => None,
            Yes => Some(self.name.to_owned()),
            With(more) => Some(format!("{} {more}", self.name)),
        }
    }

    /// Reads what comes after the verb and a blank.
    pub fn read(&self, argument: &[u8]) -> Result<Command, Malformed> {
        match &self.argument {
            Nothing(command) => Ok(command.clone()),
            Mixed(read) => read(argument),
            Words(read) => read(argument.trim_ascii()),
            Path(command) => name(argument).map(|name| File(command(name))),
            AnyPath(command) => Ok(File(command(Name::new(argument)))),
        }
    }
}

/// Whether a word is a verb that others have and this server does not.
pub fn is_offered_elsewhere(word: &[u8]) -> bool {
    NOT_OFFERED.iter().any(|name| word.eq_ignore_ascii_case(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_each_row_is_found_in_any_case() {
        assert!(VERBS.is_sorted_by(|a, b| a.name < b.name));
        for verb in VERBS {
            assert!(Verb::find(verb.name.to_lowercase().as_bytes()).is_some_and(|found| found.name == verb.name));
            assert!(!is_offered_elsewhere(verb.name.as_bytes()));
        }
    }
}
