//! The facts of MLST and MLSD (RFC 3659): what an entry is, and what this account may do with it.

use crate::auth::perm::Perm;
use crate::fs::listing::{self, Entry};
use crate::protocol::path::VirtualPath;
use crate::session::login::Login;
use crate::session::refusal::Refusal;
use crate::share::tree::overlay::EntryLetters;
use crate::sys::identity::Rights;
use crate::sys::meta::FileKind;

impl Login {
    /// The MLST line of a path, without line end.
    ///
    /// # Errors
    /// 550 if it is not there.
    pub(super) fn facts_of(&self, path: &VirtualPath) -> Result<Vec<u8>, Box<Refusal>> {
        let meta = self.share.followed(path, self.share.link_meta(path)?);
        let parent = self.share.meta_around(path);
        let parent_writable = parent.is_some_and(|parent| self.share.identity().rights(&parent).write);
        let kind = type_fact(meta.kind);
        let mut line = Vec::new();
        let may = (self.share.letters_of(path), parent_writable);
        self.write_facts(Entry { name: path.as_bytes(), meta: &meta, target: None }, kind, may, &mut line);
        Ok(line)
    }

    /// `may`: the letters, and whether the file system lets this process change the folder of the entry.
    pub(super) fn write_facts(&self, entry: Entry, kind: &str, may: (EntryLetters, bool), out: &mut Vec<u8>) {
        let rights = self.share.identity().rights(entry.meta);
        let perm = perm_fact(may.0, entry.meta.kind, rights, may.1);
        let entry = Entry { name: &self.listed(entry.name), ..entry };
        listing::facts(entry, kind, &perm, self.agreed.preferences.facts, out);
    }
}

/// RFC 3659 §7.5.1. A link that leads to something inside is shown as that; one that leads nowhere or out is shown as a link,
/// without its target.
pub(super) fn type_fact(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Folder => "dir",
        FileKind::File => "file",
        FileKind::Link => "OS.unix=slink",
        FileKind::Other => "OS.unix=special",
    }
}

/// What may be done with an entry (RFC 3659 §7.5.5): both the account's letters and the file system must allow it.
fn perm_fact(letters: EntryLetters, kind: FileKind, rights: Rights, parent_writable: bool) -> Vec<u8> {
    let EntryLetters { perms, around, is_fixed } = letters;
    let both = |letter, perm, allowed: bool| (allowed && perms.has(perm)).then_some(letter);
    let loose = |letter, perm| (parent_writable && !is_fixed && around.has(perm)).then_some(letter);
    let Rights { read, write, enter } = rights;
    let (delete, rename) = (loose(b'd', Perm::Delete), loose(b'f', Perm::Rename));
    let facts = match kind {
        FileKind::Folder => [
            both(b'c', Perm::Write, write),
            delete,
            both(b'e', Perm::Enter, enter),
            rename,
            both(b'l', Perm::List, read),
            both(b'm', Perm::MakeDir, write),
            both(b'p', Perm::Delete, write),
        ],
        // Nothing can be done with it but to remove or rename it.
        FileKind::Link => [delete, rename, None, None, None, None, None],
        FileKind::File | FileKind::Other => [
            both(b'a', Perm::Append, write),
            delete,
            rename,
            both(b'r', Perm::Read, read),
            both(b'w', Perm::Write, write),
            None,
            None,
        ],
    };
    facts.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::perm::Perms;

    #[test]
    fn the_perm_fact_needs_letter_and_file_system() {
        let all: Perms = "elradfmwMT".parse().expect("letters");
        let reader: Perms = "elr".parse().expect("letters");
        let full = Rights { read: true, write: true, enter: true };
        let readonly = Rights { write: false, ..full };
        let cases = [
            (all, FileKind::File, full, true, "adfrw"),
            (all, FileKind::File, full, false, "arw"),
            (all, FileKind::File, readonly, true, "dfr"),
            (reader, FileKind::File, full, true, "r"),
            (all, FileKind::Folder, full, true, "cdeflmp"),
            (all, FileKind::Folder, readonly, false, "el"),
            (reader, FileKind::Folder, full, true, "el"),
            (all, FileKind::Link, full, true, "df"),
            (reader, FileKind::Link, full, true, ""),
        ];
        for (perms, kind, rights, parent, expected) in cases {
            let letters = EntryLetters { perms, around: perms, is_fixed: false };
            assert_eq!(perm_fact(letters, kind, rights, parent), expected.as_bytes(), "{perms} {kind:?} {rights:?}");
        }
        let mount = EntryLetters { perms: all, around: all, is_fixed: true };
        assert_eq!(perm_fact(mount, FileKind::Folder, full, true), b"celmp");
        let link_to_ruled = EntryLetters { perms: reader, around: all, is_fixed: false };
        assert_eq!(perm_fact(link_to_ruled, FileKind::File, full, true), b"dfr");
    }
}
