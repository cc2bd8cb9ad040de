//! The command that `--can` asks about, and what it would do.

use crate::protocol::command::{Command, FactChange, FileCommand};
use crate::protocol::path::{Name, VirtualPath};
use crate::protocol::request::{Malformed, Request};
use crate::protocol::verbs::{VERBS, Verb};
use crate::share::trial::Act;

/// A command, by what it does.
#[derive(Debug, PartialEq, Eq)]
pub enum Intent {
    /// Acts on the path; all of them must be allowed.
    Acts(Vec<Act>, VirtualPath),
    /// It opens a data connection from the server's side.
    Dial,
    /// It needs no letter and no file.
    Nothing,
}

/// How similar a verb must be to be the one that was meant.
const SIMILAR: f64 = 0.75;

impl Intent {
    /// Reads a line as a client would send it; the error says what is wrong with it.
    pub fn parse(line: &str) -> Result<Self, String> {
        let verb = line.split(' ').next().unwrap_or_default();
        match Request::parse(line.as_bytes()).command {
            Ok(Command::File(command)) => Ok(Self::of(&command)),
            Ok(_) => Ok(Self::Nothing),
            Err(Malformed::Unknown) => Err(unknown(verb)),
            Err(Malformed::NotOffered) => Err(format!("{verb} is a command that this server does not have")),
            Err(_) => {
                let usage = Verb::find(verb.as_bytes()).map(Verb::usage).unwrap_or_default();
                Err(format!("{verb} is used in another way: {usage}"))
            }
        }
    }

    fn of(command: &FileCommand) -> Self {
        use FileCommand as F;
        match command {
            F::Cwd(name) => Self::act(Act::Enter, name.as_ref()),
            F::Cdup => Self::act(Act::Enter, None),
            F::List(_, _, name) | F::Mlst(name) | F::StatPath(_, name) | F::Avbl(name) => {
                Self::act(Act::List, name.as_ref())
            }
            F::Size(name) | F::Mdtm(name) => Self::act(Act::List, Some(name)),
            F::MdtmOrSet(_, change, name) | F::SetFacts(change, name) => {
                Self::Acts(changes(change).collect(), path(Some(name)))
            }
            F::Retr(name) | F::Hash(name) | F::Checksum(_, name) => Self::act(Act::Read, Some(name)),
            F::Stor(name) => Self::act(Act::Store, Some(name)),
            // Its name is only where the server begins to look for a free one.
            F::Stou(Some(name)) => Self::act(Act::Store, Some(name)),
            F::Stou(None) => Self::Acts(vec![Act::Store], VirtualPath::root().join(b"new")),
            F::Appe(name) => Self::act(Act::Append, Some(name)),
            F::Dele(name) => Self::act(Act::Remove, Some(name)),
            F::Rmd(name) => Self::act(Act::RemoveFolder, Some(name)),
            F::Mkd(name) => Self::act(Act::MakeFolder, Some(name)),
            F::Rnfr(name) => Self::act(Act::RenameFrom, Some(name)),
            F::Rnto(name) => Self::act(Act::RenameTo, Some(name)),
            F::Port(_) => Self::Dial,
            F::Pwd
            | F::Rest(_)
            | F::Allo(_)
            | F::SiteHelp
            | F::Type(_)
            | F::Structure
            | F::Pasv
            | F::Epsv(_)
            | F::Abor
            | F::Rang(_) => Self::Nothing,
        }
    }

    fn act(act: Act, name: Option<&Name>) -> Self {
        Self::Acts(vec![act], path(name))
    }
}

fn changes(change: &FactChange) -> impl Iterator<Item = Act> {
    let mode = change.mode.map(|_| Act::SetMode);
    mode.into_iter().chain(change.modify.map(|_| Act::SetTime))
}

/// The path of a name for a client that has just logged in.
fn path(name: Option<&Name>) -> VirtualPath {
    let root = VirtualPath::root();
    name.map_or_else(|| root.clone(), |name| root.join(name.as_bytes()))
}

fn unknown(verb: &str) -> String {
    let upper = verb.to_uppercase();
    let scored = VERBS.iter().map(|known| (strsim::jaro_winkler(&upper, known.name), known.name));
    let close = scored.filter(|(score, _)| *score >= SIMILAR).max_by(|(one, _), (other, _)| one.total_cmp(other));
    let verb = verb.escape_debug();
    match close {
        Some((_, close)) => format!("{verb} is no command; did you mean {close}?"),
        None => {
            let all: Vec<&str> = VERBS.iter().map(|known| known.name).collect();
            format!("{verb} is no command; there is {}", all.join(" "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_read_as_a_client_sends_it() {
        let cases: [(&str, &[Act], &str); 9] = [
            ("STOR /inbox/x.mp4", &[Act::Store], "/inbox/x.mp4"),
            ("stor x y", &[Act::Store], "/x y"),
            ("RETR a/../b", &[Act::Read], "/b"),
            ("LIST -la /pub", &[Act::List], "/pub"),
            ("MLSD", &[Act::List], "/"),
            ("SITE CHMOD 644 x", &[Act::SetMode], "/x"),
            ("MFF modify=20260101000000;UNIX.mode=0644; x", &[Act::SetMode, Act::SetTime], "/x"),
            ("SIZE x", &[Act::List], "/x"),
            ("CDUP", &[Act::Enter], "/"),
        ];
        for (line, acts, at) in cases {
            let expected = Intent::Acts(acts.to_vec(), VirtualPath::root().join(at.as_bytes()));
            assert_eq!(Intent::parse(line), Ok(expected), "{line}");
        }
        for line in ["NOOP", "PASV", "QUIT", "TYPE I"] {
            assert_eq!(Intent::parse(line), Ok(Intent::Nothing), "{line}");
        }
        assert_eq!(Intent::parse("PORT 127,0,0,1,200,1"), Ok(Intent::Dial));
    }

    #[test]
    fn what_is_no_command_is_told_with_what_there_is() {
        for (line, words) in [
            ("STORE /x", "did you mean STOR?"),
            ("FOO /x", "there is ABOR ACCT "),
            ("ADAT x", "does not have"),
            ("RETR", "RETR <name>"),
        ] {
            let told = Intent::parse(line).err().unwrap_or_default();
            assert!(told.contains(words), "{line}: {told}");
        }
    }
}
