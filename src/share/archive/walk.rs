//! All that a folder holds, as far as an account may list and read it, in depth, one folder open at a time.

use std::io::{self, ErrorKind};
use std::mem;

use crate::auth::perm::Perm;
use crate::fs::folder::{Folder, Order};
use crate::protocol::command::Sorting;
use crate::protocol::path::VirtualPath;
use crate::share::Share;
use crate::share::denied::Denied;
use crate::share::tree::overlay::Letters;
use crate::sys::meta::{FileId, FileKind, Meta};

/// A walk through a folder and those in it; no link is followed.
pub(super) struct Walk<'s> {
    share: &'s Share,
    reading: Option<OpenFolder>,
    /// Folders that were seen and not read yet, the next one last.
    ahead: Vec<Sight>,
    left_out: u64,
    /// The path of what is left out, in any case of its letters.
    without: &'static [u8],
}

/// A file or folder.
pub(super) struct Sight {
    pub path: VirtualPath,
    /// The path from where the walk began, in UTF-8.
    pub name: String,
    pub meta: Meta,
}

/// A folder that is being read.
struct OpenFolder {
    folder: Folder,
    letters: Letters,
    path: VirtualPath,
    /// What the names of its entries begin with: its own and a slash.
    prefix: String,
    /// The folders in it.
    below: Vec<Sight>,
}

impl<'s> Walk<'s> {
    /// A walk that begins in this folder.
    pub(super) fn begin(share: &'s Share, folder: &VirtualPath, without: &'static [u8]) -> Result<Self, Denied> {
        let reading = Some(OpenFolder::open(share, folder.clone(), String::new())?);
        Ok(Self { share, reading, ahead: Vec::new(), left_out: 0, without })
    }

    /// The next file or folder; a folder comes before what it holds.
    pub(super) fn next(&mut self) -> io::Result<Option<Sight>> {
        loop {
            if let Some(reading) = &mut self.reading {
                if let Some(sight) = reading.next(self.share, self.without)? {
                    return Ok(Some(sight));
                }
                self.ahead.extend(mem::take(&mut reading.below).into_iter().rev());
                self.reading = None;
            }
            let Some(sight) = self.ahead.pop() else { return Ok(None) };
            match OpenFolder::open(self.share, sight.path, sight.name + "/") {
                Ok(opened) if opened.is(sight.meta.id) => self.reading = Some(opened),
                // A link by now, or another folder, or closed.
                Ok(_) | Err(_) => self.left_out += 1,
            }
        }
    }

    /// How many folders were seen and could not be read.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}

impl OpenFolder {
    fn open(share: &Share, path: VirtualPath, prefix: String) -> Result<Self, Denied> {
        let folder = share.list(&path, Order::Sorted(Sorting::default()), None)?;
        let letters = share.letters_in(&path);
        Ok(Self { folder, letters, path, prefix, below: Vec::new() })
    }

    /// Whether it is the folder that was seen.
    fn is(&self, seen: FileId) -> bool {
        self.folder.own_meta().map_or(seen == FileId::NOWHERE, |own| own.is_ok_and(|own| own.id == seen))
    }

    fn next(&mut self, share: &Share, without: &[u8]) -> io::Result<Option<Sight>> {
        while self.folder.advance()? {
            let name = self.folder.name();
            let meta = match self.folder.meta() {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                meta => meta?,
            };
            let needed = match meta.kind {
                FileKind::File => Perm::Read,
                FileKind::Folder => Perm::List,
                FileKind::Link | FileKind::Other => continue,
            };
            // To Windows a backslash is a slash, so that such a name could lead out of the folder where it is unpacked.
            if name.contains(&b'\\') || !self.letters.of(name, &meta).perms.has(needed) {
                continue;
            }
            let path = self.path.join(name);
            if path.as_bytes().eq_ignore_ascii_case(without) {
                continue;
            }
            let Some(told) = self.told(share, name) else { continue };
            let sight = Sight { path, name: format!("{}{told}", self.prefix), meta };
            if meta.kind == FileKind::Folder {
                self.below.push(Sight { path: sight.path.clone(), name: sight.name.clone(), meta });
            }
            return Ok(Some(sight));
        }
        Ok(None)
    }

    /// The name in UTF-8; `None` if it is another entry's.
    fn told(&self, share: &Share, name: &[u8]) -> Option<String> {
        match str::from_utf8(name) {
            Ok(text) if !is_drive(name) => Some(text.to_owned()),
            _ => {
                let told = escaped(name);
                let is_free = share.has(&self.path.join(told.as_bytes())).is_ok_and(|has| !has);
                is_free.then_some(told)
            }
        }
    }
}

/// Whether it begins like the path of a drive.
fn is_drive(name: &[u8]) -> bool {
    matches!(name, [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// A name with `%` and two digits for each byte that would make it no UTF-8, or a drive; no two names become the same.
fn escaped(name: &[u8]) -> String {
    let mut told = String::new();
    for (index, chunk) in name.utf8_chunks().enumerate() {
        for (at, letter) in chunk.valid().char_indices() {
            match letter {
                '%' => told.push_str("%25"),
                ':' if index == 0 && at == 1 => told.push_str("%3A"),
                letter => told.push(letter),
            }
        }
        chunk.invalid().iter().for_each(|byte| told.push_str(&format!("%{byte:02X}")));
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_escaped_names_are_the_same() {
        let cases: &[(&[u8], &str)] = &[
            (b"caf\xe9.txt", "caf%E9.txt"),
            (b"\xe9%E8", "%E9%25E8"),
            (b"\xe9\xe8", "%E9%E8"),
            (b"C:evil", "C%3Aevil"),
            ("é:\u{ff}".as_bytes(), "é:ÿ"),
        ];
        for (name, told) in cases {
            assert_eq!(escaped(name), *told, "{}", name.escape_ascii());
        }
    }
}
