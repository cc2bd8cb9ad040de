//! The permission letters of an account, such as `perm = elradfmwMT` in user.ini.
//!
//! Each act of `share` asks for the [`Perm`] it needs; an account holds a set of them, [`Perms`].

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::ini::{Mistake, Value};
use crate::sys::jail::Right;

/// One thing that an account may be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Perm {
    /// `e`: change the working directory.
    Enter,
    /// `l`: see names, sizes and times.
    List,
    /// `r`: download.
    Read,
    /// `a`: add to the end of an existing file.
    Append,
    /// `d`: delete files and folders.
    Delete,
    /// `f`: rename files and folders.
    Rename,
    /// `m`: make folders.
    MakeDir,
    /// `w`: store files.
    Write,
    /// `M`: change modes.
    Mode,
    /// `T`: change times.
    Time,
}

/// Every letter, what it allows, the words for a refusal, and whether it changes anything.
#[rustfmt::skip]
const LETTERS: [(char, Perm, &str, bool); 10] = [
    ('e', Perm::Enter,   "enter folders",       false),
    ('l', Perm::List,    "list",                false),
    ('r', Perm::Read,    "read files",          false),
    ('a', Perm::Append,  "append to files",     true),
    ('d', Perm::Delete,  "delete",              true),
    ('f', Perm::Rename,  "rename",              true),
    ('m', Perm::MakeDir, "make folders",        true),
    ('w', Perm::Write,   "write files",         true),
    ('M', Perm::Mode,    "change permissions",  true),
    ('T', Perm::Time,    "change times",        true),
];

impl Perm {
    /// The letter that grants it.
    pub fn letter(self) -> char {
        self.row().0
    }

    /// What it allows, in words that can follow "may not".
    pub fn phrase(self) -> &'static str {
        self.row().2
    }

    /// What its commands need of the file system, besides opening and listing folders.
    pub fn right(self) -> Option<Right> {
        match self {
            Perm::Enter | Perm::List => None,
            Perm::Read | Perm::Mode | Perm::Time => Some(Right::ReadFiles),
            Perm::Append => Some(Right::ChangeFiles),
            Perm::Write => Some(Right::StoreFiles),
            Perm::MakeDir => Some(Right::MakeFolders),
            Perm::Delete => Some(Right::Remove),
            Perm::Rename => Some(Right::Move),
        }
    }

    fn row(self) -> &'static (char, Perm, &'static str, bool) {
        let row = LETTERS.iter().find(|(_, perm, ..)| *perm == self);
        row.expect("every permission has a row")
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// The set of permissions of one account; prints as its letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Perms(u16);

impl Perms {
    /// Whether `perm` is granted.
    pub fn has(self, perm: Perm) -> bool {
        self.0 & perm.bit() != 0
    }

    /// What the commands of the granted letters need of the file system.
    pub fn rights(self) -> impl Iterator<Item = Right> {
        self.granted().filter_map(Perm::right)
    }

    /// Each permission that is granted.
    pub fn granted(self) -> impl Iterator<Item = Perm> {
        LETTERS.iter().map(|(_, perm, ..)| *perm).filter(move |perm| self.has(*perm))
    }

    /// Those among them of which this is true.
    #[must_use]
    pub fn filter(self, is_wanted: impl Fn(Perm) -> bool) -> Self {
        let wanted = self.granted().filter(|perm| is_wanted(*perm));
        Self(wanted.fold(0, |bits, perm| bits | perm.bit()))
    }

    /// These and those.
    #[must_use]
    pub fn with(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    /// Whether any letter is granted that changes something on the disk.
    pub fn can_write_anything(self) -> bool {
        self.granted().any(|perm| perm.row().3)
    }
}

impl FromStr for Perms {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Perms, Mistake> {
        text.char_indices().try_fold(Perms::default(), |perms, (at, letter)| {
            let Some((_, perm, ..)) = LETTERS.iter().find(|(known, ..)| *known == letter) else {
                let known = LETTERS.map(|(known, ..)| known.to_string()).join(" ");
                let reason = format!("unknown letter '{letter}' (known: {known})");
                return Err(Mistake::new(reason).at(at..at + letter.len_utf8()));
            };
            Ok(Perms(perms.0 | perm.bit()))
        })
    }
}

impl Value for Perms {
    fn parse(text: &str, _: &Path) -> Result<Perms, Mistake> {
        text.parse()
    }
}

impl fmt::Display for Perms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut text, mut length) = ([0; LETTERS.len()], 0);
        for perm in self.granted() {
            // All letters are ASCII.
            text[length] = u8::try_from(perm.letter()).unwrap_or_default();
            length += 1;
        }
        f.pad(str::from_utf8(&text[..length]).unwrap_or_default())
    }
}

impl fmt::Debug for Perms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Perms({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_means_one_permission_and_prints_itself() {
        let all: Perms = "elradfmwMT".parse().unwrap();
        assert_eq!(all.to_string(), "elradfmwMT");
        for (letter, perm, ..) in LETTERS {
            let one: Perms = letter.to_string().parse().unwrap();
            let granted: Vec<Perm> =
                LETTERS.map(|(_, perm, ..)| perm).into_iter().filter(|perm| one.has(*perm)).collect();
            assert_eq!((granted, perm.letter(), one.to_string()), (vec![perm], letter, letter.to_string()));
            assert!(all.has(perm) && !perm.phrase().is_empty());
        }
    }

    #[test]
    fn letters_may_come_in_any_order_and_more_than_once() {
        for (text, printed) in [("rle", "elr"), ("TTww", "wT"), ("m", "m"), ("M", "M")] {
            assert_eq!(text.parse::<Perms>().unwrap().to_string(), printed);
        }
    }

    #[test]
    fn an_unknown_letter_is_named_with_those_that_exist() {
        for (text, letter) in [("elrx", 'x'), ("E", 'E'), ("e l", ' '), ("eé", 'é')] {
            let reason = format!("unknown letter '{letter}' (known: e l r a d f m w M T)");
            let mistake = text.parse::<Perms>().unwrap_err();
            assert_eq!((mistake.reason, &text[mistake.part.unwrap()]), (reason, &*letter.to_string()));
        }
    }

    #[test]
    fn only_letters_that_change_the_disk_count_as_writing() {
        let cases =
            [("elr", false), ("a", true), ("d", true), ("f", true), ("m", true), ("w", true), ("M", true), ("T", true)];
        for (text, writes) in cases {
            assert_eq!(text.parse::<Perms>().unwrap().can_write_anything(), writes, "{text}");
        }
    }

    #[test]
    fn a_jail_grants_what_the_letters_need() {
        use Right::{ChangeFiles, MakeFolders, Move, ReadFiles, Remove, StoreFiles};
        let cases: [(&str, &[Right]); 6] = [
            ("el", &[]),
            ("elr", &[ReadFiles]),
            ("M", &[ReadFiles]),
            ("T", &[ReadFiles]),
            ("adm", &[ChangeFiles, Remove, MakeFolders]),
            ("fw", &[Move, StoreFiles]),
        ];
        for (letters, rights) in cases {
            assert_eq!(letters.parse::<Perms>().unwrap().rights().collect::<Vec<_>>(), rights, "{letters}");
        }
    }
}
